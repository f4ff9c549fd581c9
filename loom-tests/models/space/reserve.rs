//! Waiters that can give up, I52: a future that is dropped and a thread whose time is up leave the
//! line, or give the place on that they have been given. And reservations, which the end takes
//! back.

use super::entry::{in_line, outcome};
use super::*;
use crate::sched::reserve::{Reservation, Turn};
use crate::sync::{AtomicU32, clock, futex};
use std::sync::atomic::{AtomicUsize as Count, Ordering as Std};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

/// A waker that a thread can wait for.
struct Alarm(AtomicU32);

impl Alarm {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(0)))
    }

    fn wait(&self) {
        block_until(&self.0, 0, None, |rung| rung != 0);
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(1, Ordering::Release);
        futex::wake_all(&self.0);
    }
}

type Polled = Poll<Result<Option<Reservation>, SubmitErrorKind>>;

/// A future that reserves, by hand.
struct Future {
    sched: Arc<Sched>,
    turn: Option<Turn>,
}

impl Future {
    fn new(sched: &Arc<Sched>) -> Self {
        Self { sched: Arc::clone(sched), turn: None }
    }

    /// A future that stands in the line.
    fn waiting(sched: &Arc<Sched>, alarm: &Arc<Alarm>) -> Self {
        let mut future = Self::new(sched);
        assert!(future.poll(alarm).is_pending(), "I43: it has overtaken");
        future
    }

    fn poll(&mut self, alarm: &Arc<Alarm>) -> Polled {
        let Self { sched, turn } = self;
        sched.poll_reserve(turn, &Waker::from(Arc::clone(alarm)))
    }

    /// Polls until it is ready, whenever `alarm` rings.
    fn wait(mut self, alarm: &Arc<Alarm>) -> Result<Option<Reservation>, SubmitErrorKind> {
        loop {
            match self.poll(alarm) {
                Poll::Ready(reserved) => return reserved,
                Poll::Pending => alarm.wait(),
            }
        }
    }
}

/// A thread that waits for a place without a limit.
fn waits(sched: &Arc<Sched>) -> Seen<bool> {
    let shared = Arc::clone(sched);
    Seen::by(move || shared.reserve_until(None).map(drop).is_ok())
}

// ---- a future gets its place ----

fn a_future_beside(name: &str, bound: Bound, futex: Futex, frees: fn(&Sched, Handle)) {
    check(name, bound, futex, move |_| {
        let (sched, handle) = full();
        let shared = Arc::clone(&sched);
        let other = spawn(move || frees(&shared, handle));
        let reserved = Future::new(&sched).wait(&Alarm::new());
        drop(reserved.expect("the pool runs").expect("the pool has a limit"));
        other.join().expect("the other returns");
        at_rest(&sched, 0);
    });
}

#[test]
fn i19_a_future_beside_a_taker() {
    a_future_beside("I19 future ‖ taker", Bound::None, Futex::Block, taker);
    a_future_beside("I19 future ‖ taker (Spurious)", Bound::Usual, Futex::Spurious, taker);
}

#[test]
fn i19_a_future_beside_a_canceller() {
    a_future_beside("I19 future ‖ canceller", Bound::None, Futex::Block, canceller);
}

/// A future that was polled by one waker is polled again, by another, beside a taker.
fn moves(polls: fn(&mut Future, &Arc<Alarm>) -> Polled) {
    let (sched, handle) = full();
    let mut future = Future::waiting(&sched, &Alarm::new());
    let shared = Arc::clone(&sched);
    let taker = spawn(move || taker(&shared, handle));
    let alarm = Alarm::new();
    while polls(&mut future, &alarm).is_pending() {
        alarm.wait();
    }
    drop(future);
    taker.join().expect("the taker returns");
    at_rest(&sched, 0);
}

#[test]
fn i19_i6_a_future_with_another_waker() {
    check("I19 I6 poll with another waker ‖ taker", Bound::None, Futex::Block, |_| {
        moves(Future::poll);
    });
}

#[test]
fn i19_control_the_first_waker_is_kept() {
    control("I19 I6 control: the first waker is kept", Bound::None, Futex::Block, |_| {
        moves(|future, alarm| {
            let Some(turn) = &future.turn else { return future.poll(alarm) };
            let waits = space(&future.sched).line.with(|line| line.find(turn.ticket).is_some());
            if waits { Poll::Pending } else { future.poll(alarm) }
        });
    });
}

// ---- a waiter gives up ----

