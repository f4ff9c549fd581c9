//! The idle stack by itself, I13 and I14: who is on it, and who is counted.

use super::*;
use crate::models::harness::{Bound, Futex, check, control, spawn};
use std::sync::Arc;

/// Both workers parked, worker 1 on top.
fn both_parked() -> Arc<Idle> {
    let idle = Arc::new(Idle::new(2, 2, 0));
    idle.push(0, false);
    idle.push(1, false);
    idle
}

/// A worker that is woken once and parks again.
fn parks_again(idle: &Idle, worker: usize, push: fn(&Idle, usize)) {
    idle.sleep(worker);
    let _ = idle.stop_searching();
    push(idle, worker);
}

/// At rest a worker is on the stack if and only if its signal is down.
fn consistent(idle: &Idle, awake: usize) {
    let (searchers, parked) = idle.at_rest();
    for (worker, seat) in idle.seats.iter().enumerate() {
        let asleep = seat.signal.load(Ordering::Relaxed) == 0;
        assert_eq!(
            parked.contains(&worker),
            asleep,
            "I14: every sleeping worker is on the stack, and no other"
        );
    }
    assert_eq!(searchers, awake as u64, "I13: whoever was woken is counted, once");
}

#[test]
fn i13_i14_two_wakers_beside_a_worker_that_parks_again() {
    check("I13 I14 wake ‖ wake, wake ‖ park again", Bound::Usual, Futex::Block, |outcomes| {
        let idle = both_parked();
        let (one, two) = (Arc::clone(&idle), Arc::clone(&idle));
        let sleeper = spawn(move || parks_again(&one, 1, |idle, worker| idle.push(worker, false)));
        let waker = spawn(move || {
            two.wake_one();
            two.wake_one();
        });
        idle.wake_one();
        waker.join().expect("the waker returns");
        sleeper.join().expect("the sleeper parks again");
        let (searchers, parked) = idle.at_rest();
        consistent(&idle, 2 - parked.len());
        outcomes.insert((searchers, parked));
    });
}

/// A waker reads the top and the seat below it, and is interrupted. Meanwhile both workers are
/// woken, and the one that was the top parks again, alone. Only the tag of the word has moved.
fn the_top_comes_back(name: &str, wakes_both: fn(&Idle)) {
    check(name, Bound::None, Futex::Block, move |outcomes| {
        let idle = both_parked();
        let other = Arc::clone(&idle);
        let others = spawn(move || {
            wakes_both(&other);
            // As both workers do, once they have been woken.
            for worker in [1, 0] {
                other.sleep(worker);
                let _ = other.stop_searching();
            }
            other.push(1, false);
        });
        idle.wake_one();
        others.join().expect("both workers are woken");
        let (searchers, parked) = idle.at_rest();
        assert!(!parked.contains(&0), "I14: a worker is on the stack, though it was woken");
        let asleep = idle.seats[1].signal.load(Ordering::Relaxed) == 0;
        assert_eq!(parked.contains(&1), asleep, "I14: a worker is on the stack if it sleeps");
        assert_eq!(searchers, u64::from(!asleep), "I13: whoever was woken is counted, once");
        outcomes.insert(asleep);
    });
}

#[test]
fn i14_a_top_that_came_back_is_not_mistaken_for_the_one_that_was_read() {
    the_top_comes_back("I14 wake ‖ wake, wake, park again", |idle| {
        idle.wake_one();
        idle.wake_one();
    });
    the_top_comes_back("I14 wake ‖ wake all, park again", Idle::wake_all);
}

#[test]
fn i14_control_the_tag_stands_still() {
    fn push_untagged(idle: &Idle, worker: usize) {
        idle.push(worker, false);
        idle.word.fetch_sub(TAG, Ordering::Relaxed);
    }
    fn wake_untagged(idle: &Idle) {
        loop {
            let word = Word(idle.word.load(Ordering::Acquire));
            let top = word.top();
            if top == 0 {
                return;
            }
            let seat = &idle.seats[top as usize - 1];
            let below = seat.below.load(Ordering::Relaxed);
            let next = word.0 & !TOP | u64::from(below); // nobody is counted: the word can come back to what it was
            if idle.word.compare_exchange(word.0, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                seat.signal.store(1, Ordering::Relaxed);
                futex::wake_one(&seat.signal);
                return;
            }
        }
    }
    control("I14 control: the tag stands still", Bound::None, Futex::Block, |_| {
        let idle = both_parked();
        // As if the tag had never moved.
        idle.word.fetch_and(TAG - 1, Ordering::Relaxed);
        let (one, two) = (Arc::clone(&idle), Arc::clone(&idle));
        let sleeper = spawn(move || {
            one.sleep(1);
            push_untagged(&one, 1);
        });
        let waker = spawn(move || {
            wake_untagged(&two);
            wake_untagged(&two);
        });
        wake_untagged(&idle);
        waker.join().expect("the waker returns");
        sleeper.join().expect("the sleeper parks again");
        let (_, parked) = idle.at_rest();
        for (worker, seat) in idle.seats.iter().enumerate() {
            let asleep = seat.signal.load(Ordering::Relaxed) == 0;
            assert_eq!(
                parked.contains(&worker),
                asleep,
                "I14: every sleeping worker is on the stack, and no other"
            );
        }
    });
}

#[test]
fn i13_control_the_sleeper_counts_itself() {
    control("I13 control: the sleeper counts itself too", Bound::None, Futex::Block, |_| {
        let idle = both_parked();
        let one = Arc::clone(&idle);
        let sleeper = spawn(move || {
            one.sleep(1);
            one.word.fetch_add(SEARCHER, Ordering::Relaxed);
        });
        idle.wake_one();
        sleeper.join().expect("the sleeper wakes");
        consistent(&idle, 1);
    });
}

#[test]
fn i14_control_below_is_read_without_an_edge() {
    fn wake_relaxed(idle: &Idle) {
        let word = Word(idle.word.load(Ordering::Relaxed));
        let top = word.top();
        if top == 0 {
            return;
        }
        let seat = &idle.seats[top as usize - 1];
        let below = seat.below.load(Ordering::Relaxed);
        let next = word.with_top(below).0 + SEARCHER;
        if idle.word.compare_exchange(word.0, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            seat.signal.store(1, Ordering::Relaxed);
            futex::wake_one(&seat.signal);
        }
    }
    control("I14 control: `below` read without Acquire", Bound::None, Futex::Block, |_| {
        let idle = Arc::new(Idle::new(2, 2, 0));
        idle.push(0, false);
        let one = Arc::clone(&idle);
        let parker = spawn(move || one.push(1, false));
        wake_relaxed(&idle);
        parker.join().expect("the parker returns");
        let (searchers, parked) = idle.at_rest();
        assert_eq!(
            parked.len() as u64 + searchers,
            2,
            "I14: every sleeping worker is on the stack, and no other"
        );
    });
}
