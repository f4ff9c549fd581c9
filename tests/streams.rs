//! `imap` and `imap_unordered`: the rows IMAP of the parity table, from the call to the last result.
//! How a stream ends before that is in tests/stream_ends.rs.

mod common;

use common::Gate;
use millpond::{PoolHandle, SubmitErrorKind, TaskError, ThreadPool, Timeout};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

const WORKERS: [usize; 3] = [1, 2, 5];

// covers IMAP-01 IMAP-03
#[test]
fn test_imap() {
    for workers in WORKERS {
        let pool = ThreadPool::new(workers).unwrap();
        for (chunksize, items) in [(1, 10), (1, 1000), (100, 1000), (7, 1000)] {
            let it = pool.stream(|x: u64| x * x, 0..items).chunksize(chunksize).imap().unwrap();
            let squares: Vec<u64> = it.map(Result::unwrap).collect();
            assert_eq!(squares, (0..items).map(|x| x * x).collect::<Vec<_>>());
        }
        let mut it = pool.imap(|x: u32| x, 0..2).unwrap();
        assert_eq!((it.next().unwrap().unwrap(), it.next().unwrap().unwrap()), (0, 1));
        assert!(it.next().is_none() && it.next().is_none(), "fused");
    }
}

// covers IMAP-02
#[test]
fn test_imap_unordered() {
    for workers in WORKERS {
        let pool = ThreadPool::new(workers).unwrap();
        for (chunksize, buffersize) in [(1, 64), (53, 64), (1, 1), (3, 2), (1, 1000)] {
            let it =
                pool.stream(|x: u64| x * x, 0..1000).chunksize(chunksize).buffersize(buffersize);
            let mut squares: Vec<u64> = it.imap_unordered().unwrap().map(Result::unwrap).collect();
            squares.sort_unstable();
            assert_eq!(squares, (0..1000).map(|x| x * x).collect::<Vec<_>>());
        }
    }
}

// covers IMAP-02
#[test]
fn imap_unordered_yields_quick_items_before_a_slow_one() {
    let pool = ThreadPool::new(2).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    let work = move |x: u32| {
        if x == 0 {
            pass.wait();
        }
        x
    };
    let mut it = pool.imap_unordered(work, 0..4).unwrap();
    let first: Vec<u32> = it.by_ref().take(3).map(Result::unwrap).collect();
    assert_eq!(first, [1, 2, 3], "the slow one does not hold up the others");
    gate.open();
    assert_eq!(it.next().unwrap().unwrap(), 0);
    assert!(it.next().is_none());
}

#[test]
fn a_slow_item_withholds_no_result_before_it() {
    let pool = ThreadPool::new(2).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    let work = move |x: u32| {
        if x == 5 {
            pass.wait();
        }
        x
    };
    let mut it = pool.imap(work, 0..10).unwrap();
    let before: Vec<u32> = it.by_ref().take(5).map(Result::unwrap).collect();
    assert_eq!(before, [0, 1, 2, 3, 4]);
    gate.open();
    assert_eq!(it.map(Result::unwrap).collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
}

#[test]
fn an_item_may_wait_until_the_consumer_has_the_one_before() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let (send, receive) = mpsc::channel::<u32>();
        let receive = std::sync::Mutex::new(receive);
        let work = move |x: u32| {
            if x > 0 {
                assert_eq!(receive.lock().unwrap().recv().unwrap(), x - 1);
            }
            x
        };
        let stream = pool.stream(work, 0..100);
        let it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        for x in it {
            let _ = send.send(x.unwrap());
        }
    }
}

// covers IMAP-04
#[test]
fn next_timeout_may_time_out_and_be_called_again() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let gate = Gate::new();
        let pass = gate.clone();
        let stream = pool.stream(
            move |x: u32| {
                pass.wait();
                x
            },
            0..2,
        );
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        assert!(it.next_timeout(Duration::ZERO).is_err());
        assert!(it.next_timeout(Duration::from_millis(1)).is_err());
        gate.open();
        assert_eq!(it.next_timeout(Duration::MAX).unwrap().unwrap().unwrap(), 0);
        assert_eq!(it.next_timeout(Duration::from_secs(60)).unwrap().unwrap().unwrap(), 1);
        assert!(it.next_timeout(Duration::ZERO).unwrap().is_none());
    }
}

