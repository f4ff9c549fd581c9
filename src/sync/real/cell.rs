//! `UnsafeCell` with the closure-taking access that a model can watch.

/// A cell whose accesses are bracketed: `with` reads, `with_mut` writes.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    #[inline]
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Hands a pointer for reading to `f`. Dereferencing it is the caller's proof to give.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Hands a pointer for writing to `f`. Dereferencing it is the caller's proof to give.
    #[inline]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}
