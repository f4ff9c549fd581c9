//! The rest of the model under test: futex, clock, heap and queues. What they must allow passes, what they must
//! catch is rejected.

use super::harness::{Bound, Futex, Outcomes, Seen, Watched, beside, check, panic_deliberately, rejects};
use crate::sync::clock::{self, Deadline};
use crate::sync::deque::{Injector, Steal, Worker};
use crate::sync::heap::{self, Alive};
use crate::sync::{AtomicU32, Ordering, fence, futex, local, thread};
use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;
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
        let report = check(&format!("deadline ‖ wake, {mode:?}"), Bound::Usual, mode, |outcomes| {
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
        let deadline = Deadline::after(Duration::from_secs(1)).expect("a second is within reach");
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

/// A block with two owners.
struct Block {
    alive: Alive,
    owners: AtomicU32,
}

/// One owner's right to the block.
#[derive(Clone, Copy)]
struct Owner(NonNull<Block>);

// SAFETY: the block's fields may be used by any thread, and the count says how long.
unsafe impl Send for Owner {}

impl Owner {
    fn of_two() -> [Self; 2] {
        let block = heap::alloc(Layout::new::<Block>()).cast::<Block>();
        let fresh = Block { alive: Alive::new(), owners: AtomicU32::new(2) };
        // SAFETY: the memory is fresh, large enough and aligned.
        unsafe { block.write(fresh) };
        [Self(block); 2]
    }

    fn block(&self) -> &Block {
        // SAFETY: the model's memory stays readable until the execution ends, even if the block has been freed.
        unsafe { self.0.as_ref() }
    }

    fn free(&self) {
        self.block().alive.end();
        // SAFETY: it came from `alloc` with this layout. That nobody touches it any more is what the models test;
        // where they fail, the memory is still there.
        unsafe { heap::dealloc(self.0.cast(), Layout::new::<Block>()) };
    }

    fn leave(&self, order: Ordering) {
        let block = self.block();
        block.alive.touch();
        if block.owners.fetch_sub(1, order) == 1 {
            self.free();
        }
    }
}

fn two_owners(order: Ordering) {
    let [first, second] = Owner::of_two();
    beside(move || { second }.leave(order), || first.leave(order));
}

#[test]
fn the_last_owner_frees() {
    check("two owners", Bound::None, Futex::Block, |_| two_owners(AcqRel));
    for order in [Acquire, Release, Relaxed] {
        let name = format!("two owners, {order:?}");
        rejects(&name, "Causality violation", Bound::None, Futex::Block, move |_| two_owners(order));
    }
}

#[test]
fn a_touch_after_the_end_is_seen() {
    rejects("use after free", "Causality violation", Bound::None, Futex::Block, |_| {
        let [first, second] = Owner::of_two();
        beside(move || { second }.block().alive.touch(), || first.free());
    });
}

#[test]
fn a_block_ends_once_and_does_end() {
    rejects("leak", "Allocation leaked", Bound::None, Futex::Block, |_| {
        let [first, _] = Owner::of_two();
        first.block().alive.touch();
    });
    rejects("double free", "freed twice", Bound::None, Futex::Block, |_| {
        let [first, second] = Owner::of_two();
        first.free();
        second.block().alive.end();
    });
}

/// Push, fence, look for a sleeper; announce the sleep, fence, look for work.
fn sleeper(push_fence: bool, sleep_fence: bool) {
    let sleeping = word();
    let queue = Arc::new(Injector::new());
    let (their_sleeping, their_queue) = (Arc::clone(&sleeping), Arc::clone(&queue));
    let theirs = move || {
        their_sleeping.store(1, Relaxed);
        if sleep_fence {
            fence(SeqCst);
        }
        if their_queue.is_empty() {
            while their_sleeping.load(Acquire) == 1 {
                futex::wait(&their_sleeping, 1);
            }
        }
    };
    beside(theirs, || {
        queue.push(());
        if push_fence {
            fence(SeqCst);
        }
        if sleeping.load(Relaxed) == 1 {
            sleeping.store(0, Release);
            futex::wake_one(&sleeping);
        }
    });
}

#[test]
fn the_queue_lends_a_sleeper_no_fence() {
    check("sleeper", Bound::None, Futex::Block, |_| sleeper(true, true));
    for (push_fence, sleep_fence) in [(false, true), (true, false)] {
        let name = format!("sleeper, fences {push_fence} {sleep_fence}");
        rejects(&name, "deadlock", Bound::None, Futex::Block, move |_| sleeper(push_fence, sleep_fence));
    }
}

/// Takes until the queue says that it is empty.
fn drain<T>(mut steal: impl FnMut() -> Steal<T>) -> Vec<T> {
    let mut taken = Vec::new();
    loop {
        match steal() {
            Steal::Empty => return taken,
            Steal::Success(item) => taken.push(item),
            Steal::Retry => {}
        }
    }
}

#[test]
fn a_stolen_item_brings_its_content() {
    let report = check("push ‖ steal", Bound::None, Futex::Block, |outcomes| {
        let queue = Arc::new(Injector::new());
        let theirs = Arc::clone(&queue);
        let push = move || {
            let content = Arc::new(Watched::new());
            content.write();
            theirs.push(content);
        };
        let ours = || match queue.steal() {
            Steal::Success(content) => {
                content.read();
                true
            }
            Steal::Empty | Steal::Retry => false,
        };
        outcomes.insert(beside(push, ours).0);
    });
    assert_eq!(report.outcomes, ["false", "true"]);
}

/// Data that goes from one thread to another by the queue's orderings alone, and by the one that the queue lacks.
#[test]
fn a_push_acquires_nothing_and_a_take_publishes_nothing() {
    rejects("push, then push", "Causality violation", Bound::None, Futex::Block, |_| {
        let (queue, pushed, data) = (Arc::new(Injector::new()), word(), Arc::new(Watched::new()));
        let (their_queue, their_pushed, their_data) = (queue.clone(), pushed.clone(), data.clone());
        let theirs = move || {
            their_data.write();
            their_queue.push(1);
            their_pushed.store(1, Relaxed);
        };
        beside(theirs, || {
            if pushed.load(Relaxed) == 1 {
                queue.push(2);
                data.read();
            }
        });
    });
    rejects("take, then look", "Causality violation", Bound::None, Futex::Block, |_| {
        let (queue, data) = (Arc::new(Injector::new()), Arc::new(Watched::new()));
        let (their_queue, their_data) = (queue.clone(), data.clone());
        queue.push(1);
        let theirs = move || {
            their_data.write();
            their_queue.steal()
        };
        beside(theirs, || {
            if queue.is_empty() {
                data.read();
            }
        });
    });
}

#[test]
fn a_look_acquires_what_was_pushed() {
    check("push ‖ look", Bound::None, Futex::Block, |_| {
        let (queue, data) = (Arc::new(Injector::new()), Arc::new(Watched::new()));
        let (their_queue, their_data) = (queue.clone(), data.clone());
        let theirs = move || {
            their_data.write();
            their_queue.push(1);
        };
        beside(theirs, || {
            if !queue.is_empty() {
                data.read();
            }
        });
    });
}

#[test]
fn an_item_is_taken_once_the_oldest_by_thieves_the_newest_by_the_owner() {
    let report = check("pop ‖ steal", Bound::None, Futex::Block, |outcomes| {
        let owner = Worker::new_lifo();
        owner.push(1);
        owner.push(2);
        let thief = owner.stealer();
        let (popped, stolen) = beside(move || thief.steal().success(), || owner.pop());
        outcomes.insert((popped, stolen));
        let mut left = drain(|| owner.stealer().clone().steal());
        left.extend(popped);
        left.extend(stolen);
        left.sort_unstable();
        assert_eq!(left, [1, 2]);
        assert!(owner.is_empty() && owner.stealer().is_empty());
    });
    assert_eq!(report.outcomes, ["(Some(2), None)", "(Some(2), Some(1))"]);
}

#[test]
fn a_batch_keeps_the_order() {
    let report = check("batches", Bound::None, Futex::Block, |outcomes| {
        let queue = Arc::new(Injector::new());
        (1..=3).for_each(|item| queue.push(item));
        let theirs = Arc::clone(&queue);
        let take = |queue: &Injector<i32>| {
            let own = Worker::new_lifo();
            let mut taken = Vec::from_iter(queue.steal_batch_with_limit_and_pop(&own, 2).success());
            taken.extend(std::iter::from_fn(|| own.pop()));
            taken
        };
        let (ours, theirs) = beside(move || take(&theirs), || take(&queue));
        assert_eq!(ours.len() + theirs.len() + queue.len(), 3);
        outcomes.insert((ours, theirs));
    });
    assert_eq!(report.outcomes, ["([1, 2], [3])", "([1, 2], [])", "([3], [1, 2])", "([], [1, 2])"]);
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
        assert!(thread::may_spin());
        thread::set_processors(1);
        assert!(!thread::may_spin());
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
        assert_ne!(thread::unique(), thread::unique());
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
            let deadline = Deadline::after(Duration::from_secs(1)).expect("a second is within reach");
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
