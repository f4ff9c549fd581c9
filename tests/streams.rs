//! `imap` and `imap_unordered`: the rows IMAP of the parity table.

mod common;

use common::{Gate, hold_up};
use millpond::{PoolHandle, SubmitErrorKind, TaskError, ThreadPool, Timeout};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

const WORKERS: [usize; 3] = [1, 2, 5];

#[test]
fn imap_01_imap_03_test_imap() {
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

#[test]
fn imap_02_test_imap_unordered() {
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

#[test]
fn imap_02_as_completed() {
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
fn imap_a_slow_item_withholds_no_finished_result() {
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
fn imap_the_next_item_may_wait_until_the_consumer_has_the_one_before() {
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

#[test]
fn imap_04_test_imap_next_timeout() {
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

#[test]
fn imap_06_imap_13_sizes_of_zero() {
    let pool = ThreadPool::new(1).unwrap();
    let refused = pool.stream(|x: u32| x, 0..3).chunksize(0).imap().unwrap_err();
    assert_eq!(refused.to_string(), "Chunksize must be 1+, not 0");
    let again = refused.into_task().chunksize(2).buffersize(0).imap_unordered().unwrap_err();
    assert_eq!(again.kind(), SubmitErrorKind::InvalidBufferSize);
    assert_eq!(again.into_task().buffersize(1).imap().unwrap().count(), 3);
}

#[test]
fn imap_06_imap_13_sizes_beyond_all_measure() {
    let pool = ThreadPool::new(2).unwrap();
    for size in [usize::MAX, usize::MAX / 2, 1 << 40] {
        let chunks = || pool.stream(|x: u32| x, 0..1000).chunksize(size);
        assert_eq!(chunks().imap().unwrap().map(Result::unwrap).sum::<u32>(), 499_500);
        assert_eq!(chunks().imap_unordered().unwrap().map(Result::unwrap).sum::<u32>(), 499_500);
        let all_at_once = chunks().buffersize(size).imap().unwrap();
        assert_eq!(all_at_once.progress().total, 1000);
        assert_eq!(all_at_once.map(Result::unwrap).sum::<u32>(), 499_500);
    }
    // Nothing is left open that would hold the end off.
    pool.close();
    pool.join().unwrap();
}

#[test]
fn imap_07_imap_08_s3_e16_an_item_that_fails_is_an_error_of_its_own() {
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

#[test]
fn imap_09_imap_10_f09_test_imap_handle_iterable_exception() {
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

#[test]
fn imap_11_test_imap_unordered_handle_iterable_exception() {
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

#[test]
fn imap_12_imap_13_imap_15_the_look_ahead_is_strict_and_the_input_needs_no_send() {
    for buffersize in [1, 2, 3, 64] {
        let pool = ThreadPool::new(2).unwrap();
        let pulled = Rc::new(Cell::new(0));
        let counter = Rc::clone(&pulled);
        let input = (0..).inspect(move |_| counter.set(counter.get() + 1));
        let mut it = pool.stream(|x: u64| x, input).buffersize(buffersize).imap().unwrap();
        assert_eq!(pulled.get(), buffersize, "imap_19: the first of them start at the call");
        for yielded in 1..200 {
            it.next().unwrap().unwrap();
            assert!(
                pulled.get() <= yielded - 1 + buffersize,
                "{} pulled, {yielded} yielded",
                pulled.get()
            );
        }
    }
}

#[test]
fn imap_14_imap_18_life_05_hang_22_join_waits_for_what_was_pulled() {
    let pool = ThreadPool::new(2).unwrap();
    let mut it = pool.stream(|x: u64| x, 0..).buffersize(4).imap().unwrap();
    assert_eq!(it.next().unwrap().unwrap(), 0);
    pool.close();
    assert_eq!(it.next().unwrap().unwrap(), 1, "a stream goes on after close");
    pool.join().unwrap();
    let rest: Vec<_> = it.collect();
    let (last, values) = rest.split_last().unwrap();
    assert!(matches!(last, Err(TaskError::NotSubmitted(SubmitErrorKind::NotRunning))), "{last:?}");
    assert!(values.len() <= 4 && values.iter().all(Result::is_ok));
}

#[test]
fn imap_18_close_before_the_first_next_loses_nothing() {
    for workers in WORKERS {
        for ordered in [true, false] {
            let pool = ThreadPool::new(workers).unwrap();
            let stream = pool.stream(|x: u64| x, 0..1000).buffersize(8);
            let it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
            pool.close();
            assert!(
                matches!(pool.imap(|x: u32| x, 0..1), Err(e) if e.kind() == SubmitErrorKind::NotRunning),
                "imap_24"
            );
            let mut all: Vec<u64> = it.map(Result::unwrap).collect();
            all.sort_unstable();
            assert_eq!(all, (0..1000).collect::<Vec<_>>());
            pool.join().unwrap();
        }
    }
}

#[test]
fn imap_18_a_finite_input_that_was_pulled_whole_ends_without_an_error() {
    let pool = ThreadPool::new(1).unwrap();
    let it = pool.stream(|x: u64| x, 0..4).buffersize(4).imap().unwrap();
    pool.close();
    pool.join().unwrap();
    assert_eq!(it.map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn imap_20_imap_25_s3_e8_dropping_it_stops_it() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let item = Arc::new(());
        let items: Vec<_> = (0..10).map(|_| Arc::clone(&item)).collect();
        let stream = pool.stream(
            move |item: Arc<()>| {
                count.fetch_add(1, Ordering::Relaxed);
                enter.open();
                pass.wait();
                item
            },
            items,
        );
        let it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        entered.wait();
        drop(it);
        assert_eq!(Arc::strong_count(&item), 2, "those that have not begun are dropped");
        gate.open();
        pool.close();
        pool.join().unwrap();
        assert_eq!((begun.load(Ordering::Relaxed), Arc::strong_count(&item)), (1, 1));
    }
}

#[test]
fn imap_22_hang_12_life_06_next_after_terminate() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        let work = move |x: u32| {
            if x == 3 {
                enter.open();
                pass.wait();
            }
            x
        };
        let stream = pool.stream(work, 0..).chunksize(1).buffersize(16);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        entered.wait();
        pool.terminate();
        gate.open();
        let values: Vec<u32> = it.by_ref().map_while(Result::ok).collect();
        assert_eq!(values, [0, 1, 2, 3], "what has run, the running one included; then one error");
        assert!(it.next().is_none());
        assert!(it.next().is_none());
    }
}

#[test]
fn imap_01_imap_22_no_value_takes_the_place_of_one_that_was_refused() {
    /// The item 1, when it is refused, lets the runner go on.
    struct Item(u32, Gate);
    impl Drop for Item {
        fn drop(&mut self) {
            if self.0 == 1 {
                self.1.open();
            }
        }
    }
    for ordered in [true, false] {
        let pool = ThreadPool::new(2).unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        // One worker has the other's share of the stream in its queue, for `terminate` to find and to refuse items for.
        let release = hold_up(&pool);
        let enter = entered.clone();
        let work = move |item: Item| {
            if item.0 == 0 {
                enter.open();
                item.1.wait();
            }
            item.0
        };
        let items: Vec<_> = (0..8).map(|number| Item(number, gate.clone())).collect();
        let stream = pool.stream(work, items).chunksize(8);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        entered.wait();
        pool.terminate();
        release.open();
        let values: Vec<u32> = it.by_ref().map_while(Result::ok).collect();
        assert!(it.next().is_none());
        // The item that ran goes on to its end; no other begins, not even those of the same chunk.
        assert_eq!(values, [0], "ordered: {ordered}");
    }
}

#[test]
fn init_05_a_stream_of_a_pool_that_breaks_says_so() {
    let gate = Gate::new();
    let pass = gate.clone();
    let initializer = move |worker| {
        if worker == 1 {
            pass.wait();
            panic!("no database");
        }
    };
    let pool = ThreadPool::builder().workers(2).initializer(initializer).build().unwrap();
    let mut it = pool.stream(|x: u32| x, 0..).buffersize(1).imap().unwrap();
    assert_eq!(it.next().unwrap().unwrap(), 0);
    gate.open();
    while !matches!(pool.spawn(|| ()), Err(refused) if refused.kind() == SubmitErrorKind::Broken) {
        std::thread::yield_now();
    }
    let error = it.next().unwrap().unwrap_err();
    assert!(matches!(error, TaskError::NotSubmitted(SubmitErrorKind::Broken)), "{error}");
    assert!(it.next().is_none());
}

#[test]
fn imap_16_imap_17_hang_20_a_blocking_input_holds_up_nobody_else() {
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
        // Input that is left, so that the end is an error however far the consumer has come.
        send.send(3).unwrap();
        pool.terminate();
        pool.join().unwrap();
        drop(send);
    });
}

#[test]
fn imap_23_empty_input() {
    let pool = ThreadPool::new(1).unwrap();
    assert!(pool.imap(|x: u32| x, []).unwrap().next().is_none());
    assert!(pool.imap_unordered(|x: u32| x, []).unwrap().next().is_none());
}

#[test]
fn imap_26_imap_28_no_end_of_input_no_growth() {
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

#[test]
fn nest_01_nest_02_a_worker_consumes_a_stream_of_its_own_pool() {
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

#[test]
fn life_05_a_worker_opens_a_stream_while_its_pool_is_closed_and_nobody_else_does() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let (gate, handle) = (Gate::new(), pool.handle());
        let (pass, inner) = (gate.clone(), handle.clone());
        let sum = pool
            .apply_async(move || {
                pass.wait();
                let stream = inner.stream(|x: u64| x, 0..100);
                let it = if ordered { stream.imap() } else { stream.imap_unordered() };
                it.unwrap().map(Result::unwrap).sum::<u64>()
            })
            .unwrap();
        pool.close();
        assert!(handle.imap(|x: u64| x, 0..100).is_err());
        gate.open();
        assert_eq!(sum.get().unwrap(), 4950);
        pool.join().unwrap();
    }
}

#[test]
fn life_05_a_closed_pool_whose_last_stream_has_ended_ends_though_nobody_joins() {
    for ordered in [true, false] {
        let (send, receive) = mpsc::channel();
        let builder =
            ThreadPool::builder().workers(2).on_worker_exit(move |_| send.send(()).unwrap());
        let pool = builder.build().unwrap();
        let stream = pool.stream(|x: u64| x, 0..100).buffersize(4);
        let it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        pool.close();
        assert_eq!(it.map(Result::unwrap).sum::<u64>(), 4950);
        assert_eq!(
            (receive.recv(), receive.recv()),
            (Ok(()), Ok(())),
            "the workers leave by themselves"
        );
    }
}

#[test]
fn imap_18_of_an_input_that_goes_on_one_item_is_pulled_after_the_end_to_know_it() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let pulled = Rc::new(Cell::new(0));
        let count = Rc::clone(&pulled);
        let input = std::iter::from_fn(move || {
            count.set(count.get() + 1);
            Some(count.get())
        });
        let stream = pool.stream(|x: u32| x, input).chunksize(1).buffersize(8);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        it.next().unwrap().unwrap();
        pool.close();
        pool.join().unwrap();
        let before = pulled.get();
        assert!(it.any(|result| result.is_err()), "there was more");
        assert_eq!(pulled.get(), before + 1);
    }
}

#[test]
fn nest_01_a_stream_that_is_consumed_by_its_own_item_says_that_this_would_never_end() {
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

/// An item that counts when it is dropped.
struct Refused(u32, mpsc::Sender<u32>);

impl Drop for Refused {
    fn drop(&mut self) {
        self.1.send(self.0).unwrap();
    }
}

#[test]
fn imap_22_out_of_order_what_still_runs_when_the_pool_is_terminated_comes_too() {
    let pool = ThreadPool::new(2).unwrap();
    let (slow, quick, (send, dropped)) = (Gate::new(), Gate::new(), mpsc::channel());
    let (begin, begun) = mpsc::channel();
    let (wait_long, wait) = (slow.clone(), quick.clone());
    let work = move |item: Refused| {
        begin.send(()).unwrap();
        if item.0 == 0 {
            wait_long.wait()
        } else {
            wait.wait()
        }
        item.0
    };
    let stream = pool.stream(work, (0..8).map(move |number| Refused(number, send.clone())));
    let mut it = stream.chunksize(1).imap_unordered().unwrap();
    begun.recv().unwrap();
    begun.recv().unwrap();
    pool.terminate();
    quick.open();
    // One has run; six are refused by its worker. Only then does the last one go on.
    let mut gone: Vec<_> = (0..7).map(|_| dropped.recv().unwrap()).collect();
    gone.sort_unstable();
    assert_eq!(gone, [1, 2, 3, 4, 5, 6, 7]);
    slow.open();
    assert_eq!(it.by_ref().map_while(Result::ok).collect::<Vec<_>>(), [1, 0], "then one error");
    assert!(it.next().is_none());
}

#[test]
fn s1_e1_follow_up_tasks() {
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
        let owned = Rc::new(Cell::new(0));
        let pulled = Rc::clone(&owned);
        let input = vec![1_u64; items].into_iter().inspect(move |_| pulled.set(pulled.get() + 1));
        let results = pool.imap(|x| x, input).unwrap();
        assert_eq!(Rc::strong_count(&owned), 1, "{items} items: the input is gone");
        assert_eq!((owned.get(), results.count()), (items, items));
    }
}
