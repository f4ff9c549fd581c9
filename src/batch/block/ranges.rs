//! Says which runner does which part of a batch. A runner with a seat has a range of chunks.
//! The owner of a range claims chunks at its lower end. All others take them at its upper end.
//! The first range holds all chunks at first, and the others come to theirs by stealing.
//!
//! A range is one word, so a runner takes chunks from it with one compare-exchange. As long as
//! no runner steals, the word lies in a cache line that only its owner uses. A
//! compare-exchange that succeeds has seen the present value. So whatever value a range has,
//! no runner has taken the chunks in it.

use std::ops::Range;

use crossbeam_utils::CachePadded;

use super::seats::Seats;
use crate::sync::{AtomicU64, Ordering};

/// A range of chunks: its first chunk in the low half of the word, its end in the high half.
pub(super) type RangeWord = CachePadded<AtomicU64>;

/// All orderings here are Relaxed. The words say which runner may take which chunk, and carry
/// nothing else. The submitter has published the contents of the chunks with the block. A
/// runner publishes what came of its chunks when it accounts for them.
const ORDER: Ordering = Ordering::Relaxed;

fn pack(range: &Range<u32>) -> u64 {
    u64::from(range.start) | u64::from(range.end) << 32
}

fn unpack(word: u64) -> Range<u32> {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the word")]
    let range = word as u32..(word >> 32) as u32;
    range
}

/// Makes the range with this seat's number for a batch of so many chunks.
pub(super) fn new(chunks: u32, seat: u32) -> RangeWord {
    let all = if seat == 0 { 0..chunks } else { 0..0 };
    CachePadded::new(AtomicU64::new(pack(&all)))
}

/// Where a runner takes its chunks.
pub(super) struct Taker<'a> {
    seats: &'a Seats,
    seat: Option<usize>,
    /// The range from which a runner without a seat took last.
    victim: usize,
}

impl<'a> Taker<'a> {
    pub(super) fn new(seats: &'a Seats, seat: Option<usize>) -> Self {
        Self { seats, seat, victim: 0 }
    }

    /// Takes up to `want` chunks. Returns None if no range holds a chunk. It may miss chunks that
    /// another runner is just moving to its own range.
    pub(super) fn take(&mut self, words: &[RangeWord], want: u32) -> Option<Range<u32>> {
        if let Some(seat) = self.seat {
            return take_as_owner(words, seat, want, || self.seats.is_alone(seat));
        }
        loop {
            let claim = words.get(self.victim).and_then(|word| claim_highest(word, want));
            if claim.is_some() {
                return claim;
            }
            self.victim = largest(words)?;
        }
    }
}

fn take_as_owner(
    words: &[RangeWord],
    seat: usize,
    want: u32,
    alone: impl Fn() -> bool + Copy,
) -> Option<Range<u32>> {
    loop {
        if let Some(claim) = claim_lowest(&words[seat], want, alone) {
            return Some(claim);
        }
        if let Some(stolen) = steal(&words[largest(words)?], want, alone) {
            // This runner's own range is empty, so no other runner changes it.
            words[seat].store(pack(&stolen), ORDER); // [SEAT-2]
        }
    }
}

/// Takes the lowest chunks of the caller's own range: `want`, but at most half of the range, so
/// that there is something left to steal. A caller that is alone takes all that it wants.
fn claim_lowest(word: &RangeWord, want: u32, alone: impl Fn() -> bool) -> Option<Range<u32>> {
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            return None;
        }
        let left = range.end - range.start;
        let whole = left > 1 && want >= left && alone();
        let end = range.start + if whole { left } else { want.clamp(1, left.div_ceil(2)) };
        match word.compare_exchange_weak(seen, pack(&(end..range.end)), ORDER, ORDER) {
            Ok(_) => return Some(range.start..end),
            Err(now) => seen = now,
        }
    }
}

/// Puts the last chunks of the caller's last claim back into the caller's own range. Returns
/// false if the caller has no range, or if the range does not begin behind those chunks. Then
/// nothing has changed.
///
/// Only its owner moves the lower end of a range. A range may come back to a value that it had
/// before. Then it holds the chunks that it held before, and no runner has taken them.
pub(super) fn give_back(words: &[RangeWord], seat: Option<usize>, chunks: Range<u32>) -> bool {
    let Some(word) = seat.map(|seat| &words[seat]) else { return false };
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            // Only its owner changes an empty range.
            word.store(pack(&chunks), ORDER);
            return true;
        }
        if range.start != chunks.end {
            return false;
        }
        match word.compare_exchange_weak(seen, pack(&(chunks.start..range.end)), ORDER, ORDER) {
            Ok(_) => return true,
            Err(now) => seen = now,
        }
    }
}

/// Says whether no range holds a chunk.
pub(super) fn are_empty(words: &[RangeWord]) -> bool {
    words.iter().all(|word| unpack(word.load(ORDER)).is_empty())
}

