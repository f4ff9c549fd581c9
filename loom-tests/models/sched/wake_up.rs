//! Sleeping and waking, I12, I13, I15 and I16: no wake-up gets lost, and the last searcher that
//! finds work hands the search over.

use super::*;

/// A worker by hand, over the real `inject`, `stop_searching` and `park`: it looks into the
/// injector alone, and ends the pool when the last of the `left` tasks has been run.
fn plain_worker(sched: &Sched, me: usize, mut searching: bool, left: &AtomicUsize) {
    if searching {
        sched.idle.sleep(me);
    }
    while !sched.stage().is_over() {
        if let Some(task) = sched.queues.take_injected(0) {
            if searching {
                sched.stop_searching();
                searching = false;
            }
            task.run(sched);
            if left.fetch_sub(1, Std::Relaxed) == 1 {
                sched.life.end(Stage::Terminate);
                sched.wake_for_stage();
            }
        } else {
            assert!(sched.park(me, searching), "the pool is not closed");
            searching = true;
        }
    }
    if searching {
        sched.stop_searching();
    }
}

/// Submits. It may be told that it came too late, when the last task has been run, and the pool
/// ended, before it looks.
fn inject(sched: &Sched, task: TaskRef) {
    let _ = sched.inject([task]);
}

/// `submitters` submit one task each, of those that `tasks` makes, to so many workers by hand,
/// which are parked at first if `parked`.
fn submitted_and_run(
    name: &str,
    workers: usize,
    submitters: usize,
    bound: Bound,
    parked: bool,
    tasks: impl Fn() -> Vec<(TaskRef, Handle)> + Send + Sync + 'static,
) {
    check(name, bound, Futex::Block, move |_| {
        let (sched, _) = pool(workers);
        for me in 0..workers {
            if parked {
                sched.idle.push(me, false);
            }
        }
        let tasks = tasks();
        let left = Arc::new(AtomicUsize::new(tasks.len()));
        let mut threads: Vec<_> = (0..workers)
            .map(|me| {
                let (sched, left) = (Arc::clone(&sched), Arc::clone(&left));
                spawn(move || plain_worker(&sched, me, parked, &left))
            })
            .collect();
        let (mut mine, mut handles) = (Vec::new(), Vec::new());
        for (i, (task, handle)) in tasks.into_iter().enumerate() {
            handles.push(handle);
            if i + 1 < submitters {
                let sched = Arc::clone(&sched);
                threads.push(spawn(move || inject(&sched, task)));
            } else {
                mine.push(task);
            }
        }
        for task in mine {
            inject(&sched, task);
        }
        join(threads);
        for handle in handles {
            value(handle).expect("it has run");
        }
        at_rest(&sched);
    });
}

#[test]
fn i12_i15_one_submitter_beside_one_worker() {
    submitted_and_run("I12 I15 submit ‖ worker", 1, 1, Bound::Usual, false, || vec![task(|| 0)]);
}

#[test]
fn i12_i13_one_submitter_beside_two_workers() {
    submitted_and_run("I12 I13 submit ‖ worker ‖ worker", 2, 1, Bound::Whole, false, || {
        vec![task(|| 0)]
    });
}

#[test]
fn i12_two_submitters_beside_one_worker() {
    submitted_and_run("I12 submit ‖ submit ‖ worker", 1, 2, Bound::Whole, false, || {
        vec![task(|| 0), task(|| 1)]
    });
}

#[test]
fn i16_two_jobs_come_to_run_side_by_side() {
    let tasks = || rendezvous().into();
    submitted_and_run("I16 submit two jobs ‖ worker ‖ worker", 2, 1, Bound::Whole, true, tasks);
}

/// Two jobs that each wait until the other has begun, on two workers.
fn rendezvous() -> [(TaskRef, Handle); 2] {
    let words = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    [0, 1].map(|me| {
        let words = Arc::clone(&words);
        task(move || {
            words[me].store(1, Ordering::Release);
            futex::wake_all(&words[me]);
            while words[1 - me].load(Ordering::Acquire) == 0 {
                futex::wait(&words[1 - me], 0);
            }
            me
        })
    })
}

