//! Blocking on a 32-bit word, by a table of sleepers that belongs to the execution.
//!
//! Looking at the word and going to sleep is one step. A sleeper is woken by a wake and by nothing else, so that a lost
//! wake-up is a deadlock, which shuttle reports. What a kernel is free to do is a choice of the schedule: a wait that returns
//! at once for no reason, and which of several sleepers a wake picks.

use super::AtomicU32;
use super::clock::Deadline;
use super::step::{choose, one_in, preempt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// How often a wait that should block returns for no reason.
const SPURIOUS: usize = 16;

struct Sleeper {
    word: usize,
    woken: Arc<AtomicBool>,
    /// None while it polls.
    waker: Option<Waker>,
}

shuttle::lazy_static! {
    /// Locked within one step only.
    static ref SLEEPERS: Mutex<Vec<Sleeper>> = Mutex::new(Vec::new());
}

/// Begins a step of which the table is part.
fn begin() {
    // An execution's first use makes the table, which is a step of its own.
    shuttle::lazy_static::initialize(&SLEEPERS);
    preempt();
}

fn sleepers() -> MutexGuard<'static, Vec<Sleeper>> {
    SLEEPERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Never looked through: a waker's word may be gone.
fn address(word: &AtomicU32) -> usize {
    std::ptr::from_ref(word).addr()
}

/// Whether it must not block: the word has changed, or the wait ends for no reason.
fn returns_at_once(word: &AtomicU32, expected: u32) -> bool {
    begin();
    word.in_this_step().load(Ordering::Relaxed) != expected || one_in(SPURIOUS)
}

/// Blocks while `word` holds `expected`. May return at any time.
pub(crate) fn wait(word: &AtomicU32, expected: u32) {
    if returns_at_once(word, expected) {
        return;
    }
    let woken = Arc::new(AtomicBool::new(false));
    let mut enlisted = false;
    // From the look above to the sleep no thread changes: the first poll is still in this step.
    shuttle::future::block_on(std::future::poll_fn(|context| {
        if woken.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut enlisted, true) {
            let (woken, waker) = (Arc::clone(&woken), Some(context.waker().clone()));
            sleepers().push(Sleeper { word: address(word), woken, waker });
        }
        Poll::Pending
    }));
}

/// Blocks while `word` holds `expected`, at most until `deadline`. May return at any time.
///
/// It stays runnable and looks at the clock, which moves when somebody looks: so it ends though nobody else runs.
pub(crate) fn wait_until(word: &AtomicU32, expected: u32, deadline: &Deadline) {
    if returns_at_once(word, expected) {
        return;
    }
    let woken = Arc::new(AtomicBool::new(false));
    sleepers().push(Sleeper { word: address(word), woken: Arc::clone(&woken), waker: None });
    while !woken.load(Ordering::Relaxed) && !deadline.passed() {
        shuttle::thread::yield_now();
    }
    sleepers().retain(|sleeper| !Arc::ptr_eq(&sleeper.woken, &woken));
}

/// Wakes one thread blocked on `word`.
pub(crate) fn wake_one(word: &AtomicU32) {
    begin();
    let word = address(word);
    let asleep: Vec<_> =
        sleepers().iter().enumerate().filter(|(_, it)| it.word == word).map(|(at, _)| at).collect();
    if !asleep.is_empty() {
        let chosen = if asleep.len() == 1 { 0 } else { choose(asleep.len()) };
        wake(sleepers().remove(asleep[chosen]));
    }
}

/// Whether this thread has issued a wake-up since this was last asked: never, as it is a matter of speed alone.
pub(crate) fn has_woken() -> bool {
    false
}

/// Wakes all threads blocked on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    begin();
    let word = address(word);
    let mut sleepers = sleepers();
    let (woken, left) =
        std::mem::take(&mut *sleepers).into_iter().partition(|sleeper| sleeper.word == word);
    *sleepers = left;
    Vec::into_iter(woken).for_each(wake);
}

fn wake(sleeper: Sleeper) {
    sleeper.woken.store(true, Ordering::Relaxed);
    if let Some(waker) = sleeper.waker {
        waker.wake();
    }
}
