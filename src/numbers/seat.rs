//! What one worker writes: its page, what it runs, its busy time, its timings.

use std::cell::Cell;
use std::ptr;

use super::histogram::Recorder;
use super::page::{Hand, Page};
use crate::sync::clock::Stopwatch;
use crate::sync::thread::ThreadId;
use crate::sync::{AtomicPtr, AtomicU64, OnceLock, Ordering, fence, local, thread};

/// The name of a function's type. A static of this type stands for the function.
#[derive(Debug)]
pub(crate) struct Name(pub(crate) fn() -> &'static str);

/// How often an observer reads again before it gives up. A worker that changes what it shows so
/// often is not stuck.
const MOST_READINGS: usize = 64;

/// What a worker measures of a sample of tasks.
#[derive(Debug)]
pub(super) struct Recorders {
    pub(super) queued: Recorder,
    pub(super) ran: Recorder,
}

/// One worker's part of the books. The worker alone writes it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) pool: u32,
    pub(super) page: Page,
    pub(super) shown: Shown,
    /// The time at which the worker found a task after it had none. The first task that it runs
    /// then takes it. 0 if that task has begun.
    fresh: AtomicU64,
    clock: Stopwatch,
    pub(super) recorders: Option<Box<Recorders>>,
    pub(super) thread: OnceLock<ThreadId>,
}

/// What a worker shows. The times are in nanoseconds since the pool was built, and never 0.
#[derive(Debug)]
pub(super) struct Shown {
    // count version: the changes of what a worker shows, and whether one is going on. Each task
    // changes it by four at least. It has 64 bits.
    version: AtomicU64,
    /// The name of what runs. Null if nothing does.
    name: AtomicPtr<Name>,
    /// When that began. 0 if it is not known.
    began: AtomicU64,
    /// How long the worker was busy, up to the last time that it became idle.
    busy: AtomicU64,
    /// Since when it is busy. 0 if it is idle.
    busy_since: AtomicU64,
}

/// What an observer sees of a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sight {
    pub(super) version: u64,
    pub(super) name: *const Name,
    pub(super) began: u64,
    pub(super) busy: u64,
    pub(super) busy_since: u64,
}

impl Shown {
    pub(super) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            version: zero(),
            name: AtomicPtr::new(ptr::null_mut()),
            began: zero(),
            busy: zero(),
            busy_since: zero(),
        }
    }

    /// Lets the worker change what it shows.
    #[inline]
    fn change(&self, change: impl FnOnce(&Self)) {
        let before = self.version.load(Ordering::Relaxed);
        self.version.store(before + 1, Ordering::Relaxed);
        // edge SHOWN fence: that a change goes on → an observer that has read a word of it.
        fence(Ordering::Release);
        change(self);
        // edge SHOWN release: the words of this change → an observer that sees its version.
        self.version.store(before + 2, Ordering::Release);
    }

    /// Shows another task, and returns what was shown before.
    #[inline]
    pub(super) fn show(&self, name: *const Name, began: u64) -> (*const Name, u64) {
        let before =
            (self.name.load(Ordering::Relaxed).cast_const(), self.began.load(Ordering::Relaxed));
        self.change(|shown| {
            shown.name.store(name.cast_mut(), Ordering::Relaxed);
            shown.began.store(began, Ordering::Relaxed);
        });
        before
    }

    fn begins_busy(&self, now: u64) {
        self.change(|shown| shown.busy_since.store(now, Ordering::Relaxed));
    }

    fn ends_busy(&self, now: u64) {
        let since = self.busy_since.load(Ordering::Relaxed);
        if since != 0 {
            let busy = self.busy.load(Ordering::Relaxed) + now.saturating_sub(since);
            self.change(|shown| {
                shown.busy.store(busy, Ordering::Relaxed);
                shown.busy_since.store(0, Ordering::Relaxed);
            });
        }
    }

    /// Reads what the worker shows, all of one time. None if the worker kept changing it.
    pub(super) fn see(&self) -> Option<Sight> {
        (0..MOST_READINGS).find_map(|_| self.read())
    }

    /// Reads once. None if the worker changed it meanwhile.
    pub(super) fn read(&self) -> Option<Sight> {
        // edge SHOWN acquire: the words of the last change → this observer.
        let version = self.version.load(Ordering::Acquire);
        if version % 2 == 1 {
            thread::relax();
            return None;
        }
        let sight = self.words(version);
        // edge SHOWN fence: that a change goes on, from the worker → the look below, if a word
        // above was read from that change.
        fence(Ordering::Acquire);
        (self.version.load(Ordering::Relaxed) == version).then_some(sight)
    }
}

impl Shown {
    fn words(&self, version: u64) -> Sight {
        Sight {
            version,
            name: self.name.load(Ordering::Relaxed).cast_const(),
            began: self.began.load(Ordering::Relaxed),
            busy: self.busy.load(Ordering::Relaxed),
            busy_since: self.busy_since.load(Ordering::Relaxed),
        }
    }

