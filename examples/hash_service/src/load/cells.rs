//! The table: each pool at each load, each cell with a service of its own.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::Runtime;

use super::{Client, Server};
use crate::engine::Kind;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long the capacity is measured.
const CAPACITY_LASTS: Duration = Duration::from_secs(2);

/// The longest time that the histogram can hold, in microseconds: a minute.
const MOST_LATENCY: u64 = 60_000_000;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// This program.
    pub program: PathBuf,
    /// The pools.
    pub kinds: Vec<Kind>,
    /// The lengths of the queue.
    pub queues: Vec<usize>,
    /// The service's threads for the work.
    pub workers: usize,
    /// How much work a request is.
    pub rounds: u64,
    /// How many requests a second are 100 %. It is measured if it is not given.
    pub capacity: Option<f64>,
    /// How long a cell lasts. The phase of slow work lasts twice as long.
    pub cell: Duration,
    /// How long after it was due a request must be answered.
    pub deadline: Duration,
    /// How long after it was due a client gives up.
    pub give_up: Duration,
    /// For the dice of the arrivals.
    pub seed: u64,
}

/// What came of the requests of one cell.
struct Tally {
    latency: Histogram<u64>,
    sent: u64,
    ok: u64,
    late: u64,
    refused: u64,
    gave_up: u64,
    failed: u64,
}

enum End {
    Answered(u16, Duration),
    GaveUp,
    Failed,
}

/// Measures, and prints the table as it grows.
///
/// # Errors
///
/// A service does not start, or ends badly.
pub fn compare(plan: &Plan) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("client")
        .enable_all()
        .build()?;
    let capacity = match plan.capacity {
        Some(capacity) => capacity,
        None => measure_capacity(plan, &runtime)?,
    };
    let Plan { workers, rounds, deadline, give_up, cell: lasts, seed, .. } = plan;
    println!(
        "100 % are {capacity:.0} requests/s; workers {workers}, rounds {rounds}, \
         deadline {deadline:?}, clients give up after {give_up:?}, {lasts:?} a cell, seed {seed}"
    );
    println!();
    println!(
        "| pool | queue | load | ok/s | p50 ms | p99 ms | p99.9 ms | refused | late | gave up \
         | sent | peak MiB |"
    );
    println!("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for queue in &plan.queues {
        for kind in &plan.kinds {
            for percent in [50, 100, 200] {
                let rate = capacity * f64::from(percent) / 100.0;
                let phases = [(1, plan.cell)];
                cell(plan, &runtime, *kind, *queue, &format!("{percent} %"), rate, &phases)?;
            }
            let third = plan.cell * 2 / 3;
            let phases = [(1, third), (4, third), (1, third)];
            cell(plan, &runtime, *kind, *queue, "80 %, slow", capacity * 0.8, &phases)?;
        }
    }
    Ok(())
}

fn start(plan: &Plan, kind: Kind, queue: usize, deadline: Duration) -> Result<Server> {
    let options = [
        format!("--engine={}", kind.name()),
        format!("--queue={queue}"),
        format!("--workers={}", plan.workers),
        format!("--rounds={}", plan.rounds),
        format!("--deadline-ms={}", deadline.as_millis()),
    ];
    Ok(Server::start(&plan.program, &options)?)
}

