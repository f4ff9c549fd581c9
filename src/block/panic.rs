//! A caught panic, as a value.

use std::any::Any;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// What a panic carried, kept for whoever looks at the result.
///
/// The payload of a panic is `Send` but need not be `Sync`; it is therefore handed out only by value or, by reference,
/// as a type that is `Sync`. That makes `Panic` itself `Send + Sync`.
///
/// ```
/// use millpond::{TaskError, ThreadPool};
/// let pool = ThreadPool::new(1)?;
/// let Err(TaskError::Panicked(panic)) = pool.apply(|| -> u32 { panic!("no such port") }) else { unreachable!() };
/// assert_eq!(panic.message(), Some("no such port"));
/// # Ok::<(), millpond::BuildError>(())
/// ```
pub struct Panic(Box<Inner>);

/// Boxed so that a result is small where nothing panics.
struct Inner {
    payload: Payload,
    item: Option<usize>,
}

struct Payload(Box<dyn Any + Send>);

// SAFETY: the only accesses through a shared reference are `downcast_ref`, which yields a reference only to a type that
// is `Sync`, and `message`, which yields one into a `String` or a `&'static str`, both `Sync`. `Any::type_id`, which
// both need, reads no data of the payload.
unsafe impl Sync for Payload {}

// As for the payload of `std::panic::catch_unwind`, which is handed out after the unwinding is over.
impl UnwindSafe for Panic {}
impl RefUnwindSafe for Panic {}

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self(Box::new(Inner { payload: Payload(payload), item: None }))
    }

    pub(crate) fn at(mut self, item: usize) -> Self {
        self.0.item = Some(item);
        self
    }

    pub(crate) fn item(&self) -> Option<usize> {
        self.0.item
    }

    /// The payload, as [`std::panic::catch_unwind`] gives it.
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0.payload.0
    }

    /// Goes on with the panic in the calling thread. The panic hook does not run again.
    ///
    /// # Panics
    ///
    /// Always: that is what it is for.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }

    /// The text, if the panic was raised with one (as `panic!` does).
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.downcast_ref::<&'static str>()
            .copied()
            .or_else(|| self.downcast_ref::<String>().map(String::as_str))
    }

    /// The payload, if it is a `P`.
    #[must_use]
    pub fn downcast_ref<P: Any + Sync>(&self) -> Option<&P> {
        self.0.payload.0.downcast_ref()
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
