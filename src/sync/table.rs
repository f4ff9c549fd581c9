//! Timed waits for systems whose wait on an address has no time limit, or none that the pool
//! can use.
//!
//! One source serves the real primitives and the model's, as `lock.rs` does. The room's README
//! tells the steps.

use super::clock::Deadline;
use super::parker::{self, Parker};
use super::{AtomicPtr, AtomicU32, Lock, Ordering, fence};
use std::sync::Arc;

/// 256 buckets; one in a model, so that all words share it.
const BITS: u32 =
    if cfg!(all(any(loom, millpond_loom), feature = "loom-internals")) { 0 } else { 8 };

/// Where a process keeps its table of timed waiters. It is empty until the first timed wait.
pub(crate) struct Place(AtomicPtr<Table>);

struct Table([Bucket; 1 << BITS]);

/// The timed waiters on those words whose addresses have one hash.
#[repr(align(64))]
struct Bucket {
    // count waiting: a bucket's timed waiters, and the threads that are about to enlist. No
    // system has 2^32 threads.
    waiting: AtomicU32,
    waiters: Lock<Waiters>,
}

/// The waiters of one bucket, in the order in which they came. One alone takes no memory, and
/// seldom are there more.
#[derive(Default)]
struct Waiters {
    /// The oldest of all, or none.
    first: Option<Waiter>,
    others: Vec<Waiter>,
}

struct Waiter {
    /// The word's address, which is compared and never followed: the word may be gone.
    word: usize,
    parker: Arc<Parker>,
}

impl Waiters {
    fn push(&mut self, waiter: Waiter) {
        if self.first.is_none() && self.others.is_empty() {
            self.first = Some(waiter);
        } else {
            self.others.push(waiter);
        }
    }

    /// Takes out the oldest waiter of those that `is_meant` says.
    fn remove(&mut self, is_meant: impl Fn(&Waiter) -> bool) -> Option<Waiter> {
        self.first.take_if(|first| is_meant(first)).or_else(|| {
            let at = self.others.iter().position(is_meant)?;
            Some(self.others.remove(at))
        })
    }

    fn retain(&mut self, stays: impl Fn(&Waiter) -> bool) {
        self.first.take_if(|first| !stays(first));
        self.others.retain(stays);
    }
}

impl Place {
    #[cfg(not(all(any(loom, millpond_loom), feature = "loom-internals")))]
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Blocks the caller while `word` holds `expected`, at most until `deadline`. The call may
    /// return at any time.
    pub(crate) fn wait_until(&self, word: &AtomicU32, expected: u32, deadline: &Deadline) {
        let table = self.table();
        // A table keeps its address, and no two tables of a process have the same.
        let parker = parker::take(std::ptr::from_ref(table).addr());
        if table.bucket(address(word)).wait_until(word, expected, deadline, &parker) {
            parker::put_back(parker);
        }
    }

    /// Wakes the timed waiter on `word` that enlisted first.
    pub(crate) fn wake_one(&self, word: &AtomicU32) {
        let Some(bucket) = self.look(word) else { return };
        if let Some(parker) = bucket.remove_first(address(word)) {
            parker.unpark();
        }
    }

    /// Wakes all timed waiters on `word`.
    pub(crate) fn wake_all(&self, word: &AtomicU32) {
        let Some(bucket) = self.look(word) else { return };
        bucket.wake_all(address(word));
    }

    /// Forgets the table of the parent. Only the child of a fork calls it, before it has a
    /// second thread.
    #[cfg(not(all(any(loom, millpond_loom), feature = "loom-internals")))]
    pub(crate) fn forget(&self) {
        // Relaxed: there is no other thread. The table stays in memory: some thread of the
        // parent may have held a lock of it, and in the child nothing ends that.
        self.0.store(std::ptr::null_mut(), Ordering::Relaxed);
    }

