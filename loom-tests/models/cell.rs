//! The task cell, I1, I3, I9 and I10: one of pop, inline claim and cancel consumes the closure, and
//! the last owner frees a stale entry once.
//!
//! `cell/end.rs` has I2, I3, I4 and I7, `cell/callback.rs` has I5, `cell/waker.rs` has I6,
//! `cell/wait.rs` has I8 and I11, and `cell/due.rs` has I1 and I9 for tasks with a due time. A negative control drives the same transitions as the source with
//! one step left out or moved.

#[path = "cell/callback.rs"]
mod callback;
#[path = "cell/due.rs"]
mod due;
#[path = "cell/end.rs"]
mod end;
#[path = "cell/wait.rs"]
mod wait;
#[path = "cell/waker.rs"]
mod waker;

use super::*;
use crate::models::harness::{Bound, Futex, Running, Seen, Watched, check, control, spawn};
use crate::sync::{AtomicU32, Ordering, futex};
use std::alloc::Layout;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Std};
use std::task::{Wake, Waker};

/// A value whose every access loom watches, and whose drops are counted.
struct Value {
    watched: Watched,
    drops: Arc<AtomicUsize>,
}

impl Value {
    fn new(drops: &Arc<AtomicUsize>) -> Self {
        let value = Self { watched: Watched::new(), drops: Arc::clone(drops) };
        value.watched.write();
        value
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.watched.write();
        self.drops.fetch_add(1, Std::Relaxed);
    }
}

/// What one execution counts, outside loom's sight.
#[derive(Clone, Default)]
struct Counts {
    runs: Arc<AtomicUsize>,
    captured: Arc<AtomicUsize>,
    values: Arc<AtomicUsize>,
}

impl Counts {
    fn of(count: &AtomicUsize) -> usize {
        count.load(Std::Relaxed)
    }

    /// A task that consumes what it captured and returns a value.
    fn task(&self) -> (TaskRef, ResultRef<Value, Infallible>) {
        let (counts, captured) = (self.clone(), Value::new(&self.captured));
        let job = Job::plain(move || {
            counts.runs.fetch_add(1, Std::Relaxed);
            drop(captured);
            Value::new(&counts.values)
        });
        // SAFETY: models borrow nothing, and their threads share one OS thread.
        unsafe { Call::create(job, 1, true) }
    }

    /// The closure was consumed once, and it was run this often.
    fn consumed(&self, runs: usize) {
        assert_eq!(Self::of(&self.captured), 1, "I1: the closure is consumed exactly once");
        assert_eq!(Self::of(&self.runs), runs, "I1: the closure is run once, or not at all");
    }

    fn value_gone(&self) {
        assert_eq!(
            Self::of(&self.values),
            Self::of(&self.runs),
            "I2: the output is dropped or moved exactly once"
        );
    }
}

type Handle = ResultRef<Value, Infallible>;

fn outcome(handle: Handle) -> Outcome<Value, Infallible> {
    handle.take_done().unwrap_or_else(|_| panic!("I8 I11: the wait ended before DONE"))
}

/// A waker that counts, and that a thread can wait for.
struct Signal {
    word: AtomicU32,
    woken: AtomicUsize,
    dropped: Watched,
}

impl Signal {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: AtomicU32::new(0),
            woken: AtomicUsize::new(0),
            dropped: Watched::new(),
        })
    }

    fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    fn wakes(&self) -> usize {
        self.woken.load(Std::Relaxed)
    }

    fn wait(&self) {
        while self.word.load(Ordering::Acquire) == 0 {
            futex::wait(&self.word, 0);
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.dropped.read();
        self.woken.fetch_add(1, Std::Relaxed);
        self.word.store(1, Ordering::Release);
        futex::wake_all(&self.word);
    }
}

// ---- I1, I3, I9: who consumes the closure ----

