//! The standard library's atomics. Each operation is one step.

use super::Step;
use super::point::{one_in, preempt};
use std::sync::atomic::{self, Ordering};

pub(crate) type AtomicPtr<T> = Step<atomic::AtomicPtr<T>>;
pub(crate) type AtomicU32 = Step<atomic::AtomicU32>;
pub(crate) type AtomicU64 = Step<atomic::AtomicU64>;
pub(crate) type AtomicUsize = Step<atomic::AtomicUsize>;

// For users' models alone.
pub(crate) type AtomicBool = Step<atomic::AtomicBool>;
pub(crate) type AtomicI32 = Step<atomic::AtomicI32>;
pub(crate) type AtomicI64 = Step<atomic::AtomicI64>;
pub(crate) type AtomicIsize = Step<atomic::AtomicIsize>;
pub(crate) type AtomicU8 = Step<atomic::AtomicU8>;

// shuttle's executions are sequentially consistent, so a fence changes nothing and is no step.
pub(crate) use std::sync::atomic::fence;

/// One in so many weak exchanges that could succeed fails. On x86-64 such an exchange never
/// fails; elsewhere it may.
const WEAK_FAILURE: usize = 16;

macro_rules! atomic {
    ($atomic:ty, $value:ty $(, $param:ident)?) => {
        impl$(<$param>)? Step<$atomic> {
            pub(crate) const fn new(value: $value) -> Self {
                Self::new_step(<$atomic>::new(value))
            }

            /// Exchanges like the standard library's, and fails for no reason now and then.
            ///
            /// # Errors
            ///
            /// The caller gets the value that was there.
            #[allow(dead_code, reason = "not every width is exchanged so")]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                preempt();
                if one_in(WEAK_FAILURE) {
                    return Err(self.in_this_step().load(failure));
                }
                self.in_this_step().compare_exchange(current, new, success, failure)
            }
        }
    };
}

atomic!(atomic::AtomicPtr<T>, *mut T, T);
atomic!(atomic::AtomicU32, u32);
atomic!(atomic::AtomicU64, u64);
atomic!(atomic::AtomicUsize, usize);
atomic!(atomic::AtomicBool, bool);
atomic!(atomic::AtomicI32, i32);
atomic!(atomic::AtomicI64, i64);
atomic!(atomic::AtomicIsize, isize);
atomic!(atomic::AtomicU8, u8);
