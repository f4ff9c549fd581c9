//! The handle's right to a block: to wait for the outcome, to run or resolve work that no
//! thread has started, and to take the outcome once.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::error::Reason;
use super::frame;
use super::header::{Access, Header, Owner, ResultTable, discharge};
use super::pool_view::PoolView;
use super::state::{Duty, Snapshot, WAITER};
use super::unwind::drop_quietly;
use super::work::Outcome;
use crate::sync::clock::Deadline;
use crate::wait::{block_until, spin_until};

/// The right to the result of a task. It takes eight bytes.
pub(crate) struct ResultRef<T, E> {
    header: NonNull<Header>,
    outcome: PhantomData<Outcome<T, E>>,
}

// SAFETY: a sent handle carries the right to take the outcome, a `Result<T, TaskError<E>>`,
// which is `Send` if `T` and `E` are. The rest of the block is atomic or governed by the state
// word.
unsafe impl<T: Send, E: Send> Send for ResultRef<T, E> {}
// SAFETY: through a shared handle a thread can wait, look at the state, and run or resolve the
// work, which is `Send`. To run or resolve may write the outcome, so `T` and `E` must be
// `Send`. Only `peek` lends a reference to the outcome, and it asks for `Sync`. Otherwise the
// outcome moves out by value, or a thread reaches it through `&mut`.
unsafe impl<T: Send, E: Send> Sync for ResultRef<T, E> {}

