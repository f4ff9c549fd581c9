//! What a pool counts and what a worker shows, I57 and I58: workers and submitters beside an observer.

use super::page::{End, Hand, Page, Tally, add_up};
use super::seat::{Name, Shown, Sight};
use crate::models::harness::{Bound, Futex, check, control, spawn};
use crate::sync::{AtomicU32, Ordering};
use std::sync::Arc;

/// A submitter counts a call and publishes it, as a queue does; a worker takes it, if it is there.
fn counted_beside_a_look(hand: Hand, look: fn(&[Page; 2]) -> Tally) -> Tally {
    let pages = Arc::new([Page::new(), Page::new()]);
    let queue = Arc::new(AtomicU32::new(0));
    let (theirs, pushed) = (Arc::clone(&pages), Arc::clone(&queue));
    let submitter = spawn(move || {
        theirs[0].submitted(Hand::Shared);
        pushed.store(1, Ordering::Release);
    });
    let (theirs, taken) = (Arc::clone(&pages), Arc::clone(&queue));
    let worker = spawn(move || {
        if taken.load(Ordering::Acquire) == 1 {
            theirs[1].left(hand);
            theirs[1].ended(hand, End::Completed);
        }
    });
    let seen = look(&pages);
    submitter.join().expect("the submitter returns");
    worker.join().expect("the worker returns");
    assert!(seen.left <= seen.submitted, "I57: more calls have left than were submitted: {seen:?}");
    assert!(seen.of(End::Completed) <= seen.left, "I57: more calls ended than have left: {seen:?}");
    let rest = add_up(pages.iter());
    assert_eq!(rest.submitted, 1, "I57: at rest the sums are exact");
    assert_eq!(rest.left, rest.of(End::Completed), "I57: at rest the sums are exact");
    seen
}

fn no_observer_sees_an_end_before_its_beginning(name: &str, hand: Hand) {
    let report = check(name, Bound::Usual, Futex::Block, move |outcomes| {
        let seen = counted_beside_a_look(hand, |pages| add_up(pages.iter()));
        outcomes.insert((seen.submitted, seen.left, seen.of(End::Completed)));
    });
    assert_eq!(report.outcomes, ["(0, 0, 0)", "(1, 0, 0)", "(1, 1, 0)", "(1, 1, 1)"]);
}

#[test]
fn i57_no_observer_sees_an_end_before_its_beginning() {
    no_observer_sees_an_end_before_its_beginning("I57 submit ‖ worker counts ‖ look", Hand::Sole);
}

#[test]
fn i57_no_observer_sees_an_end_before_its_beginning_on_a_shared_page() {
    let name = "I57 submit ‖ a thread from outside counts ‖ look";
    no_observer_sees_an_end_before_its_beginning(name, Hand::Shared);
}

#[test]
fn i57_control_an_observer_reads_in_the_order_of_counting() {
    let name = "I57 control: the observer reads what was submitted first";
    control(name, Bound::Usual, Futex::Block, |_| {
        counted_beside_a_look(Hand::Sole, |pages| {
            let before = add_up(pages.iter());
            let after = add_up(pages.iter());
            Tally { submitted: before.submitted, ..after }
        });
    });
}

static FIRST: Name = Name(|| "first");
static SECOND: Name = Name(|| "second");

/// A worker shows one task after another, each with its time; an observer reads once.
fn shown_beside_a_look(read: fn(&Shown) -> Option<Sight>) -> Option<&'static str> {
    let shown = Arc::new(Shown::new());
    let theirs = Arc::clone(&shown);
    let worker = spawn(move || {
        theirs.show(&FIRST, 1);
        theirs.show(&SECOND, 2);
    });
    let seen = read(&shown);
    if let Some(sight) = seen {
        let whole = [(None, 0), (Some("first"), 1), (Some("second"), 2)];
        assert!(
            whole.contains(&(sight.type_name(), sight.began)),
            "I58: an observer sees the name of one task with the time of another: {sight:?}"
        );
        let version = 2 * sight.began;
        assert_eq!(sight.version, version, "I58: a version belongs to what is shown with it");
    }
    worker.join().expect("the worker returns");
    seen.map(|sight| sight.type_name().unwrap_or("none"))
}

#[test]
fn i58_what_a_worker_shows_is_all_of_one_task() {
    let report = check("I58 show ‖ look", Bound::None, Futex::Block, |outcomes| {
        outcomes.insert(shown_beside_a_look(Shown::read));
    });
    let seen = ["None", "Some(\"first\")", "Some(\"none\")", "Some(\"second\")"];
    assert_eq!(report.outcomes, seen);
}

#[test]
fn i58_control_an_observer_does_not_look_at_the_version_again() {
    control("I58 control: no second look at the version", Bound::None, Futex::Block, |_| {
        shown_beside_a_look(|shown| Some(shown.read_unchecked()));
    });
}
