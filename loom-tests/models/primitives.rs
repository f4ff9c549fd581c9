//! The model's futex, clock and threads under test, and what becomes of an execution that has failed. What must be
//! allowed passes, what must be caught is rejected.

use super::harness::{
    Bound, Futex, Outcomes, Seen, Watched, beside, check, panic_deliberately, rejects,
};
use crate::sync::clock::{self, Deadline};
use crate::sync::deque::Injector;
use crate::sync::{AtomicU32, Ordering, fence, futex, local, thread};
use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

fn word() -> Arc<AtomicU32> {
    Arc::new(AtomicU32::new(0))
}

fn wait_for_one(word: &AtomicU32, look: Ordering) {
    while word.load(look) != 1 {
        futex::wait(word, 0);
    }
}

/// Data, word, wake; word, data.
fn hand_over(publish: Ordering, look: Ordering) {
    let word = word();
    let data = Arc::new(Watched::new());
    let (their_word, their_data) = (Arc::clone(&word), Arc::clone(&data));
    let theirs = move || {
        their_data.write();
        their_word.store(1, publish);
        futex::wake_one(&their_word);
    };
    beside(theirs, || {
        wait_for_one(&word, look);
        data.read();
    });
}

#[test]
fn a_waiter_gets_what_the_waker_hands_over() {
    for mode in [Futex::Block, Futex::Spurious] {
        check(&format!("hand over, {mode:?}"), Bound::None, mode, |_| hand_over(Release, Acquire));
    }
}

#[test]
fn a_wake_orders_nothing() {
    for (publish, look) in [(Relaxed, Acquire), (Release, Relaxed)] {
        let name = format!("hand over, {publish:?}/{look:?}");
        rejects(&name, "Causality violation", Bound::None, Futex::Spurious, move |_| {
            hand_over(publish, look);
        });
    }
}

#[test]
fn a_wake_before_the_store_is_lost() {
    rejects("wake, then store", "deadlock", Bound::None, Futex::Block, |_| {
        let word = word();
        let theirs = Arc::clone(&word);
        let wakes_early = move || {
            futex::wake_one(&theirs);
            theirs.store(1, Release);
        };
        beside(wakes_early, || wait_for_one(&word, Acquire));
    });
}

/// The waker changes the condition, then the word, and wakes. The waiter takes the word to wait on, then must look
/// at the condition again.
fn event(rechecks: bool) {
    let (condition, word) = (word(), word());
    let (their_condition, their_word) = (Arc::clone(&condition), Arc::clone(&word));
    let theirs = move || {
        their_condition.store(1, Relaxed);
        their_word.fetch_add(1, Release);
        futex::wake_all(&their_word);
    };
    beside(theirs, || {
        while condition.load(Relaxed) == 0 {
            let ticket = word.load(Acquire);
            if rechecks && condition.load(Relaxed) == 1 {
                break;
            }
            futex::wait(&word, ticket);
        }
    });
}

#[test]
fn a_waiter_checks_again_before_it_waits() {
    check("event, checked again", Bound::None, Futex::Block, |_| event(true));
    rejects("event, not checked again", "deadlock", Bound::None, Futex::Block, |_| event(false));
}

/// Nothing but the futex itself says that these two depend on each other.
#[test]
fn a_wake_and_a_time_out_that_come_too_early_are_gone() {
    rejects("wake ‖ wait", "deadlock", Bound::None, Futex::Block, |_| {
        let word = word();
        let theirs = Arc::clone(&word);
        beside(move || futex::wake_one(&theirs), || futex::wait(&word, 0));
    });
    rejects("time-out ‖ wait", "deadlock", Bound::None, Futex::Block, |_| {
        let word = word();
        let deadline = Deadline::after(Duration::from_secs(1)).expect("a second is within reach");
        beside(futex::time_out, || futex::wait_until(&word, 0, &deadline));
    });
}

fn two_sleepers(wake: fn(&AtomicU32)) {
    let word = word();
    let (first, second) = (Arc::clone(&word), Arc::clone(&word));
    let first = Seen::by(move || wait_for_one(&first, Acquire));
    let second = Seen::by(move || wait_for_one(&second, Acquire));
    word.store(1, Release);
    wake(&word);
    first.join();
    second.join();
}

