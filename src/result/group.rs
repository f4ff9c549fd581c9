use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{AsyncResult, Timeout};
use crate::sync::clock::Deadline;
use crate::wait::Ready;
use crate::worker::{self, Place};

/// What [`wait`] waits for. The names are those of Python's `concurrent.futures`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReturnWhen {
    /// One of them is done.
    FirstCompleted,
    /// One of them is done without a value, or all are done.
    FirstException,
    /// All are done.
    AllCompleted,
}

/// What [`wait`] gives back: the same handles, each with its index in what was handed in, in their order, in two heaps.
#[derive(Debug)]
pub struct Waited<T, E> {
    /// Those that are done.
    pub done: Vec<(usize, AsyncResult<T, E>)>,
    /// Those that are not.
    pub not_done: Vec<(usize, AsyncResult<T, E>)>,
}

/// Waits for several results, of whatever calls and pools, until enough of them are done or the time is up. Python's
/// `concurrent.futures.wait`.
///
/// # Panics
///
/// If the result of one of them was taken by polling it to the end.
///
/// ```
/// use millpond::{ReturnWhen, ThreadPool, wait};
/// let pool = ThreadPool::new(2)?;
/// let results: Vec<_> = (0..10).map(|i| pool.apply_async(move || i * i)).collect::<Result<_, _>>()?;
/// let waited = wait(results, ReturnWhen::AllCompleted, None);
/// assert_eq!((waited.done.len(), waited.not_done.len()), (10, 0));
/// for (index, result) in waited.done {
///     assert_eq!(result.get()?, index * index);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
///
/// Without a limit it blocks until enough of them are done; a worker does meanwhile the oldest of them that is its own pool's and
/// that no worker has started. With a limit it runs none of your code. Allocates once per handle and once per call.
pub fn wait<T, E>(
    handles: impl IntoIterator<Item = AsyncResult<T, E>>,
    when: ReturnWhen,
    limit: Option<Duration>,
) -> Waited<T, E> {
    let mut group = Group::new(handles);
    let total = group.handles.len();
    let deadline = limit.and_then(Deadline::after);
    let (mut done, mut enough) = (0, false);
    loop {
        // Whatever is done by now belongs to the done ones, also beyond what was asked for.
        let next = if enough { group.try_next() } else { group.next(deadline.as_ref()) };
        let Some(member) = next else { break };
        done += 1;
        let failed = || group.handle(member).is_some_and(|handle| handle.successful() == Ok(false));
        enough |= match when {
            ReturnWhen::FirstCompleted => true,
            ReturnWhen::FirstException => failed() || done == total,
            ReturnWhen::AllCompleted => done == total,
        };
    }
    let (mut waited, handles) = (Waited { done: Vec::new(), not_done: Vec::new() }, group.handles);
    for (index, handle) in handles.into_iter().enumerate() {
        let Some(handle) = handle else { continue };
        let heap = if handle.ready() { &mut waited.done } else { &mut waited.not_done };
        heap.push((index, handle));
    }
    waited
}

/// Yields the handles as their results come, each when it is done, with its index in what was handed in. Python's
/// `concurrent.futures.as_completed`.
///
/// # Panics
///
/// If the result of one of them was taken by polling it to the end.
///
/// ```
/// use millpond::{ThreadPool, as_completed};
/// let pool = ThreadPool::new(2)?;
/// let ports = ["80", "443", "https"];
/// let results: Vec<_> =
///     ports.iter().map(|port| pool.try_apply_async(|| port.parse::<u16>())).collect::<Result<_, _>>()?;
/// for (index, result) in as_completed(results) {
///     match result.get() {
///         Ok(port) => println!("{port}"), // `get` does not block here
///         Err(error) => println!("{}: {error}", ports[index]),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
///
/// Does not block here, but in [`next`](Iterator::next), as [`wait`] for the first of those that are left. Allocates once per
/// handle and once per call.
pub fn as_completed<T, E>(
    handles: impl IntoIterator<Item = AsyncResult<T, E>>,
) -> AsCompleted<T, E> {
    AsCompleted { group: Group::new(handles) }
}

/// Handles as their results come: see [`as_completed`].
#[must_use = "it yields nothing until it is iterated"]
pub struct AsCompleted<T, E> {
    group: Group<T, E>,
}

impl<T, E> AsCompleted<T, E> {
    /// As [`next`](Iterator::next), up to `limit`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] if the time is up. The next call may succeed.
    ///
    /// # Cost
    ///
    /// Blocks for up to `limit`; runs none of your code.
    pub fn next_timeout(
        &mut self,
        limit: Duration,
    ) -> Result<Option<(usize, AsyncResult<T, E>)>, Timeout<()>> {
        let deadline = Deadline::after(limit);
        match self.group.next(deadline.as_ref()) {
            Some(member) => Ok(self.group.take(member)),
            None if self.group.left == 0 => Ok(None),
            None => Err(Timeout(())),
        }
    }

    /// The handles that have not been yielded, each with its index, in their order: after a time-out, say.
    ///
    /// ```
    /// use millpond::{ThreadPool, as_completed};
    /// use std::time::Duration;
    /// let pool = ThreadPool::new(1)?;
    /// let (release, held) = std::sync::mpsc::channel::<()>();
    /// let mut results = as_completed([pool.apply_async(move || drop(held.recv()))?]);
    /// assert!(results.next_timeout(Duration::from_millis(1)).is_err());
    /// for (index, late) in results.into_rest() {
    ///     println!("{index} is late"); // and may be waited for again
    ///     late.detach();
    /// }
    /// drop(release);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Allocates once. Does not block, wake or run your code.
    #[must_use = "dropping the handles detaches them"]
    pub fn into_rest(self) -> Vec<(usize, AsyncResult<T, E>)> {
        let handles = self.group.handles.into_iter().enumerate();
        handles.filter_map(|(index, handle)| Some((index, handle?))).collect()
    }
}

