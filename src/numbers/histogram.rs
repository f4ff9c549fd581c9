//! Durations in buckets of fixed number.

use std::fmt;
use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};

/// Each power of two is cut into 2^5 buckets.
const BITS: u32 = 5;
const PER_OCTAVE: u64 = 1 << BITS;
/// The buckets of all numbers of 64 bits.
const BUCKETS: usize = ((64 - BITS as usize) + 1) << BITS;

/// The bucket of a number of nanoseconds.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "there are 1,920 buckets")]
fn bucket_of(value: u64) -> usize {
    if value < PER_OCTAVE {
        return value as usize;
    }
    let octave = 63 - BITS - value.leading_zeros();
    (((octave + 1) << BITS) + ((value >> octave) - PER_OCTAVE) as u32) as usize
}

/// The largest number of nanoseconds in a bucket.
fn highest_in(bucket: usize) -> u64 {
    let (octave, within) = (bucket >> BITS, (bucket as u64) % PER_OCTAVE);
    if octave == 0 {
        return within;
    }
    let lowest = (PER_OCTAVE + within) << (octave - 1);
    lowest + ((1 << (octave - 1)) - 1)
}

/// Counts durations, and tells how they are spread.
///
/// It needs 15 KiB, however many durations it counts. It keeps a duration to within 3.2 %: a
/// quantile is never too low, and at most so much too high. It counts from a nanosecond to 584
/// years.
///
/// Histograms of several pools, or of several intervals, can be [merged](Self::merge).
///
/// ```
/// use millpond::Histogram;
/// use std::time::Duration;
/// let mut histogram = Histogram::new();
/// for milliseconds in 1..=100 {
///     histogram.record(Duration::from_millis(milliseconds));
/// }
/// let p90 = histogram.quantile(0.9).unwrap();
/// assert!(Duration::from_millis(90) <= p90 && p90 < Duration::from_millis(93));
/// assert_eq!(histogram.max(), Some(Duration::from_millis(100)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64]>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Histogram {
    /// Makes a histogram that has counted nothing.
    ///
    /// # Cost
    ///
    /// The call allocates once. It does not block, run your code or wake a thread.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), count: 0, sum: 0, max: 0 }
    }

    /// Counts a duration.
    ///
    /// # Cost
    ///
    /// The call does not block, allocate, run your code or wake a thread.
    pub fn record(&mut self, duration: Duration) {
        let value = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(value)] += 1;
        self.count += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    /// Adds all that the other histogram has counted.
    ///
    /// # Cost
    ///
    /// The call adds 1,920 numbers. It does not block, allocate, run your code or wake a thread.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// Returns how many durations were counted.
    ///
    /// # Cost
    ///
    /// The call reads one number. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum of all durations, exactly.
    ///
    /// # Cost
    ///
    /// The call reads one number. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    pub fn sum(&self) -> Duration {
        let second = 1_000_000_000;
        let seconds = u64::try_from(self.sum / second).unwrap_or(u64::MAX);
        Duration::new(seconds, u32::try_from(self.sum % second).unwrap_or(0))
    }

    /// Returns the mean of all durations. None if there is none.
    ///
    /// # Cost
    ///
    /// The call divides two numbers. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(self.count.into())?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    /// Returns the longest duration, exactly. None if there is none.
    ///
    /// # Cost
    ///
    /// The call reads one number. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.max))
    }

    /// Returns the duration that this part of all durations does not exceed: half of them for 0.5.
    ///
    /// A part below 0 counts as 0, and one above 1 as 1. None if no duration was counted, or if the
    /// part is not a number.
    ///
    /// # Cost
    ///
    /// The call adds up to 1,920 numbers. It does not block, allocate, run your code or wake a
    /// thread.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        if self.count == 0 || part.is_nan() {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the rank of one in 2^53 durations need not be exact"
        )]
        let rank = ((part.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        let highest = bucket.map_or(self.max, |bucket| highest_in(bucket).min(self.max));
        Some(Duration::from_nanos(highest))
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

/// A histogram that one thread writes and any thread reads.
///
/// All accesses are Relaxed: a reader may see a duration in the buckets and not yet in the sum.
#[derive(Debug)]
pub(super) struct Recorder {
    // count buckets: the durations that a worker has measured. Each has 64 bits.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
    max: AtomicU64,
}

impl Recorder {
    pub(super) fn new() -> Self {
        let counts = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self { counts, sum: AtomicU64::new(0), max: AtomicU64::new(0) }
    }

    /// Counts a duration. Only one thread may call this.
    #[inline]
    pub(super) fn record(&self, nanoseconds: u64) {
        let add = |to: &AtomicU64, more: u64| {
            to.store(to.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        };
        add(&self.counts[bucket_of(nanoseconds)], 1);
        add(&self.sum, nanoseconds);
        if nanoseconds > self.max.load(Ordering::Relaxed) {
            self.max.store(nanoseconds, Ordering::Relaxed);
        }
    }

    /// Adds what was counted so far to a histogram.
    pub(super) fn add_to(&self, histogram: &mut Histogram) {
        for (sum, count) in histogram.counts.iter_mut().zip(&self.counts) {
            let count = count.load(Ordering::Relaxed);
            *sum += count;
            histogram.count += count;
        }
        histogram.sum += u128::from(self.sum.load(Ordering::Relaxed));
        histogram.max = histogram.max.max(self.max.load(Ordering::Relaxed));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_number_lies_in_the_bucket_whose_bounds_hold_it() {
        let edges = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1, power + power / 2, power | power >> 5]
        });
        for value in edges.chain(0..5_000).chain([u64::MAX]) {
            let bucket = bucket_of(value);
            assert!(bucket < BUCKETS, "{value}");
            assert!(value <= highest_in(bucket), "{value}");
            assert!(bucket == 0 || value > highest_in(bucket - 1), "{value}");
            let too_high = highest_in(bucket) - value;
            assert!(u128::from(too_high) * 32 <= u128::from(value), "{value} {too_high}");
        }
        assert_eq!(highest_in(BUCKETS - 1), u64::MAX);
    }

    #[test]
    fn a_recorder_counts_what_a_histogram_counts() {
        let (mut one, mut other, recorder) = (Histogram::new(), Histogram::new(), Recorder::new());
        for value in [0, 1, 31, 32, 33, 1_000, 123_456_789] {
            one.record(Duration::from_nanos(value));
            recorder.record(value);
        }
        recorder.add_to(&mut other);
        assert_eq!(one, other);
    }
}
