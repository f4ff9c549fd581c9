//! A fork inside a task (F17, LIFE-17). In the child the task goes on to its end, and the copy of
//! its worker does nothing more: what was queued behind it is the parent's, and must not run twice.

#![cfg(unix)]

mod common;

use common::Gate;
use millpond::{AsyncResult, PoolHandle, ReturnWhen, SubmitErrorKind, TaskError, ThreadPool};
use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

/// What both processes write to, a line at a time: which process, and what it did.
#[derive(Clone)]
struct Log(Arc<UnixStream>);

impl Log {
    fn new() -> (Self, UnixStream) {
        let (writer, reader) = UnixStream::pair().unwrap();
        (Self(Arc::new(writer)), reader)
    }

    fn note(&self, what: &str) {
        let line = format!("{} {what}\n", std::process::id());
        (&*self.0).write_all(line.as_bytes()).unwrap();
    }
}

/// Says when it is dropped: what the child has a copy of, and must not drop.
struct Kept(Log);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.note("dropped");
    }
}

/// What the child did and what the parent did, each in its order.
fn read(mut reader: UnixStream) -> (Vec<String>, Vec<String>) {
    let (mut text, own) = (String::new(), std::process::id().to_string());
    reader.read_to_string(&mut text).unwrap();
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    let (parent, child): (Vec<_>, Vec<_>) = lines.partition(|(process, _)| *process == own);
    let what = |lines: Vec<(&str, &str)>| {
        let what = lines.into_iter().map(|(_, what)| what.to_owned());
        what.collect()
    };
    (what(child), what(parent))
}

/// Forks. Says in the parent who the child is, and nothing in the child, which has a time limit.
fn fork() -> Option<libc::pid_t> {
    // SAFETY: the child goes on with this thread alone. What it does here takes no lock that a
    // thread of the parent may hold but the allocator's, which the C library looks after.
    match unsafe { libc::fork() } {
        0 => {
            // A hang is a failure too, and the thread that watches for hangs is in the parent only.
            // SAFETY: it sets a timer.
            unsafe { libc::alarm(20) };
            None
        }
        child => {
            assert!(child > 0, "the system refused a child");
            Some(child)
        }
    }
}

