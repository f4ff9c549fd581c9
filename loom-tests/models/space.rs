//! A full injector, I19: a submitter that waits for space is woken, by whoever takes and by whoever ends the pool.
//!
//! A negative control runs a submitter, a taker or an end of its own, which takes the same steps with one left out.

use super::*;
use crate::models::harness::{Bound, Futex, Seen, check, control, spawn};
use crate::sched::Sched;
use crate::sched::life::Stage;
use crate::sync::deque::{Injector, Steal};
use crate::task::{Call, Job, Reason, ResultRef, SubmitErrorKind, TaskError, TaskRef};
use crate::worker;
use std::convert::Infallible;
use std::sync::Arc;

type Handle = ResultRef<usize, Infallible>;

fn task() -> (TaskRef, Handle) {
    // SAFETY: models borrow nothing.
    unsafe { Call::create(Job::plain(|| 0), 1, true) }
}

/// A pool of one worker, which the model plays, with a limit that its injector has reached.
fn full(limit: usize) -> Arc<Sched> {
    let (mut sched, _) = Sched::new(1);
    sched.queues.bound(limit);
    for _ in 0..limit {
        sched.inject([task().0]).expect("the pool runs");
    }
    Arc::new(sched)
}

fn enter(sched: &Sched) -> Result<(), SubmitErrorKind> {
    sched.admit(WhenFull::Wait)
}

fn take(sched: &Sched) {
    let task = sched.queues.take_injected(0).expect("the injector is full");
    task.resolve(Reason::Terminated);
}

/// A worker by hand, over the real `take_injected`, `found` and `park`, until it has taken `count` or the pool is over.
fn worker(sched: &Sched, count: usize) {
    let (mut searching, mut taken) = (false, 0);
    while taken < count && !sched.stage().is_over() {
        if let Some(task) = sched.queues.take_injected(0) {
            if searching {
                sched.found();
                searching = false;
            }
            task.run(sched);
            taken += 1;
        } else if sched.park(0, searching) {
            searching = true;
        }
    }
    if searching {
        sched.found();
    }
}

// ---- a worker takes ----

fn one_enters(name: &str, bound: Bound, futex: Futex) {
    check(name, bound, futex, |_| {
        let sched = full(1);
        let shared = Arc::clone(&sched);
        let taker = spawn(move || take(&shared));
        enter(&sched).expect("the pool runs");
        taker.join().expect("the taker returns");
        assert!(!sched.queues.is_injector_full(), "I19: the injector is empty and open");
    });
}

#[test]
fn i19_a_submitter_beside_a_taker() {
    one_enters("I19 submitter ‖ taker", Bound::None, Futex::Block);
}

#[test]
fn i19_a_submitter_beside_a_taker_woken_for_no_reason() {
    one_enters("I19 submitter ‖ taker (Spurious)", Bound::Usual, Futex::Spurious);
}

#[test]
fn i19_two_submitters_beside_a_taker() {
    check("I19 submitter ‖ submitter ‖ taker", Bound::Usual, Futex::Block, |_| {
        let sched = full(1);
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let other = Seen::by(move || enter(&one));
        let taker = spawn(move || take(&two));
        enter(&sched).expect("the pool runs");
        other.join().expect("the pool runs");
        taker.join().expect("the taker returns");
        assert!(!sched.queues.is_injector_full(), "I19: the injector is empty and open");
    });
}

#[test]
fn i19_the_last_of_two_takers_opens() {
    check("I19 submitter ‖ taker ‖ taker, of three", Bound::Usual, Futex::Block, |_| {
        let sched = full(3);
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let takers = [spawn(move || take(&one)), spawn(move || take(&two))];
        enter(&sched).expect("the pool runs");
        for taker in takers {
            taker.join().expect("the taker returns");
        }
        assert!(!sched.queues.is_injector_full(), "I19: the injector holds one of three and is open");
    });
}

#[test]
fn i19_submissions_one_after_the_other_beside_a_worker() {
    check("I19 submit, submit ‖ worker", Bound::Whole, Futex::Block, |_| {
        let sched = full(1);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || worker(&shared, 3));
        for _ in 0..2 {
            enter(&sched).expect("the pool runs");
            sched.inject([task().0]).expect("the pool runs");
        }
        worker.join().expect("the worker has run all");
    });
}

