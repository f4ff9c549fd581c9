//! What a thread sleeps on in the table of timed waits.
//!
//! The standard library's own `park_timeout` would take away an unpark that the user's code has
//! sent to the thread. On macOS it also waits on a semaphore that a forked child does not have.

use super::clock::Deadline;
use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A flag that another thread puts up, for one sleep after the other.
pub(crate) struct Parker {
    /// The table that it serves.
    table: usize,
    is_unparked: Mutex<bool>,
    changed: Condvar,
}

std::thread_local! {
    /// The calling thread's, so that a sleep does not allocate.
    static OWN: Cell<Option<Arc<Parker>>> = const { Cell::new(None) };
}

/// Takes the calling thread's parker for this table, or makes one. A child of a fork has a new
/// table, so it does not use a parker that another thread of the parent may have held.
pub(crate) fn take(table: usize) -> Arc<Parker> {
    let own = OWN.try_with(Cell::take).ok().flatten();
    own.filter(|parker| parker.table == table).unwrap_or_else(|| {
        let (is_unparked, changed) = (Mutex::new(false), Condvar::new());
        Arc::new(Parker { table, is_unparked, changed })
    })
}

/// Keeps the parker for the thread's next sleep. No other thread may unpark it any more.
pub(crate) fn put_back(parker: Arc<Parker>) {
    *parker.lock() = false;
    // In the destructor of a thread-local there may be no place for it.
    let _ = OWN.try_with(|own| own.set(Some(parker)));
}

impl Parker {
    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.is_unparked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks the caller until it is unparked or the deadline has passed. Says whether it was
    /// unparked.
    pub(crate) fn park_until(&self, deadline: &Deadline) -> bool {
        let mut guard = self.lock();
        while !*guard {
            let left = deadline.left();
            if left.is_zero() {
                return false;
            }
            let woken = self.changed.wait_timeout(guard, left);
            guard = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(crate) fn unpark(&self) {
        *self.lock() = true;
        self.changed.notify_one();
    }
}
