//! Threads of the pool itself that reserve a place, or use a permit: they never wait.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::Gate;
use limited::{Alarm, bounded, free, queued, waiting};
use millpond::{Permit, PoolHandle, Reserve, SubmitErrorKind, ThreadPool};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

// covers LIMIT-05
#[test]
fn a_worker_reserves_without_waiting() {
    let pool = bounded(1, 1);
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let inside = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
            let pool = PoolHandle::current().unwrap();
            let permit = pollster::block_on(pool.reserve()).unwrap();
            let own = permit.apply_async(|| 1).unwrap().get().unwrap();
            (own, pool.reserve_timeout(Duration::MAX).unwrap(), pool.reserve())
        })
        .unwrap();
    entered.wait();
    pool.spawn(|| ()).unwrap();
    gate.open();
    let (own, permit, future) = inside.get().unwrap();
    assert_eq!((own, permit.apply_async(|| 2).unwrap().get().unwrap()), (1, 2));
    drop(pollster::block_on(future).unwrap());
}

// covers LIMIT-05
#[test]
fn a_future_that_moves_from_the_line_onto_a_worker_waits_no_more() {
    let pool = bounded(1, 1);
    let kept = pool.reserve_timeout(Duration::MAX).unwrap();
    let alarm = Alarm::new();
    let mut future = waiting(&pool, &alarm);
    let mut behind = waiting(&pool, &alarm);
    let result = kept
        .apply_async(move || pollster::block_on(future_of(&mut future)).unwrap().apply_async(|| 3))
        .unwrap();
    assert_eq!(result.get().unwrap().unwrap().get().unwrap(), 3);
    alarm.wait();
    drop(pollster::block_on(future_of(&mut behind)).unwrap());
    assert_eq!(free(&pool), 1);
}

fn future_of(reserve: &mut Reserve) -> impl Future<Output = Result<Permit, SubmitErrorKind>> {
    reserve
}

// covers LIMIT-05
#[test]
fn a_permit_used_by_a_worker_frees_its_place() {
    let pool = bounded(1, 2);
    let permit = pool.reserve_timeout(Duration::MAX).unwrap();
    let (tell, told) = mpsc::channel();
    let gate = Gate::new();
    let pass = gate.clone();
    let inside = pool.apply_async(move || {
        let own = permit.apply_async(|| 7).unwrap();
        tell.send(()).unwrap();
        pass.wait();
        own.get().unwrap()
    });
    told.recv().unwrap();
    assert_eq!((free(&pool), queued(&pool.handle())), (2, 1), "the task's own task needs none");
    gate.open();
    assert_eq!(inside.unwrap().get().unwrap(), 7);
}

// covers LIMIT-05
#[test]
fn an_initializer_reserves_without_waiting() {
    let (tell, told) = mpsc::channel::<PoolHandle>();
    let (say, said) = mpsc::channel();
    let told = Mutex::new((told, say));
    let pool = ThreadPool::builder()
        .workers(1)
        .max_queued(1)
        .initializer(move |_| {
            let (told, say) = &*told.lock().unwrap();
            let pool = told.recv().unwrap();
            pool.spawn(|| ()).unwrap();
            pollster::block_on(pool.reserve()).unwrap().spawn(|| ()).unwrap();
            say.send(queued(&pool)).unwrap();
        })
        .build()
        .unwrap();
    tell.send(pool.handle()).unwrap();
    assert_eq!(said.recv(), Ok(2), "one beyond the limit");
    pool.apply(|| ()).unwrap();
}
