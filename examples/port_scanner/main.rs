//! Which TCP ports of a host are open? One connection attempt per port, all at once.
//!
//! Most ports of a guarded host never answer, and each costs the scanner a whole time-out. One after the other that is
//! minutes; on a pool with a worker per port it is one time-out for all of them. Waiting needs no processor, so this
//! holds on two cores as well. What it shows of the pool: [`ThreadPool::builder`] with many small stacks,
//! [`ThreadPool::starmap`], whose results come in the order of its input, [`ThreadPool::close`] and
//! [`ThreadPool::join`]; they are all in [`scan_with_pool`].
//!
//! ```sh
//! cargo run --release --example port_scanner
//! cargo run --release --example port_scanner -- localhost 1-1024 --workers 256 --timeout 500
//! ```
//!
//! Without arguments it needs neither network nor privileges: it scans a host that it starts itself on loopback, 1,024
//! real ports, nearly all of which never answer, and checks what it found. Scan only hosts that you may scan.

mod args;
mod demo_host;
mod scan;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use millpond::ThreadPool;

use args::Args;
use demo_host::DemoHost;
use scan::{Answer, Serial};

/// A probe is a leaf: it calls `connect` and little else. A thousand default stacks of 2 MiB would be 2 GiB of address
/// space for nothing.
const STACK_SIZE: usize = 64 * 1024;

/// Descriptors that are left for everything else: standard streams, the resolver, what the parent left open.
const SPARE_DESCRIPTORS: usize = 64;

const DEMO_PORTS: u16 = 1024;

/// How many ports are scanned one after the other to estimate how long that would take for all.
const SERIAL_SAMPLE: usize = 40;

/// Why there is no report, in one line.
struct Failure {
    exit_code: u8,
    line: String,
}

impl Failure {
    /// What was asked for makes no sense.
    fn usage(line: String) -> Self {
        Self { exit_code: 2, line }
    }

    /// The request was fine; carrying it out went wrong.
    fn run(what: &str, why: impl Display) -> Self {
        Self { exit_code: 1, line: format!("{what}: {why}") }
    }
}

impl From<io::Error> for Failure {
    /// Only writing the report fails without a context of its own.
    fn from(error: io::Error) -> Self {
        Self::run("cannot write the report", error)
    }
}

/// What is to be scanned, and how.
struct Plan {
    host: IpAddr,
    ports: RangeInclusive<u16>,
    workers: usize,
    timeout: Duration,
}

fn main() -> ExitCode {
    match Args::from_command_line().map_err(Failure::usage).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { exit_code, line }) => {
            eprintln!("error: {line}");
            ExitCode::from(exit_code)
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let mut out = io::stdout();
    let timeout = Duration::from_millis(args.timeout.get().into());
    let workers = args.workers.map(Into::into);
    let room = room_for_descriptors()?;

    if let Some(name) = args.host {
        let host = resolve(&name)?;
        // More workers than ports need no more sockets; fewer scan the same ports, some of them later.
        let mut workers = workers.unwrap_or(args.ports.len());
        let at_once = workers.min(args.ports.len());
        if at_once > room {
            writeln!(
                out,
                "the limit on open files leaves room for {room} ports at a time, not {at_once}"
            )?;
            workers = room;
        }
        writeln!(out, "{host}, ports {}-{}", args.ports.start(), args.ports.end())?;
        return report(&mut out, &Plan { host, ports: args.ports, workers, timeout }, None);
    }

    let count = demo_ports_that_fit(room, workers);
    if count < DEMO_PORTS {
        writeln!(
            out,
            "the limit on open files leaves room for {count} ports, not {DEMO_PORTS}: scanning {count}"
        )?;
    }
    let demo =
        DemoHost::start(count).map_err(|why| Failure::run("cannot start the demo host", why))?;
    writeln!(out, "{demo}")?;
    let workers = workers.unwrap_or(count.into());
    let plan = Plan { host: demo.address(), ports: demo.ports(), workers, timeout };
    report(&mut out, &plan, Some(&demo))
}

