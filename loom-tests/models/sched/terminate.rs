//! The terminator and a worker take from one queue, I60: what is dropped is younger than what runs.

use super::*;

/// Two tasks, a terminator, and a worker that `works`.
fn terminate_beside(works: fn(Idler)) -> (&'static str, &'static str) {
    let (sched, mut idlers) = pool(1);
    let (older, first) = task(|| 0);
    let (younger, second) = task(|| 1);
    sched.inject([older]).expect("the pool runs");
    sched.inject([younger]).expect("the pool runs");
    let idler = idlers.remove(0);
    let worker = spawn(move || works(idler));
    sched.terminate();
    worker.join().expect("the worker leaves");
    let fate = |handle| match value(handle) {
        Ok(_) => "ran",
        Err(TaskError::Terminated) => "terminated",
        Err(other) => panic!("I60: {other}"),
    };
    let fates = (fate(first), fate(second));
    assert_ne!(fates, ("terminated", "ran"), "I60: a task begins in front of a terminated one");
    fates
}

#[test]
fn i60_terminate_beside_a_worker() {
    let report =
        check("I60 I34 terminate ‖ worker, two tasks", Bound::Whole, Futex::Block, |seen| {
            seen.insert(terminate_beside(work));
        });
    assert_eq!(report.outcomes.len(), 3, "{:?}", report.outcomes);
}

#[test]
fn i60_control_the_worker_looks_at_the_stage_before_its_take_alone() {
    control("I60 control: a look at the stage, then the take", Bound::Whole, Futex::Block, |_| {
        terminate_beside(|Idler { sched, .. }| {
            while !sched.stage().is_over() {
                if let Some(task) = sched.queues.take_injected(0) {
                    task.run(&*sched);
                }
            }
        });
    });
}
