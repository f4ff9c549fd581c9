//! A pool is shut down, I55 and I56: a permit that is used beside the last look, and a future that
//! waits for the last worker.

use super::*;
use crate::models::harness::Watched;
use crate::worker::Entrance;
use std::task::{Wake, Waker};

// ---- a permit beside the last look ----

/// One pool of one worker that is shut down beside a submission by a permit.
fn permit_beside(name: &str, bound: Bound, shut: fn(&Sched), early: bool) -> Vec<String> {
    check(name, bound, Futex::Block, move |outcomes| {
        let (sched, contexts) = pool(1);
        if early {
            sched.close_for_shutdown();
        }
        let workers: Vec<_> = contexts.into_iter().map(start).collect();
        let shared = Arc::clone(&sched);
        let user = Seen::by(move || {
            let submitted = worker::submit_by(&shared, Job::plain(|| 7), Entrance::Permit(None));
            let over = shared.stage().is_over();
            assert!(submitted.is_ok() || over, "I55: refused, and the pool goes on");
            submitted.map_err(|(kind, _)| kind)
        });
        shut(&sched);
        let submitted = user.join();
        join(workers);
        match submitted.map(value) {
            Err(kind) => outcomes.insert(kind),
            Ok(Ok(seven)) => outcomes.insert(seven),
            Ok(Err(error)) => outcomes.insert(error.to_string()),
        }
        at_rest(&sched);
    })
    .outcomes
}

#[test]
fn i55_i30_i31_a_permit_beside_the_last_look() {
    let name = "I55 I30 I31 permit ‖ last look";
    assert_eq!(permit_beside(name, Bound::Whole, |_| (), true), ["7", "NotRunning"]);
}

#[test]
fn i55_i30_i31_a_permit_beside_a_shutdown() {
    let name = "I55 I30 I31 permit ‖ shutdown ‖ worker";
    let seen = permit_beside(name, Bound::Pair, Sched::close_for_shutdown, false);
    assert_eq!(seen, ["7", "NotRunning"]);
}

#[test]
fn i55_control_draining_is_taken_for_a_yes() {
    control("I55 control: DRAINING is a yes", Bound::Usual, Futex::Block, |_| {
        let (sched, contexts) = pool(1);
        sched.close_for_shutdown();
        let workers: Vec<_> = contexts.into_iter().map(start).collect();
        let (task, handle) = task(|| 7);
        let shared = Arc::clone(&sched);
        let accepted = Seen::by(move || {
            let may = shared.life.takes_permits();
            shared.queues.inject(task);
            may && shared.tell_workers(true).is_ok()
        });
        let accepted = accepted.join();
        join(workers);
        let done = handle.load().is_done();
        assert!(!accepted || done, "I55: accepted work is lost");
    });
}

#[test]
fn i55_control_draining_is_taken_for_a_no() {
    control("I55 control: DRAINING is a no", Bound::Whole, Futex::Block, |_| {
        let (sched, contexts) = pool(1);
        sched.close_for_shutdown();
        let workers: Vec<_> = contexts.into_iter().map(start).collect();
        let shared = Arc::clone(&sched);
        // The last look finds this one, and the pool goes on.
        let first = spawn(move || {
            drop(worker::submit_by(&shared, Job::plain(|| 7), Entrance::Permit(None)));
        });
        let refused = sched.stage() == Stage::Draining;
        let over = loop {
            match sched.stage() {
                Stage::Draining => thread::yield_now(),
                stage => break stage.is_over(),
            }
        };
        assert!(!refused || over, "I55: refused, and the pool goes on");
        first.join().expect("the user returns");
        join(workers);
    });
}

// ---- a future that waits for the last worker ----

/// A waker that a thread can wait for.
struct Alarm(AtomicU32);

impl Alarm {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(0)))
    }

    fn wait(&self) {
        crate::wait::block_until(&self.0, 0, None, |rung| rung != 0);
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(1, Ordering::Release);
        futex::wake_all(&self.0);
    }
}

fn end_beside(name: &str, futex: Futex, poll: fn(&Sched, &Waker) -> bool) {
    check(name, Bound::None, futex, move |_| beside_the_last(poll));
}

/// One worker leaves beside a future that waits for that.
fn beside_the_last(poll: fn(&Sched, &Waker) -> bool) {
    let (sched, contexts) = pool(1);
    drop(contexts);
    let (shared, done) = (Arc::clone(&sched), Arc::new(Watched::new()));
    let written = Arc::clone(&done);
    let leaver = spawn(move || {
        written.write();
        shared.leave(0);
    });
    let alarm = Alarm::new();
    let waker = Waker::from(Arc::clone(&alarm));
    if !poll(&sched, &waker) {
        alarm.wait();
        assert!(poll(&sched, &waker), "I56: woken, and the worker is still there");
    }
    // The future sees what the worker did.
    done.write();
    leaver.join().expect("the worker leaves");
}

#[test]
fn i56_i38_a_future_beside_the_last_worker() {
    let poll: fn(&Sched, &Waker) -> bool = |sched, waker| sched.poll_end(&mut None, waker);
    end_beside("I56 I38 future ‖ last worker", Futex::Block, poll);
    end_beside("I56 I38 future ‖ last worker (Spurious)", Futex::Spurious, poll);
}

#[test]
fn i56_control_the_future_looks_before_its_waker_is_there() {
    control("I56 control: a look, then the waker", Bound::None, Futex::Block, |_| {
        beside_the_last(|sched, waker| {
            if sched.live().load(Ordering::Acquire) == 0 {
                return true;
            }
            sched.keep_watcher(waker.clone());
            false
        });
    });
}
