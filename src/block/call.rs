//! One call: a block that holds the work until a thread claims it, and the outcome after that,
//! in the same place.

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::error::Reason;
use super::gate::{By, Due};
use super::handle::ResultRef;
use super::header::{
    Access, Header, Owner, Published, ResultTable, TaskRef, VTable, discharge, publish,
};
use super::pool_view::{Nobody, PoolView};
use super::state::{Claim, Kind, State};
use super::unwind::drop_quietly;
use super::work::{Outcome, Work, drop_outcome};
use super::{frame, registry, thread_cache};
use crate::sync::cell::UnsafeCell;
use crate::sync::clock::Deadline;

#[repr(C)]
pub(crate) struct Call<W: Work> {
    header: Header,
    /// By when the function must have begun. The submitter writes it at birth, and both owners
    /// read it.
    due: W::Due,
    body: UnsafeCell<Body<W>>,
}

// `Call::outcome` gives out a pointer to this union as a pointer to the outcome.
#[repr(C)]
union Body<W: Work> {
    work: ManuallyDrop<W>,
    outcome: ManuallyDrop<Outcome<W::Value, W::Error>>,
}

impl<W: Work> Call<W> {
    const VTABLE: VTable = VTable {
        run: Self::run,
        resolve: Self::resolve,
        entries: None,
        retire: Self::retire,
        discard: Self::discard,
        free: Self::free,
        result: Some(ResultTable {
            progress: Self::progress,
            outcome: Self::outcome,
            drop_outcome: Self::drop_outcome,
            due: if W::Due::IS_SET { Some(Self::due) } else { None },
        }),
    };

    /// Puts the work into a block and returns the two rights to the block. `outside` says that
    /// the entry goes into the queue for submissions from outside. Most often the thread has a
    /// free slab cell for the block; otherwise the call allocates.
    ///
    /// # Safety
    ///
    /// The work and the outcome may go to another thread. Everything that they borrow lives
    /// until the task is DONE or the submitter has taken the work back.
    #[inline]
    pub(crate) unsafe fn create(
        work: W,
        pool: u32,
        outside: bool,
    ) -> (TaskRef, ResultRef<W::Value, W::Error>) {
        let (memory, slab_cell) = thread_cache::alloc(Layout::new::<Self>());
        let memory = memory.cast::<Self>();
        let call = Self {
            header: Header::new(State::in_cell(slab_cell, outside), pool, const { &Self::VTABLE }),
            due: work.due(),
            body: UnsafeCell::new(Body { work: ManuallyDrop::new(work) }),
        };
        // SAFETY: the memory is fresh and has the size and alignment of a `Self`.
        unsafe { memory.write(call) };
        let header = memory.cast::<Header>();
        // SAFETY: the block is alive: its QUEUE bit is up, and this is the one right for that
        // bit.
        let task = unsafe { TaskRef::new(header) };
        // SAFETY: the block is alive: its HANDLE bit is up, this is the one right for that
        // bit, the table has a part for results, and the outcome is of this type.
        let handle = unsafe { ResultRef::new(header) };
        (task, handle)
    }

    /// Takes the work back after the pool has refused the submission, unless another thread
    /// has claimed the work.
    ///
    /// # Errors
    ///
    /// The call returns the handle if another thread has claimed the work. The pool has
    /// accepted the task then, after all.
    ///
    /// # Safety
    ///
    /// `Call::<W>::create` made the block of this handle.
    pub(crate) unsafe fn take_back(
        handle: ResultRef<W::Value, W::Error>,
    ) -> Result<W, ResultRef<W::Value, W::Error>> {
        if !handle.withdraw() {
            return Err(handle);
        }
        let header = handle.into_withdrawn();
        // SAFETY: `withdraw` took the right to consume the work, and the handle's right keeps
        // the block alive.
        let work = unsafe { Self::take_work(header) };
        // SAFETY: the handle's right keeps the block alive.
        let duty = unsafe { header.as_ref() }.state().leave_handle();
        // SAFETY: the duty is of this block.
        unsafe { discharge(header, duty) };
        Ok(work)
    }

