//! The edges that the API promises, as loom's objects: a clock beside a word or a queue's item.
//!
//! A release leaves the thread's past at the object, and an acquire takes all that lies there.
//! Both happen within the step that the pool is in: loom changes no threads there. (A Relaxed
//! store takes nothing away, though it would end a release sequence.)

use super::execution::state;
use super::failure::{Mode, Quiet, mode};
use crate::sync::trace::{What, caller, note};
use loom::sync::atomic::AtomicBool;
use loom::sync::mpsc::{Receiver, Sender, channel};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

/// The files whose words carry only what the pool itself needs. Their edges promise a user
/// nothing, so the specification has none of them: code that lives on one is found out.
const SILENT: &[&str] = &[
    "/sched/idle.rs",
    "/sched/outside.rs",
    "/sched/life.rs",
    "/sched/queues.rs",
    "/sched/ending.rs",
    "/sched/space.rs",
    "/sched/line.rs",
    "/numbers/",
    "/shed/",
    "/block/slab.rs",
    "/block/depot.rs",
    "/sync/lock.rs",
];

/// Says whether the words that are made in this file carry no promised edge.
fn is_silent(file: &str) -> bool {
    SILENT.iter().any(|silent| file.contains(silent))
}

/// Runs an operation of loom's as a part of the step that the caller is in. After a failure it
/// leaves loom alone.
fn quietly(operation: impl FnOnce()) {
    if mode() != Mode::Dead {
        let _quiet = Quiet::begin();
        operation();
    }
}

/// The clock of a word: an atomic of loom's that no thread ever changes. A word of a silent file
/// has none, nor has one that is made after the execution has failed.
///
/// The making of the word happens before its uses, as loom demands: its block comes to other
/// threads through a queue, or through the user's hands.
#[derive(Debug)]
pub(super) struct Edge(Option<AtomicBool>);

impl Edge {
    /// Makes the clock of a word that is made here.
    pub(super) fn of_word(made: &Location<'_>) -> Self {
        let silent = is_silent(made.file()) || mode() == Mode::Dead;
        Self((!silent).then(|| AtomicBool::new(false)))
    }

    /// Does what an operation with this ordering does.
    pub(super) fn order(&self, order: Ordering) {
        let Some(clock) = &self.0 else { return };
        if matches!(order, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst) {
            acquire(clock);
        } else if mode() != Mode::Dead {
            state().read_last.set(Some(NonNull::from(clock)));
        }
        if matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst) {
            quietly(|| {
                clock.swap(false, Ordering::Release);
            });
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        forget_last();
    }
}

/// A compare-exchange that always fails reads the newest value and stores nothing.
fn acquire(clock: &AtomicBool) {
    quietly(|| {
        let missed = clock.compare_exchange(true, true, Ordering::Relaxed, Ordering::Acquire);
        debug_assert!(missed.is_err(), "no thread ever stores true");
    });
}

/// Does what an Acquire fence does for the word that the step has read last. Every acquiring
/// fence of the pool stands behind the read that it is for.
pub(super) fn acquire_last() {
    if mode() == Mode::Dead {
        return;
    }
    if let Some(clock) = state().read_last.take() {
        // SAFETY: the clock must be alive. The step that ends, the word's destructor and the
        // freeing of a block each forget it.
        acquire(unsafe { clock.as_ref() });
    }
}

/// Forgets which word the step has read last: the word may be gone soon.
pub(super) fn forget_last() {
    if mode() != Mode::Dead {
        state().read_last.set(None);
    }
}

/// The edge from the push of an item to its take: a message of loom's, which takes the past of
/// the thread along that pushed.
pub(crate) struct Passage {
    message: Option<ManuallyDrop<(Sender<()>, Receiver<()>)>>,
    /// The line of the user's that submitted the item.
    line: Option<&'static Location<'static>>,
}

// SAFETY: another thread may use and drop the value. loom's channel asserts that it is used
// inside the execution only, and all threads of an execution share one OS thread.
unsafe impl Send for Passage {}

impl Passage {
    /// Begins the edge here.
    pub(crate) fn begin() -> Self {
        let mut message = None;
        quietly(|| {
            let (sender, receiver) = channel();
            sender.send(()).expect("the receiver is there");
            message = Some(ManuallyDrop::new((sender, receiver)));
        });
        Self { message, line: caller() }
    }

    /// Ends the edge here.
    pub(crate) fn end(self) {
        if let Some(message) = &self.message {
            quietly(|| message.1.recv().expect("the message was sent"));
        }
    }

    /// As [`end`](Self::end), and tells the trace that this thread takes the item.
    pub(super) fn end_by_take(self) {
        note(What::Takes, self.line);
        self.end();
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        // After a failure the channel stays, with its message: loom must not hear of it.
        if let Some(message) = self.message.take() {
            quietly(|| drop(ManuallyDrop::into_inner(message)));
        }
    }
}