#[test]
fn i19_two_submissions_beside_a_worker() {
    check("I19 submit ‖ submit ‖ worker", Bound::Pair, Futex::Block, |_| {
        let sched = full(1);
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let worker = spawn(move || worker(&one, 3));
        let submit = |sched: &Sched| {
            enter(sched).expect("the pool runs");
            sched.inject([task().0]).expect("the pool runs");
        };
        let other = spawn(move || submit(&two));
        submit(&sched);
        other.join().expect("the other submitter returns");
        worker.join().expect("the worker has run all");
    });
}

#[test]
fn i19_a_tombstone_is_taken_away() {
    check("I19 inline claim, submitter ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (mut sched, _) = Sched::new(1);
        sched.queues.bound(1);
        let sched = Arc::new(sched);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || worker(&shared, 1));
        let (task, handle) = task();
        sched.inject([task]).expect("the pool runs");
        handle.help(&*sched);
        enter(&sched).expect("the pool runs");
        worker.join().expect("the worker has taken the tombstone");
        drop(handle);
    });
}

/// A queue with a limit of one, which it has reached.
struct Bounded {
    space: Space,
    queue: Injector<()>,
}

impl Bounded {
    fn full() -> Arc<Self> {
        let full = Self { space: Space::new(1), queue: Injector::new() };
        full.queue.push(());
        Arc::new(full)
    }

    fn announce(&self) {
        self.space.word.swap(FULL, Ordering::Relaxed);
    }

    fn sleep(&self) {
        block_until(&self.space.word, 0, None, |word| word == OPEN);
    }

    fn wait_well(&self) {
        self.space.wait(|| self.queue.len(), || true);
    }

    fn take_only(&self) {
        assert!(matches!(self.queue.steal(), Steal::Success(())), "one is there");
    }

    fn take_well(&self) {
        self.take_only();
        self.space.taken(|| self.queue.len());
    }
}

/// A submitter that waits as long as the queue is full, beside a taker.
fn lost(name: &str, waits: fn(&Bounded), takes: fn(&Bounded)) {
    control(name, Bound::None, Futex::Block, move |_| {
        let bounded = Bounded::full();
        let shared = Arc::clone(&bounded);
        let taker = spawn(move || takes(&shared));
        while bounded.space.is_full(bounded.queue.len()) {
            waits(&bounded);
        }
        taker.join().expect("the taker returns");
    });
}

#[test]
fn i19_control_the_submitter_does_not_look_again() {
    lost(
        "I19 control: sleep without a second look",
        |bounded| {
            bounded.announce();
            fence(Ordering::SeqCst);
            bounded.sleep();
        },
        Bounded::take_well,
    );
}

#[test]
fn i19_control_the_submitter_does_not_fence() {
    lost(
        "I19 control: FULL without a fence",
        |bounded| {
            bounded.announce();
            if !bounded.queue.is_empty() {
                bounded.sleep();
            } else {
                bounded.space.reopen();
            }
        },
        Bounded::take_well,
    );
}

#[test]
fn i19_control_the_taker_does_not_look() {
    lost("I19 control: a take and nobody told", Bounded::wait_well, Bounded::take_only);
}

#[test]
fn i19_control_the_taker_does_not_fence() {
    lost("I19 control: a take without a fence", Bounded::wait_well, |bounded| {
        bounded.take_only();
        if bounded.space.word.load(Ordering::Relaxed) == FULL && bounded.queue.is_empty() {
            bounded.space.reopen();
        }
    });
}

#[test]
fn i19_control_the_submitter_leaves_its_announcement_behind() {
    fn enter(bounded: &Bounded) {
        while bounded.space.is_full(bounded.queue.len()) {
            bounded.announce();
            fence(Ordering::SeqCst);
            if bounded.queue.is_empty() {
                return;
            }
            bounded.sleep();
        }
    }
    control("I19 control: FULL over an empty injector", Bound::Usual, Futex::Block, |_| {
        let bounded = Bounded::full();
        let (one, two) = (Arc::clone(&bounded), Arc::clone(&bounded));
        let other = spawn(move || enter(&one));
        let taker = spawn(move || two.take_well());
        enter(&bounded);
        other.join().expect("the other submitter returns");
        taker.join().expect("the taker returns");
    });
}

