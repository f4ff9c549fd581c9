//! Pools with any options that two threads submit to while a third ends them, in any order and at any moment.
#![no_main]

use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use millpond::{
    AsyncResult, BuildError, DropPolicy, JoinError, PoolHandle, SubmitErrorKind, TaskError, ThreadPool,
};
use millpond_fuzz::{Ledger, Several, Token, name};

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

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Submission {
    Call,
    Spawn,
    WithCallbacks,
    Batch {
        len: u8,
        chunk: u8,
    },
    Stream {
        len: u8,
        buffer: u8,
        take: u8,
    },
    /// A task that submits another.
    Nested,
    /// A task that closes or terminates its own pool.
    Closes,
    Terminates,
    Apply,
    Map(u8),
    Scope(u8),
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
            TaskError::Broken(why) => assert!(self.may_break && **why == *"initializer", "{why}"),
            TaskError::NotSubmitted(kind) => self.refused(*kind),
            _ => panic!("nothing ends so here: {}", name(error)),
        }
    }
}

/// A handle, and what is to come.
enum Accepted {
    Call(AsyncResult<Token>, u32, Arc<AtomicU8>),
    Told(AsyncResult<Token>, u32, Arc<AtomicU8>, Arc<[AtomicU8; 2]>),
    Batch(AsyncResult<Vec<Token>>, Arc<Vec<AtomicU8>>),
    Nested(AsyncResult<Option<AsyncResult<Token>>>, Arc<AtomicU8>),
    Silent(Arc<AtomicU8>),
}

/// Submits what is planned, from one thread.
struct Submitter<'a> {
    pool: PoolHandle,
    ledger: &'a Ledger,
    life: &'a Arc<Life>,
    accepted: Vec<Accepted>,
}

