//! What may cross threads, and what it weighs: fault F-51. What may not is in tests/compile_fail.

mod common;

use millpond::{
    AsyncResult, BuildError, Builder, CancelOnDrop, Codel, JoinError, NotReady, Panic, Pool,
    PoolHandle, SubmitError, SubmitErrorKind, Task, TaskError, ThreadPool, Timeout,
};
use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::{Debug, Display};

fn crosses<T: Send>() {}
fn is_shared<T: Send + Sync>() {}
fn is_error<T: Error + Send + Sync + 'static>() {}

// covers F-51 APP-09
#[test]
fn pools_and_handles_are_shared_between_threads() {
    is_shared::<ThreadPool>();
    is_shared::<PoolHandle>();
    is_shared::<Panic>();
    is_shared::<Pool>();
    is_shared::<Codel>();
    crosses::<Builder>();
    fn is_cheap_to_clone<T: Clone>() {}
    is_cheap_to_clone::<PoolHandle>();
}

// covers F-51 RES-11
#[test]
fn a_result_handle_is_shared_if_its_value_may_be_sent() {
    is_shared::<AsyncResult<u64>>();
    // A `Cell` may be sent, not shared: the handle lends it to nobody but by `&mut` or by value.
    is_shared::<AsyncResult<Cell<u64>>>();
    is_shared::<AsyncResult<Vec<u64>, Cell<u64>>>();
    is_shared::<CancelOnDrop<Cell<u64>>>();
    fn is_unpin<T: Unpin>() {}
    is_unpin::<AsyncResult<std::marker::PhantomPinned>>();
    is_unpin::<CancelOnDrop<std::marker::PhantomPinned>>();
}

// covers F-51
#[test]
fn errors_go_into_a_box_of_any_error() {
    is_error::<TaskError>();
    is_error::<TaskError<std::io::Error>>();
    is_error::<BuildError>();
    is_error::<JoinError>();
    is_error::<NotReady>();
    is_error::<SubmitError<Cell<u64>>>();
    is_error::<SubmitError<Box<dyn FnOnce() + Send>>>();
    is_error::<Timeout<AsyncResult<u64>>>();
    // A closure that is `Send` but not `Sync`, by `?`.
    fn refused() -> Result<u64, Box<dyn Error + Send + Sync>> {
        let pool = ThreadPool::new(1)?;
        pool.close();
        let captured = Cell::new(1);
        Ok(pool.apply_async(move || captured.get())?.get()?)
    }
    assert_eq!(refused().unwrap_err().to_string(), "Pool not running");
}

#[test]
fn everything_public_can_be_printed() {
    fn prints<T: Debug>() {}
    fn speaks<T: Debug + Display>() {}
    prints::<ThreadPool>();
    prints::<PoolHandle>();
    prints::<Builder>();
    prints::<Panic>();
    prints::<AsyncResult<Cell<u64>>>();
    prints::<CancelOnDrop<Cell<u64>>>();
    prints::<Codel>();
    prints::<Task<fn() -> Result<u64, Infallible>, u64>>();
    let pool = ThreadPool::new(1).unwrap();
    fn print(value: impl Debug) {
        assert!(!format!("{value:?}").is_empty());
    }
    print(pool.batch(|x: u8| x, 0..1));
    print(pool.stream(|x: u8| x, 0..1));
    speaks::<SubmitErrorKind>();
    speaks::<Panic>();
    // Without bounds on the work, the handle or the value.
    struct Bare;
    speaks::<SubmitError<Bare>>();
    speaks::<Timeout<Bare>>();
    prints::<AsyncResult<Bare, Bare>>();
}

// covers F-51
#[test]
fn refused_work_weighs_little_more_than_the_work_itself() {
    // Results and errors are weighed in tests/layout.rs.
    assert_eq!(size_of::<PoolHandle>(), size_of::<usize>());
    assert_eq!(size_of::<Timeout<AsyncResult<u64>>>(), size_of::<AsyncResult<u64>>());
    // The kind, and the address of what a full pool says of itself.
    assert_eq!(size_of::<SubmitError<[u64; 4]>>(), size_of::<[u64; 4]>() + 2 * size_of::<usize>());
}
