//! Python's `multiprocessing.pool.ThreadPool` for Rust: a pool of threads that run your functions.
//!
//! ```
//! use millpond::ThreadPool;
//!
//! let pool = ThreadPool::new(4)?;
//! let answer = pool.apply_async(|| 6 * 7)?;
//! let squares = pool.map(|x: u64| x * x, 0..10)?;
//! assert_eq!(answer.get()?, 42);
//! assert_eq!(squares[9], 81);
//! pool.close();
//! pool.join()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`ThreadPool`] owns the threads. [`PoolHandle`] submits without owning them, and can be cloned.
//! Both dereference to [`Pool`], which has every verb.
//!
//! # From Python
//!
//! | Python | here |
//! |---|---|
//! | `ThreadPool(4)` | [`ThreadPool::new(4)`](ThreadPool::new) |
//! | `ThreadPool(4, initializer, initargs)` | [`ThreadPool::builder`], [`Builder::initializer`] |
//! | `apply(f, args)` | [`apply(\|\| f(a))`](Pool::apply) |
//! | `apply_async(f, args)` | [`apply_async(\|\| f(a))`](Pool::apply_async) |
//! | `apply_async(…, callback=c)` | [`task(\|\| f(a)).callback(c)…`](Pool::task) |
//! | `map(f, xs)` | [`map(f, xs)`](Pool::map) |
//! | `map(f, xs, chunksize)` | [`batch(f, xs).chunksize(n).map()`](Pool::batch) |
//! | `map_async(f, xs)` | [`map_async(f, xs)`](Pool::map_async) |
//! | `map_async(…, callback=c)` | [`batch(f, xs).callback(c).map_async()`](Pool::batch) |
//! | `starmap(f, pairs)` | [`starmap(\|a, b\| …, pairs)`](Pool::starmap) |
//! | `starmap_async(f, pairs)` | [`starmap_async(\|a, b\| …, pairs)`](Pool::starmap_async) |
//! | `starmap_async(…, callback=c)` | [`batch(star(f), pairs)`](Pool::batch), [`star`](fn@star) |
//! | `imap(f, xs)` | [`imap(f, xs)`](Pool::imap) |
//! | `imap_unordered(f, xs)` | [`imap_unordered(f, xs)`](Pool::imap_unordered) |
//! | `imap(f, xs, chunksize)` | [`stream(f, xs).chunksize(n).imap()`](Pool::stream) |
//! | `imap(…, buffersize=m)` of 3.16 | [`stream(f, xs).buffersize(m).imap()`](Pool::stream) |
//! | `it.next(timeout)` | [`Imap::next_timeout`] |
//! | an exception | a panic, or the `Err` of a function that a `try_…` verb takes |
//! | `concurrent.futures.wait` | [`wait`](fn@wait), which tells each handle's index |
//! | `concurrent.futures.as_completed` | [`as_completed`], which tells each handle's index |
//! | `close`, `join` | [`close`](Pool::close), [`join`](ThreadPool::join) |
//! | `terminate` | [`terminate`](Pool::terminate) |
//! | leaving the `with` block | dropping the pool: [`DropPolicy`] |
//! | `repr(pool)` | `{pool:?}`, [`state`](Pool::state), [`workers`](Pool::workers) |
//! | `result.get()` | [`get`](AsyncResult::get) |
//! | `result.get(timeout)` | [`get_timeout`](AsyncResult::get_timeout) |
//! | `result.wait()` | [`wait`](AsyncResult::wait) |
//! | `result.wait(timeout)` | [`wait_timeout`](AsyncResult::wait_timeout) |
//! | `result.ready()` | [`ready`](AsyncResult::ready) |
//! | `result.successful()` | [`successful`](AsyncResult::successful) |
//!
//! Each verb but [`spawn`](Pool::spawn), [`map_slice`](Pool::map_slice),
//! [`map_results`](Pool::map_results) and [`scope`](Pool::scope) has a twin that begins with
//! `try_`, such as [`try_apply`](Pool::try_apply) and [`try_map`](Pool::try_map).
//!
//! Python has no counterpart to these:
//!
//! * [`scope`](Pool::scope) runs tasks that borrow from the stack.
//! * [`fork_join`](Pool::fork_join) calls two functions at once, for recursions.
//! * [`map_slice`](Pool::map_slice) maps a slice and copies no input.
//! * [`map_results`](Pool::map_results) gives each item an outcome of its own.
//! * [`cancel`](AsyncResult::cancel) keeps a task from starting, or asks it to stop. The task asks
//!   [`is_cancelled`] whether to stop. [`progress`](AsyncResult::progress) tells how far it is.
//! * [`into_rest`](AsCompleted::into_rest) gives back the handles that [`as_completed`] has not
//!   yielded.
//! * [`queued`](Pool::queued) and [`active`](Pool::active) tell how busy the pool is.
//!   [`broken_by`](Pool::broken_by) tells which panic broke it.
//! * [`stats`](Pool::stats), [`running`](Pool::running) and [`timings`](Pool::timings) tell what a
//!   pool has done and what it is doing, if it was built to count.
//! * [`max_queued`](Builder::max_queued) lets submitters wait while the queue is full, or
//!   [refuses](Builder::when_full) them. [`reserve`](Pool::reserve) lets asynchronous code wait.
//! * [`cancel_on_drop`](AsyncResult::cancel_on_drop) cancels a task when its caller gives up.
//!   [`start_by`](Task::start_by) gives a task a time by which it must begin, and
//!   [`start_if`](Task::start_if) a function that decides. [`Codel`] decides by waiting times.
//! * [`fed_stream`](Pool::fed_stream) runs items that other threads send, and yields the results on
//!   a thread of their own.
//!
//! * [`shutdown`](ThreadPool::shutdown) closes, waits and terminates by one time limit, and reports
//!   what came of the work. [`shutdown_async`](ThreadPool::shutdown_async) is the same as a future.
//!
//! An [`AsyncResult`] is also a `Future`, of no particular runtime.
//!
//! [`python_parity`] compares the two pools method by method. It also lists the ways in which
//! Python's pool hangs, and what happens here instead. [`model_checking`] shows how to check your
//! own code with the pool in it. [`embedding`] is for a service that must answer in time.
//!
//! # How to choose
//!
//! | | one call | many items, all at once | many items, one by one |
//! |---|---|---|---|
//! | wait for it | [`apply`] | [`map`], [`starmap`] | [`imap`], [`imap_unordered`] |
//! | get a handle | [`apply_async`] | [`map_async`], [`starmap_async`] | |
//! | with callbacks, a chunk size, … | [`task`] | [`batch`] | [`stream`] |
//! | no thread waits for it | [`spawn`] | | |
//! | may borrow | [`apply`], [`scope`] | [`map`], [`starmap`], [`map_slice`], [`map_results`] | |
//! | may not borrow | [`apply_async`], [`spawn`] | [`map_async`], [`starmap_async`] | all |
//!
//! The last two rows say whether the function and the items may borrow from the caller's stack.
//! They may where the call returns only when its work is done. They may not where the call returns
//! before that. A [`batch`] may borrow if it ends in [`map`](Batch::map).
//!
//! [`apply`]: Pool::apply
//! [`apply_async`]: Pool::apply_async
//! [`task`]: Pool::task
//! [`spawn`]: Pool::spawn
//! [`map`]: Pool::map
//! [`starmap`]: Pool::starmap
//! [`map_async`]: Pool::map_async
//! [`starmap_async`]: Pool::starmap_async
//! [`map_slice`]: Pool::map_slice
//! [`map_results`]: Pool::map_results
//! [`batch`]: Pool::batch
//! [`imap`]: Pool::imap
//! [`imap_unordered`]: Pool::imap_unordered
//! [`stream`]: Pool::stream
//! [`scope`]: Pool::scope
//!
//! # What it promises
//!
//! * **Every accepted task resolves exactly once.** It runs, or its handle says why it did not. A
//!   panic of your code kills no worker and leaves no waiter behind, whether it comes from a task,
//!   a `Drop`, a callback, a waker or an initializer.
//! * **Nesting does not deadlock.** A worker that waits for work of its own pool does that work
//!   itself, at any depth, even if it is the only worker. It never runs unrelated work while it
//!   waits.
//! * **A task waits for nothing but work that was there before it**, within the bounds below.
//! * **The pool holds memory for live work only.** Finished and cancelled work leaves nothing
//!   behind, however long a task stays.
//! * **The workers sleep when they have nothing to do.** A call wakes at most one worker.
//!
//! # When does a submitted task start?
//!
//! Other work may hold a task up, or overtake it. Each such delay has a bound:
//!
//! * **A task from outside the pool, by the tasks that were submitted before it.** The workers take
//!   these tasks in the order of submission, and each worker begins next what it has taken. So when
//!   a task begins, every earlier task of its thread has begun, except for up to `workers - 1` that
//!   are each in the hands of a worker.
//! * **A task from outside the pool, by what tasks submit themselves.** Of five tasks that a worker
//!   takes, one is from outside.
//! * **A task that a task submits, by newer tasks and by work from outside.** An idle worker takes
//!   it at once. Of 64 tasks that a busy worker begins, one is the oldest of its own, and one the
//!   oldest of another worker's.
//! * **Any task, by a batch or a stream that runs.** The delay is 100 µs and the item that is
//!   running. If the items before lasted less than 1 µs each, up to 16 more may run. Then one
//!   other task begins.
//! * **The second half of a [`fork_join`](Pool::fork_join), by the first.** An idle worker takes it
//!   at once. Of 64 tasks that a busy worker begins, one is the oldest second half that another
//!   worker offers.
//! * **An item of a stream, by the input.** The consumer shows the item to the workers before it
//!   asks the input again.
//! * **A submission to a pool with a [limit](Builder::max_queued), by the submitters that waited
//!   before it.** The pool lets them in strictly in turn.
//!
//! After `terminate`, `cancel` or a failure under [`fail_fast`](Batch::fail_fast) no item begins.
//!
//! # Spans
//!
//! With the feature `tracing` each task takes the current span of its submitter along. The span is
//! entered while the function runs, and while the callback or the error callback does. So does each
//! item of a batch or a stream. No call has to ask for it. Without the feature the crate does not
//! depend on `tracing`, and nothing is different.
//!
//! # What it does not do
//!
//! * After a `fork` the child's copy of a pool refuses work ([`SubmitErrorKind::Forked`]), and
//!   leaks when it is dropped. The parent's pool goes on. A task that forks goes on to its end in
//!   the child too, its callback included. Then the child's copy of the worker runs nothing more,
//!   not even an exit callback, and its thread ends. A child whose last thread ends exits with
//!   status 0.
//! * The pool never interrupts a running task: threads cannot be interrupted.
//! * `close` does not stop tasks from submitting tasks. A task that submits itself again and again
//!   keeps a closed pool, and `join`, from ending, unless the pool is built with
//!   [`strict_close`](Builder::strict_close).
//! * The pool does not break a cycle of waits that the program builds itself: through its own locks
//!   or channels, or through a ring of saturated pools. Such a cycle blocks.
//! * With `panic = "abort"` the first panic of a task ends the process. Everywhere in Rust a panic
//!   ends the process if it comes during the unwinding of another, in the panic hook, or in the
//!   destructor of a thread-local. A process that runs out of memory ends too.
//! * A process that asks for more threads than its memory maps allow ends, though it should get an
//!   error: [`BuildError::Spawn`] says why.
//! * It runs on Linux, Android, FreeBSD, macOS, iOS, watchOS and Windows, where there are 64-bit
//!   atomics. The README's table of platforms says on which of them its tests run.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), deny(clippy::disallowed_types, clippy::disallowed_methods))]

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "millpond needs 64-bit atomics, which this target does not have: 32-bit MIPS, PowerPC and \
     RISC-V lack them, and so does ARMv5"
);

