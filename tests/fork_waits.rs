//! Waiting after a fork (F-17, LIFE-17): every wait of a task that has forked, and of a thread that
//! has forked outside of the pool, ends in the child too, with a value or with an error that says
//! why.

#![cfg(unix)]

mod common;
mod forks;

use common::Gate;
use forks::{Kept, Log, assert_left, end, fork, pool, times};
use millpond::{AsyncResult, PoolHandle, ReturnWhen, SubmitErrorKind, TaskError};
use std::time::{Duration, Instant};

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
const SCENARIOS: [(&str, Scenario, &str, &str, usize); 11] = [
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
        "a result beyond its due time",
        |pool, log| {
            let log = log.clone();
            let task = pool.task(|| unreachable!("it is overdue"));
            let task = task.error_callback(move |_: &TaskError| log.note("note"));
            let overdue = task.start_by(Instant::now()).apply_async().unwrap();
            let child = fork();
            let done = overdue.wait_timeout(Duration::from_millis(5));
            let (_, saw) = seen(overdue.get(), |()| None);
            (child, format!("{done}, {saw}"))
        },
        "false, waiting here would never end",
        "true, the task had waited for too long before it ran",
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

// covers F-17 LIFE-17
#[test]
fn every_wait_of_the_task_ends_in_the_child_and_the_task_goes_on() {
    let name = "every_wait_of_the_task_ends_in_the_child_and_the_task_goes_on";
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

// covers F-17 LIFE-17
#[test]
fn a_scope_and_a_stream_end_in_a_child_from_outside_of_the_pool() {
    let name = "a_scope_and_a_stream_end_in_a_child_from_outside_of_the_pool";
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
