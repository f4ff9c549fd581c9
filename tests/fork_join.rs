//! Joins of two halves: the rows HALF of the catalogue.

mod common;
#[cfg(unix)]
mod forks;

use common::{Gate, hold_up};
use millpond::{Pool, SubmitErrorKind, TaskError, ThreadPool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

fn fib(pool: &Pool, n: u64) -> Result<u64, TaskError> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = pool.fork_join(|| fib(pool, n - 1), || fib(pool, n - 2))?;
    Ok(a? + b?)
}

// covers HALF-01
#[test]
fn a_join_gives_both_values_wherever_it_is_called() {
    for workers in [1, 2, 3, 8] {
        let pool = ThreadPool::new(workers).unwrap();
        let (text, mut tally) = (String::from("mill pond"), [0; 2]);
        let (left, right) = tally.split_at_mut(1);
        let joined = pool.fork_join(
            || left[0] = text.matches('l').count(),
            || right[0] = text.matches('o').count(),
        );
        assert_eq!(joined.unwrap(), ((), ()));
        assert_eq!(tally, [2, 1]);
        assert_eq!(fib(&pool, 16).unwrap(), 987, "from outside, {workers} workers");
        assert_eq!(pool.apply(|| fib(&pool, 16)).unwrap().unwrap(), 987);
        assert_eq!(pool.handle().fork_join(|| 1, || "b").unwrap(), (1, "b"));
    }
}

// covers HALF-01
#[test]
fn an_initializer_calls_one_half_after_the_other() {
    let (seen, log) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Vec::new())));
    let (saw, notes) = (Arc::clone(&seen), Arc::clone(&log));
    let slot: Arc<Mutex<Option<millpond::PoolHandle>>> = Arc::default();
    let (ready, own) = (Gate::new(), Arc::clone(&slot));
    let pass = ready.clone();
    let pool = ThreadPool::builder()
        .workers(1)
        .initializer(move |_| {
            pass.wait();
            let pool = own.lock().unwrap().take().expect("the test has put it there");
            let note = |what| notes.lock().unwrap().push(what);
            let joined = pool.fork_join(|| note('a'), || note('b'));
            *saw.lock().unwrap() = Some(joined.is_ok());
        })
        .build()
        .unwrap();
    *slot.lock().unwrap() = Some(pool.handle());
    ready.open();
    pool.apply(|| ()).unwrap();
    assert_eq!((*seen.lock().unwrap(), &**log.lock().unwrap()), (Some(true), &['a', 'b'][..]));
}

// covers HALF-02
#[test]
fn an_idle_worker_begins_the_second_half_while_the_first_runs() {
    let pool = ThreadPool::new(2).unwrap();
    // The row of the outer join is in use in the second round: its offer is not the first.
    for nested in [false, true] {
        for _ in 0..500 {
            let began = Gate::new();
            let meet = || {
                let here = thread::current().id();
                let (first, second) = pool
                    .fork_join(
                        || began.wait(),
                        || {
                            began.open();
                            thread::current().id() != here
                        },
                    )
                    .unwrap();
                assert_eq!((first, second), ((), true), "on another thread");
            };
            pool.apply(|| {
                if nested { pool.fork_join(meet, || ()).map(drop).unwrap() } else { meet() }
            })
            .unwrap();
        }
    }
}

// covers HALF-02
#[test]
fn the_first_half_s_thread_runs_the_second_if_no_worker_is_free() {
    let pool = ThreadPool::new(1).unwrap();
    let id = || thread::current().id();
    let (a, b) = pool.fork_join(id, id).unwrap();
    assert_eq!(a, b);
    let depth = AtomicUsize::new(0);
    fn deep(pool: &Pool, left: u32, depth: &AtomicUsize) {
        depth.fetch_add(1, Ordering::Relaxed);
        if left > 0 {
            pool.fork_join(|| deep(pool, left - 1, depth), || ()).unwrap();
        }
    }
    // Past the first segments of the row.
    pool.apply(|| deep(&pool, 1_000, &depth)).unwrap();
    assert_eq!(depth.load(Ordering::Relaxed), 1_001);
}

