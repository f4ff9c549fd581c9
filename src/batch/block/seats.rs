//! Says which runner has which range of a batch. A runner takes a **seat** when it joins, and
//! leaves it when it goes. The range with the seat's number is the runner's meanwhile.
//!
//! The seats are numbered by the order in which runners come, and not by the worker. So a batch
//! that two runners finish uses two ranges, however many workers the pool has.

use crate::sync::{AtomicU64, Ordering};

/// One bit for each range. The bit is up while a runner has that seat.
pub(super) struct Seats(AtomicU64);

impl Seats {
    /// A batch has at most so many seats.
    const MOST: u32 = u64::BITS;
    /// A batch has one seat for so many chunks, but two if there are two runners and two chunks.
    /// More seats would mean more ranges to look through.
    const CHUNKS_PER_SEAT: u32 = 16;

    /// Says how many seats a batch of `chunks` chunks for at most `runners` runners has.
    pub(super) fn count(chunks: u32, runners: u32) -> u32 {
        let useful = (chunks / Self::CHUNKS_PER_SEAT).clamp(2, Self::MOST);
        chunks.min(runners).min(useful)
    }

    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes the lowest free seat out of `count`. Returns None if no seat is free.
    pub(super) fn take(&self, count: u32) -> Option<usize> {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let seat = seen.trailing_ones();
            if seat >= count {
                return None;
            }
            // edge RANGE acquire: the last value that the seat's last runner gave the range → this
            // runner. It must not take a range for empty that is not.
            match self.0.compare_exchange_weak(
                seen,
                seen | 1 << seat,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(seat as usize), // [SEAT-1]
                Err(now) => seen = now,
            }
        }
    }

    /// Says whether the caller, who has this seat, is the only runner, by a look that may be old.
    pub(super) fn is_alone(&self, seat: usize) -> bool {
        // Relaxed: it says how much to leave for others, and nothing depends on that.
        self.0.load(Ordering::Relaxed) == 1 << seat
    }

    /// Leaves a seat, for a runner that comes later. Chunks in the range stay there.
    pub(super) fn leave(&self, seat: Option<usize>) {
        if let Some(seat) = seat {
            // edge RANGE release: the last value that this runner gave its range → the runner that
            // takes the seat next.
            self.0.fetch_and(!(1 << seat), Ordering::Release); // [SEAT-3]
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_seats_follow_the_chunks_and_the_runners() {
        for (chunks, runners, seats) in [
            (0, 4, 0),
            (1, 4, 1),
            (2, 4, 2),
            (15, 4, 2),
            (64, 1, 1),
            (64, 16, 4),
            (64, 10_000, 4),
            (u32::MAX, 16, 16),
            (u32::MAX, u32::MAX, 64),
        ] {
            assert_eq!(Seats::count(chunks, runners), seats, "{chunks} chunks, {runners} runners");
        }
    }

    #[test]
    fn a_seat_is_one_runners_until_that_runner_leaves_it() {
        let seats = Seats::new();
        assert_eq!([(); 3].map(|()| seats.take(2)), [Some(0), Some(1), None]);
        assert!(!seats.is_alone(0));
        seats.leave(None);
        assert_eq!(seats.take(2), None);
        seats.leave(Some(0));
        assert!(seats.is_alone(1));
        assert_eq!([(); 2].map(|()| seats.take(2)), [Some(0), None]);
        let seats = Seats::new();
        assert!((0..64).all(|seat| seats.take(64) == Some(seat)));
        assert_eq!(seats.take(64), None);
    }
}