impl<T, E> ResultRef<T, E> {
    /// # Safety
    ///
    /// The block is alive, and its table has a part for results. The block's outcome is an
    /// `Outcome<T, E>`. This right to the block has not been made before.
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        Self { header, outcome: PhantomData }
    }

    #[inline]
    pub(crate) fn block(&self) -> &Header {
        // SAFETY: HANDLE is up as long as `self` lives, and keeps the block alive.
        unsafe { self.header.as_ref() }
    }

    /// Returns the part of the block's table that is about the block's result.
    #[inline]
    pub(crate) fn table(&self) -> &'static ResultTable {
        // SAFETY: `new` asks for a block whose table has this part, and a block keeps its
        // table.
        unsafe { self.block().vtable().result.as_ref().unwrap_unchecked() }
    }

    pub(crate) fn id(&self) -> NonNull<Header> {
        self.header
    }

    pub(crate) fn pool(&self) -> u32 {
        self.block().pool()
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        self.block().state().load()
    }

    /// Says whether the task runs below the caller on the same stack.
    pub(crate) fn is_running_here(&self) -> bool {
        frame::is_running(self.header)
    }

    /// Runs, on this thread, all work in the block that no thread has started. Says whether
    /// there was any.
    pub(crate) fn help(&self, view: &dyn PoolView) -> bool {
        // SAFETY: the call borrows the handle's right.
        unsafe { (self.block().vtable().run)(self.header, view, Owner::Handle) }
    }

    /// Returns how many items are done, and how many there are. A call is one item.
    pub(crate) fn progress(&self) -> (usize, usize) {
        // SAFETY: the call borrows the handle's right.
        unsafe { (self.table().progress)(self.header) }
    }

    /// Asks the threads that run the work to stop.
    pub(crate) fn ask(&self) {
        self.block().state().ask();
    }

    /// Resolves all work that no thread has started. Says whether there was any.
    pub(crate) fn resolve(&self, reason: Reason) -> bool {
        // SAFETY: the call borrows the handle's right.
        unsafe { (self.block().vtable().resolve)(self.header, reason, Owner::Handle) }
    }

    /// Takes the right to consume the work, unless another thread has it. The caller goes on
    /// with [`into_withdrawn`](Self::into_withdrawn).
    pub(crate) fn withdraw(&self) -> bool {
        self.block().state().withdraw()
    }

    /// Returns the block, after the caller has withdrawn the work. There will be no outcome:
    /// the caller has only the handle's right left, and gives it up.
    pub(crate) fn into_withdrawn(self) -> NonNull<Header> {
        let header = self.header;
        std::mem::forget(self);
        header
    }

    /// Spins a little, then blocks, until the task is DONE. Returns false once `deadline` has
    /// passed.
    pub(crate) fn wait(&self, deadline: Option<&Deadline>) -> bool {
        /// A task that is still queued after this time waits for a worker to wake up, perhaps
        /// on this thread's processor.
        const QUEUED: Duration = Duration::from_nanos(500);
        /// A task that runs longer than this is not worth a processor.
        const RUNNING: Duration = Duration::from_micros(1);
        self.spin(QUEUED, RUNNING) || self.sleep(deadline)
    }

    /// Spins until the task is DONE. Returns false if the task is queued for longer than
    /// `queued`, or runs for longer than `running`.
    pub(crate) fn spin(&self, queued: Duration, running: Duration) -> bool {
        if self.load().is_done() {
            return true;
        }
        spin_until(queued, || self.load().is_claimed());
        self.load().is_claimed() && spin_until(running, || self.load().is_done())
    }

    /// Blocks until the task is DONE. Returns false once `deadline` has passed.
    ///
    /// If no thread has begun the task by its due time, and this wait lasts until then, the
    /// caller resolves the task.
    pub(crate) fn sleep(&self, deadline: Option<&Deadline>) -> bool {
        match self.table().due {
            None => self.block_until(deadline),
            // SAFETY: the call borrows the handle's right.
            Some(due) => self.sleep_past(unsafe { due(self.header) }, deadline),
        }
    }

    #[cold]
    fn sleep_past(&self, due: Option<Deadline>, deadline: Option<&Deadline>) -> bool {
        if let Some(due) = due.filter(|due| deadline.is_none_or(|deadline| due <= deadline)) {
            if self.block_until(Some(&due)) {
                return true;
            }
            // In the child of a fork the block is a copy, and the task is the parent's.
            if !self.block().is_forked() {
                self.resolve(Reason::Expired);
            }
        }
        self.block_until(deadline)
    }

    fn block_until(&self, deadline: Option<&Deadline>) -> bool {
        block_until(self.block().state().word(), WAITER, deadline, |word| {
            Snapshot::of(word).is_done()
        })
        .is_some()
    }

    /// Takes the outcome and gives up the right, if the task is DONE.
    ///
    /// # Errors
    ///
    /// The call returns the handle if the task is not DONE.
    #[inline]
    pub(crate) fn take_done(self) -> Result<Outcome<T, E>, Self> {
        let seen = self.load();
        if !seen.is_done() {
            return Err(self);
        }
        let header = self.header;
        let table = self.table();
        std::mem::forget(self);
        // SAFETY: the task is DONE and the handle's right is the caller's, so the handle may
        // move the outcome.
        let outcome = unsafe { (table.outcome)(header, Access::Move) }.cast::<Outcome<T, E>>();
        // SAFETY: the outcome is in place and of this type (`new`), and no thread looks at it
        // again.
        let outcome = unsafe { outcome.read() };
        // SAFETY: DONE is in `seen`, the outcome is gone from the block, and the right was
        // `self`'s.
        unsafe { leave(header, seen) };
        Ok(outcome)
    }

    /// Lends the outcome, in its place, if the task is DONE.
    pub(crate) fn peek_done(&self) -> Option<&Outcome<T, E>> {
        if !self.load().is_done() {
            return None;
        }
        // SAFETY: the task is DONE, so the handle may read the outcome.
        let outcome = unsafe { (self.table().outcome)(self.header, Access::Read) };
        // SAFETY: the outcome is in place and of this type, and does not move while `self` is
        // borrowed.
        Some(unsafe { outcome.cast::<Outcome<T, E>>().as_ref() })
    }

    /// Lends the outcome for changes, in its place, if the task is DONE.
    pub(crate) fn peek_done_mut(&mut self) -> Option<&mut Outcome<T, E>> {
        if !self.load().is_done() {
            return None;
        }
        // SAFETY: the task is DONE, so the outcome is the handle's.
        let outcome = unsafe { (self.table().outcome)(self.header, Access::Move) };
        // SAFETY: the outcome is in place and of this type, and `self` is borrowed alone.
        Some(unsafe { outcome.cast::<Outcome<T, E>>().as_mut() })
    }

    /// Says whether the task is DONE, and stores a clone of `waker` if it is not. When the
    /// task is DONE, the completer wakes the waker that was stored last, exactly once.
    ///
    /// The call clones the waker before it changes anything. If the clone panics, nothing has
    /// changed.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        let mut seen = self.load();
        if seen.is_done() {
            return Poll::Ready(());
        }
        let waker = waker.clone();
        if self.clear_waker(&mut seen).is_ready() {
            drop_quietly(waker);
            return Poll::Ready(());
        }
        // SAFETY: WAKER is down, DONE was down at the last look, and only the handle raises
        // WAKER. So the slot is the handle's, and empty.
        unsafe { self.block().put_waker(waker) };
        loop {
            match self.block().state().lend_waker(seen) {
                Ok(()) => return Poll::Pending,
                Err(now) if now.is_done() => {
                    // SAFETY: this thread did not raise WAKER, so the slot and the waker in it
                    // are still the handle's.
                    drop_quietly(unsafe { self.block().take_waker() });
                    return Poll::Ready(());
                }
                Err(now) => seen = now,
            }
        }
    }

    /// Drops the waker that was stored last, so that the completer does not wake it. Says
    /// whether the task is DONE instead: then the completer has woken the waker, or is about
    /// to.
    pub(crate) fn forget_waker(&mut self) -> Poll<()> {
        let mut seen = self.load();
        if seen.is_done() { Poll::Ready(()) } else { self.clear_waker(&mut seen) }
    }

    /// Takes the waker slot back if the handle has lent it, and drops the waker. Says whether
    /// the task is DONE instead.
    fn clear_waker(&mut self, seen: &mut Snapshot) -> Poll<()> {
        while seen.has_waker() {
            match self.block().state().take_back_waker(*seen) {
                Ok(now) => {
                    *seen = now;
                    // SAFETY: the slot is the handle's again, and holds the waker that the
                    // handle lent.
                    drop_quietly(unsafe { self.block().take_waker() });
                }
                Err(now) if now.is_done() => return Poll::Ready(()),
                Err(now) => *seen = now,
            }
        }
        Poll::Pending
    }
}

