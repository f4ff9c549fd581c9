//! The second half of a join. It lies on its owner's stack.

use std::any::type_name;
use std::mem;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use crate::block::{
    Abort, Header, Latch, Owner, Panic, PoolView, Reason, State, TaskError, TaskRef, VTable,
    catch_panic, drop_quietly, frame,
};
use crate::numbers::Name;
use crate::sched::Sched;
use crate::sync::cell::UnsafeCell;
use crate::sync::step;
use crate::worker::{Context, Stood, give_back, run_stolen};

/// A second half that lies on the stack of the join that waits for it.
#[repr(C)]
struct Half<B, RB> {
    header: Header,
    latch: Latch,
    /// The task that the owner runs. The half belongs to that task, wherever it runs.
    task: Option<NonNull<Header>>,
    /// The owner's, except between the exchange that takes the offer and the thief's last
    /// access.
    content: UnsafeCell<Content<B, RB>>,
}

enum Content<B, RB> {
    Work(B),
    Outcome(Result<RB, Panic>),
    Nothing,
}

impl<B, RB> Half<B, RB>
where
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    const VTABLE: VTable = VTable {
        run: Self::run,
        resolve: Self::resolve,
        entries: None,
        retire: Self::retire,
        discard: Self::discard,
        free: Self::discard,
        result: None,
    };

    /// The name of the function's type, which a thief shows.
    const NAME: &'static Name = &Name(type_name::<B>);

    #[inline]
    fn new(worker: &Context, work: B) -> Self {
        Self {
            header: Header::new(State::new(false), worker.sched().id, const { &Self::VTABLE }),
            latch: Latch::new(worker.index()),
            task: frame::innermost(),
            content: UnsafeCell::new(Content::Work(work)),
        }
    }

    /// Takes what lies in the half out of it.
    ///
    /// # Safety
    ///
    /// The content is the caller's: see the field.
    #[inline]
    unsafe fn take_content(&self) -> Content<B, RB> {
        self.content.with_mut(|content| {
            // SAFETY: only the caller may touch the content.
            let content = unsafe { &mut *content };
            mem::replace(content, Content::Nothing)
        })
    }

    /// Runs the half for a thief. [JOIN-2]
    ///
    /// # Safety
    ///
    /// See [`VTable::run`]. The caller has taken the offer.
    unsafe fn run(header: NonNull<Header>, _: &dyn PoolView, _: Owner) -> bool {
        let this = header.cast::<Self>();
        // SAFETY: the half must be alive. Its owner waits until this thread has settled the latch.
        let half = unsafe { this.as_ref() };
        let (task, pool, latch) = (half.task, half.header.pool(), NonNull::from(&half.latch));
        // The function takes a pointer, because it may still be on the stack when the half is gone.
        let body = move || {
            // SAFETY: the half must be alive. This runs before the latch is settled.
            let half = unsafe { this.as_ref() };
            // SAFETY: the content must be the caller's, who has taken the offer.
            let Content::Work(work) = (unsafe { half.take_content() }) else {
                unreachable!("a thief meets work that has not begun")
            };
            let call = || catch_panic(work);
            let outcome = match task {
                Some(task) => frame::enter(task, call),
                None => call(),
            };
            half.content.with_mut(|content| {
                // SAFETY: only this thread touches the content until the latch is settled.
                unsafe { *content = Content::Outcome(outcome) };
            });
        };
        // SAFETY: the latch must be that of a half which the caller has taken. It is.
        unsafe { run_stolen(pool, latch, Self::NAME, body) };
        true
    }

    /// Gives the half back to its owner. [JOIN-6]
    ///
    /// # Safety
    ///
    /// See [`VTable::resolve`]. The caller has taken the offer.
    unsafe fn resolve(header: NonNull<Header>, _: Reason, _: Owner) -> bool {
        // SAFETY: the half must be alive. Its owner waits until this thread has settled the latch.
        let half = unsafe { header.cast::<Self>().as_ref() };
        let (pool, latch) = (half.header.pool(), NonNull::from(&half.latch));
        // SAFETY: the caller has taken the offer, and touches the half no more.
        unsafe { give_back(pool, latch) };
        false
    }

    /// # Safety
    ///
    /// See [`VTable::retire`]. No queue that is swept holds an offer.
    unsafe fn retire(_: NonNull<Header>) -> bool {
        false
    }

    /// # Safety
    ///
    /// None: an offer is never stale, and the half is freed with its frame.
    unsafe fn discard(_: NonNull<Header>) {}
}

