use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::SendError;
use super::feeder::Inlet;
use super::shared::Turn;

/// Waits until an item is in a fed stream: what
/// [`Feeder::send_async`](crate::Feeder::send_async) returns.
///
/// It has its turn in the line from its first poll on. Dropping it gives the turn on, and drops
/// the item unless it is in the stream. It belongs to no particular runtime.
#[must_use = "a future does nothing until it is polled"]
pub struct Sending<'a, A> {
    inlet: &'a Inlet<A>,
    /// None once the item is in, or has been given back.
    item: Option<A>,
    turn: Option<Turn>,
}

// The item is never pinned: it moves into the stream.
impl<A> Unpin for Sending<'_, A> {}

impl<'a, A> Sending<'a, A> {
    pub(super) fn new(inlet: &'a Inlet<A>, item: A) -> Self {
        Self { inlet, item: Some(item), turn: None }
    }

    /// Offers the item. True if it has to wait, and is back in this future.
    fn offer(&mut self) -> Result<bool, SendError<A>> {
        let item = self.item.take().expect("a future is not polled after it was ready");
        self.item = self.inlet.offer(item, &mut self.turn, true)?;
        Ok(self.item.is_some())
    }
}

impl<A> Future for Sending<'_, A> {
    type Output = Result<(), SendError<A>>;

    /// # Panics
    ///
    /// The poll panics after the future was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.offer()? {
            return Poll::Ready(Ok(()));
        }
        if let Some(turn) = &self.turn {
            turn.bell.leave_waker(context.waker());
        }
        // The slot may have been granted before the waker was there.
        if self.offer()? { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl<A> Drop for Sending<'_, A> {
    fn drop(&mut self) {
        self.turn.take().into_iter().for_each(|turn| self.inlet.give_up(turn));
    }
}

impl<A> fmt::Debug for Sending<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("waits", &self.turn.is_some()).finish_non_exhaustive()
    }
}
