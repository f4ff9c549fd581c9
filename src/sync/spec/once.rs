//! A value that threads set once, with the edge from its setting to a look that finds it.

use super::Ordering;
use super::edge::Edge;
use std::panic::Location;

/// A value that threads set once, like [`std::sync::OnceLock`]. loom changes no threads inside a
/// call of it, so no thread waits for another one there.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    edge: Edge,
}

impl<T> OnceLock<T> {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let edge = Edge::of_word(Location::caller());
        Self { value: std::sync::OnceLock::new(), edge }
    }

    /// Sets the value, if no other thread has done so.
    ///
    /// # Errors
    ///
    /// The value comes back if another thread was faster.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.edge.order(Ordering::Release);
        Ok(())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let value = self.value.get()?;
        self.edge.order(Ordering::Acquire);
        Some(value)
    }
}
