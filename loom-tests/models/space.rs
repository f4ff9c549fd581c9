//! A pool with a limit, I19 and I43: a thread that frees a place wakes a submitter that waits for
//! one, and there are never more places than the limit.
//!
//! `space/order.rs` has the order of the line, `space/entry.rs` has an entry that stands in the
//! line, `space/end.rs` has the end of the pool, and `space/reserve.rs` has futures and threads
//! that wait for a place and give up. A negative control runs a submitter, a taker
//! or an end of its own, which takes the same steps with one left out.

#[path = "space/end.rs"]
mod end;
#[path = "space/entry.rs"]
mod entry;
#[path = "space/order.rs"]
mod order;
#[path = "space/reserve.rs"]
mod reserve;

use super::*;
use crate::block::{Call, Job, ResultRef, SubmitErrorKind, TaskError};
use crate::models::harness::{Bound, Futex, Seen, check, control, spawn};
use crate::sched::life::Stage;
use crate::sched::line::Call as WakeUp;
use crate::sched::{Sched, WhenFull};
use crate::sync::{fence, thread};
use crate::worker;
use std::convert::Infallible;

type Handle = ResultRef<usize, Infallible>;

fn submit(sched: &Sched) -> Result<Handle, SubmitErrorKind> {
    worker::submit(sched, Job::plain(|| 0), None).map_err(|(kind, _)| kind)
}

/// A pool of one worker, which the model plays, with a limit.
fn limited(limit: usize) -> Arc<Sched> {
    let name = String::from("model");
    let limit = Limit { max_queued: limit, when_full: WhenFull::Wait, name };
    Sched::new(1).0.share(Some(limit))
}

fn space(sched: &Sched) -> &Arc<Space> {
    sched.space.as_ref().expect("the pool has a limit")
}

/// A pool whose one place is used.
fn full() -> (Arc<Sched>, Handle) {
    let sched = limited(1);
    let handle = submit(&sched).expect("the pool runs");
    (sched, handle)
}

/// Takes the oldest entry, if there is one.
fn take(sched: &Sched) -> Option<TaskRef> {
    sched.queues.take_injected(0)
}

/// Takes the oldest entry and runs it.
fn run(sched: &Sched) {
    take(sched).expect("an entry is there").run(sched);
}

/// A worker by hand, over the real `take_injected`, `stop_searching` and `park`, until it has taken
/// `count` or the pool is over.
fn worker(sched: &Sched, count: usize) {
    let (mut searching, mut taken) = (false, 0);
    while taken < count && !sched.stage().is_over() {
        if let Some(task) = take(sched) {
            if searching {
                sched.stop_searching();
                searching = false;
            }
            task.run(sched);
            taken += 1;
        } else if sched.park(0, searching) {
            searching = true;
        }
    }
    if searching {
        sched.stop_searching();
    }
}

/// Until so many stand in the line.
fn until_waiting(sched: &Sched, count: u64) {
    while waiting(space(sched).word.load(Ordering::Relaxed)) < count {
        thread::yield_now();
    }
}

/// All submitters have come and gone.
fn at_rest(sched: &Sched, places: usize) {
    let word = space(sched).word.load(Ordering::Relaxed);
    assert_eq!(
        (used(word) as usize, waiting(word)),
        (places, 0),
        "I43: used and waiting at the end"
    );
}

/// Gives a waiter a place, and wakes it.
fn answer(waiter: Waiter) {
    waiter.answer(GRANTED).map(WakeUp::wake).expect("it is no entry");
}

// ---- a place becomes free ----

fn one_enters(name: &str, bound: Bound, futex: Futex, frees: fn(&Sched, Handle)) {
    check(name, bound, futex, move |_| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let other = spawn(move || frees(&shared, handle));
        submit(&sched).expect("the pool runs");
        other.join().expect("the other returns");
        at_rest(&sched, 1);
    });
}

fn taker(sched: &Sched, handle: Handle) {
    run(sched);
    drop(handle);
}

fn canceller(_: &Sched, handle: Handle) {
    assert!(handle.resolve(Reason::Cancelled), "nobody else is there");
}

#[test]
fn i19_a_submitter_beside_a_taker() {
    one_enters("I19 submitter ‖ taker", Bound::None, Futex::Block, taker);
}

#[test]
fn i19_a_submitter_beside_a_taker_woken_for_no_reason() {
    one_enters("I19 submitter ‖ taker (Spurious)", Bound::Usual, Futex::Spurious, taker);
}

