//! Waiting for several results: what Python's `concurrent.futures` tests of `wait` and `as_completed` say.

mod common;

use common::Gate;
use millpond::{
    AsyncResult, PoolHandle, ReturnWhen, TaskError, ThreadPool, Timeout, as_completed, wait,
};
use std::convert::Infallible;
use std::time::Duration;

type Handle = AsyncResult<u32, &'static str>;

/// A task that passes the gate before it returns.
fn gated(pool: &ThreadPool, gate: &Gate, result: Result<u32, &'static str>) -> Handle {
    let gate = gate.clone();
    pool.try_apply_async(move || {
        gate.wait();
        result
    })
    .unwrap()
}

fn values(handles: Vec<(usize, Handle)>) -> Vec<Option<u32>> {
    handles.into_iter().map(|(_, handle)| handle.get().ok()).collect()
}

#[test]
fn a_wait_for_the_first_ends_with_the_first_handle_that_is_done() {
    let (one, two) = (ThreadPool::new(2).unwrap(), ThreadPool::new(1).unwrap());
    let (open, shut) = (Gate::new(), Gate::new());
    open.open();
    // Over handles of different pools.
    let handles = [gated(&one, &shut, Ok(1)), gated(&two, &open, Ok(2))];
    let waited = wait(handles, ReturnWhen::FirstCompleted, None);
    assert_eq!(values(waited.done), [Some(2)]);
    shut.open();
    assert_eq!(values(waited.not_done), [Some(1)]);
}

#[test]
fn a_wait_for_the_first_ends_at_once_if_one_is_already_done() {
    let pool = ThreadPool::new(1).unwrap();
    let (open, shut) = (Gate::new(), Gate::new());
    open.open();
    let done = gated(&pool, &open, Ok(1));
    done.wait();
    let waited = wait([gated(&pool, &shut, Ok(2)), done], ReturnWhen::FirstCompleted, None);
    assert_eq!(values(waited.done), [Some(1)]);
    shut.open();
    assert_eq!(values(waited.not_done), [Some(2)]);
}

#[test]
fn a_wait_for_the_first_exception_ends_with_it_or_with_the_last_value() {
    let pool = ThreadPool::new(3).unwrap();
    let (open, shut) = (Gate::new(), Gate::new());
    open.open();
    let handles =
        [gated(&pool, &open, Ok(1)), gated(&pool, &open, Err("no")), gated(&pool, &shut, Ok(3))];
    let waited = wait(handles, ReturnWhen::FirstException, None);
    assert!(values(waited.done).contains(&None));
    shut.open();
    assert!(values(waited.not_done).contains(&Some(3)));
    // Without one it waits for all.
    let handles: Vec<_> = (0..4).map(|i| gated(&pool, &open, Ok(i))).collect();
    assert_eq!(wait(handles, ReturnWhen::FirstException, None).done.len(), 4);
}

/// On the only worker of its pool, which runs itself what it waits for and nobody has begun: so a
/// member without a value that is overlooked is no hang here, but one more that has run.
#[test]
fn a_wait_for_the_first_exception_ends_with_any_member_without_a_value() {
    let (pool, ended) = (ThreadPool::new(1).unwrap(), ThreadPool::new(1).unwrap());
    let gate = Gate::new();
    let held = gated(&ended, &gate, Ok(0));
    let terminated = gated(&ended, &gate, Ok(1));
    ended.terminate();
    gate.open();
    drop(held);
    pool.apply(|| {
        let pool = PoolHandle::current().unwrap();
        let cancelled = pool.try_apply_async(|| Ok(1)).unwrap();
        assert!(cancelled.cancel());
        let failing: [(&str, Handle); 4] = [
            ("cancelled", cancelled),
            ("terminated", terminated),
            ("failed", pool.try_apply_async(|| Err("no")).unwrap()),
            ("panicked", pool.try_apply_async(|| panic!("no")).unwrap()),
        ];
        for (how, failing) in failing {
            let other: Handle = pool.try_apply_async(|| Ok(2)).unwrap();
            let waited = wait([failing, other], ReturnWhen::FirstException, None);
            assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1), "the first has {how}");
            assert_eq!(waited.done[0].1.successful(), Ok(false), "the first has {how}");
        }
    })
    .unwrap();
}

#[test]
fn a_wait_for_all_ends_with_the_last_handle_or_at_its_limit() {
    let pool = ThreadPool::new(2).unwrap();
    let (open, shut) = (Gate::new(), Gate::new());
    open.open();
    let first = gated(&pool, &open, Ok(1));
    first.wait();
    let handles = [first, gated(&pool, &shut, Ok(2))];
    let waited = wait(handles, ReturnWhen::AllCompleted, Some(Duration::from_millis(1)));
    assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1));
    shut.open();
    let again = wait(
        waited.done.into_iter().chain(waited.not_done).map(|(_, handle)| handle),
        ReturnWhen::AllCompleted,
        None,
    );
    assert_eq!(values(again.done), [Some(1), Some(2)]);
    assert!(wait(Vec::<Handle>::new(), ReturnWhen::AllCompleted, None).done.is_empty());
}

