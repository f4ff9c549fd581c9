//! The work of a task of a scope, for which the scope's frame waits.

use super::block::Pending;
use crate::block::{Outcome, TaskError, Work};
use crate::numbers::Name;

/// Work that counts as pending until the thread that runs it has let go of its outcome.
pub(crate) struct Scoped<W> {
    pub(crate) work: W,
    pub(crate) pending: Pending,
}

impl<W: Work<After = ()>> Work for Scoped<W> {
    type Value = W::Value;
    type Error = W::Error;
    type After = Pending;
    type Due = W::Due;
    const TOLD: bool = W::TOLD;
    const NAME: &'static Name = W::NAME;

    fn due(&self) -> W::Due {
        self.work.due()
    }

    fn run(self) -> (Outcome<W::Value, W::Error>, Pending) {
        (self.work.run().0, self.pending)
    }

    fn refuse(self, why: TaskError<W::Error>) -> (Outcome<W::Value, W::Error>, Pending) {
        (self.work.refuse(why).0, self.pending)
    }
}
