//! The state of one execution that a harness begins. shuttle's own statics hold the rest, and
//! need no beginning.

use super::{clock, failure};
use crate::sync::trace;

/// Begins an execution, and drops everything that the one before left behind. A harness calls
/// this first of all, on the model's main thread. `traced` says whether to keep a trace.
pub(crate) fn begin(traced: bool) {
    end();
    trace::begin(traced);
}

/// Forgets the execution, which is over.
pub(crate) fn end() {
    failure::forget();
    clock::stand_still();
    trace::begin(false);
}