/// Eight clients that each wait for their answer before they ask again.
fn measure_capacity(plan: &Plan, runtime: &Runtime) -> Result<f64> {
    let server = start(plan, Kind::MillpondDeadline, 500, Duration::from_secs(10))?;
    let client = Arc::new(Client::new(server.address));
    let answered = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let asking = (0..8).map(|_| {
        let (client, answered) = (Arc::clone(&client), Arc::clone(&answered));
        runtime.spawn(async move {
            while begin.elapsed() < CAPACITY_LASTS {
                if client.send("POST", "/hash", "capacity").await.is_ok_and(|it| it.status == 200) {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    });
    for asker in asking.collect::<Vec<_>>() {
        runtime.block_on(asker)?;
    }
    let capacity = answered.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64();
    end(server)?;
    Ok(capacity)
}

fn end(server: Server) -> Result<()> {
    server.terminate()?;
    server.ended()?;
    Ok(())
}

/// Measures one row. `phases` are how many times its usual work a request is, and for how long.
fn cell(
    plan: &Plan,
    runtime: &Runtime,
    kind: Kind,
    queue: usize,
    load: &str,
    rate: f64,
    phases: &[(u64, Duration)],
) -> Result<()> {
    let server = start(plan, kind, queue, plan.deadline)?;
    let client = Arc::new(Client::new(server.address));
    let (tell, told) = mpsc::channel();
    let begin = Instant::now();
    let mut due = begin;
    let mut sent = 0;
    let mut dice = Dice(plan.seed);
    let mut phase_end = begin;
    for (slowness, lasts) in phases {
        let slower = Arc::clone(&client);
        let text = slowness.to_string();
        runtime.spawn(async move { slower.send("PUT", "/slowness", &text).await });
        phase_end += *lasts;
        while due < phase_end {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let (client, tell, give_up) = (Arc::clone(&client), tell.clone(), plan.give_up);
            runtime.spawn(async move { _ = tell.send(ask(&client, due, give_up).await) });
            sent += 1;
            due += Duration::from_secs_f64(dice.exponential() / rate);
        }
    }
    drop(tell);
    let mut tally = Tally {
        latency: Histogram::new_with_bounds(1, MOST_LATENCY, 3)?,
        sent,
        ok: 0,
        late: 0,
        refused: 0,
        gave_up: 0,
        failed: 0,
    };
    for end in told {
        tally.count(end, plan.deadline);
    }
    let peak = server.peak_memory();
    end(server)?;
    tally.print(kind, queue, load, phase_end - begin, peak);
    Ok(())
}

/// One request. Its time runs from when it was due, whether or not it could be sent then.
async fn ask(client: &Client, due: Instant, give_up: Duration) -> End {
    let answer = client.send("POST", "/hash", "the mill is by the pond");
    match tokio::time::timeout_at((due + give_up).into(), answer).await {
        Ok(Ok(answer)) => End::Answered(answer.status, due.elapsed()),
        Ok(Err(_)) => End::Failed,
        Err(_) => End::GaveUp,
    }
}

impl Tally {
    fn count(&mut self, end: End, deadline: Duration) {
        match end {
            End::Answered(200, after) => {
                self.latency.saturating_record(after.as_micros().try_into().unwrap_or(u64::MAX));
                if after > deadline {
                    self.late += 1;
                } else {
                    self.ok += 1;
                }
            }
            End::Answered(503, _) => self.refused += 1,
            End::GaveUp => self.gave_up += 1,
            End::Answered(..) | End::Failed => self.failed += 1,
        }
    }

    fn print(&self, kind: Kind, queue: usize, load: &str, lasted: Duration, peak: f64) {
        let rate = self.ok as f64 / lasted.as_secs_f64();
        let ms = |q| self.latency.value_at_quantile(q) as f64 / 1e3;
        let Self { sent, late, refused, gave_up, failed, .. } = self;
        let failed = if *failed > 0 { format!(" ({failed} failed)") } else { String::new() };
        println!(
            "| {} | {queue} | {load} | {rate:.0} | {:.1} | {:.1} | {:.1} | {refused} | {late} \
             | {gave_up} | {sent}{failed} | {peak:.1} |",
            kind.name(),
            ms(0.5),
            ms(0.99),
            ms(0.999)
        );
    }
}

/// Random numbers from a seed, so that each cell has the same arrivals.
struct Dice(u64);

impl Dice {
    /// A random gap between arrivals whose mean is 1.
    fn exponential(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        // Between 0 and 1, and never 0.
        let share = ((bits >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        -share.ln()
    }
}
