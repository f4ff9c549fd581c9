//! A stream, I26 and I29: each item comes out once through its slot, in order if so asked.
//!
//! `stream/wake_batches.rs` has I26 for a consumer that sleeps for several outcomes,
//! `stream/leave.rs` has I27, `stream/end.rs` has I28, `stream/nap.rs` has I29 for a consumer that
//! naps, `stream/crew.rs` has I42, and `stream/nudge.rs` has I45.

#[path = "stream/crew.rs"]
mod crew;
#[path = "stream/end.rs"]
mod end;
#[path = "stream/leave.rs"]
mod leave;
#[path = "stream/nap.rs"]
mod nap;
#[path = "stream/nudge.rs"]
mod nudge;
#[path = "stream/wake_batches.rs"]
mod wake_batches;

use super::wake_batch::WakeBatch;
use super::*;
use crate::block::{Plain, PoolView, Reason, TaskRef};
use crate::models::harness::{Bound, Futex, Running, Watched, check, control, spawn};
use crate::sync::{futex, thread};
use crate::wait::block_until;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering as Std};
use std::sync::{Arc, Mutex};

/// An item or a value: counts its drops; loom watches its accesses.
struct Counted(usize, Watched, Arc<AtomicUsize>);

impl Counted {
    fn new(number: usize, drops: &Arc<AtomicUsize>) -> Self {
        let new = Self(number, Watched::new(), Arc::clone(drops));
        new.1.write();
        new
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.write();
        self.2.fetch_add(1, Std::Relaxed);
    }
}

type Items = StreamRef<Counted, Counted, Infallible>;

/// A stream that passes its items on.
fn stream(ordered: bool, slots: usize, runners: usize) -> Items {
    let options = StreamOptions { chunksize: Some(1), buffersize: None, ordered, counted: false };
    let window = Window { least: slots, most: slots };
    // SAFETY: models borrow nothing.
    unsafe {
        StreamRef::create(Plain(|item: Counted| item), options, window, runners, 1, true, None)
    }
}

/// A worker's view: entries that a runner sends lie in the list until a thread of the model is
/// free.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<TaskRef>>>);

impl Sent {
    fn next(&self) -> Option<TaskRef> {
        self.0.lock().expect("no panic").pop()
    }

    /// Runs the entry, and then what has been sent meanwhile.
    fn work(&self, entry: TaskRef) {
        entry.run(self);
        while let Some(entry) = self.next() {
            entry.run(self);
        }
    }
}

impl PoolView for Sent {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, entry: TaskRef) {
        if entry.count() {
            self.0.lock().expect("no panic").push(entry);
        } else {
            entry.turn_away(Reason::Cancelled);
        }
    }
}

fn run(entry: TaskRef, sent: &Sent) -> thread::JoinHandle<()> {
    let sent = sent.clone();
    spawn(move || sent.work(entry))
}

/// As the pool counts an entry before it pushes it.
fn counted(entry: &TaskRef) {
    assert!(entry.count(), "the stream is open");
}

/// Puts an item in and shows it; the entry that is needed, if any, gets a thread.
fn publish(stream: &mut Items, item: Counted, sent: &Sent) -> Option<thread::JoinHandle<()>> {
    stream.put(item);
    stream.publish().inspect(counted).map(|entry| run(entry, sent))
}

/// The next outcome. This thread works while there is an entry for it.
fn take(stream: &mut Items, sent: &Sent) -> usize {
    loop {
        if let Some(outcome) = stream.try_take() {
            return outcome.expect("no item fails").0;
        }
        match sent.next() {
            Some(entry) => sent.work(entry),
            None => assert_eq!(
                stream.wait(None, false),
                Waited::Outcome,
                "I26: a wait ends with an outcome"
            ),
        }
    }
}

/// `items` through a window of `slots`: the entries that are sent are run on threads, as many as
/// the model may have, and then here.
fn passes(name: &str, ordered: bool, slots: usize, items: usize, futex: Futex, bound: Bound) {
    check(name, bound, futex, move |outcomes| {
        let (drops, sent) = (Arc::new(AtomicUsize::new(0)), Sent::default());
        let mut stream = stream(ordered, slots, 2);
        let mut threads = Vec::new();
        let (mut put, mut taken) = (0, Vec::new());
        while taken.len() < items {
            while put < items && !stream.has_enough() {
                stream.put(Counted::new(put, &drops));
                put += 1;
                if let Some(entry) = stream.publish().inspect(counted) {
                    if threads.len() < 2 {
                        threads.push(run(entry, &sent));
                    } else {
                        sent.work(entry);
                    }
                }
            }
            taken.push(take(&mut stream, &sent));
        }
        drop(stream);
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
        outcomes.insert(&taken);
        if !ordered {
            taken.sort_unstable();
        }
        assert_eq!(
            taken,
            (0..items).collect::<Vec<_>>(),
            "I26 I29: every item comes out once, in order if so asked"
        );
        assert_eq!(drops.load(Std::Relaxed), items, "I28: every item is dropped once");
    });
}

#[test]
fn i26_i27_one_slot_is_used_again_and_again() {
    passes("I26 I27 ordered, two items through one slot", true, 1, 2, Futex::Block, Bound::Whole);
}

#[test]
fn i26_the_outcome_comes_with_done_whatever_ended_the_wait() {
    passes("I26 ordered, one item (Spurious)", true, 1, 1, Futex::Spurious, Bound::Usual);
}

#[test]
fn i26_i27_two_runners_in_order() {
    passes("I26 I27 ordered, two items, two runners", true, 2, 2, Futex::Block, Bound::Whole);
}

#[test]
fn i29_two_runners_out_of_order() {
    passes("I29 unordered, two items, two runners", false, 2, 2, Futex::Block, Bound::Whole);
}

#[test]
fn i29_a_place_is_used_again() {
    passes(
        "I29 I27 unordered, two items through one slot",
        false,
        1,
        2,
        Futex::Block,
        Bound::Whole,
    );
}

#[test]
fn i29_control_the_list_is_pushed_to_in_two_steps() {
    control("I29 control: a push in two steps", Bound::None, Futex::Block, |_| {
        let list = Arc::new(AtomicU32::new(0));
        let push = |list: &AtomicU32, bit: u32| {
            let before = list.load(Ordering::Relaxed);
            list.store(before | bit, Ordering::Release);
            futex::wake_all(list);
        };
        let theirs = Arc::clone(&list);
        let one = spawn(move || push(&theirs, 1));
        push(&list, 2);
        block_until(&list, 0, None, |list| list == 3);
        one.join().expect("the runner returns");
    });
}

#[test]
fn i26_control_the_slot_is_filled_while_its_outcome_is_there() {
    control("I26 control: a slot filled over its outcome", Bound::None, Futex::Block, |_| {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut stream = stream(true, 1, 1);
        stream.put(Counted::new(0, &drops));
        let sent = Sent::default();
        let threads: Vec<_> =
            stream.publish().inspect(counted).map(|entry| run(entry, &sent)).into_iter().collect();
        // SAFETY: the consumer is an owner.
        let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(stream.header()) };
        // SAFETY: none: the slot is not the consumer's. That is the bug.
        unsafe { ring.put(0, Content { item: ManuallyDrop::new(Counted::new(1, &drops)) }) };
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
    });
}
