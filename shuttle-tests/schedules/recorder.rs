//! Schedulers around another one: the recorder remembers the schedule of the last execution, so that a control can replay it,
//! and the counter how many threads an execution has.

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// How many executions there were, and the schedule of the last.
pub(crate) type Last = Arc<Mutex<(usize, Schedule)>>;

pub(crate) struct Recorder<S> {
    inner: S,
    last: Last,
}

impl<S> Recorder<S> {
    pub(crate) fn new(inner: S, last: Last) -> Self {
        Self { inner, last }
    }

    fn record(&self, how: impl FnOnce(&mut Schedule)) {
        how(&mut self.last.lock().expect("nobody panics holding it").1);
    }
}

impl<S: Scheduler> Scheduler for Recorder<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        let schedule = self.inner.new_execution()?;
        let mut last = self.last.lock().expect("nobody panics holding it");
        *last = (last.0 + 1, schedule.clone());
        Some(schedule)
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let next = self.inner.next_task(runnable, current, is_yielding)?;
        self.record(|schedule| schedule.push_task(next));
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        self.record(Schedule::push_random);
        self.inner.next_u64()
    }
}

/// Counts the threads of an execution, and keeps the most.
pub(crate) struct Counter<S> {
    inner: S,
    most: Arc<AtomicUsize>,
}

impl<S> Counter<S> {
    pub(crate) fn new(inner: S, most: Arc<AtomicUsize>) -> Self {
        Self { inner, most }
    }
}

impl<S: Scheduler> Scheduler for Counter<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.inner.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        // Threads have numbers from 0 on.
        let newest = runnable.iter().map(|task| usize::from(task.id()) + 1).max();
        self.most.fetch_max(newest.unwrap_or(0), Ordering::Relaxed);
        self.inner.next_task(runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.inner.next_u64()
    }
}
