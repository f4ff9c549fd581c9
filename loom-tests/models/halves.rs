//! The second halves of joins, I47 to I51: offered, stolen, taken back and waited for.

use super::*;
use crate::join::join_on;
use crate::models::harness::{Bound, Futex, Outcomes, Watched, check, control, spawn};
use crate::sched::Sched;
use crate::sync::{AtomicU32, futex, thread};
use crate::worker::Profile;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Std};

/// Two workers, neither of which has a thread yet.
fn two_workers() -> [Worker; 2] {
    let (sched, deques) = Sched::new(2);
    let sched = Arc::new(sched);
    let mut deques = deques.into_iter();
    [0, 1].map(|index| {
        let deque = deques.next().expect("two workers have two deques");
        Worker { sched: Arc::clone(&sched), index, deque }
    })
}

/// What a worker's thread makes its context of.
struct Worker {
    sched: Arc<Sched>,
    index: usize,
    deque: crate::sync::deque::Worker<TaskRef>,
}

impl Worker {
    fn start(self, f: impl FnOnce(&Context) + Send + 'static) -> thread::JoinHandle<()> {
        spawn(move || {
            let context = Context::new(self.sched, self.index, self.deque, Profile::Balanced);
            context.play(f);
        })
    }
}

/// Returns which worker of the pool runs this thread.
fn here(pool: u32) -> Option<usize> {
    with_worker(pool, |worker| worker.map(Context::index))
}

/// A word that goes up once.
#[derive(Clone)]
struct Flag(Arc<AtomicU32>);

impl Flag {
    fn new() -> Self {
        Self(Arc::new(AtomicU32::new(0)))
    }

    fn raise(&self) {
        self.0.store(1, Ordering::Release);
        futex::wake_all(&self.0);
    }

    fn is_up(&self) -> bool {
        self.0.load(Ordering::Acquire) == 1
    }

    fn wait(&self) {
        while !self.is_up() {
            futex::wait(&self.0, 0);
        }
    }
}

/// Runs what there is until it has run something.
fn run_something(worker: &Context) {
    while !worker.run_one() {
        thread::yield_now();
    }
}

/// One join beside a worker that looks once. Both halves touch what lies in the owner's frame.
fn one_join(outcomes: &Outcomes) {
    let [owner, thief] = two_workers();
    let (runs, frame) = (Arc::new(AtomicUsize::new(0)), Arc::new(Watched::new()));
    let (by, seen) = (outcomes.clone(), Arc::clone(&runs));
    let owner = owner.start(move |worker| {
        let (pool, data) = (worker.sched.id, Arc::clone(&frame));
        let second = move || {
            data.write();
            runs.fetch_add(1, Std::Relaxed);
            here(pool)
        };
        let joined = join_on(worker, || 1, second).expect("the pool runs");
        // The frame's own: no other thread may touch it any more.
        frame.write();
        by.insert(joined);
    });
    let thief = thief.start(|worker| {
        worker.run_one();
    });
    owner.join().expect("the owner returns");
    thief.join().expect("the thief returns");
    assert_eq!(seen.load(Std::Relaxed), 1, "I47: the half has not run once");
}

#[test]
fn i47_i48_a_half_runs_once_and_the_join_ends_after_it() {
    for futex in [Futex::Block, Futex::Spurious] {
        let report = check("I47 I48 owner ‖ thief", Bound::Usual, futex, one_join);
        assert_eq!(report.outcomes.len(), 2, "both have run the half: {:?}", report.outcomes);
    }
}

#[test]
fn i47_two_thieves() {
    check("I47 I48 owner ‖ thief ‖ thief", Bound::Pair, Futex::Block, |_| {
        let (sched, deques) = Sched::new(3);
        let (sched, runs) = (Arc::new(sched), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&runs);
        let mut workers = deques.into_iter().enumerate().map(|(index, deque)| Worker {
            sched: Arc::clone(&sched),
            index,
            deque,
        });
        let owner = workers.next().expect("the first").start(move |worker| {
            join_on(worker, || (), || runs.fetch_add(1, Std::Relaxed)).expect("the pool runs");
        });
        let thieves: Vec<_> = workers
            .map(|thief| {
                thief.start(|worker| {
                    worker.run_one();
                })
            })
            .collect();
        owner.join().expect("the owner returns");
        thieves.into_iter().for_each(|thief| thief.join().expect("the thief returns"));
        assert_eq!(seen.load(Std::Relaxed), 1, "I47: the half has not run once");
    });
}

