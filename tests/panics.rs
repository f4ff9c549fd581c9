//! What panics, where and when: the faults F-01 to F-09 of user code. (tests/drops.rs and
//! tests/batch_drops.rs count the drops of all of these combined.)

mod common;
mod parity;

use common::Gate;
use millpond::{AsyncResult, TaskError, ThreadPool};
use parity::{Counted, Ledger, dispose};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, RawWaker, RawWakerVTable, Waker};
use std::thread;
use std::time::Duration;

/// A pool of one worker, which must be the same at the end.
struct Watched(ThreadPool, thread::ThreadId);

impl Watched {
    fn new() -> Self {
        let pool = ThreadPool::new(1).unwrap();
        let worker = pool.apply(|| thread::current().id()).unwrap();
        Self(pool, worker)
    }

    fn lives(self) {
        assert_eq!(self.0.apply(|| thread::current().id()).unwrap(), self.1, "the worker lives");
        self.0.close();
        self.0.join().unwrap();
    }
}

/// A task that begins, and goes on when its gate is opened.
fn gated<T: Send + 'static>(
    pool: &ThreadPool,
    f: impl FnOnce() -> T + Send + 'static,
) -> (AsyncResult<T>, Gate) {
    let (begun, gate) = (Gate::new(), Gate::new());
    let (begins, pass) = (begun.clone(), gate.clone());
    let result = pool.apply_async(move || {
        begins.open();
        pass.wait();
        f()
    });
    begun.wait();
    (result.unwrap(), gate)
}

// covers F-02
#[test]
fn only_a_payload_that_was_taken_panics_in_the_taker_s_thread() {
    let pool = Watched::new();
    for taken in [false, true] {
        let ledger = Ledger::new();
        let payload = ledger.value(true);
        let error =
            pool.0.apply_async(|| panic_any(payload)).unwrap().get().map(|(): ()| ()).unwrap_err();
        let TaskError::Panicked(panic) = error else { panic!("{error:?}") };
        assert_eq!(ledger.dropped(), 0, "it is the caller's");
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            if taken { drop(panic.into_payload()) } else { drop(panic) }
        }));
        assert_eq!(dropped.is_err(), taken, "an error that is dropped contains the panic");
        ledger.settle("the payload");
    }
    pool.lives();
}

/// Panics when dropped, with a payload that does the same, so many times.
struct Chain(u32, Arc<AtomicUsize>);

impl Drop for Chain {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
        if self.0 > 0 {
            panic_any(Chain(self.0 - 1, Arc::clone(&self.1)));
        }
    }
}

// covers F-03
#[test]
fn an_untaken_payload_panics_unheard() {
    for length in 0..4 {
        let pool = Watched::new();
        let drops = Arc::new(AtomicUsize::new(0));
        let payload = Chain(length, Arc::clone(&drops));
        let (result, gate) = gated(&pool.0, move || panic_any(payload));
        let result: AsyncResult<()> = result;
        drop(result);
        gate.open();
        pool.lives();
        assert!(drops.load(Ordering::Relaxed) >= 1);
    }
}

// covers F-04
#[test]
fn a_map_of_two_panics_survives_the_drop_of_the_second_payload() {
    let pool = ThreadPool::new(2).unwrap();
    let (ledger, ended) = (Ledger::new(), AtomicUsize::new(0));
    let both_failed = Gate::new();
    // Of two workers one has items 0 and 1, and waits in item 0; the other fails in 2 and 3, and then steals item 1.
    let each = |i: u32| {
        match i {
            0 => both_failed.wait(),
            1 => both_failed.open(),
            _ => panic_any(ledger.value(i == 3)),
        }
        ended.fetch_add(1, Ordering::Relaxed);
    };
    let error = pool.batch(each, 0..4).chunksize(1).map().unwrap_err();
    assert_eq!(ended.load(Ordering::Relaxed), 2, "map has waited for the items that did not fail");
    assert_eq!(error.item(), Some(2), "the first");
    assert_eq!((ledger.made(), ledger.dropped()), (2, 1));
    drop(error);
    ledger.settle("both payloads");
    assert_eq!(pool.map(|i: u32| i, 0..3).unwrap(), [0, 1, 2]);
}

