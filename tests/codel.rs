//! `Codel`, by simulation: queues that exist on paper only, and a clock that the test moves. The rows
//! CODEL of the catalogue.

mod common;
mod parity;

use millpond::{Codel, TaskError, ThreadPool};
use parity::Random;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TARGET: Duration = Duration::from_millis(5);
const INTERVAL: Duration = Duration::from_millis(100);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn codel() -> Codel {
    Codel::new(TARGET, INTERVAL)
}

/// What became of a task of a simulated queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fate {
    arrived: Duration,
    asked: Duration,
    /// When it ended, unless it was refused.
    ended: Option<Duration>,
}

impl Fate {
    fn waited(&self) -> Duration {
        self.asked - self.arrived
    }

    fn is_late(&self, limit: Duration) -> bool {
        self.ended.is_some_and(|ended| ended - self.arrived > limit)
    }
}

/// Serves tasks in the order of their arrival. `run` says how long a task takes that begins at this
/// time; `begins` is asked just before, with the time and how long the task has waited.
fn serve(
    workers: usize,
    arrivals: &[Duration],
    run: impl Fn(Duration) -> Duration,
    begins: impl Fn(Duration, Duration) -> bool,
) -> Vec<Fate> {
    let mut free = vec![Duration::ZERO; workers];
    let serve_one = |&arrived: &Duration| {
        let worker = free.iter_mut().min().expect("there are workers");
        let asked = arrived.max(*worker);
        let ended = begins(asked, asked - arrived).then(|| asked + run(asked));
        *worker = ended.unwrap_or(asked);
        Fate { arrived, asked, ended }
    };
    arrivals.iter().map(serve_one).collect()
}

fn refused(fates: &[Fate]) -> Vec<Fate> {
    fates.iter().filter(|fate| fate.ended.is_none()).copied().collect()
}

/// Arrivals at random, so many each second on average, up to this time.
fn poisson(seed: u64, each_second: f64, up_to: Duration) -> Vec<Duration> {
    let (random, mut now, mut arrivals) = (Random::new(seed), Duration::ZERO, Vec::new());
    // The first draws of this generator are near its seed.
    (0..10).for_each(|_| _ = random.draw());
    loop {
        now += Duration::from_secs_f64(-(1.0 - random.draw()).ln() / each_second);
        if now >= up_to {
            return arrivals;
        }
        arrivals.push(now);
    }
}

// covers CODEL-01
#[test]
fn a_standing_queue_is_refused_after_an_interval_and_not_before() {
    for (workers, queue) in [(1, 500), (2, 500), (4, 2_000)] {
        let codel = codel();
        let each = ms(1);
        // As many arrive as can be served, so the queue would stand for ever.
        let behind = (0..2_000 * workers as u32).map(|i| each * i / workers as u32);
        let arrivals: Vec<_> = std::iter::repeat_n(Duration::ZERO, queue).chain(behind).collect();
        let ask = |now, waited| codel.admit_at(now, waited);
        let fates = serve(workers, &arrivals, |_| each, ask);
        let above = fates.iter().find(|fate| fate.waited() > TARGET).expect("the queue is long");
        let first = refused(&fates)[0].asked;
        assert!(first >= above.asked + INTERVAL, "{workers}: not before an interval has gone by");
        assert!(first <= above.asked + INTERVAL + each, "{workers}: and then at once");
        // From then on the tasks that begin have not waited for long, and the workers stay busy.
        let after: Vec<_> = fates.iter().filter(|fate| fate.asked >= first).collect();
        let begun: Vec<_> = after.iter().filter(|fate| fate.ended.is_some()).collect();
        assert!(begun.iter().all(|fate| fate.waited() <= 2 * TARGET));
        assert!(begun.len() > 1_800 * workers, "{workers}: {} began", begun.len());
    }
}

// covers CODEL-02
#[test]
fn a_queue_within_the_target_is_never_refused() {
    for seed in 0..20 {
        let (codel, random) = (codel(), Random::new(seed));
        let mut now = Duration::ZERO;
        for _ in 0..5_000 {
            now += ms(3).mul_f64(random.draw());
            assert!(codel.admit_at(now, TARGET.mul_f64(random.draw())));
        }
        // Nor if now and then one wait in an interval is within the target, and all others are long.
        for round in 0..5_000_u32 {
            now += ms(7);
            let waited = if round % 12 == 0 { TARGET } else { ms(1_000) };
            assert!(codel.admit_at(now, waited), "seed {seed}, round {round}");
        }
    }
}

/// What a `Codel` should say to the last of these questions, found by a look at all of them.
fn should_admit(asked: &[(Duration, Duration)]) -> bool {
    let (&(now, waited), before) = asked.split_last().expect("there is a question");
    let is_above = |(_, waited): &(Duration, Duration)| *waited > TARGET;
    // Whether the question at `i` found a queue of tasks that were there at the question before it.
    let found_queue = |i: usize| i > 0 && asked[i].0 - asked[i].1.min(asked[i].0) <= asked[i - 1].0;
    let mut begin = before.len();
    while begin > 0 && found_queue(begin) && is_above(&asked[begin - 1]) {
        begin -= 1;
    }
    waited <= 2 * TARGET || now - asked[begin].0 < INTERVAL
}