// covers HALF-03
#[test]
fn the_halves_of_a_join_have_their_turn() {
    let pool = ThreadPool::new(2).unwrap();
    let gate = hold_up(&pool);
    let (begun, at) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(usize::MAX)));
    let (offered, half_began) = (Gate::new(), Gate::new());
    let joins = {
        let (handle, begun, at) = (pool.handle(), Arc::clone(&begun), Arc::clone(&at));
        let (offered, half_began) = (offered.clone(), half_began.clone());
        move || {
            let first = || {
                offered.open();
                half_began.wait();
            };
            let second = || {
                at.store(begun.load(Ordering::SeqCst), Ordering::SeqCst);
                half_began.open();
            };
            handle.fork_join(first, second).unwrap();
        }
    };
    let joining = pool.apply_async(joins).unwrap();
    offered.wait();
    // The other worker, which is held up, finds all of these from outside. It must not run them
    // all before the half.
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let begun = Arc::clone(&begun);
            pool.apply_async(move || begun.fetch_add(1, Ordering::SeqCst)).unwrap()
        })
        .collect();
    gate.open();
    joining.get().unwrap();
    for task in tasks {
        task.get().unwrap();
    }
    let before = at.load(Ordering::SeqCst);
    assert!(before <= 64, "{before} tasks began before the half");
}

/// Says when it is dropped.
struct Counts<'a>(&'a AtomicUsize);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// covers HALF-04
#[test]
fn both_halves_finish_though_one_panics_and_the_first_panic_goes_on() {
    for workers in [1, 2] {
        let pool = ThreadPool::new(workers).unwrap();
        for outside in [false, true] {
            for (first, second, goes_on) in
                [(true, false, "a"), (false, true, "b"), (true, true, "a")]
            {
                let (ran, dropped) =
                    ([(); 2].map(|()| AtomicBool::new(false)), AtomicUsize::new(0));
                let half = |which: usize, panics: bool, name: &'static str| {
                    let (ran, kept) = (&ran, Counts(&dropped));
                    move || {
                        let _kept = &kept;
                        ran[which].store(true, Ordering::SeqCst);
                        assert!(!panics, "{name}");
                    }
                };
                let join = || pool.fork_join(half(0, first, "a"), half(1, second, "b")).map(drop);
                let panic = if outside {
                    catch_unwind(AssertUnwindSafe(join)).expect_err("it goes on")
                } else {
                    match pool.apply(join) {
                        Err(TaskError::Panicked(panic)) => panic.into_payload(),
                        other => panic!("{other:?}"),
                    }
                };
                assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some(goes_on));
                assert!(ran.iter().all(|ran| ran.load(Ordering::SeqCst)), "both halves ran");
                assert_eq!(dropped.load(Ordering::SeqCst), 2, "both closures are gone");
            }
        }
    }
}

// covers HALF-05
#[test]
fn no_second_half_begins_after_terminate() {
    for workers in [1, 2] {
        let pool = ThreadPool::new(workers).unwrap();
        // No other worker takes the half before the pool is over.
        let gates: Vec<_> = (1..workers).map(|_| hold_up(&pool)).collect();
        let (ran, dropped) = (AtomicBool::new(false), AtomicUsize::new(0));
        let kept = Counts(&dropped);
        pool.scope(|scope| {
            let (pool, ran, dropped) = (&pool, &ran, &dropped);
            let joined = scope.apply_async(move || {
                let second = move || {
                    let _kept = &kept;
                    ran.store(true, Ordering::SeqCst);
                };
                let error = pool.fork_join(|| pool.terminate(), second).map(drop);
                assert!(matches!(error, Err(TaskError::Terminated)), "{error:?}");
                assert_eq!(dropped.load(Ordering::SeqCst), 1);
                pool.fork_join(|| (), || ()).map(drop)
            });
            let again = joined.unwrap().get().unwrap();
            assert!(
                matches!(again, Err(TaskError::NotSubmitted(SubmitErrorKind::NotRunning))),
                "{again:?}"
            );
            gates.iter().for_each(Gate::open);
        });
        assert!(!ran.load(Ordering::SeqCst));
        let outside = pool.fork_join(|| (), || ());
        assert!(matches!(outside, Err(TaskError::NotSubmitted(SubmitErrorKind::NotRunning))));
    }
}

