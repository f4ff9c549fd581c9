//! The row of a worker's offers: the second halves of its joins, which other workers may take.
//!
//! # The field contract
//!
//! | field | who may touch it, and when |
//! |---|---|
//! | `depth` | its worker writes it, any worker reads it |
//! | `oldest` | any worker reads and writes it: it is a hint |
//! | a slot | its worker fills it while it is empty; any worker exchanges it for null |
//! | `wanted` | raised by an owner that waits for this worker; lowered by this worker |
//! | `signal` | the futex word on which this worker sleeps while it waits for a half |
//!
//! The README of the room `join` has the protocol.

use std::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;

use super::header::{Header, TaskRef};
use crate::sync::{
    AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, OnceLock, Ordering, barrier, futex, step,
};
use crate::wait::block_until;

/// How many slots the first segment of a row has. Each further segment has twice as many.
const FIRST_SEGMENT: usize =
    if cfg!(all(any(loom, millpond_loom), feature = "loom-internals")) { 2 } else { 64 };
/// With so many segments a row has 67 million slots. A stack holds fewer frames.
const SEGMENTS: usize = 20;

const AWAKE: u32 = 0;
const SLEEPING: u32 = 1;

type Segment = Box<[AtomicPtr<Header>]>;

/// The words by which owners and thieves call each other, on a cache line of their own.
struct Calls {
    /// 1 if an owner sleeps that waits for work of this worker.
    wanted: AtomicU32,
    signal: AtomicU32,
}

/// One worker's row of offers.
pub(crate) struct Offers {
    /// How many slots of the row are in use: those of joins that have not ended.
    depth: AtomicUsize,
    /// Below this slot no offer is left, as a rule.
    oldest: AtomicUsize,
    calls: CachePadded<Calls>,
    segments: [OnceLock<Segment>; SEGMENTS],
}

/// Returns the segment of a slot, and the slot's place in it.
#[inline]
fn place(at: usize) -> (usize, usize) {
    let segment = (at / FIRST_SEGMENT + 1).ilog2() as usize;
    (segment, at - ((1 << segment) - 1) * FIRST_SEGMENT)
}

impl Offers {
    pub(crate) fn new() -> Self {
        Self {
            depth: AtomicUsize::new(0),
            oldest: AtomicUsize::new(0),
            calls: CachePadded::new(Calls {
                wanted: AtomicU32::new(0),
                signal: AtomicU32::new(AWAKE),
            }),
            segments: std::array::from_fn(|_| OnceLock::new()),
        }
    }

    /// Returns the slot with this number, if its segment was ever used.
    #[inline]
    fn slot(&self, at: usize) -> Option<&AtomicPtr<Header>> {
        let (segment, place) = place(at);
        self.segments[segment].get().map(|slots| &slots[place])
    }

    /// Returns the slot with this number, and makes its segment first if it is not there.
    #[inline]
    fn own_slot(&self, at: usize) -> &AtomicPtr<Header> {
        match self.slot(at) {
            Some(slot) => slot,
            None => self.grow(at),
        }
    }

    #[cold]
    fn grow(&self, at: usize) -> &AtomicPtr<Header> {
        let (segment, _) = place(at);
        let slots = (0..FIRST_SEGMENT << segment).map(|_| AtomicPtr::new(ptr::null_mut()));
        assert!(self.segments[segment].set(slots.collect()).is_ok(), "only its worker makes one");
        self.slot(at).unwrap_or_else(|| unreachable!("it was made above"))
    }

