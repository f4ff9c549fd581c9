//! The injector: a queue that any thread pushes to and takes from, oldest first. It keeps a few of
//! the segments that takers have emptied, so a queue of a steady length allocates nothing.
//!
//! The queue is a chain of **segments**. A segment has a fixed number of slots, and a slot has room
//! for one entry. Each end of the queue has a **number**, and the segment to which the number
//! belongs. A thread **claims** a slot by an exchange that raises the number of the end by one. A
//! segment takes up as many numbers as it has slots, and one more: the **gap**. While an end stands
//! at the gap, the thread that has claimed the last slot moves the end on to the next segment. All
//! others wait for it.
//!
//! ```text
//!   a segment's slots   0 1 2 … 62      64 65 …
//!   the gap                        63            127 …
//! ```
//!
//! The room's README lists the steps, and says why they are right.

mod segment;

use std::ptr::NonNull;

use crossbeam_utils::CachePadded;

use super::depot::Depot;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, thread};
use segment::{SLOTS, Segment};

/// How many numbers a segment takes up: its slots and the gap.
const NUMBERS: u64 = SLOTS as u64 + 1;
/// How many empty segments a queue keeps.
const SPARES: usize = if cfg!(loom) { 1 } else { 16 };
/// How many segments a queue allocates when it needs one. A taker that is interrupted keeps its
/// segment from the others. So a queue of a steady length needs one more than ever before only if
/// several takers are interrupted at once.
const AT_ONCE: usize = if cfg!(loom) { 1 } else { 4 };
/// A thread that waits for another one yields once in so many looks.
const LOOKS: u32 = 64;

/// One end of the queue.
struct End<T> {
    // count number: the slots that threads have claimed at this end, and the gaps. The queues of a
    // process cannot take 2^64 entries.
    number: AtomicU64,
    segment: AtomicPtr<Segment<T>>,
}

impl<T> End<T> {
    fn new(segment: NonNull<Segment<T>>) -> Self {
        Self { number: AtomicU64::new(0), segment: AtomicPtr::new(segment.as_ptr()) }
    }

    #[inline]
    fn number(&self) -> u64 {
        // edge END acquire: the segment of this number, from the thread that moved the end on, and
        // what a thread did before it claimed an earlier number → this thread.
        self.number.load(Ordering::Acquire)
    }

    /// Claims the slot with this number, unless another thread has. The segment that the caller
    /// has read after the number is then the slot's. [INJECT-1]
    #[inline]
    fn claim(&self, number: u64) -> bool {
        // edge END release: what this thread did before, and its reading of the segment → a thread
        // that sees the number, and the thread that moves this end on.
        self.number
            .compare_exchange_weak(number, number + 1, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Moves this end on from the last slot of a segment, which has this number. [INJECT-2]
    fn move_on(&self, number: u64, next: NonNull<Segment<T>>) {
        // Relaxed: the number below carries it.
        self.segment.store(next.as_ptr(), Ordering::Relaxed);
        // edge END release: the segment → a thread that sees the number.
        self.number.store(number + 2, Ordering::Release);
    }
}

/// The end at which threads take.
struct Head<T> {
    end: End<T>,
    /// A number at which the other end was seen, so that not every taker has to look there.
    seen: AtomicU64,
}

/// A queue that any thread pushes to and takes from, oldest first.
pub(crate) struct Injector<T> {
    head: CachePadded<Head<T>>,
    tail: CachePadded<End<T>>,
    spares: CachePadded<Depot<Segment<T>, SPARES>>,
}

// SAFETY: the entries change threads, so they must be `Send`. A thread reaches an entry through
// the slot that it has claimed, and no other thread claims the same slot at the same end.
unsafe impl<T: Send> Send for Injector<T> {}
// SAFETY: as above: no thread gets a reference to an entry.
unsafe impl<T: Send> Sync for Injector<T> {}

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        let first = Segment::create();
        Self {
            head: CachePadded::new(Head { end: End::new(first), seen: AtomicU64::new(0) }),
            tail: CachePadded::new(End::new(first)),
            spares: CachePadded::new(Depot::new()),
        }
    }

    /// Pushes an entry. A thread that takes it, or sees it by a look, sees what this thread did
    /// before.
    pub(crate) fn push(&self, entry: T) {
        let (mut next, mut looks) = (None, 0);
        loop {
            let number = self.tail.number();
            let Some((at, is_last)) = slot_of(number) else {
                wait(&mut looks);
                continue;
            };
            // Relaxed: the number has brought it.
            let segment = self.tail.segment.load(Ordering::Relaxed);
            if is_last && next.is_none() {
                next = self.spares.take();
                // Of many pushers here at once only one needs a segment.
                if next.is_none() && self.tail.number.load(Ordering::Relaxed) == number {
                    next = Some(self.allocate());
                }
            }
            if is_last && next.is_none() {
                continue;
            }
            if !self.tail.claim(number) {
                continue;
            }
            // SAFETY: by INJECT-1 the segment is the claimed slot's. It lives until all its slots
            // are taken, and this one is not, because this thread has yet to fill it. [INJECT-4]
            let segment = unsafe { &*segment };
            segment.alive.touch();
            if let Some(next) = next.take_if(|_| is_last) {
                self.tail.move_on(number, next);
                // Relaxed: a taker of the next segment has seen one of its numbers at the tail, and
                // the edge END brings the segment with it.
                segment.next.store(next.as_ptr(), Ordering::Relaxed);
            }
            let slot = &segment.slots[at];
            // SAFETY: this thread alone has claimed the slot to fill it, and no taker touches the
            // entry before the slot is full.
            slot.entry.with_mut(|place| unsafe { place.cast::<T>().write(entry) });
            // edge ENTRY release: the entry → its taker.
            slot.full.store(1, Ordering::Release);
            break;
        }
        if let Some(unused) = next {
            self.keep(unused);
        }
    }