/// What the second half has come to.
type Second<RB> = Result<Result<RB, Panic>, TaskError>;

/// Runs a half that no thread has begun, unless the pool is over. [JOIN-3]
#[inline]
fn run_own<B: FnOnce() -> RB, RB>(worker: &Context, work: B) -> Second<RB> {
    if worker.sched().is_forked() {
        // The parent runs or drops it.
        mem::forget(work);
        return Err(TaskError::WouldDeadlock);
    }
    match worker.stop_reason() {
        None => Ok(catch_panic(work)),
        Some(reason) => {
            drop_quietly(work);
            Err(reason.into())
        }
    }
}

/// Calls both functions on a worker: the first here, the second here or on a thief.
#[inline]
pub(crate) fn join_on<A, B, RA, RB>(worker: &Context, a: A, b: B) -> Result<(RA, RB), TaskError>
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    let half = Half::new(worker, b);
    let guard = Abort("a join unwound");
    // SAFETY: the block must be alive as long as the right, and the right must be the only one.
    // The right is made here, once. This frame does not end before it has the offer back, or
    // before the thief has settled the latch: nothing below returns or unwinds before.
    let offer = unsafe { TaskRef::new(NonNull::from(&half).cast()) };
    let at = worker.offer(offer);
    let first = catch_panic(a);
    step::pass();
    let stood = if worker.take_back_offer(at) {
        Stood::GivenBack
    } else {
        worker.wait_for_half(at, &half.latch)
    };
    guard.disarm();
    half.header.alive().end();
    let second = match stood {
        // SAFETY: the half is no longer the thief's, so its content is this frame's.
        Stood::Ended | Stood::GivenBack => match unsafe { half.take_content() } {
            Content::Work(work) => run_own(worker, work),
            Content::Outcome(outcome) => Ok(outcome),
            Content::Nothing => unreachable!("a half that has ended left its outcome"),
        },
        Stood::Lost => {
            // What lies in the half is the parent's.
            mem::forget(half);
            Err(TaskError::WouldDeadlock)
        }
    };
    match (first, second) {
        (Ok(first), Ok(Ok(second))) => Ok((first, second)),
        (first, second) => conclude(first, second),
    }
}

/// Calls both functions on this thread, one after the other.
pub(super) fn join_in_turn<RA, RB>(
    sched: &Sched,
    a: impl FnOnce() -> RA,
    b: impl FnOnce() -> RB,
) -> Result<(RA, RB), TaskError> {
    let first = catch_panic(a);
    let second = if sched.is_forked() {
        mem::forget(b);
        Err(TaskError::WouldDeadlock)
    } else {
        match sched.stopping() {
            None => Ok(catch_panic(b)),
            Some(reason) => {
                drop_quietly(b);
                Err(reason.into())
            }
        }
    };
    conclude(first, second)
}

/// Gives both values. Or lets the panic of the first half go on, or that of the second, or says
/// why the second has not begun.
#[cold]
fn conclude<RA, RB>(first: Result<RA, Panic>, second: Second<RB>) -> Result<(RA, RB), TaskError> {
    match (first, second) {
        (Err(panic), second) => {
            drop_quietly(second);
            resume_unwind(panic.into_payload())
        }
        (Ok(first), Ok(Err(panic))) => {
            drop_quietly(first);
            resume_unwind(panic.into_payload())
        }
        (Ok(first), Err(error)) => {
            drop_quietly(first);
            Err(error)
        }
        (Ok(first), Ok(Ok(second))) => Ok((first, second)),
    }
}
