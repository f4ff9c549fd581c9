//! The list of what is ready, I29, and a taker that waits with a limit.

use super::*;
use crate::models::harness::{Bound, Futex, check, control, spawn};
use crate::sync::clock;
use std::sync::Arc;
use std::time::Duration;

/// A member becomes ready beside a wait whose deadline may pass at any moment. The taker then takes
/// it, at once or after a wait without a limit. Says whether the first wait ended in time.
fn comes_as_the_time_is_up(waits: fn(&ReadySet, &Deadline) -> bool) -> bool {
    let ready = Arc::new(ReadySet::new(1));
    let theirs = Arc::clone(&ready);
    let pusher = spawn(move || theirs.push(0));
    let time = spawn(clock::expire);
    let deadline = Deadline::after(Duration::from_secs(1)).expect("within the clock");
    let in_time = waits(&ready, &deadline);
    let mut taken = Vec::new();
    ready.take(&mut taken);
    assert!(!in_time || taken == [0], "I29: what ended the wait is on the list");
    while taken.is_empty() {
        ready.wait(None);
        ready.take(&mut taken);
    }
    assert_eq!(taken, [0], "I29: each member comes once");
    pusher.join().expect("the pusher returns");
    time.join().expect("time goes by");
    in_time
}

#[test]
fn i29_what_comes_as_the_time_is_up_is_not_lost() {
    let name = "I29 timed wait ‖ push ‖ time-out";
    let report = check(name, Bound::Usual, Futex::Block, |outcomes| {
        outcomes.insert(comes_as_the_time_is_up(|ready, deadline| ready.wait(Some(deadline))));
    });
    assert_eq!(report.outcomes, ["false", "true"]);
}

#[test]
fn i29_control_a_time_out_empties_the_list() {
    control("I29 control: a time-out empties the list", Bound::Usual, Futex::Block, |_| {
        comes_as_the_time_is_up(|ready, deadline| {
            let in_time = ready.wait(Some(deadline));
            if !in_time {
                ready.take(&mut Vec::new());
            }
            in_time
        });
    });
}
