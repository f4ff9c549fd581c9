//! The model's heap and queues under test: what they must allow passes, what they must catch is rejected.

use super::harness::{Bound, Futex, Seen, Shared, Watched, beside, check, rejects};
use crate::sync::deque::{Injector, Steal, Worker};
use crate::sync::heap::{self, Alive};
use crate::sync::{AtomicU32, OnceLock, Ordering, fence, futex};
use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

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
fn a_shared_value_is_dropped_after_every_use() {
    struct Used(Watched);
    impl Drop for Used {
        fn drop(&mut self) {
            self.0.write();
        }
    }
    check("shared", Bound::None, Futex::Block, |_| {
        let used = Shared::new(Used(Watched::new()));
        let theirs = used.clone();
        let thread = Seen::by(move || theirs.0.read());
        used.0.read();
        drop(used);
        thread.join();
    });
    rejects("shared by an Arc", "Causality violation", Bound::None, Futex::Block, |_| {
        let used = Arc::new(Used(Watched::new()));
        let theirs = Arc::clone(&used);
        let thread = Seen::by(move || theirs.0.read());
        used.0.read();
        drop(used);
        thread.join();
    });
}

#[test]
fn the_last_owner_frees() {
    check("two owners", Bound::None, Futex::Block, |_| two_owners(AcqRel));
    for order in [Acquire, Release, Relaxed] {
        let name = format!("two owners, {order:?}");
        rejects(&name, "Causality violation", Bound::None, Futex::Block, move |_| {
            two_owners(order)
        });
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
    let sleeping = Arc::new(AtomicU32::new(0));
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
        rejects(&name, "deadlock", Bound::None, Futex::Block, move |_| {
            sleeper(push_fence, sleep_fence)
        });
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
        let ours = || queue.take().inspect(|content| content.read()).is_some();
        outcomes.insert(beside(push, ours).0);
    });
    assert_eq!(report.outcomes, ["false", "true"]);
}

/// Data that goes from one thread to another by the queue's orderings alone, and by the one that the queue lacks.
#[test]
fn a_push_acquires_nothing_and_a_take_publishes_nothing() {
    rejects("push, then push", "Causality violation", Bound::None, Futex::Block, |_| {
        let (queue, pushed, data) =
            (Arc::new(Injector::new()), Arc::new(AtomicU32::new(0)), Arc::new(Watched::new()));
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
            assert_eq!(their_queue.take(), Some(1));
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
fn what_is_set_once_is_there_for_whoever_has_an_edge_to_it() {
    for (order, expected) in [(Release, vec!["true"]), (Relaxed, vec!["false", "true"])] {
        let report = check(
            &format!("set once, {order:?} flag"),
            Bound::None,
            Futex::Block,
            move |outcomes| {
                let shared = Arc::new((OnceLock::new(), AtomicU32::new(0)));
                let theirs = Arc::clone(&shared);
                let setter = Seen::by(move || {
                    theirs.0.set(()).expect("nobody else sets it");
                    theirs.1.store(1, order);
                });
                if shared.1.load(Acquire) == 1 {
                    outcomes.insert(shared.0.get().is_some());
                }
                setter.join();
            },
        );
        assert_eq!(report.outcomes, expected);
    }
}
