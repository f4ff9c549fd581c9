//! The door of a pool with a limit: who gets a place, and what becomes of the line.

use std::sync::Arc;

use super::Sched;
use super::space::{Permit, Space, WhenFull};
use crate::block::{PoolView, Reason, SubmitErrorKind, Uncounted};

impl Sched {
    /// Says how many entries are queued and alive. The answer may be old.
    ///
    /// In a pool with a limit, the used places stand for the entries from outside.
    pub(crate) fn queued(&self) -> usize {
        let outside =
            self.space.as_ref().map_or_else(|| self.queues.living_outside(), |space| space.used());
        outside + self.queues.living_inside()
    }

    /// Lets a submission from outside in, or says why the pool refuses it. [LIFE-1]
    ///
    /// In a pool with a limit, the submission gets a permit for one place. If no place is
    /// free, `when_full` says whether the caller waits for one. A pool without a limit has no
    /// places, and gives no permit.
    #[inline]
    pub(crate) fn admit(&self, when_full: WhenFull) -> Result<Option<Permit>, SubmitErrorKind> {
        match &self.space {
            None => self.refusal(false).map_or(Ok(None), Err),
            Some(space) => self.enter(space, when_full).map(Some),
        }
    }

    /// As [`admit`](Self::admit), for a pool with a limit.
    fn enter(&self, space: &Arc<Space>, when_full: WhenFull) -> Result<Permit, SubmitErrorKind> {
        let permit = space.try_enter();
        // This thread looks at the stage only after it has looked at the places. The
        // terminator's drain may have freed the place, and no submission may come in by such a
        // place.
        if let Some(kind) = self.refusal(false) {
            return Err(kind);
        }
        match (permit, when_full) {
            (Some(permit), _) => Ok(permit),
            (None, WhenFull::Refuse) => Err(SubmitErrorKind::Full),
            (None, WhenFull::Wait) => space
                .wait(|| self.refusal(false).is_none())
                .ok_or_else(|| self.refusal(false).unwrap_or(SubmitErrorKind::NotRunning)),
        }
    }

    /// Lets a submission from a thread of the pool in, while that thread runs no tasks.
    ///
    /// The thread must not wait. So its submission takes a place even beyond the limit.
    pub(crate) fn admit_member(&self) -> Result<Option<Permit>, SubmitErrorKind> {
        match self.refusal(false) {
            Some(kind) => Err(kind),
            None => Ok(self.space.as_ref().map(Space::enter_beyond)),
        }
    }

    /// Submits entries of a block whose entries hold places. The first entry takes the place
    /// of `permit`, if there is one.
    ///
    /// An entry that finds no place stands in the line, and another thread pushes it when a
    /// place becomes free for it.
    ///
    /// # Errors
    ///
    /// As for [`inject`](Self::inject).
    pub(crate) fn inject_with_places(
        &self,
        permit: Option<Permit>,
        entries: Uncounted,
    ) -> Result<(), SubmitErrorKind> {
        let space = self.space.as_ref().expect("only in a pool with a limit entries hold places");
        space.push(self, permit, entries, || self.gone());
        self.tell_workers(false)
    }

    /// Says why no worker will take an entry that is pushed now. None unless the pool is over.
    pub(super) fn gone(&self) -> Option<Reason> {
        self.stage().is_over().then(|| self.stopping().unwrap_or(Reason::NotRunning))
    }

    /// Sends the waiting threads out of the line after a change of the stage. Entries may stay
    /// in the line as long as the workers are there; if the pool is over, this turns them away
    /// too.
    pub(super) fn empty_line(&self) {
        let Some(space) = &self.space else { return };
        let gone = self.gone();
        let entries = space.empty(gone.is_some());
        let reason = gone.unwrap_or(Reason::NotRunning);
        entries.into_iter().for_each(|entry| entry.turn_away(reason.clone()));
    }
}
