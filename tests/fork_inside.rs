//! A fork inside a task (F-17, LIFE-17): in the child the task goes on to its end, and the copy of
//! its worker does nothing more. What was queued behind the task is the parent's, and must not run
//! twice.

#![cfg(unix)]

mod common;
mod forks;

use common::Gate;
use forks::{Kept, Log, assert_left, end, fork, pool, times};
use millpond::{PoolHandle, ThreadPool};
use std::future::Future;
use std::sync::{Arc, Mutex};

// covers F-17 LIFE-17
#[test]
fn the_child_of_a_fork_in_a_task_runs_nothing_that_was_queued() {
    common::alone("the_child_of_a_fork_in_a_task_runs_nothing_that_was_queued", || {
        let (log, reader) = Log::new();
        let pool = pool(&log);
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass, own) = (entered.clone(), gate.clone(), log.clone());
        let says = log.clone();
        let forks = pool.task(move || {
            enter.open();
            pass.wait();
            let inner = own.clone();
            PoolHandle::current().unwrap().spawn(move || inner.note("from inside")).unwrap();
            let child = fork();
            own.note("forked");
            child
        });
        // The callback is a part of the task.
        let forks = forks.callback(move |_| says.note("callback")).apply_async().unwrap();
        entered.wait();
        let note = |what: &'static str| {
            let kept = Kept(log.clone());
            move || kept.0.note(what)
        };
        let queued: Vec<_> = (0..10).map(|_| pool.apply_async(note("call")).unwrap()).collect();
        let notes = log.clone();
        let batch = pool.map_async(move |_| notes.note("item"), 0..5).unwrap();
        let notes = log.clone();
        let stream = pool.imap(move |_| notes.note("streamed"), 0..5).unwrap();
        gate.open();
        assert_left(forks.get().unwrap().expect("this is the parent"));
        queued.into_iter().for_each(|call| call.get().unwrap());
        batch.get().unwrap();
        stream.for_each(|item| item.unwrap());
        let (child, parent) = end(pool, log, reader);
        assert_eq!(child, ["forked", "callback"], "and no exit hook");
        let ran = ["forked", "callback", "from inside", "call", "item", "streamed", "exit hook"];
        assert_eq!(ran.map(|what| times(&parent, what)), [1, 1, 1, 10, 5, 5, 1]);
        assert_eq!(times(&parent, "dropped"), 11, "ten calls and the hook");
    });
}

// covers F-17 LIFE-17
#[test]
fn the_child_runs_no_item_behind_the_one_that_forked() {
    common::alone("the_child_runs_no_item_behind_the_one_that_forked", || {
        for how in ["map", "chunks", "imap", "imap_unordered", "imap in chunks"] {
            let (log, reader) = Log::new();
            let pool = pool(&log);
            let (own, left) = (log.clone(), Arc::new(Mutex::new(None)));
            let says = Arc::clone(&left);
            let kept = Kept(own);
            let each = move |item: u32| {
                if item == 0 {
                    *says.lock().unwrap() = fork();
                }
                kept.0.note("item");
                item
            };
            match how {
                "map" => _ = pool.map_async(each, 0..20).unwrap().get().unwrap(),
                "chunks" => {
                    let batch = pool.batch(each, 0..20).chunksize(1);
                    assert_eq!(batch.map_async().unwrap().get().unwrap().len(), 20);
                }
                "imap" => assert_eq!(pool.imap(each, 0..20).unwrap().count(), 20),
                "imap_unordered" => {
                    assert_eq!(pool.imap_unordered(each, 0..20).unwrap().count(), 20);
                }
                _ => {
                    let stream = pool.stream(each, 0..20).chunksize(5);
                    assert_eq!(stream.imap().unwrap().count(), 20);
                }
            }
            assert_left(left.lock().unwrap().take().expect("this is the parent"));
            let (child, parent) = end(pool, log, reader);
            assert_eq!(child, ["item"], "{how}");
            assert_eq!(["item", "dropped"].map(|what| times(&parent, what)), [20, 2], "{how}");
        }
    });
}