#[test]
fn one_wake_wakes_one() {
    check("two sleepers, all woken", Bound::Usual, Futex::Block, |_| two_sleepers(futex::wake_all));
    rejects("two sleepers, one woken", "deadlock", Bound::Usual, Futex::Block, |_| {
        two_sleepers(futex::wake_one);
    });
}

#[test]
fn a_waiter_may_return_for_no_reason() {
    rejects("spurious wake-up", "nobody changed it", Bound::None, Futex::Block, |_| {
        let word = word();
        let theirs = Arc::clone(&word);
        beside(
            move || {
                futex::spurious_wake(&theirs);
                theirs.store(1, Release);
                futex::wake_one(&theirs);
            },
            || {
                futex::wait(&word, 0);
                assert_eq!(word.load(Acquire), 1, "nobody changed it");
            },
        );
    });
}

/// Returns whether the word was changed in time.
fn wait_in_time(word: &AtomicU32) -> bool {
    let deadline = Deadline::after(Duration::from_secs(1)).expect("a second is within reach");
    while word.load(Acquire) == 0 {
        if deadline.passed() {
            return false;
        }
        futex::wait_until(word, 0, &deadline);
    }
    true
}

#[test]
fn a_deadline_and_a_wake_race_both_ways() {
    for mode in [Futex::Block, Futex::Spurious] {
        let report =
            check(&format!("deadline ‖ wake, {mode:?}"), Bound::Usual, mode, |outcomes| {
                let word = word();
                let theirs = Arc::clone(&word);
                let clock = Seen::by(clock::expire);
                let waker = move || {
                    theirs.store(1, Release);
                    futex::wake_one(&theirs);
                };
                outcomes.insert(beside(waker, || wait_in_time(&word)).0);
                clock.join();
            });
        assert_eq!(report.outcomes, ["false", "true"]);
    }
}

#[test]
fn a_look_at_the_clock_sees_both_times() {
    let report = check("look ‖ expire", Bound::None, Futex::Block, |outcomes| {
        let second = Duration::from_secs(1);
        let deadline = Deadline::after(second).expect("a second is within reach");
        assert_eq!(deadline.left(), second, "a deadline is as far away as its limit says");
        outcomes.insert(beside(clock::expire, || deadline.passed()).0);
        assert!(deadline.passed());
    });
    assert_eq!(report.outcomes, ["false", "true"]);
}

#[test]
fn a_time_out_before_the_deadline_changes_nothing() {
    check("deadline alone", Bound::None, Futex::Block, |_| {
        let word = word();
        assert!(!beside(clock::expire, || wait_in_time(&word)).0);
    });
    rejects("time-out alone", "deadlock", Bound::None, Futex::Block, |_| {
        let word = word();
        beside(futex::time_out, || wait_in_time(&word));
    });
}

local! {
    static NUMBER: Cell<u32> = const { Cell::new(1) };
}

#[test]
fn each_model_thread_has_its_own_locals() {
    let report = check("locals", Bound::None, Futex::Block, |outcomes| {
        let shared = word();
        let theirs = Arc::clone(&shared);
        let add = |shared: &AtomicU32| {
            NUMBER.set(NUMBER.get() + 1);
            shared.fetch_add(1, Relaxed);
            NUMBER.try_with(Cell::get).ok()
        };
        outcomes.insert(beside(move || add(&theirs), || add(&shared)));
        assert_eq!(NUMBER.replace(0), 2);
    });
    assert_eq!(report.outcomes, ["(Some(2), Some(2))"]);
}

#[test]
fn a_model_says_what_the_machine_is_like() {
    check("machine", Bound::None, Futex::Block, |_| {
        assert_eq!(thread::processors(), 2);
        thread::set_processors(1);
        assert_eq!(thread::processors(), 1);
        assert!(!thread::may_spin(), "a spin for a time would have no end");
        let shared = word();
        let theirs = Arc::clone(&shared);
        thread::refuse_after(1);
        beside(
            move || theirs.store(1, Relaxed),
            || {
                while shared.load(Relaxed) == 0 {
                    thread::relax()
                }
            },
        );
        assert!(thread::spawn("refused".into(), None, || ()).is_err());
        assert_ne!(crate::sync::identity::unique(), crate::sync::identity::unique());
    });
}

