//! What the parity tests share: a ledger of drops, a minimal executor, a transcript, a list of what was
//! seen, and seeded random numbers.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

/// Counts the drops of the values that it has made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<u32>>>);

/// A value of a ledger. It owns memory, so that a sanitizer sees a second drop too.
#[derive(Debug)]
pub(crate) struct Counted {
    ledger: Ledger,
    number: Box<usize>,
    explosive: bool,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn drops(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new value; an explosive one panics when it is dropped, unless a panic is under way: that would end the process.
    pub(crate) fn value(&self, explosive: bool) -> Counted {
        let mut drops = self.drops();
        drops.push(0);
        Counted { ledger: self.clone(), number: Box::new(drops.len() - 1), explosive }
    }

    pub(crate) fn made(&self) -> usize {
        self.drops().len()
    }

    pub(crate) fn dropped(&self) -> usize {
        self.drops().iter().filter(|drops| **drops > 0).count()
    }

    /// Fails unless every value has been dropped exactly once.
    #[track_caller]
    pub(crate) fn settle(&self, what: &str) {
        let drops = self.drops();
        let wrong: Vec<_> = drops.iter().enumerate().filter(|(_, drops)| **drops != 1).collect();
        assert!(wrong.is_empty(), "{what}: of {} values (number, drops): {wrong:?}", drops.len());
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.ledger.drops()[*self.number] += 1;
        if self.explosive && !thread::panicking() {
            // Without the hook, which would print thousands of these.
            resume_unwind(Box::new("a drop panics"));
        }
    }
}

/// Drops a value on the calling thread and survives what that brings.
pub(crate) fn dispose<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there is.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// The lines that a program would print, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<String>>>);

impl Transcript {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn say(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Random numbers from a fixed seed, shared by tasks.
#[derive(Clone, Debug)]
pub(crate) struct Random(Arc<Mutex<u64>>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// A number in `[0, 1)`: Python's `random()`.
    pub(crate) fn draw(&self) -> f64 {
        let mut state = self.0.lock().unwrap();
        // The constants are Knuth's for a linear congruential generator.
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(*state >> 33).expect("31 bits")) / f64::from(1_u32 << 31)
    }
}

/// A second of the original programs.
pub(crate) const SECOND: Duration = Duration::from_millis(10);

/// `sleep(seconds)` of the original programs, scaled down: it stands for work.
pub(crate) fn sleep(seconds: f64) {
    thread::sleep(SECOND.mul_f64(seconds));
}

/// A list that tasks add to.
#[derive(Clone, Default)]
pub(crate) struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone + Ord> Seen<T> {
    pub(crate) fn add(&self, what: T) {
        self.0.lock().unwrap().push(what);
    }

    pub(crate) fn in_order(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn sorted(&self) -> Vec<T> {
        let mut all = self.in_order();
        all.sort();
        all
    }
}