#[test]
fn i1_i3_i9_pop_beside_inline_claim_and_cancel() {
    check("I1 I3 I9 pop ‖ inline claim ‖ cancel", Bound::Usual, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let handle = Arc::new(handle);
        let shared = Arc::clone(&handle);
        let worker = spawn(move || task.run(&Running));
        let canceller = Seen::by(move || shared.resolve(Reason::Cancelled));
        handle.help(&Running);
        let cancelled = canceller.join();
        assert!(handle.wait(None));
        worker.join().expect("the worker returns");
        let handle = Arc::into_inner(handle).expect("the canceller has dropped its clone");
        let kind = handle.load();
        let result = outcome(handle);
        assert_eq!(result.is_err(), cancelled, "I9: cancel wins, or the closure runs");
        assert_eq!(kind.is_cancelled(), cancelled, "I9: the state word says who won");
        counts.consumed(usize::from(!cancelled));
        drop(result);
        counts.value_gone();
        outcomes.insert(cancelled);
    });
}

#[test]
fn i1_i9_control_claiming_in_two_steps() {
    /// Looks, then claims without asking who was first.
    fn claim_in_two_steps(handle: &Handle, consume: impl FnOnce()) {
        if !handle.load().is_claimed() {
            let _ = handle.block().state().claim();
            consume();
        }
    }
    fn count(consumed: &AtomicUsize) {
        consumed.fetch_add(1, Std::Relaxed);
    }
    control("I1 I9 control: a claim in two steps", Bound::None, Futex::Block, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let handle = Arc::new(handle);
        let shared = Arc::clone(&handle);
        let consumed = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&consumed);
        let other = spawn(move || claim_in_two_steps(&shared, || count(&theirs)));
        claim_in_two_steps(&handle, || count(&consumed));
        other.join().expect("the other returns");
        assert!(Counts::of(&consumed) <= 1, "I1: the closure is consumed exactly once");
        task.resolve(Reason::Terminated);
    });
}

// ---- I10: stale entries ----

#[test]
fn i10_a_stale_entry_is_freed_once_in_every_order() {
    check(
        "I10 inline claim; get ‖ pop of the stale entry",
        Bound::None,
        Futex::Block,
        |outcomes| {
            let counts = Counts::default();
            let (task, handle) = counts.task();
            let theirs = counts.clone();
            let worker = Seen::by(move || {
                task.run(&Running);
                Counts::of(&theirs.runs)
            });
            handle.help(&Running);
            assert!(handle.wait(None));
            drop(outcome(handle));
            outcomes.insert(worker.join());
            counts.consumed(1);
            counts.value_gone();
        },
    );
}

#[test]
fn i10_work_taken_back_leaves_a_stale_entry() {
    check("I10 take back ‖ pop", Bound::None, Futex::Block, |outcomes| {
        let runs = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&runs);
        let job = Job::plain(move || count.fetch_add(1, Std::Relaxed));
        // SAFETY: models borrow nothing, and their threads share one OS thread.
        let (task, handle) = unsafe { take_back_pair(job) };
        let worker = spawn(move || task.run(&Running));
        let back = handle();
        worker.join().expect("the worker returns");
        assert_eq!(Counts::of(&runs), usize::from(!back), "I10: run, or given back");
        outcomes.insert(back);
    });

    /// A task, and a closure that takes its work back or waits for it; says whether it came back.
    ///
    /// # Safety
    ///
    /// As for [`Call::create`].
    unsafe fn take_back_pair<W: Work>(work: W) -> (TaskRef, impl FnOnce() -> bool) {
        // SAFETY: the caller's contract.
        let (task, handle) = unsafe { Call::create(work, 1, true) };
        // SAFETY: the handle is of this `Call`.
        (task, move || match unsafe { Call::<W>::take_back(handle) } {
            Ok(_) => true,
            Err(handle) => {
                handle.wait(None);
                false
            }
        })
    }
}

#[test]
fn i10_control_whoever_pops_a_stale_entry_frees_it() {
    control("I10 control: the popper frees a stale entry", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        handle.help(&Running);
        let worker = spawn(move || {
            let header = task.id();
            // SAFETY: none: the handle may still be there. That is the bug.
            unsafe { memory::free(header, Layout::new::<u64>()) };
        });
        assert!(handle.wait(None));
        drop(outcome(handle));
        worker.join().expect("the worker returns");
    });
}
