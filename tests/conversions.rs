//! Errors and handles where people use them: `?`, boxed errors, errors that are no errors themselves, and what a group gives
//! back.

mod common;

use common::{Gate, hold_up};
use millpond::{
    AsyncResult, PoolState, ReturnWhen, SubmitError, SubmitErrorKind, TaskError, ThreadPool,
    as_completed, wait,
};
use std::error::Error;
use std::time::Duration;

type Boxed = Box<dyn Error + Send + Sync>;

fn closed() -> ThreadPool {
    let pool = ThreadPool::new(1).unwrap();
    pool.close();
    pool
}

#[test]
fn a_refusal_becomes_a_task_error_by_the_question_mark() {
    fn submit(pool: &ThreadPool) -> Result<u32, TaskError> {
        let word = String::from("captured");
        pool.apply_async(move || word.len() as u32)?.get()
    }
    let error = submit(&closed()).unwrap_err();
    assert!(matches!(error, TaskError::NotSubmitted(SubmitErrorKind::NotRunning)));
    let kind: TaskError<u8> = SubmitErrorKind::Full.into();
    assert!(matches!(kind, TaskError::NotSubmitted(SubmitErrorKind::Full)));
}

#[test]
fn a_refusal_in_a_scope_becomes_a_boxed_error_by_its_kind() {
    fn lengths(pool: &ThreadPool, words: &[String]) -> Result<usize, Boxed> {
        pool.scope(|s| {
            let first = s.apply_async(|| words[0].len()).map_err(|refused| refused.kind())?;
            Ok(first.get()?)
        })
    }
    let words = [String::from("tarn")];
    assert_eq!(lengths(&ThreadPool::new(1).unwrap(), &words).unwrap(), 4);
    assert_eq!(lengths(&closed(), &words).unwrap_err().to_string(), "Pool not running");
}

/// As `anyhow::Error` is: it converts into a boxed error, and is none.
#[derive(Debug)]
struct Opaque(&'static str);

impl From<Opaque> for Boxed {
    fn from(opaque: Opaque) -> Self {
        opaque.0.into()
    }
}

#[test]
fn an_error_that_is_none_itself_is_boxed() {
    let pool = ThreadPool::new(1).unwrap();
    let boxed = |error: TaskError<Opaque>| error.into_boxed();
    let failed = pool.try_apply(|| Err::<u8, _>(Opaque("no such port"))).unwrap_err();
    let error = boxed(failed);
    assert_eq!(error.to_string(), "the task failed: no such port");
    assert_eq!(error.source().expect("the function's error").to_string(), "no such port");
    let item = pool.try_map(|x: u8| if x == 2 { Err(Opaque("odd")) } else { Ok(x) }, 0..3);
    assert_eq!(boxed(item.unwrap_err()).to_string(), "item 2: the task failed: odd");
    let panicked = pool.try_apply(|| -> Result<u8, Opaque> { panic!("at once") }).unwrap_err();
    assert_eq!(boxed(panicked).to_string(), "the task panicked: at once");
    pool.terminate();
    let refused = pool.try_apply(|| Err::<u8, _>(Opaque(""))).unwrap_err();
    assert_eq!(boxed(refused).to_string(), "Pool not running");
}

#[test]
fn a_refused_batch_comes_back_as_function_and_input() {
    let pool = closed();
    let refused: SubmitError<_> = pool.map_async(|x: u32| 2 * x, [1, 2, 3]).unwrap_err();
    let (double, input) = refused.into_task();
    assert_eq!(format!("{input:?}"), "Input { items: None, .. }", "nothing was read");
    assert_eq!(input.map(double).collect::<Vec<_>>(), [2, 4, 6]);
}

#[test]
fn a_group_knows_its_members_by_their_index() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let handles: Vec<AsyncResult<usize>> =
        (0..4).map(|i| pool.apply_async(move || 10 * i).unwrap()).collect();
    assert!(handles[2].cancel());
    let waited = wait(handles, ReturnWhen::FirstCompleted, None);
    let indices = |handles: &[(usize, AsyncResult<usize>)]| -> Vec<usize> {
        handles.iter().map(|(index, _)| *index).collect()
    };
    assert_eq!((indices(&waited.done), indices(&waited.not_done)), (vec![2], vec![0, 1, 3]));
    let mut rest = as_completed(waited.not_done.into_iter().map(|(_, handle)| handle));
    assert!(rest.next_timeout(Duration::ZERO).is_err());
    let rest = rest.into_rest();
    assert_eq!(indices(&rest), [0, 1, 2], "of what was handed in");
    gate.open();
    let values: Vec<_> = rest.into_iter().map(|(_, handle)| handle.get().unwrap()).collect();
    assert_eq!(values, [0, 10, 30], "the handles are as good as before");
}

#[test]
fn what_a_pool_says_of_itself_needs_no_parsing() {
    let pool = ThreadPool::new(1).unwrap();
    assert_eq!((pool.state(), pool.queued()), (PoolState::Running, 0));
    let gate = hold_up(&pool);
    let queued: Vec<_> = (0..3).map(|_| pool.apply_async(|| ()).unwrap()).collect();
    assert_eq!((pool.queued(), pool.active()), (3, 1));
    assert!(queued[0].cancel());
    assert_eq!(pool.handle().queued(), 2, "what was cancelled does not count");
    pool.close();
    assert_eq!(pool.state(), PoolState::Closed);
    pool.terminate();
    assert_eq!((pool.state(), pool.queued()), (PoolState::Terminated, 0));
    assert!(pool.broken_by().is_none());
    gate.open();
}

#[test]
fn a_builder_may_be_sent() {
    let builder = ThreadPool::builder().thread_name(|worker| format!("sent-{worker}"));
    let pool = std::thread::spawn(move || builder.workers(1).build().unwrap()).join().unwrap();
    let named = Gate::new();
    let open = named.clone();
    pool.spawn(move || {
        assert_eq!(std::thread::current().name(), Some("sent-0"));
        open.open();
    })
    .unwrap();
    named.wait();
}
