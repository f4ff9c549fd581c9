//! Why a task has no value.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::panic::Panic;
use super::state::Kind;

/// Why a piece of work could not be submitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubmitErrorKind {
    /// The pool is closed or terminated.
    NotRunning,
    /// The pool holds as much as [`max_queued`](crate::Builder::max_queued) lets it, or somebody waits already, and the task was not to
    /// wait.
    Full,
    /// An initializer panicked; the pool never became whole.
    Broken,
    /// The process was forked: the pool's threads exist in the parent only.
    Forked,
    /// A chunk must hold at least one item.
    InvalidChunkSize,
    /// The look-ahead of a stream must be at least one item.
    InvalidBufferSize,
}

impl fmt::Display for SubmitErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRunning => "Pool not running",
            Self::Full => "Pool is full",
            Self::Broken => "Pool is broken: an initializer panicked",
            Self::Forked => "Pool belongs to the parent process",
            Self::InvalidChunkSize => "Chunksize must be 1+, not 0",
            Self::InvalidBufferSize => "Buffersize must be 1+, not 0",
        })
    }
}

impl Error for SubmitErrorKind {}

/// Why a task has no value.
///
/// `E` is the error of the task's own function where that returns a `Result`; for plain functions it cannot occur.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError<E = Infallible> {
    /// The function returned this error.
    Failed {
        /// What it returned.
        error: E,
        /// Of a batch, the item it was called with.
        item: Option<usize>,
    },
    /// The function panicked.
    Panicked(Panic),
    /// The task's callback panicked. It had run with a value, which is dropped, or with `cause`.
    CallbackPanicked {
        /// The callback's panic.
        panic: Panic,
        /// The error that the error callback was told of.
        cause: Option<Box<TaskError<E>>>,
    },
    /// The input iterator of a stream panicked.
    InputPanicked(Panic),
    /// The pool was terminated before the task ran.
    Terminated,
    /// The task was cancelled before it ran.
    Cancelled,
    /// The pool broke before the task ran: an initializer panicked, with this payload.
    Broken(Arc<Panic>),
    /// Waiting here could never end: the awaited task is running below this call on the same stack, or the calling
    /// thread belongs to the pool but runs no tasks (an initializer, an exit callback), or the pool's threads are in the
    /// process that this one was forked from.
    WouldDeadlock,
    /// A blocking call could not submit its work.
    NotSubmitted(SubmitErrorKind),
}

impl<E> TaskError<E> {
    /// Of a batch, the index of the item that failed.
    #[must_use]
    pub fn item(&self) -> Option<usize> {
        match self {
            Self::Failed { item, .. } => *item,
            Self::Panicked(panic) | Self::InputPanicked(panic) => panic.item(),
            Self::CallbackPanicked { cause: Some(cause), .. } => cause.item(),
            _ => None,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Cancelled => Kind::Cancelled,
            Self::Terminated | Self::Broken(_) => Kind::Terminated,
            _ => Kind::Failed,
        }
    }

    /// The same error with another error of the function's.
    fn map<U>(self, f: impl Fn(E) -> U + Copy) -> TaskError<U> {
        match self {
            Self::Failed { error, item } => TaskError::Failed { error: f(error), item },
            Self::Panicked(panic) => TaskError::Panicked(panic),
            Self::CallbackPanicked { panic, cause } => TaskError::CallbackPanicked {
                panic,
                cause: cause.map(|cause| Box::new(cause.map(f))),
            },
            Self::InputPanicked(panic) => TaskError::InputPanicked(panic),
            Self::Terminated => TaskError::Terminated,
            Self::Cancelled => TaskError::Cancelled,
            Self::Broken(panic) => TaskError::Broken(panic),
            Self::WouldDeadlock => TaskError::WouldDeadlock,
            Self::NotSubmitted(kind) => TaskError::NotSubmitted(kind),
        }
    }

    /// As a boxed error, also where `E` is no [`Error`] itself but converts into a boxed one, as `anyhow::Error`, `String` and
    /// `&str` do.
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(1)?;
    /// let failed = pool.try_apply(|| Err::<u16, _>("no such port"));
    /// let boxed = failed.map_err(|error| error.into_boxed()).unwrap_err();
    /// assert_eq!(boxed.to_string(), "the task failed: no such port");
    /// # Ok::<(), millpond::BuildError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Allocates the box, and what the conversion of `E` does. Runs that conversion.
    #[must_use]
    pub fn into_boxed(self) -> Box<dyn Error + Send + Sync>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Box::new(self.map(|error| Boxed(error.into())))
    }

    /// Why a blocking call had nothing submitted; none stands for "waiting would never end".
    pub(crate) fn refused(kind: Option<SubmitErrorKind>) -> Self {
        kind.map_or(Self::WouldDeadlock, Self::NotSubmitted)
    }

    /// Goes on with a panic in the calling thread, as Python's `get` re-raises; any other error is panicked with.
    ///
    /// ```should_panic
    /// let pool = millpond::ThreadPool::new(1).unwrap();
    /// let port: u16 = pool.apply(|| panic!("no such port")).unwrap_or_else(|error| error.resume());
    /// ```
    ///
    /// # Panics
    ///
    /// Always.
    ///
    /// # Cost
    ///
    /// Unwinds.
    pub fn resume(self) -> !
    where
        E: fmt::Debug,
    {
        match self {
            Self::Panicked(panic)
            | Self::InputPanicked(panic)
            | Self::CallbackPanicked { panic, .. } => panic.resume(),
            other => panic!("the task has no value: {other:?}"),
        }
    }
}

