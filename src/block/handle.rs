//! The handle's right to a block: to wait for the outcome, to run or resolve the work if nobody has, and to take the
//! outcome once.

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

/// The right to the result of a task. Eight bytes.
pub(crate) struct ResultRef<T, E> {
    header: NonNull<Header>,
    outcome: PhantomData<Outcome<T, E>>,
}

// SAFETY: sending the handle sends the right to take the outcome, a `Result<T, TaskError<E>>`, which is `Send` if `T`
// and `E` are. The rest of the block is atomic or governed by the state word.
unsafe impl<T: Send, E: Send> Send for ResultRef<T, E> {}
// SAFETY: through a shared handle one can wait, look at the state, and run or resolve the work, which is `Send`. That
// may write the outcome, so `T` and `E` must be `Send`. A reference to the outcome is lent only by `peek`, which asks
// for `Sync`, and the outcome is moved out by value or `&mut` alone.
unsafe impl<T: Send, E: Send> Sync for ResultRef<T, E> {}

impl<T, E> ResultRef<T, E> {
    /// # Safety
    ///
    /// The block is alive, this right to it has not been made before, its table has a part for results, and its outcome is an
    /// `Outcome<T, E>`.
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        Self { header, outcome: PhantomData }
    }

    #[inline]
    pub(crate) fn block(&self) -> &Header {
        // SAFETY: the handle's bit is up as long as `self` lives, and keeps the block alive.
        unsafe { self.header.as_ref() }
    }

    /// The part of the block's table that is about its result.
    #[inline]
    pub(crate) fn table(&self) -> &'static ResultTable {
        // SAFETY: `new` asks for a block whose table has this part, and a block keeps its table.
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

    /// Whether the task is running below the caller on the same stack.
    pub(crate) fn is_running_here(&self) -> bool {
        frame::is_running(self.header)
    }

    /// Does, on this thread, all the work in the block that nobody has started; says whether there was any.
    pub(crate) fn help(&self, view: &dyn PoolView) -> bool {
        // SAFETY: the handle's right, borrowed for the call.
        unsafe { (self.block().vtable().run)(self.header, view, Owner::Handle) }
    }

    /// How many items are done, of how many; of a call, whether it is done.
    pub(crate) fn progress(&self) -> (usize, usize) {
        // SAFETY: the handle's right, borrowed for the call.
        unsafe { (self.table().progress)(self.header) }
    }

    /// Asks whoever is running the work to stop.
    pub(crate) fn ask(&self) {
        self.block().state().ask();
    }

    /// Resolves what nobody has started, and says whether there was any.
    pub(crate) fn resolve(&self, reason: Reason) -> bool {
        // SAFETY: the handle's right, borrowed for the call.
        unsafe { (self.block().vtable().resolve)(self.header, reason, Owner::Handle) }
    }

    /// Takes the right to consume the work, for [`into_withdrawn`](Self::into_withdrawn) to go on with.
    pub(crate) fn withdraw(&self) -> bool {
        self.block().state().withdraw()
    }

    /// The handle of a block whose work was withdrawn: there will be no outcome, only the right is left to give up.
    pub(crate) fn into_withdrawn(self) -> NonNull<Header> {
        let header = self.header;
        std::mem::forget(self);
        header
    }

    /// Spins a little, then blocks, until the task is DONE; false once `deadline` has passed.
    pub(crate) fn wait(&self, deadline: Option<&Deadline>) -> bool {
        /// A task still queued after this long waits for a worker to wake up, on this thread's processor perhaps.
        const QUEUED: Duration = Duration::from_nanos(500);
        /// A task that runs longer than this is not worth a processor.
        const RUNNING: Duration = Duration::from_micros(1);
        self.spin(QUEUED, RUNNING) || self.sleep(deadline)
    }

    /// Spins until the task is DONE, or until it has been queued or running for so long; false then.
    pub(crate) fn spin(&self, queued: Duration, running: Duration) -> bool {
        if self.load().is_done() {
            return true;
        }
        spin_until(queued, || self.load().is_claimed());
        self.load().is_claimed() && spin_until(running, || self.load().is_done())
    }

    /// Blocks until the task is DONE; false once `deadline` has passed.
    pub(crate) fn sleep(&self, deadline: Option<&Deadline>) -> bool {
        block_until(self.block().state().word(), WAITER, deadline, |word| {
            Snapshot::of(word).is_done()
        })
        .is_some()
    }

    /// Takes the outcome and gives up the right, if the task is DONE.
    ///
    /// # Errors
    ///
    /// The handle, if it is not.
    #[inline]
    pub(crate) fn take_done(self) -> Result<Outcome<T, E>, Self> {
        let seen = self.load();
        if !seen.is_done() {
            return Err(self);
        }
        let header = self.header;
        let table = self.table();
        std::mem::forget(self);
        // SAFETY: DONE, and the handle's right is the caller's: the outcome is the handle's to move.
        let outcome = unsafe { (table.outcome)(header, Access::Move) }.cast::<Outcome<T, E>>();
        // SAFETY: it is in place and of this type (`new`), and nobody looks at it again.
        let outcome = unsafe { outcome.read() };
        // SAFETY: DONE is in `seen`, the outcome is gone from the block, and the right was `self`'s.
        unsafe { leave(header, seen) };
        Ok(outcome)
    }

    /// The outcome, in place, if the task is DONE.
    pub(crate) fn peek_done(&self) -> Option<&Outcome<T, E>> {
        if !self.load().is_done() {
            return None;
        }
        // SAFETY: DONE: the outcome is the handle's side's to read.
        let outcome = unsafe { (self.table().outcome)(self.header, Access::Read) };
        // SAFETY: in place, of this type, and not moved while `self` is borrowed.
        Some(unsafe { outcome.cast::<Outcome<T, E>>().as_ref() })
    }

    /// The outcome, in place, if the task is DONE.
    pub(crate) fn peek_done_mut(&mut self) -> Option<&mut Outcome<T, E>> {
        if !self.load().is_done() {
            return None;
        }
        // SAFETY: DONE: the outcome is the handle's side's.
        let outcome = unsafe { (self.table().outcome)(self.header, Access::Move) };
        // SAFETY: in place, of this type, and `self` is borrowed alone.
        Some(unsafe { outcome.cast::<Outcome<T, E>>().as_mut() })
    }

    /// Ready once the task is DONE; until then the waker is woken when it is, exactly once, the last one given.
    ///
    /// The waker is cloned before anything changes: if that panics, nothing has.
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
        // SAFETY: WAKER is down, DONE was not up when it was last seen, and only this side puts WAKER up.
        unsafe { self.block().put_waker(waker) };
        loop {
            match self.block().state().lend_waker(seen) {
                Ok(()) => return Poll::Pending,
                Err(now) if now.is_done() => {
                    // SAFETY: WAKER was never put up, so the slot and the waker in it are still this side's.
                    drop_quietly(unsafe { self.block().take_waker() });
                    return Poll::Ready(());
                }
                Err(now) => seen = now,
            }
        }
    }

    /// The waker that was given last is not woken any more, and is dropped. Ready if the task is DONE instead: then it has been
    /// woken, or is about to be.
    pub(crate) fn forget_waker(&mut self) -> Poll<()> {
        let mut seen = self.load();
        if seen.is_done() { Poll::Ready(()) } else { self.clear_waker(&mut seen) }
    }

    /// Takes the waker slot back if it is lent out, and drops the waker. Ready if the task is DONE instead.
    fn clear_waker(&mut self, seen: &mut Snapshot) -> Poll<()> {
        while seen.has_waker() {
            match self.block().state().take_back_waker(*seen) {
                Ok(now) => {
                    *seen = now;
                    // SAFETY: the slot is this side's again, with the waker that it lent.
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
/// DONE was in `seen`, the outcome is gone from the block, and the right is the caller's.
#[inline]
unsafe fn leave(header: NonNull<Header>, seen: Snapshot) {
    let duty = if seen.is_queued() {
        // SAFETY: the handle's right keeps the block alive.
        unsafe { header.as_ref() }.state().leave_handle()
    } else {
        // QUEUE is never set again, so the handle is the last owner, and nobody would see its bit go.
        Duty::Free
    };
    // SAFETY: the duty is of this block.
    unsafe { discharge(header, duty) };
}

impl<T, E> Drop for ResultRef<T, E> {
    /// The outcome goes first: HANDLE is never given up while an outcome may still be this side's to drop.
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
        // SAFETY: DONE: the outcome is the handle's.
        unsafe { (table.drop_outcome)(header) };
        // The state may be older than DONE if the hook's slot could not be taken back; `leave` needs one that has it.
        let seen = self.load();
        // SAFETY: DONE is in `seen`, the outcome is gone, and `self` is not used again.
        unsafe { leave(header, seen) };
    }
}

impl<T, E> std::fmt::Debug for ResultRef<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.load().fmt(f)
    }
}
