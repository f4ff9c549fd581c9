//! A pool with a limit, I19 and I43: a submitter that waits for a place is woken, by a taker, by a canceller and by the end; there
//! are never more places than the limit, and they are given in the order of the line.
//!
//! A negative control runs a submitter, a taker or an end of its own, which takes the same steps with one left out.

use super::*;
use crate::batch::{BatchBlock as Batch, BatchOptions, Map};
use crate::block::{Call, Job, Outcome, Panic, Plain, ResultRef, SubmitErrorKind, TaskError};
use crate::models::harness::{Bound, Futex, Seen, check, control, spawn};
use crate::sched::life::Stage;
use crate::sched::{Sched, WhenFull};
use crate::sync::{fence, thread};
use crate::worker;
use std::convert::Infallible;

type Handle = ResultRef<usize, Infallible>;

fn submit(sched: &Sched) -> Result<Handle, SubmitErrorKind> {
    worker::submit(sched, Job::plain(|| 0), WhenFull::Wait).map_err(|(kind, _)| kind)
}

/// A pool of one worker, which the model plays, with a limit.
fn limited(limit: usize) -> Arc<Sched> {
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

/// A worker by hand, over the real `take_injected`, `stop_searching` and `park`, until it has taken `count` or the pool is over.
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

/// Everybody has come and gone.
fn at_rest(sched: &Sched, places: usize) {
    let word = space(sched).word.load(Ordering::Relaxed);
    assert_eq!(
        (used(word) as usize, waiting(word)),
        (places, 0),
        "I43: used and waiting at the end"
    );
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

/// Two submitters and somebody who makes a place for each, while the queue never holds more than one entry.
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

/// Whoever frees a place but for the line.
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
            let turn = turn();
            space.line.with(|line| line.push_back(Waiter::Thread(Arc::clone(&turn))));
            space.word.fetch_add(WAITING, Ordering::Relaxed);
            block_until(&turn.0, 0, None, |word| word != ASLEEP);
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

// ---- the order of the line ----

/// Somebody waits, and a newcomer does not, beside one who frees a place by `frees`.
fn newcomer(sched: &Arc<Sched>, frees: fn(&Sched), takes: fn(&Sched) -> bool) {
    let (one, two) = (Arc::clone(sched), Arc::clone(sched));
    let first = Seen::by(move || submit(&one).is_ok());
    until_waiting(sched, 1);
    let taker = spawn(move || frees(&two));
    assert!(!takes(sched), "I43: a newcomer has overtaken who waits");
    assert!(first.join(), "I43: who waited has its place");
    taker.join().expect("the taker returns");
    at_rest(sched, 1);
}

#[test]
fn i43_a_newcomer_does_not_overtake() {
    check("I43 waiter ‖ taker ‖ newcomer", Bound::Usual, Futex::Block, |_| {
        let (sched, handle) = full();
        newcomer(&sched, run, |sched| {
            let refused = worker::submit(sched, Job::plain(|| 0), WhenFull::Refuse);
            refused.map(drop).map_err(|(kind, _)| assert_eq!(kind, SubmitErrorKind::Full)).is_ok()
        });
        drop(handle);
    });
}

#[test]
fn i43_control_a_place_is_free_before_it_is_given() {
    fn frees(sched: &Sched) {
        let space = space(sched);
        free_only(space);
        space.line.with(|line| {
            if space.word.load(Ordering::Relaxed) % WAITING == 0 {
                space.word.fetch_add(USED, Ordering::Relaxed);
                space.word.fetch_sub(WAITING, Ordering::Relaxed);
                let Some(Waiter::Thread(turn)) = line.pop_front() else { panic!("one waits") };
                turn.end(GRANTED);
            }
        });
    }
    control("I43 control: a place is free before it is given", Bound::Usual, Futex::Block, |_| {
        let sched = limited(1);
        space(&sched).enter_beyond().hand_over();
        newcomer(&sched, frees, |sched| {
            let word = &space(sched).word;
            let seen = word.load(Ordering::Relaxed);
            let taken = seen + USED;
            used(seen) == 0
                && word.compare_exchange(seen, taken, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        });
    });
}

/// Two who wait, one after the other, and one place: it is the first one's.
fn in_order(frees: fn(&Space)) {
    let sched = limited(1);
    space(&sched).enter_beyond().hand_over();
    let waiters = [1, 2].map(|place| {
        let shared = Arc::clone(&sched);
        let waiter =
            Seen::by(move || space(&shared).wait(|| true).map(Permit::hand_over).is_some());
        until_waiting(&sched, place);
        waiter
    });
    let [first, second] = waiters;
    frees(space(&sched));
    assert!(first.join(), "I43: the first has its place");
    assert!(space(&sched).is_awaited(), "I43: the second waits");
    space(&sched).free(1);
    assert!(second.join(), "I43: the second has its place");
    at_rest(&sched, 1);
}

#[test]
fn i43_who_came_first_enters_first() {
    check("I43 waiter ‖ waiter, two places", Bound::Usual, Futex::Block, |_| {
        in_order(|space| space.free(1));
    });
}

#[test]
fn i43_control_who_came_last_enters_first() {
    control("I43 control: who came last enters first", Bound::Usual, Futex::Block, |_| {
        in_order(|space| {
            space.line.with(|line| {
                let Some(Waiter::Thread(turn)) = line.pop_back() else { panic!("two wait") };
                space.word.fetch_sub(WAITING, Ordering::Relaxed);
                turn.end(GRANTED);
            });
        });
    });
}

// ---- an entry in the line ----

type Answer = ResultRef<Vec<usize>, Infallible>;

/// A batch of one item, whose one entry stands in the line.
fn in_line(sched: &Sched) -> Answer {
    let map: Map<_, usize, usize, Infallible, (), ()> = Map::new(Plain(|item: usize| item));
    let places = Some(Arc::clone(space(sched)) as _);
    // SAFETY: models borrow nothing.
    let (mut entries, answer) =
        unsafe { Batch::create(map, vec![7], BatchOptions::default(), 1, sched.id, true, places) };
    sched.inject_with_places(None, entries.uncounted(1)).expect("the pool runs");
    answer
}

fn outcome(answer: Answer) -> Outcome<Vec<usize>, Infallible> {
    assert!(answer.wait(None));
    answer.take_done().unwrap_or_else(|_| unreachable!("DONE was seen"))
}

#[test]
fn i19_an_entry_is_pushed_when_there_is_a_place() {
    check("I19 entry in the line ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (sched, handle) = full();
        let answer = in_line(&sched);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || worker(&shared, 2));
        assert_eq!(outcome(answer).expect("it runs"), [7]);
        worker.join().expect("the worker has taken both");
        drop(handle);
        at_rest(&sched, 0);
    });
}

#[test]
fn i19_an_entry_is_pushed_by_a_canceller() {
    check("I19 entry in the line, cancel ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (sched, handle) = full();
        let answer = in_line(&sched);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || worker(&shared, 2));
        handle.resolve(Reason::Cancelled);
        assert_eq!(outcome(answer).expect("it runs"), [7]);
        worker.join().expect("the worker has taken both");
        drop(handle);
        at_rest(&sched, 0);
    });
}

