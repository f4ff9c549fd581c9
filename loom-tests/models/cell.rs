//! The task cell, I1 to I11: one block, its queue's right and its handle's right, in every order.
//!
//! A negative control drives the same transitions as the source with one step left out or moved.

use super::header::discharge;
use super::*;
use crate::models::harness::{Bound, Futex, Running, Seen, Watched, check, control, spawn};
use crate::sync::{AtomicU32, Ordering, clock, futex};
use std::alloc::Layout;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Std};
use std::task::{Poll, Wake, Waker};

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

// ---- I2, I3, I4, I7: the end of the block ----

#[test]
fn i2_i3_i4_i7_handle_drop_beside_completion() {
    check("I2 I3 I4 I7 handle drop ‖ complete", Bound::None, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let done = handle.load().is_done();
        drop(handle);
        worker.join().expect("the worker returns");
        counts.consumed(1);
        counts.value_gone();
        outcomes.insert(done);
    });
}

#[test]
fn i2_i3_i7_handle_drop_beside_resolving() {
    check("I2 I3 I7 handle drop ‖ terminate", Bound::None, Futex::Block, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let terminator = spawn(move || task.resolve(Reason::Terminated));
        drop(handle);
        terminator.join().expect("the terminator returns");
        counts.consumed(0);
    });
}

#[test]
fn i4_i7_waker_handle_drop_beside_completion() {
    check("I4 I7 drop of a polled handle ‖ complete", Bound::None, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, mut handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let signal = Signal::new();
        let pending = handle.poll(&signal.waker()).is_pending();
        drop(handle);
        worker.join().expect("the worker returns");
        counts.consumed(1);
        counts.value_gone();
        outcomes.insert((pending, signal.wakes()));
    });
}

#[test]
fn i4_i7_handle_drop_beside_completion_that_wakes() {
    check("I4 I7 waiter, then drop ‖ complete ‖ waiter", Bound::Usual, Futex::Block, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let handle = Arc::new(handle);
        let shared = Arc::clone(&handle);
        let worker = spawn(move || task.run(&Running));
        let waiter = spawn(move || {
            shared.wait(None);
        });
        handle.wait(None);
        waiter.join().expect("the waiter returns");
        drop(handle);
        worker.join().expect("the worker returns");
        counts.consumed(1);
        counts.value_gone();
    });
}

#[test]
fn i2_i4_control_the_handle_is_given_up_before_the_output_is_dropped() {
    control(
        "I2 I4 control: HANDLE cleared before the output is dropped",
        Bound::None,
        Futex::Block,
        |_| {
            let counts = Counts::default();
            let (task, handle) = counts.task();
            let waits = Arc::new(handle);
            let shared = Arc::clone(&waits);
            let worker = spawn(move || task.run(&Running));
            // A waiter sends the completer down its slow path, where it may be the one that frees.
            shared.wait(None);
            drop(shared);
            let handle = Arc::into_inner(waits).expect("the only one");
            let (header, table) = (handle.id(), handle.table());
            std::mem::forget(handle);
            // SAFETY: none: that is the bug.
            let duty = unsafe { header.as_ref() }.state().leave_handle();
            // SAFETY: none: that is the bug.
            unsafe { (table.drop_outcome)(header) };
            // SAFETY: the duty is of this block.
            unsafe { discharge(header, duty) };
            worker.join().expect("the worker returns");
        },
    );
}

