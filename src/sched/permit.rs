//! What a submission to a pool with a limit does for a place, and the right to the place.

use std::sync::Arc;

use super::space::Space;
use crate::block::Places;

/// Says what a submission from outside does while the pool is full.
///
/// A pool can be full only if it has a [limit](crate::Builder::max_queued).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenFull {
    /// The submitter waits in line for a place. It blocks its thread.
    #[default]
    Wait,
    /// The pool refuses the submission as [`Full`](crate::SubmitErrorKind::Full), and gives the
    /// work back.
    Refuse,
}

/// The limit of a pool, as its builder has it.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) max_queued: usize,
    pub(crate) when_full: WhenFull,
    /// The name of the pool, for the error that says that it is full.
    pub(crate) name: String,
}

/// The right to a place in the queue. Dropping it frees the place.
pub(crate) struct Permit {
    /// None once another owner is to free the place.
    space: Option<Arc<Space>>,
}

impl Permit {
    pub(super) fn new(space: &Arc<Space>) -> Self {
        Self { space: Some(Arc::clone(space)) }
    }

    /// Returns the space that the place belongs to.
    pub(crate) fn places(&self) -> Option<Arc<dyn Places>> {
        self.space.clone().map(|space| space as Arc<dyn Places>)
    }

    /// Gives the place up without freeing it. The caller counts it from here on.
    pub(super) fn hand_over(mut self) {
        self.space = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(space) = &self.space {
            space.free(1);
        }
    }
}