/// The first in line gives up beside a taker. The place is the second one's.
fn gives_up(drops: fn(Future)) {
    let (sched, handle) = full();
    let first = Future::waiting(&sched, &Alarm::new());
    let second = waits(&sched);
    until_waiting(&sched, 2);
    let shared = Arc::clone(&sched);
    let taker = spawn(move || taker(&shared, handle));
    drops(first);
    assert!(second.join(), "I52: the second has its place");
    taker.join().expect("the taker returns");
    at_rest(&sched, 0);
}

#[test]
fn i52_a_dropped_future_gives_its_turn_on() {
    let name = "I52 drop of the first future ‖ taker ‖ second waiter";
    check(name, Bound::Usual, Futex::Block, |_| gives_up(drop));
}

#[test]
fn i52_control_a_dropped_future_keeps_its_place() {
    control("I52 control: a dropped future keeps its place", Bound::Usual, Futex::Block, |_| {
        gives_up(|future| {
            let turn = future.turn.as_ref().expect("it waits");
            if !space(&future.sched).leave(turn.ticket) {
                turn.answer.take_grant();
            }
        });
    });
}

#[test]
fn i52_control_a_dropped_future_stays_in_the_line() {
    control("I52 control: a dropped future stays in line", Bound::Usual, Futex::Block, |_| {
        gives_up(|mut future| std::mem::forget(future.turn.take()));
    });
}

/// A thread's time runs out beside a taker and another waiter.
fn times_out(waits_up_to: fn(&Arc<Sched>, &clock::Deadline) -> bool) {
    let (sched, handle) = full();
    let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
    let deadline = clock::Deadline::after(Duration::from_secs(1)).expect("within reach");
    let first = Seen::by(move || waits_up_to(&one, &deadline));
    let taker = spawn(move || taker(&two, handle));
    clock::expire();
    first.join();
    taker.join().expect("the taker returns");
    at_rest(&sched, 0);
}

#[test]
fn i43_i52_a_thread_whose_time_is_up() {
    check("I43 I52 time-out ‖ taker", Bound::Usual, Futex::Block, |_| {
        times_out(|sched, deadline| sched.reserve_until(Some(deadline)).map(drop).is_ok());
    });
}

#[test]
fn i43_control_a_time_out_does_not_look_for_its_answer() {
    control("I43 I52 control: a time-out is a time-out", Bound::Usual, Futex::Block, |_| {
        times_out(|sched, deadline| {
            let (space, answer) = (space(sched), Answer::of_thread());
            let waiter = Waiter::Thread(Arc::clone(&answer));
            match space.join(waiter, || true, |_| ()) {
                Join::Place => space.free(1),
                Join::Line(ticket) => {
                    let got = block_until(&answer.0, 0, Some(deadline), |word| word != NONE);
                    if got.is_some() {
                        space.free(1);
                    } else {
                        let _ = space.leave(ticket);
                    }
                }
                Join::Refused => panic!("the pool runs"),
            }
            true
        });
    });
}

// ---- never more than the limit ----

/// Two futures, one of which is dropped whenever it waits, beside a thread: one place.
fn one_at_a_time(drops: fn(Future)) {
    let (sched, held) = (limited(2), Arc::new(Count::new(0)));
    // One of the places is used for ever.
    space(&sched).enter_beyond().hand_over();
    let holds = |reserved: Option<Reservation>, held: &Count| {
        assert_eq!(held.fetch_add(1, Std::Relaxed), 0, "I43: two have the one place");
        thread::relax();
        held.fetch_sub(1, Std::Relaxed);
        drop(reserved);
    };
    let (one, count) = (Arc::clone(&sched), Arc::clone(&held));
    let other = Seen::by(move || holds(one.reserve_until(None).expect("it runs"), &count));
    let mut future = Future::new(&sched);
    match future.poll(&Alarm::new()) {
        Poll::Ready(reserved) => holds(reserved.expect("the pool runs"), &held),
        Poll::Pending => drops(future),
    }
    let mut late = Future::new(&sched);
    if let Poll::Ready(reserved) = late.poll(&Alarm::new()) {
        holds(reserved.expect("the pool runs"), &held);
    }
    drop(late);
    other.join();
    at_rest(&sched, 1);
}

#[test]
fn i43_i52_one_place_for_futures_that_give_up() {
    check("I43 I52 reserve ‖ reserve, drop, reserve", Bound::Usual, Futex::Block, |_| {
        one_at_a_time(drop);
    });
}

#[test]
fn i43_control_a_dropped_future_gives_a_place_that_it_has_not() {
    control("I43 control: a place from no owner", Bound::Usual, Futex::Block, |_| {
        one_at_a_time(|future| {
            let shared = Arc::clone(&future.sched);
            drop(future);
            space(&shared).free(1);
        });
    });
}

