//! Deques that order no more than crossbeam-deque's documentation promises, and an injector that
//! orders no more than ours promises: an **adversarially weak** stand-in.
//!
//! crossbeam's queues contain fences of their own, and a protocol that forgets its fence may
//! live on theirs. The documentation promises that a stolen item was pushed, that it is stolen
//! once, and that its content comes along. It promises nothing else. So here a push is a
//! Release operation, a take or a look is an Acquire operation, and no queue has a fence. A
//! look may say "empty" after a push has returned, because an Acquire load may read an older
//! value.
//!
//! One atomic word is the whole queue. Its low half is the index of the oldest item. Its high
//! half is the index after the newest item. A push is one addition. A take is a load and a
//! compare-exchange. A look is a load. The items lie in a table beside the word. loom does not
//! see the table: a push writes it in the same step as the index.
//!
//! **What it cannot show.** One word orders a little more than one slot per item would: a
//! taker also sees everything that came before each earlier push to this queue, whichever
//! thread pushed. `Retry` comes only from a lost race, and never for no reason. The
//! stand-in does not test the deque's own algorithm. The injector has models of its own, which
//! run `block/injector.rs`.

use super::{AtomicU64, Ordering};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

pub(crate) use crossbeam_deque::Steal;

#[derive(Clone, Copy)]
struct Span {
    oldest: u32,
    end: u32,
}

impl Span {
    /// A push adds this to the word for each item.
    const ONE: u64 = 1 << 32;

    fn of(word: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the word")]
        Self { oldest: word as u32, end: (word >> 32) as u32 }
    }

    fn word(self) -> u64 {
        u64::from(self.end) << 32 | u64::from(self.oldest)
    }

    fn len(self) -> usize {
        (self.end - self.oldest) as usize
    }
}

struct Queue<T> {
    span: AtomicU64,
    items: RefCell<Vec<Option<T>>>,
}

// SAFETY: no two threads may be inside `items` at once, and items must be fit to change
// threads. The threads of a model share one OS thread, and loom changes between them only
// inside its own operations. No such operation happens while `items` is borrowed. `T` is
// `Send`.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    fn new() -> Self {
        Self { span: AtomicU64::new(0), items: RefCell::default() }
    }

    /// Pushes the items in their order: the last one becomes the newest.
    fn push(&self, new: impl ExactSizeIterator<Item = T>) {
        let old = self.span.fetch_add(Span::ONE * new.len() as u64, Ordering::Release);
        // No operation of loom's follows, so the index and the items appear in one step.
        let mut items = self.items.borrow_mut();
        for (index, item) in (Span::of(old).end as usize..).zip(new) {
            if items.len() <= index {
                items.resize_with(index + 1, || None);
            }
            items[index] = Some(item);
        }
    }

    fn look(&self) -> Span {
        Span::of(self.span.load(Ordering::Acquire))
    }

    /// Replaces the word. Returns false if another thread was faster.
    fn replace(&self, seen: Span, left: Span) -> bool {
        self.span
            .compare_exchange(seen.word(), left.word(), Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    fn item(&self, index: u32) -> T {
        self.items.borrow_mut()[index as usize].take().expect("an index is taken once")
    }

    fn steal(&self) -> Steal<T> {
        let seen = self.look();
        if seen.len() == 0 {
            return Steal::Empty;
        }
        if !self.replace(seen, Span { oldest: seen.oldest + 1, end: seen.end }) {
            return Steal::Retry;
        }
        Steal::Success(self.item(seen.oldest))
    }

    fn pop(&self) -> Option<T> {
        loop {
            let seen = self.look();
            if seen.len() == 0 {
                return None;
            }
            let left = Span { oldest: seen.oldest, end: seen.end - 1 };
            if self.replace(seen, left) {
                return Some(self.item(left.end));
            }
        }
    }
}

/// A queue that any thread pushes to and takes from: the stand-in for `block/injector.rs`.
pub(crate) struct Injector<T>(Queue<T>);

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self(Queue::new())
    }

    pub(crate) fn push(&self, item: T) {
        self.0.push(std::iter::once(item));
    }

    pub(crate) fn take(&self) -> Option<T> {
        loop {
            match self.0.steal() {
                Steal::Success(item) => return Some(item),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        u64::from(self.0.look().oldest)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.look().len()
    }
}

/// A queue whose owner pushes and pops the newest item: see [`crossbeam_deque::Worker`].
pub(crate) struct Worker<T> {
    queue: Arc<Queue<T>>,
    /// The queue has one owner. It may go to another thread, but threads may not share it.
    _owned: PhantomData<std::cell::Cell<()>>,
}

impl<T> Worker<T> {
    pub(crate) fn new_lifo() -> Self {
        Self { queue: Arc::new(Queue::new()), _owned: PhantomData }
    }

    pub(crate) fn push(&self, item: T) {
        self.queue.push(std::iter::once(item));
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.queue))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.look().len()
    }
}

/// A worker's queue as a thief sees it: see [`crossbeam_deque::Stealer`].
pub(crate) struct Stealer<T>(Arc<Queue<T>>);

impl<T> Stealer<T> {
    pub(crate) fn steal(&self) -> Steal<T> {
        self.0.steal()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.look().len()
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
