//! Waits that end for no reason: a signal interrupts every futex, and nobody may take that for the end of what it waits for.

#![cfg(target_os = "linux")]

mod common;

use common::Gate;
use millpond::{ReturnWhen, ThreadPool, wait};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

static HEARD: AtomicUsize = AtomicUsize::new(0);

extern "C" fn hear(_: libc::c_int) {
    HEARD.fetch_add(1, Ordering::Relaxed);
}

/// Lets the signal interrupt system calls: without SA_RESTART none of them goes on by itself.
fn install() {
    // SAFETY: all zeros is a `sigaction` without flags and with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = hear as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler does nothing but add to an atomic, and the old action is not asked for.
    let failed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

/// Threads that get signals.
#[derive(Clone, Default)]
struct Targets(Arc<Mutex<Vec<usize>>>);

impl Targets {
    /// The calling thread is one until the test ends, which it must not do before [`bombard`](Self::bombard) has.
    fn join(&self) {
        // SAFETY: it names the calling thread.
        let me = unsafe { libc::pthread_self() };
        // With musl it is a pointer, which would not go to another thread.
        self.0.lock().unwrap().push(me as usize);
    }

    /// Waits until there are so many.
    fn expect(&self, count: usize) {
        while self.0.lock().unwrap().len() < count {
            thread::yield_now();
        }
    }

    /// Sends each of them a signal, and waits until all have heard it: so many times, or until `stop`.
    fn bombard(&self, rounds: usize, stop: impl Fn() -> bool) {
        let targets = self.0.lock().unwrap();
        for _ in 0..rounds {
            if stop() {
                return;
            }
            let before = HEARD.load(Ordering::Relaxed);
            for target in targets.iter() {
                // SAFETY: the thread lives: it waits for what the caller does only afterwards.
                let failed =
                    unsafe { libc::pthread_kill(*target as libc::pthread_t, libc::SIGUSR1) };
                assert_eq!(failed, 0);
            }
            while HEARD.load(Ordering::Relaxed) < before + targets.len() {
                thread::yield_now();
            }
        }
    }
}

// covers F-37 F-38
#[test]
fn no_wait_ends_because_of_a_signal() {
    const ROUNDS: usize = 500;
    const LIMIT: Duration = Duration::from_millis(50);
    const WORKERS: usize = 9;
    install();
    let targets = Targets::default();
    let (gate, may_leave) = (Gate::new(), Gate::new());
    let ended = AtomicUsize::new(0);
    let workers = targets.clone();
    // Six are held by what is awaited below, three sleep.
    let pool = ThreadPool::builder()
        .workers(WORKERS)
        .initializer(move |_| workers.join())
        .build()
        .unwrap();
    let held = || {
        let pass = gate.clone();
        move || {
            pass.wait();
            7
        }
    };
    let ending = ThreadPool::new(1).unwrap();
    ending.apply_async(held()).unwrap().detach();
    ending.close();
    let result = pool.apply_async(held()).unwrap();
    let [second, third] = [(); 2].map(|()| pool.apply_async(held()).unwrap());
    let passes = |gate: Gate| {
        gate.wait();
        7
    };
    let in_order = pool.imap(passes, [gate.clone()]).unwrap();
    let in_any_order = pool.imap_unordered(passes, [gate.clone()]).unwrap();
    let early = thread::scope(|scope| {
        let waits: [Box<dyn FnOnce() + Send>; 10] = [
            Box::new(|| assert!(result.wait())),
            Box::new(|| assert!(result.wait_timeout(Duration::MAX))),
            Box::new(|| assert!(result.wait_timeout(Duration::from_secs(100_000)))),
            Box::new(|| assert_eq!(second.get().unwrap(), 7)),
            Box::new(|| assert_eq!(wait([third], ReturnWhen::AllCompleted, None).done.len(), 1)),
            Box::new(|| assert_eq!(in_order.map(Result::unwrap).sum::<i32>(), 7)),
            Box::new(|| assert_eq!(in_any_order.map(Result::unwrap).sum::<i32>(), 7)),
            Box::new(|| pool.scope(|s| s.spawn(|| _ = held()()).unwrap())),
            Box::new(|| ending.join().unwrap()),
            Box::new(|| ending.join_timeout(Duration::from_secs(100_000)).unwrap()),
        ];
        let waiters = waits.len();
        let start = |wait: Box<dyn FnOnce() + Send>| {
            let (targets, ended, may_leave) = (&targets, &ended, &may_leave);
            scope.spawn(move || {
                targets.join();
                let outcome = catch_unwind(AssertUnwindSafe(wait));
                ended.fetch_add(1, Ordering::Relaxed);
                // A thread that is gone must not be sent signals.
                may_leave.wait();
                outcome.unwrap_or_else(|panic| resume_unwind(panic));
            });
        };
        waits.into_iter().for_each(start);
        targets.expect(WORKERS + waiters);
        targets.bombard(ROUNDS, || false);
        let early = ended.swap(0, Ordering::Relaxed);
        // A wait with a limit does not end before it, and does end.
        let result = &result;
        start(Box::new(move || {
            let began = Instant::now();
            assert!(!result.wait_timeout(LIMIT));
            assert!(began.elapsed() >= LIMIT);
        }));
        targets.expect(WORKERS + waiters + 1);
        targets.bombard(usize::MAX, || ended.load(Ordering::Relaxed) > 0);
        gate.open();
        may_leave.open();
        early
    });
    assert_eq!(early, 0, "nobody's wait has ended while there was nothing");
    assert_eq!(result.get().unwrap(), 7);
    pool.close();
    pool.join().unwrap();
}
