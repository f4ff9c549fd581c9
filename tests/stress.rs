//! Three threads do everything that allocates, at once, on pools that live short, until they end or are ended: for the lanes that
//! watch memory, `.ci/sanitize` and `.ci/memcheck`. Every value is counted here as well.

mod common;
mod parity;

use millpond::{
    DropPolicy, PoolHandle, ReturnWhen, SubmitError, TaskError, ThreadPool, as_completed, wait,
};
use parity::{Counted, Ledger};
use std::thread;

const ROUNDS: usize = 100;

/// A value, or an error, or a panic that carries one; without the hook, which would print thousands of these.
fn act(item: &Counted, number: usize, ledger: &Ledger) -> Result<Counted, Counted> {
    let _argument = item;
    match number % 7 {
        3 => Err(ledger.value(false)),
        5 => std::panic::resume_unwind(Box::new(ledger.value(false))),
        _ => Ok(ledger.value(false)),
    }
}

/// One of each. What the pool refuses comes back and is dropped.
fn everything(pool: &PoolHandle, ledger: &Ledger, round: usize) {
    let call = |number| {
        let (item, ledger) = (ledger.value(false), ledger.clone());
        move || act(&item, number, &ledger)
    };
    let each = || {
        let ledger = ledger.clone();
        move |(number, item): (usize, Counted)| act(&item, number, &ledger)
    };
    let items = || (0..40).map(|number| (number, ledger.value(false)));

    let mut handles: Vec<_> =
        (0..20).filter_map(|number| pool.try_apply_async(call(number)).ok()).collect();
    drop(handles.pop());
    handles.iter().step_by(5).for_each(|handle| _ = handle.cancel());
    let told = ledger.value(false);
    let task = pool.try_task(call(round)).callback(|_| ()).error_callback(move |_| drop(told));
    let _ = task.apply_async().map(|handle| handle.detach());
    let _ = pool.spawn({
        let run = call(round);
        move || drop(run())
    });
    let _ = pool.try_apply(call(round));

    let chunks = pool.try_batch(each(), items()).chunksize(1 + round % 9).fail_fast(round % 2 == 0);
    let batches = [pool.try_map_async(each(), items()).ok(), chunks.map_async().ok()];
    batches.iter().flatten().take(round % 3).for_each(|handle| _ = handle.cancel());
    let _ = pool.try_map(each(), items());
    let _ = pool.map_results(|(number, item)| act(&item, number, ledger).ok(), items());

    for ordered in [true, false] {
        let stream = pool.try_stream(each(), items().cycle_once(round)).buffersize(1 + round % 50);
        let imap = if ordered { stream.imap() } else { stream.imap_unordered() };
        if let Ok(imap) = imap {
            // Now and then it is left early.
            imap.take(if round % 3 == 0 { 10 } else { usize::MAX }).for_each(drop);
        }
    }

    pool.scope(|s| {
        let kept =
            (0..10).map(|number| s.try_apply_async(call(number)).map_err(SubmitError::into_task));
        let kept: Vec<_> = kept.collect();
        kept.into_iter().flatten().step_by(2).for_each(|handle| drop(handle.get()));
    });

    let rest = handles.split_off(handles.len() / 2);
    let waited = wait(handles, ReturnWhen::FirstException, None);
    waited.done.into_iter().for_each(|(_, handle)| drop(handle.get()));
    as_completed(rest).take(5).for_each(|(_, handle)| drop(handle.get()));
    for outcome in batches.into_iter().flatten().map(|handle| handle.get()) {
        assert!(!matches!(outcome, Err(TaskError::WouldDeadlock)));
    }
}

/// An iterator that sometimes goes round twice.
trait CycleOnce: Iterator + Sized {
    fn cycle_once(self, round: usize) -> impl Iterator<Item = Self::Item>
    where
        Self: Clone,
    {
        let again = if round % 2 == 0 { Some(self.clone()) } else { None };
        self.chain(again.into_iter().flatten())
    }
}

impl<I: Iterator> CycleOnce for I {}

// covers F-20
#[test]
fn every_value_is_dropped_once_on_pools_that_end_at_any_moment() {
    for round in 0..ROUNDS {
        let ledger = Ledger::new();
        let policy = [DropPolicy::Terminate, DropPolicy::Join, DropPolicy::Drain][round % 3];
        let pool =
            ThreadPool::builder().workers(1 + round % 4).drop_policy(policy).build().unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| everything(&pool.handle(), &ledger, round));
            }
            // From within, too.
            let (inner, own) = (ledger.clone(), pool.handle());
            let _ = pool.apply(|| everything(&own, &inner, round));
            match round % 4 {
                0 => pool.terminate(),
                1 => pool.close(),
                _ => {}
            }
        });
        pool.close();
        pool.join().unwrap();
        drop(pool);
        ledger.settle("after all of it");
    }
}
