use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{AsyncResult, Timeout};
use crate::sched::end_burst;
use crate::sync::clock::Deadline;
use crate::sync::step;
use crate::wait::ReadySet;
use crate::worker::{self, CallerKind};

/// Says when [`wait`] returns. The names are those of Python's `concurrent.futures`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReturnWhen {
    /// When one task is done.
    FirstCompleted,
    /// When one task is done without a value, or all tasks are done.
    FirstException,
    /// When all tasks are done.
    AllCompleted,
}

/// Gives back the handles that [`wait`] was given, in two lists.
///
/// Each handle comes with its index among those that the caller handed in. Each list is in the
/// order of the indices.
#[derive(Debug)]
pub struct Waited<T, E> {
    /// The handles whose task is done.
    pub done: Vec<(usize, AsyncResult<T, E>)>,
    /// The handles whose task is not done.
    pub not_done: Vec<(usize, AsyncResult<T, E>)>,
}

/// Waits for several results, until enough of them are done or the time is up.
///
/// It is Python's `concurrent.futures.wait`. The results may be of any calls and of any pools.
///
/// # Panics
///
/// The call panics if polling one of the handles to the end has taken its result.
///
/// ```
/// use millpond::{ReturnWhen, ThreadPool, wait};
/// let pool = ThreadPool::new(2)?;
/// let results: Vec<_> =
///     (0..10).map(|i| pool.apply_async(move || i * i)).collect::<Result<_, _>>()?;
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
/// The caller blocks until enough results are there, or for up to `limit`. The call allocates once
/// per handle, and a few times per call. It runs the iterator of the handles on this thread.
///
/// A worker that waits without a limit runs tasks on this thread meanwhile. It always takes the
/// oldest of these tasks that is of its own pool and that no thread has started, and it wakes the
/// threads that wait for that task. A wait with a limit runs no task and wakes no thread.
#[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
pub fn wait<T, E>(
    handles: impl IntoIterator<Item = AsyncResult<T, E>>,
    when: ReturnWhen,
    limit: Option<Duration>,
) -> Waited<T, E> {
    step::call("wait");
    let mut group = Group::new(handles);
    let total = group.handles.len();
    let deadline = limit.and_then(Deadline::after);
    let (mut done, mut enough) = (0, false);
    loop {
        // All handles that are done by now count as done, also more than the caller asked for.
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

/// Yields each handle when its result is there.
///
/// It is Python's `concurrent.futures.as_completed`. Each handle comes with its index among those
/// that the caller handed in.
///
/// # Panics
///
/// The call panics if polling one of the handles to the end has taken its result.
///
/// ```
/// use millpond::{ThreadPool, as_completed};
/// let pool = ThreadPool::new(2)?;
/// let ports = ["80", "443", "https"];
/// let results: Vec<_> = ports
///     .iter()
///     .map(|port| pool.try_apply_async(|| port.parse::<u16>()))
///     .collect::<Result<_, _>>()?;
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
/// The call does not block. It allocates once per handle, and a few times per call. It runs the
/// iterator of the handles on this thread. It wakes no thread.
///
/// [`next`](Iterator::next) costs as much as a [`wait`] for the first of the handles that are left,
/// and allocates nothing but a list of the results that are there.
pub fn as_completed<T, E>(
    handles: impl IntoIterator<Item = AsyncResult<T, E>>,
) -> AsCompleted<T, E> {
    AsCompleted { group: Group::new(handles) }
}

/// Yields handles when their results are there: see [`as_completed`].
#[must_use = "it yields nothing until it is iterated"]
pub struct AsCompleted<T, E> {
    group: Group<T, E>,
}

impl<T, E> AsCompleted<T, E> {
    /// Yields the next handle whose result is there, as [`next`](Iterator::next) does, or gives up
    /// when the time is up.
    ///
    /// # Errors
    ///
    /// [`Timeout`] if the time is up. The next call may succeed.
    ///
    /// # Cost
    ///
    /// The caller blocks for up to `limit`. The call may allocate, for a list of the results that
    /// are there. It does not run your code or wake a thread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn next_timeout(
        &mut self,
        limit: Duration,
    ) -> Result<Option<(usize, AsyncResult<T, E>)>, Timeout<()>> {
        step::call("next_timeout");
        let deadline = Deadline::after(limit);
        match self.group.next(deadline.as_ref()) {
            Some(member) => Ok(self.group.take(member)),
            None if self.group.left == 0 => Ok(None),
            None => Err(Timeout(())),
        }
    }

    /// Gives back the handles that were not yielded, for example after a time-out.
    ///
    /// Each handle comes with its index, and they are in the order of the indices.
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
    /// The call may allocate the list. It does not block, run your code or wake a thread.
    #[must_use = "dropping the handles detaches them"]
    pub fn into_rest(self) -> Vec<(usize, AsyncResult<T, E>)> {
        let handles = self.group.handles.into_iter().enumerate();
        handles.filter_map(|(index, handle)| Some((index, handle?))).collect()
    }
}

/// Yields the next handle whose result is there.
///
/// It may be that no task that is left can end while this call waits: for example if the task runs
/// below this call on the same stack. Then the call yields the oldest handle that is left, though
/// its task is not done. The `get` of that handle says
/// [`TaskError::WouldDeadlock`](crate::TaskError::WouldDeadlock).
impl<T, E> Iterator for AsCompleted<T, E> {
    type Item = (usize, AsyncResult<T, E>);

    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    fn next(&mut self) -> Option<Self::Item> {
        step::call("next");
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
                    // This call hands the handle out, so its waker must not tell of it again. If
                    // the task has just ended after all, the handle is not stuck. In the child of a
                    // fork a handle of the parent's is stuck, even if its task is done.
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

/// Handles, and the list to which the waker of each adds it when its task is done.
struct Group<T, E> {
    handles: Vec<Option<AsyncResult<T, E>>>,
    ready: Arc<ReadySet>,
    /// Members that are done. The one that was done first stands last.
    done: Vec<u32>,
    /// How many members `next` has not handed out.
    left: usize,
    /// No member before this one is left for the calling worker to do: a thread has started it, or
    /// it is not of the worker's pool.
    oldest: usize,
    /// The pool of the worker that `oldest` speaks of; 0 is none.
    helped_as: u32,
}

/// The waker of one member.
struct Member {
    ready: Arc<ReadySet>,
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
        let ready = Arc::new(ReadySet::new(handles.len()));
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

    /// Hands out the next member that is done, if there is one.
    fn try_next(&mut self) -> Option<usize> {
        if self.done.is_empty() {
            self.ready.take(&mut self.done);
        }
        let member = self.done.pop()?;
        self.left -= 1;
        Some(member as usize)
    }

    /// Waits for the next member that is done, and hands it out. None if all have been handed out,
    /// if the time is up, or if the wait would never end.
    fn next(&mut self, deadline: Option<&Deadline>) -> Option<usize> {
        loop {
            if let Some(member) = self.try_next() {
                return Some(member);
            }
            if self.left == 0 {
                return None;
            }
            end_burst();
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

    /// Does, as a worker, the oldest member that is of the worker's own pool and that no thread has
    /// started. False if there is none.
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

    /// Says whether no member that is left could be done while this thread waits.
    fn is_stuck(&self) -> bool {
        let present = || self.handles.iter().flatten();
        let handed_out = present().count() - self.left;
        let (done, pending): (Vec<_>, Vec<_>) = present().partition(|handle| handle.ready());
        // The completer of a member that is done, and was not handed out, is about to push it. In
        // the child of a fork there is no such completer.
        (done.len() == handed_out || done.iter().any(|handle| handle.is_foreign()))
            && pending.iter().all(|handle| handle.would_deadlock())
    }
}

impl<T, E> AsyncResult<T, E> {
    fn would_deadlock(&self) -> bool {
        let result = self.result();
        let kind = worker::caller_kind(result.pool());
        result.is_running_here() || self.is_foreign() || kind == CallerKind::Member
    }

    /// Says whether this is the child of a fork, and the task is the parent's.
    fn is_foreign(&self) -> bool {
        worker::is_foreign(self.result().pool())
    }
}