    /// Takes the oldest entry. A thread that sees the entry gone sees what this thread did before.
    /// Waits for a thread that has claimed the slot and has yet to fill it.
    pub(crate) fn take(&self) -> Option<T> {
        let mut looks = 0;
        loop {
            let number = self.head.end.number();
            let Some((at, is_last)) = slot_of(number) else {
                wait(&mut looks);
                continue;
            };
            if !self.reaches_beyond(number) {
                return None;
            }
            // Relaxed: the number has brought it.
            let segment = self.head.end.segment.load(Ordering::Relaxed);
            if self.head.end.claim(number) {
                // SAFETY: an end always has a segment: `new` and `move_on` store no null.
                let segment = unsafe { NonNull::new_unchecked(segment) };
                // SAFETY: this thread has claimed the slot. By INJECT-1 the segment is the slot's.
                return Some(unsafe { self.empty(segment, at, is_last.then_some(number)) });
            }
        }
    }

    /// Takes the entry out of a slot. If it is the last one of its segment, it has the number
    /// `last`, and this thread moves the head on.
    ///
    /// # Safety
    ///
    /// The caller has claimed the slot `at` of this segment at the head.
    #[inline]
    unsafe fn empty(&self, segment: NonNull<Segment<T>>, at: usize, last: Option<u64>) -> T {
        let mut looks = 0;
        // SAFETY: the segment lives until all its slots are taken, and this one is not. [INJECT-4]
        let shared = unsafe { segment.as_ref() };
        shared.alive.touch();
        if let Some(number) = last {
            let next = loop {
                // Relaxed: as in `push`. This thread only passes the address on.
                if let Some(next) = NonNull::new(shared.next.load(Ordering::Relaxed)) {
                    break next;
                }
                wait(&mut looks);
            };
            self.head.end.move_on(number, next);
        }
        let slot = &shared.slots[at];
        // edge ENTRY acquire: the entry, from its pusher → this thread.
        while slot.full.load(Ordering::Acquire) == 0 {
            wait(&mut looks);
        }
        // SAFETY: the pusher has filled the slot, and this thread alone has claimed it to empty it.
        let entry = slot.entry.with(|place| unsafe { place.cast::<T>().read() });
        // Relaxed: the count below carries it.
        slot.full.store(0, Ordering::Relaxed);
        // SAFETY: the slot is this thread's, and the segment is used no more.
        if unsafe { Segment::count_taken(segment) } {
            self.keep(segment);
        }
        entry
    }

    /// Allocates a segment, and a few more for later.
    #[cold]
    fn allocate(&self) -> NonNull<Segment<T>> {
        (1..AT_ONCE).for_each(|_| self.keep(Segment::create()));
        Segment::create()
    }

    /// Keeps a segment that is the caller's alone, or else frees it.
    #[cold]
    fn keep(&self, segment: NonNull<Segment<T>>) {
        // SAFETY: the segment is the caller's, so it is alive.
        unsafe { segment.as_ref() }.alive.own();
        if !self.spares.keep(segment) {
            // SAFETY: there was no place for the segment, so it is still the caller's alone.
            unsafe { Segment::free(segment) };
        }
    }

    /// Says whether a thread has claimed the slot with this number to fill it.
    #[inline]
    fn reaches_beyond(&self, number: u64) -> bool {
        // edge END acquire: as in `number`, by way of the thread that has seen that number.
        if number < self.head.seen.load(Ordering::Acquire) {
            return true;
        }
        let tail = self.tail.number();
        if number < tail {
            // edge END release: what came before the claims that this thread sees → a thread that
            // relies on this look.
            self.head.seen.store(tail, Ordering::Release);
        }
        number < tail
    }

    /// Returns a number that each take raises by one, and by two at the end of a segment. The
    /// answer may be old.
    #[inline]
    pub(crate) fn taken(&self) -> u64 {
        self.head.end.number.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let number = self.head.end.number();
        // Behind the gap there may be nothing.
        let at_gap = slot_of(number).is_none();
        !self.reaches_beyond(number + u64::from(at_gap))
    }