    /// Returns the bucket of `word` if a thread waits there or is about to.
    fn look(&self, word: &AtomicU32) -> Option<&Bucket> {
        // edge TABLE fence: the change of the word → a waiter's look at the word [TABLE-4].
        fence(Ordering::SeqCst);
        // edge PLACE acquire: an empty table → the threads that use it.
        let table = self.0.load(Ordering::Acquire);
        if table.is_null() {
            return None;
        }
        // SAFETY: the pointer must be valid for as long as this place. `table` made it from a
        // box, and no thread frees a table whose pointer it has stored.
        let table = unsafe { &*table };
        let bucket = table.bucket(address(word));
        bucket.is_awaited().then_some(bucket)
    }

    /// Returns the table, and makes it if this is the first timed wait.
    fn table(&self) -> &Table {
        // edge PLACE acquire: an empty table → the threads that use it.
        let mut table = self.0.load(Ordering::Acquire);
        if table.is_null() {
            let own = Box::into_raw(Box::new(Table::new()));
            let null = std::ptr::null_mut();
            // edge PLACE release, acquire: an empty table → the threads that use it.
            let stored = self.0.compare_exchange(null, own, Ordering::AcqRel, Ordering::Acquire);
            table = match stored {
                Ok(_) => own,
                Err(other) => {
                    // SAFETY: the pointer must come from a box that no thread uses. It is the
                    // box of this call, and no other thread has seen it.
                    drop(unsafe { Box::from_raw(own) });
                    other
                }
            };
        }
        // SAFETY: the pointer must be valid for as long as this place. It comes from a box, and
        // no thread frees a table whose pointer it has stored.
        unsafe { &*table }
    }
}

impl Table {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Bucket {
            waiting: AtomicU32::new(0),
            waiters: Lock::new(Waiters::default()),
        }))
    }

    /// Multiplies by 2^64 over the golden ratio and takes the highest bits, which depend on all
    /// bits of the address.
    fn bucket(&self, word: usize) -> &Bucket {
        let mixed = (word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Two shifts, because no number can be shifted by all of its bits.
        &self.0[(mixed >> 1 >> (u64::BITS - 1 - BITS)) as usize]
    }
}

impl Bucket {
    /// Says whether the caller may use the parker again: no thread unparks it any more.
    fn wait_until(
        &self,
        word: &AtomicU32,
        expected: u32,
        deadline: &Deadline,
        parker: &Arc<Parker>,
    ) -> bool {
        // [TABLE-1] Relaxed: the fence orders it.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // edge TABLE fence: the change of the word → a waiter's look at the word [TABLE-2].
        fence(Ordering::SeqCst);
        let is_enlisted = self.waiters.with(|waiters| {
            // Relaxed: the fences order it if the waking thread has passed this bucket by, and
            // the lock if that thread has searched the bucket.
            let must_wait = word.load(Ordering::Relaxed) == expected;
            if must_wait {
                waiters.push(Waiter { word: address(word), parker: Arc::clone(parker) });
            }
            must_wait
        });
        if !is_enlisted {
            self.leave();
            return true;
        }
        // [TABLE-3]
        if parker.park_until(deadline) {
            return true;
        }
        let is_removed = self
            .waiters
            .with(|waiters| waiters.remove(|waiter| Arc::ptr_eq(&waiter.parker, parker)).is_some());
        if is_removed {
            self.leave();
        }
        // If another thread has removed the waiter, that thread may yet unpark it.
        is_removed
    }