// covers F-05
#[test]
fn an_untaken_value_may_panic_when_dropped() {
    for done_first in [false, true] {
        let pool = Watched::new();
        let ledger = Ledger::new();
        let values = ledger.clone();
        let (result, gate) = gated(&pool.0, move || values.value(true));
        if done_first {
            gate.open();
            result.wait();
        }
        drop(result);
        gate.open();
        let (batch, gate) = gated(&pool.0, || ());
        let values = ledger.clone();
        let all = pool.0.map_async(move |_: u32| values.value(true), 0..3).unwrap();
        gate.open();
        if done_first {
            all.wait();
        }
        drop((all, batch));
        pool.lives();
        assert_eq!(ledger.made(), 4);
        ledger.settle("values");
    }
}

// covers F-05
#[test]
fn values_of_an_unread_stream_may_panic_when_dropped() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let ledger = Ledger::new();
        let values = ledger.clone();
        let stream = pool.stream(move |_: u32| values.value(true), 0..4).chunksize(1);
        let it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        // The one worker comes to this when it has done with the first, at least.
        pool.apply(|| ()).unwrap();
        drop(it);
        pool.close();
        pool.join().unwrap();
        ledger.settle("by the stream, one by one");
        // And if it is dropped before its only item is done, it is the worker that drops the value.
        let pool = ThreadPool::new(1).unwrap();
        let (gate, values) = (Gate::new(), ledger.clone());
        let (pass, entered) = (gate.clone(), Gate::new());
        let enter = entered.clone();
        let slow = move |_: u32| {
            enter.open();
            pass.wait();
            values.value(true)
        };
        let stream = pool.stream(slow, 0..1).chunksize(1);
        let it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        entered.wait();
        drop(it);
        gate.open();
        pool.close();
        assert_eq!(pool.join_timeout(Duration::MAX), Ok(()), "which lives to leave its pool");
        ledger.settle("by the worker");
    }
}

// covers F-03 F-13 INIT-05
#[test]
fn an_initializer_may_panic_with_a_payload_that_panics() {
    let ledger = Ledger::new();
    let payload = Mutex::new(Some(ledger.value(true)));
    let (send, receive) = channel();
    let builder = ThreadPool::builder()
        .workers(1)
        .initializer(move |_| panic_any(payload.lock().unwrap().take().unwrap()))
        .on_worker_exit(move |_| send.send(()).unwrap());
    let pool = builder.build().unwrap();
    while pool.spawn(|| ()).is_ok() {
        thread::yield_now();
    }
    assert_eq!(
        pool.join_timeout(Duration::MAX),
        Ok(()),
        "the worker leaves the pool as any other does"
    );
    assert_eq!(pool.join(), Ok(()));
    // The pool keeps the payload for who asks, and a panic of its `Drop` is contained.
    assert!(pool.broken_by().is_some());
    drop(pool);
    ledger.settle("the payload");
    assert!(receive.try_recv().is_err(), "no exit hook where there was no beginning");
}

// covers F-06
#[test]
fn a_captured_value_may_panic_after_the_call() {
    let pool = Watched::new();
    let ledger = Ledger::new();
    let captured = ledger.value(true);
    let result = pool.0.apply_async(move || drop(captured)).unwrap();
    result.wait();
    ledger.settle("before the result is there");
    assert!(matches!(result.get(), Err(TaskError::Panicked(_))), "reported as the task's");
    // Of a batch it is nobody's: the values are there.
    let captured = ledger.value(true);
    let each = move |i: u32| {
        let _captured = &captured;
        i
    };
    let result = pool.0.map_async(each, 0..3).unwrap();
    result.wait();
    ledger.settle("before the result is there");
    assert_eq!(result.get().unwrap(), [0, 1, 2]);
    // And of a task that never ran, neither is it.
    let (busy, gate) = gated(&pool.0, || ());
    let captured = ledger.value(true);
    let queued = pool.0.apply_async(move || drop(captured)).unwrap();
    assert!(queued.cancel());
    ledger.settle("by cancel");
    assert!(matches!(queued.get(), Err(TaskError::Cancelled)));
    gate.open();
    busy.get().unwrap();
    pool.lives();
}

// covers F-08
#[test]
fn callbacks_may_panic_and_may_hold_values_that_panic() {
    for fails in [false, true] {
        let pool = Watched::new();
        let ledger = Ledger::new();
        let (one, other, values) = (ledger.value(true), ledger.value(true), ledger.clone());
        let task = pool.0.task(move || {
            assert!(!fails);
            values.value(true)
        });
        let task =
            task.callback(move |_: &Counted| panic_any(one)).error_callback(|_| panic_any(other));
        let result = task.apply_async().unwrap();
        result.wait();
        // The value or the error's payload was dropped where it was of no use; the callback's payload is in the result.
        assert_eq!(ledger.made() - ledger.dropped(), 1, "fails: {fails}");
        let error = result.get().unwrap_err();
        assert!(
            matches!(&error, TaskError::CallbackPanicked { cause, .. } if cause.is_some() == fails)
        );
        dispose(error);
        ledger.settle("callbacks");
        pool.lives();
    }
}

