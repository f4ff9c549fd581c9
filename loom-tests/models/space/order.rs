//! The order of the line, I43: a waiter has its place before a newcomer and before later waiters.

use super::*;

/// A submitter waits, and a newcomer does not, beside a thread that frees a place by `frees`.
fn newcomer(sched: &Arc<Sched>, frees: fn(&Sched), takes: fn(&Sched) -> bool) {
    let (one, two) = (Arc::clone(sched), Arc::clone(sched));
    let first = Seen::by(move || submit(&one).is_ok());
    until_waiting(sched, 1);
    let taker = spawn(move || frees(&two));
    assert!(!takes(sched), "I43: a newcomer has overtaken who waits");
    assert!(first.join(), "I43: who waited has its place");
    taker.join().expect("the taker returns");
    at_rest(sched, 1);
}

#[test]
fn i43_a_newcomer_does_not_overtake() {
    check("I43 waiter ‖ taker ‖ newcomer", Bound::Usual, Futex::Block, |_| {
        let (sched, handle) = full();
        newcomer(&sched, run, |sched| {
            let refused = worker::submit(sched, Job::plain(|| 0), Some(WhenFull::Refuse));
            refused.map(drop).map_err(|(kind, _)| assert_eq!(kind, SubmitErrorKind::Full)).is_ok()
        });
        drop(handle);
    });
}

#[test]
fn i43_control_a_place_is_free_before_it_is_given() {
    fn frees(sched: &Sched) {
        let space = space(sched);
        free_only(space);
        space.line.with(|line| {
            if space.word.load(Ordering::Relaxed) % WAITING == 0 {
                space.word.fetch_add(USED, Ordering::Relaxed);
                space.word.fetch_sub(WAITING, Ordering::Relaxed);
                let Some(first) = line.pop_front() else { panic!("one waits") };
                answer(first);
            }
        });
    }
    control("I43 control: a place is free before it is given", Bound::Usual, Futex::Block, |_| {
        let sched = limited(1);
        space(&sched).enter_beyond().hand_over();
        newcomer(&sched, frees, |sched| {
            let word = &space(sched).word;
            let seen = word.load(Ordering::Relaxed);
            let taken = seen + USED;
            used(seen) == 0
                && word.compare_exchange(seen, taken, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        });
    });
}

/// Two who wait, one after the other, and one place: it is the first one's.
fn in_order(frees: fn(&Space)) {
    let sched = limited(1);
    space(&sched).enter_beyond().hand_over();
    let waiters = [1, 2].map(|place| {
        let shared = Arc::clone(&sched);
        let waiter =
            Seen::by(move || space(&shared).wait(None, || true).map(Permit::hand_over).is_ok());
        until_waiting(&sched, place);
        waiter
    });
    let [first, second] = waiters;
    frees(space(&sched));
    assert!(first.join(), "I43: the first has its place");
    assert!(space(&sched).is_awaited(), "I43: the second waits");
    space(&sched).free(1);
    assert!(second.join(), "I43: the second has its place");
    at_rest(&sched, 1);
}

#[test]
fn i43_who_came_first_enters_first() {
    check("I43 waiter ‖ waiter, two places", Bound::Usual, Futex::Block, |_| {
        in_order(|space| space.free(1));
    });
}

#[test]
fn i43_control_who_came_last_enters_first() {
    control("I43 control: who came last enters first", Bound::Usual, Futex::Block, |_| {
        in_order(|space| {
            space.line.with(|line| {
                let Some(last) = line.remove(2) else { panic!("two wait") };
                space.word.fetch_sub(WAITING, Ordering::Relaxed);
                answer(last);
            });
        });
    });
}
