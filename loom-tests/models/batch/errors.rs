//! A batch's error, I23 and I25: one error wins, and the batch drops each other error and value.

use super::*;
use crate::block::{Fallible, Tell};

#[test]
fn i23_i25_the_first_error_wins_and_the_others_are_dropped() {
    check("I23 I25 two failing items and a value", Bound::Pair, Futex::Block, |outcomes| {
        let [values, errors] = counters();
        let (made, failed) = (Arc::clone(&values), Arc::clone(&errors));
        let told = Arc::new(AtomicUsize::new(0));
        let tell = Arc::clone(&told);
        let each = Fallible(move |index: usize| {
            if index == 1 { Ok(Counted::new(&made)) } else { Err((index, Counted::new(&failed))) }
        });
        let map = Map {
            each,
            on_value: (),
            on_error: Tell(move |_: &TaskError<(usize, Counted)>| {
                tell.fetch_add(1, Std::Relaxed);
            }),
            types: std::marker::PhantomData,
        };
        // SAFETY: models borrow nothing.
        let (entries, handle) =
            unsafe { Batch::create(map, vec![0, 1, 2], BatchOptions::default(), 2, 1, true, None) };
        let threads = run_all(entries);
        assert!(handle.wait(None));
        let error =
            handle.take_done().unwrap_or_else(|_| panic!("DONE")).err().expect("two items fail");
        outcomes.insert(error.item());
        drop(error);
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
        assert_eq!(count(&told), 1, "I23: one error, and one call for it");
        assert_eq!(
            (count(&values), count(&errors)),
            (1, 2),
            "I25: each value and each error is dropped once"
        );
    });
}

#[test]
fn i23_control_the_error_slot_is_taken_in_two_steps() {
    control("I23 control: the error word in two steps", Bound::None, Futex::Block, |_| {
        let failed = Arc::new(AtomicU32::new(0));
        let word = Arc::new(Watched::new());
        let fail = |failed: &AtomicU32, word: &Watched| {
            if failed.load(Ordering::Relaxed) == 0 {
                failed.store(1, Ordering::Relaxed);
                word.write();
            }
        };
        let (theirs, their_slot) = (Arc::clone(&failed), Arc::clone(&word));
        let other = spawn(move || fail(&theirs, &their_slot));
        fail(&failed, &word);
        other.join().expect("the other returns");
    });
}

#[test]
fn i25_control_the_loser_keeps_its_error() {
    control(
        "I25 control: an error that comes second is not dropped",
        Bound::None,
        Futex::Block,
        |_| {
            let [errors] = counters();
            let failed = Arc::new(AtomicU32::new(0));
            let fail = |failed: &AtomicU32, error: Counted| {
                if failed.swap(1, Ordering::AcqRel) == 0 {
                    drop(error);
                } else {
                    std::mem::forget(error);
                }
            };
            let (theirs, other) = (Arc::clone(&failed), Counted::new(&errors));
            let other = spawn(move || fail(&theirs, other));
            fail(&failed, Counted::new(&errors));
            other.join().expect("the other returns");
            assert_eq!(count(&errors), 2, "I25: each value and each error is dropped once");
        },
    );
}
