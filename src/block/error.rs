//! Why a task has no value.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::full::PoolFull;
use super::panic::Panic;
use super::state::Kind;

/// The reason why the pool did not take a piece of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubmitErrorKind {
    /// The pool is closed or terminated.
    NotRunning,
    /// The pool is full, and the submission was not to wait. A pool is full when it holds as
    /// much as [`max_queued`](crate::Builder::max_queued) allows, or when another submission
    /// already waits.
    Full,
    /// An initializer panicked, so the pool never became whole.
    Broken,
    /// This process is a fork: only its parent has the pool's threads.
    Forked,
    /// The caller asked for chunks of no items. A chunk holds at least one item.
    InvalidChunkSize,
    /// The caller asked for a look-ahead of no items. A stream looks ahead at least one item.
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

/// The reason why a task has no value.
///
/// If the task's function returns a `Result`, `E` is the error type of that `Result`. A plain
/// function has no such error: its `E` cannot occur.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError<E = Infallible> {
    /// The function returned this error.
    Failed {
        /// The error that the function returned.
        error: E,
        /// In a batch or a stream: the index of the item that the function was called with.
        item: Option<usize>,
    },
    /// The function panicked.
    Panicked(Panic),
    /// The task's callback panicked. If the callback heard of a value, the pool has dropped
    /// that value. If the callback heard of an error, `cause` holds the error.
    CallbackPanicked {
        /// The callback's panic.
        panic: Panic,
        /// The error that the error callback heard of.
        cause: Option<Box<TaskError<E>>>,
    },
    /// The input iterator of a stream panicked.
    InputPanicked(Panic),
    /// The pool terminated before a thread ran the task.
    Terminated,
    /// The caller cancelled the task before a thread ran it.
    Cancelled,
    /// The task had waited for too long, so its function was not called. No thread had begun
    /// the task by the time given to [`start_by`](crate::Task::start_by), or the function given
    /// to [`start_if`](crate::Task::start_if) said no.
    Expired,
    /// The pool broke before a thread ran the task: an initializer panicked, with this
    /// payload.
    Broken(Arc<Panic>),
    /// This wait could never end. There are three such cases. The awaited task runs below this
    /// call on the same stack. Or the calling thread belongs to the pool but runs no tasks: it
    /// runs an initializer or an exit callback. Or the pool's threads are in the process that
    /// this process was forked from.
    WouldDeadlock,
    /// A blocking call could not submit its work.
    NotSubmitted(SubmitErrorKind),
    /// The pool was full, and the submission was not to wait. This says how full. (A
    /// [`SubmitErrorKind`] alone, if it is made into a `TaskError`, does not know that, and
    /// becomes [`NotSubmitted`](Self::NotSubmitted).)
    Full(Box<PoolFull>),
}

impl<E> TaskError<E> {
    /// Returns the index of the item that failed, in a batch or a stream.
    ///
    /// # Cost
    ///
    /// Reads what is there: does not block, allocate, wake or run your code.
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

    /// Applies `f` to the error of the task's function, and keeps everything else.
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
            Self::Expired => TaskError::Expired,
            Self::Broken(panic) => TaskError::Broken(panic),
            Self::WouldDeadlock => TaskError::WouldDeadlock,
            Self::NotSubmitted(kind) => TaskError::NotSubmitted(kind),
            Self::Full(full) => TaskError::Full(full),
        }
    }

    /// Puts this error into a box. `E` need not be an [`Error`]: it is enough that `E`
    /// converts into a boxed error, as `anyhow::Error`, `String` and `&str` do.
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
    /// The call allocates the box and runs the conversion of `E`, which allocates what it
    /// needs.
    #[must_use]
    pub fn into_boxed(self) -> Box<dyn Error + Send + Sync>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Box::new(self.map(|error| Boxed(error.into())))
    }

    /// Panics in the calling thread. The call goes on with the panic of the function, the
    /// input or the callback, or else panics with this error. Python's `get` re-raises in this
    /// way.
    ///
    /// ```should_panic
    /// let pool = millpond::ThreadPool::new(1).unwrap();
    /// let port: u16 =
    ///     pool.apply(|| panic!("no such port")).unwrap_or_else(|error| error.resume());
    /// ```
    ///
    /// # Panics
    ///
    /// The call always panics.
    ///
    /// # Cost
    ///
    /// The calling thread unwinds.
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

