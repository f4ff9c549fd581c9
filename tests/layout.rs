//! Sizes that the documentation promises.

use millpond::{AsyncResult, Panic, TaskError};
use std::convert::Infallible;
use std::mem::size_of;

/// 8 bytes on 64 bits, and 4 on 32.
const ADDRESS: usize = size_of::<usize>();

// covers F-51
#[test]
fn a_handle_is_as_large_as_an_address() {
    assert_eq!(size_of::<AsyncResult<u64>>(), ADDRESS);
    assert_eq!(size_of::<AsyncResult<[u64; 100], String>>(), ADDRESS);
}

#[test]
fn an_outcome_is_small_where_nothing_fails() {
    assert_eq!(size_of::<Panic>(), ADDRESS);
    assert_eq!(size_of::<TaskError<Infallible>>(), 3 * ADDRESS);
    assert_eq!(size_of::<Result<u64, TaskError<Infallible>>>(), 3 * ADDRESS);
}
