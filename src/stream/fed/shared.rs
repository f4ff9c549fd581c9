//! What the feeders and the consumer of a fed stream share, under one lock.
//!
//! ```text
//!             joins the line            a slot is free (grant)
//!   a feeder ───────────────▶ in line ─────────────────────▶ granted ──▶ its item is in
//!      │                         │  │                           │
//!      │ a slot is free          │  └── gives up ──▶ gone       └── gives up: the next is granted
//!      └──▶ its item is in       └───── the stream closes ──▶ its item comes back
//! ```
//!
//! *Window.* Items in flight and granted slots are never more than the window. A newcomer
//! takes a free slot only if one is neither used nor granted, and then the line is empty.
//!
//! *Feeder.* A feeder joins the line under the lock. Whatever frees a slot or closes the stream
//! takes it out of the line under the lock, and rings its bell afterwards. [FED-4]
//!
//! *Consumer.* It asks for the next outcome in the ring, or under the lock if nothing is in
//! flight. The outcome, the close, the cut and an entry that came too late ring its bell.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::block::{Outcome, TaskRef};
use crate::sched::FedStream;
use crate::stream::ring::{Bell, FeedRef, StreamRef};
use crate::sync::Lock;

/// What became of an item that was offered.
pub(super) enum Offer<A> {
    /// It is in. The entry, if there is one, must go into a queue.
    In(Option<TaskRef>),
    Full(A),
    Closed(A),
}

/// A feeder that stands in the line.
pub(super) struct Turn {
    ticket: u64,
    pub(super) bell: Arc<Bell>,
}

/// How a stream without a finished outcome stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flow {
    /// An outcome or an item will come, or the close.
    On,
    /// An entry came too late: perhaps no worker will run what is in flight.
    Late,
    /// Nothing is in flight, and nothing will come. `cut` says that the pool's end was the
    /// reason.
    Over { cut: bool },
}

/// What a feeder needs of a stream, whatever the types of its outcomes.
pub(super) trait Intake<A>: Send + Sync {
    /// Offers an item. With `waits` the feeder joins the line if the window is full. A feeder
    /// that has a turn is in if its slot was granted.
    fn offer(&self, item: A, turn: &mut Option<Turn>, waits: bool) -> Offer<A>;
    /// Gives a turn up: the slot, if it was granted, goes to the next in line.
    fn give_up(&self, turn: Turn);
    /// Lets no more items in. True if the pool must hear that the stream is closed.
    fn close(&self) -> bool;
    /// Says that the entry that an offer gave out was sent, and whether it came too late. True if
    /// the pool must hear that the stream is closed.
    fn sent(&self, late: bool) -> bool;
}

struct Core<A, T, E> {
    feed: FeedRef<A, T, E>,
    /// The items that are in, and whose outcomes the consumer has not taken.
    in_flight: usize,
    /// The slots that feeders have been granted and do not use yet.
    granted: usize,
    // count tickets: all feeders that ever waited, which 64 bits count without an end.
    tickets: u64,
    /// The feeders that wait, in the order in which they came.
    line: VecDeque<Turn>,
    /// Whether items may come in.
    open: bool,
    /// Whether the pool's end has closed the stream.
    cut: bool,
    /// Whether the pool still counts the stream as open. It does until the last entry is sent.
    counted: bool,
    /// The entries that feeders are about to send.
    sending: usize,
    /// Whether an entry came too late, so that perhaps no worker runs what is in flight.
    late: bool,
    /// Whether the consumer waits for the outcome of the next item.
    asked: bool,
}

pub(super) struct Shared<A, T, E> {
    core: Lock<Core<A, T, E>>,
    /// Wakes the consumer.
    pub(super) bell: Arc<Bell>,
}

impl<A, T, E> Core<A, T, E> {
    fn has_room(&self) -> bool {
        self.in_flight + self.granted < self.feed.window()
    }

    fn put(&mut self, item: A) -> Offer<A> {
        self.in_flight += 1;
        let asked = std::mem::take(&mut self.asked);
        let entry = self.feed.feed(item, asked);
        self.sending += usize::from(entry.is_some());
        Offer::In(entry)
    }

    /// True, once, when the pool is to hear that the stream is closed.
    fn uncount(&mut self) -> bool {
        !self.open && self.sending == 0 && std::mem::take(&mut self.counted)
    }

    fn position(&self, turn: &Turn) -> Option<usize> {
        self.line.binary_search_by_key(&turn.ticket, |waiting| waiting.ticket).ok()
    }

    /// Grants a free slot to the first in line. Returns its bell, to be rung without the lock.
    fn grant(&mut self) -> Option<Arc<Bell>> {
        if !self.open || !self.has_room() {
            return None;
        }
        let first = self.line.pop_front()?;
        self.granted += 1;
        Some(first.bell)
    }