impl Submitter<'_> {
    /// A call that counts its run.
    fn call(&self, tag: u32) -> (impl FnOnce() -> Token + Send + 'static, Arc<AtomicU8>) {
        let (ledger, argument, life) = (self.ledger.clone(), self.ledger.token(tag), Arc::clone(self.life));
        let ran = Arc::new(AtomicU8::new(0));
        let counts = Arc::clone(&ran);
        let call = move || {
            assert!(counts.fetch_add(1, Ordering::Relaxed) == 0, "a call runs twice");
            life.ran.fetch_add(1, Ordering::Relaxed);
            ledger.token(argument.tag())
        };
        (call, ran)
    }

    /// What was refused is whole: it can still be called.
    fn given_back(&self, kind: SubmitErrorKind, call: impl FnOnce() -> Token, tag: u32, ran: &AtomicU8) {
        self.life.refused(kind);
        assert_eq!(ran.load(Ordering::Relaxed), 0, "what was refused has not run");
        assert_eq!(call().tag(), tag);
    }

    fn submit(&mut self, submission: Submission, tag: u32) {
        match submission {
            Submission::Call => {
                let (call, ran) = self.call(tag);
                match self.pool.apply_async(call) {
                    Ok(handle) => self.accepted.push(Accepted::Call(handle, tag, ran)),
                    Err(refused) => self.given_back(refused.kind(), refused.into_task(), tag, &ran),
                }
            }
            Submission::Spawn => {
                let (call, ran) = self.call(tag);
                match self.pool.spawn(move || drop(call())) {
                    Ok(()) => self.accepted.push(Accepted::Silent(ran)),
                    Err(refused) => {
                        self.life.refused(refused.kind());
                        refused.into_task()();
                        assert_eq!(ran.load(Ordering::Relaxed), 1, "it is given back whole");
                    }
                }
            }
            Submission::WithCallbacks => {
                let (call, ran) = self.call(tag);
                let told = Arc::new([AtomicU8::new(0), AtomicU8::new(0)]);
                let (value, error) = (Arc::clone(&told), Arc::clone(&told));
                let (one, other) = (self.ledger.token(0), self.ledger.token(0));
                let task = self.pool.task(call).callback(move |_: &Token| {
                    let _one = one;
                    value[0].fetch_add(1, Ordering::Relaxed);
                });
                let task = task.error_callback(move |_: &TaskError<Infallible>| {
                    let _other = other;
                    error[1].fetch_add(1, Ordering::Relaxed);
                });
                match task.apply_async() {
                    Ok(handle) => self.accepted.push(Accepted::Told(handle, tag, ran, told)),
                    Err(refused) => {
                        self.life.refused(refused.kind());
                        let again = refused.into_task().apply_async().expect_err("an ended pool stays ended");
                        self.life.refused(again.kind());
                        drop(again);
                        let counts = [&told[0], &told[1], &ran].map(|count| count.load(Ordering::Relaxed));
                        assert_eq!(counts, [0; 3], "nobody is told of what was refused");
                    }
                }
            }
            Submission::Batch { len, chunk } => {
                let ran: Arc<Vec<_>> = Arc::new((0..len).map(|_| AtomicU8::new(0)).collect());
                let (counts, ledger) = (Arc::clone(&ran), self.ledger.clone());
                let items: Vec<_> = (0..u32::from(len)).map(|index| self.ledger.token(index)).collect();
                let named = self.life.named;
                let each = move |item: Token| {
                    assert!(!named || thread::current().name().is_some_and(|name| name.starts_with("life-")));
                    let before = counts[item.tag() as usize].fetch_add(1, Ordering::Relaxed);
                    assert!(before == 0, "an item runs twice");
                    ledger.token(item.tag())
                };
                let batch = self.pool.batch(each, items);
                let batch = if chunk > 0 { batch.chunksize(usize::from(chunk)) } else { batch };
                match batch.map_async() {
                    Ok(handle) => self.accepted.push(Accepted::Batch(handle, ran)),
                    Err(refused) => {
                        self.life.refused(refused.kind());
                        assert!(ran.iter().all(|count| count.load(Ordering::Relaxed) == 0));
                        // With all of its items: the last of them would be missed otherwise.
                        assert!(format!("{:?}", refused.into_task()).contains(&format!("items: {len}")));
                    }
                }
            }
            Submission::Stream { len, buffer, take } => self.stream(len, buffer, take),
            Submission::Nested => {
                let (inner, ran) = self.call(tag);
                let (captured, life) = (self.ledger.token(tag), Arc::clone(self.life));
                let outer = move || {
                    let _captured = captured;
                    match PoolHandle::current().expect("inside of a task").apply_async(inner) {
                        Ok(handle) => Some(handle),
                        Err(refused) => {
                            // A closed pool lets its own tasks submit.
                            let broken = life.may_break && refused.kind() == SubmitErrorKind::Broken;
                            assert!(broken || life.terminated.load(Ordering::SeqCst), "{:?}", refused.kind());
                            None
                        }
                    }
                };
                match self.pool.apply_async(outer) {
                    Ok(handle) => self.accepted.push(Accepted::Nested(handle, ran)),
                    Err(refused) => self.life.refused(refused.kind()),
                }
            }
            Submission::Closes | Submission::Terminates => {
                let (life, terminates) =
                    (Arc::clone(self.life), matches!(submission, Submission::Terminates));
                let end = move || {
                    let pool = PoolHandle::current().expect("inside of a task");
                    life.ending.store(true, Ordering::SeqCst);
                    if terminates {
                        life.terminated.store(true, Ordering::SeqCst);
                        pool.terminate();
                    } else {
                        pool.close();
                    }
                };
                if let Err(refused) = self.pool.spawn(end) {
                    self.life.refused(refused.kind());
                }
            }
            Submission::Apply => {
                let (call, ran) = self.call(tag);
                match self.pool.apply(call) {
                    Ok(value) => assert_eq!((value.tag(), ran.load(Ordering::Relaxed)), (tag, 1)),
                    Err(error) => {
                        self.life.discarded(&error);
                        assert_eq!(ran.load(Ordering::Relaxed), 0);
                    }
                }
            }
            Submission::Map(len) => {
                let items: Vec<_> = (0..u32::from(len)).map(|index| self.ledger.token(index)).collect();
                match self.pool.map(|item: Token| self.ledger.token(item.tag()), items) {
                    Ok(values) => assert!(values.iter().map(Token::tag).eq(0..u32::from(len))),
                    Err(error) => self.life.discarded(&error),
                }
            }
            Submission::Scope(tasks) => {
                let cells: Vec<_> = (0..tasks % 16).map(|_| AtomicU8::new(0)).collect();
                let mut handles = Vec::new();
                self.pool.scope(|s| {
                    for cell in &cells {
                        let captured = self.ledger.token(0);
                        let work = move || {
                            let _captured = captured;
                            cell.fetch_add(1, Ordering::Relaxed);
                        };
                        match s.apply_async(work) {
                            Ok(handle) => handles.push((cell, handle)),
                            Err(refused) => self.life.refused(refused.kind()),
                        }
                    }
                });
                for (cell, handle) in handles {
                    assert!(handle.ready(), "a scope ends after its tasks");
                    match handle.get() {
                        Ok(()) => assert_eq!(cell.load(Ordering::Relaxed), 1),
                        Err(error) => {
                            self.life.discarded(&error);
                            assert_eq!(cell.load(Ordering::Relaxed), 0);
                        }
                    }
                }
            }
        }
    }

    /// Opens a stream and takes some of its results; whatever happens to the pool, it ends or says why.
    fn stream(&self, len: u8, buffer: u8, take: u8) {
        let input: Vec<_> = (0..u32::from(len)).map(|index| self.ledger.token(index)).collect();
        let ledger = self.ledger.clone();
        let stream = self.pool.stream(move |item: Token| ledger.token(item.tag()), input);
        let stream = if buffer > 0 { stream.buffersize(usize::from(buffer)) } else { stream };
        let imap = match stream.imap() {
            Ok(imap) => imap,
            Err(refused) => return self.life.refused(refused.kind()),
        };
        let mut count = 0;
        let mut error = None;
        let wanted = if take % 4 == 0 { usize::MAX } else { usize::from(take) };
        for outcome in imap.take(wanted) {
            assert!(error.is_none(), "one error, and then the end");
            match outcome {
                Ok(value) => assert_eq!(value.tag(), count),
                Err(why) => {
                    self.life.discarded(&why);
                    error = Some(why);
                    continue;
                }
            }
            count += 1;
        }
        let all = count == u32::from(len) || count as usize == wanted;
        assert!(all || error.is_some(), "the end after {count} of {len}, and nobody says why");
    }
}