    /// # Safety
    ///
    /// The block is alive.
    #[inline]
    unsafe fn body<'a>(header: NonNull<Header>) -> &'a UnsafeCell<Body<W>> {
        // SAFETY: the block is alive. A block with this vtable was made as a `Self`, and the
        // header is the first field of a `Self`.
        let call = unsafe { header.cast::<Self>().as_ref() };
        call.header.alive().touch();
        &call.body
    }

    /// # Safety
    ///
    /// The caller has taken the right to consume the work, and the block is alive.
    #[inline]
    unsafe fn take_work(header: NonNull<Header>) -> W {
        // SAFETY: the caller says that the block is alive.
        unsafe { Self::body(header) }.with_mut(|body| {
            // SAFETY: by the field contract only the thread that claimed the work touches the
            // body now, and that is the caller.
            let body = unsafe { &mut *body };
            // SAFETY: the body holds the work until a thread consumes it, and only the caller
            // may do that.
            let work = unsafe { &mut body.work };
            // SAFETY: the right to consume the work exists once, so no other thread takes it
            // again.
            unsafe { ManuallyDrop::take(work) }
        })
    }

    /// Hands the work to `consume`, which runs or refuses it, and publishes the outcome.
    ///
    /// # Safety
    ///
    /// The caller has just claimed the work, and holds the right of the owner `owner`.
    #[inline]
    unsafe fn complete(
        header: NonNull<Header>,
        owner: Owner,
        view: &dyn PoolView,
        consume: impl FnOnce(W) -> ((Outcome<W::Value, W::Error>, W::After), Kind),
    ) {
        let (kind, after) = frame::enter(header, || {
            // SAFETY: the caller has claimed the work, and its right keeps the block alive.
            let work = unsafe { Self::take_work(header) };
            let ((outcome, after), kind) = consume(work);
            // SAFETY: the caller's right keeps the block alive.
            unsafe { Self::body(header) }.with_mut(|body| {
                // SAFETY: before DONE only the thread that claimed the work touches the body,
                // and the work is gone from it.
                unsafe { body.write(Body { outcome: ManuallyDrop::new(outcome) }) };
            });
            (kind, after)
        });
        let by_queue = owner == Owner::Queue;
        // SAFETY: the outcome is in place. The caller claimed the work and holds a right to
        // the block: the queue's, if `by_queue`.
        match unsafe { publish(header, kind, by_queue, view) } {
            Published::Unobserved => {
                debug_assert!(by_queue, "whoever runs by the handle's side has the handle");
                // SAFETY: the handle left before DONE, so the outcome is the completer's.
                unsafe { Self::drop_outcome(header) };
                // SAFETY: HANDLE is down and the queue's right is the caller's, so the caller
                // is the last owner.
                unsafe { Self::free(header) };
            }
            Published::Unspent if by_queue => {
                // SAFETY: the queue's right is not spent yet, so the block is alive.
                let duty = unsafe { header.as_ref() }.state().leave_queue();
                // SAFETY: the duty is of this block.
                unsafe { discharge(header, duty) };
            }
            Published::Unspent | Published::Spent => {}
        }
        drop(after);
    }

