//! Python's `multiprocessing.pool.ThreadPool` for Rust.
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
//! # From Python
//!
//! | Python | here |
//! |---|---|
//! | `ThreadPool(4, initializer, initargs)` | [`ThreadPool::new(4)`](ThreadPool::new), [`ThreadPool::builder`] |
//! | `apply(f, args)` | [`apply(\|\| f(a))`](PoolHandle::apply) |
//! | `apply_async(f, args, callback=c)` | [`apply_async(\|\| f(a))`](PoolHandle::apply_async), [`task(\|\| f(a)).callback(c).apply_async()`](PoolHandle::task) |
//! | `map(f, xs, chunksize)` | [`map(f, xs)`](PoolHandle::map), [`batch(f, xs).chunksize(n).map()`](PoolHandle::batch) |
//! | `map_async(f, xs, callback=c)` | [`map_async(f, xs)`](PoolHandle::map_async), [`batch(f, xs).callback(c).map_async()`](PoolHandle::batch) |
//! | `starmap(f, pairs)` | [`starmap(\|a, b\| …, pairs)`](PoolHandle::starmap) |
//! | `starmap_async(f, pairs)` | [`starmap_async`](PoolHandle::starmap_async), [`star_batch`](PoolHandle::star_batch) |
//! | `imap(f, xs)`, `imap_unordered(f, xs)` | [`imap(f, xs)`](PoolHandle::imap), [`imap_unordered`](PoolHandle::imap_unordered) |
//! | `imap(f, xs, chunksize)`, and 3.16's `buffersize` | [`stream(f, xs).chunksize(n).buffersize(m).imap()`](PoolHandle::stream) |
//! | `it.next(timeout)` | [`Imap::next_timeout`] |
//! | an exception | a panic, or the `Err` of a `try_…` verb: [`try_apply`](PoolHandle::try_apply), [`try_map`](PoolHandle::try_map), … |
//! | `concurrent.futures.wait`, `as_completed` | [`wait`](fn@wait), [`as_completed`] |
//! | `close`, `join`, `terminate` | [`close`](PoolHandle::close), [`join`](ThreadPool::join), [`terminate`](PoolHandle::terminate) |
//! | leaving the `with` block | dropping the pool: [`DropPolicy`] |
//! | `result.get(timeout)` | [`get`](AsyncResult::get), [`get_timeout`](AsyncResult::get_timeout) |
//! | `wait`, `ready`, `successful` | [`wait`](AsyncResult::wait), [`ready`](AsyncResult::ready), [`successful`](AsyncResult::successful) |
//!
//! Python has no counterpart to [`scope`](PoolHandle::scope) (tasks that borrow from the stack),
//! [`map_slice`](PoolHandle::map_slice) (a map that copies no input), [`map_results`](PoolHandle::map_results) (each item's own
//! outcome), [`cancel`](AsyncResult::cancel) and [`progress`](AsyncResult::progress), nor to
//! [`max_queued`](Builder::max_queued) (submitters wait while the queue is full). An [`AsyncResult`] is also a `Future`, of no
//! particular runtime. The whole comparison, method by method, with the ways in which Python's pool hangs and what happens here
//! instead, is [`python_parity`]. How to check your own code with the pool in it is [`model_checking`].
//!
//! # How to choose
//!
//! | | one call | many items, all at once | many items, one by one |
//! |---|---|---|---|
//! | wait for it | [`apply`](PoolHandle::apply) | [`map`](PoolHandle::map), [`starmap`](PoolHandle::starmap) | [`imap`](PoolHandle::imap), [`imap_unordered`](PoolHandle::imap_unordered) |
//! | get a handle | [`apply_async`](PoolHandle::apply_async) | [`map_async`](PoolHandle::map_async), [`starmap_async`](PoolHandle::starmap_async) | |
//! | with callbacks, a chunk size, … | [`task`](PoolHandle::task) | [`batch`](PoolHandle::batch) | [`stream`](PoolHandle::stream) |
//! | nobody waits | [`spawn`](PoolHandle::spawn) | | |
//!
//! # What it promises
//!
//! * **Every accepted task resolves exactly once.** It runs, or its handle says why not. No panic of user code, in a task, a
//!   `Drop`, a callback, a waker or an initializer, kills a worker or leaves a waiter behind.
//! * **Nesting does not deadlock.** A worker that waits for its own pool's work does that work itself, at any depth, with one
//!   worker; and it never runs unrelated work while it waits.
//! * **A task waits for nothing but work that was there before it**, within the bounds below.
//! * **Memory holds what is alive**: finished and cancelled work leaves nothing behind, however long a task stays.
//! * **It sleeps when it has nothing to do**, and a submission wakes at most one worker.
//!
//! # When does a submitted task start?
//!
//! | submitted | may be overtaken or held up by | bound |
//! |---|---|---|
//! | from outside the pool | tasks that were submitted before it | they are taken in the order of submission, each by a worker that begins it next: when a task begins, every earlier one of its thread has begun, but for `workers - 1` that are each in the hands of a worker |
//! | from outside the pool | what tasks submit themselves | one of five tasks that a worker takes is from outside |
//! | by a task | newer tasks, work from outside | an idle worker comes for it at once; of 64 tasks that a busy worker begins one is the oldest of its own and one the oldest of another worker's |
//! | any | a batch or a stream that runs | 100 µs and the item that is running (and up to 16 more, if those before lasted less than 1 µs each); then one other task begins |
//! | an item of a stream | the input | it is shown to the workers before the input is asked again |
//! | to a pool with a [limit](Builder::max_queued) | those who waited before | strictly in turn |
//!
//! After `terminate`, `cancel` or a failure under [`fail_fast`](Batch::fail_fast) no item begins.
//!
//! # What it does not do
//!
//! * After a `fork` the child's copy of a pool refuses work ([`SubmitErrorKind::Forked`]) and
//!   leaks when it is dropped; the parent's goes on. A task that forks goes on to its end in the
//!   child too, its callback included. Then the copy of its worker runs nothing more, no exit
//!   callback either, and the thread ends; a child whose last thread ends exits, with status 0.
//! * A running task is never interrupted: threads cannot be.
//! * `close` does not stop tasks from submitting tasks. A task that submits itself again and again
//!   keeps a closed pool, and `join`, from ending, unless the pool is built with
//!   [`strict_close`](Builder::strict_close).
//! * A cycle of waits that the program builds itself, through its own locks or channels or a ring of saturated pools, blocks.
//! * With `panic = "abort"` the first panic of a task ends the process. So does, as everywhere in Rust, a panic during the
//!   unwinding of another, in the panic hook, or in the destructor of a thread-local; and so does memory that runs out.
//! * It is tested on Linux on x86-64.

