//! Atomics whose every use is a line of the counter-example, with its values.

use super::named;
use crate::sync::recorded_atomic as inner;
use crate::sync::trace;
use std::fmt;
use std::panic::Location;

pub use std::sync::atomic::Ordering;

/// Orders memory like [`std::sync::atomic::fence`].
///
/// shuttle explores no orderings, so there it does nothing.
///
/// # Cost
///
/// The call is one step of the model under loom, and none under shuttle.
///
/// ```
/// use millpond::model::{self, sync::atomic::{Ordering, fence}};
///
/// model::check(|| {
///     let other = model::thread::spawn(|| fence(Ordering::SeqCst));
///     fence(Ordering::SeqCst);
///     other.join().unwrap();
/// });
/// ```
#[track_caller]
pub fn fence(order: Ordering) {
    trace::does(Location::caller(), || format!("fence({order:?})"));
    inner::fence(order);
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        /// The standard library's type of this name, for the shared state of a model.
        pub struct $name {
            inner: inner::$name,
            name: Option<&'static str>,
        }

        impl $name {
            /// Makes an atomic. This is no step, and not `const`: make it inside the model.
            #[must_use]
            pub fn new(value: $value) -> Self {
                Self { inner: inner::$name::new(value), name: None }
            }

            /// Gives the atomic a name in the counter-example.
            #[must_use]
            pub fn named(mut self, name: &'static str) -> Self {
                self.name = Some(name);
                self
            }

            fn note(&self, at: &'static Location<'static>, operation: fmt::Arguments<'_>) {
                trace::does(at, || named(self.name, operation));
            }

            /// Loads the value, in one step.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                let value = self.inner.load(order);
                self.note(Location::caller(), format_args!("load → {value}"));
                value
            }

            /// Stores `value`, in one step.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.inner.store(value, order);
                self.note(Location::caller(), format_args!("store({value})"));
            }

            /// Stores `value` and returns the one before, in one step.
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                let old = self.inner.swap(value, order);
                self.note(Location::caller(), format_args!("swap({value}) → {old}"));
                old
            }

            /// Stores `new` if the value is `current`, in one step.
            ///
            /// # Errors
            ///
            /// The caller gets the value that was there instead.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let result = self.inner.compare_exchange(current, new, success, failure);
                self.exchanged(Location::caller(), current, new, result)
            }

            /// Stores `new` if the value is `current`, in one step. Under shuttle it fails for no
            /// reason now and then. Under loom it never does.
            ///
            /// # Errors
            ///
            /// The caller gets the value that was there.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let result = self.inner.compare_exchange_weak(current, new, success, failure);
                self.exchanged(Location::caller(), current, new, result)
            }

            fn exchanged(
                &self,
                at: &'static Location<'static>,
                current: $value,
                new: $value,
                result: Result<$value, $value>,
            ) -> Result<$value, $value> {
                let end = if result.is_ok() { "Ok" } else { "Err" };
                let (Ok(old) | Err(old)) = result;
                let what = format_args!("compare_exchange({current}, {new}) → {end}({old})");
                self.note(at, what);
                result
            }

            /// Updates the value by a load and exchanges, until one succeeds or `update` gives up.
            ///
            /// # Errors
            ///
            /// The caller gets the value for which `update` has returned `None`.
            #[track_caller]
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut old = self.load(fetch);
                while let Some(new) = update(old) {
                    match self.compare_exchange_weak(old, new, set, fetch) {
                        Ok(old) => return Ok(old),
                        Err(newer) => old = newer,
                    }
                }
                Err(old)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(<$value>::default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
}

macro_rules! operations {
    ($name:ident, $value:ty: $($operation:ident $does:literal),*) => {
        impl $name {$(
            #[doc = $does]
            #[track_caller]
            pub fn $operation(&self, value: $value, order: Ordering) -> $value {
                let old = self.inner.$operation(value, order);
                let operation = stringify!($operation);
                self.note(Location::caller(), format_args!("{operation}({value}) → {old}"));
                old
            }
        )*}
    };
}

macro_rules! number {
    ($name:ident, $value:ty) => {
        atomic!($name, $value);
        operations!($name, $value:
            fetch_add "Adds `value`, in one step, and returns the value before.",
            fetch_sub "Subtracts `value`, in one step, and returns the value before.",
            fetch_or "Sets the bits of `value`, in one step, and returns the value before.",
            fetch_and "Keeps the bits of `value`, in one step, and returns the value before."
        );
    };
}

number!(AtomicI32, i32);
number!(AtomicI64, i64);
number!(AtomicIsize, isize);
number!(AtomicU8, u8);
number!(AtomicU32, u32);
number!(AtomicU64, u64);
number!(AtomicUsize, usize);
atomic!(AtomicBool, bool);
operations!(AtomicBool, bool:
    fetch_or "Sets the value if `value` is set, in one step, and returns the value before.",
    fetch_and "Clears the value if `value` is clear, in one step, and returns the value before."
);
