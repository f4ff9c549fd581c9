//! A lock and a condition variable whose every use is a line of the counter-example.
//!
//! The engine's lock has no content. The value lies in a lock of the standard library beside it,
//! which no thread ever waits for, and which knows whether a holder has panicked.

use super::engine::{self, operate};
use crate::sync::failure::{abort, failed, wait_dead};
use crate::sync::trace::{self, What};
use std::fmt;
use std::mem::forget;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, PoisonError, TryLockError};

/// The standard library's lock, for the shared state of a model.
///
/// ```
/// use millpond::ThreadPool;
/// use millpond::model::{self, sync::Mutex};
/// use std::sync::Arc;
///
/// model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let sum = Arc::new(Mutex::new(1).named("sum"));
///     let theirs = Arc::clone(&sum);
///     let task = pool.apply_async(move || *theirs.lock().unwrap() += 1).unwrap();
///     *sum.lock().unwrap() += 1;
///     task.get().unwrap();
///     assert_eq!(*sum.lock().unwrap(), 3);
/// });
/// ```
pub struct Mutex<T> {
    lock: engine::Mutex<()>,
    value: std::sync::Mutex<T>,
    name: Option<&'static str>,
    show: fn(&T) -> Option<String>,
}

impl<T> Mutex<T> {
    /// Makes a lock. It is not `const`: make it inside the model.
    #[must_use]
    pub fn new(value: T) -> Self {
        let (lock, value) = (engine::Mutex::new(()), std::sync::Mutex::new(value));
        Self { lock, value, name: None, show: |_| None }
    }

    /// Gives the lock a name in the counter-example, which then shows the value too.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self
    where
        T: fmt::Debug,
    {
        self.name = Some(name);
        self.show = |value| Some(format!("{value:?}"));
        self
    }

    /// Takes the lock, in one step, and waits while another thread has it.
    ///
    /// # Errors
    ///
    /// The call fails, and takes the lock all the same, if a thread has panicked with it.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let at = Location::caller();
        if failed() {
            return self.lock_dead(at);
        }
        let waits = trace::begin_wait(at);
        let guard = operate(|| self.lock.lock()).unwrap_or_else(PoisonError::into_inner);
        drop(waits);
        self.hold(Some(guard), at)
    }

    /// Takes the value after a failure, or unwinds if a thread that has stopped holds it.
    fn lock_dead(&self, at: &'static Location<'static>) -> LockResult<MutexGuard<'_, T>> {
        if let Err(TryLockError::WouldBlock) = self.value.try_lock() {
            wait_dead();
            abort("a model has failed, and a destructor waits for a lock while it unwinds");
        }
        self.hold(None, at)
    }

    fn hold<'a>(
        &'a self,
        lock: Option<engine::MutexGuard<'a, ()>>,
        at: &'static Location<'static>,
    ) -> LockResult<MutexGuard<'a, T>> {
        let (value, poisoned) = match self.value.try_lock() {
            Ok(value) => (value, false),
            Err(TryLockError::Poisoned(value)) => (value.into_inner(), true),
            Err(TryLockError::WouldBlock) => unreachable!("the thread with the value has the lock"),
        };
        let guard = MutexGuard { value: Some(value), lock, mutex: self, at };
        trace::does_what(at, || What::Locks(self.name, (self.show)(&guard)));
        if poisoned { Err(PoisonError::new(guard)) } else { Ok(guard) }
    }

    /// Lends the value to the one owner.
    ///
    /// # Errors
    ///
    /// The call fails, and lends the value all the same, if a thread has panicked with the lock.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.value.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The right to use the value of a [`Mutex`].
#[must_use]
pub struct MutexGuard<'a, T> {
    /// Declared before the lock, because the value's lock must be free first.
    value: Option<std::sync::MutexGuard<'a, T>>,
    lock: Option<engine::MutexGuard<'a, ()>>,
    mutex: &'a Mutex<T>,
    at: &'static Location<'static>,
}

impl<T> MutexGuard<'_, T> {
    /// Notes what the value is as the lock is given up.
    fn note_end(&self) {
        let mutex = self.mutex;
        trace::does_what(self.at, || What::Unlocks(mutex.name, (mutex.show)(self)));
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("only its drop and a wait take the value")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("only its drop and a wait take the value")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        self.note_end();
        self.value = None;
        if failed() {
            // The engine must not hear of this.
            forget(lock);
        } else {
            operate(|| drop(lock));
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The standard library's condition variable, for the shared state of a model. A thread that
/// waits for it goes on only when another one notifies it.
///
/// The standard library's may let a thread go on for no reason. A thread of the model's own that
/// calls [`notify_all`](Self::notify_all) shows what comes of that.
///
/// ```
/// use millpond::ThreadPool;
/// use millpond::model::{self, sync::{Condvar, Mutex}};
/// use std::sync::Arc;
///
/// model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let gate = Arc::new((Mutex::new(false).named("open"), Condvar::new().named("opened")));
///     let theirs = Arc::clone(&gate);
///     let task = pool.apply_async(move || {
///         *theirs.0.lock().unwrap() = true;
///         theirs.1.notify_one();
///     });
///     let mut open = gate.0.lock().unwrap();
///     while !*open {
///         open = gate.1.wait(open).unwrap();
///     }
///     drop(open);
///     task.unwrap().get().unwrap();
/// });
/// ```
#[derive(Default)]
pub struct Condvar {
    inner: engine::Condvar,
    name: Option<&'static str>,
}

impl Condvar {
    /// Makes a condition variable.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the condition variable a name in the counter-example.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    fn note(&self, at: &'static Location<'static>, operation: &str) {
        trace::does(at, || super::named(self.name, operation));
    }

    /// Gives the lock up, waits for a notification, and takes the lock again.
    ///
    /// # Errors
    ///
    /// The call fails, and takes the lock all the same, if a thread has panicked with it.
    #[track_caller]
    pub fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let (at, mutex) = (Location::caller(), guard.mutex);
        let lock = match guard.lock.take() {
            Some(lock) if !failed() => lock,
            dead => {
                // The engine must not hear of this. A guard of a model that has failed may have
                // no lock.
                forget(dead);
                wait_dead();
                return Ok(guard);
            }
        };
        guard.note_end();
        guard.value = None;
        self.note(at, "wait");
        let waits = trace::begin_wait(at);
        let lock = operate(|| self.inner.wait(lock)).unwrap_or_else(PoisonError::into_inner);
        drop(waits);
        mutex.hold(Some(lock), at)
    }

    /// Lets one thread go on that waits, in one step.
    #[track_caller]
    pub fn notify_one(&self) {
        self.note(Location::caller(), "notify_one");
        if !failed() {
            operate(|| self.inner.notify_one());
        }
    }

    /// Lets all threads go on that wait, in one step.
    #[track_caller]
    pub fn notify_all(&self) {
        self.note(Location::caller(), "notify_all");
        if !failed() {
            operate(|| self.inner.notify_all());
        }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("name", &self.name).finish_non_exhaustive()
    }
}
