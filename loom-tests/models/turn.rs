//! A runner's turn, I46: work that is submitted while every worker is busy does not go unheard.

use super::*;
use crate::block::{Call, Job, Reason, TaskRef};
use crate::models::harness::{Bound, Futex, check, control, spawn};
use crate::sched::Sched;
use crate::sync::AtomicU32;
use std::sync::Arc;

/// A worker's loop, in a runner.
struct Loop(Arc<Sched>);

impl PoolView for Loop {
    fn stopping(&self) -> Option<Reason> {
        self.0.stopping()
    }

    fn gives_way(&self) -> bool {
        true
    }

    fn attention(&self) -> Option<&AtomicU32> {
        self.0.attention()
    }

    fn is_work_waiting(&self) -> bool {
        self.0.queues.any_work()
    }

    fn put_back(&self, entry: TaskRef) {
        Sched::put_back(&self.0, entry);
    }
}

/// WORK is up, for work that has been taken since. A runner heeds it, by `heed`, beside a submitter.
fn heeded_beside_a_submission(heed: fn(&mut Turn<'_>)) {
    let sched = Arc::new(Sched::new(1).0);
    sched.attention().expect("a pool has one").fetch_or(WORK, Ordering::Relaxed);
    let view = Loop(Arc::clone(&sched));
    let shared = Arc::clone(&sched);
    let submitter = spawn(move || {
        // SAFETY: models borrow nothing.
        let (task, handle) = unsafe { Call::create(Job::plain(|| 0), 1, true) };
        shared.inject([task]).expect("the pool runs");
        drop(handle);
    });
    let mut turn = Turn::begin(&view).expect("a loop gives way");
    heed(&mut turn);
    let knows = turn.contended;
    submitter.join().expect("the submitter returns");
    let told = sched.attention().expect("a pool has one").load(Ordering::Relaxed) & WORK != 0;
    assert!(
        knows || told,
        "I46: work lies in a queue, and its runner neither knows nor will be told"
    );
    sched.terminate();
}

#[test]
fn i46_a_runner_hears_of_work() {
    check("I46 submit ‖ heed", Bound::None, Futex::Block, |_| {
        heeded_beside_a_submission(|turn| _ = turn.looks(1))
    });
}

#[test]
fn i46_control_a_runner_heeds_without_its_fence() {
    control("I46 control: heed without its fence", Bound::None, Futex::Block, |_| {
        heeded_beside_a_submission(|turn| {
            turn.view.attention().expect("a pool has one").fetch_and(!WORK, Ordering::Relaxed);
            turn.contended |= turn.view.is_work_waiting();
        });
    });
}

/// A pool whose stage changes before STOP goes up.
struct Ending {
    stage: AtomicU32,
    attention: AtomicU32,
}

impl PoolView for Ending {
    fn stopping(&self) -> Option<Reason> {
        assert!(
            self.stage.load(Ordering::Relaxed) != 0,
            "I39: a runner sees STOP and not the stage"
        );
        Some(Reason::Terminated)
    }

    fn attention(&self) -> Option<&AtomicU32> {
        Some(&self.attention)
    }

    fn put_back(&self, entry: TaskRef) {
        unreachable!("no entry is put back: {entry:?}")
    }
}

/// As `Sched::end` does it, with this ordering.
fn stop_beside_a_look(stop: Ordering) -> bool {
    let pool =
        std::sync::Arc::new(Ending { stage: AtomicU32::new(0), attention: AtomicU32::new(0) });
    let ending = std::sync::Arc::clone(&pool);
    let terminator = spawn(move || {
        ending.stage.store(1, Ordering::Relaxed);
        ending.attention.fetch_or(crate::block::STOP, stop);
    });
    let told = crate::block::stop_reason(&*pool).is_some();
    terminator.join().expect("the terminator returns");
    told
}

#[test]
fn i39_a_runner_that_sees_stop_sees_why() {
    check("I39 terminate ‖ a runner looks", Bound::None, Futex::Block, |outcomes| {
        outcomes.insert(stop_beside_a_look(Ordering::Release));
    });
}

#[test]
fn i39_control_stop_carries_nothing() {
    control("I39 control: STOP is Relaxed", Bound::None, Futex::Block, |_| {
        stop_beside_a_look(Ordering::Relaxed);
    });
}
