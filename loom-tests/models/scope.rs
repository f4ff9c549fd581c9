//! A scope, I35 and I36: it ends after its tasks, and its tasks' last step touches nothing of the frame.

use super::super::scoped::Scoped;
use super::*;
use crate::block::{Call, Job};
use crate::models::harness::{Bound, Futex, Running, Watched, check, control, spawn};
use std::sync::Arc;

/// A value that looks at the frame when it is dropped.
struct Looks(Arc<Watched>);

impl Drop for Looks {
    fn drop(&mut self) {
        self.0.write();
    }
}

/// A task of the scope that writes to the frame, and whose outcome, with the handle gone, does so again when it is dropped.
/// Returns the entry.
fn submit(scope: &ScopeRef, frame: &Arc<Watched>) -> TaskRef {
    let data = Arc::clone(frame);
    let work = Job::plain(move || {
        data.write();
        Looks(data)
    });
    // SAFETY: models borrow nothing.
    let (task, handle) = unsafe { Call::create(Scoped { work, pending: scope.begin() }, 1, true) };
    let entry = scope.push(task);
    drop(handle);
    entry
}

#[test]
fn i35_i36_the_frame_ends_after_its_task() {
    check("I35 I36 task ‖ end of the scope", Bound::None, Futex::Block, |_| {
        let (scope, frame) = (ScopeRef::new(1, true), Arc::new(Watched::new()));
        let entry = submit(&scope, &frame);
        let worker = spawn(move || entry.run(&Running));
        scope.wait();
        // The frame's own: nobody else may touch it any more.
        frame.write();
        drop(scope);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i35_two_tasks_beside_the_end_of_the_scope() {
    check("I35 task ‖ task ‖ end of the scope", Bound::Usual, Futex::Block, |_| {
        let (scope, frames) = (ScopeRef::new(1, true), [(); 2].map(|()| Arc::new(Watched::new())));
        let workers = [0, 1].map(|i| {
            let entry = submit(&scope, &frames[i]);
            spawn(move || entry.run(&Running))
        });
        scope.wait();
        frames.iter().for_each(|frame| frame.write());
        drop(scope);
        workers.into_iter().for_each(|worker| worker.join().expect("a worker returns"));
    });
}

#[test]
fn i35_the_frame_runs_what_nobody_has_begun() {
    check("I35 worker frame ‖ entry", Bound::Usual, Futex::Block, |_| {
        let (scope, frame) = (ScopeRef::new(1, true), Arc::new(Watched::new()));
        let entry = submit(&scope, &frame);
        let worker = spawn(move || entry.run(&Running));
        scope.work_and_wait(&Running);
        frame.write();
        drop(scope);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i35_a_task_brings_another_while_the_frame_waits() {
    check("I35 worker frame ‖ task that submits", Bound::Usual, Futex::Block, |_| {
        let (scope, frame) = (Arc::new(ScopeRef::new(1, true)), Arc::new(Watched::new()));
        let (inner, data) = (Arc::clone(&scope), Arc::clone(&frame));
        let pending = scope.begin();
        let worker = spawn(move || {
            let entry = submit(&inner, &data);
            drop(pending);
            // Late: the frame need not wait for it.
            entry.run(&Running);
        });
        scope.work_and_wait(&Running);
        frame.write();
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i35_control_the_count_falls_before_the_outcome_is_dropped() {
    control("I35 control: the count falls first", Bound::None, Futex::Block, |_| {
        let (scope, frame) = (ScopeRef::new(1, true), Arc::new(Watched::new()));
        let (pending, data) = (scope.begin(), Looks(Arc::clone(&frame)));
        let worker = spawn(move || {
            drop(pending);
            drop(data);
        });
        scope.wait();
        frame.write();
        drop(scope);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i35_control_the_submitter_does_not_tell_the_waiting_frame() {
    control("I35 control: a task is pushed and nobody told", Bound::None, Futex::Block, |_| {
        let (scope, frame) = (Arc::new(ScopeRef::new(1, true)), Arc::new(Watched::new()));
        let inner = Arc::clone(&scope);
        let pending = scope.begin();
        let worker = spawn(move || {
            let data = Arc::clone(&frame);
            let work = Job::plain(move || data.write());
            // SAFETY: models borrow nothing.
            let (task, handle) =
                unsafe { Call::create(Scoped { work, pending: inner.begin() }, 1, true) };
            inner.block().queue.with(|queue| drop(queue.push(task)));
            drop((handle, pending, inner));
        });
        scope.work_and_wait(&Running);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i36_control_the_last_task_touches_the_block_after_it_has_left() {
    control("I36 control: a touch after the last step", Bound::None, Futex::Block, |_| {
        let scope = ScopeRef::new(1, true);
        let pending = scope.begin();
        let worker = spawn(move || {
            let header = pending.header;
            drop(pending);
            // SAFETY: none: that is the bug.
            let _ = unsafe { Block::of(header) };
        });
        scope.wait();
        drop(scope);
        worker.join().expect("the worker returns");
    });
}

/// A task of the scope that has another run before it ends. The other's entry lies in a queue that nobody looks into: the
/// frame alone can run it. `push` is given the other, and gives its entry if it made one.
fn waits_for_another(push: fn(&ScopeRef, TaskRef) -> Option<TaskRef>) {
    let (scope, ran) = (Arc::new(ScopeRef::new(1, true)), Arc::new(AtomicU32::new(0)));
    let (inner, told) = (Arc::clone(&scope), Arc::clone(&ran));
    let pending = scope.begin();
    let worker = spawn(move || {
        let work = Job::plain(move || {
            told.store(1, Ordering::Release);
            futex::wake_all(&told);
        });
        // SAFETY: models borrow nothing.
        let (task, handle) =
            unsafe { Call::create(Scoped { work, pending: inner.begin() }, 1, true) };
        let entry = push(&inner, task);
        drop(handle);
        block_until(&ran, 0, None, |ran| ran == 1);
        drop(pending);
        if let Some(entry) = entry {
            entry.run(&Running);
        }
    });
    scope.work_and_wait(&Running);
    worker.join().expect("the worker returns");
}

#[test]
fn i35_the_frame_runs_what_nobody_else_can() {
    check("I35 worker frame ‖ task that waits for another", Bound::Usual, Futex::Block, |_| {
        waits_for_another(|scope, task| Some(scope.push(task)));
    });
}
