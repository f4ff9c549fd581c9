//! A web service on a pool of threads, and the load that compares three pools.
//!
//! ```sh
//! cargo run --release -p hash-service -- serve          # the service, until SIGTERM
//! cargo run --release -p hash-service -- load --quick   # the table, in under a minute
//! ```

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use hash_service::engine::{Engine, Kind, Options};
use hash_service::load::{Plan, compare};
use hash_service::service::{Report, Rules, Service};
use hash_service::work;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A web service on a pool of threads, and a load for it.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM.
    Serve(Serve),
    /// Measures each pool at each load, and prints a table.
    Load(Load),
}

#[derive(Args)]
struct Serve {
    /// The pool.
    #[arg(long, value_enum, default_value = "millpond")]
    engine: Kind,
    /// How many requests may be queued.
    #[arg(long, default_value_t = 500)]
    queue: usize,
    /// Threads for the work [default: half of the processors, since the runtime needs some too].
    #[arg(long)]
    workers: Option<usize>,
    /// Whether a request waits while the queue is full (millpond alone).
    #[arg(long)]
    wait: bool,
    /// Where to listen. Port 0 is any free port.
    #[arg(long, default_value = "127.0.0.1:0")]
    address: SocketAddr,
    /// How much work a request is [default: what takes 1 ms here].
    #[arg(long)]
    rounds: Option<u64>,
    /// How long after its arrival a request must be answered.
    #[arg(long, default_value_t = 100)]
    deadline_ms: u64,
    /// How much of the deadline the work itself and the answer's way need.
    #[arg(long, default_value_t = 5)]
    run_time_ms: u64,
    /// How long the service goes on after it has said that it is not ready.
    #[arg(long, default_value_t = 0)]
    unready_ms: u64,
    /// How long the connections may take to end, and then the pool.
    #[arg(long, default_value_t = 10_000)]
    drain_ms: u64,
}

#[derive(Args)]
struct Load {
    /// Takes under a minute, and is rough.
    #[arg(long)]
    quick: bool,
    /// Only these pools.
    #[arg(long, value_enum, value_delimiter = ',')]
    engine: Vec<Kind>,
    /// Only these lengths of the queue.
    #[arg(long, value_delimiter = ',', default_value = "32,500")]
    queue: Vec<usize>,
    /// Threads for the work [default: half of the processors, since the load runs here too].
    #[arg(long)]
    workers: Option<usize>,
    /// How many requests a second are 100 % [default: measured first].
    #[arg(long)]
    capacity: Option<f64>,
    /// How much work a request is [default: what takes 1 ms here].
    #[arg(long)]
    rounds: Option<u64>,
    /// How long after it was due a request must be answered.
    #[arg(long, default_value_t = 100)]
    deadline_ms: u64,
    /// How long after it was due a client gives up.
    #[arg(long, default_value_t = 500)]
    give_up_ms: u64,
    /// For the dice of the arrivals.
    #[arg(long, default_value_t = 13)]
    seed: u64,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    match Arguments::parse().command {
        Command::Serve(options) => serve(&options),
        Command::Load(options) => load(&options),
    }
}

fn half_of_the_processors() -> usize {
    available_parallelism().map_or(1, |processors| processors.get().div_ceil(2))
}

fn one_millisecond() -> u64 {
    work::rounds_for(Duration::from_millis(1))
}

fn serve(options: &Serve) -> Result<(), Box<dyn Error + Send + Sync>> {
    let engine = Options {
        kind: options.engine,
        workers: options.workers.unwrap_or_else(half_of_the_processors),
        max_queued: options.queue,
        wait: options.wait,
    };
    let rules = Rules {
        rounds: options.rounds.unwrap_or_else(one_millisecond),
        deadline: Duration::from_millis(options.deadline_ms),
        run_time: Duration::from_millis(options.run_time_ms),
        unready: Duration::from_millis(options.unready_ms),
        drain: Duration::from_millis(options.drain_ms),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served: io::Result<Report> = runtime.block_on(async {
        let service = Service::new(Engine::new(engine).map_err(io::Error::other)?, rules);
        let mut term = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind(options.address).await?;
        println!("listening on {}", listener.local_addr()?);
        service.serve(listener, async move { _ = term.recv().await }).await
    });
    // Work that outlived its time must not hold up the end.
    runtime.shutdown_background();
    let Report { accepted, answered, given_up, connections_ended, pool_ended } = served?;
    println!(
        "accepted {accepted}, answered {answered}, given up {given_up}, \
         connections ended: {connections_ended}, pool ended: {pool_ended}"
    );
    Ok(())
}

fn load(options: &Load) -> Result<(), Box<dyn Error + Send + Sync>> {
    let all = [Kind::Millpond, Kind::MillpondDeadline, Kind::SpawnBlocking, Kind::Rayon];
    let plan = Plan {
        program: std::env::current_exe()?,
        kinds: if options.engine.is_empty() { all.to_vec() } else { options.engine.clone() },
        queues: options.queue.clone(),
        workers: options.workers.unwrap_or_else(half_of_the_processors),
        rounds: options.rounds.unwrap_or_else(one_millisecond),
        capacity: options.capacity,
        cell: if options.quick { Duration::from_secs(1) } else { Duration::from_secs(4) },
        deadline: Duration::from_millis(options.deadline_ms),
        give_up: Duration::from_millis(options.give_up_ms),
        seed: options.seed,
    };
    compare(&plan)
}
