//! The closer looks itself, I59: it counts the workers that sleep, and those that have yet to
//! begin, and may find the pool drained.

use super::*;

/// Runs a task that a worker by hand has taken, and checks that the pool is not over.
fn run(sched: &Sched, task: TaskRef) {
    assert!(!sched.stage().is_over(), "I59: a worker has a task, and the pool is drained");
    task.run(sched);
}

/// How a worker by hand comes into its loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// It begins, and leaves the count.
    Begins,
    /// It begins, and stays in the count.
    StaysCounted,
    /// It was parked before the pool was closed.
    WasParked,
}

/// A worker by hand, from its beginning, or from its sleep, to its end.
fn worker(sched: &Sched, me: usize, entry: Entry) {
    match entry {
        Entry::Begins => sched.begin(),
        Entry::StaysCounted => {}
        Entry::WasParked => {
            sched.idle.sleep(me);
            if sched.idle.is_counted(me) {
                sched.leave_drained_idle();
            }
        }
    }
    look_and_park(sched, me, entry == Entry::WasParked, run);
}

/// A pool whose workers have yet to begin, unless they were parked.
fn young_pool(entries: &[Entry]) -> Arc<Sched> {
    let (mut sched, _) = Sched::new(entries.len());
    if !entries.contains(&Entry::WasParked) {
        sched.begin_drained_idle();
    }
    for (me, _) in entries.iter().enumerate().filter(|(_, entry)| **entry == Entry::WasParked) {
        sched.idle.push(me, false);
    }
    Arc::new(sched)
}

/// Submits beside a close. Says whether the task was accepted: then it has run.
fn submit_beside_close(entries: &'static [Entry]) -> bool {
    let sched = young_pool(entries);
    let workers: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(me, entry)| {
            let sched = Arc::clone(&sched);
            spawn(move || worker(&sched, me, *entry))
        })
        .collect();
    let (task, handle) = task(|| 0);
    let shared = Arc::clone(&sched);
    let closer = spawn(move || shared.close());
    let accepted = if sched.refusal(false).is_none() {
        sched.inject([task]).is_ok()
    } else {
        task.resolve(Reason::Terminated);
        false
    };
    closer.join().expect("the closer returns");
    join(workers);
    assert_eq!(sched.stage(), Stage::Drained);
    at_rest(&sched);
    if accepted {
        value(handle).expect("I17 I30: what was accepted has run");
    } else {
        // Given back. What is left in the queue is freed with the pool.
        drop(handle);
    }
    accepted
}

#[test]
fn i59_i17_i30_close_beside_a_worker_that_begins() {
    check("I59 I17 I30 submit ‖ close ‖ first look", Bound::Whole, Futex::Block, |outcomes| {
        outcomes.insert(submit_beside_close(&[Entry::Begins]));
    });
}

#[test]
fn i59_i17_i30_close_beside_a_worker_that_sleeps() {
    check("I59 I17 I30 submit ‖ close ‖ sleeper", Bound::Whole, Futex::Block, |outcomes| {
        outcomes.insert(submit_beside_close(&[Entry::WasParked]));
    });
}

#[test]
fn i59_close_beside_a_sleeper_and_a_worker_that_parks() {
    check("I59 I32 close ‖ sleeper ‖ task, park", Bound::Pair, Futex::Block, |_| {
        let (sched, _) = pool(2);
        sched.idle.push(0, false);
        let (task, handle) = task(|| 0);
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let workers = vec![
            spawn(move || worker(&one, 0, Entry::WasParked)),
            spawn(move || {
                run(&two, task);
                worker(&two, 1, Entry::StaysCounted);
            }),
        ];
        sched.close();
        join(workers);
        value(handle).expect("I17: what a worker has taken runs");
        assert_eq!(sched.stage(), Stage::Drained);
        at_rest(&sched);
    });
}

#[test]
fn i17_i30_i32_the_last_stream_closes_beside_a_worker() {
    check("I17 I30 I32 close a stream ‖ task, park", Bound::Whole, Futex::Block, |_| {
        let (sched, _) = pool(1);
        assert!(sched.open_stream(false, false));
        let (task, handle) = task(|| 0);
        sched.inject([task]).expect("the pool runs");
        sched.close();
        // The worker has found nothing, before the task came: the consumer has pushed it since.
        assert_eq!(sched.life.join_drained_idle(), Duty::Park);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            shared.leave_drained_idle();
            worker(&shared, 0, Entry::StaysCounted);
        });
        sched.close_stream();
        join(vec![worker]);
        value(handle).expect("I17: what was accepted has run");
        at_rest(&sched);
    });
}

#[test]
fn i59_control_a_worker_that_begins_stays_in_the_count() {
    control("I59 control: begins, and stays counted", Bound::Whole, Futex::Block, |_| {
        let sched = young_pool(&[Entry::StaysCounted]);
        let (task, handle) = task(|| 0);
        sched.inject([task]).expect("the pool runs");
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            if let Some(task) = shared.queues.take_injected(0) {
                run(&shared, task);
            }
        });
        sched.close();
        worker.join().expect("the worker returns");
        drop(handle);
    });
}

#[test]
fn i59_control_the_closer_counts_a_worker_that_has_counted_itself() {
    control("I59 control: counted twice", Bound::Pair, Futex::Block, |_| {
        let (sched, _) = pool(2);
        assert!(sched.life.close());
        // Worker 0 has parked after the close, and has counted itself.
        assert_eq!(sched.life.join_drained_idle(), Duty::Park);
        sched.idle.set_counted(0, true);
        sched.idle.push(0, false);
        let (task, handle) = task(|| 0);
        let shared = Arc::clone(&sched);
        let busy = spawn(move || run(&shared, task));
        let in_hand = sched.idle.take_all();
        let duty = sched.life.count_drained_idle(1);
        sched.finish_drain_from_outside(duty, in_hand);
        busy.join().expect("the busy worker returns");
        drop(handle);
    });
}
