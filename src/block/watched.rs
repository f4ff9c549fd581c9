//! Work of a pool that counts.

use super::error::TaskError;
use super::work::{Outcome, Work, end_of, end_of_error};
use crate::numbers::{Name, Slip};

/// Work that was counted when it was submitted. A pool that counts makes all its work of this type,
/// and no other pool does: so a task pays for the books only where they are kept.
///
/// `P` is the permit of a pool with a limit, as in [`Placed`](super::Placed).
pub(crate) struct Watched<W, P> {
    pub(crate) work: W,
    pub(crate) permit: Option<P>,
    pub(crate) slip: Slip,
}

impl<W: Work, P> Work for Watched<W, P> {
    type Value = W::Value;
    type Error = W::Error;
    type After = W::After;
    type Due = W::Due;
    const TOLD: bool = W::TOLD;
    const NAME: &'static Name = W::NAME;

    fn due(&self) -> W::Due {
        self.work.due()
    }

    fn run(self) -> (Outcome<W::Value, W::Error>, W::After) {
        let Self { work, permit, slip } = self;
        drop(permit);
        slip.run(W::NAME, || work.run(), |(outcome, _)| end_of(outcome))
    }

    fn refuse(self, why: TaskError<W::Error>) -> (Outcome<W::Value, W::Error>, W::After) {
        let Self { work, permit, slip } = self;
        drop(permit);
        let end = end_of_error(&why);
        slip.resolve(|| work.refuse(why), end)
    }
}