// In step with the dependency on `atomic-wait` and with `sync/real/futex.rs`.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "macos",
    target_os = "ios",
    target_os = "watchos",
    windows
)))]
compile_error!(
    "millpond does not support this target: it supports Linux, Android, FreeBSD, macOS, iOS, \
     watchOS and Windows"
);

// The verbs, in the order in which the documentation of `Pool` shows them.
mod call;

mod batch;

mod stream;

mod scope;

mod join;

// What they share.
#[forbid(unsafe_code)]
mod pool;
#[forbid(unsafe_code)]
mod result;
#[forbid(unsafe_code)]
mod shed;

// The kernel.
mod block;
mod numbers;
#[cfg_attr(not(all(test, loom)), forbid(unsafe_code))]
mod sched;
#[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "these are the doors")]
mod sync;
#[forbid(unsafe_code)]
mod wait;
mod worker;

pub use batch::{Batch, Input, default_chunksize, star};
pub use block::{Panic, PoolFull, SubmitError, SubmitErrorKind, TaskError, Unobserved};
pub use call::Task;
pub use numbers::{Histogram, PoolStats, Running, Timings};
pub use pool::{
    BuildError, Builder, Drain, DropPolicy, JoinError, LastWorker, Permit, Pool, PoolHandle,
    PoolState, Report, Reserve, Shutdown, ThreadPool, is_cancelled,
};
pub use result::{
    AsCompleted, AsyncResult, CancelOnDrop, NotReady, Progress, ReturnWhen, Timeout, Waited,
    as_completed, wait,
};
pub use sched::WhenFull;
pub use scope::Scope;
pub use shed::Codel;
#[cfg(feature = "futures")]
pub use stream::ResultStream;
pub use stream::{Fed, Feeder, Imap, Results, SendError, SendErrorKind, Sending, Stream};
pub use worker::Profile;

#[cfg(any(
    all(any(loom, millpond_loom), feature = "loom", not(feature = "loom-internals")),
    all(millpond_shuttle, feature = "shuttle")
))]
#[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it runs users' models")]
#[cfg_attr(docsrs, doc(cfg(any(feature = "loom", feature = "shuttle"))))]
#[forbid(unsafe_code)]
pub mod model;

/// Counts what the pools of this process have cost the system, for benches and tests.
///
/// The feature `counters` turns it on.
#[cfg(feature = "counters")]
pub mod counters {
    /// Returns how many wake-ups the pools of this process have issued so far.
    ///
    /// Each wake-up is a system call: a submitter wakes a worker, or a worker wakes a waiter.
    ///
    /// # Cost
    ///
    /// The call reads one word. It does not block, allocate, wake a thread or run your code.
    #[must_use]
    pub fn wakes() -> u64 {
        crate::sync::futex::count::wakes()
    }
}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/python-parity.md")]
pub mod python_parity {}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/model-checking.md")]
pub mod model_checking {}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../loom-tests/models/mod.rs"]
mod models;
