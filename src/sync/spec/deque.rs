//! The queues: lists in plain memory. An item carries the edge from its push to its take.
//!
//! No operation of loom's stands between a look and a take, so no take is ever lost to another
//! thread, and `Retry` never comes.

use super::edge::Passage;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;

pub(crate) use crossbeam_deque::Steal;

/// The oldest item comes first.
struct Queue<T>(RefCell<VecDeque<(T, Passage)>>);

// SAFETY: no two threads may be inside the list at once, and items must be fit to change
// threads. The threads of a model share one OS thread, and loom changes between them only
// inside its own operations. No such operation happens while the list is borrowed. `T` is
// `Send`.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    fn new() -> Self {
        Self(RefCell::default())
    }

    fn push(&self, item: T) {
        self.0.borrow_mut().push_back((item, Passage::begin()));
    }

    fn oldest(&self) -> Option<T> {
        let taken = self.0.borrow_mut().pop_front();
        taken.map(Self::received)
    }

    fn newest(&self) -> Option<T> {
        let taken = self.0.borrow_mut().pop_back();
        taken.map(Self::received)
    }

    fn received((item, passage): (T, Passage)) -> T {
        passage.end_by_take();
        item
    }

    fn steal(&self) -> Steal<T> {
        self.oldest().map_or(Steal::Empty, Steal::Success)
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

/// A queue that any thread pushes to and takes from: the stand-in for `block/injector.rs`.
pub(crate) struct Injector<T>(Queue<T>);

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self(Queue::new())
    }

    pub(crate) fn push(&self, item: T) {
        self.0.push(item);
    }

    pub(crate) fn take(&self) -> Option<T> {
        self.0.oldest()
    }

    /// Returns 0. No worker polls in a model, so none asks how many entries others have taken.
    pub(crate) fn taken(&self) -> u64 {
        0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A queue whose owner pushes and pops the newest item: see [`crossbeam_deque::Worker`].
pub(crate) struct Worker<T> {
    queue: Arc<Queue<T>>,
    /// The queue has one owner. It may go to another thread, but threads may not share it.
    _owned: PhantomData<Cell<()>>,
}

impl<T> Worker<T> {
    pub(crate) fn new_lifo() -> Self {
        Self { queue: Arc::new(Queue::new()), _owned: PhantomData }
    }

    pub(crate) fn push(&self, item: T) {
        self.queue.push(item);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.newest()
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.queue))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
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
        self.0.len()
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
