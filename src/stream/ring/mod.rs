//! One stream: a ring of slots. The consumer fills the slots with items and empties them of
//! outcomes, and runners work on them in between.
//!
//! The consumer numbers the items as it pulls them. It writes an item into a free slot and
//! publishes the item's number. Runners claim numbers in order, run the items, and put each
//! outcome into the slot of its item. In order, number `n` lies in slot `n % slots`. Out of
//! order, a slot is free again as soon as the consumer has taken its outcome. So a second
//! ring, the places, says in which slot a number lies.
//!
//! | slot state | set by | means |
//! |---|---|---|
//! | FREE | consumer, when it has taken the outcome | the slot is empty |
//! | PENDING | consumer, with the item | the item is there, until the claimer takes it out |
//! | PENDING, WAITER | consumer, about to sleep | as PENDING |
//! | DONE | runner | the outcome is there |
//! | …, NUDGED | runner that ran dry | as before; the sleeping consumer is to pull more |
//!
//! The claimer is the runner that has claimed the number. NUDGED tells the consumer that
//! sleeps for this slot. It may come late, and means nothing then.
//!
//! The **crew** word says which runners work on the stream. It counts the **active** runners:
//! those that will look at the ring again. It also says whether an **entry** of the stream
//! lies in a queue. There is at most one entry. A worker that takes it becomes a runner. If
//! there is more to do than the runner's own item, the runner sends the next entry. So one
//! rule holds whenever the consumer is in code that is not its own (the input, the caller):
//! *if no runner has claimed a published item, an entry lies in a queue, or all runners that
//! there may be are active.*
//!
//! | bit | name | set | cleared |
//! |---|---|---|---|
//! | 0-27 | ACTIVE | by a worker that takes the entry | by a runner that leaves or gives way |
//! | | | by a runner that has left and sees an item | |
//! | 28 | ASLEEP | by a consumer in order, before it sleeps | by the consumer |
//! | | | | by a runner that leaves and sees no item |
//! | 29 | DROPPED | with ENDED, by a consumer that has every outcome | never |
//! | 30 | ENDED | by the consumer that leaves | never |
//! | 31 | ENTRY | by the thread that sends an entry | by the thread that takes it |
//!
//! A consumer sets ASLEEP only if it could pull more. The runner that clears ASLEEP then
//! nudges the consumer. With DROPPED the consumer drops the function itself. With ENDED alone,
//! the last active runner drops the function, or the consumer if no runner is active.
//!
//! A stream may be fed: then a [`FeedRef`] puts the items in, on another thread than the
//! consumer's. `feed.rs` says what changes.
//!
//! The block's owners are the consumer, the feeding half if there is one, the entry and the
//! active runners. `owners` counts them,
//! and the last owner frees the block. The function goes earlier: when the consumer that has
//! every outcome leaves, or with the last active runner after ENDED.

mod bell;
mod consume;
mod feed;
mod nap;
mod run;
mod sleep;
mod wake_batch;

use std::alloc::Layout;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::block::{
    Entries, Header, Outcome, Owners, Places, SubmitErrorKind, drop_outcome, drop_quietly, memory,
};
use crate::sync::cell::UnsafeCell;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::wait::Ready;
use nap::{FEW_RUNNERS, Nap};

pub(crate) use bell::Bell;
pub(crate) use consume::StreamRef;
pub(crate) use feed::FeedRef;
pub(crate) use sleep::Waited;

const FREE: u32 = 0;
const PENDING: u32 = 1;
const DONE: u32 = 2;
const WAITER: u32 = 4;
const NUDGED: u32 = 8;

/// The bits of the crew word.
const ENTRY: u32 = 1 << 31;
const ENDED: u32 = 1 << 30;
const DROPPED: u32 = 1 << 29;
const ASLEEP: u32 = 1 << 28;
const ACTIVE: u32 = ASLEEP - 1;

/// How many items may be ahead of the consumer.
///
/// Up to `least` may be, always. More may be, up to `most`, as long as few of them wait for a
/// runner: see [`StreamRef::has_enough`]. If the two numbers are equal, the window is fixed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

/// How a stream is cut into chunks, and how far it runs ahead.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StreamOptions {
    /// How many items a runner does before it may give way, if the caller has said so.
    pub(crate) chunksize: Option<usize>,
    /// How many items may be pulled and not yet yielded, at most, if the caller has said so.
    pub(crate) buffersize: Option<usize>,
    /// Whether the outcomes come in the order of the items.
    pub(crate) ordered: bool,
    /// Whether the pool counts.
    pub(crate) counted: bool,
}

impl StreamOptions {
    /// Leaves all to the pool, except whether the outcomes come in order.
    pub(crate) fn in_order(ordered: bool) -> Self {
        Self { ordered, ..Self::default() }
    }

    /// Says what is wrong with the sizes, if anything is.
    pub(crate) fn fault(&self) -> Option<SubmitErrorKind> {
        match self {
            Self { chunksize: Some(0), .. } => Some(SubmitErrorKind::InvalidChunkSize),
            Self { buffersize: Some(0), .. } => Some(SubmitErrorKind::InvalidBufferSize),
            _ => None,
        }
    }
}

