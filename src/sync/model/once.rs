//! A cell that threads set once. A look may find it empty although it has been set: only an
//! edge from elsewhere rules that out.

use super::{AtomicU32, Ordering, thread};

/// A value that threads set once, like [`std::sync::OnceLock`]. loom does not see the standard
/// library's.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: AtomicU32,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), is_set: AtomicU32::new(0) }
    }

    /// Sets the value, if no other thread has done so.
    ///
    /// # Errors
    ///
    /// The value comes back if another thread was faster. That thread's value is there then.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let set = self.value.set(value);
        if set.is_ok() {
            self.is_set.store(1, Ordering::Release);
        } else {
            while self.is_set.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
        }
        set
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::Acquire) == 0 { None } else { self.value.get() }
    }
}
