//! The callback of a task, I5: it has returned before a thread sees DONE or hears Ready.

use super::*;
use std::marker::PhantomData;

/// A task whose callback writes `told`.
fn task_with_callback(told: Arc<Watched>) -> (TaskRef, ResultRef<(), Infallible>) {
    let job = Job {
        run: Plain(|| ()),
        on_value: Tell(move |(): &()| told.write()),
        on_error: (),
        returns: PhantomData,
    };
    // SAFETY: models borrow nothing, and their threads share one OS thread.
    unsafe { Call::create(job, 1, true) }
}

#[test]
fn i5_whoever_sees_done_sees_the_callback() {
    check("I5 callback before DONE", Bound::None, Futex::Block, |outcomes| {
        let told = Arc::new(Watched::new());
        let (task, handle) = task_with_callback(Arc::clone(&told));
        let worker = spawn(move || task.run(&Running));
        let done = handle.load().is_done();
        if done {
            told.read();
        }
        outcomes.insert(done);
        assert!(handle.wait(None));
        told.read();
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i5_control_callback_after_done() {
    control("I5 control: callback after DONE", Bound::None, Futex::Block, |_| {
        let told = Arc::new(Watched::new());
        let late = Arc::clone(&told);
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || {
            task.run(&Running);
            late.write();
        });
        if handle.load().is_done() {
            told.read();
        }
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

/// Polls once beside the completion of a task with a callback, and looks at what that wrote if
/// `is_ready` says so.
fn callback_beside(is_ready: fn(&mut ResultRef<(), Infallible>, &Waker) -> bool) -> bool {
    let told = Arc::new(Watched::new());
    let (task, mut handle) = task_with_callback(Arc::clone(&told));
    let worker = spawn(move || task.run(&Running));
    let ready = is_ready(&mut handle, &Signal::new().waker());
    if ready {
        told.read();
    }
    drop(handle);
    worker.join().expect("the worker returns");
    ready
}

#[test]
fn i5_whoever_is_told_ready_sees_the_callback() {
    check("I5 poll ‖ callback, complete", Bound::None, Futex::Block, |outcomes| {
        outcomes.insert(callback_beside(|handle, waker| handle.poll(waker).is_ready()));
    });
}

#[test]
fn i5_control_ready_is_told_on_an_unordered_look() {
    control("I5 control: Ready told without Acquire", Bound::None, Futex::Block, |_| {
        callback_beside(|handle, _| {
            state::Snapshot::of(handle.block().state().word().load(Ordering::Relaxed)).is_done()
        });
    });
}
