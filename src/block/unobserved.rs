//! Failures that no thread saw, and the callback that hears of them if the user gave one when
//! building the pool.
//!
//! A block knows its pool only by number, so a table holds the callbacks by that number. A
//! thread looks into the table, under a lock, only when it drops a failed result unread. It
//! never does so for a task that succeeds, or whose result is looked at.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::TaskError;
use super::unwind::{catch_panic, drop_quietly, forget_panic};
use crate::sync::{PerProcess, identity};

/// A failure that no thread saw: a thread dropped the result unread, and no error callback
/// heard of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unobserved<'a> {
    /// The function returned an error.
    #[non_exhaustive]
    Failed {
        /// The name of the error's type.
        type_name: &'static str,
        /// In a batch: the index of the item that failed.
        item: Option<usize>,
    },
    /// The function panicked.
    #[non_exhaustive]
    Panicked {
        /// The text of the panic, if it had one.
        message: Option<&'a str>,
        /// In a batch: the index of the item that failed.
        item: Option<usize>,
    },
    /// A callback panicked.
    #[non_exhaustive]
    CallbackPanicked {
        /// The text of the panic, if it had one.
        message: Option<&'a str>,
        /// In a batch: the index of the item whose error the callback heard of.
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
            Self::Panicked { message, item } => {
                write!(f, "a task panicked and nobody looked: {}", message.unwrap_or("no text"))?;
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

/// The callback that hears of unobserved failures.
pub(crate) type UnobservedCallback = Arc<dyn Fn(&Unobserved<'_>) + Send + Sync>;

type Callbacks = Vec<(u32, UnobservedCallback)>;

static CALLBACKS: PerProcess<Mutex<Callbacks>> = PerProcess::new(Mutex::new(Vec::new()));

/// Lets `callback` hear of this pool's unobserved failures from now on.
pub(crate) fn watch(pool: u32, callback: UnobservedCallback) {
    CALLBACKS.get().lock().unwrap_or_else(PoisonError::into_inner).push((pool, callback));
}

/// Forgets the pool, which is gone, and drops its callback.
pub(crate) fn unwatch(pool: u32) {
    let mut callbacks = CALLBACKS.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = callbacks.iter().position(|(watched, _)| *watched == pool) {
        let (_, callback) = callbacks.swap_remove(at);
        drop(callbacks);
        drop_quietly(callback);
    }
}

/// Reports an error that the caller is about to drop unread. `told` says that an error
/// callback has seen the error.
pub(crate) fn report<E>(pool: u32, told: bool, error: &TaskError<E>) {
    let item = error.item();
    let unobserved = match error {
        TaskError::Failed { .. } if !told => {
            Unobserved::Failed { type_name: std::any::type_name::<E>(), item }
        }
        TaskError::Panicked(panic) if !told => {
            Unobserved::Panicked { message: panic.message(), item }
        }
        TaskError::CallbackPanicked { panic, .. } => {
            Unobserved::CallbackPanicked { message: panic.message(), item }
        }
        _ => return,
    };
    if identity::is_forked(pool) {
        // This is the child of a fork. A thread that exists only in the parent may hold the
        // lock, and no thread in the child would ever release it.
        return;
    }
    let callbacks = CALLBACKS.get().lock().unwrap_or_else(PoisonError::into_inner);
    let callback = callbacks
        .iter()
        .find_map(|(watched, callback)| (*watched == pool).then(|| Arc::clone(callback)));
    drop(callbacks);
    if let Some(callback) = callback {
        forget_panic(catch_panic(|| callback(&unobserved)));
        // The pool may be gone by now. This is the callback's last owner then, and the user's
        // `Drop` runs here.
        drop_quietly(callback);
    }
}