/// Every handle resolves, with its value if nobody has discarded it. `joined`: the pool's end was waited for.
fn resolve(accepted: Accepted, life: &Life, joined: bool) {
    let once = |ran: &AtomicU8| ran.load(Ordering::Relaxed) == 1;
    match accepted {
        Accepted::Call(handle, tag, ran) => {
            assert!(!joined || handle.ready(), "join waits for all that was accepted");
            match handle.get() {
                Ok(value) => assert!(value.tag() == tag && once(&ran)),
                Err(error) => {
                    life.discarded(&error);
                    assert!(!once(&ran), "what was discarded has not run");
                }
            }
        }
        Accepted::Told(handle, tag, ran, told) => {
            assert!(!joined || handle.ready(), "join waits for all that was accepted");
            let outcome = handle.get();
            let told = [&told[0], &told[1]].map(|count| count.load(Ordering::Relaxed));
            match outcome {
                Ok(value) => assert!(value.tag() == tag && once(&ran) && told == [1, 0], "{told:?}"),
                Err(error) => {
                    life.discarded(&error);
                    assert!(!once(&ran) && told == [0, 1], "{told:?}");
                }
            }
        }
        Accepted::Batch(handle, ran) => {
            assert!(!joined || handle.ready(), "join waits for all that was accepted");
            match handle.get() {
                Ok(values) => {
                    assert!(values.iter().map(|value| value.tag() as usize).eq(0..ran.len()));
                    assert!(ran.iter().all(once), "each item has run");
                }
                Err(error) => life.discarded(&error),
            }
        }
        Accepted::Nested(handle, ran) => {
            assert!(!joined || handle.ready(), "join waits for all that was accepted");
            match handle.get() {
                Ok(None) => assert!(!once(&ran)),
                Ok(Some(inner)) => {
                    assert!(!joined || inner.ready(), "and for what that has submitted");
                    match inner.get() {
                        Ok(_) => assert!(once(&ran)),
                        Err(error) => {
                            life.discarded(&error);
                            assert!(!once(&ran));
                        }
                    }
                }
                Err(error) => life.discarded(&error),
            }
        }
        Accepted::Silent(ran) => {
            let may_discard = life.terminated.load(Ordering::SeqCst) || life.may_break;
            assert!(!joined || may_discard || once(&ran), "join waits for what nobody waits for");
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
        Initializer::Panics(worker) | Initializer::PanicsLate(worker) => Some(usize::from(worker % 5)),
        _ => None,
    };
    let may_break = panicking.is_some_and(|worker| worker < workers);
    let life = Arc::new(Life { may_break, named: input.names == Names::Prefix, ..Life::default() });
    let (begun, left) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));

    let mut builder = ThreadPool::builder().workers(workers).drop_policy(policy).stack_size(1024 * 1024);
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
            (0..workers).all(|worker| counts >> (8 * worker) & 0xff == usize::from(skip != Some(worker)))
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
    // Detached workers are on their way out. (The leak detector cannot tell what belongs to a thread that is just ending.)
    while threads() > before {
        thread::yield_now();
    }
});
