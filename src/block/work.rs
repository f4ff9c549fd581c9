//! What a task is made of: a function, and the callbacks that hear of its outcome.

use std::convert::Infallible;
use std::marker::PhantomData;

use super::error::TaskError;
use super::function::{Fallible, Notify, Plain, Run};
use super::gate::Due;
use super::unobserved;
use super::unwind::{catch_panic, drop_quietly};
use crate::numbers::{End, Name};

/// The outcome of a task: its value, or the reason why there is none.
pub(crate) type Outcome<T, E> = Result<T, TaskError<E>>;

/// Says how a submission with this outcome counts.
pub(crate) fn end_of<T, E>(outcome: &Outcome<T, E>) -> End {
    match outcome {
        Ok(_) => End::Completed,
        Err(error) => end_of_error(error),
    }
}

pub(super) fn end_of_error<E>(error: &TaskError<E>) -> End {
    match error {
        TaskError::Cancelled => End::Cancelled,
        TaskError::Expired => End::Expired,
        TaskError::Terminated | TaskError::Broken(_) => End::Terminated,
        // The pool ended before it could take the work, but some thread had taken it by then.
        TaskError::NotSubmitted(_) | TaskError::Full(_) => End::Terminated,
        // A callback that panics changes nothing about a task that did not run.
        TaskError::CallbackPanicked { cause: Some(cause), .. } => end_of_error(cause),
        TaskError::Failed { .. }
        | TaskError::Panicked(_)
        | TaskError::CallbackPanicked { cause: None, .. }
        | TaskError::InputPanicked(_)
        | TaskError::WouldDeadlock => End::Failed,
    }
}

/// Work that a thread consumes once: it runs the work, or refuses it. Neither unwinds.
pub(crate) trait Work {
    type Value;
    type Error;
    /// The completer drops this when the outcome is out of its hands: published, or dropped.
    type After;
    type Due: Due;
    /// Whether an error callback sees the errors.
    const TOLD: bool;
    /// The name of the function's type.
    const NAME: &'static Name;
    /// Says by when the function must have begun, if the work has such a deadline.
    fn due(&self) -> Self::Due;
    fn run(self) -> (Outcome<Self::Value, Self::Error>, Self::After);
    fn refuse(
        self,
        why: TaskError<Self::Error>,
    ) -> (Outcome<Self::Value, Self::Error>, Self::After);
}

/// Lets the right callback hear of the outcome, and drops the other callback. If the callback
/// panics, its panic becomes the outcome.
///
/// `dispose` drops a value that no thread will see, and swallows a panic of its `Drop`.
pub(crate) fn call_back<T, E, C, D>(
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
            match catch_panic(|| on_value.notify(&value)) {
                Ok(()) => Ok(value),
                Err(panic) => {
                    dispose(value);
                    Err(TaskError::CallbackPanicked { panic, cause: None })
                }
            }
        }
        Err(error) => {
            drop_quietly(on_value);
            match catch_panic(|| on_error.notify(&error)) {
                Ok(()) => Err(error),
                Err(panic) => {
                    Err(TaskError::CallbackPanicked { panic, cause: Some(Box::new(error)) })
                }
            }
        }
    }
}

/// Drops an error that no thread will see. It drops the parts one by one: two parts that panic
/// in one drop would end the process.
pub(crate) fn drop_error<E>(mut error: TaskError<E>) {
    while let TaskError::CallbackPanicked { panic, cause } = error {
        drop_quietly(panic);
        match cause {
            Some(cause) => error = *cause,
            None => return,
        }
    }
    drop_quietly(error);
}

/// Drops an outcome that no thread will see. The pool's callback for unobserved failures hears
/// of an error that no callback has seen. `told` says whether one has.
pub(crate) fn drop_outcome<T, E>(outcome: Outcome<T, E>, dispose: fn(T), pool: u32, told: bool) {
    match outcome {
        Ok(value) => dispose(value),
        Err(error) => {
            unobserved::report(pool, told, &error);
            drop_error(error);
        }
    }
}

/// A function, with the callbacks that hear of its outcome.
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
    type Due = ();
    const TOLD: bool = D::TELLS;
    const NAME: &'static Name = R::NAME;

    fn due(&self) {}

    #[inline]
    fn run(self) -> (Outcome<T, E>, ()) {
        let Self { run, on_value, on_error, returns: _ } = self;
        let outcome = match catch_panic(|| run.run()) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(TaskError::Failed { error, item: None }),
            Err(panic) => Err(TaskError::Panicked(panic)),
        };
        (call_back(outcome, on_value, on_error, drop_quietly), ())
    }

    fn refuse(self, why: TaskError<E>) -> (Outcome<T, E>, ()) {
        drop_quietly(self.run);
        (call_back(Err(why), self.on_value, self.on_error, drop_quietly), ())
    }
}
