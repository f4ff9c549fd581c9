//! The standard library's atomics, each with the edge that its orderings make.

use super::edge::{Edge, acquire_last};
use std::panic::Location;
use std::sync::atomic as std_atomic;

pub(crate) use std::sync::atomic::Ordering;

/// Orders the pool's memory. The words are sequentially consistent already. An Acquire fence
/// completes the edge of the read before it. No fence of the pool's begins a promised edge.
pub(crate) fn fence(order: Ordering) {
    if matches!(order, Ordering::Acquire) {
        acquire_last();
    }
}

macro_rules! atomic {
    ($name:ident $(<$p:ident>)?, $value:ty) => {
        /// An atomic like the standard library's type of this name.
        pub(crate) struct $name $(<$p>)? {
            value: std_atomic::$name $(<$p>)?,
            edge: Edge,
        }

        impl $(<$p>)? $name $(<$p>)? {
            #[track_caller]
            pub(crate) fn new(value: $value) -> Self {
                Self {
                    value: std_atomic::$name::new(value),
                    edge: Edge::of_word(Location::caller()),
                }
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.edge.order(order);
                self.value.load(Ordering::Relaxed)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.edge.order(order);
                self.value.store(value, Ordering::Relaxed);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.edge.order(order);
                self.value.swap(value, Ordering::Relaxed)
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let result =
                    self.value.compare_exchange(current, new, Ordering::Relaxed, Ordering::Relaxed);
                self.edge.order(if result.is_ok() { success } else { failure });
                result
            }

            /// Exchanges, and never fails for no reason.
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                // No other thread comes in between: this is one step.
                let before = self.value.load(Ordering::Relaxed);
                let result = update(before).map(|after| {
                    self.value.store(after, Ordering::Relaxed);
                    before
                });
                let result = result.ok_or(before);
                self.edge.order(if result.is_ok() { set } else { fetch });
                result
            }
        }

        impl $(<$p>)? std::fmt::Debug for $name $(<$p>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.value.fmt(f)
            }
        }
    };
}

macro_rules! arithmetic {
    ($name:ident, $value:ty: $($operation:ident)*) => {
        impl $name {$(
            pub(crate) fn $operation(&self, value: $value, order: Ordering) -> $value {
                self.edge.order(order);
                self.value.$operation(value, Ordering::Relaxed)
            }
        )*}
    };
}

atomic!(AtomicPtr<T>, *mut T);
atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);
arithmetic!(AtomicU32, u32: fetch_add fetch_sub fetch_or fetch_and);
arithmetic!(AtomicU64, u64: fetch_add fetch_sub fetch_or fetch_and);
arithmetic!(AtomicUsize, usize: fetch_add fetch_sub fetch_or fetch_and);
