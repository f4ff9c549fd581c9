//! What do 1,024 workers cost? (P17 all of them asleep in a task, P18 all of them parked.)

use std::thread;
use std::time::Duration;

use crate::check::{Outcome, figure, same};
use crate::measure::time;
use crate::peers::{Peer, ask};
use crate::row::{Against, Contestant, Measure, Row, Unit};

const WIDE: usize = 1024;
const NAP: Duration = Duration::from_millis(100);

pub(super) fn rows() -> [Row; 2] {
    const BLOCKING: (&str, &str) = ("blocking", "its pool has one size for the whole process, at most 500");
    [
        Row::new("P17", "1,024 workers, 1,024 sleeps of 100 ms")
            .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Floor, 1.1))
            .with(Contestant::floor("one sleep", one_nap))
            .with_all(ask!(naps: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, RustyPool,
                StdThread))
            .with(Contestant::python("P17"))
            .absent(BLOCKING.0, BLOCKING.1),
        Row::new("P18", "1,024 workers parked: submitting 1,024 tasks")
            .measure(Measure::new("submit", "", Unit::Nanos).must(Against::Itself, 2e6))
            .with_all(ask!(submissions: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
                RustyPool))
            .with(Contestant::python("P18"))
            .absent(BLOCKING.0, BLOCKING.1),
    ]
}

/// A pool whose workers have all run, and then gone to sleep.
fn parked<P: Peer>() -> Result<&'static P, String> {
    let pool = P::forever(WIDE);
    for _ in 0..2 {
        let handles: Vec<_> = (0..WIDE).map(|i| pool.submit(move || i)).collect();
        let sum: usize = handles.into_iter().map(|handle| pool.get(handle)).sum();
        same("the sum of the results", &sum, &(WIDE * (WIDE - 1) / 2))?;
        thread::sleep(Duration::from_millis(300));
    }
    Ok(pool)
}

fn naps<P: Peer>() -> Outcome {
    let pool = parked::<P>()?;
    let nap = |i| {
        move || {
            thread::sleep(NAP);
            i
        }
    };
    let (sum, wall) = time(|| {
        let handles: Vec<_> = (0..WIDE).map(|i| pool.submit(nap(i))).collect();
        handles.into_iter().map(|handle| pool.get(handle)).sum::<usize>()
    });
    same("the sum of the results", &sum, &(WIDE * (WIDE - 1) / 2))?;
    figure("wall", wall)
}

fn one_nap() -> Outcome {
    figure("wall", time(|| thread::sleep(NAP)).1)
}

fn submissions<P: Peer>() -> Outcome {
    let pool = parked::<P>()?;
    let (handles, submit) = time(|| (0..WIDE).map(|i| pool.submit(move || i)).collect::<Vec<_>>());
    let sum: usize = handles.into_iter().map(|handle| pool.get(handle)).sum();
    same("the sum of the results", &sum, &(WIDE * (WIDE - 1) / 2))?;
    figure("submit", submit)
}
