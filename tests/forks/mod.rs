//! What the tests of forks inside tasks share: a log that both processes write to, the fork itself,
//! and how the child must end.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use millpond::ThreadPool;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// What both processes write to, a line at a time: which process, and what it did.
#[derive(Clone)]
pub(crate) struct Log(Arc<UnixStream>);

impl Log {
    pub(crate) fn new() -> (Self, UnixStream) {
        let (writer, reader) = UnixStream::pair().unwrap();
        (Self(Arc::new(writer)), reader)
    }

    pub(crate) fn note(&self, what: &str) {
        let line = format!("{} {what}\n", std::process::id());
        (&*self.0).write_all(line.as_bytes()).unwrap();
    }
}

/// Says when it is dropped: what the child has a copy of, and must not drop.
pub(crate) struct Kept(pub(crate) Log);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.note("dropped");
    }
}

/// What the child did and what the parent did, each in its order.
pub(crate) fn read(mut reader: UnixStream) -> (Vec<String>, Vec<String>) {
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
pub(crate) fn fork() -> Option<libc::pid_t> {
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
pub(crate) fn assert_left(child: libc::pid_t) {
    assert_eq!(status_of(child), 0, "the child ended as its last thread did");
}

/// Waits for the child, and says how it ended.
pub(crate) fn status_of(child: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: `status` is a place for an int, and `child` is our own.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    status
}

/// A pool of one worker, whose exit hook says so, and that it is dropped.
pub(crate) fn pool(log: &Log) -> ThreadPool {
    let kept = Kept(log.clone());
    let builder = ThreadPool::builder().workers(1);
    builder.on_worker_exit(move |_| kept.0.note("exit hook")).build().unwrap()
}

/// Lets the pool end, and says what child and parent did.
pub(crate) fn end(pool: ThreadPool, log: Log, reader: UnixStream) -> (Vec<String>, Vec<String>) {
    pool.close();
    pool.join().unwrap();
    drop((pool, log));
    read(reader)
}

pub(crate) fn times(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| *line == what).count()
}
