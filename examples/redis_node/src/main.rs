//! A node that does jobs from Redis, and a producer for it.
//!
//! ```sh
//! cargo run --release -p redis-node -- work              # a node, until SIGTERM
//! cargo run --release -p redis-node -- add --count 1000  # jobs for it
//! ```

use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::thread::{self, available_parallelism};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use redis_node::Flag;
use redis_node::broker::Broker;
use redis_node::node::{self, Failed, Report, Rules};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// One machine of many: a pool behind Redis Streams.
#[derive(Parser)]
struct Arguments {
    /// Where Redis is, as redis://host:port or redis+unix:///path.
    #[arg(long, default_value = "redis://127.0.0.1:6379", global = true)]
    url: String,
    /// The name of the queue.
    #[arg(long, default_value = "millpond", global = true)]
    queue: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Does jobs until SIGTERM.
    Work(Work),
    /// Adds jobs.
    Add(Add),
}

#[derive(Args)]
struct Work {
    /// The node's own name, unlike that of any other [default: its host and process].
    #[arg(long)]
    name: Option<String>,
    /// Threads for the jobs [default: one for each processor].
    #[arg(long)]
    workers: Option<usize>,
    /// How many jobs may be in the pool at a time [default: four for each worker].
    #[arg(long)]
    window: Option<usize>,
    /// How long a job stays with a node that says nothing.
    #[arg(long, default_value_t = 30_000)]
    lease_ms: u64,
    /// How often a job may be begun before it goes to the dead letters.
    #[arg(long, default_value_t = 5)]
    attempts: usize,
    /// How long the accepted jobs may take after SIGTERM.
    #[arg(long, default_value_t = 10_000)]
    drain_ms: u64,
    /// A file that is there as long as the node takes jobs.
    #[arg(long)]
    ready: Option<PathBuf>,
}

#[derive(Args)]
struct Add {
    /// How many.
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// The jobs' ids begin with this. A job whose id was there before has no second effect.
    #[arg(long, default_value = "job")]
    id: String,
    /// What each is to do: see the work.
    #[arg(long, default_value = "hash some text")]
    payload: String,
}

fn main() -> Result<(), Failed> {
    let Arguments { url, queue, command } = Arguments::parse();
    match command {
        Command::Work(options) => work(url, queue, options),
        Command::Add(options) => {
            let mut broker = Broker::new(&url, &queue, "producer", Arc::default())?;
            for number in 0..options.count {
                broker.add(&format!("{}-{number}", options.id), &options.payload)?;
            }
            Ok(())
        }
    }
}

fn work(url: String, queue: String, options: Work) -> Result<(), Failed> {
    let workers = options
        .workers
        .unwrap_or_else(|| available_parallelism().map_or(1, std::num::NonZeroUsize::get));
    let rules = Rules {
        url,
        queue,
        name: options.name.unwrap_or_else(default_name),
        workers,
        window: options.window.unwrap_or(4 * workers),
        lease: Duration::from_millis(options.lease_ms),
        attempts: options.attempts,
        drain: Duration::from_millis(options.drain_ms),
        ready: options.ready,
    };
    let stop = Arc::new(Flag::default());
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let stops = Arc::clone(&stop);
    thread::spawn(move || {
        signals.forever().next();
        stops.set();
    });
    let ended = node::run(&rules, &stop);
    if let Ok(Report { taken, taken_over, done, done_before, failed, buried, lost, given_back }) =
        &ended
    {
        println!(
            "taken {taken}, taken over {taken_over}, done {done}, done before {done_before}, \
             failed attempts {failed}, buried {buried}, lost {lost}, given back {given_back}"
        );
    }
    ended.map(|_| ())
}

fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), process::id())
}
