//! Between `close` and the end of a pool: who may still do what.

mod common;

use common::Gate;
use millpond::{DropPolicy, JoinError, PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

// covers LIFE-16 IMAP-18
#[test]
fn a_stream_goes_on_while_join_timeout_is_polled() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(2).unwrap();
        let pulled = Cell::new(0);
        let input = std::iter::repeat_with(|| pulled.replace(pulled.get() + 1));
        let stream = pool.stream(|x: u64| x, input).buffersize(4);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        pool.close();
        for turn in 1..=100 {
            assert_eq!(pool.join_timeout(Duration::ZERO), Err(JoinError::TimedOut));
            it.next().unwrap().unwrap();
            assert!(pulled.get() >= turn && it.progress().done as u64 == turn);
        }
        assert_eq!(pool.join_timeout(Duration::from_millis(1)), Err(JoinError::TimedOut));
        assert!(pulled.get() >= 100, "far beyond what was pulled at the call");
        // Only who waits without a limit ends it.
        pool.join().unwrap();
        let last = it.find_map(Result::err);
        let refused = matches!(last, Some(TaskError::NotSubmitted(SubmitErrorKind::NotRunning)));
        assert!(refused, "{last:?}");
        assert!(it.next().is_none());
    }
}

// covers LIFE-16
#[test]
fn a_join_with_a_limit_ends_when_the_last_stream_does() {
    for (ordered, dropped) in [(true, true), (true, false), (false, true), (false, false)] {
        let pool = ThreadPool::new(2).unwrap();
        let stream = pool.stream(|x: u64| x, 0..1_000).buffersize(4);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        pool.close();
        let waited = thread::scope(|scope| {
            let waits = scope.spawn(|| pool.join_timeout(Duration::MAX));
            if dropped {
                it.next().unwrap().unwrap();
                drop(it);
            } else {
                assert_eq!(it.map(Result::unwrap).sum::<u64>(), 499_500, "all of the input");
            }
            waits.join().unwrap()
        });
        assert_eq!(waited, Ok(()));
    }
}

/// A pool that is strict once it is closed.
fn strict(workers: usize) -> ThreadPool {
    ThreadPool::builder().workers(workers).strict_close(true).build().unwrap()
}

/// Runs `body` in a task of a pool that was closed when the task had begun.
fn in_a_task_of_the_closed(pool: &ThreadPool, body: impl FnOnce(PoolHandle) + Send) {
    let (entered, gate) = (Gate::new(), Gate::new());
    let task = || {
        entered.open();
        gate.wait();
        body(PoolHandle::current().unwrap())
    };
    thread::scope(|scope| {
        let caller = scope.spawn(|| pool.apply(task).unwrap());
        entered.wait();
        pool.close();
        gate.open();
        caller.join().unwrap()
    })
}

/// Submits itself again, until it is refused or has run so often.
fn chain(pool: PoolHandle, ran: Arc<AtomicUsize>, most: usize) {
    let turn = ran.fetch_add(1, Ordering::Relaxed) + 1;
    if turn < most {
        let next = (pool.clone(), Arc::clone(&ran));
        let refused = pool.spawn(move || chain(next.0, next.1, most)).err();
        assert!(refused.is_none_or(|refused| refused.kind() == SubmitErrorKind::NotRunning));
    }
}

// covers CB-17
#[test]
fn a_strict_close_ends_a_task_that_submits_itself_again() {
    for (workers, drains) in [(1, false), (1, true), (3, false)] {
        let builder = ThreadPool::builder().workers(workers).strict_close(true);
        let pool = builder.drop_policy(DropPolicy::Drain).build().unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        chain(pool.handle(), Arc::clone(&ran), usize::MAX);
        while ran.load(Ordering::Relaxed) < 100 {
            thread::yield_now();
        }
        if !drains {
            pool.close();
            pool.join().unwrap();
        }
        drop(pool);
        assert!(ran.load(Ordering::Relaxed) >= 100, "and it is over");
    }
}

// covers CB-17
#[test]
fn without_a_strict_close_a_chain_of_tasks_goes_on_to_its_end() {
    let pool = ThreadPool::new(2).unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    in_a_task_of_the_closed(&pool, move |pool| chain(pool, count, 10_000));
    pool.join().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 10_000, "join has waited for all of it");
}

