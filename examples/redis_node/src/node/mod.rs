//! One node: a pool between a reader and a settler.
//!
//! ```text
//!   Redis ──▶ reader ──▶ feeder ═ the pool's workers ═ results ──▶ settler ──▶ Redis
//!                │ enters                                            │ removes
//!                └──────────────▶ leases ◀── keeper ──▶ Redis ◀──────┘
//! ```

mod keeper;
mod reader;
mod ready;
mod settler;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use millpond::{Drain, ThreadPool};
use redis::RedisResult;

use crate::broker::{Broker, Job};
use crate::flag::{Flag, SetAtEnd};
use crate::leases::Leases;
use crate::work;
use ready::Ready;

/// Why a node could not go on.
pub type Failed = Box<dyn Error + Send + Sync>;

/// How long the last results may take to be settled, whatever the drain has left.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What a node is to do.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Where Redis is, as `redis://host:port` or `redis+unix:///path`.
    pub url: String,
    /// Which queue it works on.
    pub queue: String,
    /// Its own name. No two nodes that run may have the same.
    pub name: String,
    /// The pool's workers.
    pub workers: usize,
    /// How many jobs may be in the pool at a time. As many as half of it may wait outside.
    pub window: usize,
    /// How long a job stays with a node that says nothing.
    pub lease: Duration,
    /// How often a job may be begun.
    pub attempts: usize,
    /// How long the accepted jobs may take when the node is to end.
    pub drain: Duration,
    /// A file that is there as long as the node takes jobs: for a readiness probe.
    pub ready: Option<PathBuf>,
}

/// What a node has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// The jobs that it has taken, those of other nodes included.
    pub taken: u64,
    /// How many of them it has taken over from nodes whose leases had lapsed, also from itself.
    pub taken_over: u64,
    /// The jobs that had their effect by this node.
    pub done: u64,
    /// The jobs that it ran and that had had their effect before.
    pub done_before: u64,
    /// The attempts that failed here.
    pub failed: u64,
    /// The jobs that it has moved to the dead letters.
    pub buried: u64,
    /// The jobs that other nodes took over while they ran here.
    pub lost: u64,
    /// The jobs that it had not settled at its end, and has given back.
    pub given_back: usize,
}

#[derive(Default)]
struct Counters {
    taken: AtomicU64,
    taken_over: AtomicU64,
    done: AtomicU64,
    done_before: AtomicU64,
    failed: AtomicU64,
    buried: AtomicU64,
    lost: AtomicU64,
}

/// What the threads of a node share.
struct Node<'a> {
    rules: &'a Rules,
    leases: Leases,
    counters: Counters,
    ready: Ready,
    /// No more jobs are to be taken.
    stop: &'a Arc<Flag>,
    /// The settler has come to its end.
    settled: Flag,
    /// No job is held any more.
    over: Flag,
    /// Commands are to fail rather than to wait for the server.
    give_up: Arc<Flag>,
}

impl Node<'_> {
    /// A broker whose commands wait for the server until `give_up` is set.
    fn broker(&self, give_up: &Arc<Flag>) -> RedisResult<Broker> {
        let Rules { url, queue, name, .. } = self.rules;
        Broker::new(url, queue, name, Arc::clone(give_up))
    }
}

fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

/// Takes jobs and does them until `stop` is set, and then ends in order: readiness, feeder,
/// results, pool.
///
/// # Errors
///
/// The server refuses something for good, the pool cannot be built, or the file of the readiness
/// cannot be written. What the node held then goes to other nodes when its leases have lapsed.
pub fn run(rules: &Rules, stop: &Arc<Flag>) -> Result<Report, Failed> {
    let node = Node {
        rules,
        leases: Leases::default(),
        counters: Counters::default(),
        ready: Ready::new(rules.ready.clone()),
        stop,
        settled: Flag::default(),
        over: Flag::default(),
        give_up: Arc::default(),
    };
    let pool = ThreadPool::builder().workers(rules.workers).thread_name_prefix("job").build()?;
    let work =
        |(number, job): (usize, Arc<Job>)| work::run(&job.payload).map(|result| (number, result));
    let stream = pool.try_fed_stream(work).buffersize(rules.window);
    let (feeder, results) = stream.feed_unordered().map_err(|error| error.kind().to_string())?;

    thread::scope(|scope| {
        // A thread that ends early ends the node.
        let reading = scope.spawn(|| {
            let _stops = SetAtEnd(node.stop);
            reader::run(&node, feeder)
        });
        let settling = scope.spawn(|| {
            let (_stops, _settled) = (SetAtEnd(node.stop), SetAtEnd(&node.settled));
            settler::run(&node, results)
        });
        let keeping = scope.spawn(|| {
            let _stops = SetAtEnd(node.stop);
            keeper::run(&node)
        });

        stop.wait();
        // [1] The probe says no, and a supervisor sees that the node is about to end.
        node.ready.off();
        // [2] The reader has seen `stop` too. It hands in what it has read, and drops the feeder.
        // [3] The results come to their end when the last job has run, or when the time is up.
        let end = Instant::now() + rules.drain;
        let drained = pool.shutdown(Drain::Within(rules.drain));
        let rest = end.saturating_duration_since(Instant::now()).max(LAST_ANSWERS);
        node.settled.wait_timeout(rest);
        node.give_up.set();
        let (read, settled) = (reading.join(), settling.join());
        // [4] The leases were kept until here.
        node.over.set();
        let kept = keeping.join();
        let given_back = node.broker(&node.give_up)?.release(rules.lease);

        for ended in [read, settled.map(boxed), kept.map(boxed)] {
            ended.map_err(|_| "a thread of the node panicked")??;
        }
        drained?;
        Ok(node.counters.report(given_back?))
    })
}

fn boxed(result: RedisResult<()>) -> Result<(), Failed> {
    Ok(result?)
}

impl Counters {
    fn report(&self, given_back: usize) -> Report {
        let Self { taken, taken_over, done, done_before, failed, buried, lost } = self;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Report {
            taken: read(taken),
            taken_over: read(taken_over),
            done: read(done),
            done_before: read(done_before),
            failed: read(failed),
            buried: read(buried),
            lost: read(lost),
            given_back,
        }
    }
}