// ---- the end ----

fn a_future_beside_the_end(name: &str, end: fn(&Sched)) -> Vec<String> {
    check(name, Bound::Usual, Futex::Block, move |outcomes| {
        let sched = limited(1);
        let kept = Future::new(&sched).wait(&Alarm::new()).expect("the pool runs");
        let alarm = Alarm::new();
        let mut dropped = Future::waiting(&sched, &alarm);
        let shared = Arc::clone(&sched);
        let waiter = Seen::by(move || Future::new(&shared).wait(&Alarm::new()).map(drop));
        let shared = Arc::clone(&sched);
        let ender = spawn(move || end(&shared));
        outcomes.insert(match dropped.poll(&alarm) {
            Poll::Ready(reserved) => reserved.map(drop).err(),
            Poll::Pending => None,
        });
        drop(dropped);
        assert_eq!(waiter.join(), Err(SubmitErrorKind::NotRunning), "I19: let in by the end");
        ender.join().expect("the end returns");
        drop(kept);
        at_rest(&sched, 0);
    })
    .outcomes
}

#[test]
fn i19_i52_reserve_and_drop_beside_close() {
    let seen = a_future_beside_the_end("I19 I52 reserve ‖ drop ‖ close", Sched::close);
    assert_eq!(seen, ["None", "Some(NotRunning)"]);
}

#[test]
fn i19_i52_reserve_and_drop_beside_terminate() {
    let seen = a_future_beside_the_end("I19 I52 reserve ‖ drop ‖ terminate", Sched::terminate);
    assert_eq!(seen, ["None", "Some(NotRunning)"]);
}

#[test]
fn i43_i52_a_grant_beside_close() {
    check("I43 I52 future, drop ‖ taker ‖ close", Bound::Usual, Futex::Block, |_| {
        let (sched, handle) = full();
        let future = Future::waiting(&sched, &Alarm::new());
        let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
        let taker = spawn(move || taker(&one, handle));
        let closer = spawn(move || two.close());
        drop(future);
        taker.join().expect("the taker returns");
        closer.join().expect("close returns");
        at_rest(&sched, 0);
    });
}

/// A reservation ends beside `close`.
fn a_reservation_beside_close(ends: fn(&Sched, Reservation)) {
    let sched = limited(1);
    let kept = sched.reserve_until(None).expect("the pool runs").expect("the pool has a limit");
    // So that a place which is freed twice does not bring the count below zero.
    space(&sched).enter_beyond().hand_over();
    let shared = Arc::clone(&sched);
    let closer = spawn(move || shared.close());
    ends(&sched, kept);
    closer.join().expect("close returns");
    at_rest(&sched, 1);
}

#[test]
fn i43_a_reservation_is_dropped_beside_close() {
    check("I43 drop of a reservation ‖ close", Bound::None, Futex::Block, |_| {
        a_reservation_beside_close(|_, kept| drop(kept));
    });
}

#[test]
fn i43_control_a_reservation_is_freed_by_both() {
    control("I43 control: a place is freed twice", Bound::None, Futex::Block, |_| {
        a_reservation_beside_close(|sched, kept| {
            std::mem::forget(kept);
            space(sched).free(1);
        });
    });
}

/// A reservation is kept while the pool closes, and an entry waits for its place.
fn kept_across(close: fn(&Sched)) {
    let sched = limited(1);
    let kept = sched.reserve_until(None).expect("the pool runs");
    let answer = in_line(&sched);
    let shared = Arc::clone(&sched);
    let taker = Seen::by(move || {
        let entry = take(&shared);
        let any = entry.is_some();
        entry.into_iter().for_each(|entry| entry.run(&*shared));
        any
    });
    close(&sched);
    let ran = taker.join();
    let late = take(&sched);
    assert!(ran || late.is_some(), "I19: a permit that is of no use holds work up");
    late.into_iter().for_each(|entry| entry.run(&*sched));
    assert_eq!(outcome(answer).expect("it runs"), [7]);
    drop(kept);
    at_rest(&sched, 0);
}

#[test]
fn i19_a_permit_that_is_kept_holds_no_entry_up() {
    check("I19 entry behind a permit, close ‖ taker", Bound::Usual, Futex::Block, |_| {
        kept_across(Sched::close);
    });
}

#[test]
fn i19_control_close_leaves_the_permits_their_places() {
    control("I19 control: close takes no permit back", Bound::None, Futex::Block, |_| {
        kept_across(|sched| {
            sched.life.close();
            fence(Ordering::SeqCst);
            sched.idle.wake_all();
        });
    });
}
