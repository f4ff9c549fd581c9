//! The books of a pool that counts.

use super::Sched;
use crate::numbers::Books;

impl Sched {
    /// Opens the books: the pool counts from now on. Its timings take one in so many tasks as a
    /// sample, or none for 0.
    pub(crate) fn open_books(&mut self, one_in: u32) {
        self.books = Some(Books::open(self.id, self.queues.workers(), one_in));
    }

    #[inline]
    pub(crate) fn books(&self) -> Option<&Books> {
        self.books.as_deref()
    }
}