struct Slot<A, T, E> {
    state: AtomicU32,
    /// The link of `ready`. Beside the state, which its writer writes and its reader reads too.
    link: AtomicU32,
    content: UnsafeCell<Content<A, T, E>>,
}

union Content<A, T, E> {
    nothing: (),
    item: ManuallyDrop<A>,
    outcome: ManuallyDrop<Outcome<T, E>>,
}

/// What the consumer and the runners share, whatever the type of the function.
///
/// # The field contract
///
/// | field | who may touch it, and when |
/// |---|---|
/// | `published`, the places | the consumer writes (or the feeding half), runners read |
/// | `claimed`, `crew` | runners, and the consumer |
/// | the function | runners through `&`, between claim and DONE |
/// | | the consumer, once it has every outcome |
/// | | after ENDED the last active runner, or the consumer if there is none |
/// | a slot's content | FREE: the consumer (or the feeding half) |
/// | | PENDING: the thread that claimed the number; before that the consumer |
/// | | DONE: the consumer; when it has left, the thread that drops the function |
/// | `ready`, `nap` | out of order only: one of the two, see `nap.rs` |
#[repr(C)]
struct Ring<A, T, E> {
    header: Header,
    /// Counts the consumer, the entry and each active runner.
    owners: Owners,
    /// Drops the function and the outcomes that the consumer has left. It is
    /// [`Stream::drop_function`], which only the code that makes the block can name.
    drop_function: unsafe fn(NonNull<Header>),
    /// Counts the entry while it lies in a queue.
    entries: Entries,
    /// How many runners are of use, at most.
    runners: u32,
    options: StreamOptions,
    /// Wakes the consumer of a fed stream. None for a stream that pulls its input.
    bell: Option<Arc<Bell>>,
    /// The number for whose outcome the consumer sleeps. The consumer writes it before it sets
    /// ASLEEP.
    awaited: AtomicU64,
    // count crew: the active runners of a stream. A thread that takes the entry raises the
    // count, and there is one entry. A runner that comes back raises it too. At most the
    // workers of the pool and one are active.
    crew: CachePadded<AtomicU32>,
    // count published: the items of a stream. So do `claimed`, and the consumer's `next` and
    // `taken`. Each item raises the count, and no stream can pull 2^64 items.
    published: CachePadded<AtomicU64>,
    claimed: CachePadded<AtomicU64>,
    /// On lines of its own: runners write it with each outcome, and all threads read the fields
    /// below with each item.
    ready: CachePadded<Ready>,
    /// On lines of its own: runners read it with each outcome.
    nap: CachePadded<Nap>,
    /// Whether the consumer of a stream out of order looks at the slots itself, and uses `nap`.
    looks_itself: bool,
    /// Their number is a power of two.
    slots: Box<[Slot<A, T, E>]>,
    /// In which slot a number lies, by the number modulo the ring. Empty in order.
    slot_numbers: Box<[AtomicU32]>,
}

#[repr(C)]
struct Stream<M, A, T, E> {
    ring: Ring<A, T, E>,
    mapping: UnsafeCell<MaybeUninit<M>>,
}

impl<A, T, E> Ring<A, T, E> {
    /// # Safety
    ///
    /// The block is alive for as long as the reference is used, and its ring is of this type.
    #[inline]
    unsafe fn of<'a>(header: NonNull<Header>) -> &'a Self {
        // SAFETY: the block is alive and was made as a `Stream`. Its first field is the ring,
        // whose first field is the header.
        let ring = unsafe { header.cast::<Self>().as_ref() };
        ring.header.alive().touch();
        ring
    }

    /// Returns the number's index in the ring.
    fn index_of(&self, number: u64) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the number of slots is a power of two"
        )]
        let low = number as usize;
        low & (self.slots.len() - 1)
    }

    fn slot_of(&self, number: u64) -> usize {
        let at = self.index_of(number);
        if self.options.ordered {
            at
        } else {
            // Relaxed: the consumer wrote the slot number before it published the number. The
            // reader has acquired the publication, or is the consumer. If a later number has
            // overwritten it meanwhile, the reader's claim fails: see `claim`.
            self.slot_numbers[at].load(Ordering::Relaxed) as usize
        }
    }

    /// # Safety
    ///
    /// The content is the caller's and is an item. The caller takes it once.
    #[inline]
    unsafe fn take_item(&self, slot: usize) -> A {
        self.slots[slot].content.with_mut(|content| {
            // SAFETY: the caller's contract.
            let content = unsafe { &mut *content };
            // SAFETY: the caller's contract.
            let item = unsafe { &mut content.item };
            // SAFETY: the caller's contract.
            unsafe { ManuallyDrop::take(item) }
        })
    }

    /// # Safety
    ///
    /// The content is the caller's and is an outcome. The caller takes it once.
    #[inline]
    unsafe fn take_outcome(&self, slot: usize) -> Outcome<T, E> {
        self.slots[slot].content.with_mut(|content| {
            // SAFETY: the caller's contract.
            let content = unsafe { &mut *content };
            // SAFETY: the caller's contract.
            let outcome = unsafe { &mut content.outcome };
            // SAFETY: the caller's contract.
            unsafe { ManuallyDrop::take(outcome) }
        })
    }

    /// # Safety
    ///
    /// The content is the caller's, and the slot is empty.
    #[inline]
    unsafe fn put(&self, slot: usize, content: Content<A, T, E>) {
        self.slots[slot].content.with_mut(|old| {
            // SAFETY: the caller's contract.
            unsafe { old.write(content) };
        });
    }

    /// Takes one owner off the block. The last owner frees the block.
    ///
    /// # Safety
    ///
    /// The caller is an owner, and does not touch the block afterwards.
    unsafe fn leave(header: NonNull<Header>) {
        // SAFETY: the caller is an owner.
        let ring = unsafe { Self::of(header) };
        if ring.owners.leave() {
            let vtable = ring.header.vtable();
            // SAFETY: the caller was the last owner.
            unsafe { (vtable.free)(header) };
        }
    }
}

