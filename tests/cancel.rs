//! Keeping work from starting, asking it to stop, and seeing how far it is: part of row RES-15.

mod common;
mod parity;

use common::Gate;
use millpond::{PoolHandle, Progress, TaskError, ThreadPool, is_cancelled};
use parity::Ledger;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// Says that it has begun, and whether it was asked to stop before it had; goes on until it is asked.
fn until_asked(begun: &Sender<bool>) -> &'static str {
    begun.send(is_cancelled()).unwrap();
    while !is_cancelled() {
        thread::yield_now();
    }
    "asked"
}

// covers RES-15
#[test]
fn cancelling_a_running_call_asks_it_to_stop_and_keeps_its_value() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, begun) = channel();
    let result = pool.apply_async(move || until_asked(&send)).unwrap();
    assert_eq!(begun.recv(), Ok(false));
    assert!(!result.cancel(), "nothing was kept from starting");
    assert!(!result.cancel(), "nor the second time");
    assert!(!result.cancelled());
    assert_eq!(result.get().unwrap(), "asked");
    assert!(!pool.apply(is_cancelled).unwrap(), "the next task has not been asked");
    assert!(!is_cancelled(), "nor has what is no task");
}

// covers RES-15
#[test]
fn only_cancelled_work_says_that_it_was_cancelled() {
    let pool = ThreadPool::new(1).unwrap();
    let value = pool.apply_async(|| 1).unwrap();
    let failed = pool.try_apply_async(|| Err::<(), _>("no")).unwrap();
    let batch = pool.try_map_async(|x: u32| if x == 1 { Err("no") } else { Ok(x) }, 0..3).unwrap();
    assert!(value.wait() && failed.wait() && batch.wait());
    let gate = Gate::new();
    let pass = gate.clone();
    let running = pool.apply_async(move || pass.wait()).unwrap();
    let terminated = pool.apply_async(|| 2).unwrap();
    pool.terminate();
    gate.open();
    running.wait();
    assert!(terminated.ready());
    assert!(
        !value.cancelled()
            && !failed.cancelled()
            && !running.cancelled()
            && !terminated.cancelled()
    );
    assert!(!batch.cancelled());
    assert_eq!(
        (value.successful(), failed.successful(), batch.successful()),
        (Ok(true), Ok(false), Ok(false))
    );
}

// covers RES-15
#[test]
fn cancelling_a_running_batch_drops_its_other_items_and_waits_for_the_running_one() {
    let pool = ThreadPool::new(1).unwrap();
    let (ledger, (begins, begun), gate) = (Ledger::new(), channel(), Gate::new());
    let (pass, (send, told)) = (gate.clone(), channel());
    let work = move |(item, _captured)| {
        begins.send(item).unwrap();
        pass.wait();
        assert!(is_cancelled(), "its batch was cancelled meanwhile");
    };
    let items: Vec<_> = (0..10).map(|item| (item, ledger.value(false))).collect();
    let batch = pool.batch(work, items).chunksize(1);
    let result = batch
        .callback(|_| unreachable!("it has no values"))
        .error_callback(move |error| send.send(matches!(error, TaskError::Cancelled)).unwrap())
        .map_async()
        .unwrap();
    assert_eq!(begun.recv(), Ok(0));
    assert_eq!(result.progress(), Progress { done: 0, total: 10 });
    assert!(result.cancel(), "nine items were kept from starting");
    assert!(!result.cancel(), "and none this time");
    assert_eq!(ledger.dropped(), 9);
    assert!(!result.ready() && told.try_recv().is_err(), "one is running");
    gate.open();
    result.wait();
    assert!(result.cancelled() && result.ready());
    assert_eq!(result.progress(), Progress { done: 10, total: 10 });
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [true], "one call, when all was done");
    assert!(matches!(result.get(), Err(TaskError::Cancelled)));
    assert_eq!(begun.into_iter().count(), 0, "no other item has begun");
    ledger.settle("the items");
}

// covers RES-15
#[test]
fn a_batch_whose_items_have_all_begun_is_not_cancelled() {
    let pool = ThreadPool::new(2).unwrap();
    let (send, begun) = channel();
    let result =
        pool.batch(move |_: u32| until_asked(&send), 0..2).chunksize(1).map_async().unwrap();
    assert_eq!(begun.recv(), Ok(false));
    assert_eq!(begun.recv(), Ok(false));
    assert!(!result.cancel(), "nothing was left");
    assert_eq!(result.get().unwrap(), ["asked", "asked"], "but both were asked");
}

// covers RES-15
#[test]
fn a_cancel_keeps_items_from_starting_before_it_asks_the_running_ones() {
    for _ in 0..20 {
        let pool = ThreadPool::new(2).unwrap();
        let (send, begun) = channel();
        let result = pool
            .batch(move |_: u32| until_asked(&send), 0..1_000)
            .chunksize(1)
            .map_async()
            .unwrap();
        assert_eq!(begun.recv(), Ok(false));
        assert_eq!(begun.recv(), Ok(false));
        assert!(result.cancel());
        assert!(matches!(result.get(), Err(TaskError::Cancelled)));
        assert_eq!(begun.into_iter().count(), 0, "no other item has begun");
    }
}