// covers IMAP-06 IMAP-13
#[test]
fn sizes_of_zero_are_refused() {
    let pool = ThreadPool::new(1).unwrap();
    let refused = pool.stream(|x: u32| x, 0..3).chunksize(0).imap().unwrap_err();
    assert_eq!(refused.to_string(), "Chunksize must be 1+, not 0");
    let again = refused.into_task().chunksize(2).buffersize(0).imap_unordered().unwrap_err();
    assert_eq!(again.kind(), SubmitErrorKind::InvalidBufferSize);
    assert_eq!(again.into_task().buffersize(1).imap().unwrap().count(), 3);
}

// covers IMAP-06 IMAP-13
#[test]
fn sizes_may_be_beyond_all_measure() {
    let pool = ThreadPool::new(2).unwrap();
    for size in [usize::MAX, usize::MAX / 2, usize::MAX >> 8] {
        let chunks = || pool.stream(|x: u32| x, 0..1000).chunksize(size);
        assert_eq!(chunks().imap().unwrap().map(Result::unwrap).sum::<u32>(), 499_500);
        assert_eq!(chunks().imap_unordered().unwrap().map(Result::unwrap).sum::<u32>(), 499_500);
        let all_at_once = || chunks().buffersize(size).imap().unwrap();
        assert_eq!(all_at_once().map(Result::unwrap).sum::<u32>(), 499_500);
        // A call that the machine interrupts pulls less.
        assert!((0..100).any(|_| all_at_once().progress().total == 1000), "pulled at the call");
    }
    // Nothing is left open that would hold the end off.
    pool.close();
    pool.join().unwrap();
}

// covers IMAP-07 IMAP-08 S3-E16
#[test]
fn an_item_that_fails_is_an_error_of_its_own() {
    for chunksize in [1, 4] {
        let pool = ThreadPool::new(2).unwrap();
        let work = |x: u32| if x == 2 { panic!("Something bad happened") } else { x };
        let results: Vec<_> =
            pool.stream(work, 0..6).chunksize(chunksize).imap().unwrap().collect();
        assert_eq!(results.len(), 6);
        for (i, result) in results.into_iter().enumerate() {
            match result {
                Ok(x) => assert_eq!(x as usize, i),
                Err(error) => {
                    assert_eq!((i, error.item()), (2, Some(2)));
                    assert!(
                        matches!(error, TaskError::Panicked(p) if p.message() == Some("Something bad happened"))
                    );
                }
            }
        }
    }
}

/// Counts up and panics at `at`.
fn panics_at(at: u32) -> impl Iterator<Item = u32> {
    (0..).inspect(move |x| assert!(*x != at, "no more input"))
}

// covers IMAP-09 IMAP-10 F-09
#[test]
fn test_imap_handle_iterable_exception() {
    for chunksize in [1, 2, 4] {
        let pool = ThreadPool::new(2).unwrap();
        let mut it = pool.stream(|x: u32| x, panics_at(7)).chunksize(chunksize).imap().unwrap();
        for i in 0..7 {
            assert_eq!(it.next().unwrap().unwrap(), i);
        }
        assert!(
            matches!(it.next(), Some(Err(TaskError::InputPanicked(p))) if p.message() == Some("no more input"))
        );
        assert!(it.next().is_none());
        pool.close();
        pool.join().unwrap();
    }
}

