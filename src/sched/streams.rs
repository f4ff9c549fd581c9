//! The streams of a pool: how many are open, and which of them are fed.

use std::fmt;
use std::sync::{Arc, Weak};

use super::Sched;
use super::in_hand::InHand;
use crate::sync::Lock;

/// A stream that other threads feed: what the pool's end calls.
pub(crate) trait FedStream: Send + Sync {
    /// Hears that the pool takes no more items. The call wakes threads, and calls wakers.
    fn cut(&self);
}

/// The fed streams of a pool. A stream that is gone leaves its `Weak` behind until the next one
/// enters.
pub(super) struct FedStreams(Lock<Vec<Weak<dyn FedStream>>>);

impl Default for FedStreams {
    fn default() -> Self {
        Self(Lock::new(Vec::new()))
    }
}

impl fmt::Debug for FedStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FedStreams")
    }
}

impl FedStreams {
    fn enter(&self, stream: Weak<dyn FedStream>) {
        self.0.with(|streams| {
            streams.retain(|stream| stream.strong_count() > 0);
            streams.push(stream);
        });
    }

    /// Tells all of them. The caller has changed the life word before. A stream that enters
    /// later looks at the life word itself, after this thread has let go of the lock.
    pub(super) fn cut(&self) {
        let streams: Vec<Arc<_>> =
            self.0.with(|streams| streams.iter().filter_map(Weak::upgrade).collect());
        streams.iter().for_each(|stream| stream.cut());
    }
}

impl Sched {
    /// Opens a stream. The closed pool does not end while the stream is open. False if the
    /// pool takes no more work. \[LIFE-8, LIFE-10]
    #[must_use]
    pub(crate) fn open_stream(&self, by_worker: bool, by_permit: bool) -> bool {
        loop {
            if self.life.open_stream(by_worker, by_permit) {
                return true;
            }
            if !by_permit || !self.life.takes_permits() {
                return false;
            }
            // A last look has ended since, and the pool goes on.
        }
    }

    /// Closes a stream: its consumer pulls no more.
    pub(crate) fn close_stream(&self) {
        self.finish_drain_from_outside(self.life.close_stream(), InHand::NONE);
    }

    /// Says whether the consumer of an open stream may go on pulling.
    pub(crate) fn may_pull(&self) -> bool {
        self.life.may_pull()
    }

    /// Stops open streams from holding the end off, for a thread that waits for the end
    /// without a time limit. [LIFE-9]
    pub(crate) fn stop_streams(&self) {
        let drain = self.life.raise_joining();
        // This thread ends the last look before it runs wakers, which may wait for the pool's end
        // or use a permit.
        self.finish_drain_from_outside(drain, InHand::NONE);
        self.fed.cut(); // [FED-3]
    }

    /// Enters a fed stream, which is open. It hears when the pool takes no more items. If that
    /// has come already, it hears at once.
    pub(crate) fn enter_fed(&self, stream: Weak<dyn FedStream>) {
        self.fed.enter(stream);
        if !self.may_pull() {
            self.fed.cut();
        }
    }
}