    /// Says whether a thread has announced itself.
    fn is_awaited(&self) -> bool {
        // [TABLE-5] Relaxed: the caller's fence orders it.
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn remove_first(&self, word: usize) -> Option<Arc<Parker>> {
        // [TABLE-6]
        let removed = self.waiters.with(|waiters| waiters.remove(|waiter| waiter.word == word))?;
        self.leave();
        Some(removed.parker)
    }

    fn wake_all(&self, word: usize) {
        // [TABLE-6] A woken thread does not take this lock, so it need not wait for it.
        self.waiters.with(|waiters| {
            waiters.retain(|waiter| {
                let is_other = waiter.word != word;
                if !is_other {
                    waiter.parker.unpark();
                    self.leave();
                }
                is_other
            });
        });
    }

    /// Takes back an announcement.
    fn leave(&self) {
        // Relaxed: it may only make a waking thread search in vain.
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn address(word: &AtomicU32) -> usize {
    std::ptr::from_ref(word).addr()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    fn hour() -> Deadline {
        Deadline::after(Duration::from_secs(3600)).expect("the clock reaches an hour")
    }

    #[test]
    fn a_wake_reaches_a_timed_waiter_and_a_changed_word_is_not_waited_for() {
        static PLACE: Place = Place::new();
        static WORD: AtomicU32 = AtomicU32::new(0);
        for round in 0..200 {
            let sleeper = std::thread::spawn(move || {
                while WORD.load(Ordering::Acquire) == round {
                    PLACE.wait_until(&WORD, round, &hour());
                }
            });
            WORD.store(round + 1, Ordering::Release);
            if round % 2 == 0 {
                PLACE.wake_one(&WORD)
            } else {
                PLACE.wake_all(&WORD)
            }
            sleeper.join().expect("the sleeper returns");
            PLACE.wait_until(&WORD, round, &hour());
        }
        assert!(PLACE.look(&WORD).is_none(), "every waiter has left");
    }

    #[test]
    fn a_waiter_alone_takes_no_memory_and_several_leave_in_their_order() {
        let mut waiters = Waiters::default();
        let mut came = Vec::new();
        let mut come = |waiters: &mut Waiters, word| {
            let parker = parker::take(0);
            came.push(Arc::clone(&parker));
            waiters.push(Waiter { word, parker });
        };
        come(&mut waiters, 1);
        assert_eq!(waiters.others.capacity(), 0);
        [2, 1, 2].into_iter().for_each(|word| come(&mut waiters, word));
        let mut left: Vec<_> =
            [2, 1].iter().map(|word| waiters.remove(|waiter| waiter.word == *word)).collect();
        come(&mut waiters, 1);
        left.extend([1, 2, 1, 1].iter().map(|word| waiters.remove(|waiter| waiter.word == *word)));
        let number = |left: &Option<Waiter>| {
            let left = &left.as_ref()?.parker;
            came.iter().position(|came| Arc::ptr_eq(came, left))
        };
        let order: Vec<_> = left.iter().map(number).collect();
        assert_eq!(order, [Some(1), Some(0), Some(2), Some(3), Some(4), None]);
    }

    #[test]
    fn a_timed_wait_ends_at_its_deadline() {
        static PLACE: Place = Place::new();
        static WORD: AtomicU32 = AtomicU32::new(0);
        let soon =
            Deadline::after(Duration::from_millis(1)).expect("the clock reaches a millisecond");
        while !soon.passed() {
            PLACE.wait_until(&WORD, 0, &soon);
        }
        assert!(PLACE.look(&WORD).is_none(), "the waiter has left");
    }

    /// Blocks lie side by side, and words lie at one place in each: such addresses must not
    /// meet in few buckets.
    #[test]
    fn words_of_equal_blocks_spread_over_the_buckets() {
        let table = Table::new();
        for stride in [4_usize, 16, 64, 128, 192, 256, 1024, 4096, 65536] {
            let mut counts = std::collections::HashMap::new();
            for block in 0..1024 {
                let bucket = table.bucket(0x5f12_3400 + block * stride);
                *counts.entry(std::ptr::from_ref(bucket).addr()).or_insert(0) += 1;
            }
            let fullest = counts.values().max().copied().unwrap_or(0);
            assert!(fullest <= 16, "{fullest} of 1,024 words in a bucket, {stride} bytes apart");
        }
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/table.rs"]
mod models;
