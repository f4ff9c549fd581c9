//! What a task is made of: a function, and what is to be told of its outcome.

use std::convert::Infallible;
use std::marker::PhantomData;

use super::error::{Reason, TaskError};
use super::unobserved;
use super::unwind::{call, drop_quietly};

/// What comes of a task.
pub(crate) type Outcome<T, E> = Result<T, TaskError<E>>;

/// Work that is consumed by running it, or by being refused. Neither unwinds.
pub(crate) trait Work {
    type Value;
    type Error;
    /// Dropped when the outcome is out of the executor's hands: published, or dropped.
    type After;
    /// Whether an error callback sees the errors.
    const TOLD: bool;
    fn run(self) -> (Outcome<Self::Value, Self::Error>, Self::After);
    fn refuse(self, reason: Reason) -> (Outcome<Self::Value, Self::Error>, Self::After);
}

/// A function whose every return is a value.
#[derive(Clone, Debug)]
pub struct Plain<F>(pub(crate) F);

/// A function that returns a `Result`, whose `Err` is the task's error.
#[derive(Clone, Debug)]
pub struct Fallible<F>(pub(crate) F);

/// A function of no arguments, of either kind. Sealed.
pub trait Run<T, E>: sealed::Run<T, E> {}
impl<T, E, R: sealed::Run<T, E>> Run<T, E> for R {}

/// What is told of an outcome: a callback ([`Tell`]), or nobody (`()`). Sealed.
pub trait Notify<V>: sealed::Notify<V> {}
impl<V, N: sealed::Notify<V>> Notify<V> for N {}

/// A callback that was given.
#[derive(Clone, Debug)]
pub struct Tell<C>(pub(crate) C);

pub(crate) mod sealed {
    use super::{Fallible, Infallible, Plain, Tell};

    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Run<T, E> {
        fn run(self) -> Result<T, E>;
    }

    impl<F: FnOnce() -> T, T> Run<T, Infallible> for Plain<F> {
        #[inline]
        fn run(self) -> Result<T, Infallible> {
            Ok((self.0)())
        }
    }

    impl<F: FnOnce() -> Result<T, E>, T, E> Run<T, E> for Fallible<F> {
        #[inline]
        fn run(self) -> Result<T, E> {
            (self.0)()
        }
    }

    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Notify<V> {
        /// Whether anybody is told.
        const TELLS: bool;
        fn notify(self, value: &V);
    }

    impl<V> Notify<V> for () {
        const TELLS: bool = false;

        #[inline]
        fn notify(self, _: &V) {}
    }

    impl<V, C: FnOnce(&V)> Notify<V> for Tell<C> {
        const TELLS: bool = true;

        #[inline]
        fn notify(self, value: &V) {
            (self.0)(value);
        }
    }
}

/// Tells the outcome to whom it concerns, and drops the other callback. A panic of a callback becomes the outcome.
///
/// `dispose` gets rid of a value that nobody will see, and swallows its panic.
pub(super) fn announce<T, E, C, D>(
    outcome: Outcome<T, E>,
    on_value: C,
    on_error: D,
    dispose: fn(T),
) -> Outcome<T, E>
where
    C: Notify<T>,
    D: Notify<TaskError<E>>,
{
    match outcome {
        Ok(value) => {
            drop_quietly(on_error);
            match call(|| on_value.notify(&value)) {
                Ok(()) => Ok(value),
                Err(panic) => {
                    dispose(value);
                    Err(TaskError::CallbackPanicked { panic, cause: None })
                }
            }
        }
        Err(error) => {
            drop_quietly(on_value);
            match call(|| on_error.notify(&error)) {
                Ok(()) => Err(error),
                Err(panic) => Err(TaskError::CallbackPanicked { panic, cause: Some(Box::new(error)) }),
            }
        }
    }
}

/// Gets rid of an error that nobody will see. Its parts go one by one: two that panic in one drop would end the process.
pub(super) fn drop_error<E>(mut error: TaskError<E>) {
    while let TaskError::CallbackPanicked { panic, cause } = error {
        drop_quietly(panic);
        match cause {
            Some(cause) => error = *cause,
            None => return,
        }
    }
    drop_quietly(error);
}

/// Gets rid of an outcome that nobody will see; whoever asked for it hears of an error that no callback has seen (`told`).
pub(super) fn drop_outcome<T, E>(outcome: Outcome<T, E>, dispose: fn(T), pool: u32, told: bool) {
    match outcome {
        Ok(value) => dispose(value),
        Err(error) => {
            unobserved::report(pool, told, &error);
            drop_error(error);
        }
    }
}

/// A function with its callbacks.
#[derive(Debug)]
pub(crate) struct Job<R, T, E, C, D> {
    pub(crate) run: R,
    pub(crate) on_value: C,
    pub(crate) on_error: D,
    pub(crate) returns: PhantomData<fn() -> (T, E)>,
}

impl<F, T> Job<Plain<F>, T, Infallible, (), ()>
where
    F: FnOnce() -> T,
{
    #[inline]
    pub(crate) fn plain(f: F) -> Self {
        Self { run: Plain(f), on_value: (), on_error: (), returns: PhantomData }
    }
}

impl<F, T, E> Job<Fallible<F>, T, E, (), ()>
where
    F: FnOnce() -> Result<T, E>,
{
    #[inline]
    pub(crate) fn fallible(f: F) -> Self {
        Self { run: Fallible(f), on_value: (), on_error: (), returns: PhantomData }
    }
}

impl<R, T, E, C, D> Work for Job<R, T, E, C, D>
where
    R: Run<T, E>,
    C: Notify<T>,
    D: Notify<TaskError<E>>,
{
    type Value = T;
    type Error = E;
    type After = ();
    const TOLD: bool = D::TELLS;

    #[inline]
    fn run(self) -> (Outcome<T, E>, ()) {
        let Self { run, on_value, on_error, returns: _ } = self;
        let outcome = match call(|| run.run()) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(TaskError::Failed { error, item: None }),
            Err(panic) => Err(TaskError::Panicked(panic)),
        };
        (announce(outcome, on_value, on_error, drop_quietly), ())
    }

    fn refuse(self, reason: Reason) -> (Outcome<T, E>, ()) {
        drop_quietly(self.run);
        (announce(Err(reason.into()), self.on_value, self.on_error, drop_quietly), ())
    }
}
