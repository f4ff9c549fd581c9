//! One stream: a ring of slots that the consumer fills with items and empties of outcomes, and that runners work on between.
//!
//! Items are numbered as they are pulled. The consumer writes an item into a free slot and publishes its number; runners
//! claim numbers in order, run, and put the outcome into the same slot. In order, number `n` lies in slot `n % slots`; out
//! of order a slot is free again as soon as its outcome was taken, so a second ring says which slot a number lies in.
//!
//! | slot state | set by | means |
//! |---|---|---|
//! | FREE | consumer, having taken the outcome | nothing in it |
//! | PENDING | consumer, with the item | the item, until a runner that claimed the number takes it out |
//! | PENDING, WAITER | consumer, about to sleep | the same |
//! | DONE | runner | the outcome |
//! | …, NUDGED | runner that ran dry | the same; the consumer that sleeps for this slot is to pull more. It may come late, and then means nothing |
//!
//! The **crew** word says who works on the stream: how many runners are **active**, which means that they will look at the ring again,
//! and whether an **entry** of the stream lies in a queue. There is at most one entry; a worker that takes it becomes a runner and, if
//! there is more to do than its own item, sends the next. So one rule holds whenever the consumer is in code that is not its own (the
//! input, the caller): *a published item that nobody has claimed has an entry in a queue, or all runners that there may be are active*.
//!
//! | bit | name | set | cleared |
//! |---|---|---|---|
//! | 0-27 | ACTIVE | by a worker that takes the entry, or that has left and sees an item | by a runner that leaves or gives way |
//! | 28 | ASLEEP | by a consumer in order that could pull more, before it sleeps | by a runner that leaves and sees no item, which then nudges the consumer; by the consumer |
//! | 29 | DROPPED | with ENDED, by a consumer that has every outcome, and drops the function itself | never |
//! | 30 | ENDED | by the consumer that leaves: the last active runner drops the function, or the consumer if there is none | never |
//! | 31 | ENTRY | by the sender of an entry | by the worker that takes it |
//!
//! The block's owners are the consumer, the entry and the active runners; they are counted, and the last one frees. The function goes
//! earlier: with the last outcome that the consumer takes, or with the last active runner after ENDED.

mod consume;
mod run;
mod sleep;
mod wake_batch;

use std::alloc::Layout;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::block::{Entries, Header, Outcome, Owners, Places, drop_outcome, drop_quietly, memory};
use crate::sync::cell::UnsafeCell;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::wait::Ready;

pub(crate) use consume::StreamRef;
pub(crate) use sleep::Waited;

const FREE: u32 = 0;
const PENDING: u32 = 1;
const DONE: u32 = 2;
const WAITER: u32 = 4;
const NUDGED: u32 = 8;

/// In the crew word.
const ENTRY: u32 = 1 << 31;
const ENDED: u32 = 1 << 30;
const DROPPED: u32 = 1 << 29;
const ASLEEP: u32 = 1 << 28;
const ACTIVE: u32 = ASLEEP - 1;

/// How many items may be ahead: the first number at least, and up to the second if they are short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

/// How a stream is cut, and how far it runs ahead.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StreamOptions {
    /// Consecutive items that one worker does, if the caller said so.
    pub(crate) chunksize: Option<usize>,
    /// The most items that may have been pulled and not been yielded, if the caller said so.
    pub(crate) buffersize: Option<usize>,
    /// Whether outcomes come in the order of the items.
    pub(crate) ordered: bool,
}

impl StreamOptions {
    /// As the pool sees fit, in order or not.
    pub(crate) fn in_order(ordered: bool) -> Self {
        Self { ordered, ..Self::default() }
    }
}

struct Slot<A, T, E> {
    state: AtomicU32,
    content: UnsafeCell<Content<A, T, E>>,
}

union Content<A, T, E> {
    nothing: (),
    item: ManuallyDrop<A>,
    outcome: ManuallyDrop<Outcome<T, E>>,
}