// covers CB-17
#[test]
fn a_strict_close_refuses_and_gives_back_work_that_no_task_waits_for() {
    let pool = strict(1);
    in_a_task_of_the_closed(&pool, |pool| {
        let not_running = SubmitErrorKind::NotRunning;
        let word = String::from("kept");
        let refused = pool.apply_async(move || word).unwrap_err();
        assert_eq!((refused.kind(), refused.into_task()().as_str()), (not_running, "kept"));
        assert_eq!(pool.spawn(|| ()).unwrap_err().kind(), not_running);
        let refused = pool.try_apply_async(|| Ok::<_, u8>(1)).unwrap_err();
        assert_eq!((refused.kind(), refused.into_task()()), (not_running, Ok(1)));
        for nonblocking in [false, true] {
            let task = pool.task(|| 1).callback(|_| ()).nonblocking(nonblocking);
            assert_eq!(task.apply_async().unwrap_err().kind(), not_running);
        }
        // A batch comes back with its input, which it can be called with.
        let refused = pool.map_async(|x: u32| 2 * x, 0..3).unwrap_err();
        assert_eq!(refused.kind(), not_running);
        let (f, input) = refused.into_task();
        assert_eq!(pool.map(f, input).unwrap(), [0, 2, 4]);
        let refused = pool.starmap_async(|x: u32, y: u32| x + y, [(1, 2)]).unwrap_err();
        assert_eq!(refused.kind(), not_running);
        let (f, input) = refused.into_task();
        assert_eq!(pool.starmap(f, input).unwrap(), [3]);
        // A builder comes back with all that was set on it.
        let refused = pool.batch(|x: u32| 2 * x, 0..3).chunksize(2).map_async().unwrap_err();
        assert_eq!(refused.kind(), not_running);
        assert_eq!(refused.into_task().map().unwrap(), [0, 2, 4]);
        assert_eq!(pool.map_async(|x: u32| x, []).unwrap_err().kind(), not_running, "of nothing");
        assert_eq!(pool.map_async(|x: u64| x, 0..).unwrap_err().kind(), not_running, "unread");
        assert_eq!(pool.try_map_async(Ok::<_, u8>, 0..3).unwrap_err().kind(), not_running);
        assert_eq!(pool.imap(|x: u32| x, 0..3).unwrap_err().kind(), not_running);
        assert_eq!(pool.imap_unordered(|x: u32| x, 0..).unwrap_err().kind(), not_running);
    });
    pool.join().unwrap();
    // A task closes the pool while it reads the input of its own batch.
    let pool = strict(1);
    let refused = pool.apply(|| {
        let pool = PoolHandle::current().unwrap();
        let closing = pool.clone();
        let input = (0..3).inspect(move |_| closing.close());
        let refused = pool.map_async(|x: i32| 2 * x, input);
        refused.map_err(|refused| {
            let kind = refused.kind();
            let (f, input) = refused.into_task();
            (kind, pool.map(f, input))
        })
    });
    let (kind, values) = refused.unwrap().unwrap_err();
    assert_eq!((kind, values.unwrap()), (SubmitErrorKind::NotRunning, vec![0, 2, 4]));
    pool.join().unwrap();
    // A callback is no better off.
    let pool = strict(1);
    let (entered, gate, told) = (Gate::new(), Gate::new(), Arc::new(AtomicUsize::new(0)));
    let (enter, pass, count) = (entered.clone(), gate.clone(), Arc::clone(&told));
    let task = pool.task(move || {
        enter.open();
        pass.wait();
    });
    let follow_up = move |(): &()| {
        let refused = PoolHandle::current().unwrap().spawn(|| ()).unwrap_err();
        assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
        count.fetch_add(1, Ordering::Relaxed);
    };
    let result = task.callback(follow_up).apply_async().unwrap();
    entered.wait();
    pool.close();
    gate.open();
    pool.join().unwrap();
    assert_eq!((result.get().unwrap(), told.load(Ordering::Relaxed)), ((), 1));
}

// covers CB-17 NEST-02
#[test]
fn a_strict_close_lets_work_go_on_that_a_running_task_waits_for() {
    for workers in [1, 3] {
        let pool = strict(workers);
        let stream = pool.stream(|x: u64| x, 0..1_000).buffersize(4).imap().unwrap();
        in_a_task_of_the_closed(&pool, |pool| {
            assert_eq!(pool.apply(|| 1).unwrap(), 1);
            assert_eq!(pool.try_apply(|| Ok::<_, u8>(2)).unwrap(), 2);
            let nested = |x: u32| pool.map(|y: u32| x * y, 0..10).unwrap().into_iter().sum::<u32>();
            assert_eq!(pool.map(nested, 0..10).unwrap()[9], 405, "a map in a map");
            assert_eq!(pool.batch(|x: u32| x, 0..3).chunksize(1).map().unwrap(), [0, 1, 2]);
            assert_eq!(pool.starmap(|x: u32, y: u32| x + y, [(1, 2)]).unwrap(), [3]);
            assert_eq!(pool.try_map(Ok::<_, u8>, 0..2).unwrap(), [0, 1]);
            assert_eq!(pool.map_slice(|x| x + 1, &[1, 2]).unwrap(), [2, 3]);
            assert_eq!(pool.map_results(|x: u32| x, 0..2).unwrap().len(), 2);
            let ran = AtomicUsize::new(0);
            let count = || _ = ran.fetch_add(1, Ordering::Relaxed);
            pool.scope(|scope| {
                scope.apply_async(count).unwrap().get().unwrap();
                // Also by a task of the scope, on whatever worker.
                let inner = move || (0..10).for_each(|_| scope.spawn(count).unwrap());
                (0..10).for_each(|_| scope.spawn(inner).unwrap());
            });
            assert_eq!(ran.load(Ordering::Relaxed), 101);
        });
        assert!(pool.apply_async(|| 0).is_err());
        assert_eq!(stream.map(Result::unwrap).sum::<u64>(), 499_500, "opened before");
        pool.join().unwrap();
    }
}

// covers CB-17
#[test]
fn a_strict_pool_takes_all_work_until_it_is_closed() {
    let pool = strict(1);
    let inner = pool.apply(|| {
        let pool = PoolHandle::current().unwrap();
        let stream = pool.imap(|x: u32| x, 0..3).unwrap();
        (pool.apply_async(|| 1).unwrap(), stream.map(Result::unwrap).sum::<u32>())
    });
    let (call, sum) = inner.unwrap();
    assert_eq!((call.get().unwrap(), sum), (1, 3));
    pool.terminate();
    assert!(pool.apply(|| 1).is_err());
    pool.join().unwrap();
}
