//! Failures that nobody saw: told to whoever asked for it when the pool was built.
//!
//! A block knows its pool only by number, so the callbacks stand in a table by that number. It is looked into, under a lock, only
//! when a failed result is dropped unread: never on the way of a task that succeeds or is looked at.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::TaskError;
use super::unwind::{catch_panic, drop_quietly, forget_panic};
use crate::sync::identity;

/// A failure that nobody saw: its result was dropped unread, and no error callback was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unobserved<'a> {
    /// The function returned an error.
    #[non_exhaustive]
    Failed {
        /// The name of the error's type.
        type_name: &'static str,
        /// Of a batch, the item.
        item: Option<usize>,
    },
    /// A callback panicked.
    #[non_exhaustive]
    CallbackPanicked {
        /// What it panicked with, if that was text.
        message: Option<&'a str>,
        /// Of a batch, the item whose error the callback was told of.
        item: Option<usize>,
    },
}

impl fmt::Display for Unobserved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = match self {
            Self::Failed { type_name, item } => {
                write!(f, "a task failed with a {type_name} and nobody looked")?;
                item
            }
            Self::CallbackPanicked { message, item } => {
                write!(
                    f,
                    "a callback panicked and nobody looked: {}",
                    message.unwrap_or("no text")
                )?;
                item
            }
        };
        item.map_or(Ok(()), |item| write!(f, " (item {item})"))
    }
}

/// Who is told.
pub(crate) type UnobservedCallback = Arc<dyn Fn(&Unobserved<'_>) + Send + Sync>;

static CALLBACKS: Mutex<Vec<(u32, UnobservedCallback)>> = Mutex::new(Vec::new());

/// From now on the failures of this pool's tasks are told to `waker`.
pub(crate) fn watch(pool: u32, callback: UnobservedCallback) {
    CALLBACKS.lock().unwrap_or_else(PoisonError::into_inner).push((pool, callback));
}

/// The pool is gone.
pub(crate) fn unwatch(pool: u32) {
    let mut callbacks = CALLBACKS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = callbacks.iter().position(|(watched, _)| *watched == pool) {
        let (_, callback) = callbacks.swap_remove(at);
        drop(callbacks);
        drop_quietly(callback);
    }
}

/// An error is about to be dropped unread. `told`: an error callback has seen it.
pub(crate) fn report<E>(pool: u32, told: bool, error: &TaskError<E>) {
    let item = error.item();
    let unobserved = match error {
        TaskError::Failed { .. } if !told => {
            Unobserved::Failed { type_name: std::any::type_name::<E>(), item }
        }
        TaskError::CallbackPanicked { panic, .. } => {
            Unobserved::CallbackPanicked { message: panic.message(), item }
        }
        _ => return,
    };
    if identity::is_forked(pool) {
        // In the child of a fork a thread that is not there may hold the lock for ever.
        return;
    }
    let callbacks = CALLBACKS.lock().unwrap_or_else(PoisonError::into_inner);
    let callback = callbacks
        .iter()
        .find_map(|(watched, callback)| (*watched == pool).then(|| Arc::clone(callback)));
    drop(callbacks);
    if let Some(callback) = callback {
        forget_panic(catch_panic(|| callback(&unobserved)));
        // The pool may be gone by now, and this the callback's last owner: the user's `Drop` runs here.
        drop_quietly(callback);
    }
}
