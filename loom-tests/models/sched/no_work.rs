//! What is no work, I20 and I37: a stale entry and a bit over an empty deque let workers sleep.

use super::*;

// ---- I20: what lies in a queue ----

/// A task that its handle has run lies in the injector as a stale entry. Returns how often the
/// worker went through park.
fn woken_for_a_stale_entry(take: fn(&Sched) -> Option<TaskRef>) -> usize {
    let (sched, _) = pool(1);
    let (task, handle) = task(|| 0);
    handle.help(&*sched);
    value(handle).expect("it has run here");
    let shared = Arc::clone(&sched);
    let worker = Seen::by(move || {
        let mut parks = 0;
        while !shared.stage().is_over() {
            if let Some(task) = take(&shared) {
                task.run(&*shared);
            } else {
                parks += 1;
                assert!(parks <= 3, "I20: a stale entry keeps a worker awake");
                assert!(shared.park(0, parks > 1), "the pool is not closed");
            }
        }
        parks
    });
    let _ = sched.inject([task]);
    sched.terminate();
    worker.join()
}

#[test]
fn i20_a_stale_entry_is_no_work() {
    check("I20 stale entry, terminate ‖ worker", Bound::Whole, Futex::Block, |outcomes| {
        outcomes.insert(woken_for_a_stale_entry(|sched| sched.queues.take_injected(0)));
    });
}

#[test]
fn i20_control_a_stale_entry_is_left_where_it_is() {
    control(
        "I20 control: a stale entry that nobody takes away",
        Bound::Whole,
        Futex::Block,
        |_| {
            woken_for_a_stale_entry(|_| None);
        },
    );
}

// ---- I37: empty queues let workers sleep ----

#[test]
fn i37_a_bit_over_an_empty_deque_keeps_nobody_awake() {
    check("I37 worker beside a stale bit", Bound::Usual, Futex::Block, |_| {
        let (sched, mut contexts) = pool(2);
        // Worker 0 is in a long task, and thieves have emptied its deque: its bit is up over
        // nothing.
        sched.queues.mark_loaded(0);
        let worker = start(contexts.pop().expect("two workers"));
        let before = futex::count::wakes();
        sched.terminate();
        worker.join().expect("the worker leaves");
        let woken = futex::count::wakes() - before;
        // By the terminator, or by its own last look at the stage; and once more when it has left.
        assert!(woken <= 2, "I37: more than one turn through park with every queue empty");
        at_rest(&sched);
    });
}

#[test]
fn i37_control_the_bit_is_taken_for_work() {
    control("I37 control: the bit is taken for work", Bound::None, Futex::Block, |_| {
        let (sched, _) = pool(2);
        sched.queues.mark_loaded(0);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            flawed_worker(&shared, 1, Flaw::BitIsAnswer);
        });
        sched.terminate();
        worker.join().expect("the worker leaves");
    });
}
