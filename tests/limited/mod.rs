//! What the tests of pools with a limit share: such pools, full or not, and submitters that are
//! seen to wait.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use crate::common::{Gate, hold_up};
use millpond::{Permit, Pool, PoolHandle, Reserve, SubmitErrorKind, ThreadPool};
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) fn bounded(workers: usize, max_queued: usize) -> ThreadPool {
    ThreadPool::builder().workers(workers).max_queued(max_queued).build().unwrap()
}

/// A pool of one worker, which is kept until the gate opens, with as much queued as it may.
pub(crate) fn full(max_queued: usize) -> (ThreadPool, Gate) {
    let pool = bounded(1, max_queued);
    let gate = hold_up(&pool);
    for _ in 0..max_queued {
        pool.spawn(|| ()).unwrap();
    }
    (pool, gate)
}

pub(crate) fn queued(pool: &PoolHandle) -> usize {
    let said = format!("{pool:?}");
    let (_, rest) = said.split_once("queued: ").expect("it says so");
    rest.split(',').next().expect("a number").parse().expect("a number")
}

/// A thread of which one can see whether it sleeps.
pub(crate) struct Sleeper<T> {
    thread: JoinHandle<T>,
    stat: PathBuf,
}

impl<T: Send + 'static> Sleeper<T> {
    pub(crate) fn start(main: impl FnOnce() -> T + Send + 'static) -> Self {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let me = std::fs::read_link("/proc/thread-self").expect("Linux knows its threads");
            tell.send(PathBuf::from("/proc").join(me).join("stat")).expect("somebody listens");
            main()
        });
        Self { thread, stat: told.recv().expect("it says who it is") }
    }

    /// Until it sleeps or is gone.
    pub(crate) fn until_asleep(&self) {
        while let Ok(stat) = std::fs::read_to_string(&self.stat) {
            let (_, state) = stat.rsplit_once(") ").expect("the name is in parentheses");
            if state.starts_with('S') {
                return;
            }
            thread::yield_now();
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.thread.is_finished()
    }

    pub(crate) fn join(self) -> T {
        self.thread.join().unwrap()
    }
}

/// A waker that counts how often it is woken, and that a thread can wait for.
#[derive(Default)]
pub(crate) struct Alarm(AtomicUsize);

impl Alarm {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn wait(&self) {
        while self.rings() == 0 {
            thread::yield_now();
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls a future once, with a waker that rings `alarm`.
pub(crate) fn poll(
    reserve: &mut Reserve,
    alarm: &Arc<Alarm>,
) -> Poll<Result<Permit, SubmitErrorKind>> {
    let waker = Waker::from(Arc::clone(alarm));
    pin!(reserve).poll(&mut Context::from_waker(&waker))
}

/// A future that stands in the line.
pub(crate) fn waiting(pool: &Pool, alarm: &Arc<Alarm>) -> Reserve {
    let mut reserve = pool.reserve();
    assert!(poll(&mut reserve, alarm).is_pending(), "it has not waited");
    reserve
}

/// How many places are free.
pub(crate) fn free(pool: &Pool) -> usize {
    let mut permits = Vec::new();
    while let Ok(permit) = pool.reserve_timeout(Duration::ZERO) {
        permits.push(permit);
    }
    permits.len()
}
