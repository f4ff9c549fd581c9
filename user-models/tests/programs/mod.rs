// Small programs, compiled twice: with the specification as `millpond`, and with the real pool.

use super::{Outcomes, Program};
use loom::cell::UnsafeCell;
use millpond::{Pool, ThreadPool};
use std::sync::Arc;

/// A cell with nothing in it. loom reports a write and another access that no edge orders.
struct Watched(UnsafeCell<()>);

// SAFETY: it has no content that two threads could touch, and loom watches the touching.
unsafe impl Sync for Watched {}

impl Watched {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(())))
    }

    fn read(&self) {
        self.0.with(|_| ());
    }

    fn write(&self) {
        self.0.with_mut(|_| ());
    }
}

fn end(pool: ThreadPool) {
    pool.close();
    pool.join().expect("it is closed");
}

/// Runs `task` on a pool of one beside `main`, and ends the pool.
fn beside(
    task: impl FnOnce(&Watched) + Send + 'static,
    main: impl FnOnce(&Watched, &Pool, millpond::AsyncResult<()>),
) {
    let (pool, watched) = (ThreadPool::new(1).expect("one worker"), Watched::new());
    let theirs = Arc::clone(&watched);
    let handle = pool.apply_async(move || task(&theirs)).expect("the pool is open");
    main(&watched, &pool, handle);
    end(pool);
}

/// What the pool may do.
pub(super) const BEHAVIOURS: &[Program] = &[
    ("a look beside a task", |seen: &Outcomes| {
        let pool = ThreadPool::new(1).expect("one worker");
        let task = pool.apply_async(|| 7).expect("the pool is open");
        let ready = task.ready();
        seen.insert((ready, task.get().expect("it returns")));
        end(pool);
    }),
    ("a look that takes", |seen| {
        let pool = ThreadPool::new(1).expect("one worker");
        let task = pool.apply_async(|| 7).expect("the pool is open");
        seen.insert(task.try_get().map(Result::unwrap).ok());
        end(pool);
    }),
    ("two tasks begin in their order", |seen| {
        let pool = ThreadPool::new(1).expect("one worker");
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        for number in 1..=2 {
            let order = Arc::clone(&order);
            let task = move || order.lock().expect("no thread waits").push(number);
            pool.spawn(task).expect("the pool is open");
        }
        end(pool);
        let order = order.lock().expect("no thread waits").clone();
        assert_eq!(order, [1, 2], "a worker begins the oldest submission first");
        seen.insert(order);
    }),
    ("a cancel beside a worker", |seen| {
        let pool = ThreadPool::new(1).expect("one worker");
        let task = pool.apply_async(|| 7).expect("the pool is open");
        let kept = task.cancel();
        seen.insert((kept, task.get().ok()));
        end(pool);
    }),
    ("a terminate beside a worker", |seen| {
        let pool = ThreadPool::new(1).expect("one worker");
        let task = pool.apply_async(|| 7).expect("the pool is open");
        pool.terminate();
        seen.insert(task.get().map_err(|error| error.to_string()));
        pool.join().expect("it is terminated");
    }),
    ("a submission beside a close", |seen| {
        let pool = ThreadPool::new(1).expect("one worker");
        let handle = pool.handle();
        let submitter = loom::thread::spawn(move || {
            let task = handle.apply_async(|| 7);
            task.map(|task| task.get().expect("what is accepted runs")).map_err(|e| e.to_string())
        });
        pool.close();
        seen.insert(submitter.join().expect("it returns"));
        pool.join().expect("it is closed");
    }),
    ("what a worker counts", |seen| {
        let pool = ThreadPool::new(1).expect("one worker");
        let task = pool.apply_async(|| ()).expect("the pool is open");
        seen.insert((pool.queued(), pool.active() <= 1));
        task.get().expect("it returns");
        end(pool);
    }),
    ("a task that submits", |seen| {
        let pool = ThreadPool::new(1).expect("one worker");
        let inner = pool.handle();
        let outer = pool.apply_async(move || inner.apply_async(|| 7).map(|task| task.ready()).ok());
        seen.insert(outer.expect("the pool is open").get().expect("it returns"));
        end(pool);
    }),
    ("a batch of two", |seen| {
        let pool = ThreadPool::new(1).expect("one worker");
        let batch = pool.map_async(|x: u32| x * 2, 1..=2).expect("the pool is open");
        let progress = batch.progress().done;
        seen.insert((progress == 2 || progress == 0, batch.get().expect("it returns")));
        end(pool);
    }),
];

