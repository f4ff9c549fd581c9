//! A pool that takes no work says so before it reads the input (TIME-10).

mod common;

use common::Gate;
use millpond::{Pool, PoolHandle, SubmitErrorKind, TaskError, ThreadPool, star};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

/// An input without an end that counts how often it is asked. Collected, it would fill the memory.
#[derive(Clone, Default)]
struct Endless(Arc<AtomicUsize>);

impl Endless {
    fn pulled(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Iterator for Endless {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let pulls = self.0.fetch_add(1, Ordering::Relaxed);
        assert!(pulls < 10_000, "nobody needs so many to be told that the pool is closed");
        Some(1)
    }

    /// As that of `0..`: whoever collects it panics before the first item.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// How a verb refused: as an error of the call, or that waiting would never end.
type Refusal = Result<SubmitErrorKind, &'static str>;

fn of_call<T, E: std::fmt::Debug>(outcome: Result<T, TaskError<E>>) -> Refusal {
    match outcome {
        Err(TaskError::NotSubmitted(kind)) => Ok(kind),
        Err(TaskError::WouldDeadlock) => Err("would deadlock"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was not refused"),
    }
}

fn of_submission<T, W>(outcome: Result<T, millpond::SubmitError<W>>) -> Refusal {
    match outcome {
        Err(refused) => Ok(refused.kind()),
        Ok(_) => panic!("it was not refused"),
    }
}

/// A verb, by its name.
type Verb<I> = (&'static str, fn(&PoolHandle, I) -> Refusal);

fn pairs<I: Iterator<Item = u64>>(input: I) -> impl Iterator<Item = (u64, u64)> {
    input.map(|x| (x, x))
}

/// Of the verbs that wait for the whole input.
fn blocking<I: Iterator<Item = u64>>() -> [Verb<I>; 11] {
    [
        ("map", |pool, input| of_call(pool.map(|x| x, input))),
        ("starmap", |pool, input| of_call(pool.starmap(|x: u64, y: u64| x + y, pairs(input)))),
        ("map_results", |pool, input| of_call(pool.map_results(|x| x, input))),
        ("batch", |pool, input| of_call(pool.batch(|x| x, input).callback(|_| ()).map())),
        ("batch of star", |pool, input| {
            of_call(pool.batch(star(|x: u64, y: u64| x + y), pairs(input)).fail_fast(true).map())
        }),
        ("try_map", |pool, input| of_call(pool.try_map(Ok::<_, u8>, input))),
        ("try_starmap", |pool, input| {
            of_call(pool.try_starmap(|x: u64, y: u64| Ok::<_, u8>(x + y), pairs(input)))
        }),
        ("try_batch", |pool, input| of_call(pool.try_batch(Ok::<_, u8>, input).map())),
        ("try_batch of star", |pool, input| {
            of_call(pool.try_batch(star(|x: u64, y: u64| Ok::<_, u8>(x + y)), pairs(input)).map())
        }),
        ("batch, chunks", |pool, input| of_call(pool.batch(|x| x, input).chunksize(4).map())),
        ("batch, error callback", |pool, input| {
            of_call(pool.try_batch(Ok::<_, u8>, input).error_callback(|_| ()).map())
        }),
    ]
}

/// Of the verbs that give a handle or a stream.
fn asynchronous<I: Iterator<Item = u64> + 'static>() -> [Verb<I>; 14] {
    [
        ("map_async", |pool, input| of_submission(pool.map_async(|x| x, input))),
        ("starmap_async", |pool, input| {
            of_submission(pool.starmap_async(|x: u64, y: u64| x + y, pairs(input)))
        }),
        ("batch", |pool, input| {
            let batch = pool.batch(|x| x, input).callback(|_| ());
            of_submission(batch.map_async())
        }),
        ("batch of star", |pool, input| {
            of_submission(pool.batch(star(|x: u64, y: u64| x + y), pairs(input)).map_async())
        }),
        ("try_map_async", |pool, input| of_submission(pool.try_map_async(Ok::<_, u8>, input))),
        ("try_starmap_async", |pool, input| {
            of_submission(pool.try_starmap_async(|x: u64, y: u64| Ok::<_, u8>(x + y), pairs(input)))
        }),
        ("try_batch", |pool, input| of_submission(pool.try_batch(Ok::<_, u8>, input).map_async())),
        ("try_batch of star", |pool, input| {
            let batch = pool.try_batch(star(|x: u64, y: u64| Ok::<_, u8>(x + y)), pairs(input));
            of_submission(batch.chunksize(4).map_async())
        }),
        ("imap", |pool, input| of_submission(pool.imap(|x| x, input))),
        ("imap_unordered", |pool, input| of_submission(pool.imap_unordered(|x| x, input))),
        ("stream", |pool, input| {
            of_submission(pool.stream(|x| x, input).buffersize(2).chunksize(2).imap::<u64, _>())
        }),
        ("try_imap", |pool, input| of_submission(pool.try_imap(Ok::<_, u8>, input))),
        ("try_imap_unordered", |pool, input| {
            let stream = pool.try_imap_unordered(Ok::<_, u8>, input);
            of_submission(stream)
        }),
        ("try_stream", |pool, input| {
            of_submission(pool.try_stream(Ok::<_, u8>, input).imap_unordered::<u64, u8>())
        }),
    ]
}

/// Fails unless every verb refuses in this way and pulls nothing.
#[track_caller]
fn assert_refuses(pool: &PoolHandle, calls: Refusal, submissions: Refusal) {
    let counted = blocking::<Endless>().map(|verb| (verb, calls));
    let counted = counted.into_iter().chain(asynchronous().map(|verb| (verb, submissions)));
    for ((name, verb), expected) in counted {
        let input = Endless::default();
        assert_eq!(verb(pool, input.clone()), expected, "{name}");
        assert_eq!(input.pulled(), 0, "{name} has read the input");
    }
    let plain = blocking().map(|verb| (verb, calls)).into_iter();
    for ((name, verb), expected) in plain.chain(asynchronous().map(|verb| (verb, submissions))) {
        assert_eq!(verb(pool, 0_u64..), expected, "{name}");
    }
}

// covers TIME-10
#[test]
fn a_pool_that_takes_no_work_refuses_before_it_reads_the_input() {
    let refused = Ok(SubmitErrorKind::NotRunning);
    for end in [Pool::close, Pool::terminate] {
        let pool = ThreadPool::new(1).unwrap();
        end(&pool);
        assert_refuses(&pool.handle(), refused, refused);
        pool.join().unwrap();
        assert_refuses(&pool.handle(), refused, refused);
        let handle = pool.handle();
        drop(pool);
        assert_refuses(&handle, refused, refused);
    }
    let broken = ThreadPool::builder().workers(1).initializer(|_| panic!("no database"));
    let broken = broken.build().unwrap();
    while !matches!(broken.apply(|| ()), Err(TaskError::NotSubmitted(SubmitErrorKind::Broken))) {
        thread::yield_now();
    }
    assert_refuses(&broken.handle(), Ok(SubmitErrorKind::Broken), Ok(SubmitErrorKind::Broken));
}

// covers TIME-10
#[test]
fn a_worker_of_a_terminated_pool_is_refused_before_it_reads_the_input() {
    let pool = ThreadPool::new(1).unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let inside = pool.apply_async(move || {
        enter.open();
        pass.wait();
        let refused = Ok(SubmitErrorKind::NotRunning);
        assert_refuses(&PoolHandle::current().unwrap(), refused, refused);
    });
    entered.wait();
    pool.terminate();
    gate.open();
    inside.unwrap().get().unwrap();
}

// covers TIME-10
#[test]
fn a_wait_that_would_never_end_is_refused_before_the_input_is_read() {
    let (handle, pulls) = (Arc::new(OnceLock::<PoolHandle>::new()), Endless::default());
    let (own, told) = (Arc::clone(&handle), Arc::new(Mutex::new(Vec::new())));
    let (tell, input, is_set) = (Arc::clone(&told), pulls.clone(), Gate::new());
    let set = is_set.clone();
    let initializer = move |_| {
        set.wait();
        let pool = own.get().unwrap();
        for (name, verb) in blocking() {
            tell.lock().unwrap().push((name, verb(pool, input.clone())));
        }
    };
    let pool = ThreadPool::builder().workers(1).initializer(initializer).build().unwrap();
    handle.set(pool.handle()).unwrap();
    is_set.open();
    pool.apply(|| ()).unwrap();
    assert!(told.lock().unwrap().iter().all(|(_, refusal)| *refusal == Err("would deadlock")));
    assert_eq!((told.lock().unwrap().len(), pulls.pulled()), (11, 0));
}

// covers TIME-10 MAP-06 IMAP-06
#[test]
fn a_size_of_zero_is_refused_before_the_input_is_read() {
    let pool = ThreadPool::new(1).unwrap();
    let input = Endless::default();
    let (chunk, buffer) = (SubmitErrorKind::InvalidChunkSize, SubmitErrorKind::InvalidBufferSize);
    let batch = || pool.batch(|x| x, input.clone()).chunksize(0);
    assert_eq!(of_call(batch().map()), Ok(chunk));
    assert_eq!(of_submission(batch().map_async()), Ok(chunk));
    assert_eq!(of_call(pool.batch(|x| x, 0_u64..).chunksize(0).map()), Ok(chunk));
    assert_eq!(of_submission(pool.batch(|x| x, 0_u64..).chunksize(0).map_async()), Ok(chunk));
    let stream = || pool.stream(|x| x, input.clone());
    assert_eq!(of_submission(stream().chunksize(0).imap::<u64, Infallible>()), Ok(chunk));
    assert_eq!(of_submission(stream().chunksize(0).imap_unordered::<u64, Infallible>()), Ok(chunk));
    assert_eq!(of_submission(stream().buffersize(0).imap::<u64, Infallible>()), Ok(buffer));
    let unordered = stream().buffersize(0).imap_unordered::<u64, Infallible>();
    assert_eq!(of_submission(unordered), Ok(buffer));
    // A refused batch that is put right begins where it was.
    let refused = pool.batch(|x| 2 * x, [1, 2]).chunksize(0).map_async().unwrap_err();
    assert_eq!(refused.into_task().chunksize(1).map().unwrap(), [2, 4]);
    assert_eq!(input.pulled(), 0);
}

// covers TIME-10
#[test]
fn a_batch_whose_pool_was_closed_while_it_read_comes_back_whole() {
    for as_a_call in [false, true] {
        let pool = ThreadPool::new(1).unwrap();
        // A closed pool takes work from its own tasks: there the batch can be submitted again.
        let (send, receive) = channel::<Box<dyn FnOnce() + Send>>();
        let inside = pool.apply_async(move || (receive.recv().unwrap())()).unwrap();
        let (closing, pulls) = (pool.handle(), Endless::default());
        let told = Arc::new(Mutex::new(Vec::new()));
        let (count, tell) = (pulls.clone(), Arc::clone(&told));
        let input = (0..3).inspect(move |item| {
            count.0.fetch_add(1, Ordering::Relaxed);
            if *item == 2 {
                closing.close();
            }
        });
        let batch = pool.batch(|x: i32| 10 * x, input);
        let batch = batch.callback(move |all| tell.lock().unwrap().extend_from_slice(all));
        assert_eq!(pulls.pulled(), 0, "the builder reads nothing");
        let refused = batch.map_async().unwrap_err();
        assert_eq!((refused.kind(), pulls.pulled()), (SubmitErrorKind::NotRunning, 3));
        let again = refused.into_task().map_async().unwrap_err();
        assert!(told.lock().unwrap().is_empty(), "nothing was submitted");
        let (back, values) = channel();
        let work = move || {
            let batch = again.into_task();
            let values = if as_a_call {
                batch.map()
            } else {
                batch.map_async().expect("a task of the pool's own submits").get()
            };
            back.send(values.unwrap()).unwrap();
        };
        send.send(Box::new(work)).unwrap();
        inside.get().unwrap();
        assert_eq!(values.recv().unwrap(), [0, 10, 20]);
        assert_eq!((&**told.lock().unwrap(), pulls.pulled()), (&[0, 10, 20][..], 3), "as it was");
        pool.join().unwrap();
    }
}

// covers TIME-10 MAP-16
#[test]
fn an_input_that_panics_does_so_in_the_verb_and_nothing_is_submitted() {
    let pool = ThreadPool::new(1).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let input = || (0..3).map(|item| if item == 2 { panic!("item {item}") } else { item });
    let each = || {
        let calls = Arc::clone(&calls);
        move |x: i32| {
            calls.fetch_add(1, Ordering::Relaxed);
            x
        }
    };
    let [waits, submits, chunks] = [(), (), ()].map(|()| pool.batch(each(), input()));
    let verbs: [(&str, Box<dyn FnOnce() + '_>); 4] = [
        ("map", Box::new(|| drop(waits.map()))),
        ("map_async", Box::new(|| drop(submits.map_async()))),
        ("in chunks", Box::new(|| drop(chunks.chunksize(1).map()))),
        ("map_results", Box::new(|| drop(pool.map_results(each(), input())))),
    ];
    for (name, verb) in verbs {
        let payload = catch_unwind(AssertUnwindSafe(verb)).expect_err(name);
        assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("item 2"), "{name}");
    }
    assert_eq!(pool.apply(|| 1).unwrap(), 1);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

/// An input that says when it has been read, and may then keep its reader.
fn heard(end: &Gate, pass: &Gate) -> impl Iterator<Item = u64> + Send + 'static {
    let (end, pass) = (end.clone(), pass.clone());
    (0..3).chain(std::iter::from_fn(move || {
        end.open();
        pass.wait();
        None
    }))
}

// covers TIME-10
#[test]
fn a_full_pool_lets_the_submitter_read_and_then_wait() {
    for ends in [false, true] {
        let pool = ThreadPool::builder().workers(1).max_queued(1).build().unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        let running = pool.apply_async(move || {
            enter.open();
            pass.wait();
        });
        entered.wait();
        let queued = pool.apply_async(|| 1).unwrap();
        let (read, on) = (Gate::new(), Gate::new());
        let (handle, input) = (pool.handle(), heard(&read, &on));
        let submitter = thread::spawn(move || match handle.map_async(|x| 10 * x, input) {
            Ok(result) => Ok(result.get().unwrap()),
            Err(refused) => {
                let kind = refused.kind();
                let (f, input) = refused.into_task();
                Err((kind, input.map(f).collect::<Vec<_>>()))
            }
        });
        read.wait(); // while the pool is full
        assert!(!running.as_ref().unwrap().ready() && !queued.ready());
        on.open();
        if ends {
            pool.terminate();
            let (kind, values) = submitter.join().unwrap().unwrap_err();
            assert_eq!(kind, SubmitErrorKind::NotRunning);
            assert_eq!(values, [0, 10, 20], "function and items came back");
            gate.open();
        } else {
            gate.open();
            assert_eq!(submitter.join().unwrap().unwrap(), [0, 10, 20]);
            assert_eq!(queued.get().unwrap(), 1);
        }
        running.unwrap().get().unwrap();
    }
}
