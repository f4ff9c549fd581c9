//! Who does which part of a batch: a range of chunks per runner, claimed from below by its owner and stolen from above by
//! those who have none left.
//!
//! A range is one word, so taking from it is one compare-exchange, on a line of the owner's own as long as nobody steals.
//! A compare-exchange that succeeds has seen the present: whatever value a range has, the chunks in it are untaken.

use std::ops::Range;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, Ordering};

/// A range of chunks: the first in the low half, the end in the high half.
pub(super) type RangeWord = CachePadded<AtomicU64>;

/// All orderings here are Relaxed: the words say who may take which chunk and carry nothing else. What the chunks consist of
/// was published with the block, and what came of them is published when they are accounted for.
const ORDER: Ordering = Ordering::Relaxed;

fn pack(range: &Range<u32>) -> u64 {
    u64::from(range.start) | u64::from(range.end) << 32
}

fn unpack(word: u64) -> Range<u32> {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the word")]
    let range = word as u32..(word >> 32) as u32;
    range
}

/// The `index`-th of `parts` equal parts of `chunks`.
pub(super) fn part(chunks: u32, parts: u32, index: u32) -> RangeWord {
    let bound = |index: u32| {
        let bound = u64::from(chunks) * u64::from(index) / u64::from(parts);
        u32::try_from(bound).expect("a part of a u32")
    };
    CachePadded::new(AtomicU64::new(pack(&(bound(index)..bound(index + 1)))))
}

/// Takes up to `want` chunks for the runner with this seat, or with none; nothing if none is left, but for what another
/// runner is just moving to its own range.
pub(super) fn take(words: &[RangeWord], seat: Option<usize>, want: u32) -> Option<Range<u32>> {
    loop {
        if let Some(seat) = seat {
            if let Some(claim) = claim_lowest(&words[seat], want) {
                return Some(claim);
            }
        }
        let victim = largest(words)?;
        match seat {
            None => {
                if let Some(claim) = claim_lowest(&words[victim], want) {
                    return Some(claim);
                }
            }
            Some(seat) => {
                if let Some(stolen) = steal_half(&words[victim]) {
                    // The own range is empty, so nobody else changes it.
                    words[seat].store(pack(&stolen), ORDER);
                }
            }
        }
    }
}

/// Takes the lowest chunks: `want`, but not more than half of what is left, so that there is something to steal.
fn claim_lowest(word: &RangeWord, want: u32) -> Option<Range<u32>> {
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            return None;
        }
        let left = range.end - range.start;
        let end = range.start + want.clamp(1, left.div_ceil(2));
        match word.compare_exchange_weak(seen, pack(&(end..range.end)), ORDER, ORDER) {
            Ok(_) => return Some(range.start..end),
            Err(now) => seen = now,
        }
    }
}

/// Puts the last chunks of the own range's last claim back, unless the range's lower end has been moved since. False then, and
/// where there is no own range.
///
/// Only the owner of a range moves its lower end, but for runners without a range of their own. A range may so come back to a value
/// that it had before; but then the chunks in it are the same, and untaken.
pub(super) fn give_back(words: &[RangeWord], seat: Option<usize>, chunks: Range<u32>) -> bool {
    let Some(word) = seat.map(|seat| &words[seat]) else { return false };
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            // An empty range is changed by its owner alone.
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

/// Whether no range holds a chunk.
pub(super) fn are_empty(words: &[RangeWord]) -> bool {
    words.iter().all(|word| unpack(word.load(ORDER)).is_empty())
}

/// Takes the upper half, or all of a single chunk.
fn steal_half(word: &RangeWord) -> Option<Range<u32>> {
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            return None;
        }
        let middle = range.start + (range.end - range.start) / 2;
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

    fn words(chunks: u32, parts: u32) -> Vec<RangeWord> {
        (0..parts).map(|index| part(chunks, parts, index)).collect()
    }

    #[test]
    fn i21_every_chunk_is_taken_once_whoever_takes() {
        for (chunks, parts) in [(1, 1), (7, 3), (64, 2), (1000, 16), (3, 3)] {
            for want in [1, 2, 5, u32::MAX] {
                let words = words(chunks, parts);
                let mut seen = vec![0; chunks as usize];
                let mut takers: Vec<_> = (0..parts as usize).map(Some).chain([None]).collect();
                while !takers.is_empty() {
                    takers.retain(|seat| match take(&words, *seat, want) {
                        Some(claim) => {
                            claim.for_each(|chunk| seen[chunk as usize] += 1);
                            true
                        }
                        None => false,
                    });
                }
                assert!(
                    seen.iter().all(|times| *times == 1),
                    "{chunks} chunks, {parts} parts, claims of {want}"
                );
            }
        }
    }

    #[test]
    fn f47_the_parts_of_the_largest_batch_fit() {
        let words = words(u32::MAX, 1024);
        assert_eq!(unpack(words[0].load(ORDER)).start, 0);
        assert_eq!(unpack(words[1023].load(ORDER)).end, u32::MAX);
    }

    #[test]
    fn what_is_given_back_is_there_for_all() {
        let words = words(100, 1);
        assert_eq!(take(&words, Some(0), 40), Some(0..40));
        assert!(!give_back(&words, None, 10..40));
        assert!(give_back(&words, Some(0), 10..40));
        assert_eq!(take(&words, None, 5), Some(10..15));
        assert!(!give_back(&words, Some(0), 5..10), "somebody has claimed from it since");
    }

    #[test]
    fn a_claim_leaves_half_for_thieves() {
        let words = words(100, 1);
        assert_eq!(take(&words, Some(0), u32::MAX), Some(0..50));
        assert_eq!(take(&words, Some(0), 10), Some(50..60));
    }
}
