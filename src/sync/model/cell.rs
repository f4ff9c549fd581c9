//! `UnsafeCell`, watched: the model fails on a read and a write that no edge orders.

use super::failure::dead;

/// A cell that brackets each access: `with` reads, `with_mut` writes.
///
/// The data lies beside loom's watch, not in it. So a destructor that runs after the execution
/// has failed still reaches its data, and no longer asks loom.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T> {
    /// A cell that is made after the failure has none.
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

    /// Hands `f` a pointer for reading. The caller must prove that it may dereference the
    /// pointer.
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        match &self.watch {
            Some(watch) if !dead() => watch.with(|_| f(self.data.get())),
            _ => f(self.data.get()),
        }
    }

    /// Hands `f` a pointer for writing. The caller must prove that it may dereference the
    /// pointer.
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        match &self.watch {
            Some(watch) if !dead() => watch.with_mut(|_| f(self.data.get())),
            _ => f(self.data.get()),
        }
    }
}
