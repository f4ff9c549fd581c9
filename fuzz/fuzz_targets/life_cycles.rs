//! Pools with any options that two threads submit to while a third ends them, in any order and at
//! any moment.
#![no_main]

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use millpond::{BuildError, DropPolicy, JoinError, SubmitErrorKind, TaskError, ThreadPool};
use millpond_fuzz::{Ledger, Several, name};

#[path = "life_cycles/submitter.rs"]
mod submitter;

use submitter::{Submission, Submitter, resolve};

const SUBMISSIONS: usize = 8;

#[derive(Arbitrary, Debug)]
struct Input {
    workers: u8,
    policy: Policy,
    names: Names,
    initializer: Initializer,
    exits_panic: bool,
    submissions: [Several<Submission, SUBMISSIONS>; 2],
    /// How many submissions come before each step of the end.
    ends: Several<(u8, End), 5>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Policy {
    Terminate,
    Join,
    Drain,
}

#[derive(Arbitrary, Clone, Copy, PartialEq, Debug)]
enum Names {
    Default,
    Prefix,
    Nul,
}

#[derive(Arbitrary, Clone, Copy, PartialEq, Debug)]
enum Initializer {
    None,
    Counts,
    /// In the worker with this number, if there is one; before or after others have begun to work.
    Panics(u8),
    PanicsLate(u8),
}

#[derive(Arbitrary, Clone, Copy, PartialEq, Debug)]
enum End {
    Close,
    Terminate,
    Join,
    JoinInTime,
    Drop,
}

/// What is true of the pool from some moment on. Each flag is set before what it announces.
#[derive(Default)]
struct Life {
    ending: AtomicBool,
    /// Somebody has ended it so that queued work is discarded.
    terminated: AtomicBool,
    may_break: bool,
    /// The workers' names are not the usual ones.
    named: bool,
    ran: AtomicUsize,
    submitted: AtomicUsize,
}

impl Life {
    /// A submission was refused.
    fn refused(&self, kind: SubmitErrorKind) {
        match kind {
            SubmitErrorKind::NotRunning => {
                assert!(self.ending.load(Ordering::SeqCst), "nobody ends the pool")
            }
            SubmitErrorKind::Broken => assert!(self.may_break, "no initializer panics"),
            other => panic!("{other:?}"),
        }
    }

