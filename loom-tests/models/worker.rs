//! The order in which workers begin tasks: I18, over a worker's real search.

use super::*;
use crate::block::{Call, Job, ResultRef, TaskRef};
use crate::models::harness::{Bound, Futex, check, control, spawn};
use crate::sched::Sched;
use crate::sync::{AtomicU32, Ordering, futex, thread};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Std};

type Handle = ResultRef<usize, Infallible>;

fn task(f: impl FnOnce() -> usize + Send + 'static) -> (TaskRef, Handle) {
    // SAFETY: models borrow nothing.
    unsafe { Call::create(Job::plain(f), 1, true) }
}

/// Which of three tasks have begun.
#[derive(Default)]
struct Starts([AtomicUsize; 3]);

impl Starts {
    /// A task begins. Every earlier one has, but for one that the other of two workers has in its hands.
    fn begin(&self, number: usize) {
        self.0[number].store(1, Std::Relaxed);
        let waiting = self.0[..number].iter().filter(|began| began.load(Std::Relaxed) == 0).count();
        assert!(
            waiting <= 1,
            "I18: task {number} has begun before {waiting} earlier ones, on two workers"
        );
    }
}

/// Three tasks that one thread has submitted, of which the first ends after the second has begun, and two workers. Each takes, by
/// `take`, what it is going to begin, until there is nothing left.
fn three_in_a_row(take: fn(&Context) -> Vec<TaskRef>) {
    let (sched, deques) = Sched::new(2);
    let sched = Arc::new(sched);
    let (starts, began) = (Arc::new(Starts::default()), Arc::new(AtomicU32::new(0)));
    let tasks = (0..3).map(|number| {
        let (starts, began) = (Arc::clone(&starts), Arc::clone(&began));
        task(move || {
            starts.begin(number);
            if number == 1 {
                began.store(1, Ordering::Release);
                futex::wake_all(&began);
            }
            while number == 0 && began.load(Ordering::Acquire) == 0 {
                futex::wait(&began, 0);
            }
            number
        })
    });
    let handles: Vec<_> = tasks
        .map(|(task, handle)| {
            sched.inject([task]).expect("the pool runs");
            handle
        })
        .collect();
    let workers: Vec<thread::JoinHandle<()>> = deques
        .into_iter()
        .enumerate()
        .map(|(index, deque)| {
            let sched = Arc::clone(&sched);
            spawn(move || {
                let context = Context::new(sched, index, deque, Profile::Balanced);
                loop {
                    let taken = take(&context);
                    if taken.is_empty() {
                        return;
                    }
                    taken.into_iter().for_each(|task| task.run(&context));
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("the worker returns");
    }
    for (number, handle) in handles.into_iter().enumerate() {
        assert_eq!(
            handle.take_done().unwrap_or_else(|_| panic!("I18: not begun")).ok(),
            Some(number)
        );
    }
}

#[test]
fn i18_tasks_begin_in_the_order_of_their_submission() {
    check("I18 three tasks ‖ worker ‖ worker", Bound::Usual, Futex::Block, |_| {
        three_in_a_row(|worker| worker.take().into_iter().collect());
    });
}

#[test]
fn i18_control_a_worker_takes_two_along() {
    control("I18 control: a worker takes two along", Bound::Usual, Futex::Block, |_| {
        // The younger one first, as from a deque.
        three_in_a_row(|worker| {
            let oldest = worker.take();
            worker.take().into_iter().chain(oldest).collect()
        });
    });
}