// covers IMAP-11
#[test]
fn test_imap_unordered_handle_iterable_exception() {
    let pool = ThreadPool::new(2).unwrap();
    let (mut values, mut errors) = (Vec::new(), 0);
    for result in pool.imap_unordered(|x: u32| x, panics_at(7)).unwrap() {
        match result {
            Ok(x) => values.push(x),
            Err(_) => errors += 1,
        }
    }
    values.sort_unstable();
    assert_eq!((values, errors), (vec![0, 1, 2, 3, 4, 5, 6], 1));
}

// covers IMAP-12 IMAP-13 IMAP-15
#[test]
fn the_look_ahead_is_strict_and_the_input_needs_no_send() {
    for buffersize in [1, 2, 3, 64] {
        let pool = ThreadPool::new(2).unwrap();
        // A call that the machine interrupts pulls less.
        let opened = (0..100).find_map(|_| {
            let pulled = Rc::new(Cell::new(0));
            let counter = Rc::clone(&pulled);
            let input = (0..).inspect(move |_| counter.set(counter.get() + 1));
            let it = pool.stream(|x: u64| x, input).buffersize(buffersize).imap().unwrap();
            (pulled.get() == buffersize).then_some((it, pulled))
        });
        let (mut it, pulled) = opened.expect("the first of them start at the call");
        for yielded in 1..200 {
            it.next().unwrap().unwrap();
            let pulled = pulled.get();
            assert!(pulled < yielded + buffersize, "{pulled} pulled, {yielded} yielded");
        }
    }
}

// covers IMAP-16 IMAP-17 HANG-20
#[test]
fn a_blocking_input_holds_up_only_its_consumer() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = mpsc::channel::<u32>();
    std::thread::scope(|scope| {
        let (ready, is_ready) = mpsc::channel();
        let pool = &pool;
        scope.spawn(move || {
            let it = pool.stream(|x: u32| x, receive).buffersize(2).imap();
            ready.send(()).unwrap();
            assert_eq!(it.unwrap().filter(Result::is_err).count(), 1);
        });
        // The consumer blocks in its input; the pool does not.
        assert_eq!(pool.apply(|| 7).unwrap(), 7);
        send.send(1).unwrap();
        send.send(2).unwrap();
        is_ready.recv().unwrap();
        pool.terminate();
        pool.join().unwrap();
        // Input that is left, so that the end is an error however far the consumer has come.
        let _ = send.send(3);
        drop(send);
    });
}

// covers IMAP-23
#[test]
fn an_empty_input_ends_at_once() {
    let pool = ThreadPool::new(1).unwrap();
    assert!(pool.imap(|x: u32| x, []).unwrap().next().is_none());
    assert!(pool.imap_unordered(|x: u32| x, []).unwrap().next().is_none());
}

// covers IMAP-26 IMAP-28
#[test]
fn an_endless_input_needs_no_more_memory_than_its_window() {
    let pool = ThreadPool::new(2).unwrap();
    let item = Arc::new(());
    let items = std::iter::repeat_with({
        let item = Arc::clone(&item);
        move || Arc::clone(&item)
    });
    let mut it = pool.stream(|item: Arc<()>| item, items).buffersize(16).imap_unordered().unwrap();
    for _ in 0..10_000 {
        it.next().unwrap().unwrap();
        assert!(Arc::strong_count(&item) <= 16 + 3);
    }
}

// covers NEST-01 NEST-02
#[test]
fn a_worker_consumes_a_stream_of_its_own_pool() {
    for workers in WORKERS {
        for ordered in [true, false] {
            let pool = ThreadPool::new(workers).unwrap();
            let sums = pool.map(
                |x: u64| {
                    let pool = PoolHandle::current().unwrap();
                    let stream = pool.stream(move |y: u64| x * y, 0..100).buffersize(4);
                    let it = if ordered { stream.imap() } else { stream.imap_unordered() };
                    it.unwrap().map(Result::unwrap).sum::<u64>()
                },
                0..20,
            );
            assert_eq!(sums.unwrap(), (0..20).map(|x| x * 4950).collect::<Vec<_>>());
        }
    }
}

