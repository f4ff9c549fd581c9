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
//!
//! The block has one owner per token (a runner, queued or running) and one for the consumer; they are counted, since tokens
//! come and go, and the last one frees. `active` counts the runners that will look at the ring again.

mod consume;
mod run;
mod stride;

use std::alloc::Layout;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use super::header::{Access, Header, VTable};
use super::state::State;
use super::work::{Outcome, drop_outcome};
use super::{block, unwind};
use crate::sync::cell::UnsafeCell;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::wait::Ready;

pub(crate) use consume::{Pulled, StreamRef};

const FREE: u32 = 0;
const PENDING: u32 = 1;
const DONE: u32 = 2;
const WAITER: u32 = 4;

/// How many items may be ahead: the first number at least, and up to the second if they are short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

/// How a stream is cut, and how far it runs ahead.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    /// Consecutive items that one worker does, if the caller said so.
    pub(crate) chunksize: Option<usize>,
    /// The most items that may have been pulled and not been yielded, if the caller said so.
    pub(crate) buffersize: Option<usize>,
    /// Whether outcomes come in the order of the items.
    pub(crate) ordered: bool,
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
/// | `claimed` | runners, and whoever refuses the rest |
/// | a slot's content | FREE: the consumer. PENDING: whoever claimed the number. DONE: the consumer |
/// | `ready` | runners push, the consumer takes all. Out of order only |
#[repr(C)]
struct Ring<A, T, E> {
    header: Header,
    // count owners: the consumer and each token of a stream. Raised by the consumer's refills, as
    // long as fewer tokens are active than there are workers, so at most to twice the workers and
    // one.
    owners: AtomicU32,
    // count active: the runners that will look at a stream's ring again. Raised with `owners`,
    // and by a runner that turns back: at most twice the workers.
    active: AtomicU32,
    /// The most runners that are of use.
    runners: u32,
    flow: Flow,
    // count published: the items of a stream, as `claimed`, and the consumer's `next` and
    // `taken`. Raised by each item; 2^64 are more than can be pulled.
    published: AtomicU64,
    claimed: AtomicU64,
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
        #[expect(clippy::cast_possible_truncation, reason = "the number of slots is a power of two")]
        let low = number as usize;
        low & (self.slots.len() - 1)
    }

    fn slot_of(&self, number: u64) -> usize {
        let at = self.place_of(number);
        if self.flow.ordered {
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
        // edge OWNERS release: this owner's last access → the last owner.
        // edge OWNERS acquire: those of all others → the last owner.
        if ring.owners.fetch_sub(1, Ordering::AcqRel) == 1 {
            let vtable = ring.header.vtable();
            // SAFETY: the caller was the last owner.
            unsafe { (vtable.free)(header) };
        }
    }
}

impl<M, A, T, E> Stream<M, A, T, E> {
    fn create(
        mapping: M,
        flow: Flow,
        window: Window,
        runners: usize,
        pool: u32,
        vtable: &'static VTable,
    ) -> NonNull<Header> {
        let slot =
            |_| Slot { state: AtomicU32::new(FREE), content: UnsafeCell::new(Content { nothing: () }) };
        let slots = window.most.next_power_of_two();
        let places = if flow.ordered { 0 } else { slots };
        let stream = Self {
            ring: Ring {
                header: Header::new(State::new(), pool, vtable),
                owners: AtomicU32::new(1),
                active: AtomicU32::new(0),
                runners: u32::try_from(runners.min(window.most)).expect("fewer runners than workers"),
                flow,
                published: AtomicU64::new(0),
                claimed: AtomicU64::new(0),
                ready: Ready::new(places),
                slots: (0..slots).map(slot).collect(),
                places: (0..places).map(|_| AtomicU32::new(0)).collect(),
            },
            mapping: UnsafeCell::new(MaybeUninit::new(mapping)),
        };
        let memory = block::alloc(Layout::new::<Self>()).cast::<Self>();
        // SAFETY: the memory is fresh and has the size and alignment of a `Self`.
        unsafe { memory.write(stream) };
        memory.cast()
    }

    /// There is no outcome of the whole.
    ///
    /// # Safety
    ///
    /// Never called.
    unsafe fn progress(_: NonNull<Header>) -> (usize, usize) {
        unreachable!("a stream has no handle that asks")
    }

    /// # Safety
    ///
    /// Never called.
    unsafe fn outcome(_: NonNull<Header>, _: Access) -> NonNull<()> {
        unreachable!("a stream has no outcome of its own")
    }

    /// # Safety
    ///
    /// Never called.
    unsafe fn drop_outcome(_: NonNull<Header>) {
        unreachable!("a stream has no outcome of its own")
    }

    /// # Safety
    ///
    /// See [`VTable::free`]. Every number was claimed and run or refused.
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the caller is the last owner: nobody else touches the stream.
        let stream = unsafe { header.cast::<Self>().as_mut() };
        for slot in 0..stream.ring.slots.len() {
            // Relaxed: the last owner has acquired every other owner's accesses.
            if stream.ring.slots[slot].state.load(Ordering::Relaxed) == DONE {
                // SAFETY: the last owner's, and DONE means an outcome that the consumer has not taken.
                let outcome = unsafe { stream.ring.take_outcome(slot) };
                // Whoever drops a stream has seen what it wanted to see.
                drop_outcome(outcome, unwind::drop_quietly, 0, true);
            }
        }
        stream.mapping.with_mut(|mapping| {
            // SAFETY: the last owner's; it is dropped once, here.
            unwind::drop_quietly(unsafe { mapping.cast::<M>().read() });
        });
        drop(std::mem::take(&mut stream.ring.slots));
        drop(std::mem::take(&mut stream.ring.places));
        // SAFETY: as for the mapping.
        unsafe { std::ptr::drop_in_place(&raw mut stream.ring.ready) };
        // SAFETY: what owned something is gone from the block, which was allocated with this layout.
        unsafe { block::free(header, Layout::new::<Self>()) };
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../../loom-tests/models/stream.rs"]
mod models;
