//! A worker that searches before it wakes a waiter, I12, I13 and I16: it finds what the waiter
//! submits, or hands the search over.

use super::*;

/// A waiter that submits again when it is woken, and one worker, which runs to the end of its loop.
#[test]
fn i12_i13_a_waiter_submits_again_as_soon_as_it_is_woken() {
    check("I12 I13 wait, submit, wait ‖ whole worker", Bound::Pair, Futex::Block, |_| {
        let (sched, idlers) = pool(1);
        let workers: Vec<_> = idlers.into_iter().map(start).collect();
        for _ in 0..2 {
            let (task, handle) = task(|| 0);
            sched.inject([task]).expect("the pool runs");
            assert!(handle.wait(None));
        }
        sched.terminate();
        join(workers);
        at_rest(&sched);
    });
}

/// A view that becomes a searcher before it wakes.
struct Early<'a>(&'a Sched, std::cell::Cell<bool>);

impl PoolView for Early<'_> {
    fn stopping(&self) -> Option<Reason> {
        self.0.stopping()
    }

    fn about_to_wake(&self) {
        self.1.set(self.0.idle.try_search());
    }

    fn put_back(&self, entry: TaskRef) {
        self.0.put_back(entry);
    }
}

/// A worker by hand that has just run a task, or slept, and runs one more. If it `forgets`, it does
/// so without saying that it searches no more.
fn run_one(sched: &Sched, me: usize, mut searching: bool, forgets: bool) {
    let task = loop {
        if let Some(task) = sched.queues.take_injected(0) {
            break task;
        }
        assert!(sched.park(me, searching), "the pool is not closed");
        searching = true;
    };
    if searching && !forgets {
        sched.stop_searching();
    }
    task.run(sched);
}

/// One worker runs a task that a waiter awaits. The waiter then submits two, of which the first
/// waits for the second: it takes two workers, and the other one is parked.
fn wait_then_two_jobs(forgets: bool) {
    let (sched, _) = pool(2);
    sched.idle.push(1, false);
    let (first, handle) = task(|| 0);
    let shared = Arc::clone(&sched);
    let early = spawn(move || {
        let view = Early(&shared, std::cell::Cell::new(false));
        first.run(&view);
        run_one(&shared, 0, view.1.get(), forgets);
    });
    let shared = Arc::clone(&sched);
    let late = spawn(move || {
        shared.idle.sleep(1);
        run_one(&shared, 1, true, false);
    });
    assert!(handle.wait(None));
    drop(handle);
    let word = Arc::new(AtomicU32::new(0));
    let set = Arc::clone(&word);
    let waits = task(move || {
        while word.load(Ordering::Acquire) == 0 {
            futex::wait(&word, 0);
        }
        1
    });
    let sets = task(move || {
        set.store(1, Ordering::Release);
        futex::wake_all(&set);
        2
    });
    let handles = [waits, sets].map(|(task, handle)| {
        sched.inject([task]).expect("the pool runs");
        handle
    });
    join(vec![early, late]);
    drop(handles);
    at_rest(&sched);
}

#[test]
fn i12_i13_i16_a_waiter_submits_two_jobs_as_soon_as_it_is_woken() {
    check(
        "I12 I13 I16 wait, submit two jobs ‖ worker ‖ worker",
        Bound::Pair,
        Futex::Block,
        |_| {
            wait_then_two_jobs(false);
        },
    );
}

#[test]
fn i16_control_a_searcher_forgets_that_it_is_one() {
    control(
        "I16 control: who searched before it woke forgets it",
        Bound::Whole,
        Futex::Block,
        |_| {
            wait_then_two_jobs(true);
        },
    );
}