    /// Says how many joins of this worker have not ended.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        // Relaxed: who sees a slot in use looks into the slot.
        self.depth.load(Ordering::Relaxed)
    }

    /// Puts an offer into the next slot, and returns the slot's number. Only the row's worker
    /// calls this. A fence must follow. [JOIN-1]
    #[inline]
    pub(crate) fn push(&self, half: TaskRef) -> usize {
        // Relaxed: this worker alone writes the depth.
        let at = self.depth.load(Ordering::Relaxed);
        let slot = self.own_slot(at);
        // edge OFFER release: the half → the thief that takes it.
        slot.store(half.into_id().as_ptr(), Ordering::Release);
        if self.oldest.load(Ordering::Relaxed) > at {
            self.oldest.store(at, Ordering::Relaxed);
        }
        // Relaxed: a fence follows.
        self.depth.store(at + 1, Ordering::Relaxed);
        at
    }

    /// Takes the newest offer back, which lies in slot `at`. False if a thief has it: then the
    /// slot stays in use until [`end`](Self::end). Only the row's worker calls this. [JOIN-3]
    #[inline]
    pub(crate) fn take_back(&self, at: usize) -> bool {
        let slot = self.own_slot(at);
        // Relaxed: this worker made the half itself. If a thief has taken the offer, the latch
        // orders what the thief did.
        let mine = !slot.swap(ptr::null_mut(), Ordering::Relaxed).is_null();
        if mine {
            self.end(at);
        }
        mine
    }

    /// Gives slot `at`, which is empty, up. Only the row's worker calls this.
    #[inline]
    pub(crate) fn end(&self, at: usize) {
        // Relaxed: a thread that still sees the slot in use finds it empty.
        self.depth.store(at, Ordering::Relaxed);
    }

    /// Takes the oldest offer that lies in slot `from` or above. [JOIN-2, JOIN-4]
    pub(crate) fn take(&self, from: usize) -> Option<TaskRef> {
        let depth = self.depth();
        let oldest = self.oldest.load(Ordering::Relaxed).clamp(from, depth.max(from));
        let (at, half) =
            self.take_between(oldest, depth).or_else(|| self.take_between(from, oldest))?;
        if from == 0 {
            self.oldest.store(at + 1, Ordering::Relaxed);
        }
        Some(half)
    }

    fn take_between(&self, from: usize, to: usize) -> Option<(usize, TaskRef)> {
        for at in from..to {
            let slot = self.slot(at)?;
            // Relaxed: the exchange below orders.
            let offer = slot.load(Ordering::Relaxed);
            let Some(header) = NonNull::new(offer) else { continue };
            // edge OFFER acquire: the half, from its owner → this thread.
            let taken =
                slot.compare_exchange(offer, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed);
            if taken.is_ok() {
                // SAFETY: the half must be alive, and this right to it must not have been made
                // before. The owner made the right, turned it into the pointer in this slot, and
                // waits for the half as long as it does not get the pointer back. Only one
                // exchange gets the pointer.
                return Some((at, unsafe { TaskRef::new(header) }));
            }
        }
        None
    }

    /// Says whether an offer lies in slot `from` or above. The answer may be old.
    pub(crate) fn any(&self, from: usize) -> bool {
        let depth = self.depth();
        let oldest = self.oldest.load(Ordering::Relaxed).clamp(from, depth.max(from));
        let offered =
            |at| self.slot(at).is_some_and(|slot| !slot.load(Ordering::Relaxed).is_null());
        (oldest..depth).any(offered) || (from..oldest).any(offered)
    }

    /// Says whether an owner sleeps that waits for work of this worker. [JOIN-1]
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.calls.wanted.load(Ordering::Relaxed) != 0
    }

    /// Takes the mark of [`is_wanted`](Self::is_wanted) away. The caller wakes the owners.
    pub(crate) fn answer(&self) {
        // edge WANTED acquire: an owner that says that it sleeps → this worker, which wakes it.
        self.calls.wanted.swap(0, Ordering::Acquire);
    }

    /// Says that this worker is about to sleep until `thief`, if it is known, has something
    /// for it. The caller passes a heavy fence and looks again before it sleeps. [JOIN-5]
    pub(crate) fn announce(&self, thief: Option<&Self>) {
        // An exchange, like every change of this word: the order of its changes is the order in
        // which they read each other.
        self.calls.signal.swap(SLEEPING, Ordering::Relaxed);
        if let Some(thief) = thief {
            // edge WANTED release: that this worker sleeps → the thief.
            thief.calls.wanted.swap(1, Ordering::Release);
        }
        barrier::heavy();
    }

    /// Takes back what [`announce`](Self::announce) has said.
    pub(crate) fn stay_awake(&self) {
        self.calls.signal.swap(AWAKE, Ordering::Relaxed);
    }

    /// Sleeps until a thread has called [`wake`](Self::wake).
    pub(crate) fn sleep(&self) {
        // The worker looks at the latch and the offers again, which order themselves.
        block_until(&self.calls.signal, 0, None, |signal| signal == AWAKE);
    }

    /// Wakes the worker of this row, if it sleeps. The caller has put a fence between what
    /// it has made visible and this call. [JOIN-1, JOIN-2, JOIN-6]
    pub(crate) fn wake(&self) {
        if self.calls.signal.load(Ordering::Relaxed) == SLEEPING {
            // Relaxed: the worker looks again at what orders itself.
            if self.calls.signal.swap(AWAKE, Ordering::Relaxed) == SLEEPING {
                futex::wake_all(&self.calls.signal);
            }
        }
    }
}

