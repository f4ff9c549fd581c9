//! The `try_` verbs: functions that return a `Result`, whose `Err` is the task's failure, with its type.

mod common;
mod parity;

use common::Gate;
use millpond::{SubmitErrorKind, TaskError, ThreadPool, star};
use parity::Ledger;
use std::error::Error;
use std::num::ParseIntError;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;

/// An error of a program's own: neither `Clone` nor `Display`, and it is moved, never copied.
#[derive(Debug, PartialEq)]
struct Refused {
    port: u16,
}

fn even(port: u16) -> Result<u16, Refused> {
    if port % 2 == 0 { Ok(port) } else { Err(Refused { port }) }
}

/// What a failure carries, and its item.
#[track_caller]
fn failed<T, E>(result: Result<T, TaskError<E>>) -> (E, Option<usize>) {
    match result {
        Err(TaskError::Failed { error, item }) => (error, item),
        Err(other) => panic!("failed otherwise: {:?}", other.item()),
        Ok(_) => panic!("it did not fail"),
    }
}

// covers APP-02 ERR-04 RES-14
#[test]
fn a_call_gives_its_value_its_own_error_or_its_panic() {
    let pool = ThreadPool::new(2).unwrap();
    assert_eq!(pool.try_apply(|| even(80)).unwrap(), 80);
    assert_eq!(failed(pool.try_apply(|| even(443))), (Refused { port: 443 }, None));
    assert_eq!(pool.try_apply_async(|| even(80)).unwrap().get().unwrap(), 80);
    let result = pool.try_apply_async(|| even(443)).unwrap();
    assert!(result.wait());
    assert_eq!(result.successful(), Ok(false));
    assert!(matches!(
        result.peek(),
        Some(Err(TaskError::Failed { error: Refused { port: 443 }, item: None }))
    ));
    assert_eq!(failed(result.get()).0.port, 443);
    let panicked = pool.try_apply(|| -> Result<u16, Refused> { panic!("neither") }).unwrap_err();
    assert!(matches!(panicked, TaskError::Panicked(panic) if panic.message() == Some("neither")));
}

#[test]
fn a_blocking_call_borrows_and_so_may_its_error() {
    let pool = ThreadPool::new(2).unwrap();
    let words = [String::from("80"), String::from("https")];
    let parse = |word| words.iter().find(|known| *known == word).map(String::as_str).ok_or(word);
    let missing = String::from("gopher");
    assert_eq!(pool.try_apply(|| parse(&words[0])).unwrap(), "80");
    assert!(std::ptr::eq(failed(pool.try_apply(|| parse(&missing))).0, &raw const missing));
    assert_eq!(failed(pool.try_map(parse, [&words[1], &missing])), (&missing, Some(1)));
}

#[test]
fn the_error_has_a_source_and_says_which_item() {
    let pool = ThreadPool::new(1).unwrap();
    let error = pool.try_map(str::parse::<u16>, ["80", "https"]).unwrap_err();
    assert_eq!(error.to_string(), "item 1: the task failed: invalid digit found in string");
    assert!(error.source().unwrap().downcast_ref::<ParseIntError>().is_some());
    // A program's `?`.
    let run = || -> Result<Vec<u16>, Box<dyn Error + Send + Sync>> {
        Ok(pool.try_map(str::parse, ["80", "http"])?)
    };
    assert!(run().unwrap_err().is::<TaskError<ParseIntError>>());
}

// covers CB-01 CB-02 CB-12
#[test]
fn callbacks_see_the_value_or_the_typed_error_before_any_waiter() {
    let pool = ThreadPool::new(2).unwrap();
    for port in [80, 443] {
        let (send, receive) = channel();
        let errors = send.clone();
        let result = pool
            .try_task(move || even(port))
            .callback(move |port| send.send(Ok(*port)).unwrap())
            .error_callback(move |error| {
                let TaskError::Failed { error, item: None } = error else { panic!("{error:?}") };
                errors.send(Err(error.port)).unwrap();
            })
            .apply_async()
            .unwrap();
        result.wait();
        let expected = if port == 80 { Ok(80) } else { Err(443) };
        assert_eq!(
            receive.try_iter().collect::<Vec<_>>(),
            [expected],
            "once, and before it is ready"
        );
        assert_eq!(result.successful(), Ok(expected.is_ok()));
        assert_eq!(result.get().map_err(|error| failed(Err::<(), _>(error)).0.port), expected);
    }
    // An error callback that panics keeps the error as the cause.
    let result = pool
        .try_task(|| even(1))
        .error_callback(|_| panic!("in the callback"))
        .apply_async()
        .unwrap();
    let Err(TaskError::CallbackPanicked { panic, cause }) = result.get() else {
        panic!("it panicked")
    };
    assert_eq!(panic.message(), Some("in the callback"));
    assert_eq!(failed(Err::<(), _>(*cause.unwrap())), (Refused { port: 1 }, None));
}

// covers MAP-12 MAP-13
#[test]
fn a_batch_attempts_every_item_and_keeps_the_first_failure_in_time() {
    let pool = ThreadPool::new(2).unwrap();
    // Whichever item but 0 comes first fails first; item 0 fails when the thread of that one has gone on to another.
    let (first, recorded, attempts) = (Mutex::new(None), Gate::new(), AtomicU32::new(0));
    let result = pool.try_map(
        |item: u32| {
            attempts.fetch_add(1, Ordering::Relaxed);
            let here = thread::current().id();
            let mut first = first.lock().unwrap();
            match *first {
                None if item != 0 => {
                    *first = Some((item, here));
                    return Err(item);
                }
                Some((_, thread)) if thread == here => recorded.open(),
                _ => {}
            }
            drop(first);
            if item != 0 {
                return Ok(item);
            }
            recorded.wait();
            Err(0)
        },
        0..10,
    );
    let (item, _) = first.into_inner().unwrap().unwrap();
    assert_eq!(failed(result), (item, Some(item as usize)), "not the lowest index");
    assert_eq!(attempts.into_inner(), 10);
}