/// Scans, checks what was found if it is known beforehand, and prints it all.
fn report(out: &mut impl Write, plan: &Plan, demo: Option<&DemoHost>) -> Result<(), Failure> {
    let Plan { host, timeout, .. } = *plan;
    let (answers, took) = scan_with_pool(out, plan)?;

    // A port that could not be tried is neither open nor closed: a report without it would be a wrong one.
    let mut broken = answers.iter().filter_map(Answer::failure);
    if let Some(first) = broken.next() {
        let what = format!("{} of {} ports could not be tried", 1 + broken.count(), answers.len());
        return Err(Failure::run(&what, first));
    }
    if let Some(demo) = demo {
        demo.check(&answers).map_err(|why| Failure::run("the scan is wrong", why))?;
    }

    // The results are in the order of the ports, whichever came first.
    let open: Vec<u16> = plan
        .ports
        .clone()
        .zip(&answers)
        .filter_map(|(port, answer)| answer.is_open().then_some(port))
        .collect();
    for port in &open {
        writeln!(out, "open: {port}")?;
    }
    writeln!(
        out,
        "{} workers: {:.3} s, with a time-out of {:.3} s",
        plan.workers,
        took.as_secs_f64(),
        timeout.as_secs_f64()
    )?;

    let serial = Serial::measure(host, plan.ports.clone(), &answers, timeout, SERIAL_SAMPLE);
    writeln!(out, "one after the other: {serial}")?;
    let (took, serial_took) = (took.as_secs_f64(), serial.estimate().as_secs_f64());
    writeln!(
        out,
        "scanned {} ports in {took:.2} s with {} workers: {} open (serial: {serial_took:.1} s estimated from {} ports; {:.0}x)",
        answers.len(),
        plan.workers,
        open.len(),
        serial.sampled(),
        serial_took / took,
    )?;
    Ok(())
}

/// One task per port. The time is that of the scan alone: the pool is there before the first port is tried, as it
/// would be in a program that scans more than once.
fn scan_with_pool(out: &mut impl Write, plan: &Plan) -> Result<(Vec<Answer>, Duration), Failure> {
    let begin = Instant::now();
    let pool = ThreadPool::builder()
        .workers(plan.workers)
        .thread_name_prefix("scan")
        .stack_size(STACK_SIZE)
        .build()
        .map_err(|why| Failure::run("cannot start the pool", why))?;
    writeln!(
        out,
        "started {} workers in {:.3} s, which is no part of the times below",
        pool.workers(),
        begin.elapsed().as_secs_f64()
    )?;

    let begin = Instant::now();
    let answers = pool
        .starmap(scan::probe, scan::targets(plan.host, plan.ports.clone(), plan.timeout))
        .map_err(|why| Failure::run("the scan broke off", why))?;
    let took = begin.elapsed();

    pool.close();
    pool.join().map_err(|why| Failure::run("cannot end the pool", why))?;
    Ok((answers, took))
}

/// The first address of a host, as any other program would try it first.
fn resolve(name: &str) -> Result<IpAddr, Failure> {
    let unknown = |why: &dyn Display| Failure::usage(format!("{name:?} does not resolve: {why}"));
    let mut addresses = (name, 0).to_socket_addrs().map_err(|why| unknown(&why))?;
    addresses.next().map(|address| address.ip()).ok_or_else(|| unknown(&"it has no address"))
}

/// How many sockets there may be at once: the limit is raised as far as it goes without privileges.
fn room_for_descriptors() -> Result<usize, Failure> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)
        .map_err(|why| Failure::run("cannot find out how many files may be open", why))?;
    match usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(SPARE_DESCRIPTORS) {
        0 => Err(Failure::run(
            "cannot scan",
            format_args!("no more than {limit} files may be open at once"),
        )),
        room => Ok(room),
    }
}

/// Each port of the demo host takes a socket, and each port that is being tried takes one more.
fn demo_ports_that_fit(room: usize, workers: Option<usize>) -> u16 {
    let fit = (room / 2).max(room.saturating_sub(workers.unwrap_or(room)));
    u16::try_from(fit).unwrap_or(u16::MAX).min(DEMO_PORTS)
}