#[test]
fn i47_control_the_owner_looks_and_does_not_exchange() {
    control("I47 control: a look instead of an exchange", Bound::Usual, Futex::Block, |_| {
        let [owner, thief] = two_workers();
        let runs = Arc::new(AtomicUsize::new(0));
        let (by_owner, by_thief) = (Arc::clone(&runs), Arc::clone(&runs));
        let owner = owner.start(move |worker| {
            let work = crate::block::Job::plain(move || by_thief.fetch_add(1, Std::Relaxed));
            // SAFETY: models borrow nothing.
            let (task, handle) =
                unsafe { crate::block::Call::create(work, worker.sched.id, false) };
            let at = worker.offer(task);
            if worker.offers.any(at) {
                by_owner.fetch_add(1, Std::Relaxed);
            } else {
                handle.wait(None);
            }
            // What is left of the offer, for the model's end.
            if let Some(left) = worker.offers.take(at) {
                left.resolve(Reason::Cancelled);
            }
            worker.offers.end(at);
            drop(handle);
        });
        let thief = thief.start(|worker| {
            worker.run_one();
        });
        owner.join().expect("the owner returns");
        thief.join().expect("the thief returns");
        assert!(runs.load(Std::Relaxed) < 2, "I47: the half has run twice");
    });
}

#[test]
fn i48_control_the_owner_does_not_wait_for_the_thief() {
    control("I48 control: the frame does not wait", Bound::None, Futex::Block, |_| {
        let (latch, frame) = (Arc::new(Latch::new(0)), Arc::new(Watched::new()));
        let (stolen, data) = (Arc::clone(&latch), Arc::clone(&frame));
        let thief = spawn(move || {
            data.write();
            // SAFETY: the latch is alive.
            unsafe { Latch::settle(NonNull::from(&*stolen), HalfState::Ended) };
        });
        // It looks who the thief is, and not how the half stands.
        let _ = latch.thief();
        frame.write();
        thief.join().expect("the thief returns");
    });
}

/// A half that joins two parts, of which the first waits for the second: only the other worker can
/// run that. `first` is the owner's first half, which may wait until the second has begun. `join` is
/// how the half joins.
fn a_part_for_the_owner(first: fn(&Flag), join: fn(&Context, &Flag)) {
    let [owner, thief] = two_workers();
    let (began, part) = (Flag::new(), Flag::new());
    let owner = owner.start(move |worker| {
        let (pool, second_began) = (worker.sched.id, began.clone());
        let second = move || {
            second_began.raise();
            with_worker(pool, |thief| join(thief.expect("a worker runs it"), &part));
        };
        join_on(worker, || first(&began), second).expect("the pool runs");
    });
    let thief = thief.start(run_something);
    owner.join().expect("the owner returns");
    thief.join().expect("the thief returns");
}

#[test]
fn i49_an_owner_that_sleeps_is_told_of_a_part() {
    check("I49 waiting owner ‖ thief that joins", Bound::Pair, Futex::Block, |_| {
        a_part_for_the_owner(Flag::wait, |thief, part| {
            join_on(thief, || part.wait(), || part.raise()).expect("the pool runs");
        });
    });
}

#[test]
fn i49_an_owner_that_sleeps_before_it_knows_its_thief_is_told() {
    check("I49 owner that knows no thief ‖ thief", Bound::Whole, Futex::Block, |_| {
        a_part_for_the_owner(
            |_| (),
            |worker, part| {
                join_on(worker, || part.wait(), || part.raise()).expect("the pool runs");
            },
        );
    });
}

/// An owner that sleeps, beside its thief, which wakes it when it sees the mark. The thief passes no
/// fence, so it must see that the owner sleeps by the mark alone.
fn beside_a_marked_thief(answer: fn(&Offers)) {
    let [owner, thief] = [(); 2].map(|()| Arc::new(Offers::new()));
    let (row, marked) = (Arc::clone(&owner), Arc::clone(&thief));
    let sleeper = spawn(move || {
        row.announce(Some(&marked));
        row.sleep();
    });
    while !thief.is_wanted() {
        thread::yield_now();
    }
    answer(&thief);
    owner.wake();
    sleeper.join().expect("the owner returns");
}

#[test]
fn i49_a_thief_that_takes_the_mark_away_sees_who_sleeps() {
    check("I49 owner that sleeps ‖ marked thief", Bound::None, Futex::Block, |_| {
        beside_a_marked_thief(Offers::answer);
    });
}