// covers MAP-22
#[test]
fn a_failed_batch_drops_its_values_and_its_other_errors() {
    for workers in [1, 2, 5] {
        let pool = ThreadPool::new(workers).unwrap();
        let ledger = Ledger::new();
        let make = ledger.clone();
        let work = move |item: u32| {
            if item % 3 == 0 { Err(make.value(false)) } else { Ok(make.value(false)) }
        };
        let result = pool.try_map_async(work, 0..100).unwrap();
        result.wait();
        assert_eq!(result.successful(), Ok(false));
        assert_eq!((ledger.made(), ledger.dropped()), (100, 99), "one error is kept");
        let (error, item) = failed(result.get());
        assert_eq!(item.unwrap() % 3, 0);
        drop(error);
        ledger.settle("errors and values");
    }
}

// covers MAP-13 MAP-14
#[test]
fn chunks_and_fail_fast_treat_an_error_as_they_do_a_panic() {
    let pool = ThreadPool::new(1).unwrap();
    let attempt = |chunksize: Option<usize>, fail_fast| {
        let (send, receive) = channel();
        let work = move |item: u32| {
            send.send(item).unwrap();
            if item == 2 { Err("two") } else { Ok(()) }
        };
        let batch = pool.try_batch(work, 0..10).fail_fast(fail_fast);
        let result = match chunksize {
            Some(items) => batch.chunksize(items).map(),
            None => batch.map(),
        };
        assert_eq!(failed(result), ("two", Some(2)));
        let mut attempted: Vec<_> = receive.into_iter().collect();
        attempted.sort_unstable();
        attempted
    };
    assert_eq!(attempt(None, false), (0..10).collect::<Vec<_>>(), "each item for itself");
    assert_eq!(
        attempt(Some(5), false),
        [0, 1, 2, 5, 6, 7, 8, 9],
        "the rest of the chunk is left out"
    );
    assert_eq!(attempt(Some(1), true), [0, 1, 2], "and here the rest of all");
}

// covers MAP-02 CB-04 CB-05
#[test]
fn a_fallible_batch_takes_callbacks_and_tuples() {
    let pool = ThreadPool::new(2).unwrap();
    let divide = |a: u32, b: u32| a.checked_div(b).ok_or(a);
    assert_eq!(pool.try_starmap(divide, [(6, 3), (8, 2)]).unwrap(), [2, 4]);
    assert_eq!(failed(pool.try_starmap(divide, [(6, 3), (8, 0)])), (8, Some(1)));
    assert_eq!(
        pool.try_starmap_async(divide, [(6, 3), (9, 0)]).unwrap().get().map_err(|e| failed(Err::<
            (),
            _,
        >(
            e
        ))),
        Err((9, Some(1)))
    );
    let (send, receive) = channel();
    let errors = send.clone();
    for (dividend, expected) in [(7, Ok(vec![2, 7])), (0, Err(Some(1)))] {
        let (values, errors) = (send.clone(), errors.clone());
        pool.try_batch(
            star(move |a: u32, b: u32| if a == 0 { Err(a) } else { divide(a, b) }),
            [(4, 2), (dividend, 1)],
        )
        .callback(move |all: &Vec<u32>| values.send(Ok(all.clone())).unwrap())
        .error_callback(move |error| errors.send(Err(error.item())).unwrap())
        .map_async()
        .unwrap()
        .wait();
        assert_eq!(receive.try_iter().collect::<Vec<_>>(), [expected]);
    }
}

// covers IMAP-07 IMAP-08
#[test]
fn a_stream_yields_errors_at_their_places_and_goes_on() {
    for workers in [1, 2, 5] {
        let pool = ThreadPool::new(workers).unwrap();
        let seen: Vec<_> = pool.try_imap(even, 0..100).unwrap().collect();
        assert_eq!(seen.len(), 100);
        for (i, result) in seen.into_iter().enumerate() {
            match result {
                Ok(port) => assert!(usize::from(port) == i && i % 2 == 0),
                Err(TaskError::Failed { error, item }) => {
                    assert!(usize::from(error.port) == i && item == Some(i) && i % 2 == 1);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        // Out of order an error still says whose it is.
        let mut failures = 0;
        let stream = pool.try_stream(even, 1000..1100).chunksize(3).buffersize(7);
        for result in stream.imap_unordered().unwrap().filter(Result::is_err) {
            let (error, item) = failed(result);
            assert_eq!(item, Some(usize::from(error.port) - 1000));
            failures += 1;
        }
        assert_eq!(failures, 50);
    }
    let pool = ThreadPool::new(1).unwrap();
    assert_eq!(pool.try_imap_unordered(even, [2, 4]).unwrap().map(Result::unwrap).sum::<u16>(), 6);
}

// covers APP-07
#[test]
fn a_closed_pool_gives_a_fallible_function_back() {
    let pool = ThreadPool::new(1).unwrap();
    pool.close();
    let refused = pool.try_apply_async(|| even(80)).unwrap_err();
    assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
    assert_eq!(refused.into_task()(), Ok(80));
    assert!(pool.try_map_async(even, [80]).is_err() && pool.try_imap(even, [80]).is_err());
    for error in [pool.try_apply(|| even(80)).map(|_| ()), pool.try_map(even, [80]).map(|_| ())] {
        assert!(matches!(error, Err(TaskError::NotSubmitted(SubmitErrorKind::NotRunning))));
    }
}
