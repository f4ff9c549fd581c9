//! The door to a pool with a limit: who is let in, and what becomes of the line when the stage changes.

use std::sync::Arc;

use super::Sched;
use super::space::{Permit, Space, WhenFull};
use crate::block::{PoolView, Reason, SubmitErrorKind, Uncounted};

impl Sched {
    /// How much is queued, by a look that may be old. With a limit: the places that are used, and what workers have submitted.
    pub(crate) fn queued(&self) -> usize {
        let outside =
            self.space.as_ref().map_or_else(|| self.queues.living_outside(), |space| space.used());
        outside + self.queues.living_inside()
    }

    /// Lets a submission from outside in, once there is a place for it, or says why not. Without a limit there are no places.
    /// [LIFE-1]
    #[inline]
    pub(crate) fn admit(&self, when_full: WhenFull) -> Result<Option<Permit>, SubmitErrorKind> {
        match &self.space {
            None => self.refusal(false).map_or(Ok(None), Err),
            Some(space) => self.enter(space, when_full).map(Some),
        }
    }

    /// Lets a submission from outside in, once there is a place.
    fn enter(&self, space: &Arc<Space>, when_full: WhenFull) -> Result<Permit, SubmitErrorKind> {
        let permit = space.try_enter();
        // After the look at the places: one that the terminator's drain has freed is for nobody.
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

    /// As [`admit`](Self::admit), for a thread of the pool that is no worker at the moment. It must not wait: its submission
    /// counts, also beyond the limit.
    pub(crate) fn admit_member(&self) -> Result<Option<Permit>, SubmitErrorKind> {
        match self.refusal(false) {
            Some(kind) => Err(kind),
            None => Ok(self.space.as_ref().map(Space::enter_beyond)),
        }
    }

    /// Submits entries of a block whose entries hold places, the first of them with `permit` if it is there. Those for which there
    /// is no place stand in the line, and are pushed when it is their turn.
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

    /// Why nobody will take what is pushed now, if the pool is over.
    pub(super) fn gone(&self) -> Option<Reason> {
        self.stage().is_over().then(|| self.stopping().unwrap_or(Reason::NotRunning))
    }

    /// The stage has changed: nobody waits for a place any more but, as long as workers are there, entries.
    pub(super) fn empty_line(&self) {
        let Some(space) = &self.space else { return };
        let gone = self.gone();
        let entries = space.empty(gone.is_some());
        let reason = gone.unwrap_or(Reason::NotRunning);
        entries.into_iter().for_each(|entry| entry.turn_away(reason.clone()));
    }
}