/// What consumer and runners share, whatever the function.
///
/// # The field contract
///
/// | field | who, when |
/// |---|---|
/// | `published`, the places | the consumer writes, runners read |
/// | `claimed`, `crew` | runners, and the consumer |
/// | the function | runners through `&`, between claim and DONE; the consumer once it has every outcome; after ENDED the last active runner |
/// | a slot's content | FREE: the consumer. PENDING: whoever claimed the number. DONE: the consumer |
/// | `ready` | runners push, the consumer takes all. Out of order only |
#[repr(C)]
struct Ring<A, T, E> {
    header: Header,
    /// The consumer, the entry and each active runner.
    owners: Owners,
    /// Drops the function and the outcomes that the consumer has left: [`Stream::drop_function`], which only the block's maker
    /// could name.
    drop_function: unsafe fn(NonNull<Header>),
    /// The entry, while it lies in a queue.
    entries: Entries,
    /// The most runners that are of use.
    runners: u32,
    options: StreamOptions,
    /// The number whose outcome the consumer sleeps for. Written before ASLEEP.
    awaited: AtomicU64,
    // count crew: the active runners of a stream. Raised by a worker that takes the entry, of which
    // there is one, and by a runner that turns back: at most the workers of the pool and one.
    crew: CachePadded<AtomicU32>,
    // count published: the items of a stream, as `claimed`, and the consumer's `next` and
    // `taken`. Raised by each item; 2^64 are more than can be pulled.
    published: CachePadded<AtomicU64>,
    claimed: CachePadded<AtomicU64>,
    ready: Ready,
    /// A power of two of them.
    slots: Box<[Slot<A, T, E>]>,
    /// Which slot a number lies in, by the number modulo the ring. Empty in order.
    places: Box<[AtomicU32]>,
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
        // SAFETY: alive, and made as a `Stream`, whose first field is the ring, whose first field is the header.
        let ring = unsafe { header.cast::<Self>().as_ref() };
        ring.header.alive().touch();
        ring
    }

    /// The number's place in the ring.
    fn place_of(&self, number: u64) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the number of slots is a power of two"
        )]
        let low = number as usize;
        low & (self.slots.len() - 1)
    }

    fn slot_of(&self, number: u64) -> usize {
        let at = self.place_of(number);
        if self.options.ordered {
            at
        } else {
            // Relaxed: written before the number was published, and read by whoever has acquired that or wrote it; see
            // `claim` for why it cannot be overwritten meanwhile.
            self.places[at].load(Ordering::Relaxed) as usize
        }
    }

    /// # Safety
    ///
    /// The content is the caller's, and is an item, which it takes once.
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
    /// The content is the caller's, and is an outcome, which it takes once.
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
    /// The content is the caller's, and nothing is in it.
    #[inline]
    unsafe fn put(&self, slot: usize, content: Content<A, T, E>) {
        self.slots[slot].content.with_mut(|place| {
            // SAFETY: the caller's contract.
            unsafe { place.write(content) };
        });
    }

    /// One owner leaves; the last one frees.
    ///
    /// # Safety
    ///
    /// The caller is an owner, and touches the block no more.
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
            content: UnsafeCell::new(Content { nothing: () }),
        };
        let slots = window.most.next_power_of_two();
        let numbers = if options.ordered { 0 } else { slots };
        let stream = Self {
            ring: Ring {
                header,
                owners: Owners::one(),
                drop_function: Self::drop_function,
                entries: Entries::new(places),
                runners: u32::try_from(runners.min(window.most))
                    .expect("fewer runners than workers"),
                options,
                awaited: AtomicU64::new(0),
                crew: CachePadded::new(AtomicU32::new(0)),
                published: CachePadded::new(AtomicU64::new(0)),
                claimed: CachePadded::new(AtomicU64::new(0)),
                ready: Ready::new(numbers),
                slots: (0..slots).map(slot).collect(),
                places: (0..numbers).map(|_| AtomicU32::new(0)).collect(),
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

    /// Drops the function, with what it has captured, and the outcomes that the consumer has left.
    ///
    /// # Safety
    ///
    /// The function is the caller's, by the field contract, and is dropped once; the consumer has left, and no runner is active.
    unsafe fn drop_function(header: NonNull<Header>) {
        // SAFETY: the caller is an owner.
        let stream = unsafe { header.cast::<Self>().as_ref() };
        for slot in 0..stream.ring.slots.len() {
            // Relaxed: the caller has acquired every runner's accesses.
            if stream.ring.slots[slot].state.load(Ordering::Relaxed) & DONE != 0 {
                // SAFETY: the caller's, and DONE means an outcome that the consumer has not taken.
                let outcome = unsafe { stream.ring.take_outcome(slot) };
                // Whoever drops a stream has seen what it wanted to see.
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
        // SAFETY: the caller is the last owner: nobody else touches the stream.
        let stream = unsafe { header.cast::<Self>().as_mut() };
        drop(std::mem::take(&mut stream.ring.slots));
        drop(std::mem::take(&mut stream.ring.places));
        stream.ring.entries.end();
        // SAFETY: the last owner's; it is dropped once, here.
        unsafe { std::ptr::drop_in_place(&raw mut stream.ring.ready) };
        // SAFETY: what owned something is gone from the block, which was allocated with this layout.
        unsafe { memory::free(header, Layout::new::<Self>()) };
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../../loom-tests/models/stream.rs"]
mod models;
