//! Sizes that the documentation promises.

use millpond::{AsyncResult, Panic, TaskError};
use std::convert::Infallible;
use std::mem::size_of;

// covers F-51
#[test]
fn a_handle_is_as_large_as_an_address() {
    assert_eq!(size_of::<AsyncResult<u64>>(), 8);
    assert_eq!(size_of::<AsyncResult<[u64; 100], String>>(), 8);
}

#[test]
fn an_outcome_is_small_where_nothing_fails() {
    assert_eq!(size_of::<Panic>(), 8);
    assert_eq!(size_of::<TaskError<Infallible>>(), 24);
    assert_eq!(size_of::<Result<u64, TaskError<Infallible>>>(), 24);
}
