//! Says which runner does which part of a batch. Each runner has a range of chunks. The owner
//! of a range claims chunks at its lower end. Runners that have no chunk left steal at its
//! upper end.
//!
//! A range is one word, so a runner takes chunks from it with one compare-exchange. As long as
//! no runner steals, the word lies in a cache line that only its owner uses. A
//! compare-exchange that succeeds has seen the present value. So whatever value a range has,
//! no runner has taken the chunks in it.

use std::ops::Range;

use crossbeam_utils::CachePadded;

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

/// Makes the `index`-th of `parts` equal parts of `chunks`.
pub(super) fn part(chunks: u32, parts: u32, index: u32) -> RangeWord {
    let bound = |index: u32| {
        let bound = u64::from(chunks) * u64::from(index) / u64::from(parts);
        u32::try_from(bound).expect("a part of a u32")
    };
    CachePadded::new(AtomicU64::new(pack(&(bound(index)..bound(index + 1)))))
}

/// Takes up to `want` chunks for the runner with this seat, or for one without a seat. Returns
/// None if no range holds a chunk. It may miss chunks that another runner is just moving to
/// its own range.
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
                if let Some(stolen) = steal(&words[victim], want) {
                    // This runner's own range is empty, so no other runner changes it.
                    words[seat].store(pack(&stolen), ORDER);
                }
            }
        }
    }
}

/// Takes the lowest chunks of a range: `want`, but at most half of the range, so that there is
/// something left to steal. It takes the whole range if the caller wants that many.
fn claim_lowest(word: &RangeWord, want: u32) -> Option<Range<u32>> {
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            return None;
        }
        let left = range.end - range.start;
        let most = if want < left { left.div_ceil(2) } else { left };
        let end = range.start + want.clamp(1, most);
        match word.compare_exchange_weak(seen, pack(&(end..range.end)), ORDER, ORDER) {
            Ok(_) => return Some(range.start..end),
            Err(now) => seen = now,
        }
    }
}

/// Puts the last chunks of the caller's last claim back into the caller's own range. Returns
/// false if the range's lower end has moved since, or if the caller has no range. Then nothing
/// has changed.
///
/// Two kinds of runner move the lower end of a range: its owner, and a runner that has no
/// range of its own. A range may come back to a value that it had before. Then it holds the
/// chunks that it held before, and no runner has taken them.
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

/// Takes the upper half of a range, or all of it if the caller would claim that many at once.
fn steal(word: &RangeWord, want: u32) -> Option<Range<u32>> {
    let mut seen = word.load(ORDER);
    loop {
        let range = unpack(seen);
        if range.is_empty() {
            return None;
        }
        let left = range.end - range.start;
        let middle = if want < left { range.start + left / 2 } else { range.start };
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
    fn every_chunk_is_taken_once() {
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

    // covers F-47
    #[test]
    fn the_parts_of_the_largest_batch_fit() {
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
        assert_eq!(take(&words, Some(0), 99), Some(0..50));
        assert_eq!(take(&words, Some(0), 10), Some(50..60));
    }

    // A batch of tiny items is over in a few claims, by the owner of a range and by a thief.
    #[test]
    fn a_range_that_fits_into_one_claim_is_claimed_at_once() {
        let words = words(100, 2);
        assert_eq!(take(&words, Some(0), 50), Some(0..50));
        assert_eq!(take(&words, Some(0), 49), Some(75..100), "half is stolen, and claimed whole");
        assert_eq!(take(&words, Some(0), 25), Some(50..75), "all is stolen, and claimed whole");
        assert!(are_empty(&words));
    }
}
