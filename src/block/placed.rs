//! Work that holds a place in the queue of a pool with a limit.

use super::error::TaskError;
use super::work::{Outcome, Work};
use crate::numbers::Name;

/// Work with its place in the queue. `P` is the permit: its drop frees the place. The place is
/// free before anything else happens to the work: before the function runs, before a refused
/// function is dropped, and before a callback hears of the outcome.
pub(crate) struct Placed<W, P> {
    pub(crate) work: W,
    pub(crate) permit: P,
}

impl<W: Work, P> Work for Placed<W, P> {
    type Value = W::Value;
    type Error = W::Error;
    type After = W::After;
    type Due = W::Due;
    const TOLD: bool = W::TOLD;
    const NAME: &'static Name = W::NAME;

    fn due(&self) -> W::Due {
        self.work.due()
    }

    #[inline]
    fn run(self) -> (Outcome<W::Value, W::Error>, W::After) {
        let Self { work, permit } = self;
        drop(permit);
        work.run()
    }

    fn refuse(self, why: TaskError<W::Error>) -> (Outcome<W::Value, W::Error>, W::After) {
        let Self { work, permit } = self;
        drop(permit);
        work.refuse(why)
    }
}
