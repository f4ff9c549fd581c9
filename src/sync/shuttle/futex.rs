//! Blocking on a 32-bit word, by a table of sleepers that belongs to the execution.
//!
//! A thread looks at the word and goes to sleep in one step. Only a wake ends that sleep, so a
//! lost wake-up is a deadlock, which shuttle reports. Where a kernel may choose, the schedule
//! chooses: a wait may return at once for no reason, and a wake picks any one of several
//! sleepers.

use super::AtomicU32;
use super::clock::Deadline;
use super::failure::{failed, wait_dead};
use super::point::{choose, one_in, preempt};
use super::thread::yield_now;
use crate::sync::trace::{What, note};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// One in so many waits that should block returns for no reason.
const SPURIOUS: usize = 16;

struct Sleeper {
    word: usize,
    woken: Arc<AtomicBool>,
    /// The waker of the thread's sleep; none for a thread that polls.
    waker: Option<Waker>,
}

shuttle::lazy_static! {
    /// A thread holds the lock within one step only.
    static ref SLEEPERS: Mutex<Vec<Sleeper>> = Mutex::new(Vec::new());
}

/// Begins a step that takes in the use of the table.
fn begin() {
    // The first use in an execution makes the table, which is a step of its own.
    shuttle::lazy_static::initialize(&SLEEPERS);
    preempt();
}

fn sleepers() -> MutexGuard<'static, Vec<Sleeper>> {
    SLEEPERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a word's key in the table. No thread reads through it: the word may be gone when a
/// thread wakes its sleepers.
fn address(word: &AtomicU32) -> usize {
    std::ptr::from_ref(word).addr()
}

/// Says whether a wait must not block: the word has changed, or the wait ends for no reason.
fn returns_at_once(word: &AtomicU32, expected: u32) -> bool {
    begin();
    if failed() {
        if word.in_this_step().load(Ordering::Relaxed) == expected {
            wait_dead();
        }
        return true;
    }
    word.in_this_step().load(Ordering::Relaxed) != expected || one_in(SPURIOUS)
}

/// Blocks the caller while `word` holds `expected`. The call may return at any time.
pub(crate) fn wait(word: &AtomicU32, expected: u32) {
    if returns_at_once(word, expected) {
        return;
    }
    note(What::Sleeps, None);
    let woken = Arc::new(AtomicBool::new(false));
    let mut enlisted = false;
    // The scheduler changes no threads from the look above to the sleep: the first poll is
    // still in this step.
    shuttle::future::block_on(std::future::poll_fn(|context| {
        if woken.load(Ordering::Relaxed) || failed() {
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut enlisted, true) {
            let (woken, waker) = (Arc::clone(&woken), Some(context.waker().clone()));
            sleepers().push(Sleeper { word: address(word), woken, waker });
        }
        Poll::Pending
    }));
    if failed() {
        wait_dead();
    }
}

/// Blocks the caller while `word` holds `expected`, at most until `deadline`. The call may
/// return at any time.
///
/// The caller stays runnable and reads the clock, which moves when a thread reads it. So the
/// wait ends even if no other thread runs.
pub(crate) fn wait_until(word: &AtomicU32, expected: u32, deadline: &Deadline) {
    if returns_at_once(word, expected) {
        return;
    }
    note(What::Sleeps, None);
    let woken = Arc::new(AtomicBool::new(false));
    sleepers().push(Sleeper { word: address(word), woken: Arc::clone(&woken), waker: None });
    while !woken.load(Ordering::Relaxed) && !deadline.passed() {
        yield_now();
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

/// Wakes one thread blocked on `word`, on which no thread waits with a deadline.
pub(crate) fn wake_one_untimed(word: &AtomicU32) {
    wake_one(word);
}

/// Forgets all waiters in the child of a fork: an execution does not fork.
pub(super) fn forget_waiters() {}

/// Says whether this thread has issued a wake-up since the last call: never, because the
/// answer matters for speed alone.
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