#[test]
fn as_completed_yields_in_order_of_completion() {
    let pool = ThreadPool::new(3).unwrap();
    let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
    let handles: Vec<_> = (0..3).zip(&gates).map(|(i, gate)| gated(&pool, gate, Ok(i))).collect();
    let mut completed = as_completed(handles);
    assert!(matches!(completed.next_timeout(Duration::ZERO), Err(Timeout(()))));
    assert!(matches!(completed.next_timeout(Duration::from_millis(1)), Err(Timeout(()))));
    for expected in [2, 0, 1] {
        gates[expected as usize].open();
        let (index, handle) = completed.next().unwrap();
        assert_eq!(index, expected as usize);
        assert!(handle.ready());
        assert_eq!(handle.get().unwrap(), expected);
    }
    assert!(completed.next().is_none());
    assert!(completed.next_timeout(Duration::ZERO).unwrap().is_none());
}

#[test]
fn as_completed_yields_many_handles_and_those_already_done() {
    let pool = ThreadPool::new(2).unwrap();
    let handles: Vec<_> = (0..1000_u64).map(|i| pool.apply_async(move || i).unwrap()).collect();
    assert_eq!(
        as_completed(handles).map(|(_, handle)| handle.get().unwrap()).sum::<u64>(),
        499_500
    );
    let done: Vec<_> = (0..3).map(|i| pool.apply_async(move || i).unwrap()).collect();
    done.iter().for_each(|handle| assert!(handle.wait()));
    assert_eq!(as_completed(done).count(), 3);
}

#[test]
fn groups_dropped_midway_leave_the_handles_good() {
    let pool = ThreadPool::new(1).unwrap();
    let shut = Gate::new();
    let handles = vec![gated(&pool, &shut, Ok(1)), gated(&pool, &shut, Ok(2))];
    let waited = wait(handles, ReturnWhen::FirstCompleted, Some(Duration::ZERO));
    assert!(waited.done.is_empty());
    // The wakers of the group that is gone are still in the handles.
    shut.open();
    assert_eq!(values(waited.not_done), [Some(1), Some(2)]);
}

// covers NEST-01
#[test]
fn a_worker_waits_for_a_group_of_its_own_pool() {
    for workers in [1, 2] {
        let pool = ThreadPool::new(workers).unwrap();
        let sum = pool.apply(|| {
            let pool = PoolHandle::current().unwrap();
            let handles = (0..50_u64).map(|i| pool.apply_async(move || i).unwrap());
            let waited = wait(handles.collect::<Vec<_>>(), ReturnWhen::AllCompleted, None);
            let more =
                (0..50_u64).map(|i| pool.apply_async(move || i).unwrap()).collect::<Vec<_>>();
            let first: u64 = waited.done.into_iter().map(|(_, handle)| handle.get().unwrap()).sum();
            first + as_completed(more).map(|(_, handle)| handle.get().unwrap()).sum::<u64>()
        });
        assert_eq!(sum.unwrap(), 2 * 1225);
    }
}

// covers RES-13
#[test]
fn a_group_that_holds_its_waiter_s_own_task_is_an_error() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = std::sync::mpsc::channel::<AsyncResult<bool, Infallible>>();
    let handle = pool
        .apply_async(move || {
            let own = receive.recv().unwrap();
            let waited = wait([own], ReturnWhen::AllCompleted, None);
            let stuck = as_completed(waited.not_done.into_iter().map(|(_, handle)| handle))
                .next()
                .unwrap()
                .1;
            matches!(stuck.get(), Err(TaskError::WouldDeadlock))
        })
        .unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let observed = pool.task(move || tell.send(()).unwrap()).apply_async().unwrap();
    send.send(handle).unwrap();
    told.recv().unwrap();
    observed.get().unwrap();
}

// covers NEST-01
#[test]
fn a_group_may_move_into_a_task_of_the_pool() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = std::sync::mpsc::channel::<millpond::AsCompleted<u32, Infallible>>();
    let first = pool.apply_async(|| 0).unwrap();
    let inside = pool.apply_async(move || {
        let rest = receive.recv().unwrap();
        rest.map(|(_, handle)| handle.get().unwrap()).collect::<Vec<_>>()
    });
    // Behind the task that will wait for it, on the only worker.
    let second = pool.apply_async(|| 1).unwrap();
    let mut group = as_completed([first, second]);
    assert_eq!(group.next().unwrap().1.get().unwrap(), 0);
    send.send(group).unwrap();
    assert_eq!(inside.unwrap().get().unwrap(), [1]);
}

// covers RES-13
#[test]
fn a_handle_that_came_because_it_was_stuck_comes_once() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = std::sync::mpsc::channel::<AsyncResult<(), Infallible>>();
    let (tell, told) = std::sync::mpsc::channel();
    let handle = pool
        .apply_async(move || {
            let mut group = as_completed([receive.recv().unwrap()]);
            let stuck = group.next().unwrap();
            tell.send((group, stuck)).unwrap();
        })
        .unwrap();
    send.send(handle).unwrap();
    let (mut group, stuck) = told.recv().unwrap();
    assert!(stuck.1.wait());
    assert!(group.next().is_none());
}