    /// Lets no more items in, and returns the bells of those who wait.
    fn shut(&mut self) -> VecDeque<Turn> {
        self.open = false;
        std::mem::take(&mut self.line)
    }
}

impl<A: Send, T: Send, E: Send> Shared<A, T, E> {
    pub(super) fn new(stream: &mut StreamRef<A, T, E>) -> Self {
        let bell = Arc::new(Bell::new());
        let feed = stream.split(Arc::clone(&bell));
        Self {
            core: Lock::new(Core {
                feed,
                in_flight: 0,
                granted: 0,
                tickets: 0,
                line: VecDeque::new(),
                open: true,
                cut: false,
                counted: true,
                sending: 0,
                late: false,
                asked: false,
            }),
            bell,
        }
    }

    /// Takes the next outcome, if it is there, and gives its slot to the feeders.
    pub(super) fn take(&self, stream: &mut StreamRef<A, T, E>) -> Option<Outcome<T, E>> {
        stream.see_items();
        let outcome = stream.try_take()?;
        let emptied = stream.emptied();
        let bell = self.core.with(|core| {
            core.feed.take_back(emptied);
            core.in_flight -= 1;
            core.grant()
        });
        ring_all(bell);
        Some(outcome)
    }

    /// Says how the stream stands, for a consumer that has found no outcome.
    pub(super) fn flow(&self) -> Flow {
        self.core.with(|core| match core {
            Core { open: false, in_flight: 0, cut, .. } => Flow::Over { cut: *cut },
            Core { late: true, .. } => Flow::Late,
            _ => Flow::On,
        })
    }

    /// Says whether the consumer has nothing to wait for but the feeders.
    pub(super) fn is_idle(&self) -> bool {
        self.core.with(|core| core.in_flight == 0)
    }

    /// Asks for a ring at the next outcome, or at the end. False: the consumer must look again.
    /// The consumer has made its bell quiet before. [FED-2]
    pub(super) fn ask(&self, stream: &mut StreamRef<A, T, E>) -> bool {
        let idle = self.core.with(|core| {
            if core.in_flight > 0 {
                return Some(false);
            }
            core.asked = core.open && stream.is_ordered();
            core.open.then_some(true)
        });
        match idle {
            None => false,
            Some(true) if stream.is_ordered() => true,
            Some(_) => stream.ask(),
        }
    }

    /// Ends the consumer's part: no more items come in. True if the pool must hear that the
    /// stream is closed.
    pub(super) fn leave(&self) -> bool {
        Intake::close(self)
    }

    fn end(&self, cut: bool) -> bool {
        let (waiting, uncounted) = self.core.with(|core| {
            core.cut |= cut && core.open;
            let waiting = core.shut();
            // After a cut the pool's count goes down when a feeder or the consumer closes.
            (waiting, !cut && core.uncount())
        });
        ring_all(waiting.into_iter().map(|turn| turn.bell));
        self.bell.ring();
        uncounted
    }
}

impl<A: Send, T: Send, E: Send> Intake<A> for Shared<A, T, E> {
    fn offer(&self, item: A, turn: &mut Option<Turn>, waits: bool) -> Offer<A> {
        self.core.with(|core| {
            if !core.open {
                *turn = None;
                return Offer::Closed(item);
            }
            match turn {
                Some(waiting) if core.position(waiting).is_some() => Offer::Full(item),
                Some(_) => {
                    *turn = None;
                    core.granted -= 1;
                    core.put(item)
                }
                None if core.has_room() => core.put(item),
                None => {
                    if waits {
                        core.tickets += 1;
                        let (ticket, bell) = (core.tickets, Arc::new(Bell::new()));
                        core.line.push_back(Turn { ticket, bell: Arc::clone(&bell) });
                        *turn = Some(Turn { ticket, bell });
                    }
                    Offer::Full(item)
                }
            }
        })
    }

    fn give_up(&self, turn: Turn) {
        let bell = self.core.with(|core| match core.position(&turn) {
            Some(at) => {
                core.line.remove(at);
                None
            }
            None if core.open => {
                core.granted -= 1;
                core.grant()
            }
            None => None,
        });
        ring_all(bell);
    }

    fn close(&self) -> bool {
        self.end(false)
    }

    fn sent(&self, late: bool) -> bool {
        let uncounted = self.core.with(|core| {
            core.sending -= 1;
            core.late |= late;
            core.uncount()
        });
        if late {
            self.bell.ring();
        }
        uncounted
    }
}

impl<A: Send, T: Send, E: Send> FedStream for Shared<A, T, E> {
    fn cut(&self) {
        self.end(true);
    }
}

fn ring_all(bells: impl IntoIterator<Item = Arc<Bell>>) {
    bells.into_iter().for_each(|bell| bell.ring());
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../../loom-tests/models/fed.rs"]
mod models;

#[cfg(all(test, not(loom)))]
#[path = "late_tests.rs"]
mod late_tests;
