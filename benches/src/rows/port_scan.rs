//! How much sooner is a scan done with a worker for each port than one port after the other? (P24)
//!
//! 1,024 ports of which two answer; all others cost the whole time-out. Waiting needs no processor, so that what a pool
//! can lose is how long it takes to get its workers going and to collect what they found. The workers are there and
//! have run before. Not measured: a network, ports that refuse.

use std::time::Duration;

use crate::check::{Outcome, figures, same};
use crate::host::{Host, probe};
use crate::measure::time;
use crate::peers::Peer;
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

use super::wide::{WIDE, started};

const TIMEOUT: Duration = Duration::from_millis(250);
/// Ports that never answer are all alike: so many stand for the rest, one after the other.
const SAMPLE: usize = 2;
const ONE_BY_ONE: &str = "one by one";

pub(super) fn row() -> Row {
    Row::new("P24", "scan of 1,024 ports, one worker per port, time-out 250 ms")
        .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Slower(ONE_BY_ONE), 76.0))
        .measure(Measure::new("share", "wall time, of the time-out", Unit::Share))
        .with(Contestant::floor("one silent port", one_port))
        .with(Contestant::baseline(ONE_BY_ONE, one_by_one))
        .with_all(ask!(scan: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, RustyPool,
            Lagoon, ExecutorsChannel, StdThread))
        .with(Contestant::peer("crossbeam scope", crossbeam_scope))
        .with_all(Contestant::pythons("P24"))
        .too_narrow()
}

fn wall(nanos: f64) -> Outcome {
    Ok(figures([("wall", nanos), ("share", nanos / TIMEOUT.as_nanos() as f64)]))
}

/// What a scan found is what there is.
fn checked(host: &Host, found: Vec<Result<bool, String>>) -> Result<(), String> {
    let found: Vec<bool> = found.into_iter().collect::<Result<_, _>>()?;
    same("the ports that are open", &(found == host.open()), &true)
}

fn scan<P: Peer>() -> Outcome {
    let host = Host::start(WIDE)?;
    let ports = host.addresses();
    let pool = started::<P>()?;
    let (found, nanos) = time(|| {
        let probes: Vec<_> =
            ports.into_iter().map(|port| pool.submit(move || probe(port, TIMEOUT))).collect();
        probes.into_iter().map(|probe| pool.get(probe)).collect::<Vec<_>>()
    });
    checked(&host, found)?;
    wall(nanos)
}

/// A thread for each port, started in the time measured, as by `std::thread`.
fn crossbeam_scope() -> Outcome {
    let host = Host::start(WIDE)?;
    let ports = host.addresses();
    let (found, nanos) = time(|| {
        let all = crossbeam_utils::thread::scope(|scope| {
            let probes: Vec<_> =
                ports.iter().map(|&port| scope.spawn(move |_| probe(port, TIMEOUT))).collect();
            probes
                .into_iter()
                .map(|probe| probe.join().expect("no probe panics"))
                .collect::<Vec<_>>()
        });
        all.expect("no probe panics")
    });
    checked(&host, found)?;
    wall(nanos)
}

fn one_port() -> Outcome {
    let host = Host::start(1)?;
    let (found, nanos) = time(|| probe(host.addresses()[0], TIMEOUT));
    same("the port is open", &found?, &false)?;
    wall(nanos)
}

/// All ports that answer, and some of those that do not, of which each takes as long as the next.
fn one_by_one() -> Outcome {
    let host = Host::start(WIDE)?;
    let all = |open: bool| {
        let ports = host.addresses().into_iter().zip(host.open());
        ports.filter(move |(_, is_open)| *is_open == open).map(|(port, _)| port).collect::<Vec<_>>()
    };
    let timed = |ports: &[_], open| {
        let (found, nanos) =
            time(|| ports.iter().map(|port| probe(*port, TIMEOUT)).collect::<Result<Vec<_>, _>>());
        same(
            "ports that are otherwise",
            &found?.iter().filter(|is_open| **is_open != open).count(),
            &0,
        )?;
        Ok::<_, String>(nanos)
    };
    let (answering, silent) = (all(true), all(false));
    let some: Vec<_> = silent.iter().copied().step_by(silent.len() / SAMPLE).take(SAMPLE).collect();
    wall(timed(&answering, true)? + timed(&some, false)? * silent.len() as f64 / some.len() as f64)
}
