//! What does a pool cost that has nothing to do? (P15)
//!
//! All contestants are idle at the same time: what is counted is processor time, and who sleeps takes none of the
//! others'. The bound is on the pool's own threads. The thread that sleeps for the two seconds, and wakes for its next
//! look, belongs to the harness, and takes more than any pool here.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

use procfs::ProcError;
use procfs::process::Process;
use rustix::thread::gettid;
use rustix::time::ClockId;

use crate::check::{Outcome, figures, same};
use crate::measure::{clock, cpu_time, workers};
use crate::peers::Peer;
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

pub(super) fn row() -> Row {
    Row::new("P15", "processor time over 2 s idle")
        .together()
        .measure(Measure::new("threads", "of the pool's threads", Unit::Nanos).must(Against::Itself, 0.0))
        .measure(Measure::new("process", "of the whole process, its sleeper too", Unit::Nanos))
        .with(Contestant::floor("threads on a futex", floor))
        .with_all(ask!(idle: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, Blocking,
            RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel, Affinitypool))
        .with_all(Contestant::pythons("P15"))
}

fn idle<P: Peer>() -> Outcome {
    let pool = P::forever(workers());
    let handles: Vec<_> = (0..1000_u64).map(|i| pool.submit(move || i)).collect();
    same(
        "the sum of the results",
        &handles.into_iter().map(|handle| pool.get(handle)).sum(),
        &499_500_u64,
    )?;
    two_seconds()
}

/// The two seconds begin once the pool has gone to sleep.
fn two_seconds() -> Outcome {
    thread::sleep(Duration::from_millis(300));
    let before = (threads()?, Clocks::now());
    if before.0.values().all(|time| *time == 0) {
        return Err("this system does not say what each thread takes of the processors".to_owned());
    }
    thread::sleep(Duration::from_secs(2));
    // The clocks come first: the look at the threads takes long.
    let clocks = Clocks::now();
    let took = taken([&before.0, &threads()?], [before.1, clocks]);
    Ok(figures([("threads", took), ("process", clocks.process - before.1.process)]))
}

/// Processor time so far, in nanoseconds.
#[derive(Clone, Copy)]
struct Clocks {
    process: f64,
    /// Of the thread that looks.
    own: f64,
}

impl Clocks {
    fn now() -> Self {
        Self { process: cpu_time(), own: clock(ClockId::ThreadCPUTime) }
    }
}

/// Processor time so far of each thread but this one, by its number.
fn threads() -> Result<BTreeMap<i32, u64>, String> {
    let unknown = |error| format!("cannot read what the threads of this process took: {error}");
    let own = gettid().as_raw_nonzero().get();
    let mut times = BTreeMap::new();
    for task in Process::myself().and_then(|process| process.tasks()).map_err(unknown)? {
        let task = task.map_err(unknown)?;
        match task.schedstat() {
            Ok(time) if task.tid != own => _ = times.insert(task.tid, time.sum_exec_runtime),
            // A thread that ends meanwhile is seen to be gone.
            Ok(_) | Err(ProcError::NotFound(_)) => {}
            Err(error) => return Err(unknown(error)),
        }
    }
    Ok(times)
}

/// What the other threads have taken between two looks. If one has ended meanwhile, that is the difference of two
/// clocks, which is exact to a microsecond.
fn taken([before, after]: [&BTreeMap<i32, u64>; 2], [first, last]: [Clocks; 2]) -> f64 {
    if before.keys().all(|thread| after.contains_key(thread)) {
        let took = |(thread, time): (&i32, &u64)| time - before.get(thread).unwrap_or(&0);
        after.iter().map(took).sum::<u64>() as f64
    } else {
        ((last.process - first.process) - (last.own - first.own)).max(0.0)
    }
}

fn floor() -> Outcome {
    static WORD: AtomicU32 = AtomicU32::new(0);
    for _ in 0..workers() {
        thread::spawn(|| {
            loop {
                atomic_wait::wait(&WORD, 0);
            }
        });
    }
    two_seconds()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::measure::spin;

    const WORK: Duration = Duration::from_millis(2);

    /// Calls `test` with a way to let another thread work for a while, and with one that ends it.
    fn beside_a_thread(test: impl FnOnce(&dyn Fn(), &dyn Fn())) {
        let ((order, orders), (say, done)) = (channel(), channel());
        let order = std::cell::Cell::new(Some(order));
        let worker = thread::spawn(move || {
            for () in orders {
                spin(WORK);
                // The system books what a thread has taken when it gives its processor away.
                thread::yield_now();
                say.send(()).unwrap();
            }
        });
        let worker = std::cell::Cell::new(Some(worker));
        let work = || {
            let sender = order.take().unwrap();
            sender.send(()).unwrap();
            done.recv().unwrap();
            order.set(Some(sender));
        };
        let end = || {
            drop(order.take());
            worker.take().unwrap().join().unwrap();
        };
        test(&work, &end);
    }

    /// What other tests' threads take is in the figures too, so they have lower bounds only.
    #[test]
    fn what_another_thread_takes_counts_whether_it_ends_or_not() {
        let look = || (threads().unwrap(), Clocks::now());
        let took = |before: &(BTreeMap<i32, u64>, Clocks)| {
            let after = look();
            taken([&before.0, &after.0], [before.1, after.1])
        };
        let least = WORK.as_nanos() as f64 / 4.0;
        beside_a_thread(|work, end| {
            let before = look();
            work();
            assert!(took(&before) >= least);
            assert!(!before.0.contains_key(&gettid().as_raw_nonzero().get()));
            let before = look();
            work();
            end();
            assert!(took(&before) >= least);
        });
    }

    #[test]
    fn what_the_looking_thread_takes_is_none_of_the_pool_s() {
        let clocks = |own| Clocks { process: 1_000.0 + own, own };
        let both = [clocks(0.0), clocks(70.0)];
        let before = BTreeMap::from([(1, 500), (2, 500)]);
        let took = |after: &[(i32, u64)]| {
            let after = after.iter().copied().collect();
            taken([&before, &after], both)
        };
        assert_eq!(took(&[(1, 500), (2, 500)]), 0.0);
        assert_eq!(took(&[(1, 500), (2, 503), (3, 4)]), 7.0);
        assert_eq!(took(&[(1, 500)]), 0.0, "one has ended");
    }
}
