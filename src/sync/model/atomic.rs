//! Atomics: loom's, with a cure for its reduction, and a shadow for the time after a failure.

use super::failure::{Mode, Quiet, mode, operate};
use loom::sync::atomic as loom_atomic;
use std::sync::atomic as std_atomic;

pub(crate) use std::sync::atomic::Ordering;

/// Orders memory like [`std::sync::atomic::fence`], until the execution has failed.
pub(crate) fn fence(order: Ordering) {
    if mode() != Mode::Dead {
        loom_atomic::fence(order);
    }
}

/// A mark that makes the steps that touch it depend on each other, and does nothing else.
///
/// loom explores both orders of two steps only if it takes them to depend on each other. Of
/// each atomic it remembers only the last access, so one thread's load hides another thread's
/// earlier load from a later store. A compare-exchange that always fails counts as a
/// read-modify-write, so it depends on every other touch. It stores nothing, so no thread can
/// read from it. No happens-before edge comes of it, whatever fences stand around it. (An
/// addition of zero does store. A release fence before one addition synchronises with an
/// acquire fence after another.)
#[derive(Debug)]
pub(super) struct Depend(Option<loom_atomic::AtomicBool>);

impl Depend {
    pub(super) fn new() -> Self {
        Self((mode() != Mode::Dead).then(|| loom_atomic::AtomicBool::new(false)))
    }

    pub(super) fn touch(&self) {
        if let (Some(mark), true) = (&self.0, mode() != Mode::Dead) {
            let missed =
                operate(|| mark.compare_exchange(true, true, Ordering::Relaxed, Ordering::Relaxed));
            debug_assert!(missed.is_err(), "nobody ever stores true");
        }
    }
}

/// Makes the caller's step depend on every other step that touches the same `depend`.
pub(super) fn touch_quietly(depend: &Depend) {
    let _quiet = Quiet::begin();
    depend.touch();
}

/// The three parts of every atomic of the model.
///
/// - `inner` is loom's atomic. It holds the true value while the execution lives. An atomic
///   that is made after the failure has none.
/// - Every load touches `loads`. Stores and read-modify-writes depend on each other without
///   it.
/// - `shadow` holds the value stored last. Threads read it only after the execution has
///   failed: destructors must find plausible values without entering loom.
macro_rules! atomic {
    ($name:ident $(<$p:ident>)?, $value:ty) => {
        /// An atomic like the standard library's type of this name.
        pub(crate) struct $name $(<$p>)? {
            inner: Option<loom_atomic::$name $(<$p>)?>,
            loads: Depend,
            shadow: std_atomic::$name $(<$p>)?,
        }

        impl $(<$p>)? $name $(<$p>)? {
            pub(crate) fn new(value: $value) -> Self {
                Self {
                    inner: (mode() != Mode::Dead).then(|| loom_atomic::$name::new(value)),
                    loads: Depend::new(),
                    shadow: std_atomic::$name::new(value),
                }
            }

            /// Runs `live` on loom's atomic, or `dead` on the shadow once the execution has failed.
            fn either<R>(
                &self,
                live: impl FnOnce(&loom_atomic::$name $(<$p>)?) -> R,
                dead: impl FnOnce(&std_atomic::$name $(<$p>)?) -> R,
            ) -> R {
                match &self.inner {
                    Some(inner) if mode() != Mode::Dead => operate(|| live(inner)),
                    _ => dead(&self.shadow),
                }
            }

            fn shade(&self, value: $value) {
                self.shadow.store(value, Ordering::Relaxed);
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.either(
                    |a| {
                        let value = a.load(order);
                        // The touch belongs to this step: as a branch of its own it would only
                        // multiply executions.
                        touch_quietly(&self.loads);
                        value
                    },
                    |a| a.load(Ordering::Relaxed),
                )
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.either(|a| a.store(value, order), |_| ());
                self.shade(value);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                let old = self.either(|a| a.swap(value, order), |a| a.load(Ordering::Relaxed));
                self.shade(value);
                old
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let result = self.either(
                    |a| a.compare_exchange(current, new, success, failure),
                    |a| a.compare_exchange(current, new, Ordering::Relaxed, Ordering::Relaxed),
                );
                if result.is_ok() {
                    self.shade(new);
                }
                result
            }

            /// Exchanges, and never fails for no reason. Other tests show what a loop around
            /// it does after such a failure.
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            /// Updates the value by a load and a compare-exchange. loom's own `fetch_update`
            /// begins with a load that no other step depends on.
            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut old = self.load(fetch);
                while let Some(new) = update(old) {
                    match self.compare_exchange(old, new, set, fetch) {
                        Ok(old) => return Ok(old),
                        Err(newer) => old = newer,
                    }
                }
                Err(old)
            }
        }

        impl $(<$p>)? std::fmt::Debug for $name $(<$p>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.shadow.fmt(f)
            }
        }
    };
}

macro_rules! arithmetic {
    ($name:ident, $value:ty) => {
        impl $name {
            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.modify(|a| a.fetch_add(value, order), |old| old.wrapping_add(value))
            }

            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                self.modify(|a| a.fetch_sub(value, order), |old| old.wrapping_sub(value))
            }
        }
    };
}

macro_rules! bits {
    ($name:ident, $value:ty) => {
        impl $name {
            fn modify(
                &self,
                live: impl FnOnce(&loom_atomic::$name) -> $value,
                new: impl FnOnce($value) -> $value,
            ) -> $value {
                let old = self.either(live, |a| a.load(Ordering::Relaxed));
                self.shade(new(old));
                old
            }

            pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                self.modify(|a| a.fetch_or(value, order), |old| old | value)
            }

            pub(crate) fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                self.modify(|a| a.fetch_and(value, order), |old| old & value)
            }
        }
    };
}

atomic!(AtomicPtr<T>, *mut T);
atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);
arithmetic!(AtomicU32, u32);
arithmetic!(AtomicU64, u64);
arithmetic!(AtomicUsize, usize);

// For users' models alone.
atomic!(AtomicBool, bool);
atomic!(AtomicI32, i32);
atomic!(AtomicI64, i64);
atomic!(AtomicIsize, isize);
atomic!(AtomicU8, u8);
arithmetic!(AtomicI32, i32);
arithmetic!(AtomicI64, i64);
arithmetic!(AtomicIsize, isize);
arithmetic!(AtomicU8, u8);
bits!(AtomicBool, bool);
bits!(AtomicI32, i32);
bits!(AtomicI64, i64);
bits!(AtomicIsize, isize);
bits!(AtomicU8, u8);
bits!(AtomicU32, u32);
bits!(AtomicU64, u64);
bits!(AtomicUsize, usize);

impl AtomicU32 {
    /// Reads the newest value, in a step of its own and without any edge, as the kernel looks
    /// at a futex word.
    ///
    /// A load might return an older value. Only a failed compare-exchange reads the newest
    /// value and stores nothing. So this asks for a value that is not the suspected one.
    pub(super) fn newest(&self, suspected: u32) -> u32 {
        let other = !suspected;
        match self.compare_exchange(other, other, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(value) | Err(value) => value,
        }
    }
}