/// Gives up the handle's right after DONE.
///
/// # Safety
///
/// DONE was in `seen`, the outcome is gone from the block, and the handle's right is the
/// caller's.
#[inline]
unsafe fn leave(header: NonNull<Header>, seen: Snapshot) {
    let duty = if seen.is_queued() {
        // SAFETY: the handle's right keeps the block alive.
        unsafe { header.as_ref() }.state().leave_handle()
    } else {
        // QUEUE never rises again, so the handle is the last owner. No other owner is left to
        // see HANDLE fall.
        Duty::Free
    };
    // SAFETY: the duty is of this block.
    unsafe { discharge(header, duty) };
}

impl<T, E> Drop for ResultRef<T, E> {
    /// Drops the outcome first: the handle never gives up HANDLE while it may still have an
    /// outcome to drop.
    fn drop(&mut self) {
        let mut seen = self.load();
        while !seen.is_done() {
            if self.clear_waker(&mut seen).is_ready() {
                break;
            }
            match self.block().state().abandon(seen) {
                Ok(()) => return,
                Err(now) => seen = now,
            }
        }
        let header = self.header;
        let table = self.table();
        // SAFETY: the task is DONE, so the outcome is the handle's.
        unsafe { (table.drop_outcome)(header) };
        // `seen` may be older than DONE, if the handle could not take the waker slot back.
        // `leave` needs a state with DONE.
        let seen = self.load();
        // SAFETY: DONE is in `seen`, the outcome is gone from the block, and `self` is not
        // used again.
        unsafe { leave(header, seen) };
    }
}

impl<T, E> std::fmt::Debug for ResultRef<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.load().fmt(f)
    }
}
