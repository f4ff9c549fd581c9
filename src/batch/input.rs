use std::fmt;

/// The input of a batch that the pool has refused: an iterator over the items, to be submitted
/// again.
///
/// It is unread, unless the pool was closed while the submitter read it. Then it yields the items
/// that were read.
pub struct Input<I: Iterator>(Items<I>);

enum Items<I: Iterator> {
    Unread(I),
    /// The submitter had collected the items. Then the pool took no more work, and gave them back.
    Collected(std::vec::IntoIter<I::Item>),
}

impl<I: Iterator> Input<I> {
    pub(super) fn unread(items: I) -> Self {
        Self(Items::Unread(items))
    }

    pub(super) fn collected(items: Vec<I::Item>) -> Self {
        Self(Items::Collected(items.into_iter()))
    }

    pub(super) fn read(self) -> Vec<I::Item> {
        match self.0 {
            Items::Unread(items) => items.collect(),
            Items::Collected(items) => items.collect(),
        }
    }

    /// Says how many items there are, if the submitter has read them.
    pub(super) fn items(&self) -> Option<usize> {
        match &self.0 {
            Items::Unread(_) => None,
            Items::Collected(items) => Some(items.len()),
        }
    }
}

impl<I: Iterator> Iterator for Input<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        match &mut self.0 {
            Items::Unread(items) => items.next(),
            Items::Collected(items) => items.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Items::Unread(items) => items.size_hint(),
            Items::Collected(items) => items.size_hint(),
        }
    }
}

impl<I: Iterator> fmt::Debug for Input<I> {
    /// Asks the input nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("items", &self.items()).finish_non_exhaustive()
    }
}
