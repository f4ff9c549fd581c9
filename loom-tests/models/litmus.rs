//! The model's atomics under test: small programs whose outcomes are known.
//!
//! Each states how many executions loom explores and how many distinct outcomes they have. Fewer outcomes mean that
//! loom's reduction has dropped some; more, that an ordering is modelled too weak.

use super::harness::{Bound, Futex, Outcomes, Seen, Watched, beside, check, rejects, spawn};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::Arc;

fn expect(
    name: &str,
    executions: usize,
    outcomes: usize,
    model: impl Fn(&Outcomes) + Send + Sync + 'static,
) {
    let report = check(name, Bound::None, Futex::Block, model);
    println!("{name} {:?}", report.outcomes);
    assert_eq!((report.executions, report.outcomes.len()), (executions, outcomes), "{name}");
}

fn pair() -> (Arc<AtomicU32>, Arc<AtomicU32>) {
    let x = Arc::new(AtomicU32::new(0));
    (Arc::clone(&x), x)
}

#[test]
fn a_load_beside_a_store() {
    expect("load ‖ store", 6, 2, |outcomes| {
        let (x, y) = pair();
        outcomes.insert(beside(move || y.store(1, Relaxed), || x.load(Relaxed)));
    });
}

#[test]
fn a_load_beside_a_load_and_a_store() {
    expect("load ‖ load; store", 7, 2, |outcomes| {
        let (x, y) = pair();
        let theirs = move || {
            y.load(Relaxed);
            y.store(1, Relaxed);
        };
        outcomes.insert(beside(theirs, || x.load(Relaxed)).0);
    });
}

#[test]
fn a_load_beside_a_load_and_a_compare_exchange() {
    expect("load ‖ load; CAS", 7, 2, |outcomes| {
        let (x, y) = pair();
        let theirs = move || {
            y.load(Relaxed);
            y.compare_exchange(0, 1, Relaxed, Relaxed).is_ok()
        };
        outcomes.insert(beside(theirs, || x.load(Relaxed)));
    });
}

#[test]
fn a_load_beside_a_fetch_update() {
    expect("load ‖ fetch_update", 7, 2, |outcomes| {
        let (x, y) = pair();
        let theirs = move || y.fetch_update(Relaxed, Relaxed, |old| Some(old + 1));
        outcomes.insert(beside(theirs, || x.load(Relaxed)));
    });
}

#[test]
fn two_loads_beside_a_load_and_a_store() {
    expect("load; load ‖ load; store", 24, 3, |outcomes| {
        let (x, y) = pair();
        let theirs = move || {
            y.load(Relaxed);
            y.store(1, Relaxed);
        };
        outcomes.insert(beside(theirs, || (x.load(Relaxed), x.load(Relaxed))).0);
    });
}

#[test]
fn a_load_beside_two_loads_with_compare_exchange() {
    // The number of executions, not that of outcomes, varies with who runs on the main thread: 950 to 7,149.
    expect("load ‖ 2 × (load; CAS)", 950, 10, |outcomes| {
        let (x, y) = pair();
        let z = Arc::clone(&x);
        let add = |x: &AtomicU32| {
            let old = x.load(Relaxed);
            x.compare_exchange(old, old + 1, Relaxed, Relaxed)
        };
        let (first, second) = (Seen::by(move || add(&y)), Seen::by(move || add(&z)));
        let ours = x.load(Relaxed);
        outcomes.insert((ours, first.join(), second.join()));
    });
}

/// Data in `x`, then the flag in `y`; `fences` in the place of the flag's own orderings.
fn message_passing(
    name: &str,
    executions: usize,
    outcomes: usize,
    publish: Ordering,
    look: Ordering,
    fences: bool,
) {
    expect(name, executions, outcomes, move |outcomes| {
        let data = Arc::new(AtomicU32::new(0));
        let flag = Arc::new(AtomicU32::new(0));
        let (their_data, their_flag) = (Arc::clone(&data), Arc::clone(&flag));
        let theirs = move || {
            their_data.store(1, Relaxed);
            if fences {
                fence(Release);
            }
            their_flag.store(1, publish);
        };
        let ours = || {
            let flag = flag.load(look);
            if fences {
                fence(Acquire);
            }
            (flag, data.load(Relaxed))
        };
        outcomes.insert(beside(theirs, ours).0);
    });
}

#[test]
fn message_passing_in_three_strengths() {
    message_passing("message passing, Relaxed", 21, 4, Relaxed, Relaxed, false);
    message_passing("message passing, Release/Acquire", 19, 3, Release, Acquire, false);
    message_passing("message passing, fences", 19, 3, Relaxed, Relaxed, true);
}

fn store_buffering(
    name: &str,
    executions: usize,
    outcomes: usize,
    their_fence: bool,
    our_fence: bool,
) {
    expect(name, executions, outcomes, move |outcomes| {
        let x = Arc::new(AtomicU32::new(0));
        let y = Arc::new(AtomicU32::new(0));
        let (their_x, their_y) = (Arc::clone(&x), Arc::clone(&y));
        let side = |mine: &AtomicU32, other: &AtomicU32, fenced: bool| {
            mine.store(1, Relaxed);
            if fenced {
                fence(SeqCst);
            }
            other.load(Relaxed)
        };
        let theirs = move || side(&their_x, &their_y, their_fence);
        outcomes.insert(beside(theirs, || side(&y, &x, our_fence)));
    });
}

#[test]
fn store_buffering_with_two_fences_one_and_none() {
    store_buffering("store buffering, Relaxed", 30, 4, false, false);
    store_buffering("store buffering, two fences", 15, 3, true, true);
    store_buffering("store buffering, our fence", 30, 4, false, true);
    store_buffering("store buffering, their fence", 30, 4, true, false);
}

