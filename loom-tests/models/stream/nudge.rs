//! A nudge for a consumer that sleeps, I45: the runners tell it when they run dry.

use super::*;
use crate::models::harness::Seen;

/// A stream of two items whose function loom watches: each call reads what it has captured, and its
/// drop writes.
fn watched_stream(drops: &Arc<AtomicUsize>) -> StreamRef<usize, (), Infallible> {
    let captured = Counted::new(0, drops);
    let each = Plain(move |_: usize| captured.1.read());
    let options =
        StreamOptions { chunksize: None, buffersize: None, ordered: true, counted: false };
    // SAFETY: models borrow nothing.
    unsafe { StreamRef::create(each, options, Window { least: 2, most: 2 }, 1, 1, true, None) }
}

#[test]
fn i45_a_late_nudge_is_for_the_outcome_that_is_awaited() {
    check(
        "I45 ask for a nudge ‖ a runner that has left nudges",
        Bound::None,
        Futex::Block,
        |_| {
            let mut stream = watched_stream(&Arc::default());
            // As if one outcome had been taken: the consumer sleeps for the second.
            stream.put(0);
            stream.taken = 1;
            stream.put(1);
            let entry = stream.publish().inspect(counted).expect("no runner is active");
            let runner = Seen::by(move || {
                // SAFETY: the entry keeps the block alive.
                unsafe { Ring::<usize, (), Infallible>::of(entry.id()) }.nudge();
                entry
            });
            stream.ask_for_a_nudge();
            let entry = runner.join();
            let ring = stream.ring();
            if ring.crew.load(Ordering::Relaxed) & ASLEEP == 0 {
                let state = ring.slots[1].state.load(Ordering::Relaxed);
                assert!(state & NUDGED != 0, "I45: the mark is taken, and another slot was nudged");
            }
            stream.taken = 0;
            entry.run(&Running);
            drop(stream);
        },
    );
}

/// Item 0 waits for item 3, which the consumer pulls once the items that wait are fewer: it sleeps
/// for item 0 meanwhile.
fn first_waits_for_third(refills: bool) {
    let (word, sent) = (Arc::new(AtomicU32::new(0)), Sent::default());
    let begun = Arc::clone(&word);
    let each = Plain(move |item: usize| match item {
        0 => drop(block_until(&begun, 0, None, |begun| begun == 1)),
        3 => {
            begun.store(1, Ordering::Release);
            futex::wake_all(&begun);
        }
        _ => {}
    });
    let options =
        StreamOptions { chunksize: None, buffersize: None, ordered: true, counted: false };
    // SAFETY: models borrow nothing.
    let mut stream: StreamRef<_, _, Infallible> =
        unsafe { StreamRef::create(each, options, Window { least: 1, most: 4 }, 2, 1, true, None) };
    *stream.wake_batch() = WakeBatch::fixed(1);
    stream.put(0);
    let first = stream.publish().inspect(counted).expect("no runner is active");
    stream.put(1);
    assert!(stream.publish().inspect(counted).is_none(), "the entry lies in a queue");
    let theirs = sent.clone();
    let first = spawn(move || first.run(&theirs));
    // Item 0 has begun when its runner sends for another; with a third item two wait, and that is
    // enough.
    let entry = loop {
        match sent.next() {
            Some(entry) => break entry,
            None => thread::yield_now(),
        }
    };
    stream.put(2);
    assert!(stream.publish().inspect(counted).is_none(), "the entry is on its way");
    assert!(stream.has_enough());
    let second = run(entry, &sent);
    let (mut taken, mut put, mut third) = (0, 3, None);
    while taken < 4 {
        if stream.try_take().is_some() {
            taken += 1;
        } else if put < 4 && !stream.has_enough() {
            stream.put(put);
            put += 1;
            third = stream.publish().inspect(counted).map(|entry| run(entry, &sent));
        } else {
            let _ = stream.wait(None, refills && put < 4);
        }
    }
    drop(stream);
    [Some(first), Some(second), third]
        .into_iter()
        .flatten()
        .for_each(|thread| thread.join().expect("a runner returns"));
}

#[test]
fn i45_a_sleeping_consumer_hears_that_the_runners_are_dry() {
    check("I45 an item waits for one that is not pulled yet", Bound::Pair, Futex::Block, |_| {
        first_waits_for_third(true);
    });
}

#[test]
fn i45_control_a_consumer_does_not_ask_to_be_told() {
    control(
        "I45 control: a consumer sleeps for its outcome alone",
        Bound::Pair,
        Futex::Block,
        |_| {
            first_waits_for_third(false);
        },
    );
}
