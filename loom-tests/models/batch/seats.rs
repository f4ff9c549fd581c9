//! The seats of a batch, I21: a seat goes from one runner to another, and no chunk is lost or taken
//! twice.

use super::*;
use crate::batch::block::ranges::{self, RangeWord, Taker};
use crate::batch::block::seats::Seats;
use std::sync::Mutex;

fn range(of: std::ops::Range<u64>) -> u64 {
    of.start | of.end << 32
}

/// Takes a chunk at a time until there is none.
fn take_all(words: &[RangeWord], seats: &Seats, seat: Option<usize>, taken: &Mutex<Vec<u32>>) {
    let mut taker = Taker::new(seats, seat);
    while let Some(chunks) = taker.take(words, 1) {
        taken.lock().expect("no panic").extend(chunks);
    }
}

/// One runner has the first seat and an empty range. It puts chunks back and goes, as `goes` says.
/// Another runner joins meanwhile. It takes all chunks, and steals into its own range. A third
/// takes what is left.
fn a_seat_changes_hands(goes: fn(&[RangeWord], &Seats)) {
    let words: Arc<[RangeWord; 2]> = Arc::new([0, 1].map(|seat| ranges::new(0, seat)));
    let (seats, taken) = (Arc::new(Seats::new()), Arc::new(Mutex::new(Vec::new())));
    assert_eq!(seats.take(1), Some(0), "no runner has joined before");
    words[1].store(range(4..6), Ordering::Relaxed);
    let joins = {
        let (words, seats, taken) = (Arc::clone(&words), Arc::clone(&seats), Arc::clone(&taken));
        spawn(move || {
            let seat = seats.take(1);
            take_all(&*words, &seats, seat, &taken);
            seats.leave(seat);
        })
    };
    goes(&*words, &seats);
    joins.join().expect("the runner returns");
    take_all(&*words, &seats, None, &taken);
    let mut taken = std::mem::take(&mut *taken.lock().expect("no panic"));
    taken.sort_unstable();
    assert_eq!(taken, [1, 2, 4, 5], "I21: each chunk is taken once");
}

#[test]
fn i21_a_seat_changes_hands() {
    check("I21 put chunks back, go ‖ join", Bound::None, Futex::Block, |_| {
        a_seat_changes_hands(|words, seats| {
            assert!(ranges::give_back(words, Some(0), 1..3), "the range is its own and empty");
            seats.leave(Some(0));
        });
    });
}

#[test]
fn i21_control_a_runner_leaves_its_seat_too_early() {
    let name = "I21 control: a runner leaves its seat, and puts chunks back then";
    control(name, Bound::None, Futex::Block, |_| {
        a_seat_changes_hands(|words, seats| {
            seats.leave(Some(0));
            ranges::give_back(words, Some(0), 1..3);
        });
    });
}