// ---- the pool ends ----

/// Submits to a full pool beside its end, and gets its work back. Why, each time.
fn submit_beside(name: &str, end: fn(&Sched)) -> Vec<String> {
    check(name, Bound::None, Futex::Block, move |outcomes| {
        let sched = full(1);
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || worker::submit(&shared, Job::plain(|| 0)));
        end(&sched);
        let Err((kind, job)) = submitter.join() else { panic!("I19: let in by the end") };
        outcomes.insert(kind);
        assert_eq!(job.run.0(), 0, "I19: the work comes back");
    })
    .outcomes
}

#[test]
fn i19_a_submission_beside_close() {
    assert_eq!(submit_beside("I19 submit to a full pool ‖ close", Sched::close), ["NotRunning"]);
}

#[test]
fn i19_a_submission_beside_terminate() {
    assert_eq!(submit_beside("I19 submit to a full pool ‖ terminate", Sched::terminate), ["NotRunning"]);
}

#[test]
fn i19_a_submission_beside_an_initializer_that_panics() {
    let seen = submit_beside("I19 submit to a full pool ‖ break down", |sched| sched.break_down("why"));
    assert_eq!(seen, ["Broken"]);
}

/// Two submitters to a full pool beside its end.
fn two_beside_the_end(name: &str, end: fn(&Sched)) {
    check(name, Bound::Usual, Futex::Block, move |_| {
        let sched = full(1);
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let submitters = [Seen::by(move || enter(&one)), Seen::by(move || enter(&two))];
        end(&sched);
        for submitter in submitters {
            let refused = submitter.join();
            assert_eq!(refused, Err(SubmitErrorKind::NotRunning), "I19: let in by the end");
        }
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
fn i19_control_the_stage_is_looked_at_before_the_length() {
    control("I19 control: the stage, then the length", Bound::None, Futex::Block, |_| {
        let sched = full(1);
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || {
            let refused = shared.refusal(false);
            refused.map_or_else(|| shared.queues.is_injector_full(), |_| true)
        });
        sched.terminate();
        assert!(submitter.join(), "I19: let in by the end");
    });
}

#[test]
fn i19_a_submission_beside_a_worker_and_terminate() {
    check("I19 submit ‖ worker ‖ terminate", Bound::Whole, Futex::Block, |outcomes| {
        let sched = full(1);
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let submitter = Seen::by(move || worker::submit(&one, Job::plain(|| 0)).map_err(|(kind, _)| kind));
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
    });
}

#[test]
fn i19_control_the_stage_changes_and_nobody_is_woken() {
    control("I19 control: an end and nobody told", Bound::None, Futex::Block, |_| {
        let sched = full(1);
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || enter(&shared));
        sched.life.end(Stage::Terminate);
        fence(Ordering::SeqCst);
        let _ = submitter.join();
    });
}

#[test]
fn i19_control_woken_before_the_stage_changes() {
    control("I19 control: woken, then ended", Bound::None, Futex::Block, |_| {
        let sched = full(1);
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || enter(&shared));
        fence(Ordering::SeqCst);
        sched.queues.reopen_injector();
        sched.life.end(Stage::Terminate);
        let _ = submitter.join();
    });
}

#[test]
fn i19_control_the_submitter_does_not_look_at_the_stage() {
    control("I19 control: a second look at the length alone", Bound::None, Futex::Block, |_| {
        let sched = full(1);
        let shared = Arc::clone(&sched);
        let submitter = spawn(move || shared.queues.wait_for_space(|| true));
        sched.close();
        submitter.join().expect("the submitter returns");
    });
}

#[test]
fn i19_control_the_stage_changes_without_a_fence() {
    control("I19 control: an end without its fence", Bound::None, Futex::Block, |_| {
        let sched = full(1);
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || enter(&shared));
        sched.life.close();
        sched.queues.reopen_injector();
        let _ = submitter.join();
    });
}