    pub(crate) fn len(&self) -> usize {
        let slots_before = |number: u64| {
            let at = (number % NUMBERS).min(SLOTS as u64);
            number / NUMBERS * SLOTS as u64 + at
        };
        let head = slots_before(self.head.end.number());
        let tail = slots_before(self.tail.number());
        usize::try_from(tail.saturating_sub(head)).unwrap_or(usize::MAX)
    }
}

impl<T> Drop for Injector<T> {
    fn drop(&mut self) {
        // Relaxed throughout: no other thread is left.
        let mut last = NonNull::new(self.head.end.segment.load(Ordering::Relaxed));
        let numbers = [&self.head.end, &*self.tail].map(|end| end.number.load(Ordering::Relaxed));
        for number in numbers[0]..numbers[1] {
            let Some(segment) = last else { break };
            // SAFETY: the chain is this thread's, and this segment was not freed.
            let shared = unsafe { segment.as_ref() };
            match slot_of(number) {
                Some((at, _)) if shared.slots[at].full.load(Ordering::Relaxed) == 1 => {
                    let place = &shared.slots[at].entry;
                    // SAFETY: the slot is full, and no thread takes the entry any more.
                    drop(place.with(|place| unsafe { place.cast::<T>().read() }));
                }
                Some(_) => {}
                None => {
                    last = NonNull::new(shared.next.load(Ordering::Relaxed));
                    // SAFETY: the segment is this thread's, which goes on to the next.
                    unsafe { Segment::free(segment) };
                }
            }
        }
        for segment in last.into_iter().chain(std::iter::from_fn(|| self.spares.take())) {
            // SAFETY: the last segment and the spares are this thread's, too.
            unsafe { Segment::free(segment) };
        }
    }
}

/// The slot with this number, and whether it is the last one of its segment. None at the gap.
#[inline]
fn slot_of(number: u64) -> Option<(usize, bool)> {
    let at = (number % NUMBERS) as usize;
    (at < SLOTS).then_some((at, at + 1 == SLOTS))
}

/// Waits a moment for a thread that is between two steps.
#[cold]
fn wait(looks: &mut u32) {
    *looks += 1;
    if *looks % LOOKS == 0 { thread::yield_now() } else { thread::relax() }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn segments(queue: &Injector<u32>) -> usize {
        let spares: Vec<_> = std::iter::from_fn(|| queue.spares.take()).collect();
        spares.iter().for_each(|spare| assert!(queue.spares.keep(*spare)));
        spares.len()
    }

    // covers F-46
    #[test]
    fn a_queue_of_a_steady_length_keeps_its_segments() {
        let queue = Injector::new();
        for length in [1, 62, 63, 64, 200, 2_000] {
            let mut pushed = 0..;
            let mut expected = 0..;
            pushed.by_ref().take(length).for_each(|entry| queue.push(entry));
            for _ in 0..200 {
                assert_eq!(queue.len(), length);
                queue.push(pushed.next().unwrap());
                let taken = queue.taken();
                assert_eq!(queue.take(), expected.next());
                assert!((1..=2).contains(&(queue.taken() - taken)));
            }
            expected.by_ref().take(length).for_each(|entry| assert_eq!(queue.take(), Some(entry)));
            assert!(queue.is_empty() && queue.take().is_none());
            let needed = 1 + length / SLOTS;
            assert_eq!(segments(&queue), needed.next_multiple_of(AT_ONCE).min(SPARES), "{length}");
        }
    }

    #[test]
    fn what_is_left_in_a_queue_is_dropped_with_it() {
        let held = std::sync::Arc::new(());
        for length in [0, 1, 63, 150] {
            let queue = Injector::new();
            (0..length).for_each(|_| queue.push(std::sync::Arc::clone(&held)));
            drop(queue);
            assert_eq!(std::sync::Arc::strong_count(&held), 1);
        }
    }

    #[test]
    fn each_entry_is_taken_once_and_those_of_one_thread_in_order() {
        const EACH: usize = if cfg!(miri) { 150 } else { 20_000 };
        let (queue, left) = (Injector::new(), AtomicUsize::new(3 * EACH));
        let taken = std::thread::scope(|scope| {
            for pusher in 0..3 {
                let queue = &queue;
                scope.spawn(move || (0..EACH).for_each(|entry| queue.push((pusher, entry))));
            }
            let takers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut taken = Vec::new();
                        while left.load(Ordering::Relaxed) > 0 {
                            if let Some(entry) = queue.take() {
                                left.fetch_sub(1, Ordering::Relaxed);
                                taken.push(entry);
                            } else {
                                std::thread::yield_now();
                            }
                        }
                        taken
                    })
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).collect::<Vec<_>>()
        });
        for pusher in 0..3 {
            let of = |taken: &Vec<(usize, usize)>| -> Vec<usize> {
                taken.iter().filter(|(by, _)| *by == pusher).map(|(_, entry)| *entry).collect()
            };
            let mut all: Vec<_> =
                taken.iter().map(of).inspect(|of| assert!(of.is_sorted())).collect();
            let mut all = all.iter_mut().flat_map(std::mem::take).collect::<Vec<_>>();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..EACH));
        }
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/injector.rs"]
mod models;