/// What the pool orders: no program of these has a race.
pub(super) const ORDERED: &[Program] = &[
    ("submission → task", |_: &Outcomes| {
        let (pool, watched) = (ThreadPool::new(1).expect("one worker"), Watched::new());
        watched.write();
        let theirs = Arc::clone(&watched);
        let task = pool.apply_async(move || theirs.write()).expect("the pool is open");
        task.get().expect("it returns");
        end(pool);
    }),
    ("task → get", |_| {
        beside(Watched::write, |watched, _, task| {
            task.get().expect("it returns");
            watched.write();
        });
    }),
    ("task → a look that finds it done", |_| {
        beside(Watched::write, |watched, _, task| {
            if task.ready() {
                watched.write();
            }
        });
    }),
    ("callback → get", |_| {
        let (pool, watched) = (ThreadPool::new(1).expect("one worker"), Watched::new());
        let theirs = Arc::clone(&watched);
        let task = pool.task(|| 7).callback(move |_: &i32| theirs.write());
        task.apply_async().expect("the pool is open").get().expect("it returns");
        watched.write();
        end(pool);
    }),
    ("spawned task → join", |_| {
        let (pool, watched) = (ThreadPool::new(1).expect("one worker"), Watched::new());
        let theirs = Arc::clone(&watched);
        pool.spawn(move || theirs.write()).expect("the pool is open");
        end(pool);
        watched.write();
    }),
    ("items → batch", |_| {
        let (pool, watched) = (ThreadPool::new(1).expect("one worker"), Watched::new());
        let theirs = Arc::clone(&watched);
        let batch = pool.map_async(move |_: u32| theirs.read(), 0..2).expect("the pool is open");
        batch.get().expect("it returns");
        watched.write();
        end(pool);
    }),
    ("scoped task → scope", |_| {
        let (pool, watched) = (ThreadPool::new(1).expect("one worker"), Watched::new());
        pool.scope(|scope| scope.spawn(|| watched.write()).expect("the pool is open"));
        watched.write();
        end(pool);
    }),
    ("item → the consumer that takes its result", |_| {
        let (pool, watched) = (ThreadPool::new(1).expect("one worker"), Watched::new());
        let theirs = Arc::clone(&watched);
        let stream = pool.imap(move |_: u32| theirs.write(), 0..1).expect("the pool is open");
        stream.for_each(|result| result.expect("it returns"));
        watched.write();
        end(pool);
    }),
];

/// What the pool does not order: each program of these has a race.
pub(super) const RACES: &[Program] = &[
    ("task ‖ what comes after its submission", |_: &Outcomes| {
        beside(Watched::write, |watched, _, task| {
            watched.read();
            task.get().expect("it returns");
        });
    }),
    ("task ‖ a look that does not find it done", |_| {
        beside(Watched::write, |watched, _, task| {
            if !task.ready() {
                watched.read();
            }
            task.get().expect("it returns");
        });
    }),
    ("task ‖ a look that finds no task queued", |_| {
        beside(Watched::write, |watched, pool, task| {
            if pool.queued() == 0 {
                watched.read();
            }
            task.get().expect("it returns");
        });
    }),
    ("task ‖ a look that finds the worker at rest", |_| {
        beside(Watched::write, |watched, pool, task| {
            if pool.queued() == 0 && pool.active() == 0 {
                watched.read();
            }
            task.get().expect("it returns");
        });
    }),
    ("task ‖ a close", |_| {
        beside(Watched::write, |watched, pool, task| {
            pool.close();
            watched.read();
            task.get().expect("it returns");
        });
    }),
    ("task ‖ a later submission", |_| {
        beside(Watched::write, |watched, pool, task| {
            let second = pool.apply_async(|| ()).expect("the pool is open");
            watched.read();
            (task.get(), second.get()).0.expect("it returns");
        });
    }),
];