/// Takes the highest chunks of another runner's range: `want`, or as many as there are.
fn claim_highest(word: &RangeWord, want: u32) -> Option<Range<u32>> {
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            return None;
        }
        let start = range.end - want.clamp(1, range.end - range.start);
        match word.compare_exchange_weak(seen, pack(&(range.start..start)), ORDER, ORDER) {
            Ok(_) => return Some(start..range.end),
            Err(now) => seen = now,
        }
    }
}

/// Takes the upper half of a range, or all of it if it holds a single chunk, or if a caller that is
/// alone would claim that many at once.
fn steal(word: &RangeWord, want: u32, alone: impl Fn() -> bool) -> Option<Range<u32>> {
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            return None;
        }
        let left = range.end - range.start;
        let whole = left > 1 && want >= left && alone();
        let middle = if whole { range.start } else { range.start + left / 2 };
        match word.compare_exchange_weak(seen, pack(&(range.start..middle)), ORDER, ORDER) {
            Ok(_) => return Some(middle..range.end),
            Err(now) => seen = now,
        }
    }
}

fn largest(words: &[RangeWord]) -> Option<usize> {
    let size = |word: &RangeWord| {
        let range = unpack(word.load(ORDER));
        range.end.saturating_sub(range.start)
    };
    let (index, size) = words.iter().map(size).enumerate().max_by_key(|(_, size)| *size)?;
    (size > 0).then_some(index)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn words(chunks: u32, seats: u32) -> Vec<RangeWord> {
        (0..seats).map(|seat| new(chunks, seat)).collect()
    }

    fn take(words: &[RangeWord], seat: Option<usize>, want: u32) -> Option<Range<u32>> {
        Taker::new(&Seats::new(), seat).take(words, want)
    }

    #[test]
    fn every_chunk_is_taken_once() {
        for (chunks, seats) in [(1, 1), (7, 3), (64, 2), (1000, 16), (3, 3)] {
            for want in [1, 2, 5, u32::MAX] {
                let (words, shared) = (words(chunks, seats), Seats::new());
                let mut seen = vec![0; chunks as usize];
                let mut takers: Vec<_> = (0..seats as usize)
                    .map(Some)
                    .chain([None, None])
                    .map(|seat| Taker::new(&shared, seat))
                    .collect();
                while !takers.is_empty() {
                    takers.retain_mut(|taker| match taker.take(&words, want) {
                        Some(claim) => {
                            claim.for_each(|chunk| seen[chunk as usize] += 1);
                            true
                        }
                        None => false,
                    });
                }
                assert!(
                    seen.iter().all(|times| *times == 1),
                    "{chunks} chunks, {seats} seats, claims of {want}"
                );
            }
        }
    }

    // covers F-47
    #[test]
    fn the_largest_batch_fits() {
        let words = words(u32::MAX, 64);
        assert_eq!(take(&words, Some(63), 1), Some(u32::MAX / 2..u32::MAX / 2 + 1));
        assert_eq!(take(&words, None, 1), Some(u32::MAX / 2 - 1..u32::MAX / 2));
        assert_eq!(take(&words, Some(0), u32::MAX), Some(0..u32::MAX / 4));
        assert_eq!(take(&words, None, 1), Some(u32::MAX / 2 - 2..u32::MAX / 2 - 1));
    }

    #[test]
    fn what_is_given_back_is_there_for_all() {
        let words = words(100, 1);
        assert_eq!(take(&words, Some(0), 40), Some(0..40));
        assert!(!give_back(&words, None, 10..40));
        assert!(give_back(&words, Some(0), 10..40));
        assert_eq!(take(&words, None, 5), Some(95..100));
        assert!(!give_back(&words, Some(0), 5..9), "the range begins elsewhere");
        assert!(give_back(&words, Some(0), 5..10), "what others took lay at the other end");
    }

    #[test]
    fn a_claim_leaves_half_for_thieves() {
        let words = words(100, 1);
        assert_eq!(take(&words, Some(0), u32::MAX), Some(0..50));
        assert_eq!(take(&words, Some(0), 10), Some(50..60));
    }

    // A batch of tiny items that one runner does is over in a few claims.
    #[test]
    fn a_runner_that_is_alone_claims_a_range_that_fits_at_once() {
        let words = words(100, 2);
        let take = |seat, want| {
            let seats = Seats::new();
            // As if the runners of the lower seats had gone.
            (0..=seat).for_each(|seat| assert_eq!(seats.take(2), Some(seat)));
            (0..seat).for_each(|seat| seats.leave(Some(seat)));
            Taker::new(&seats, Some(seat)).take(&words, want)
        };
        assert_eq!(take(1, 50), Some(50..100), "half is stolen, and claimed whole");
        assert_eq!(take(0, 49), Some(0..25));
        assert_eq!(take(1, 25), Some(25..50), "all is stolen, and claimed whole");
        assert!(are_empty(&words));
    }
}