/// If what is left could never be done while this call waits (it is running below it on the same stack, say) the oldest of
/// those is yielded as it is: its `get` says [`TaskError::WouldDeadlock`](crate::TaskError::WouldDeadlock).
impl<T, E> Iterator for AsCompleted<T, E> {
    type Item = (usize, AsyncResult<T, E>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.group.next(None) {
                Some(member) => return self.group.take(member),
                None => {
                    let (index, stuck) = self
                        .group
                        .handles
                        .iter_mut()
                        .enumerate()
                        .find(|(_, handle)| handle.is_some())?;
                    // It is handed out here, so nobody must hear of it again; unless it has just
                    // been done after all. In the child of a fork that is not said of what is the
                    // parent's.
                    let hand_out = |handle: &mut AsyncResult<T, E>| {
                        handle.forget_waker().is_pending() || handle.is_foreign()
                    };
                    if stuck.as_mut().is_some_and(hand_out) {
                        self.group.left -= 1;
                        return stuck.take().map(|handle| (index, handle));
                    }
                }
            }
        }
    }
}

impl<T, E> fmt::Debug for AsCompleted<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.group.left).finish()
    }
}

/// Handles, and the list to which each of them is added by its waker when it is done.
struct Group<T, E> {
    handles: Vec<Option<AsyncResult<T, E>>>,
    ready: Arc<Ready>,
    /// Members that are done, the first to come last.
    done: Vec<u32>,
    /// How many have not been handed out by `next`.
    left: usize,
    /// All members before this one have been started by somebody, or are none of the pool's that the calling worker belonged to.
    oldest: usize,
    /// That pool; 0 is none.
    helped_as: u32,
}

/// The waker of one member.
struct Member {
    ready: Arc<Ready>,
    number: usize,
}

impl Wake for Member {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.number);
    }
}

impl<T, E> Group<T, E> {
    fn new(handles: impl IntoIterator<Item = AsyncResult<T, E>>) -> Self {
        let mut handles: Vec<_> = handles.into_iter().map(Some).collect();
        let ready = Arc::new(Ready::new(handles.len()));
        for (number, handle) in handles.iter_mut().flatten().enumerate() {
            let waker = Waker::from(Arc::new(Member { ready: Arc::clone(&ready), number }));
            if handle.poll_ready(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
                ready.push(number);
            }
        }
        let left = handles.len();
        Self { handles, ready, done: Vec::new(), left, oldest: 0, helped_as: 0 }
    }

    fn handle(&self, member: usize) -> Option<&AsyncResult<T, E>> {
        self.handles[member].as_ref()
    }

    fn take(&mut self, member: usize) -> Option<(usize, AsyncResult<T, E>)> {
        self.handles[member].take().map(|handle| (member, handle))
    }

    /// The next member that is done, if there is one.
    fn try_next(&mut self) -> Option<usize> {
        if self.done.is_empty() {
            self.ready.take(&mut self.done);
        }
        let member = self.done.pop()?;
        self.left -= 1;
        Some(member as usize)
    }

    /// The next member that is done; None if all have been handed out, if the time is up, or if waiting would never end.
    fn next(&mut self, deadline: Option<&Deadline>) -> Option<usize> {
        loop {
            if let Some(member) = self.try_next() {
                return Some(member);
            }
            if self.left == 0 {
                return None;
            }
            if deadline.is_none() && !self.help_oldest() {
                if self.is_stuck() {
                    return None;
                }
                self.ready.wait(None);
            } else if deadline.is_some() && !self.ready.wait(deadline) {
                return None;
            }
        }
    }

    /// As a worker: does the oldest member that is its own pool's and that nobody has started. False if there is none.
    fn help_oldest(&mut self) -> bool {
        let pool = worker::current_id();
        if pool != self.helped_as {
            (self.oldest, self.helped_as) = (0, pool);
        }
        while self.oldest < self.handles.len() {
            if let Some(handle) = &self.handles[self.oldest] {
                if handle.help() {
                    return true;
                }
            }
            self.oldest += 1;
        }
        false
    }

    /// Whether none of what is left could be done while this thread waits.
    fn is_stuck(&self) -> bool {
        let present = || self.handles.iter().flatten();
        let handed_out = present().count() - self.left;
        let (done, pending): (Vec<_>, Vec<_>) = present().partition(|handle| handle.ready());
        // One that is done and was not handed out is about to be pushed; but not in the child of
        // a fork.
        (done.len() == handed_out || done.iter().any(|handle| handle.is_foreign()))
            && pending.iter().all(|handle| handle.would_deadlock())
    }
}

impl<T, E> AsyncResult<T, E> {
    fn would_deadlock(&self) -> bool {
        let result = self.result();
        let place = worker::place(result.pool());
        result.is_running_here() || self.is_foreign() || place == Place::Member
    }

    /// Whether this is a copy of what is the parent's, in the child of a fork.
    fn is_foreign(&self) -> bool {
        worker::is_foreign(self.result().pool())
    }
}
