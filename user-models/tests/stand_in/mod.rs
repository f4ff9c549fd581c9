//! What the library's tests have from the standard library and from their own `common`, in the
//! model's primitives.

use crate::millpond::model::sync::{Condvar, Mutex};
use crate::millpond::{Imap, ThreadPool};
use std::sync::Arc;

pub(crate) mod mpsc;
pub(crate) mod thread;

/// Keeps those who wait until it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    pub(crate) fn wait(&self) {
        let mut is_open = self.0.0.lock().unwrap();
        while !*is_open {
            is_open = self.0.1.wait(is_open).unwrap();
        }
    }
}

/// Keeps a worker of the pool in a task until the gate opens. It is in it when this returns.
pub(crate) fn hold_up(pool: &ThreadPool) -> Gate {
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    pool.spawn(move || {
        enter.open();
        pass.wait();
    })
    .unwrap();
    entered.wait();
    gate
}

/// Lets the consumer pull so many items, of which none ends meanwhile.
pub(crate) fn pull<I: Iterator, T, E>(stream: &mut Imap<I, T, E>, items: usize) {
    while stream.progress().total < items {
        assert!(stream.next_timeout(std::time::Duration::ZERO).is_err(), "no item ends");
    }
}

// For the imports of files whose tests with these are left out.
pub(crate) fn threads() {}
pub(crate) fn until_threads() {}
pub(crate) fn alone() {}
pub(crate) fn in_child() {}
pub(crate) fn is_child() {}
pub(crate) fn again() {}
