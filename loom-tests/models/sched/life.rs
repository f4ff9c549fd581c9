//! The pool ends, I17 and I30 to I34: it completes what it accepted or gives it back, and one
//! worker finds it drained.

use super::*;
use crate::sched::life::Life;

/// What came of a submission that raced with the pool's end.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    GivenBack,
    Ran,
    Terminated,
}

fn submit(sched: &Sched, runs: &Arc<AtomicUsize>) -> Result<Handle, SubmitErrorKind> {
    let runs = Arc::clone(runs);
    worker::submit(sched, Job::plain(move || runs.fetch_add(1, Std::Relaxed)), None)
        .map_err(|(kind, _)| kind)
}

fn fate(submitted: Result<Handle, SubmitErrorKind>, runs: &AtomicUsize) -> Fate {
    let ran = runs.load(Std::Relaxed);
    match submitted.map(value) {
        Err(kind) => {
            assert_eq!(kind, SubmitErrorKind::NotRunning);
            assert_eq!(ran, 0, "I31: a task that was given back has run");
            Fate::GivenBack
        }
        Ok(Ok(_)) => {
            assert_eq!(ran, 1, "I31: a task that has a value has run once");
            Fate::Ran
        }
        Ok(Err(TaskError::Terminated)) => {
            assert_eq!(ran, 0, "I33: a task that was terminated has run");
            Fate::Terminated
        }
        Ok(Err(other)) => panic!("I31: {other}"),
    }
}

fn submit_beside_the_end(name: &str, workers: usize, bound: Bound, end: fn(&Sched)) -> Vec<String> {
    check(name, bound, Futex::Block, move |outcomes| {
        let (sched, contexts) = pool(workers);
        let workers: Vec<_> = contexts.into_iter().map(start).collect();
        let (shared, runs) = (Arc::clone(&sched), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&runs);
        let submitter = Seen::by(move || submit(&shared, &counted));
        end(&sched);
        let left = crate::wait::block_until(sched.live(), 0, None, |live| live == 0);
        assert_eq!(left, Some(0));
        let submitted = submitter.join();
        join(workers);
        outcomes.insert(fate(submitted, &runs));
        at_rest(&sched);
    })
    .outcomes
}

#[test]
fn i30_i31_i34_submit_beside_close() {
    let seen =
        submit_beside_the_end("I30 I31 I34 submit ‖ close ‖ worker", 1, Bound::Whole, Sched::close);
    assert_eq!(seen, ["GivenBack", "Ran"]);
}

#[test]
fn i17_i30_i32_close_beside_two_workers() {
    check("I17 I30 I32 close ‖ worker, a task ‖ worker", Bound::Pair, Futex::Block, |_| {
        let (sched, _) = pool(2);
        let (task, handle) = task(|| 0);
        sched.inject([task]).expect("the pool runs");
        let workers: Vec<_> = (0..2)
            .map(|me| {
                let sched = Arc::clone(&sched);
                spawn(move || look_and_park(&sched, me, false, |sched, task| task.run(sched)))
            })
            .collect();
        sched.close();
        join(workers);
        value(handle).expect("I17 I30: what was accepted before close has run");
        at_rest(&sched);
    });
}

#[test]
fn i31_i33_i34_submit_beside_terminate() {
    let seen = submit_beside_the_end(
        "I31 I33 I34 submit ‖ terminate ‖ worker",
        1,
        Bound::Whole,
        Sched::terminate,
    );
    assert_eq!(seen, ["GivenBack", "Ran", "Terminated"]);
}

#[test]
fn i31_submit_beside_close_and_terminate() {
    submit_beside_the_end("I31 submit ‖ close, terminate ‖ worker", 1, Bound::Whole, |sched| {
        sched.close();
        sched.terminate();
    });
}

#[test]
fn i33_terminate_beside_inline_claim_and_pop() {
    check("I33 terminate ‖ inline claim ‖ worker", Bound::Whole, Futex::Block, |outcomes| {
        let (sched, contexts) = pool(1);
        let runs = Arc::new(AtomicUsize::new(0));
        let submitted = submit(&sched, &runs);
        let workers: Vec<_> = contexts.into_iter().map(start).collect();
        let shared = Arc::clone(&sched);
        let terminator = spawn(move || shared.terminate());
        let handle = submitted.expect("the pool runs");
        handle.help(&*sched);
        assert!(handle.wait(None), "I31: the handle completes");
        terminator.join().expect("the terminator returns");
        join(workers);
        outcomes.insert(fate(Ok(handle), &runs));
    });
}

#[test]
fn i32_exactly_one_worker_finds_the_pool_drained() {
    /// Joins the drained-idle ones; the last looks again. Says whether it found the pool drained.
    fn quiet(life: &Life) -> bool {
        loop {
            match life.join_drained_idle() {
                Duty::LookAgain if life.try_finish_drain(false, true) => return true,
                Duty::LookAgain => {}
                Duty::Park | Duty::NotClosed => return false,
            }
        }
    }
    check("I32 quiet ‖ quiet, again", Bound::None, Futex::Block, |_| {
        let life = Arc::new(Life::new(2));
        assert!(life.close());
        let shared = Arc::clone(&life);
        let other = Seen::by(move || {
            if quiet(&shared) {
                return 1;
            }
            // Woken for nothing, it leaves and comes back, unless the pool has been found drained.
            shared.leave_drained_idle();
            usize::from(quiet(&shared))
        });
        let mine = usize::from(quiet(&life));
        assert_eq!(mine + other.join(), 1, "I32: the pool is found drained exactly once");
        assert_eq!(life.stage(), Stage::Drained);
    });
}

