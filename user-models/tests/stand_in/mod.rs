//! What the library's tests have from the standard library and from their own `common`, in the
//! model's primitives. The gate and its kin are those of `tests/common`, over the model's `Mutex`
//! and `Condvar`.

use crate::millpond;
use crate::millpond::model::sync::{Condvar, Mutex};
use std::sync::Arc;

pub(crate) mod mpsc;
pub(crate) mod thread;

include!(concat!(env!("OUT_DIR"), "/common.rs"));

// For the imports of files whose tests with these are left out.
pub(crate) fn threads() {}
pub(crate) fn until_threads() {}
pub(crate) fn alone() {}
pub(crate) fn in_child() {}
pub(crate) fn is_child() {}
pub(crate) fn again() {}