/// Worker 1, which runs one task out of worker 0's deque, and parks until there is one.
fn thief(sched: &Arc<Sched>) -> thread::JoinHandle<()> {
    let sched = Arc::clone(sched);
    spawn(move || {
        let mut searching = false;
        loop {
            if let Some(task) = sched.queues.steal_any(0, false) {
                if searching {
                    sched.stop_searching();
                }
                return task.run(&*sched);
            }
            assert!(sched.park(1, searching), "the pool is not closed");
            searching = true;
        }
    })
}

#[test]
fn i12_a_task_pushed_by_a_worker_reaches_a_sleeper() {
    check("I12 push into a deque ‖ worker", Bound::None, Futex::Block, |_| {
        let (sched, idlers) = pool(2);
        let (task, handle) = task(|| 7);
        let thief = thief(&sched);
        let owner = &idlers[0];
        owner.deque.push(task);
        sched.queues.mark_loaded(0);
        sched.tell_workers(true).expect("the pool runs");
        thief.join().expect("the thief has run it");
        value(handle).expect("it has run");
    });
}

#[test]
fn a_whole_worker_runs_a_task_and_leaves() {
    check("I12 I34 whole worker: submit, terminate ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (sched, idlers) = pool(1);
        let workers: Vec<_> = idlers.into_iter().map(start).collect();
        let (task, handle) = task(|| 0);
        sched.inject([task]).expect("the pool runs");
        assert!(handle.wait(None));
        drop(handle);
        sched.terminate();
        join(workers);
        at_rest(&sched);
    });
}

/// One submission to one flawed worker.
fn lost(name: &str, flaw: Flaw, submit: fn(&Sched, TaskRef)) {
    control(name, Bound::None, Futex::Block, move |_| {
        let (sched, _) = pool(1);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            flawed_worker(&shared, 0, flaw);
        });
        let (task, handle) = task(|| 0);
        submit(&sched, task);
        handle.wait(None);
        drop(handle);
        sched.terminate();
        worker.join().expect("the worker leaves");
    });
}

fn submit_well(sched: &Sched, task: TaskRef) {
    sched.inject([task]).expect("the pool runs");
}

#[test]
fn the_worker_of_the_controls_passes_without_a_flaw() {
    check("I12 worker of the controls, no flaw", Bound::Usual, Futex::Block, |_| {
        let (sched, _) = pool(1);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            flawed_worker(&shared, 0, Flaw::None);
        });
        let (task, handle) = task(|| 0);
        submit_well(&sched, task);
        handle.wait(None);
        drop(handle);
        sched.terminate();
        worker.join().expect("the worker leaves");
    });
}

#[test]
fn i12_control_the_submitter_does_not_fence() {
    lost("I12 control: submit without its fence", Flaw::None, |sched, task| {
        sched.queues.inject(task);
        sched.idle.notify();
    });
}

#[test]
fn i12_control_the_submitter_does_not_wake() {
    lost("I12 control: submit without a wake-up", Flaw::None, |sched, task| {
        sched.queues.inject(task)
    });
}

#[test]
fn i12_control_the_worker_does_not_fence_before_its_last_look() {
    lost("I12 control: park without its fence", Flaw::NoFenceBeforeLook, submit_well);
}

#[test]
fn i12_control_the_worker_does_not_look_again() {
    lost("I12 control: park without a last look", Flaw::NoLook, submit_well);
}

#[test]
fn i15_control_the_worker_does_not_wake_itself() {
    lost("I15 control: the last look wakes anybody but oneself", Flaw::NotItself, submit_well);
}

#[test]
fn i16_control_the_last_searcher_does_not_hand_over() {
    control("I16 control: no hand-off", Bound::Whole, Futex::Block, |_| {
        let (sched, _) = pool(2);
        sched.idle.push(0, false);
        sched.idle.push(1, false);
        let workers: Vec<_> = (0..2)
            .map(|me| {
                let sched = Arc::clone(&sched);
                spawn(move || {
                    flawed_worker(&sched, me, Flaw::NoHandOff);
                })
            })
            .collect();
        let mut handles = Vec::new();
        for (task, handle) in rendezvous() {
            submit_well(&sched, task);
            handles.push(handle);
        }
        for handle in &handles {
            handle.wait(None);
        }
        drop(handles);
        sched.terminate();
        join(workers);
    });
}
