//! All pages and seats of a pool, and the slip that a task carries.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crossbeam_utils::CachePadded;

use super::look::Looks;
use super::page::{End, Hand, Page, Tally, add_up};
use super::seat::{Name, OWN, Seat, nanoseconds, shared_page, with_seat};
use crate::sync::clock::Stopwatch;
use crate::sync::{PerProcess, identity};

/// How many pages the threads share that are no workers of the pool.
const SHARED_PAGES: usize = 16;

/// What a pool counts. See the room's README.
pub(crate) struct Books {
    pub(super) pool: u32,
    pub(super) clock: Stopwatch,
    /// The timings take one in so many tasks as a sample. 0 is none.
    pub(super) one_in: u32,
    pub(super) seats: Box<[CachePadded<Seat>]>,
    shared: Box<[CachePadded<Page>]>,
    /// What observers remember. No worker and no submitter takes this lock.
    pub(super) looks: Mutex<Looks>,
}

/// The books by their pools' numbers, for threads that end a task and are no workers of its pool.
static BOOKS: PerProcess<Mutex<Vec<(u32, Weak<Books>)>>> = PerProcess::new(Mutex::new(Vec::new()));

impl Books {
    /// Opens the books of a pool. The threads that know the pool only by number find them.
    pub(crate) fn open(pool: u32, workers: usize, one_in: u32) -> Arc<Self> {
        let clock = Stopwatch::start();
        let seat = |_| CachePadded::new(Seat::new(pool, clock, one_in > 0));
        let books = Arc::new(Self {
            pool,
            clock,
            one_in,
            seats: (0..workers).map(seat).collect(),
            shared: (0..SHARED_PAGES).map(|_| CachePadded::new(Page::new())).collect(),
            looks: Mutex::new(Looks::default()),
        });
        let mut known = BOOKS.get().lock().unwrap_or_else(PoisonError::into_inner);
        known.push((pool, Arc::downgrade(&books)));
        drop(known);
        books
    }

    pub(crate) fn seat(&self, worker: usize) -> &Seat {
        &self.seats[worker]
    }

    pub(super) fn now(&self) -> u64 {
        nanoseconds(&self.clock)
    }

    pub(super) fn tally(&self) -> Tally {
        let own = self.seats.iter().map(|seat| &seat.page);
        add_up(own.chain(self.shared.iter().map(|page| &**page)))
    }

    /// Calls `count` with the page that the calling thread writes.
    #[inline]
    fn with_page<R>(&self, count: impl FnOnce(&Page, Hand) -> R) -> R {
        with_seat(self.pool, |seat| match seat {
            Some(seat) => count(&seat.page, OWN),
            None => count(&self.shared[shared_page(SHARED_PAGES)], Hand::Shared),
        })
    }

    /// Counts a submission that the caller is about to push, and gives it a slip.
    #[inline]
    pub(crate) fn submits(&self) -> Slip {
        let number = self.with_page(Page::submitted);
        let queued_at = if self.is_sample(number) { self.now() } else { 0 };
        Slip { pool: self.pool, queued_at }
    }

    /// Says whether the timings take this task as a sample. The multiples of the golden ratio lie
    /// evenly in the whole range, and no pattern in the work falls in step with them.
    #[inline]
    fn is_sample(&self, number: u64) -> bool {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        self.one_in > 0 && number.wrapping_mul(GOLDEN) <= u64::MAX / u64::from(self.one_in)
    }

    /// Takes a submission off that its submitter has taken back: it counts as refused.
    #[cold]
    pub(crate) fn takes_back(&self) {
        self.with_page(|page, _| {
            page.taken_back();
            page.refused();
        });
    }

    /// Counts a submission that the pool has refused.
    #[cold]
    pub(crate) fn refuses(&self) {
        self.with_page(|page, _| page.refused());
    }

    /// Counts that a submission has left the queue.
    pub(crate) fn left(&self) {
        self.with_page(Page::left);
    }

    /// Counts how a submission has ended.
    pub(crate) fn ended(&self, end: End) {
        self.with_page(|page, hand| page.ended(hand, end));
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        if identity::is_forked(self.pool) {
            return;
        }
        let mut known = BOOKS.get().lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(pool, _)| *pool != self.pool);
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").field("tally", &self.tally()).finish_non_exhaustive()
    }
}

/// Writes into the books of the pool with this number, for a thread that is no worker of it. If
/// the pool is gone, no thread can look any more.
#[cold]
fn from_outside(pool: u32, write: impl FnOnce(&Books)) {
    if identity::is_forked(pool) {
        // A thread that exists only in the parent may hold the lock.
        return;
    }
    let known = BOOKS.get().lock().unwrap_or_else(PoisonError::into_inner);
    let books = known.iter().find_map(|(open, books)| (*open == pool).then(|| books.upgrade()));
    drop(known);
    if let Some(books) = books.flatten() {
        write(&books);
    }
}

/// Counts that a submission has left the queue. The pool keeps books.
pub(crate) fn count_left(pool: u32) {
    with_seat(pool, |seat| match seat {
        Some(seat) => seat.page.left(OWN),
        None => from_outside(pool, Books::left),
    });
}

/// Counts how a submission has ended. The pool keeps books.
pub(crate) fn count_end(pool: u32, end: End) {
    with_seat(pool, |seat| match seat {
        Some(seat) => seat.page.ended(OWN, end),
        None => from_outside(pool, |books| books.ended(end)),
    });
}

/// What a task carries that was counted when it was submitted.
#[derive(Debug)]
pub(crate) struct Slip {
    pool: u32,
    /// When it was submitted, if the timings take it as a sample. Else 0.
    queued_at: u64,
}

impl Slip {
    /// Runs the task and counts it. Neither `run` nor `end` unwinds.
    #[inline]
    pub(crate) fn run<R>(
        self,
        name: &'static Name,
        run: impl FnOnce() -> R,
        end: impl FnOnce(&R) -> End,
    ) -> R {
        with_seat(self.pool, |seat| {
            let mut began = 0;
            let mut before = (std::ptr::null(), 0);
            match seat {
                Some(seat) => {
                    seat.page.left(OWN);
                    began = seat.take_fresh();
                    if self.queued_at != 0 {
                        began = seat.now();
                    }
                    before = seat.shown.show(name, began);
                }
                None => from_outside(self.pool, Books::left),
            }
            let result = run();
            let end = end(&result);
            match seat {
                Some(seat) => {
                    seat.page.ended(OWN, end);
                    seat.shown.show(before.0, before.1);
                    // A task whose gate kept it from running has no run time.
                    let timed = self.queued_at != 0 && end != End::Expired;
                    if let (Some(recorders), true) = (&seat.recorders, timed) {
                        recorders.queued.record(began.saturating_sub(self.queued_at));
                        recorders.ran.record(seat.now().saturating_sub(began));
                    }
                }
                None => from_outside(self.pool, |books| books.ended(end)),
            }
            result
        })
    }

    /// Resolves the task without running it, and counts it. `resolve` does not unwind.
    pub(crate) fn resolve<R>(self, resolve: impl FnOnce() -> R, end: End) -> R {
        count_left(self.pool);
        let result = resolve();
        count_end(self.pool, end);
        result
    }
}