    /// An accepted piece of work has no value.
    fn discarded<E>(&self, error: &TaskError<E>) {
        match error {
            TaskError::Terminated => {
                assert!(
                    self.terminated.load(Ordering::SeqCst),
                    "a closed pool finishes what it has accepted"
                );
            }
            TaskError::Broken(why) => {
                assert!(self.may_break && why.message() == Some("initializer"), "{why}")
            }
            TaskError::NotSubmitted(kind) => self.refused(*kind),
            _ => panic!("nothing ends so here: {}", name(error)),
        }
    }
}

fn one_life(input: Input, ledger: &Ledger) {
    let workers = usize::from(input.workers % 5);
    let policy = match input.policy {
        Policy::Terminate => DropPolicy::Terminate,
        Policy::Join => DropPolicy::Join,
        Policy::Drain => DropPolicy::Drain,
    };
    let panicking = match input.initializer {
        Initializer::Panics(worker) | Initializer::PanicsLate(worker) => {
            Some(usize::from(worker % 5))
        }
        _ => None,
    };
    let may_break = panicking.is_some_and(|worker| worker < workers);
    let life = Arc::new(Life { may_break, named: input.names == Names::Prefix, ..Life::default() });
    let (begun, left) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));

    let mut builder =
        ThreadPool::builder().workers(workers).drop_policy(policy).stack_size(1024 * 1024);
    builder = match input.names {
        Names::Default => builder,
        Names::Prefix => builder.thread_name_prefix("life"),
        Names::Nul => builder.thread_name(|worker| format!("life\0{worker}")),
    };
    if input.initializer != Initializer::None {
        let (begun, captured, life) = (Arc::clone(&begun), ledger.token(0), Arc::clone(&life));
        let late = matches!(input.initializer, Initializer::PanicsLate(_));
        builder = builder.initializer(move |worker| {
            let _captured = &captured;
            begun.fetch_add(1 << (8 * worker), Ordering::Relaxed);
            if panicking == Some(worker) {
                // Others may have begun to work; if there are others.
                for _ in 0..if late { 100 } else { 0 } {
                    if life.ran.load(Ordering::Relaxed) > 0 {
                        break;
                    }
                    thread::yield_now();
                }
                resume_unwind(Box::new("initializer"));
            }
        });
    }
    let (leaves, captured, exits_panic) = (Arc::clone(&left), ledger.token(0), input.exits_panic);
    builder = builder.on_worker_exit(move |worker| {
        let _captured = &captured;
        leaves.fetch_add(1 << (8 * worker), Ordering::Relaxed);
        if exits_panic {
            resume_unwind(Box::new("exit"));
        }
    });
    let pool = match builder.build() {
        Ok(pool) => pool,
        Err(BuildError::ZeroWorkers) => return assert_eq!(workers, 0),
        Err(BuildError::ThreadName { .. }) => return assert_eq!(input.names, Names::Nul),
        Err(error) => panic!("{error}"),
    };
    assert!(workers > 0 && input.names != Names::Nul && pool.workers() == workers);
    let early = pool.join();
    assert!(early == Err(JoinError::StillRunning) || (may_break && early == Ok(())), "{early:?}");

    let accepted = Mutex::new(Vec::new());
    let mut joined = false;
    thread::scope(|scope| {
        for (half, submissions) in input.submissions.iter().enumerate() {
            let (pool, life, accepted) = (pool.handle(), &life, &accepted);
            scope.spawn(move || {
                let mut submitter = Submitter { pool, ledger, life, accepted: Vec::new() };
                for (number, submission) in submissions.0.iter().enumerate() {
                    submitter.submit(*submission, u32::try_from(100 * half + number).unwrap());
                    life.submitted.fetch_add(1, Ordering::SeqCst);
                }
                // Whoever waits for more of them waits no longer.
                life.submitted.fetch_add(SUBMISSIONS, Ordering::SeqCst);
                accepted.lock().unwrap().extend(submitter.accepted);
            });
        }
        joined = end(pool, &input.ends.0, policy, &life);
    });
    // Those that were submitted after the end have been refused, and all others were waited for.
    for accepted in accepted.into_inner().unwrap() {
        resolve(accepted, &life, joined);
    }
    if joined {
        let all = |counts: usize, skip: Option<usize>| {
            (0..workers)
                .all(|worker| counts >> (8 * worker) & 0xff == usize::from(skip != Some(worker)))
        };
        let begun = begun.load(Ordering::Relaxed);
        assert!(
            input.initializer == Initializer::None || all(begun, None),
            "each worker begins once: {begun:x}"
        );
        let left = left.load(Ordering::Relaxed);
        assert!(all(left, panicking), "each worker that began well says that it leaves: {left:x}");
    }
}

/// Ends the pool step by step; says whether its end was waited for.
fn end(pool: ThreadPool, ends: &[(u8, End)], policy: DropPolicy, life: &Life) -> bool {
    let mut joined = false;
    let mut seen = 0;
    for (pause, end) in ends {
        seen += usize::from(pause % 8);
        while life.submitted.load(Ordering::SeqCst) < seen.min(2 * SUBMISSIONS) {
            thread::yield_now();
        }
        match end {
            End::Close => {
                life.ending.store(true, Ordering::SeqCst);
                pool.close();
            }
            End::Terminate => {
                life.ending.store(true, Ordering::SeqCst);
                life.terminated.store(true, Ordering::SeqCst);
                pool.terminate();
            }
            End::Join => {
                let over = !format!("{pool:?}").contains("state: Run");
                match pool.join() {
                    Ok(()) => {
                        assert!(life.ending.load(Ordering::SeqCst) || life.may_break);
                        joined = true;
                    }
                    Err(JoinError::StillRunning) => assert!(!over, "an ended pool can be joined"),
                    Err(error) => panic!("{error}"),
                }
            }
            End::JoinInTime => match pool.join_timeout(Duration::from_micros(200)) {
                Ok(()) => assert!(life.ending.load(Ordering::SeqCst) || life.may_break),
                Err(JoinError::StillRunning) => assert!(!joined),
                Err(JoinError::TimedOut) => assert!(!joined, "it has ended before"),
                Err(error) => panic!("{error}"),
            },
            End::Drop => break,
        }
    }
    life.ending.store(true, Ordering::SeqCst);
    if policy != DropPolicy::Drain && !joined {
        life.terminated.store(true, Ordering::SeqCst);
    }
    drop(pool);
    joined || policy != DropPolicy::Terminate
}

/// How many threads this process has.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux lists its threads").count()
}

fuzz_target!(|input: Input| {
    let ledger = Ledger::default();
    let before = threads();
    one_life(input, &ledger);
    // Also the hooks', which the last worker drops.
    ledger.settle();
    // Detached workers are on their way out. (The leak detector cannot tell what belongs to a
    // thread that is just ending.)
    while threads() > before {
        thread::yield_now();
    }
});
