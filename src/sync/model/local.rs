//! Thread-locals: each model thread has its own, though all of them share one OS thread.

use super::failure::dead;
use std::cell::Cell;
use std::marker::PhantomData;

/// Gives each model thread a value of its own, like [`std::thread::LocalKey`].
pub(crate) struct LocalKey<T: 'static> {
    inner: loom::thread::LocalKey<T>,
}

impl<T> LocalKey<T> {
    pub(crate) const fn new(init: fn() -> T) -> Self {
        Self { inner: loom::thread::LocalKey { init, _p: PhantomData } }
    }

    pub(crate) fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        if dead() { f(&(self.inner.init)()) } else { self.inner.with(f) }
    }

    /// Calls `f` with the thread's value, if the value is still there.
    ///
    /// # Errors
    ///
    /// This fails if the thread is ending and its value is gone.
    pub(crate) fn try_with<R>(
        &'static self,
        f: impl FnOnce(&T) -> R,
    ) -> Result<R, loom::thread::AccessError> {
        // After a failure loom may not know which thread this is. A fresh value serves a
        // destructor as well.
        if dead() { Ok(f(&(self.inner.init)())) } else { self.inner.try_with(f) }
    }
}

impl<T> LocalKey<Cell<T>> {
    pub(crate) fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    pub(crate) fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }

    pub(crate) fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }
}

/// Declares thread-locals with the syntax of [`std::thread_local`] and a `const` initial value.
macro_rules! local {
    () => {};
    (
        $(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const $init:block
        $(; $($rest:tt)*)?
    ) => {
        $(#[$attr])*
        $vis static $name: $crate::sync::local::LocalKey<$t> =
            $crate::sync::local::LocalKey::new(|| $init);
        $($crate::sync::local! { $($rest)* })?
    };
}

pub(crate) use local;