// covers RES-15
#[test]
fn a_failed_batch_that_is_cancelled_keeps_its_failure() {
    let pool = ThreadPool::new(1).unwrap();
    let (gate, (begins, begun)) = (Gate::new(), channel());
    let pass = gate.clone();
    let work = move |item: u32| match item {
        0 => Err("before"),
        _ => {
            begins.send(()).unwrap();
            pass.wait();
            Ok(item)
        }
    };
    let result = pool.try_batch(work, 0..10).chunksize(1).map_async().unwrap();
    begun.recv().unwrap();
    assert!(result.cancel(), "eight items were kept from starting");
    gate.open();
    let error = result.get().unwrap_err();
    assert!(matches!(error, TaskError::Failed { error: "before", item: Some(0) }), "{error:?}");
}

// covers RES-15 IMAP-20
#[test]
fn a_dropped_stream_asks_its_running_items_to_stop() {
    for _ in 0..20 {
        let pool = ThreadPool::new(2).unwrap();
        let (send, begun) = channel();
        let (ends, ended) = channel();
        let work = move |_: u32| ends.send(until_asked(&send)).unwrap();
        let mut stream = pool.imap_unordered(work, 0..).unwrap();
        common::pull(&mut stream, 2);
        assert_eq!(begun.recv(), Ok(false));
        assert_eq!(begun.recv(), Ok(false));
        drop(stream);
        assert_eq!(ended.into_iter().collect::<Vec<_>>(), ["asked", "asked"]);
        assert_eq!(begun.into_iter().count(), 0, "no other item has begun");
    }
}

// covers RES-15
#[test]
fn a_nested_task_is_cancelled_apart_from_the_task_around_it() {
    let pool = ThreadPool::new(1).unwrap();
    let (inner_runs, (send, begun), gate) = (channel(), channel(), Gate::new());
    let (pass, (says, said)) = (gate.clone(), inner_runs);
    let outer = pool
        .apply_async(move || {
            send.send(()).unwrap();
            pass.wait();
            let before = is_cancelled();
            // The worker runs it here, as it waits for it.
            let inner = PoolHandle::current().unwrap().apply_async(is_cancelled).unwrap();
            says.send((before, inner.get().unwrap(), is_cancelled())).unwrap();
        })
        .unwrap();
    begun.recv().unwrap();
    outer.cancel();
    gate.open();
    assert_eq!(said.recv(), Ok((true, false, true)), "outer, inner, outer");
    outer.get().unwrap();
}

// covers RES-15
#[test]
fn calls_batches_and_streams_tell_their_progress() {
    let pool = ThreadPool::new(1).unwrap();
    let (gate, (begins, begun)) = (Gate::new(), channel());
    let pass = gate.clone();
    let call = pool.apply_async(move || pass.wait()).unwrap();
    assert_eq!(call.progress(), Progress { done: 0, total: 1 });
    // Chunks of three items, and a last one of one: what is done is told by the chunk.
    let (steps, step) = channel::<()>();
    let step = std::sync::Mutex::new(step);
    let work = move |item: u32| {
        begins.send(item).unwrap();
        step.lock().unwrap().recv().unwrap();
    };
    let batch = pool.batch(work, 0..7).chunksize(3).map_async().unwrap();
    assert_eq!(batch.progress(), Progress { done: 0, total: 7 });
    gate.open();
    call.wait();
    assert_eq!(call.progress(), Progress { done: 1, total: 1 });
    for item in 0..7 {
        assert_eq!(begun.recv(), Ok(item));
        assert_eq!(batch.progress(), Progress { done: item as usize / 3 * 3, total: 7 });
        steps.send(()).unwrap();
    }
    batch.wait();
    assert_eq!(batch.progress(), Progress { done: 7, total: 7 });
    assert_eq!(pool.map_async(|x: u32| x, []).unwrap().progress(), Progress { done: 0, total: 0 });

    let mut stream = pool.stream(|x: u32| x, 0..10).buffersize(4).imap().unwrap();
    let Progress { done, total } = stream.progress();
    assert!(done == 0 && (1..=4).contains(&total), "{total} pulled by the call");
    for yielded in 1..=10 {
        stream.next().unwrap().unwrap();
        let Progress { done, total } = stream.progress();
        assert!(done == yielded && (done..=done + 4).contains(&total), "{done} of {total}");
    }
    assert!(stream.next().is_none());
    assert_eq!(stream.progress(), Progress { done: 10, total: 10 }, "also after the end");
}

// covers RES-15
#[test]
fn progress_counts_failed_items_and_panicked_calls() {
    let pool = ThreadPool::new(2).unwrap();
    let failing = pool.try_map_async(Err::<(), u32>, 0..10).unwrap();
    failing.wait();
    assert_eq!(failing.progress(), Progress { done: 10, total: 10 });
    let panicking = pool.apply_async(|| panic!("all the same")).unwrap();
    panicking.wait();
    assert_eq!(panicking.progress(), Progress { done: 1, total: 1 });
}
