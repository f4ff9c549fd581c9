//! A caught panic, as a value.

use std::any::Any;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::unwind::drop_payload;

/// A caught panic, kept for the thread that looks at the result.
///
/// The payload of a panic is `Send` but need not be `Sync`. So `Panic` gives the payload out
/// only by value, or by reference as a type that is `Sync`. That makes `Panic` itself both
/// `Send` and `Sync`.
///
/// A payload whose own `Drop` panics does not unwind out of the drop of a `Panic`.
///
/// ```
/// use millpond::{TaskError, ThreadPool};
/// let pool = ThreadPool::new(1)?;
/// let Err(TaskError::Panicked(panic)) = pool.apply(|| -> u32 { panic!("no such port") }) else {
///     unreachable!()
/// };
/// assert_eq!(panic.message(), Some("no such port"));
/// # Ok::<(), millpond::BuildError>(())
/// ```
pub struct Panic(Box<Inner>);

/// Lies in a box, so that a result without a panic is small.
struct Inner {
    payload: Payload,
    item: Option<usize>,
}

/// None once the payload was handed out.
struct Payload(Option<Box<dyn Any + Send>>);

impl Drop for Payload {
    /// Contains a panic of the payload's own `Drop`.
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(drop_payload);
    }
}

// SAFETY: only two methods reach the payload through a shared reference. `downcast_ref` lends
// it only as a type that is `Sync`. `message` lends a `String` or a `&'static str`, and both
// are `Sync`. `Any::type_id`, which both methods need, reads no data of the payload.
unsafe impl Sync for Payload {}

// `std::panic::catch_unwind` also gives its payload out after the unwinding is over, and that
// payload has these traits too.
impl UnwindSafe for Panic {}
impl RefUnwindSafe for Panic {}

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self(Box::new(Inner { payload: Payload(Some(payload)), item: None }))
    }

    pub(crate) fn at(mut self, item: usize) -> Self {
        self.0.item = Some(item);
        self
    }

    pub(crate) fn item(&self) -> Option<usize> {
        self.0.item
    }

    /// Returns the payload, as [`std::panic::catch_unwind`] gives it.
    ///
    /// # Cost
    ///
    /// Moves the payload out: does not block, allocate, wake or run your code.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a payload is there until it is taken, here")]
    pub fn into_payload(mut self) -> Box<dyn Any + Send> {
        self.0.payload.0.take().expect("it is handed out once")
    }

    /// Goes on with the panic in the calling thread. The panic hook does not run again.
    ///
    /// # Panics
    ///
    /// The call always panics: it exists for that.
    ///
    /// # Cost
    ///
    /// Unwinds: does not block, allocate or wake.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }

    /// Returns the panic's text, if the panic was raised with one, as `panic!` does.
    ///
    /// # Cost
    ///
    /// Reads what is there: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.downcast_ref::<&'static str>()
            .copied()
            .or_else(|| self.downcast_ref::<String>().map(String::as_str))
    }

    /// Returns the payload, if it is a `P`.
    ///
    /// # Cost
    ///
    /// Reads what is there: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn downcast_ref<P: Any + Sync>(&self) -> Option<&P> {
        self.0.payload.0.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().unwrap_or("a payload that is no text"))
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message())
            .field("item", &self.0.item)
            .finish()
    }
}
