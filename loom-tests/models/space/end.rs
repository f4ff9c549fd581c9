//! The end of a full pool, I19: it wakes every submitter that waits, and gives the work back.

use super::*;
use crate::block::Panic;

/// Submits to a full pool beside its end, and gets its work back. Why, each time.
fn submit_beside(name: &str, end: fn(&Sched)) -> Vec<String> {
    check(name, Bound::Usual, Futex::Block, move |outcomes| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let submitter = Seen::by(move || worker::submit(&shared, Job::plain(|| 0), None));
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
        let submitter = spawn(move || drop(space(&shared).wait(None, || true)));
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
                drop(space(&shared).wait(None, || true));
            }
        });
        sched.close();
        submitter.join().expect("the submitter returns");
        drop(handle);
    });
}
