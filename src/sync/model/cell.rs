//! `UnsafeCell`, watched: a read and a write without an order between them is a failure of the model.

use super::execution::dead;

/// A cell whose accesses are bracketed: `with` reads, `with_mut` writes.
///
/// The data lies beside loom's watch, not in it: a destructor that runs after the execution has failed still reaches
/// its data, and no longer asks loom.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T> {
    /// What is made after the failure has none.
    watch: Option<loom::cell::UnsafeCell<()>>,
    data: std::cell::UnsafeCell<T>,
}

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            watch: (!dead()).then(|| loom::cell::UnsafeCell::new(())),
            data: std::cell::UnsafeCell::new(value),
        }
    }

    /// Hands a pointer for reading to `f`. Dereferencing it is the caller's proof to give.
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        match &self.watch {
            Some(watch) if !dead() => watch.with(|_| f(self.data.get())),
            _ => f(self.data.get()),
        }
    }

    /// Hands a pointer for writing to `f`. Dereferencing it is the caller's proof to give.
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        match &self.watch {
            Some(watch) if !dead() => watch.with_mut(|_| f(self.data.get())),
            _ => f(self.data.get()),
        }
    }
}