// covers CODEL-01 CODEL-02
#[test]
fn every_answer_is_that_of_a_look_at_the_whole_history() {
    let mut said = [0, 0];
    for seed in 0..200 {
        let (codel, random) = (codel(), Random::new(seed * 7919));
        let (mut now, mut asked) = (ms(10_000), Vec::new());
        // Most waits are long in some runs, and few in others.
        let long = 0.5 + 0.5 * Random::new(seed).draw().max(random.draw()).sqrt();
        for step in 0..300 {
            now += ms(9).mul_f64(random.draw());
            let waited = if random.draw() < long {
                TARGET + ms(30).mul_f64(random.draw())
            } else {
                TARGET.mul_f64(random.draw())
            };
            asked.push((now, waited));
            let admits = codel.admit_at(now, waited);
            assert_eq!(admits, should_admit(&asked), "seed {seed}, step {step}");
            said[usize::from(admits)] += 1;
        }
    }
    assert!(said[0] > 1_000 && said[1] > 1_000, "both answers occur: {said:?}");
}

// covers CODEL-03
#[test]
fn a_burst_that_drains_within_the_interval_loses_nothing() {
    for workers in [1, 2, 5] {
        for pause in [105, 130, 150, 190, 1_000, 10_000] {
            let codel = codel();
            // Each burst takes 95 ms. Between two of them nothing arrives, and so nothing is asked.
            let burst = |i| std::iter::repeat_n(ms(pause) * i, 95 * workers);
            let arrivals: Vec<_> = (0..50).flat_map(burst).collect();
            let ask = |now, waited| codel.admit_at(now, waited);
            let fates = serve(workers, &arrivals, |_| ms(1), ask);
            assert!(refused(&fates).is_empty(), "{workers} workers, a burst each {pause} ms");
            assert!(fates.iter().any(|fate| fate.waited() > 15 * TARGET), "they are bursts");
        }
    }
    // Each burst finds the worker in other work, which asks nothing. So no wait is within the target.
    let codel = codel();
    for burst in 0..50 {
        let arrived = ms(130 * burst);
        for waited in (10..95).map(ms) {
            assert!(codel.admit_at(arrived + waited, waited), "burst {burst}, after {waited:?}");
        }
    }
}

// covers CODEL-04
#[test]
fn when_work_becomes_slow_far_fewer_tasks_are_late_than_by_a_deadline_alone() {
    let limit = ms(100);
    for seed in 1..=5 {
        let arrivals = poisson(seed, 800.0, ms(10_000));
        // A millisecond each, and four of them for three seconds.
        let run = |now| if (ms(2_000)..ms(5_000)).contains(&now) { ms(4) } else { ms(1) };
        let late = |fates: &[Fate]| fates.iter().filter(|fate| fate.is_late(limit)).count();
        let in_time = |fates: &[Fate]| {
            fates.iter().filter(|fate| fate.ended.is_some() && !fate.is_late(limit)).count()
        };
        let begins_in_time = |_, waited| waited <= limit - ms(1);
        let alone = serve(1, &arrivals, run, begins_in_time);
        let codel = codel();
        let both = |now, waited| begins_in_time(now, waited) && codel.admit_at(now, waited);
        let shed = serve(1, &arrivals, run, both);
        println!(
            "seed {seed}: {} tasks; late {} and {}, in time {} and {}, refused {} and {}",
            arrivals.len(),
            late(&alone),
            late(&shed),
            in_time(&alone),
            in_time(&shed),
            refused(&alone).len(),
            refused(&shed).len()
        );
        assert!(late(&alone) > 500, "a deadline alone begins each task just before it expires");
        assert!(late(&shed) * 20 <= late(&alone), "{} late", late(&shed));
        assert!(in_time(&shed) > in_time(&alone));
    }
}

#[test]
fn odd_targets_intervals_and_times_panic_nowhere() {
    let odd = [Duration::ZERO, Duration::from_nanos(1), ms(5), Duration::MAX];
    for target in odd {
        for interval in odd {
            let codel = Codel::new(target, interval);
            for now in odd {
                for waited in odd {
                    let admits = codel.admit_at(now, waited);
                    assert!(admits || waited > target);
                }
            }
            let _ = codel.admit(Duration::MAX);
            assert!(codel.admit(Duration::ZERO));
        }
    }
    let strict = Codel::new(Duration::ZERO, Duration::ZERO);
    assert!(strict.admit_at(ms(10), ms(2)) && !strict.admit_at(ms(10), ms(2)));
    assert!(strict.admit_at(ms(10), Duration::ZERO) && strict.admit_at(ms(10), ms(2)));
}

// covers CODEL-05
#[test]
fn tasks_of_a_pool_ask_one_that_they_share() {
    let pool = ThreadPool::new(1).unwrap();
    // Each wait is too long for it, and it does not wait for an interval.
    let strict = Arc::new(Codel::new(Duration::ZERO, Duration::ZERO));
    let waits = Arc::new(Mutex::new(Vec::new()));
    let gate = common::hold_up(&pool);
    let results: Vec<_> = (0..10)
        .map(|i| {
            let (codel, waits) = (Arc::clone(&strict), Arc::clone(&waits));
            // The clock stands still, so that it does not matter how long a thread is interrupted between
            // the reading of the wait and the question.
            let ask = move |waited| {
                waits.lock().unwrap().push(waited);
                codel.admit_at(Duration::from_secs(3_600), waited)
            };
            pool.handle().task(move || i).start_if(ask).apply_async().unwrap()
        })
        .collect();
    gate.open();
    let outcomes: Vec<_> = results.into_iter().map(millpond::AsyncResult::get).collect();
    assert!(matches!(outcomes[0], Ok(0)), "the first task asks an empty queue: {outcomes:?}");
    assert!(outcomes[1..].iter().all(|outcome| matches!(outcome, Err(TaskError::Expired))));
    let waits = waits.lock().unwrap();
    assert_eq!(waits.len(), 10, "each of them asked once");
    assert!(waits.iter().all(|waited| !waited.is_zero()));
}
