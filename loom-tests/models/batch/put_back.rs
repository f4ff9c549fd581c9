//! Chunks that a runner puts back, I41: another runner takes them, or a cancel drops them.

use super::*;
use crate::batch::block::each::STOP as STOP_ITEMS;
use crate::block::{PoolView, Reason};
use std::sync::Mutex;

/// A worker's view; what is put back lies in the list.
#[derive(Clone)]
struct Seated(Arc<Mutex<Vec<TaskRef>>>);

impl PoolView for Seated {
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

type Numbers = Map<Plain<fn(usize) -> usize>, usize, usize, std::convert::Infallible, (), ()>;

/// Worker 0 has all four chunks in its hands, has done one of them and puts the others back, and
/// then stays in its item until they are done; worker 1 `leaves` meanwhile for want of chunks, and
/// runs what has been put back for it.
fn put_back_for_one_that_leaves(leaves: fn(TaskRef, &Seated)) {
    let back = Arc::new(Mutex::new(Vec::new()));
    let mapping: Numbers = Map::new(Plain(|number| number));
    // SAFETY: models borrow nothing.
    let (mut entries, handle) = unsafe {
        Batch::create(
            mapping,
            (0..4).collect::<Vec<_>>(),
            BatchOptions::default(),
            2,
            1,
            true,
            None,
        )
    };
    let (one, two) = (entries.next().expect("two entries"), entries.next().expect("two entries"));
    // SAFETY: the entry keeps the block alive.
    let words = unsafe { Batch::<Numbers>::words(one.id()) };
    for word in words {
        word.store(0, Ordering::Relaxed);
    }
    // SAFETY: as above.
    let seat = unsafe { Batch::<Numbers>::of(one.id()) }.seats.take(2);
    assert_eq!((seat, words.len()), (Some(0), 2), "worker 0 has joined");
    let late = Seated(Arc::clone(&back));
    let other = spawn(move || {
        leaves(two, &late);
        // What the scheduler does: an entry that is put back reaches a worker.
        loop {
            let entry = late.0.lock().expect("no panic").pop();
            let Some(entry) = entry else { return };
            entry.run(&late);
        }
    });
    let view = Seated(Arc::clone(&back));
    // SAFETY: the entry keeps the block alive.
    let is_back = unsafe { Batch::<Numbers>::hand_back(one.id(), Some(0), 1..4, &view) };
    assert!(is_back, "the range is its own and empty");
    other.join().expect("the other worker returns");
    // An entry may have come after the other worker had looked: another worker takes it.
    let entries = std::mem::take(&mut *back.lock().expect("no panic"));
    entries.into_iter().for_each(|entry| entry.run(&Seated(Arc::clone(&back))));
    // SAFETY: as above.
    let left = unsafe { Batch::<Numbers>::of(one.id()) }.pending.load(Ordering::Relaxed);
    assert_eq!(left, 1, "I41: chunks that were put back wait for a runner that is in a long item");
    // The long item ends.
    // SAFETY: as above.
    let done = unsafe { Batch::<Numbers>::map(one.id(), &(0..1), Some(0), &view, None) };
    // SAFETY: as above.
    let batch = unsafe { Batch::<Numbers>::of(one.id()) };
    assert_eq!(batch.pending.fetch_sub(done as usize, Ordering::AcqRel), 1);
    // SAFETY: the entry's right, and these were the last chunks.
    unsafe { Batch::<Numbers>::conclude(one.id(), &view) };
    one.run(&view);
    assert_eq!(
        handle.take_done().unwrap_or_else(|_| panic!("DONE")).expect("no item fails"),
        [0, 1, 2, 3]
    );
}

#[test]
fn i41_chunks_that_are_put_back_are_taken() {
    check("I41 put chunks back ‖ leave", Bound::None, Futex::Block, |_| {
        put_back_for_one_that_leaves(|entry, view| entry.run(view));
    });
}

#[test]
fn i41_control_a_runner_leaves_without_a_second_look() {
    control(
        "I41 control: a runner leaves without a second look",
        Bound::None,
        Futex::Block,
        |_| {
            put_back_for_one_that_leaves(|entry, _| {
                // SAFETY: the entry keeps the block alive.
                let batch = unsafe { Batch::<Numbers>::of(entry.id()) };
                // SAFETY: as above.
                if ranges::are_empty(unsafe { Batch::<Numbers>::words(entry.id()) }) {
                    batch.signal.fetch_add(1, Ordering::Relaxed);
                    // SAFETY: the entry is spent here.
                    unsafe { Batch::<Numbers>::spend(entry.id(), crate::block::Owner::Queue) };
                } else {
                    entry.run(&Running);
                }
            });
        },
    );
}

/// Worker 0 has begun one of four chunks, puts the others back and gives way, beside a cancel. The
/// entry that it leaves in the queue is not run: a sweep takes it, if it is stale.
#[test]
fn i41_chunks_that_are_put_back_beside_a_cancel_are_dropped() {
    check("I41 put chunks back, give way ‖ cancel", Bound::None, Futex::Block, |_| {
        let mapping: Numbers = Map::new(Plain(|number| number));
        let options = BatchOptions::default();
        let input: Vec<_> = (0..4).collect();
        // SAFETY: models borrow nothing.
        let (mut entries, handle) =
            unsafe { Batch::create(mapping, input, options, 1, 1, true, None) };
        let one = entries.next().expect("one entry");
        let id = one.id();
        // SAFETY: the entry keeps the block alive.
        let batch = unsafe { Batch::<Numbers>::of(id) };
        // SAFETY: as above.
        let words = unsafe { Batch::<Numbers>::words(id) };
        words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        // The entry has left its queue, and the runner has claimed the batch.
        assert_eq!(batch.entries.taken(), crate::block::Taken::Live);
        let _ = batch.header.state().claim();
        let canceller = spawn(move || {
            handle.resolve(Reason::Cancelled);
            drop(handle);
        });
        let view = Seated(Arc::default());
        // SAFETY: the entry's right.
        assert!(unsafe { Batch::<Numbers>::hand_back(id, Some(0), 1..4, &view) });
        let stops = batch.signal.load(Ordering::Relaxed) & STOP_ITEMS != 0;
        let queued = if !stops && one.count() { Ok(one) } else { Err(one) };
        canceller.join().expect("the canceller returns");
        let left = match queued {
            // The runner goes on, or turns its entry away: it drops what it sees.
            Err(one) => {
                one.turn_away(Reason::Cancelled);
                None
            }
            Ok(one) => match one.retire() {
                Ok(stale) => Some(stale),
                Err(_) => panic!("I41: the cancelled batch has an entry that is alive"),
            },
        };
        if left.is_some() {
            let pending = batch.pending.load(Ordering::Relaxed);
            assert_eq!(pending, 1, "I41: chunks that were put back are lost with a stale entry");
            // The item that the runner is in ends.
            // SAFETY: the stale entry's right; the chunk is the runner's.
            let done = unsafe { Batch::<Numbers>::map(id, &(0..1), Some(0), &view, None) };
            assert_eq!(batch.pending.fetch_sub(done as usize, Ordering::AcqRel), 1);
            // SAFETY: as above, and these were the last chunks.
            unsafe { Batch::<Numbers>::conclude(id, &view) };
        }
        drop(left);
    });
}