#[test]
fn i19_an_entry_is_resolved_by_terminate() {
    let report = check(
        "I19 entry in the line ‖ taker ‖ terminate",
        Bound::Whole,
        Futex::Block,
        |outcomes| {
            let (sched, handle) = full();
            let answer = in_line(&sched);
            let shared = Arc::clone(&sched);
            let taker = spawn(move || {
                for _ in 0..2 {
                    if let Some(task) = take(&shared) {
                        task.run(&*shared);
                    }
                }
            });
            sched.terminate();
            taker.join().expect("the taker returns");
            match outcome(answer) {
                Ok(_) => outcomes.insert("Ran"),
                Err(TaskError::Terminated) => outcomes.insert("Terminated"),
                other => panic!("I19: {other:?}"),
            }
            drop(handle);
            at_rest(&sched, 0);
        },
    );
    assert_eq!(report.outcomes, ["\"Ran\"", "\"Terminated\""]);
}

#[test]
fn i19_an_entry_holds_the_end_off() {
    check(
        "I19 entry in the line of a closed pool, cancel ‖ worker",
        Bound::Usual,
        Futex::Block,
        |_| {
            let (sched, handle) = full();
            let answer = in_line(&sched);
            sched.close();
            let shared = Arc::clone(&sched);
            let worker = spawn(move || worker(&shared, usize::MAX));
            handle.resolve(Reason::Cancelled);
            worker.join().expect("the worker leaves");
            assert!(answer.load().is_value(), "I19: what was accepted is left in the line");
            drop((handle, answer));
            at_rest(&sched, 0);
        },
    );
}

#[test]
fn i19_control_an_entry_is_in_neither() {
    control(
        "I19 control: out of the line, then into the queue",
        Bound::Whole,
        Futex::Block,
        |_| {
            let sched = limited(1);
            space(&sched).enter_beyond().hand_over();
            let answer = in_line(&sched);
            let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
            let worker = spawn(move || worker(&one, usize::MAX));
            let frees = spawn(move || {
                let space = space(&two);
                let entry = space.line.with(|line| {
                    space.word.fetch_sub(WAITING, Ordering::Relaxed);
                    line.pop_front()
                });
                let Some(Waiter::Entry(entry)) = entry else { panic!("one waits") };
                assert!(entry.entries().expect("a batch counts").entered(1));
                two.queues.inject(entry);
                let _ = two.tell_workers(true);
            });
            sched.close();
            let _ = outcome(answer);
            frees.join().expect("it returns");
            worker.join().expect("the worker leaves");
        },
    );
}

