//! A cell that loom watches.

use super::named;
#[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
use crate::sync::failure::failed;
use crate::sync::trace;
use std::fmt;
use std::panic::Location;

/// A cell for the shared state of a model. Under loom two uses without an order between them
/// fail the model, unless both only read. shuttle does not watch it.
///
/// ```
/// use millpond::model::{self, sync::cell::UnsafeCell};
///
/// model::Model::new().max_executions(10).explore(|| {
///     let cell = UnsafeCell::new(7).named("cell");
///     // SAFETY: no other thread has the cell.
///     assert_eq!(cell.with(|value| unsafe { *value }), 7);
/// });
/// ```
pub struct UnsafeCell<T> {
    value: std::cell::UnsafeCell<T>,
    /// What loom watches. It has no content.
    #[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
    watched: loom::cell::UnsafeCell<()>,
    name: Option<&'static str>,
}

impl<T> UnsafeCell<T> {
    /// Makes a cell.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            value: std::cell::UnsafeCell::new(value),
            #[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
            watched: loom::cell::UnsafeCell::new(()),
            name: None,
        }
    }

    /// Gives the cell a name in the counter-example.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    fn note(&self, at: &'static Location<'static>, operation: &str) {
        // Before the use, which may be the failure.
        trace::does(at, || named(self.name, operation));
    }

    /// Calls `read` with the place of the value, from which it may read.
    #[track_caller]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        self.note(Location::caller(), "with");
        #[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
        if !failed() {
            return self.watched.with(|_| read(self.value.get()));
        }
        read(self.value.get())
    }

    /// Calls `write` with the place of the value, from which it may read and to which it may
    /// write.
    #[track_caller]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        self.note(Location::caller(), "with_mut");
        #[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
        if !failed() {
            return self.watched.with_mut(|_| write(self.value.get()));
        }
        write(self.value.get())
    }
}

impl<T> fmt::Debug for UnsafeCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsafeCell").finish_non_exhaustive()
    }
}