// covers F-17 LIFE-17
#[test]
fn the_child_does_not_drop_the_function_of_a_stream_that_has_gone() {
    common::alone("the_child_does_not_drop_the_function_of_a_stream_that_has_gone", || {
        let (log, reader) = Log::new();
        let pool = pool(&log);
        let (entered, gate, kept) = (Gate::new(), Gate::new(), Kept(log.clone()));
        let (enter, pass) = (entered.clone(), gate.clone());
        let (send, children) = std::sync::mpsc::channel();
        let each = move |_| {
            enter.open();
            pass.wait();
            let child = fork();
            kept.0.note("item");
            if let Some(child) = child {
                send.send(child).unwrap();
            }
        };
        let stream = pool.imap(each, 0..5).unwrap();
        entered.wait();
        drop(stream);
        gate.open();
        assert_left(children.recv().unwrap());
        let (child, parent) = end(pool, log, reader);
        assert_eq!(child, ["item"]);
        assert_eq!(["item", "dropped"].map(|what| times(&parent, what)), [1, 2], "with the hook");
    });
}

// covers F-17 LIFE-17
#[test]
fn an_initializer_or_exit_hook_that_forks_does_the_child_s_worker_no_harm() {
    let name = "an_initializer_or_exit_hook_that_forks_does_the_child_s_worker_no_harm";
    common::alone(name, || {
        for in_initializer in [true, false] {
            let (log, reader) = Log::new();
            let (send, children) = std::sync::mpsc::channel();
            let (gate, own) = (Gate::new(), log.clone());
            let pass = gate.clone();
            let forks = move |_| {
                pass.wait();
                let child = fork();
                own.note("hook");
                if let Some(child) = child {
                    send.send(child).unwrap();
                }
            };
            let builder = ThreadPool::builder().workers(1);
            let pool = match in_initializer {
                true => builder.initializer(forks),
                false => builder.on_worker_exit(forks),
            };
            let pool = pool.build().unwrap();
            let own = log.clone();
            let queued = pool.apply_async(move || own.note("call")).unwrap();
            gate.open();
            queued.get().unwrap();
            let (child, parent) = end(pool, log, reader);
            assert_left(children.recv().unwrap());
            assert_eq!(child, ["hook"]);
            assert_eq!((times(&parent, "hook"), times(&parent, "call")), (1, 1));
        }
    });
}

// covers F-17 LIFE-17
#[test]
fn the_child_wakes_no_waker_and_calls_no_hook() {
    common::alone("the_child_wakes_no_waker_and_calls_no_hook", || {
        struct Says(Log);
        impl std::task::Wake for Says {
            fn wake(self: Arc<Self>) {
                self.0.note("woken");
            }
        }
        let (log, reader) = Log::new();
        let told = log.clone();
        let builder = ThreadPool::builder().workers(1).on_unobserved(move |_| told.note("told"));
        let pool = builder.build().unwrap();
        let (gate, own) = (Gate::new(), log.clone());
        let opens = gate.clone();
        let mut awaited = pool
            .apply_async(move || {
                opens.wait();
                let child = fork();
                own.note("forked");
                child
            })
            .unwrap();
        let waker = std::task::Waker::from(Arc::new(Says(log.clone())));
        let mut context = std::task::Context::from_waker(&waker);
        assert!(std::pin::Pin::new(&mut awaited).poll(&mut context).is_pending());
        let (send, children) = std::sync::mpsc::channel();
        let fails = move || {
            if let Some(child) = fork() {
                send.send(child).unwrap();
            }
            Err::<(), u8>(1)
        };
        pool.try_apply_async(fails).unwrap().detach();
        gate.open();
        assert_left(awaited.get().unwrap().expect("this is the parent"));
        assert_left(children.recv().unwrap());
        drop(waker);
        let (child, parent) = end(pool, log, reader);
        assert_eq!(child, ["forked"]);
        assert_eq!(["forked", "woken", "told"].map(|what| times(&parent, what)), [1, 1, 1]);
    });
}