/// Waits until the child has ended, and fails unless it did so by itself.
#[track_caller]
fn assert_left(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` is a place for an int, and `child` is our own.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0), "the child ended as its last thread did");
}

/// A pool of one worker, whose exit hook says so, and that it is dropped.
fn pool(log: &Log) -> ThreadPool {
    let kept = Kept(log.clone());
    let builder = ThreadPool::builder().workers(1);
    builder.on_worker_exit(move |_| kept.0.note("exit hook")).build().unwrap()
}

/// Lets the pool end, and says what child and parent did.
fn end(pool: ThreadPool, log: Log, reader: UnixStream) -> (Vec<String>, Vec<String>) {
    pool.close();
    pool.join().unwrap();
    drop((pool, log));
    read(reader)
}

fn times(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| *line == what).count()
}

#[test]
fn f17_life_17_the_child_of_a_fork_in_a_task_runs_nothing_that_was_queued() {
    common::alone("f17_life_17_the_child_of_a_fork_in_a_task_runs_nothing_that_was_queued", || {
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

#[test]
fn f17_life_17_nor_the_items_behind_the_one_that_forked() {
    common::alone("f17_life_17_nor_the_items_behind_the_one_that_forked", || {
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

#[test]
fn f17_life_17_nor_does_it_drop_the_function_of_a_stream_that_has_gone() {
    common::alone("f17_life_17_nor_does_it_drop_the_function_of_a_stream_that_has_gone", || {
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

/// What a task does with its own pool and sees of it, in both processes, and who the child is.
type Scenario = fn(&PoolHandle, &Log) -> (Option<libc::pid_t>, String);

/// A call that forks, and one behind it that must not begin in the child.
fn fork_and_note(pool: &PoolHandle, log: &Log) -> [AsyncResult<Option<libc::pid_t>>; 2] {
    let log = log.clone();
    let notes = move || {
        log.note("note");
        None
    };
    [pool.apply_async(fork).unwrap(), pool.apply_async(notes).unwrap()]
}

/// Says how an outcome that has forked ended; the children that are known are put away.
fn seen<T>(
    outcome: Result<T, TaskError>,
    child: impl FnOnce(T) -> Option<libc::pid_t>,
) -> (Option<libc::pid_t>, String) {
    match outcome {
        Ok(value) => (child(value), "a value".into()),
        Err(error) => (None, error.to_string()),
    }
}

/// A function of items that forks at the first.
fn forks(log: &Log) -> impl Fn(u32) -> Option<libc::pid_t> + Send + Sync + 'static {
    let log = log.clone();
    move |item| {
        let child = if item == 0 { fork() } else { None };
        log.note("note");
        child
    }
}

/// Each with what the child notes, what the parent sees in the end, and how many calls say `note`
/// there.
const SCENARIOS: [(&str, Scenario, &str, &str, usize); 10] = [
    ("apply", |pool, _| seen(pool.apply(fork), |child| child), "a value", "a value", 0),
    (
        "map",
        |pool, log| seen(pool.map(forks(log), 0..20), |all| all[0]),
        "note, waiting here would never end",
        "a value",
        20,
    ),
    (
        "get of a batch",
        |pool, log| seen(pool.map_async(forks(log), 0..20).unwrap().get(), |all| all[0]),
        "note, waiting here would never end",
        "a value",
        20,
    ),
    (
        "imap",
        |pool, log| {
            let mut stream = pool.imap(forks(log), 0..20).unwrap();
            let (child, _) = seen(stream.next().unwrap(), |child| child);
            let rest: Vec<_> = stream.map(|item| seen(item, |child| child).1).collect();
            (child, format!("{} more, the last: {}", rest.len(), rest[rest.len() - 1]))
        },
        "note, 1 more, the last: Pool belongs to the parent process",
        "19 more, the last: a value",
        20,
    ),
    (
        "a task of a scope",
        |pool, log| {
            let forked = pool.scope(|scope| {
                let forked = scope.apply_async(fork).unwrap();
                scope.spawn(|| log.note("note")).unwrap();
                forked
            });
            seen(forked.get(), |child| child)
        },
        "a value",
        "a value",
        1,
    ),
    (
        "the body of a scope",
        |pool, log| {
            let child = pool.scope(|scope| {
                scope.spawn(|| log.note("note")).unwrap();
                fork()
            });
            (child, "the scope has ended".into())
        },
        "the scope has ended",
        "the scope has ended",
        1,
    ),
    (
        "a set of results",
        |pool, log| {
            let waited = millpond::wait(fork_and_note(pool, log), ReturnWhen::AllCompleted, None);
            let (done, left) = (waited.done.len(), waited.not_done.len());
            let child = waited.done.into_iter().find_map(|(_, done)| done.get().unwrap());
            (child, format!("{done} done, {left} not"))
        },
        "1 done, 1 not",
        "2 done, 0 not",
        1,
    ),
    (
        "results as they come",
        |pool, log| {
            let (mut child, mut saw) = (None, Vec::new());
            for result in millpond::as_completed(fork_and_note(pool, log)) {
                let (forked, what) = seen(result.1.get(), |child| child);
                child = child.or(forked);
                saw.push(what);
            }
            (child, saw.join(", "))
        },
        "a value, waiting here would never end",
        "a value, a value",
        1,
    ),
    (
        "a result",
        |pool, log| {
            let log = log.clone();
            let queued = pool.apply_async(move || log.note("note")).unwrap();
            let child = fork();
            if child.is_none() {
                assert!(!queued.cancel() && !queued.ready(), "it is the parent's");
            }
            let (_, saw) = seen(queued.get(), |()| None);
            (child, saw)
        },
        "waiting here would never end",
        "a value",
        1,
    ),
    (
        "a submission",
        |pool, log| {
            let (child, log) = (fork(), log.clone());
            let result = pool.apply_async(move || log.note("note"));
            let refused = result.map_or_else(
                |refused| Some(refused.kind()),
                |result| {
                    result.get().unwrap();
                    None
                },
            );
            assert!(refused.is_none_or(|kind| kind == SubmitErrorKind::Forked));
            (child, refused.map_or("taken", |_| "refused").into())
        },
        "refused",
        "taken",
        1,
    ),
];

#[test]
fn f17_life_17_whatever_the_task_waits_for_ends_in_the_child_and_the_task_goes_on() {
    let name = "f17_life_17_whatever_the_task_waits_for_ends_in_the_child_and_the_task_goes_on";
    common::alone(name, || {
        for (name, scenario, in_child, in_parent, notes) in SCENARIOS {
            let (log, reader) = Log::new();
            let pool = pool(&log);
            let (handle, own) = (pool.handle(), log.clone());
            let child = pool.apply(move || {
                let (child, saw) = scenario(&handle, &own);
                own.note(&saw);
                child
            });
            assert_left(child.unwrap().expect("this is the parent"));
            let (child, parent) = end(pool, log, reader);
            assert_eq!(child.join(", "), in_child, "{name}");
            assert_eq!((times(&parent, in_parent), times(&parent, "note")), (1, notes), "{name}");
        }
    });
}

#[test]
fn f17_life_17_an_initializer_or_exit_hook_that_forks_does_the_child_s_worker_no_harm() {
    let name = "f17_life_17_an_initializer_or_exit_hook_that_forks_does_the_child_s_worker_no_harm";
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

#[test]
fn f17_life_17_in_the_child_nobody_is_woken_or_told() {
    common::alone("f17_life_17_in_the_child_nobody_is_woken_or_told", || {
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

#[test]
fn f17_life_17_a_scope_and_a_stream_end_in_a_child_from_outside_of_the_pool() {
    let name = "f17_life_17_a_scope_and_a_stream_end_in_a_child_from_outside_of_the_pool";
    common::alone(name, || {
        let (log, reader) = Log::new();
        let pool = pool(&log);
        let (entered, gate) = (Gate::new(), Gate::new());
        let child = pool.scope(|scope| {
            let holds = || {
                entered.open();
                gate.wait();
                log.note("note");
            };
            scope.spawn(holds).unwrap();
            entered.wait();
            scope.spawn(|| log.note("note")).unwrap();
            let input = (0..5).map(|_| Kept(log.clone()));
            let stream = pool.imap(drop::<Kept>, input.collect::<Vec<_>>()).unwrap();
            let child = fork();
            // In the child its items stay where they are.
            if child.is_none() {
                drop(stream);
            } else {
                gate.open();
                stream.for_each(|item| item.unwrap());
            }
            child
        });
        log.note("the scope has ended");
        let Some(child) = child else {
            // SAFETY: it ends the child, without the destructors that belong to the parent.
            unsafe { libc::_exit(0) }
        };
        assert_left(child);
        let (child, parent) = end(pool, log, reader);
        assert_eq!(child, ["the scope has ended"]);
        assert_eq!(["note", "dropped"].map(|what| times(&parent, what)), [2, 6]);
    });
}