#[test]
fn i19_a_submitter_beside_a_canceller() {
    one_enters("I19 submitter ‖ canceller", Bound::None, Futex::Block, canceller);
}

#[test]
fn i19_a_stale_entry_is_taken_away() {
    check("I19 inline claim, submitter ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let worker = spawn(move || worker(&shared, 2));
        handle.help(&*sched);
        submit(&sched).expect("the place is free");
        worker.join().expect("the worker has taken the stale entry and the other");
        drop(handle);
        at_rest(&sched, 0);
    });
}

#[test]
fn i19_submissions_one_after_the_other_beside_a_worker() {
    check("I19 submit, submit ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let worker = spawn(move || worker(&shared, 3));
        for _ in 0..2 {
            submit(&sched).expect("the pool runs");
        }
        worker.join().expect("the worker has run all");
        drop(handle);
        at_rest(&sched, 0);
    });
}

/// Two submitters and a taker that makes a place for each, while the queue never holds more than
/// one entry.
fn two_enter(sched: &Arc<Sched>, enters: fn(&Sched)) {
    let (one, two) = (Arc::clone(sched), Arc::clone(sched));
    let other = spawn(move || enters(&one));
    let taker = spawn(move || {
        run(&two);
        while take(&two).map(|task| task.run(&*two)).is_none() {
            thread::yield_now();
        }
    });
    enters(sched);
    assert!(sched.queues.living_outside() <= 1, "I43: more is queued than the limit");
    other.join().expect("the other submitter returns");
    taker.join().expect("the taker returns");
}

#[test]
fn i19_i43_two_submitters_beside_a_taker() {
    check("I19 I43 submitter ‖ submitter ‖ taker", Bound::Whole, Futex::Block, |_| {
        let (sched, handle) = full();
        two_enter(&sched, |sched| drop(submit(sched).expect("the pool runs")));
        drop(handle);
    });
}

/// What a thread does that frees a place, but for the line.
fn free_only(space: &Space) {
    space.word.fetch_sub(USED, Ordering::Relaxed);
}

#[test]
fn i19_control_the_line_is_not_looked_at() {
    control("I19 control: a place is free and nobody told", Bound::None, Futex::Block, |_| {
        let sched = limited(1);
        space(&sched).enter_beyond().hand_over();
        let shared = Arc::clone(&sched);
        let taker = spawn(move || free_only(space(&shared)));
        submit(&sched).expect("the pool runs");
        taker.join().expect("the taker returns");
    });
}

#[test]
fn i19_control_the_canceller_frees_nothing() {
    control("I19 control: a cancelled task keeps its place", Bound::None, Futex::Block, |_| {
        let sched = limited(1);
        space(&sched).enter_beyond().hand_over();
        // SAFETY: models borrow nothing.
        let (task, handle) = unsafe { Call::create(Job::plain(|| 0), 1, true) };
        sched.queues.inject(task);
        let canceller = spawn(move || assert!(handle.resolve(Reason::Cancelled)));
        submit(&sched).expect("the pool runs");
        canceller.join().expect("the canceller returns");
    });
}

#[test]
fn i19_control_in_the_line_without_a_count() {
    control("I19 control: in the line before it counts", Bound::None, Futex::Block, |_| {
        let sched = limited(1);
        space(&sched).enter_beyond().hand_over();
        let shared = Arc::clone(&sched);
        let taker = spawn(move || space(&shared).free(1));
        let space = space(&sched);
        if space.take(1) == 0 {
            let answer = Answer::of_thread();
            space.line.with(|line| line.push_back(Waiter::Thread(Arc::clone(&answer))));
            space.word.fetch_add(WAITING, Ordering::Relaxed);
            block_until(&answer.0, 0, None, |word| word != NONE);
        }
        taker.join().expect("the taker returns");
    });
}

#[test]
fn i43_control_a_place_is_taken_in_two_steps() {
    fn enters(sched: &Sched) {
        let word = &space(sched).word;
        let seen = word.load(Ordering::Relaxed);
        if used(seen) == 0 {
            word.store(seen + USED, Ordering::Relaxed);
            // SAFETY: models borrow nothing.
            sched.queues.inject(unsafe { Call::create(Job::plain(|| 0), 1, true) }.0);
        }
    }
    control("I43 control: a look, then a place", Bound::Usual, Futex::Block, |_| {
        let sched = limited(1);
        let shared = Arc::clone(&sched);
        let other = spawn(move || enters(&shared));
        enters(&sched);
        other.join().expect("the other returns");
        assert!(sched.queues.living_outside() <= 1, "I43: more is queued than the limit");
    });
}