/// An error in a box, which is no [`Error`] by itself.
struct Boxed(Box<dyn Error + Send + Sync>);

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Boxed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl<W, E> From<SubmitError<W>> for TaskError<E> {
    /// Drops what was handed in.
    fn from(refused: SubmitError<W>) -> Self {
        Self::NotSubmitted(refused.kind)
    }
}

impl<E> From<SubmitErrorKind> for TaskError<E> {
    fn from(kind: SubmitErrorKind) -> Self {
        Self::NotSubmitted(kind)
    }
}

impl<E: fmt::Display> fmt::Display for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(item) = self.item() {
            write!(f, "item {item}: ")?;
        }
        match self {
            Self::Failed { error, .. } => write!(f, "the task failed: {error}"),
            Self::Panicked(panic) => write!(f, "the task panicked: {panic}"),
            Self::CallbackPanicked { panic, .. } => write!(f, "the callback panicked: {panic}"),
            Self::InputPanicked(panic) => write!(f, "the input panicked: {panic}"),
            Self::Terminated => f.write_str("the pool was terminated before the task ran"),
            Self::Cancelled => f.write_str("the task was cancelled before it ran"),
            Self::Broken(panic) => write!(f, "the pool broke before the task ran: {panic}"),
            Self::WouldDeadlock => f.write_str("waiting here would never end"),
            Self::NotSubmitted(kind) => write!(f, "{kind}"),
        }
    }
}

impl<E: Error + 'static> Error for TaskError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { error, .. } => Some(error),
            Self::CallbackPanicked { cause: Some(cause), .. } => Some(&**cause),
            _ => None,
        }
    }
}

/// Why the pool resolves a task instead of running it.
#[derive(Clone, Debug)]
pub(crate) enum Reason {
    Cancelled,
    Terminated,
    Broken(Arc<Panic>),
    NotRunning,
}

impl Reason {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Cancelled => Kind::Cancelled,
            Self::Terminated | Self::Broken(_) | Self::NotRunning => Kind::Terminated,
        }
    }
}

impl<E> From<Reason> for TaskError<E> {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Cancelled => Self::Cancelled,
            Reason::Terminated => Self::Terminated,
            Reason::Broken(panic) => Self::Broken(panic),
            Reason::NotRunning => Self::NotSubmitted(SubmitErrorKind::NotRunning),
        }
    }
}

/// A refused submission: why, and the work itself.
///
/// It is `Sync` whatever the work is, so that `?` works into `Box<dyn Error + Send + Sync>`, and into a [`TaskError`].
///
/// Where the work borrows, as in a scope, no boxed error can hold it. Then ask for the kind alone:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let pool = millpond::ThreadPool::new(1)?;
/// let words = vec!["tarn", "mere"];
/// let lengths = pool.scope(|s| {
///     let length = s.apply_async(|| words[0].len()).map_err(|refused| refused.kind())?;
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(length.get()?)
/// })?;
/// assert_eq!(lengths, 4);
/// # Ok(())
/// # }
/// ```
///
/// ```
/// use millpond::{SubmitErrorKind, ThreadPool};
/// let pool = ThreadPool::new(1)?;
/// pool.close();
/// let refused = pool.apply_async(|| 6 * 7).unwrap_err();
/// assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
/// assert_eq!(refused.into_task()(), 42);
/// # Ok::<(), millpond::BuildError>(())
/// ```
pub struct SubmitError<W> {
    kind: SubmitErrorKind,
    work: W,
}

// SAFETY: the work is reached by value alone, through `into_task`; no method lends it by reference.
unsafe impl<W> Sync for SubmitError<W> {}

impl<W> SubmitError<W> {
    pub(crate) fn new(kind: SubmitErrorKind, work: W) -> Self {
        Self { kind, work }
    }

    /// Why it was refused.
    #[must_use]
    pub fn kind(&self) -> SubmitErrorKind {
        self.kind
    }

    /// What was handed in: the function, function and input, or the builder with all that was set on it.
    ///
    /// # Cost
    ///
    /// Moves it out: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn into_task(self) -> W {
        self.work
    }
}

impl<W> fmt::Debug for SubmitError<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<W> fmt::Display for SubmitError<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<W> Error for SubmitError<W> {}
