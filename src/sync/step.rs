//! The steps of the API, where the specification lets loom change threads. In the other sets of
//! primitives each of these is nothing.

/// A user's thread calls a verb that changes the pool or looks at it.
#[inline(always)]
pub(crate) fn call(_verb: &'static str) {}

/// A user's thread calls a verb that waits.
#[inline(always)]
pub(crate) fn wait(_verb: &'static str) {}

/// A step that no line of the user's stands for: a worker is about to look for a task, to begin
/// one that it has taken, to help with the work that it waits for, or to leave. Or `queued` has
/// read one of its counts, or a pool, a stream or a feeder is dropped.
#[inline(always)]
pub(crate) fn pass() {}

/// A worker has ended a piece of the user's work, and is about to say so.
#[inline(always)]
pub(crate) fn end() {}

/// The edge from the submission of what lies in a list of the pool's to its take.
pub(crate) struct Passage;

impl Passage {
    /// The submitter puts it into the list.
    #[inline(always)]
    pub(crate) fn begin() -> Self {
        Self
    }

    /// A thread takes it out.
    #[inline(always)]
    pub(crate) fn end(self) {}
}
