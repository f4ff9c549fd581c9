//! The scheduler: this file has the pools and the workers by hand that its models share.
//!
//! `sched/wake_up.rs` has I12, I13, I15 and I16, and `sched/early.rs` has them for a worker that
//! searches before it wakes. `sched/no_work.rs` has I20 and I37, `sched/life.rs` has I17 and I30 to
//! I34, `sched/close.rs` has I59, `sched/aftermath.rs` has I38 and I39, and `sched/shutdown.rs` has
//! I55 and I56.
//!
//! The models run real workers. A negative control runs a worker or a submitter of its own, which
//! takes the same steps with one left out.

#[path = "sched/aftermath.rs"]
mod aftermath;
#[path = "sched/close.rs"]
mod close;
#[path = "sched/early.rs"]
mod early;
#[path = "sched/life.rs"]
mod life;
#[path = "sched/no_work.rs"]
mod no_work;
#[path = "sched/shutdown.rs"]
mod shutdown;
#[path = "sched/wake_up.rs"]
mod wake_up;

use super::*;
use crate::block::{Call, Job, PoolView, ResultRef, TaskError};
use crate::models::harness::{Bound, Futex, Seen, check, control, spawn};
use crate::sync::futex;
use crate::worker::{self, Context, Profile};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering as Std};

type Handle = ResultRef<usize, Infallible>;

fn task(f: impl FnOnce() -> usize + Send + 'static) -> (TaskRef, Handle) {
    // SAFETY: models borrow nothing.
    unsafe { Call::create(Job::plain(f), 1, true) }
}

/// A worker that the model has yet to start.
struct Idler {
    sched: Arc<Sched>,
    index: usize,
    deque: Worker<TaskRef>,
}

/// A pool whose workers are started by the model.
fn pool(workers: usize) -> (Arc<Sched>, Vec<Idler>) {
    let (sched, deques) = Sched::new(workers);
    let sched = Arc::new(sched);
    let idler = |(index, deque)| Idler { sched: Arc::clone(&sched), index, deque };
    let idlers = deques.into_iter().enumerate().map(idler).collect();
    (sched, idlers)
}

/// Runs a worker on a thread of its own, from beginning to end.
fn start(idler: Idler) -> thread::JoinHandle<()> {
    spawn(move || {
        let Idler { sched, index, deque } = idler;
        worker::enlist(sched.id);
        Context::new(Arc::clone(&sched), index, deque, Profile::Balanced).run();
        sched.leave(index);
    })
}

fn join(workers: Vec<thread::JoinHandle<()>>) {
    for worker in workers {
        worker.join().expect("the worker leaves");
    }
}

fn at_rest(sched: &Sched) {
    assert_eq!(
        sched.idle.at_rest(),
        (0, Vec::new()),
        "I13: nobody is searching or parked once all have left"
    );
}

fn value(handle: Handle) -> Result<usize, TaskError> {
    handle.take_done().unwrap_or_else(|_| panic!("I17 I30 I31: after join a task is not completed"))
}

/// The loop of a worker by hand, over the real `stop_searching` and `park`. It looks into the
/// injector alone, until the pool is over. It does `run` with each task.
fn look_and_park(sched: &Sched, me: usize, mut searching: bool, run: fn(&Sched, TaskRef)) {
    while !sched.stage().is_over() {
        if let Some(task) = sched.queues.take_injected(0) {
            if searching {
                sched.stop_searching();
                searching = false;
            }
            run(sched, task);
        } else if sched.park(me, searching) {
            searching = true;
        }
    }
    if searching {
        sched.stop_searching();
    }
}

/// What a worker of a negative control leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoFenceBeforeLook,
    NoLook,
    NotItself,
    NoHandOff,
    BitIsAnswer,
    NoStageInLook,
}

/// A worker by hand. Returns how often it went through park.
fn flawed_worker(sched: &Sched, me: usize, flaw: Flaw) -> usize {
    // The model has parked the workers of this control.
    let mut searching = flaw == Flaw::NoHandOff;
    if searching {
        sched.idle.sleep(me);
    }
    let mut parks = 0;
    loop {
        if sched.stage().is_over() {
            return parks;
        }
        if let Some(task) = sched.queues.take_injected(0) {
            if searching {
                if flaw == Flaw::NoHandOff {
                    let _ = sched.idle.stop_searching();
                } else {
                    sched.stop_searching();
                }
                searching = false;
            }
            task.run(sched);
            continue;
        }
        parks += 1;
        assert!(
            parks < 4 || flaw != Flaw::BitIsAnswer,
            "I37: more than one turn through park with every queue empty"
        );
        sched.idle.push(me, searching);
        if flaw != Flaw::NoFenceBeforeLook {
            fence(Ordering::SeqCst);
        }
        let work = flaw == Flaw::BitIsAnswer || sched.queues.any_work();
        let over = flaw != Flaw::NoStageInLook && sched.stage().is_over();
        let itself = flaw == Flaw::NotItself && sched.idle.at_rest().1.first() == Some(&me);
        if flaw != Flaw::NoLook && (work || over) && !itself {
            sched.idle.wake_one();
        }
        sched.idle.sleep(me);
        searching = true;
    }
}