impl<M, A, T, E> Stream<M, A, T, E> {
    fn create(
        mapping: M,
        options: StreamOptions,
        window: Window,
        runners: usize,
        header: Header,
        places: Option<Arc<dyn Places>>,
    ) -> NonNull<Header> {
        let slot = |_| Slot {
            state: AtomicU32::new(FREE),
            link: AtomicU32::new(0),
            content: UnsafeCell::new(Content { nothing: () }),
        };
        let slots = window.most.next_power_of_two();
        let numbers = if options.ordered { 0 } else { slots };
        let runners = u32::try_from(runners.min(window.most)).expect("fewer runners than workers");
        let stream = Self {
            ring: Ring {
                header,
                owners: Owners::one(),
                drop_function: Self::drop_function,
                entries: Entries::new(places),
                runners,
                options,
                bell: None,
                awaited: AtomicU64::new(0),
                crew: CachePadded::new(AtomicU32::new(0)),
                published: CachePadded::new(AtomicU64::new(0)),
                claimed: CachePadded::new(AtomicU64::new(0)),
                ready: CachePadded::new(Ready::new()),
                nap: CachePadded::new(Nap::new()),
                looks_itself: !options.ordered && runners <= FEW_RUNNERS,
                slots: (0..slots).map(slot).collect(),
                slot_numbers: (0..numbers).map(|_| AtomicU32::new(0)).collect(),
            },
            mapping: UnsafeCell::new(MaybeUninit::new(mapping)),
        };
        let memory = memory::alloc(Layout::new::<Self>()).cast::<Self>();
        // SAFETY: the memory is fresh and has the size and alignment of a `Self`.
        unsafe { memory.write(stream) };
        memory.cast()
    }

    /// # Safety
    ///
    /// See [`VTable::entries`].
    unsafe fn entries(header: NonNull<Header>) -> NonNull<Entries> {
        // SAFETY: the block is alive.
        NonNull::from(unsafe { &Ring::<A, T, E>::of(header).entries })
    }

    /// Drops the function, with all that it has captured, and the outcomes that the consumer
    /// has left.
    ///
    /// # Safety
    ///
    /// The function is the caller's, by the field contract, and is dropped once. The consumer
    /// has left and takes no more outcomes. No runner writes another outcome.
    unsafe fn drop_function(header: NonNull<Header>) {
        // SAFETY: the caller is an owner.
        let stream = unsafe { header.cast::<Self>().as_ref() };
        for slot in 0..stream.ring.slots.len() {
            // Relaxed: the caller has acquired every runner's accesses.
            if stream.ring.slots[slot].state.load(Ordering::Relaxed) & DONE != 0 {
                // SAFETY: the content is the caller's. DONE says that it is an outcome that
                // the consumer has not taken.
                let outcome = unsafe { stream.ring.take_outcome(slot) };
                // The thread that dropped the stream has seen what it wanted to see.
                drop_outcome(outcome, drop_quietly, 0, true);
            }
        }
        stream.mapping.with_mut(|mapping| {
            // SAFETY: the caller's contract.
            drop_quietly(unsafe { mapping.cast::<M>().read() });
        });
    }

    /// # Safety
    ///
    /// See [`VTable::free`]. The function is gone, and so is every outcome.
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the caller is the last owner: no other thread touches the stream.
        let stream = unsafe { header.cast::<Self>().as_mut() };
        drop(std::mem::take(&mut stream.ring.slots));
        drop(std::mem::take(&mut stream.ring.slot_numbers));
        stream.ring.entries.end();
        stream.ring.bell = None;
        // SAFETY: every field that owned something is gone, and the block was allocated with
        // this layout.
        unsafe { memory::free(header, Layout::new::<Self>()) };
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../../loom-tests/models/stream.rs"]
mod models;