#![cfg_attr(not(test), deny(clippy::disallowed_types, clippy::disallowed_methods))]

#[cfg(not(target_has_atomic = "64"))]
compile_error!("millpond needs 64-bit atomics, which this target does not have");

mod batch;
mod block;
mod call;
#[forbid(unsafe_code)]
mod pool;
#[forbid(unsafe_code)]
mod result;
#[cfg_attr(not(all(test, loom)), forbid(unsafe_code))]
mod sched;
mod scope;
mod stream;
#[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "these are the doors")]
mod sync;
#[forbid(unsafe_code)]
mod wait;
mod worker;

pub use batch::{Batch, default_chunksize, star};
pub use block::{Panic, SubmitError, SubmitErrorKind, TaskError, Unobserved};
pub use call::Task;
pub use pool::{
    BuildError, Builder, DropPolicy, JoinError, Pool, PoolHandle, PoolState, ThreadPool,
    is_cancelled,
};
pub use result::{
    AsCompleted, AsyncResult, NotReady, Progress, ReturnWhen, Timeout, Waited, as_completed, wait,
};
pub use scope::Scope;
pub use stream::{Imap, Stream};
pub use worker::Profile;

/// What the pools of this process have cost the system. With the feature `counters`, for benches and tests.
#[cfg(feature = "counters")]
pub mod counters {
    /// Wake-ups issued so far, each a system call: of workers by submitters, and of waiters by workers.
    #[must_use]
    pub fn wakes() -> u64 {
        crate::sync::futex::count::wakes()
    }
}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/python-parity.md")]
pub mod python_parity {}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/model-checking.md")]
pub mod model_checking {}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../loom-tests/models/mod.rs"]
mod models;
