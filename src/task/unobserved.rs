//! Failures that nobody saw: told to whoever asked for it when the pool was built.
//!
//! A block knows its pool only by number, so the hooks stand in a table by that number. It is looked into, under a lock, only
//! when a failed result is dropped unread: never on the way of a task that succeeds or is looked at.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::TaskError;
use super::unwind::{call, drop_quietly, forget_panic};
use crate::sync::identity;

/// A failure that nobody saw: its result was dropped unread, and no error callback was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Unobserved<'a> {
    /// What failed.
    pub failure: Failure<'a>,
    /// Of a batch, the item.
    pub item: Option<usize>,
}

/// What an [`Unobserved`] failure was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Failure<'a> {
    /// The function returned an error, of the type with this name.
    Failed(&'static str),
    /// A callback panicked, with this message if it was text.
    CallbackPanicked(Option<&'a str>),
}

impl fmt::Display for Unobserved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failure {
            Failure::Failed(error) => write!(f, "a task failed with a {error} and nobody looked")?,
            Failure::CallbackPanicked(message) => {
                write!(f, "a callback panicked and nobody looked: {}", message.unwrap_or("no text"))?;
            }
        }
        self.item.map_or(Ok(()), |item| write!(f, " (item {item})"))
    }
}

/// Who is told.
pub(crate) type UnobservedHook = Arc<dyn Fn(&Unobserved<'_>) + Send + Sync>;

static HOOKS: Mutex<Vec<(u32, UnobservedHook)>> = Mutex::new(Vec::new());

/// From now on the failures of this pool's tasks are told to `hook`.
pub(crate) fn watch(pool: u32, hook: UnobservedHook) {
    HOOKS.lock().unwrap_or_else(PoisonError::into_inner).push((pool, hook));
}

/// The pool is gone.
pub(crate) fn unwatch(pool: u32) {
    let mut hooks = HOOKS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = hooks.iter().position(|(watched, _)| *watched == pool) {
        let (_, hook) = hooks.swap_remove(at);
        drop(hooks);
        drop_quietly(hook);
    }
}

/// An error is about to be dropped unread. `told`: an error callback has seen it.
pub(super) fn report<E>(pool: u32, told: bool, error: &TaskError<E>) {
    let failure = match error {
        TaskError::Failed { .. } if !told => Failure::Failed(std::any::type_name::<E>()),
        TaskError::CallbackPanicked { panic, .. } => Failure::CallbackPanicked(panic.message()),
        _ => return,
    };
    if identity::is_forked(pool) {
        // In the child of a fork a thread that is not there may hold the lock for ever.
        return;
    }
    let hooks = HOOKS.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = hooks.iter().find_map(|(watched, hook)| (*watched == pool).then(|| Arc::clone(hook)));
    drop(hooks);
    if let Some(hook) = hook {
        forget_panic(call(|| hook(&Unobserved { failure, item: error.item() })));
        // The pool may be gone by now, and this the hook's last owner: the user's `Drop` runs here.
        drop_quietly(hook);
    }
}
