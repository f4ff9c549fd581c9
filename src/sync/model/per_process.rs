//! Values of which each process has its own. A model does not fork.

/// A value of the process.
pub(crate) struct PerProcess<T: 'static>(T);

impl<T: Default + Sync> PerProcess<T> {
    pub(crate) const fn new(first: T) -> Self {
        Self(first)
    }

    pub(crate) fn get(&'static self) -> &'static T {
        &self.0
    }
}
