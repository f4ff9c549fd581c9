use std::error::Error;
use std::fmt;

use crate::block::SubmitErrorKind;

/// The reason why a fed stream did not take an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// As many items are in flight as the window allows, and the call was not to wait, or not so
    /// long. Or other feeders wait already.
    Full,
    /// The stream takes no more items: a feeder has closed it, or its [`Results`](crate::Results)
    /// are gone or have yielded their end.
    Closed,
    /// The pool takes no more work: it was terminated, has ended or broke, or a
    /// [`join`](crate::ThreadPool::join) waits for its end, or this process is a fork.
    Ended(SubmitErrorKind),
    /// The window is full, and the calling thread is one of the pool's own. It could wait for
    /// itself, so it does not wait without a limit.
    WouldDeadlock,
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the stream's window is full"),
            Self::Closed => f.write_str("the stream is closed"),
            Self::Ended(kind) => write!(f, "{kind}"),
            Self::WouldDeadlock => f.write_str("waiting here would never end"),
        }
    }
}

/// Says why a fed stream did not take an item, and holds the item.
pub struct SendError<A> {
    kind: SendErrorKind,
    item: A,
}

impl<A> SendError<A> {
    pub(super) fn new(kind: SendErrorKind, item: A) -> Self {
        Self { kind, item }
    }

    /// Says why the stream did not take the item.
    ///
    /// # Cost
    ///
    /// The call reads a word. It does not block, allocate, run your code or wake a thread.
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// Gives the item back.
    ///
    /// # Cost
    ///
    /// The call moves the item. It does not block, allocate, run your code or wake a thread.
    pub fn into_item(self) -> A {
        self.item
    }
}

impl<A> fmt::Debug for SendError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<A> fmt::Display for SendError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<A> Error for SendError<A> {}
