//! Memory that runs out (F-46): one allocation fails, for each allocation of a short run in turn. The process then aborts, as
//! the standard library has it, or it goes on; but no task runs twice, gives its value twice, or gives one without having run.

#![cfg(unix)]

mod common;

use common::{again, is_child};
use millpond::{PoolHandle, ThreadPool};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fails once.
struct Failing;

/// How many allocations are left, the failing one included; 0: none fails (any more).
static LEFT: AtomicUsize = AtomicUsize::new(0);

impl Failing {
    fn fails() -> bool {
        let mut left = LEFT.load(Ordering::Relaxed);
        while left > 0 {
            match LEFT.compare_exchange_weak(left, left - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(last) => return last == 1,
                Err(now) => left = now,
            }
        }
        false
    }
}

// SAFETY: everything is passed on to the system's allocator, but for one call, which returns null as it may.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if Self::fails() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// What a run says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Said {
    Ran(u8),
    Gave(u8),
    /// It has gone through the whole run. Whether an allocation had failed.
    Ended(bool),
}

impl Said {
    fn bytes(self) -> [u8; 2] {
        match self {
            Self::Ran(task) => [0, task],
            Self::Gave(task) => [1, task],
            Self::Ended(failed) => [2, u8::from(failed)],
        }
    }

    fn of(bytes: &[u8]) -> Self {
        match *bytes {
            [0, task] => Self::Ran(task),
            [1, task] => Self::Gave(task),
            [2, failed] => Self::Ended(failed == 1),
            _ => panic!("{bytes:?}"),
        }
    }
}

static JOURNAL: OnceLock<File> = OnceLock::new();

/// By one system call and without an allocation: an abort leaves all that was said before it.
fn say(said: Said) {
    let mut journal = JOURNAL.get().expect("opened by the child");
    journal.write_all(&said.bytes()).expect("the journal takes it");
}

fn run(task: u8) -> u8 {
    say(Said::Ran(task));
    task
}

const TASKS: u8 = 200;

/// Each task once: from outside and from inside, alone, in a batch and in a stream; so many that the queues grow.
fn short_run() {
    let pool = ThreadPool::new(2).unwrap();
    let outside: Vec<_> =
        (0..70).map(|task| pool.apply_async(move || run(task)).unwrap()).collect();
    let inside = pool.apply(|| {
        let pool = PoolHandle::current().unwrap();
        let handles: Vec<_> =
            (70..150).map(|task| pool.apply_async(move || run(task)).unwrap()).collect();
        handles.into_iter().map(|handle| handle.get().unwrap()).collect::<Vec<_>>()
    });
    let batch = pool.map(run, 150..175).unwrap();
    let stream = pool.imap(run, 175..TASKS).unwrap().map(Result::unwrap);
    let outside = outside.into_iter().map(|handle| handle.get().unwrap());
    outside
        .chain(inside.unwrap())
        .chain(batch)
        .chain(stream)
        .for_each(|task| say(Said::Gave(task)));
    pool.close();
    pool.join().unwrap();
}

const WHICH: &str = "MILLPOND_TEST_FAILING_ALLOCATION";
const WHERE: &str = "MILLPOND_TEST_JOURNAL";

fn child() {
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).expect("less is always allowed");
    let which = std::env::var(WHICH).unwrap().parse().unwrap();
    JOURNAL
        .set(OpenOptions::new().append(true).open(std::env::var_os(WHERE).unwrap()).unwrap())
        .unwrap();
    LEFT.store(which, Ordering::Relaxed);
    short_run();
    let failed = LEFT.swap(0, Ordering::Relaxed) == 0;
    say(Said::Ended(failed));
}

/// Fails if a task was lost, or ran or gave twice. Says whether the whole run has been gone through without a failure.
fn judge(which: usize, status: ExitStatus, journal: &[u8]) -> bool {
    let said: Vec<_> = journal.chunks(2).map(Said::of).collect();
    let times = |what| said.iter().filter(|said| **said == what).count();
    let ended = match said.last() {
        Some(Said::Ended(failed)) => Some(*failed),
        _ => None,
    };
    match ended {
        None => assert_eq!(status.signal(), Some(libc::SIGABRT), "allocation {which}: {status}"),
        Some(_) => assert!(status.success(), "allocation {which}: {status}"),
    }
    for task in 0..TASKS {
        let (ran, gave) = (times(Said::Ran(task)), times(Said::Gave(task)));
        let is_right =
            if ended.is_some() { (ran, gave) == (1, 1) } else { gave <= ran && ran <= 1 };
        assert!(
            is_right,
            "allocation {which}, task {task}: it ran {ran} times and gave {gave} values"
        );
    }
    ended == Some(false)
}

// covers F-46
#[test]
fn a_failed_allocation_loses_and_repeats_no_task() {
    if is_child() {
        return child();
    }
    // A file of this run's own: two runs beside each other must not write into one.
    let name = format!("exhaustion-journal-{}", std::process::id());
    let journal = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut aborted = 0;
    for which in 1.. {
        std::fs::write(&journal, []).unwrap();
        let mut child = again("a_failed_allocation_loses_and_repeats_no_task");
        // Of hundreds of aborts: they take longer than all the rest.
        child.env("RUST_BACKTRACE", "0");
        let output = child.env(WHICH, which.to_string()).env(WHERE, &journal).output().unwrap();
        if judge(which, output.status, &std::fs::read(&journal).unwrap()) {
            break;
        }
        aborted += usize::from(!output.status.success());
    }
    std::fs::remove_file(&journal).unwrap();
    // A slab for thirty-one calls, and what the pool, its threads and queues are made of.
    assert!(aborted >= 30, "allocations must have failed: {aborted}");
}