#[test]
fn i32_control_settling_without_the_count() {
    control("I32 control: DRAINED without being counted", Bound::None, Futex::Block, |_| {
        let life = Arc::new(Life::new(1));
        assert!(life.close());
        let drained = Arc::new(AtomicUsize::new(0));
        let is_closed = |life: &Life| life.stage() == Stage::Closed;
        let (shared, count) = (Arc::clone(&life), Arc::clone(&drained));
        let other = spawn(move || {
            if is_closed(&shared) {
                let _ = shared.join_drained_idle();
                count.fetch_add(usize::from(shared.stage() >= Stage::Draining), Std::Relaxed);
            }
        });
        if is_closed(&life) {
            let _ = life.join_drained_idle();
            drained.fetch_add(usize::from(life.stage() >= Stage::Draining), Std::Relaxed);
        }
        other.join().expect("the other returns");
        assert_eq!(drained.load(Std::Relaxed), 1, "I32: the pool is found drained exactly once");
    });
}

/// A submission that was accepted beside a worker that ends by hand.
fn stranded(name: &str, submit: fn(&Sched, TaskRef) -> bool, end: fn(&Sched)) {
    control(name, Bound::None, Futex::Block, move |_| {
        let (sched, _) = pool(1);
        let shared = Arc::clone(&sched);
        let (task, handle) = task(|| 0);
        let submitter = Seen::by(move || submit(&shared, task));
        end(&sched);
        if submitter.join() {
            drop(value(handle));
        } else {
            // Given back. What is left in the queue is freed with the pool.
            drop(handle);
        }
    });
}

/// Runs what is there, then finds the pool drained.
fn drain_as(sched: &Sched, settle: fn(&Sched)) {
    assert!(sched.life.close());
    sched.queues.empty(|task| task.run(sched));
    settle(sched);
    if sched.stage() != Stage::Drained {
        sched.queues.empty(|task| task.run(sched));
    }
}

fn settle_well(sched: &Sched) {
    assert_eq!(sched.life.join_drained_idle(), Duty::LookAgain);
    sched.finish_drain(true);
}

fn submit_looking_twice(sched: &Sched, task: TaskRef) -> bool {
    if sched.refusal(false).is_some() {
        task.resolve(Reason::Terminated);
        return false;
    }
    sched.inject([task]).is_ok()
}

#[test]
fn i17_i30_control_look_then_drained() {
    stranded("I17 I30 control: look, then DRAINED", submit_looking_twice, |sched| {
        drain_as(sched, |sched| {
            let found = sched.queues.any_work();
            assert_eq!(sched.life.join_drained_idle(), Duty::LookAgain);
            fence(Ordering::SeqCst);
            sched.life.try_finish_drain(found, true);
        });
    });
}

#[test]
fn i30_control_drained_without_a_fence() {
    stranded("I30 control: DRAINING without its fence", submit_looking_twice, |sched| {
        drain_as(sched, |sched| {
            assert_eq!(sched.life.join_drained_idle(), Duty::LookAgain);
            sched.life.try_finish_drain(sched.queues.any_work(), true);
        });
    });
}

#[test]
fn i31_control_the_submitter_does_not_look_again() {
    stranded(
        "I31 control: submit without a second look",
        |sched, task| {
            if sched.refusal(false).is_some() {
                task.resolve(Reason::Terminated);
                return false;
            }
            sched.queues.inject(task);
            true
        },
        |sched| drain_as(sched, settle_well),
    );
}

#[test]
fn i31_control_the_terminator_drains_before_it_ends_the_pool() {
    stranded("I31 control: drain, then TERMINATE", submit_looking_twice, |sched| {
        sched.queues.empty(|task| task.resolve(Reason::Terminated));
        sched.life.end(Stage::Terminate);
    });
}

#[test]
fn i33_control_the_terminator_resolves_what_it_has_not_claimed() {
    control("I33 control: resolved without a claim", Bound::None, Futex::Block, |_| {
        let (task, handle) = task(|| 0);
        let handle = Arc::new(handle);
        let shared = Arc::clone(&handle);
        let winners = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&winners);
        let terminator = spawn(move || {
            if !shared.load().is_claimed() {
                theirs.fetch_add(1, Std::Relaxed);
            }
        });
        task.run(&*pool(1).0);
        winners.fetch_add(1, Std::Relaxed);
        terminator.join().expect("the terminator returns");
        assert_eq!(winners.load(Std::Relaxed), 1, "I33: one of terminate, claim and pop wins");
    });
}

#[test]
fn i34_control_the_worker_does_not_look_at_the_stage() {
    control("I34 control: park without a look at the stage", Bound::None, Futex::Block, |_| {
        let (sched, _) = pool(1);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            flawed_worker(&shared, 0, Flaw::NoStageInLook);
        });
        sched.terminate();
        worker.join().expect("the worker leaves");
    });
}
