//! Threads of the model's own.

use crate::sync::failure::{failed, wait_dead};
use crate::sync::{thread as pool_threads, trace};
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Waits for a thread that [`spawn`] has started.
#[derive(Debug)]
pub struct JoinHandle<T>(Inner<T>);

#[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
type Inner<T> = loom::thread::JoinHandle<T>;
#[cfg(all(millpond_shuttle, feature = "shuttle"))]
type Inner<T> = shuttle::thread::JoinHandle<T>;

impl<T> JoinHandle<T> {
    /// Waits until the thread has ended, and returns what it returned.
    ///
    /// # Errors
    ///
    /// The call fails if the thread has ended by [`panic_deliberately`]. Another panic is the
    /// model's failure.
    ///
    /// ```
    /// use millpond::model;
    ///
    /// model::Model::new().explore(|| {
    ///     assert_eq!(model::thread::spawn(|| 7).join().unwrap(), 7);
    /// });
    /// ```
    ///
    /// [`panic_deliberately`]: fn@crate::model::panic_deliberately
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        if failed() {
            return Err(Box::new("the model has failed"));
        }
        let _waits = trace::begin_wait(Location::caller());
        self.0.join()
    }
}

/// Starts a thread of the model's own. Under loom a model has five threads, the main one and the
/// workers included.
///
/// # Panics
///
/// The call panics, and fails the model, if loom allows no more threads.
///
/// # Cost
///
/// The call is one step of the model.
///
/// ```
/// use millpond::model;
///
/// model::Model::new().explore(|| {
///     let thread = model::thread::spawn(|| model::note("here I am"));
///     thread.join().unwrap();
/// });
/// ```
#[track_caller]
pub fn spawn<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    trace::does(Location::caller(), || String::from("starts a thread"));
    JoinHandle(pool_threads::start(main))
}

/// Lets the other threads run. A loop that waits for another thread must call this in each round.
///
/// # Cost
///
/// The call is one step of the model.
///
/// ```
/// use millpond::ThreadPool;
/// use millpond::model::{self, sync::atomic::{AtomicBool, Ordering}};
/// use std::sync::Arc;
///
/// model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let done = Arc::new(AtomicBool::new(false));
///     let theirs = Arc::clone(&done);
///     let task = pool.apply_async(move || theirs.store(true, Ordering::Release)).unwrap();
///     while !done.load(Ordering::Acquire) {
///         model::thread::yield_now();
///     }
///     task.get().unwrap();
/// });
/// ```
pub fn yield_now() {
    pool_threads::yield_now();
}

/// Says that a future may go on.
struct Signal {
    woken: super::Mutex<bool>,
    changed: super::Condvar,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

/// Runs a future to its end on this thread, such as the handle of a task.
///
/// # Cost
///
/// The call is one step of the model for each round. It sleeps until the future can go on.
///
/// ```
/// use millpond::{ThreadPool, model};
///
/// model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let task = pool.apply_async(|| 7).unwrap();
///     assert_eq!(model::thread::block_on(task).unwrap(), 7);
/// });
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    trace::does(Location::caller(), || String::from("block_on"));
    let (woken, changed) = (super::Mutex::new(false), super::Condvar::new());
    let signal = Arc::new(Signal { woken, changed });
    let waker = Waker::from(Arc::clone(&signal));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut woken = signal.woken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while !std::mem::take(&mut *woken) {
            if failed() {
                wait_dead();
            }
            woken = signal.changed.wait(woken).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}
