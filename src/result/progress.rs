/// Tells how far a batch or a stream has come, in items. A call is one item.
///
/// The workers of a batch report short items together, some microseconds' worth at a time. While a
/// worker is in a long item, short ones that it did just before may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// How many items are done, however they ended. Of a stream, how many were yielded.
    pub done: usize,
    /// How many items there are. Of a stream, how many were pulled so far.
    pub total: usize,
}