// covers NEST-01
#[test]
fn a_stream_that_its_own_item_consumes_says_that_this_would_never_end() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let (hand_over, itself) = mpsc::channel::<millpond::Imap<std::ops::Range<u32>, ()>>();
        let (itself, (send, receive)) = (std::sync::Mutex::new(itself), mpsc::channel());
        let work = move |_: u32| {
            let mut it = itself.lock().unwrap().recv().unwrap();
            send.send(matches!(it.next(), Some(Err(TaskError::WouldDeadlock)))).unwrap();
        };
        let it =
            if ordered { pool.imap(work, 0..1) } else { pool.imap_unordered(work, 0..1) }.unwrap();
        hand_over.send(it).unwrap();
        assert_eq!(receive.recv(), Ok(true));
    }
}

// covers S1-E1
#[test]
fn follow_up_tasks_are_submitted_while_a_stream_is_consumed() {
    let pool = ThreadPool::new(2).unwrap();
    let mut follow_ups = Vec::new();
    // The seed's random numbers, as a fixed function of the item.
    let mut values = Vec::new();
    for value in pool.imap_unordered(|x: u32| f64::from(x * 7 % 10) / 10.0, 0..10).unwrap() {
        let value = value.unwrap();
        values.push(value);
        if value > 0.5 {
            follow_ups.push(pool.apply_async(move || value * 2.0).unwrap());
        }
    }
    pool.close();
    pool.join().unwrap();
    assert_eq!(values.len(), 10);
    assert_eq!(follow_ups.len(), values.iter().filter(|v| **v > 0.5).count());
    assert!(follow_ups.into_iter().all(|result| result.get().unwrap() > 1.0));
}

#[test]
fn a_stream_without_an_end_lets_others_have_its_worker() {
    let pool = ThreadPool::new(1).unwrap();
    let mut stream = pool.imap(|x: u64| x, 0..).unwrap();
    stream.next().unwrap().unwrap();
    let mut results: Vec<_> = (0..10).map(|i| pool.apply_async(move || i).unwrap()).collect();
    // The stream is consumed as long as it takes; it never ends by itself.
    while let Some(result) = results.pop() {
        let mut waiting = Some(result);
        while let Some(result) = waiting.take() {
            stream.next().unwrap().unwrap();
            waiting = result.try_get().err().map(|Timeout(result)| result);
        }
    }
}

#[test]
fn a_stream_that_could_only_wait_for_ever_says_so_once() {
    let ((give, given), (tell, told)) = (mpsc::channel::<PoolHandle>(), mpsc::channel());
    let ends = std::sync::Mutex::new((given, tell));
    let initializer = move |_| {
        let ends = ends.lock().unwrap();
        let handle = ends.0.recv().unwrap();
        let yielded: Vec<_> = handle.imap(|x: u32| x, 0..3).unwrap().take(10).collect();
        ends.1.send(yielded).unwrap();
    };
    let pool = ThreadPool::builder().workers(1).initializer(initializer).build().unwrap();
    give.send(pool.handle()).unwrap();
    let yielded = told.recv().unwrap();
    assert!(matches!(yielded[..], [Err(TaskError::WouldDeadlock)]), "{yielded:?}");
}

/// An input that says how long it is gets a window of that size, and its end is seen when the window is filled for the first time.
#[test]
fn an_input_that_fits_into_the_window_is_dropped_at_the_call() {
    let pool = ThreadPool::new(2).unwrap();
    for items in [0, 1, 3, 63] {
        // A call that the machine interrupts pulls less.
        let is_gone = (0..100).any(|_| {
            let owned = Rc::new(Cell::new(0));
            let pulled = Rc::clone(&owned);
            let input = (0..items).inspect(move |_| pulled.set(pulled.get() + 1));
            let results = pool.imap(|x| x, input).unwrap();
            let is_gone = Rc::strong_count(&owned) == 1 && owned.get() == items;
            assert_eq!(results.count(), items);
            is_gone
        });
        assert!(is_gone, "{items} items: the input is gone");
    }
}