// covers HALF-05
#[test]
fn a_running_task_may_join_after_close() {
    let pool = ThreadPool::builder().workers(2).strict_close(true).build().unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass, handle) = (entered.clone(), gate.clone(), pool.handle());
    let task = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
            fib(&handle, 12)
        })
        .unwrap();
    entered.wait();
    pool.close();
    gate.open();
    assert_eq!(task.get().unwrap().unwrap(), 144);
    pool.join().unwrap();
}

// covers HALF-06 NEST-03
#[test]
fn an_owner_that_waits_runs_nothing_that_wants_its_lock() {
    let pool = ThreadPool::new(2).unwrap();
    let lock = Mutex::new(0_u64);
    // Each task takes the lock, and joins while it holds it. Were one to run another of them
    // while it waits, it would ask for the lock that it holds.
    pool.scope(|scope| {
        for _ in 0..200 {
            let (pool, lock) = (&pool, &lock);
            let task = move || {
                let mut held = lock.lock().unwrap();
                *held += fib(pool, 10).unwrap();
            };
            scope.spawn(task).unwrap();
        }
    });
    assert_eq!(*lock.lock().unwrap(), 200 * 55);
}

// covers HALF-06
#[test]
fn a_waiting_owner_runs_a_part_of_its_half() {
    let pool = ThreadPool::new(2).unwrap();
    for _ in 0..200 {
        let (began, part) = (Gate::new(), Gate::new());
        let owner = AtomicBool::new(false);
        pool.apply(|| {
            let here = thread::current().id();
            let second = || {
                began.open();
                let first_part = || part.wait();
                let second_part = || {
                    owner.store(thread::current().id() == here, Ordering::SeqCst);
                    part.open();
                };
                pool.fork_join(first_part, second_part).unwrap();
            };
            pool.fork_join(|| began.wait(), second).unwrap();
        })
        .unwrap();
        assert!(owner.load(Ordering::SeqCst), "only the owner was free");
    }
}

// covers HALF-06
#[test]
fn a_stolen_half_belongs_to_its_task() {
    let pool = ThreadPool::new(2).unwrap();
    let (began, told) = (Gate::new(), Gate::new());
    let (begins, tells, handle) = (began.clone(), told.clone(), pool.handle());
    let task = pool
        .apply_async(move || {
            let half_began = Gate::new();
            let second = || {
                half_began.open();
                begins.open();
                tells.wait();
                millpond::is_cancelled()
            };
            handle.fork_join(|| half_began.wait(), second).unwrap().1
        })
        .unwrap();
    began.wait();
    let _ = task.cancel();
    told.open();
    assert!(task.get().unwrap(), "the half hears that its task was asked to stop");
}

#[cfg(unix)]
// covers HALF-07
#[test]
fn the_child_of_a_fork_in_a_half_runs_and_drops_no_half() {
    common::alone("the_child_of_a_fork_in_a_half_runs_and_drops_no_half", || {
        for stolen in [false, true] {
            let (log, reader) = forks::Log::new();
            let pool = ThreadPool::new(2).unwrap();
            let gate = if stolen { None } else { Some(hold_up(&pool)) };
            let (handle, notes, kept) = (pool.handle(), log.clone(), forks::Kept(log.clone()));
            let task = pool.apply_async(move || {
                let (began, gate) = (Gate::new(), Gate::new());
                let first = || {
                    if stolen {
                        began.wait();
                    }
                    let child = forks::fork();
                    if child.is_some() {
                        gate.open();
                    }
                    child
                };
                let second = || {
                    let _kept = kept;
                    began.open();
                    if stolen {
                        gate.wait();
                    }
                    notes.note("half");
                };
                match handle.fork_join(first, second) {
                    Ok((child, ())) => Some(child.expect("this is the parent")),
                    Err(error) => {
                        notes.note(&format!("{error:?}"));
                        None
                    }
                }
            });
            let task = task.unwrap();
            let child = if let Some(gate) = gate {
                let child = task.get();
                gate.open();
                child
            } else {
                task.get()
            };
            forks::assert_left(child.unwrap().expect("this is the parent"));
            drop((pool, log));
            let (child, parent) = forks::read(reader);
            assert_eq!(child, ["WouldDeadlock"], "stolen: {stolen}");
            assert!(parent.starts_with(&["half".into(), "dropped".into()]), "{parent:?}");
        }
    });
}