    /// Gives up the queue's right after another thread has claimed or withdrawn the work. That
    /// right is then all that the caller has.
    ///
    /// # Safety
    ///
    /// The caller holds the queue's right. The call spends it.
    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the queue's right keeps the block alive.
        let duty = unsafe { header.as_ref() }.state().leave_queue();
        // SAFETY: the duty is of this block.
        unsafe { discharge(header, duty) };
    }

    /// # Safety
    ///
    /// See [`VTable::retire`].
    unsafe fn retire(header: NonNull<Header>) -> bool {
        // SAFETY: the caller's entry keeps the block alive.
        unsafe { header.as_ref() }.state().was_claimed()
    }

    /// # Safety
    ///
    /// See [`VTable::run`].
    unsafe fn run(header: NonNull<Header>, view: &dyn PoolView, owner: Owner) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let state = unsafe { header.as_ref() }.state();
        let first = state.claim() == Claim::First;
        if first {
            let consume = |work: W| {
                let outcome = work.run();
                let kind = if outcome.0.is_ok() { Kind::Value } else { Kind::Failed };
                (outcome, kind)
            };
            // SAFETY: this thread has claimed the work, and hands the caller's right on.
            unsafe { Self::complete(header, owner, view, consume) };
            if owner == Owner::Handle {
                // `state` is still there: the call has not spent the handle's right.
                view.entries_died(state.is_outside(), 1);
            }
        } else if owner == Owner::Queue {
            view.stale_entry_left(state.is_outside());
            // SAFETY: this thread hands the queue's right on.
            unsafe { Self::discard(header) };
        }
        first
    }

    /// # Safety
    ///
    /// See [`VTable::resolve`].
    unsafe fn resolve(header: NonNull<Header>, reason: Reason, owner: Owner) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let block = unsafe { header.as_ref() };
        let first = block.state().claim() == Claim::First;
        if first {
            let kind = reason.kind();
            // SAFETY: this thread has claimed the work, and hands the caller's right on.
            unsafe {
                Self::complete(header, owner, &Nobody, |work: W| (work.refuse(reason.into()), kind))
            };
            if owner == Owner::Handle {
                // The block is still there: the call has not spent the handle's right.
                registry::entries_died(block.pool(), block.state().is_outside(), 1);
            }
        } else if owner == Owner::Queue {
            // SAFETY: this thread hands the queue's right on.
            unsafe { Self::discard(header) };
        }
        first
    }

    /// # Safety
    ///
    /// See [`ResultTable::progress`].
    unsafe fn progress(header: NonNull<Header>) -> (usize, usize) {
        // SAFETY: the caller holds a right to the block, which keeps it alive.
        (usize::from(unsafe { header.as_ref() }.state().load().is_done()), 1)
    }

    /// # Safety
    ///
    /// See [`ResultTable::due`].
    unsafe fn due(header: NonNull<Header>) -> Option<Deadline> {
        // SAFETY: the caller holds a right to the block, which keeps it alive. A block with this
        // vtable was made as a `Self`, and the header is the first field of a `Self`.
        let call = unsafe { header.cast::<Self>().as_ref() };
        call.header.alive().touch();
        call.due.time().map(|By(deadline)| deadline)
    }

    /// # Safety
    ///
    /// See [`ResultTable::outcome`].
    unsafe fn outcome(header: NonNull<Header>, access: Access) -> NonNull<()> {
        // SAFETY: the caller may touch the outcome, so the block is alive.
        let body = unsafe { Self::body(header) };
        let pointer = match access {
            Access::Read => body.with(<*const Body<W>>::cast_mut),
            Access::Move => body.with_mut(|body| body),
        };
        // SAFETY: the pointer points into the block, so it is not null.
        unsafe { NonNull::new_unchecked(pointer) }.cast()
    }

    /// # Safety
    ///
    /// See [`ResultTable::drop_outcome`].
    unsafe fn drop_outcome(header: NonNull<Header>) {
        // SAFETY: the caller owns the outcome.
        let outcome =
            unsafe { Self::outcome(header, Access::Move) }.cast::<Outcome<W::Value, W::Error>>();
        // SAFETY: the outcome is in place, and no thread looks at it again.
        let outcome = unsafe { outcome.read() };
        // SAFETY: the caller owns the outcome, so the block is alive.
        let pool = unsafe { header.as_ref() }.pool();
        drop_outcome(outcome, drop_quietly, pool, W::TOLD);
    }

    /// # Safety
    ///
    /// See [`VTable::free`].
    #[inline]
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the caller is the last owner, and `create` allocated the block with this
        // layout.
        unsafe { thread_cache::free(header, Layout::new::<Self>()) };
    }
}

/// Makes a call whose handle is gone, for tests that look at the contents of queues.
#[cfg(all(test, not(loom)))]
pub(crate) fn call_of_nothing(pool: u32) -> TaskRef {
    // SAFETY: the work and the outcome are `Send`, and borrow nothing.
    let (task, _) = unsafe { Call::create(super::work::Job::plain(|| ()), pool, true) };
    task
}
