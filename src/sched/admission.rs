//! The door of a pool with a limit: who gets a place, and what becomes of the line.

use std::sync::Arc;

use super::permit::{Permit, WhenFull};
use super::space::Space;
use super::{Sched, Stage};
use crate::block::{
    PoolFull, PoolView, Reason, SubmitError, SubmitErrorKind, TaskError, Uncounted,
};
use crate::sync::step;

impl Sched {
    /// Says why the pool refuses a submission at this moment. None if it takes the submission.
    /// [LIFE-1]
    ///
    /// `by_worker`: the pool's own workers may go on submitting while the pool is CLOSED, so
    /// that accepted work can finish. In a strict pool, a worker submits as if from outside,
    /// except for work that it waits for.
    #[inline]
    pub(crate) fn refusal(&self, by_worker: bool) -> Option<SubmitErrorKind> {
        if self.is_forked() {
            return Some(SubmitErrorKind::Forked);
        }
        match self.stage() {
            Stage::Run => None,
            Stage::Closed | Stage::Draining if by_worker => None,
            Stage::Broken => Some(SubmitErrorKind::Broken),
            _ => Some(SubmitErrorKind::NotRunning),
        }
    }

    /// Says how many entries are queued and alive. The answer may be old.
    ///
    /// In a pool with a limit, the used places that are not reserved stand for the entries from
    /// outside.
    pub(crate) fn queued(&self) -> usize {
        let queued = |space: &Arc<Space>| space.used().saturating_sub(space.reserved());
        let outside = self.space.as_ref().map_or_else(|| self.queues.living_outside(), queued);
        step::pass();
        outside + self.queues.living_inside()
    }

    /// Lets a submission from outside in, or says why the pool refuses it. [LIFE-1]
    ///
    /// In a pool with a limit, the submission gets a permit for one place. If no place is
    /// free, `when_full` says whether the caller waits for one, or else the pool's builder has
    /// said so. A pool without a limit has no places, and gives no permit.
    #[inline]
    pub(crate) fn admit(
        &self,
        when_full: Option<WhenFull>,
    ) -> Result<Option<Permit>, SubmitErrorKind> {
        match &self.space {
            None => self.refusal(false).map_or(Ok(None), Err),
            Some(space) => self.enter(space, when_full.unwrap_or(space.when_full)).map(Some),
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
                .wait(None, || self.refusal(false).is_none())
                .map_err(|_| self.refusal(false).unwrap_or(SubmitErrorKind::NotRunning)),
        }
    }

    /// Says, by a look that may be old, whether the pool would refuse a submission because it is
    /// full.
    pub(crate) fn would_be_full(&self, when_full: Option<WhenFull>) -> bool {
        self.space.as_ref().is_some_and(|space| {
            when_full.unwrap_or(space.when_full) == WhenFull::Refuse && space.is_full()
        })
    }

    /// Makes the error of a refused submission. If the pool was full, the error says how full.
    #[cold]
    pub(crate) fn refused<W>(&self, kind: SubmitErrorKind, work: W) -> SubmitError<W> {
        SubmitError::new(kind, work).with(self.fullness(kind))
    }

    /// Makes the error of a blocking call that submitted nothing. None stands for a wait that
    /// would never end.
    #[cold]
    pub(crate) fn not_submitted<E>(&self, kind: Option<SubmitErrorKind>) -> TaskError<E> {
        match kind {
            None => TaskError::WouldDeadlock,
            Some(kind) => self.refused(kind, ()).into(),
        }
    }

    /// Says how full the pool is, if that is why it refuses.
    fn fullness(&self, kind: SubmitErrorKind) -> Option<PoolFull> {
        let space = self.space.as_ref().filter(|_| kind == SubmitErrorKind::Full)?;
        Some(PoolFull {
            pool: space.name.clone(),
            limit: space.limit(),
            used: space.used(),
            reserved: space.reserved(),
            waiting: space.waiting(),
            running: self.active(),
            workers: self.queues.workers(),
        })
    }

    /// Says why the pool refuses a submission by a permit at this moment. None if it takes the
    /// submission: it runs, or a shutdown lets accepted work finish. [LIFE-10]
    pub(crate) fn refusal_of_permit(&self) -> Option<SubmitErrorKind> {
        self.refusal(false).filter(|_| self.is_forked() || !self.life.takes_permits())
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

    /// Sends the waiting threads and futures out of the line after a change of the stage, and
    /// takes the reservations back. Entries may stay in the line as long as the workers are
    /// there; if the pool is over, this turns them away too.
    pub(super) fn empty_line(&self) {
        let Some(space) = &self.space else { return };
        let gone = self.gone();
        let entries = space.empty(gone.is_some());
        let reason = gone.unwrap_or(Reason::NotRunning);
        entries.into_iter().for_each(|entry| entry.turn_away(reason.clone()));
    }
}