/// Uses everything that a destructor of the library might.
struct Busy {
    shared: Arc<AtomicU32>,
    content: Arc<Watched>,
    queue: Arc<Injector<u32>>,
}

impl Busy {
    fn new(shared: &Arc<AtomicU32>) -> Self {
        Self {
            shared: Arc::clone(shared),
            content: Arc::new(Watched::new()),
            queue: Arc::new(Injector::new()),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.content.write();
        self.queue.push(1);
        assert!(!self.queue.is_empty());
        NUMBER.set(2);
        fence(SeqCst);
        self.shared.fetch_add(1, AcqRel);
        futex::wake_all(&self.shared);
        thread::yield_now();
    }
}

#[test]
fn a_failure_is_not_made_worse_by_destructors() {
    rejects("deadlock with destructors", "deadlock", Bound::None, Futex::Block, |_| {
        let shared = word();
        let theirs = Arc::clone(&shared);
        let thread = Seen::by(move || {
            let _busy = Busy::new(&theirs);
            futex::wait(&theirs, 0);
        });
        let _busy = Busy::new(&shared);
        futex::wait(&shared, 0);
        thread.join();
    });
    rejects("failure with destructors", "on purpose", Bound::None, Futex::Block, |_| {
        let shared = word();
        let theirs = Arc::clone(&shared);
        let _busy = Busy::new(&shared);
        let _second = Seen::by(move || theirs.store(1, Relaxed));
        assert_eq!(shared.load(Relaxed), 1, "on purpose");
    });
}

/// The library catches its users' panics; a failed assertion in a user's closure must not get lost there.
#[test]
fn a_failure_that_is_caught_is_still_a_failure() {
    rejects("a failure caught", "on purpose", Bound::None, Futex::Block, |_| {
        let shared = word();
        let theirs = Arc::clone(&shared);
        let task = move || {
            let _busy = Busy::new(&theirs);
            let caught = std::panic::catch_unwind(|| {
                let _busy = Busy::new(&theirs);
                assert_eq!(theirs.load(Relaxed), 0, "on purpose");
            });
            let _busy = caught.is_err().then(|| Busy::new(&theirs));
        };
        beside(task, || shared.store(7, Relaxed));
    });
    rejects("a deadlock caught", "deadlock", Bound::None, Futex::Block, |_| {
        let shared = word();
        let task = move || {
            let caught = std::panic::catch_unwind(|| futex::wait(&shared, 0));
            let _busy = caught.is_err().then(|| Busy::new(&word()));
        };
        beside(task, || ());
    });
}

/// As a user's own model would: nobody begins its executions.
#[test]
fn a_model_without_the_harness_begins_its_executions_itself() {
    let model = || {
        loom::model(|| {
            let deadline =
                Deadline::after(Duration::from_secs(1)).expect("a second is within reach");
            assert!(!deadline.passed(), "the clock stands as it did before the first execution");
            let word = word();
            beside(clock::expire, || wait_in_time(&word));
        });
    };
    // On a thread that has never seen the harness.
    std::thread::spawn(model).join().expect("the model passes");
}

#[test]
fn a_deliberate_panic_fails_nothing() {
    let report = check("deliberate panic", Bound::None, Futex::Block, |outcomes: &Outcomes| {
        let shared = word();
        let theirs = Arc::clone(&shared);
        let task = move || {
            let caught = std::panic::catch_unwind(|| {
                let _busy = Busy::new(&theirs);
                panic_deliberately()
            });
            assert!(caught.is_err());
            theirs.fetch_add(1, Relaxed)
        };
        outcomes.insert(beside(task, || shared.load(Relaxed)));
        assert_eq!(shared.load(Relaxed), 2);
    });
    assert_eq!(report.outcomes, ["(0, 1)", "(1, 1)", "(2, 1)"]);
}