    /// Reads as no observer should: for a control.
    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn read_unchecked(&self) -> Sight {
        self.words(self.version.load(Ordering::Relaxed))
    }
}

impl Sight {
    /// For how long the worker has had work, up to `now`.
    pub(super) fn busy_until(&self, now: u64) -> u64 {
        let current = if self.busy_since == 0 { 0 } else { now.saturating_sub(self.busy_since) };
        self.busy + current
    }

    /// The name of the function that runs, if one does.
    pub(super) fn type_name(&self) -> Option<&'static str> {
        // SAFETY: the pointer must be null or point to a `Name` that lives for ever. Only `show`
        // stores it, and its callers give null, a `&'static Name`, or what was stored before.
        let name: Option<&'static Name> = unsafe { self.name.as_ref() };
        name.map(|name| (name.0)())
    }
}

impl Seat {
    pub(super) fn new(pool: u32, clock: Stopwatch, timed: bool) -> Self {
        let recorders = || Box::new(Recorders { queued: Recorder::new(), ran: Recorder::new() });
        Self {
            pool,
            page: Page::new(),
            shown: Shown::new(),
            fresh: AtomicU64::new(0),
            clock,
            recorders: timed.then(recorders),
            thread: OnceLock::new(),
        }
    }

    /// The time since the pool was built, in nanoseconds. Never 0.
    pub(super) fn now(&self) -> u64 {
        nanoseconds(&self.clock)
    }

    /// Takes the time at which the worker found this task, if it is known.
    #[inline]
    pub(super) fn take_fresh(&self) -> u64 {
        let fresh = self.fresh.load(Ordering::Relaxed);
        if fresh != 0 {
            self.fresh.store(0, Ordering::Relaxed);
        }
        fresh
    }
}

/// What the clock shows, in nanoseconds. Never 0.
pub(super) fn nanoseconds(clock: &Stopwatch) -> u64 {
    u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
}

local! {
    /// The seat of the worker whose loop runs on this thread. Null if there is none, or if its pool
    /// keeps no books.
    static SEAT: Cell<*const Seat> = const { Cell::new(ptr::null()) };
}

/// Takes the seat away when the worker's loop is over.
struct Rises;

impl Drop for Rises {
    fn drop(&mut self) {
        SEAT.with(|seat| seat.set(ptr::null()));
    }
}

/// Runs a worker's loop on this thread, with a seat if its pool keeps books.
pub(crate) fn sit<R>(seat: Option<&Seat>, live: impl FnOnce() -> R) -> R {
    let Some(seat) = seat else { return live() };
    // A second worker with this index would be an error of the pool. The first one's thread stays.
    let _ = seat.thread.set(thread::current_id());
    SEAT.with(|current| current.set(ptr::from_ref(seat)));
    let _rises = Rises;
    begins_busy(Some(seat));
    let result = live();
    ends_busy(Some(seat));
    result
}

/// Lends `f` the seat of the calling thread, if the thread is a worker of this pool.
#[inline]
pub(super) fn with_seat<R>(pool: u32, f: impl FnOnce(Option<&Seat>) -> R) -> R {
    // The destructor of another thread-local may ask after this one is gone.
    let seat = SEAT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: the pointer must be null, or its seat must live as long as the reference. SEAT is set
    // only while `sit` borrows the seat on this thread, and nothing here outlives the call.
    let seat = unsafe { seat.as_ref() };
    f(seat.filter(|seat| seat.pool == pool))
}

/// Says that the worker has found a task after it had none.
pub(crate) fn begins_busy(seat: Option<&Seat>) {
    if let Some(seat) = seat {
        let now = seat.now();
        seat.fresh.store(now, Ordering::Relaxed);
        seat.shown.begins_busy(now);
    }
}

/// Says that the worker has no task.
pub(crate) fn ends_busy(seat: Option<&Seat>) {
    if let Some(seat) = seat {
        seat.shown.ends_busy(seat.now());
    }
}

/// Shows what a runner of a batch or a stream runs, or a thief of a half, as long as it lives.
pub(crate) struct Shows {
    pool: u32,
    before: (*const Name, u64),
}

impl Shows {
    pub(crate) fn begin(pool: u32, name: &'static Name) -> Option<Self> {
        with_seat(pool, |seat| {
            let seat = seat?;
            Some(Self { pool, before: seat.shown.show(name, seat.take_fresh()) })
        })
    }
}

impl Drop for Shows {
    fn drop(&mut self) {
        let (name, began) = self.before;
        with_seat(self.pool, |seat| seat.map(|seat| seat.shown.show(name, began)));
    }
}

/// Which page the calling thread writes, of so many that threads from outside share.
pub(super) fn shared_page(pages: usize) -> usize {
    local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    let number = NUMBER.try_with(|number| {
        if number.get() == 0 {
            number.set(crate::sync::identity::unique());
        }
        number.get()
    });
    number.map_or(0, |number| number as usize % pages)
}

/// The hand of a worker on its own page.
pub(super) const OWN: Hand = Hand::Sole;