/// What a waker's functions are to do.
#[derive(Default)]
struct Moods {
    clone: AtomicBool,
    wake: AtomicBool,
    drop: AtomicBool,
    alive: AtomicUsize,
}

static MOODY: RawWakerVTable = RawWakerVTable::new(
    |data| {
        let moods = moods(data);
        assert!(!moods.clone.load(Ordering::SeqCst), "clone panics");
        moods.alive.fetch_add(1, Ordering::SeqCst);
        RawWaker::new(data, &MOODY)
    },
    |data| {
        let moods = moods(data);
        moods.alive.fetch_sub(1, Ordering::SeqCst);
        assert!(!moods.wake.load(Ordering::SeqCst), "wake panics");
    },
    |_| unreachable!("the pool wakes by value"),
    |data| {
        let moods = moods(data);
        moods.alive.fetch_sub(1, Ordering::SeqCst);
        assert!(!moods.drop.load(Ordering::SeqCst), "drop panics");
    },
);

fn moods(data: *const ()) -> &'static Moods {
    // SAFETY: every `data` of this table comes from `moody`, which leaks what it points to.
    unsafe { &*data.cast::<Moods>() }
}

fn moody() -> (&'static Moods, Waker) {
    let moods: &Moods = Box::leak(Box::default());
    moods.alive.store(1, Ordering::SeqCst);
    let raw = RawWaker::new(std::ptr::from_ref(moods).cast(), &MOODY);
    // SAFETY: the functions of the table may be called from any thread, and the data lives for ever.
    (moods, unsafe { Waker::from_raw(raw) })
}

fn poll<T>(result: &mut AsyncResult<T>, waker: &Waker) -> bool {
    Pin::new(result).poll(&mut Context::from_waker(waker)).is_ready()
}

// covers F-08
#[test]
fn a_waker_that_panics_harms_no_worker() {
    let pool = Watched::new();
    // In clone: in the poller's thread, and nothing has changed.
    let (mood, waker) = moody();
    let (mut result, gate) = gated(&pool.0, || 1);
    mood.clone.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut result, &waker))).is_err());
    mood.clone.store(false, Ordering::SeqCst);
    assert!(!poll(&mut result, &waker));
    mood.clone.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut result, &waker))).is_err());
    assert_eq!(mood.alive.load(Ordering::SeqCst), 2, "the one of the poll before is still there");
    // In drop: when another waker takes its place, and when the handle goes.
    mood.drop.store(true, Ordering::SeqCst);
    let (other, replaces) = moody();
    assert!(!poll(&mut result, &replaces));
    assert_eq!(mood.alive.load(Ordering::SeqCst), 1);
    other.drop.store(true, Ordering::SeqCst);
    drop(result);
    assert_eq!(other.alive.load(Ordering::SeqCst), 1);
    gate.open();
    // In wake: on the worker.
    let (last, wakes) = moody();
    let (mut result, gate) = gated(&pool.0, || 2);
    last.wake.store(true, Ordering::SeqCst);
    assert!(!poll(&mut result, &wakes));
    gate.open();
    result.wait();
    assert_eq!(result.get().unwrap(), 2);
    pool.lives();
    assert_eq!(last.alive.load(Ordering::SeqCst), 1, "it was woken");
    for waker in [waker, replaces] {
        dispose(waker);
    }
}

// covers F-09
#[test]
fn an_input_that_panics_leaves_nothing_submitted() {
    let pool = Watched::new();
    for chunk in [None, Some(2)] {
        let (ledger, ran) = (Ledger::new(), Arc::new(AtomicUsize::new(0)));
        let (captured, count) = (ledger.value(false), Arc::clone(&ran));
        let each = move |item: Counted| {
            let (_captured, _item) = (&captured, item);
            count.fetch_add(1, Ordering::Relaxed);
        };
        let (items, pool) = (ledger.clone(), &pool.0);
        let input = (0..10).map(move |i| {
            assert!(i < 3, "the input fails");
            items.value(false)
        });
        let call = || match chunk {
            None => pool.map_async(each, input).unwrap().detach(),
            Some(size) => pool.batch(each, input).chunksize(size).map_async().unwrap().detach(),
        };
        let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"the input fails"));
        assert_eq!((ledger.made(), ran.load(Ordering::Relaxed)), (4, 0));
        ledger.settle("function and items");
    }
    pool.lives();
}
