//! The table of timed waits: no wake is lost, none goes to another word's waiter, and a waiter whose
//! time is over leaves nothing behind. In a model all words share one bucket.

use super::{Bucket, Place, Table, address};
use crate::models::harness::{Bound, Futex, Seen, check, rejects};
use crate::sync::clock::{self, Deadline};
use crate::sync::{AtomicPtr, AtomicU32, Ordering, fence};
use Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::ptr::null_mut;
use std::sync::Arc;
use std::time::Duration;

struct Scene {
    place: Place,
    words: [AtomicU32; 2],
}

impl Scene {
    /// With a table, or with none yet.
    fn new(has_table: bool) -> Arc<Self> {
        let table = if has_table { Box::into_raw(Box::new(Table::new())) } else { null_mut() };
        let words = [AtomicU32::new(0), AtomicU32::new(0)];
        Arc::new(Self { place: Place(AtomicPtr::new(table)), words })
    }

    fn bucket(&self) -> &Bucket {
        self.place.table().bucket(address(&self.words[0]))
    }

    /// Says whether the word changed in time.
    fn wait(&self, word: usize) -> bool {
        let deadline = Deadline::after(Duration::from_secs(1)).expect("a second is within reach");
        while self.words[word].load(Acquire) == 0 {
            if deadline.passed() {
                return false;
            }
            self.place.wait_until(&self.words[word], 0, &deadline);
        }
        true
    }

    fn waiter(self: &Arc<Self>, word: usize) -> Seen<bool> {
        let scene = Arc::clone(self);
        Seen::by(move || scene.wait(word))
    }

    /// Every thread has been joined: every waiter has left. Frees the table.
    fn end(&self) {
        assert_eq!(self.bucket().waiting.load(Relaxed), 0, "an announcement is left");
        self.bucket()
            .waiters
            .with(|waiters| assert!(waiters.remove(|_| true).is_none(), "a waiter is left"));
        let table = self.place.0.swap(null_mut(), Relaxed);
        // SAFETY: the pointer must come from a box that no thread uses. `new` or `table` made
        // it so, and the other threads have been joined.
        drop(unsafe { Box::from_raw(table) });
    }
}

type Wake = fn(&Place, &AtomicU32);

/// A waiter, and a thread that changes the word and wakes.
fn wake_beside_wait(has_table: bool, wake: Wake) {
    let scene = Scene::new(has_table);
    let waiter = scene.waiter(0);
    scene.words[0].store(1, Release);
    wake(&scene.place, &scene.words[0]);
    assert!(waiter.join());
    scene.end();
}

#[test]
fn no_wake_is_lost() {
    for has_table in [true, false] {
        let name = format!("table: wait ‖ wake, made before: {has_table}");
        check(&name, Bound::None, Futex::Block, move |_| {
            wake_beside_wait(has_table, Place::wake_one);
        });
        let name = format!("table: wait ‖ wake all, made before: {has_table}");
        check(&name, Bound::None, Futex::Block, move |_| {
            wake_beside_wait(has_table, Place::wake_all);
        });
    }
}

#[test]
fn control_a_waker_without_a_fence() {
    rejects("table control: no fence", "deadlock", Bound::None, Futex::Block, |_| {
        wake_beside_wait(true, |place, word| {
            let bucket = place.table().bucket(address(word));
            if bucket.is_awaited() {
                bucket.wake_all(address(word));
            }
        });
    });
}

#[test]
fn control_a_waiter_that_looks_before_it_announces_itself() {
    rejects("table control: look, announce", "deadlock", Bound::None, Futex::Block, |_| {
        let scene = Scene::new(true);
        let other = Arc::clone(&scene);
        let waiter = Seen::by(move || {
            let deadline = Deadline::after(Duration::from_secs(1)).expect("it is within reach");
            let word = &other.words[0];
            while word.load(Acquire) == 0 {
                let parker = crate::sync::parker::take(0);
                let waiter = super::Waiter { word: address(word), parker: Arc::clone(&parker) };
                other.bucket().waiters.with(|waiters| waiters.push(waiter));
                other.bucket().waiting.fetch_add(1, Relaxed);
                fence(SeqCst);
                let _ = parker.park_until(&deadline);
            }
        });
        scene.words[0].store(1, Release);
        scene.place.wake_all(&scene.words[0]);
        waiter.join();
    });
}

/// Two words in one bucket, two waiters, and for each word one wake of one waiter.
fn two_words(wake: Wake) {
    let scene = Scene::new(true);
    let waiters = [scene.waiter(0), scene.waiter(1)];
    for word in &scene.words {
        word.store(1, Release);
        wake(&scene.place, word);
    }
    assert!(waiters.map(Seen::join).iter().all(|in_time| *in_time));
    scene.end();
}

#[test]
fn a_wake_goes_to_its_own_word() {
    check("table: two words in a bucket", Bound::Usual, Futex::Block, |_| {
        two_words(Place::wake_one);
    });
}

#[test]
fn control_a_wake_takes_the_first_of_its_bucket() {
    rejects("table control: the first one", "deadlock", Bound::Usual, Futex::Block, |_| {
        two_words(|place, word| {
            let Some(bucket) = place.look(word) else { return };
            let first = bucket.waiters.with(|waiters| waiters.remove(|_| true));
            if let Some(first) = first {
                bucket.leave();
                first.parker.unpark();
            }
        });
    });
}

/// Two waiters on one word: one wake for each is enough, though a woken one may be late.
#[test]
fn two_wakes_of_one_reach_two_waiters() {
    check("table: two waiters, two wakes", Bound::Usual, Futex::Block, |_| {
        let scene = Scene::new(true);
        let waiters = [scene.waiter(0), scene.waiter(0)];
        scene.words[0].store(1, Release);
        scene.place.wake_one(&scene.words[0]);
        scene.place.wake_one(&scene.words[0]);
        assert!(waiters.map(Seen::join).iter().all(|in_time| *in_time));
        scene.end();
    });
}

#[test]
fn a_waiter_whose_time_is_over_leaves_nothing_behind() {
    for wake in [Place::wake_one as Wake, Place::wake_all] {
        let report = check(
            "table: wait ‖ wake ‖ time-out",
            Bound::Usual,
            Futex::Block,
            move |outcomes| {
                let scene = Scene::new(true);
                let waiter = scene.waiter(0);
                let clock = Seen::by(clock::expire);
                scene.words[0].store(1, Release);
                wake(&scene.place, &scene.words[0]);
                outcomes.insert(waiter.join());
                clock.join();
                scene.end();
            },
        );
        assert_eq!(report.outcomes, ["false", "true"]);
    }
}