/// Makes an [`Error`] of a boxed error: the box itself does not implement [`Error`].
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
    /// Drops the work that the caller handed in.
    fn from(refused: SubmitError<W>) -> Self {
        match refused.full {
            Some(full) => Self::Full(full),
            None => Self::NotSubmitted(refused.kind),
        }
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
            Self::Expired => f.write_str("the task had waited for too long before it ran"),
            Self::Broken(panic) => write!(f, "the pool broke before the task ran: {panic}"),
            Self::WouldDeadlock => f.write_str("waiting here would never end"),
            Self::NotSubmitted(kind) => write!(f, "{kind}"),
            Self::Full(full) => write!(f, "{full}"),
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

/// The reason why the pool resolves a task instead of running it.
#[derive(Clone, Debug)]
pub(crate) enum Reason {
    Cancelled,
    Expired,
    Terminated,
    Broken(Arc<Panic>),
    NotRunning,
}

impl Reason {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Cancelled => Kind::Cancelled,
            Self::Expired => Kind::Failed,
            Self::Terminated | Self::Broken(_) | Self::NotRunning => Kind::Terminated,
        }
    }
}

impl<E> From<Reason> for TaskError<E> {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Cancelled => Self::Cancelled,
            Reason::Expired => Self::Expired,
            Reason::Terminated => Self::Terminated,
            Reason::Broken(panic) => Self::Broken(panic),
            Reason::NotRunning => Self::NotSubmitted(SubmitErrorKind::NotRunning),
        }
    }
}

/// A refused submission: the reason, and the work itself.
///
/// The error is `Sync`, whatever the work is. So `?` converts it into `Box<dyn Error + Send +
/// Sync>`, and also into a [`TaskError`].
///
/// If the work borrows, as in a scope, no boxed error can hold it. The caller then takes the
/// kind alone:
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
    full: Option<Box<PoolFull>>,
    work: W,
}

// SAFETY: a thread reaches the work by value alone, through `into_task`. No method lends the
// work by reference.
unsafe impl<W> Sync for SubmitError<W> {}

impl<W> SubmitError<W> {
    pub(crate) fn new(kind: SubmitErrorKind, work: W) -> Self {
        Self { kind, full: None, work }
    }

    /// Adds how full the pool was.
    pub(crate) fn with(self, full: Option<PoolFull>) -> Self {
        Self { full: full.map(Box::new), ..self }
    }

    /// Says why the pool refused the work.
    ///
    /// # Cost
    ///
    /// Reads what is there: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn kind(&self) -> SubmitErrorKind {
        self.kind
    }

    /// Says how full the pool was, if that is why it refused the work.
    ///
    /// # Cost
    ///
    /// Reads what is there: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn full(&self) -> Option<&PoolFull> {
        self.full.as_deref()
    }

    /// Returns what the caller handed in: the function, the function and the input, or the
    /// builder with all that was set on it.
    ///
    /// # Cost
    ///
    /// The call moves the work out. It does not block, allocate, wake a thread or run your
    /// code.
    #[must_use]
    pub fn into_task(self) -> W {
        self.work
    }
}

impl<W> fmt::Debug for SubmitError<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError")
            .field("kind", &self.kind)
            .field("full", &self.full)
            .finish_non_exhaustive()
    }
}

impl<W> fmt::Display for SubmitError<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.full {
            Some(full) => full.fmt(f),
            None => self.kind.fmt(f),
        }
    }
}

impl<W> Error for SubmitError<W> {}
