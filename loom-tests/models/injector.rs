//! The injector's own algorithm, I61 and I62: entries come out once, in order and whole, and a
//! segment is used again only after its last taker.
//!
//! In a model a segment has two slots, and the injector keeps one segment.

use super::*;
use crate::models::harness::{Bound, Futex, Seen, Watched, beside, check, control};
use crate::sync::thread::yield_now;
use std::sync::Arc;

/// An injector with these entries.
fn filled(entries: std::ops::RangeInclusive<u32>) -> Arc<Injector<u32>> {
    let queue = Arc::new(Injector::new());
    entries.for_each(|entry| queue.push(entry));
    queue
}

fn rest(queue: &Injector<u32>) -> Vec<u32> {
    std::iter::from_fn(|| queue.take()).collect()
}

#[test]
fn i61_a_pusher_beside_a_taker() {
    let report =
        check("I61 push, push, push ‖ take, take", Bound::None, Futex::Block, |outcomes| {
            let queue = filled(1..=1);
            let theirs = Arc::clone(&queue);
            let (mut taken, ()) = beside(
                move || (2..=4).for_each(|entry| theirs.push(entry)),
                || Vec::from_iter([queue.take(), queue.take()].into_iter().flatten()),
            );
            outcomes.insert(taken.len());
            taken.extend(rest(&queue));
            assert_eq!(taken, [1, 2, 3, 4], "I61: each entry once, in order");
            assert_eq!((queue.len(), queue.is_empty()), (0, true));
        });
    assert_eq!(report.outcomes, ["1", "2"]);
}

#[test]
fn i61_two_pushers_at_the_gap() {
    check("I61 push, push ‖ push, push", Bound::Usual, Futex::Block, |outcomes| {
        let queue = filled(1..=1);
        let theirs = Arc::clone(&queue);
        beside(
            move || (20..=21).for_each(|entry| theirs.push(entry)),
            || (30..=31).for_each(|entry| queue.push(entry)),
        );
        let taken = rest(&queue);
        let of =
            |tens: u32| Vec::from_iter(taken.iter().copied().filter(|entry| entry / 10 == tens));
        assert_eq!((taken[0], taken.len()), (1, 5), "I61: each entry once");
        assert_eq!((of(2), of(3)), (vec![20, 21], vec![30, 31]), "I61: those of a thread in order");
        outcomes.insert(taken);
    });
}

#[test]
fn i61_i62_two_takers_beside_a_pusher() {
    check("I61 I62 take ‖ take ‖ push, push", Bound::Usual, Futex::Block, |outcomes| {
        let queue = filled(1..=3);
        let takers = [(); 2].map(|()| {
            let queue = Arc::clone(&queue);
            Seen::by(move || queue.take())
        });
        (4..=5).for_each(|entry| queue.push(entry));
        let taken = takers.map(|taker| taker.join().expect("I61: there are three entries"));
        let mut all = Vec::from(taken);
        all.sort_unstable();
        all.extend(rest(&queue));
        assert_eq!(all, [1, 2, 3, 4, 5], "I61: each entry once, in order");
        outcomes.insert(taken);
    });
}

/// The data that goes with an entry, and an injector.
fn with_data() -> (Arc<Injector<u32>>, Arc<Watched>) {
    (Arc::new(Injector::new()), Arc::new(Watched::new()))
}

#[test]
fn i61_a_look_acquires_what_was_pushed() {
    check("I61 push ‖ look", Bound::None, Futex::Block, |_| {
        let (queue, data) = with_data();
        let (their_queue, their_data) = (Arc::clone(&queue), Arc::clone(&data));
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
fn i61_a_look_acquires_what_another_look_has_seen() {
    check("I61 push ‖ look ‖ look", Bound::Usual, Futex::Block, |_| {
        let (queue, data) = with_data();
        let [pusher, looker] = [true, false].map(|pushes| {
            let (queue, data) = (Arc::clone(&queue), Arc::clone(&data));
            Seen::by(move || {
                if pushes {
                    data.write();
                    queue.push(1);
                } else {
                    queue.is_empty();
                }
            })
        });
        if !queue.is_empty() {
            data.read();
        }
        pusher.join();
        looker.join();
    });
}

#[test]
fn i61_a_look_acquires_what_a_taker_did() {
    check("I61 take ‖ look", Bound::None, Futex::Block, |_| {
        let (queue, data) = with_data();
        queue.push(1);
        let (their_queue, their_data) = (Arc::clone(&queue), Arc::clone(&data));
        let theirs = move || {
            their_data.write();
            assert_eq!(their_queue.take(), Some(1), "I61: the entry is there");
        };
        beside(theirs, || {
            if queue.is_empty() {
                data.read();
            }
        });
    });
}

#[test]
fn i61_control_a_taker_does_not_wait_for_the_slot() {
    control("I61 control: take of a slot that is not full", Bound::None, Futex::Block, |_| {
        let queue = Arc::new(Injector::new());
        let theirs = Arc::clone(&queue);
        beside(
            move || theirs.push(1),
            || {
                let number = queue.head.end.number();
                if queue.reaches_beyond(number) && queue.head.end.claim(number) {
                    let segment = queue.head.end.segment.load(Ordering::Relaxed);
                    // SAFETY: the segment is the only one, and it lives as long as the queue.
                    let slot = &unsafe { &*segment }.slots[0];
                    slot.entry.with(|_| ());
                }
            },
        );
    });
}

#[test]
fn i62_control_a_segment_is_kept_by_the_taker_of_its_last_slot() {
    control("I62 control: kept before its last taker", Bound::Usual, Futex::Block, |_| {
        let queue = filled(1..=3);
        let theirs = Arc::clone(&queue);
        beside(
            move || theirs.take(),
            || {
                // This thread takes the second entry. The first one may still be on its way.
                while queue.head.end.number() != 1 {
                    yield_now();
                }
                assert!(queue.head.end.claim(1));
                let segment = queue.head.end.segment.load(Ordering::Relaxed);
                let segment = NonNull::new(segment).expect("there is a segment");
                // SAFETY: the other taker has yet to end the segment.
                let next = unsafe { segment.as_ref() }.next.load(Ordering::Relaxed);
                queue.head.end.move_on(1, NonNull::new(next).expect("the third entry is there"));
                assert!(queue.spares.keep(segment));
                (4..=5).for_each(|entry| queue.push(entry));
            },
        );
    });
}
