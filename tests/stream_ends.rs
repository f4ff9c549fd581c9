//! How a stream ends: what it yields, and what becomes of its items, when its pool is closed, joined,
//! terminated or broken, and when it is itself dropped.

mod common;

use common::{Gate, hold_up};
use millpond::{SubmitErrorKind, TaskError, ThreadPool};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

const WORKERS: [usize; 3] = [1, 2, 5];

// covers IMAP-14 IMAP-18 LIFE-05 HANG-22
#[test]
fn join_waits_only_for_items_that_were_pulled() {
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

// covers IMAP-18
#[test]
fn close_before_the_first_next_loses_nothing() {
    for workers in WORKERS {
        for ordered in [true, false] {
            let pool = ThreadPool::new(workers).unwrap();
            let stream = pool.stream(|x: u64| x, 0..1000).buffersize(8);
            let it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
            pool.close();
            assert!(
                matches!(pool.imap(|x: u32| x, 0..1), Err(e) if e.kind() == SubmitErrorKind::NotRunning),
                "it is refused at the call"
            );
            let mut all: Vec<u64> = it.map(Result::unwrap).collect();
            all.sort_unstable();
            assert_eq!(all, (0..1000).collect::<Vec<_>>());
            pool.join().unwrap();
        }
    }
}

// covers IMAP-18
#[test]
fn a_finite_input_that_was_pulled_whole_ends_without_an_error() {
    let pool = ThreadPool::new(1).unwrap();
    // The call pulls less where the machine interrupts it.
    let it = loop {
        let it = pool.stream(|x: u64| x, 0..4).buffersize(4).imap().unwrap();
        if it.progress().total == 4 {
            break it;
        }
    };
    pool.close();
    pool.join().unwrap();
    assert_eq!(it.map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

// covers IMAP-20 IMAP-25 S3-E8
#[test]
fn dropping_a_stream_stops_it() {
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

// covers IMAP-22 HANG-12 LIFE-06
#[test]
fn next_after_terminate_yields_finished_items_one_error_and_the_end() {
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
        let mut values = Vec::new();
        // The call may have pulled less, where the machine has interrupted it.
        while it.progress().total < 4 {
            values.extend(it.next_timeout(Duration::ZERO).ok().flatten().map(Result::unwrap));
        }
        entered.wait();
        pool.terminate();
        gate.open();
        values.extend(it.by_ref().map_while(Result::ok));
        assert_eq!(values, [0, 1, 2, 3], "what has run, the running one included; then one error");
        assert!(it.next().is_none());
        assert!(it.next().is_none());
    }
}

// covers IMAP-01 IMAP-22
#[test]
fn no_value_takes_the_place_of_one_that_was_refused() {
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

// covers INIT-05
#[test]
fn a_stream_of_a_pool_that_breaks_says_so() {
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

// covers LIFE-05
#[test]
fn only_a_worker_opens_a_stream_while_its_pool_is_closed() {
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

// covers LIFE-05
#[test]
fn a_closed_pool_ends_with_its_last_stream_without_a_join() {
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

// covers IMAP-18
#[test]
fn after_the_end_one_more_item_is_pulled_to_learn_if_input_is_left() {
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

/// An item that counts when it is dropped.
struct Refused(u32, mpsc::Sender<u32>);

impl Drop for Refused {
    fn drop(&mut self) {
        self.1.send(self.0).unwrap();
    }
}

// covers IMAP-22
#[test]
fn an_unordered_stream_also_yields_items_that_run_when_the_pool_is_terminated() {
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
    common::pull(&mut it, 8);
    begun.recv().unwrap();
    begun.recv().unwrap();
    pool.terminate();
    quick.open();
    // One has run; six are refused by its worker. Only then does the last one go on.
    let mut gone: Vec<_> = (0..7).map(|_| dropped.recv().unwrap()).collect();
    gone.sort_unstable();
    assert_eq!(gone, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(it.next().unwrap().unwrap(), 1);
    slow.open();
    assert_eq!(it.by_ref().map_while(Result::ok).collect::<Vec<_>>(), [0], "then one error");
    assert!(it.next().is_none());
}