#[test]
fn i3_control_the_last_owner_does_not_free() {
    control("I3 control: nobody frees", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        handle.wait(None);
        // SAFETY: the outcome is this side's; the block is left behind: that is the bug.
        unsafe { (handle.table().drop_outcome)(handle.id()) };
        std::mem::forget(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i4_i7_control_the_completer_wakes_after_giving_up_its_right() {
    control("I4 control: wake-up after the right is given up", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || {
            let header = task.id();
            task.run(&Running);
            // SAFETY: none: that is the bug.
            futex::wake_all(unsafe { header.as_ref() }.state().word());
        });
        handle.wait(None);
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

// ---- I5: callbacks ----

/// A task whose callback writes `told`.
fn task_with_callback(told: Arc<Watched>) -> (TaskRef, ResultRef<(), Infallible>) {
    let job = Job {
        run: Plain(|| ()),
        on_value: Tell(move |(): &()| told.write()),
        on_error: (),
        returns: PhantomData,
    };
    // SAFETY: models borrow nothing, and their threads share one OS thread.
    unsafe { Call::create(job, 1, true) }
}

#[test]
fn i5_whoever_sees_done_sees_the_callback() {
    check("I5 callback before DONE", Bound::None, Futex::Block, |outcomes| {
        let told = Arc::new(Watched::new());
        let (task, handle) = task_with_callback(Arc::clone(&told));
        let worker = spawn(move || task.run(&Running));
        let done = handle.load().is_done();
        if done {
            told.read();
        }
        outcomes.insert(done);
        assert!(handle.wait(None));
        told.read();
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i5_control_callback_after_done() {
    control("I5 control: callback after DONE", Bound::None, Futex::Block, |_| {
        let told = Arc::new(Watched::new());
        let late = Arc::clone(&told);
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || {
            task.run(&Running);
            late.write();
        });
        if handle.load().is_done() {
            told.read();
        }
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

// ---- I6: the waker ----

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

#[test]
fn i6_a_pending_poll_is_woken_exactly_once() {
    check("I6 poll ‖ complete", Bound::None, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, mut handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let signal = Signal::new();
        let pending = handle.poll(&signal.waker()).is_pending();
        if pending {
            signal.wait();
            assert!(
                handle.poll(&signal.waker()).is_ready(),
                "I6: the waker is woken when the task is DONE"
            );
        }
        drop(outcome(handle));
        worker.join().expect("the worker returns");
        assert_eq!(signal.wakes(), usize::from(pending), "I6: the hook is woken exactly once");
        assert_eq!(Arc::strong_count(&signal), 1, "I6: the hook is dropped");
        counts.consumed(1);
        counts.value_gone();
        outcomes.insert(pending);
    });
}

#[test]
fn i6_a_replaced_waker_is_not_woken_and_the_new_one_is() {
    check("I6 poll; poll with another waker ‖ complete", Bound::None, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, mut handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let (first, second) = (Signal::new(), Signal::new());
        let polled = handle.poll(&first.waker()).is_pending();
        let again = polled && handle.poll(&second.waker()).is_pending();
        if again {
            second.wait();
        }
        worker.join().expect("the worker returns");
        assert!(handle.load().is_done());
        assert_eq!(
            second.wakes(),
            usize::from(again),
            "I6: the last hook given is woken exactly once"
        );
        assert!(
            first.wakes() <= usize::from(polled && !again),
            "I6: a hook that was replaced is not woken"
        );
        drop(handle);
        assert_eq!(
            (Arc::strong_count(&first), Arc::strong_count(&second)),
            (1, 1),
            "I6: the hooks are dropped"
        );
        outcomes.insert((polled, again, first.wakes()));
    });
}

#[test]
fn i6_control_the_completer_ignores_the_hook() {
    control("I6 control: the hook is not woken", Bound::None, Futex::Block, |_| {
        let (task, mut handle) = Counts::default().task();
        let worker = spawn(move || {
            let header = task.id();
            // SAFETY: the queue's right keeps the block alive.
            let _ = unsafe { header.as_ref() }.state().finish(state::Kind::Value, true);
        });
        let signal = Signal::new();
        if handle.poll(&signal.waker()).is_pending() {
            signal.wait();
        }
        std::mem::forget(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i6_control_the_slot_is_written_while_it_is_lent() {
    control("I6 control: the slot is written while it is lent", Bound::None, Futex::Block, |_| {
        let (task, mut handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        let signal = Signal::new();
        if handle.poll(&signal.waker()) == Poll::Pending {
            // SAFETY: none: WAKER is up. That is the bug.
            unsafe { handle.block().put_waker(signal.waker()) };
        }
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

// ---- I8, I11: waiting ----

fn two_waiters(futex: Futex) {
    check(&format!("I8 two waiters ‖ complete ({futex:?})"), Bound::Usual, futex, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let handle = Arc::new(handle);
        let shared = Arc::clone(&handle);
        let waiter =
            spawn(move || assert!(shared.wait(None), "I8: a wait without a limit ends with DONE"));
        let worker = spawn(move || task.run(&Running));
        assert!(handle.wait(None), "I8: a wait without a limit ends with DONE");
        waiter.join().expect("the waiter returns");
        worker.join().expect("the worker returns");
        drop(outcome(Arc::into_inner(handle).expect("the waiter has dropped its clone")));
        counts.value_gone();
    });
}

#[test]
fn i8_two_waiters() {
    two_waiters(Futex::Block);
}

#[test]
fn i8_the_outcome_comes_with_done_whatever_ended_the_wait() {
    check("I8 waiter ‖ complete (Spurious)", Bound::None, Futex::Spurious, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        assert!(handle.wait(None));
        drop(outcome(handle));
        worker.join().expect("the worker returns");
        counts.value_gone();
    });
}

#[test]
fn i8_control_the_waiter_does_not_announce_itself() {
    control("I8 control: no announcement", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        crate::wait::block_until(handle.block().state().word(), 0, None, |word| {
            state::Snapshot::of(word).is_done()
        });
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i8_control_the_outcome_is_taken_on_an_unordered_look() {
    control("I8 control: DONE seen without Acquire", Bound::None, Futex::Spurious, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        let word = handle.block().state().word();
        while !state::Snapshot::of(word.load(Ordering::Relaxed)).is_done() {
            crate::sync::thread::relax();
        }
        // SAFETY: none: DONE was seen without an ordering. That is the bug.
        let value = unsafe { (handle.table().outcome)(handle.id(), header::Access::Read) };
        let _ = value;
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i11_a_wait_that_timed_out_leaves_the_handle_as_good_as_before() {
    check("I11 timed wait ‖ complete ‖ time-out", Bound::Usual, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let time = spawn(clock::expire);
        let deadline =
            clock::Deadline::after(std::time::Duration::from_secs(1)).expect("within the clock");
        let done = handle.wait(Some(&deadline));
        if done {
            assert!(handle.load().is_done(), "I11: a timed wait says done only when DONE");
        }
        // The word may carry the WAITER bit that the time-out left behind.
        assert!(handle.wait(None));
        drop(outcome(handle));
        worker.join().expect("the worker returns");
        time.join().expect("time goes by");
        counts.consumed(1);
        counts.value_gone();
        outcomes.insert(done);
    });
}

#[test]
fn i11_control_a_time_out_is_taken_for_done() {
    control("I11 control: a time-out is taken for DONE", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        let time = spawn(clock::expire);
        let deadline =
            clock::Deadline::after(std::time::Duration::from_secs(1)).expect("within the clock");
        handle.wait(Some(&deadline));
        drop(outcome(handle));
        worker.join().expect("the worker returns");
        time.join().expect("time goes by");
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

// ---- I5: what comes with Ready ----

/// Polls once beside the completion of a task with a callback, and looks at what that wrote if `is_ready` says so.
fn callback_beside(is_ready: fn(&mut ResultRef<(), Infallible>, &Waker) -> bool) -> bool {
    let told = Arc::new(Watched::new());
    let (task, mut handle) = task_with_callback(Arc::clone(&told));
    let worker = spawn(move || task.run(&Running));
    let ready = is_ready(&mut handle, &Signal::new().waker());
    if ready {
        told.read();
    }
    drop(handle);
    worker.join().expect("the worker returns");
    ready
}

#[test]
fn i5_whoever_is_told_ready_sees_the_callback() {
    check("I5 poll ‖ callback, complete", Bound::None, Futex::Block, |outcomes| {
        outcomes.insert(callback_beside(|handle, waker| handle.poll(waker).is_ready()));
    });
}

#[test]
fn i5_control_ready_is_told_on_an_unordered_look() {
    control("I5 control: Ready told without Acquire", Bound::None, Futex::Block, |_| {
        callback_beside(|handle, _| {
            state::Snapshot::of(handle.block().state().word().load(Ordering::Relaxed)).is_done()
        });
    });
}