#[test]
fn i49_control_a_thief_sees_the_mark_and_leaves_it() {
    control("I49 control: a mark that is not taken away", Bound::None, Futex::Block, |_| {
        beside_a_marked_thief(|_| {});
    });
}

#[test]
fn i49_control_the_thief_does_not_tell_its_owner() {
    control("I49 control: an offer and no word to the owner", Bound::Usual, Futex::Block, |_| {
        a_part_for_the_owner(Flag::wait, |thief, part| {
            // The thief forgets whose half it runs.
            let owners = std::mem::take(&mut *thief.owners.borrow_mut());
            join_on(thief, || part.wait(), || part.raise()).expect("the pool runs");
            *thief.owners.borrow_mut() = owners;
        });
    });
}

/// A thief ends a half, and then joins something that has nothing to do with it. Only the thief may
/// run that, though the half's owner asks it for a part by `help`.
fn nothing_else(outcomes: &Outcomes, help: fn(&Context, &Latch) -> bool) {
    let [owner, thief] = two_workers();
    let latch = Arc::new(Latch::new(0));
    let stolen = Arc::clone(&latch);
    let saw = outcomes.clone();
    let owner = owner.start(move |worker| {
        saw.insert(help(worker, &latch));
    });
    let thief = thief.start(move |worker| {
        stolen.set_thief(worker.index, worker.offers.depth());
        // SAFETY: this thread is the thief. The latch is in an `Arc`.
        unsafe { Latch::settle(NonNull::from(&*stolen), HalfState::Ended) };
        let pool = worker.sched.id;
        let foreign = || {
            assert_eq!(here(pool), Some(1), "I50: a waiting owner runs what it does not wait for");
        };
        join_on(worker, || (), foreign).expect("the pool runs");
    });
    owner.join().expect("the owner returns");
    thief.join().expect("the thief returns");
}

#[test]
fn i50_an_owner_gives_back_what_is_no_part_of_its_half() {
    let report = check("I50 I47 asking owner ‖ thief", Bound::Usual, Futex::Block, |outcomes| {
        nothing_else(outcomes, Context::help_thief);
    });
    assert_eq!(report.outcomes.len(), 2, "it has found something, and nothing");
}

#[test]
fn i50_control_the_owner_does_not_look_at_its_latch_again() {
    control("I50 control: a part and no second look", Bound::Usual, Futex::Block, |outcomes| {
        nothing_else(outcomes, |worker, latch| {
            let found = worker.row_of_thief(latch).and_then(|(row, from)| row.take(from));
            found.map(|part| part.run(&Inline(worker))).is_some()
        });
    });
}

/// An owner with a row in use offers a half that its first half waits for, beside a worker in its
/// loop. `offer` makes the inner join.
fn beside_a_parking_worker(offer: fn(&Context, &Flag)) {
    let [owner, other] = two_workers();
    let sched = Arc::clone(&owner.sched);
    let other = spawn(move || {
        Context::new(other.sched, other.index, other.deque, Profile::Balanced).run();
    });
    let owner = owner.start(move |worker| {
        let part = Flag::new();
        join_on(worker, || offer(worker, &part), || ()).expect("the pool runs");
        worker.sched.terminate();
    });
    owner.join().expect("the owner returns");
    other.join().expect("the other worker leaves");
    drop(sched);
}

#[test]
fn i51_an_offer_finds_the_worker_that_parks() {
    check("I51 owner of two offers ‖ worker", Bound::Pair, Futex::Block, |_| {
        beside_a_parking_worker(|worker, part| {
            join_on(worker, || part.wait(), || part.raise()).expect("the pool runs");
        });
    });
}

#[test]
fn i51_control_an_offer_without_a_fence() {
    control("I51 control: no fence after the offer", Bound::Pair, Futex::Block, |_| {
        beside_a_parking_worker(|worker, part| {
            // The offer of a task of its own stands for the half.
            let told = part.clone();
            let work = crate::block::Job::plain(move || told.raise());
            // SAFETY: models borrow nothing.
            let (task, handle) =
                unsafe { crate::block::Call::create(work, worker.sched.id, false) };
            let at = worker.offers.push(task);
            worker.sched.tell_of_offer();
            part.wait();
            assert!(!worker.take_back_offer(at), "the other worker has it");
            worker.offers.end(at);
            drop(handle);
        });
    });
}