/// How a stolen half stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HalfState {
    /// It is on offer, or a thief runs it.
    Open = 0,
    /// It has ended, and its outcome is in place.
    Ended = 1,
    /// The thief has not begun it. The owner runs it.
    GivenBack = 2,
}

/// Says how a half stands and who its thief is. It lies in the half.
#[derive(Debug)]
pub(crate) struct Latch {
    state: AtomicU32,
    owner: u32,
    /// The thief's number plus one, and above it the depth of the thief's row when the thief
    /// began the half; 0 if there is no thief yet.
    thief: AtomicU64,
}

const THIEF_BITS: u32 = 20;

impl Latch {
    #[inline]
    pub(crate) fn new(owner: usize) -> Self {
        Self {
            state: AtomicU32::new(HalfState::Open as u32),
            owner: u32::try_from(owner).expect("workers are counted in 16 bits"),
            thief: AtomicU64::new(0),
        }
    }

    pub(crate) fn owner(&self) -> usize {
        self.owner as usize
    }

    /// Says who the thief is. A fence must follow. [JOIN-2]
    pub(crate) fn set_thief(&self, worker: usize, depth: usize) {
        let word = (depth as u64) << THIEF_BITS | (worker as u64 + 1);
        // Relaxed: the owner learns from it where to look, and nothing else.
        self.thief.store(word, Ordering::Relaxed);
    }

    /// Returns the thief and the depth of its row, once the thief has said so.
    pub(crate) fn thief(&self) -> Option<(usize, usize)> {
        let word = self.thief.load(Ordering::Relaxed);
        let worker = (word & ((1 << THIEF_BITS) - 1)).checked_sub(1)?;
        Some((worker as usize, (word >> THIEF_BITS) as usize))
    }

    pub(crate) fn state(&self) -> HalfState {
        // edge HALF acquire: the outcome, from the thief → the owner.
        match self.state.load(Ordering::Acquire) {
            0 => HalfState::Open,
            1 => HalfState::Ended,
            _ => HalfState::GivenBack,
        }
    }

    /// Writes how the half has ended: the thief's last access to the half. [JOIN-6]
    ///
    /// The caller then fences, and wakes the owner, whose number it has read before.
    ///
    /// # Safety
    ///
    /// The caller is the half's thief, and touches the half no more.
    pub(crate) unsafe fn settle(latch: NonNull<Self>, state: HalfState) {
        // SAFETY: the latch must be alive. The owner waits until it sees the store below. The
        // reference is to the atomic alone, which may go while the store returns.
        let word = unsafe { &(*latch.as_ptr()).state };
        step::end();
        // edge HALF release: the outcome → the owner.
        word.store(state as u32, Ordering::Release);
    }
}