/// `q=1; fence; load i ‖ load, CAS i; fence; load q`: whoever queues work sees the sleeper, or the sleeper sees the
/// work.
fn queue_or_sleep(outcomes: &Outcomes, queue_fence: bool, sleep_fence: bool) -> bool {
    let queued = Arc::new(AtomicU32::new(0));
    let idle = Arc::new(AtomicU32::new(0));
    let (their_queued, their_idle) = (Arc::clone(&queued), Arc::clone(&idle));
    let theirs = move || {
        let old = their_idle.load(Relaxed);
        let slept = their_idle.compare_exchange(old, old + 1, Relaxed, Relaxed);
        assert!(slept.is_ok(), "nobody else changes it");
        if sleep_fence {
            fence(SeqCst);
        }
        their_queued.load(Relaxed)
    };
    let ours = || {
        queued.store(1, Relaxed);
        if queue_fence {
            fence(SeqCst);
        }
        idle.load(Relaxed)
    };
    let seen = beside(theirs, ours);
    outcomes.insert(seen);
    seen != (0, 0)
}

#[test]
fn a_queue_and_a_sleeper_see_each_other() {
    expect("queue ‖ sleep", 22, 3, |outcomes| assert!(queue_or_sleep(outcomes, true, true)));
}

#[test]
fn without_either_fence_the_sleeper_is_lost() {
    for (queue_fence, sleep_fence) in [(false, true), (true, false)] {
        let name = format!("queue ‖ sleep, fences {queue_fence} {sleep_fence}");
        rejects(&name, "lost wake-up", Bound::None, Futex::Block, move |outcomes| {
            assert!(queue_or_sleep(outcomes, queue_fence, sleep_fence), "lost wake-up");
        });
    }
}

/// `count=1; fence; queue=0 ‖ load count; load queue; fence; load count`: a sweeper empties a queue
/// after it has counted itself. Whoever finds the queue empty sees the count, though the look at the
/// queue is Relaxed, as no look of today's queues is.
fn empty_or_counted(outcomes: &Outcomes, look_fence: bool) -> bool {
    let (counted, queued) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(1)));
    let (their_counted, their_queued) = (Arc::clone(&counted), Arc::clone(&queued));
    let theirs = move || {
        their_counted.store(1, Relaxed);
        fence(SeqCst);
        their_queued.store(0, Relaxed);
    };
    let ours = || {
        let before = counted.load(Acquire);
        let queued = queued.load(Relaxed);
        if look_fence {
            fence(Acquire);
        }
        (before, queued, counted.load(Relaxed))
    };
    let (seen, ()) = beside(theirs, ours);
    outcomes.insert(seen);
    seen != (0, 0, 0)
}

#[test]
fn a_queue_that_a_sweep_has_emptied_shows_the_sweep() {
    expect("sweep ‖ look", 55, 5, |outcomes| assert!(empty_or_counted(outcomes, true)));
}

#[test]
fn without_its_fence_a_look_misses_the_sweep() {
    rejects("sweep ‖ look, no fence", "missed", Bound::None, Futex::Block, |outcomes| {
        assert!(empty_or_counted(outcomes, false), "missed");
    });
}

/// Nobody stores `x`, so nothing orders the write before the read. A model whose loads store something would.
#[test]
fn loads_alone_synchronise_nothing() {
    rejects("HOLE", "Causality violation", Bound::None, Futex::Block, |_| {
        let cell = Arc::new(Watched::new());
        let [x, f, g] = std::array::from_fn(|_| Arc::new(AtomicU32::new(0)));
        let first = {
            let (cell, x, f) = (Arc::clone(&cell), Arc::clone(&x), Arc::clone(&f));
            spawn(move || {
                cell.write();
                fence(Release);
                x.load(Relaxed);
                f.store(1, Relaxed);
            })
        };
        let third = {
            let g = Arc::clone(&g);
            spawn(move || {
                if f.load(Relaxed) == 1 {
                    g.store(1, Relaxed);
                }
            })
        };
        if g.load(Relaxed) == 1 {
            x.load(Relaxed);
            fence(Acquire);
            cell.read();
        }
        first.join().expect("a model thread returns");
        third.join().expect("a model thread returns");
    });
}

/// Read-modify-writes of every kind and width return the value before and leave the value after.
#[test]
fn read_modify_writes_are_atomic() {
    let report = check("two additions", Bound::None, Futex::Block, |outcomes| {
        let sum = Arc::new(AtomicU64::new(0));
        let theirs = Arc::clone(&sum);
        outcomes.insert(beside(move || theirs.fetch_add(1, AcqRel), || sum.fetch_add(1, AcqRel)));
        assert_eq!(sum.load(Relaxed), 2);
    });
    assert_eq!(report.outcomes, ["(0, 1)", "(1, 0)"]);
    check("the rest of the operations", Bound::None, Futex::Block, |_| {
        let word = Arc::new(AtomicUsize::new(0b1100));
        let theirs = Arc::clone(&word);
        beside(move || theirs.load(Relaxed), || word.fetch_or(0b0011, Relaxed));
        assert_eq!(word.fetch_and(0b0110, Relaxed), 0b1111);
        assert_eq!(word.fetch_sub(1, Relaxed), 0b0110);
        assert_eq!(word.swap(7, Relaxed), 5);
        assert_eq!(word.compare_exchange_weak(8, 9, Relaxed, Relaxed), Err(7));
        let mut target = 1;
        let pointer = AtomicPtr::new(&raw mut target);
        assert_eq!(pointer.swap(std::ptr::null_mut(), Relaxed), &raw mut target);
        assert!(pointer.load(Relaxed).is_null());
    });
}