#[test]
fn i19_control_the_entries_are_left_in_the_line() {
    control("I19 control: terminate but for the line", Bound::None, Futex::Block, |_| {
        let sched = limited(1);
        space(&sched).enter_beyond().hand_over();
        let answer = in_line(&sched);
        let shared = Arc::clone(&sched);
        let end = spawn(move || {
            shared.life.end(Stage::Terminate);
            fence(Ordering::SeqCst);
            shared.resolve_queued();
        });
        let _ = outcome(answer);
        end.join().expect("the end returns");
    });
}

// ---- the pool ends ----

/// Submits to a full pool beside its end, and gets its work back. Why, each time.
fn submit_beside(name: &str, end: fn(&Sched)) -> Vec<String> {
    check(name, Bound::Usual, Futex::Block, move |outcomes| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || worker::submit(&shared, Job::plain(|| 0), WhenFull::Wait));
        end(&sched);
        let Err((kind, job)) = submitter.join() else { panic!("I19: let in by the end") };
        outcomes.insert(kind);
        assert_eq!(job.run.0(), 0, "I19: the work comes back");
        drop(handle);
    })
    .outcomes
}

#[test]
fn i19_a_submission_beside_close() {
    assert_eq!(submit_beside("I19 submit to a full pool ‖ close", Sched::close), ["NotRunning"]);
}

#[test]
fn i19_a_submission_beside_terminate() {
    assert_eq!(
        submit_beside("I19 submit to a full pool ‖ terminate", Sched::terminate),
        ["NotRunning"]
    );
}

#[test]
fn i19_a_submission_beside_an_initializer_that_panics() {
    let seen = submit_beside("I19 submit to a full pool ‖ break down", |sched| {
        sched.break_down(Panic::new(Box::new("why")))
    });
    assert_eq!(seen, ["Broken"]);
}

/// Two submitters to a full pool beside its end.
fn two_beside_the_end(name: &str, end: fn(&Sched)) {
    check(name, Bound::Whole, Futex::Block, move |_| {
        let (sched, handle) = full();
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let submitters = [Seen::by(move || submit(&one)), Seen::by(move || submit(&two))];
        end(&sched);
        for submitter in submitters {
            let refused = submitter.join().map(drop);
            assert_eq!(refused, Err(SubmitErrorKind::NotRunning), "I19: let in by the end");
        }
        drop(handle);
    });
}

#[test]
fn i19_two_submitters_beside_close() {
    two_beside_the_end("I19 submitter ‖ submitter ‖ close", Sched::close);
}

#[test]
fn i19_two_submitters_beside_terminate() {
    two_beside_the_end("I19 submitter ‖ submitter ‖ terminate", Sched::terminate);
}

#[test]
fn i19_a_submission_beside_a_worker_and_terminate() {
    check("I19 submit ‖ worker ‖ terminate", Bound::Whole, Futex::Block, |outcomes| {
        let (sched, handle) = full();
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let submitter = Seen::by(move || submit(&one));
        let worker = spawn(move || worker(&two, 2));
        sched.terminate();
        let submitted = submitter.join();
        worker.join().expect("the worker leaves");
        match submitted.map(|handle| handle.take_done().map_err(|_| ())) {
            Err(SubmitErrorKind::NotRunning) => outcomes.insert("NotRunning"),
            Ok(Ok(Ok(_))) => outcomes.insert("Ran"),
            Ok(Ok(Err(TaskError::Terminated))) => outcomes.insert("Terminated"),
            other => panic!("I19: {other:?}"),
        }
        drop(handle);
    });
}

#[test]
fn i19_control_the_stage_changes_and_nobody_is_woken() {
    control("I19 control: an end and nobody told", Bound::None, Futex::Block, |_| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || submit(&shared));
        sched.life.end(Stage::Terminate);
        fence(Ordering::SeqCst);
        let _ = submitter.join();
        drop(handle);
    });
}

#[test]
fn i19_control_woken_before_the_stage_changes() {
    control("I19 control: woken, then ended", Bound::None, Futex::Block, |_| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || submit(&shared));
        fence(Ordering::SeqCst);
        space(&sched).empty(false);
        sched.life.end(Stage::Terminate);
        let _ = submitter.join();
        drop(handle);
    });
}

#[test]
fn i19_control_the_submitter_does_not_look_at_the_stage() {
    control("I19 control: into the line whatever the stage", Bound::None, Futex::Block, |_| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let submitter = spawn(move || drop(space(&shared).wait(|| true)));
        sched.close();
        submitter.join().expect("the submitter returns");
        drop(handle);
    });
}

#[test]
fn i19_control_the_stage_is_looked_at_before_the_line() {
    control("I19 control: the stage, then the line", Bound::None, Futex::Block, |_| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let submitter = spawn(move || {
            if shared.refusal(false).is_none() {
                drop(space(&shared).wait(|| true));
            }
        });
        sched.close();
        submitter.join().expect("the submitter returns");
        drop(handle);
    });
}
