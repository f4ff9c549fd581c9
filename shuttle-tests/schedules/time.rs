//! The library's clock under shuttle. Nothing public reads it, so its source is compiled here too.

use crate::harness::check;
use shuttle::thread;
use std::time::Duration;

#[path = "../../src/sync/shuttle/clock.rs"]
#[allow(dead_code, reason = "what is not asked about here the library uses")]
mod clock;
#[path = "../../src/sync/shuttle/failure.rs"]
#[allow(dead_code, reason = "the clock uses a part of it")]
mod failure;
#[path = "../../src/sync/shuttle/point.rs"]
#[allow(dead_code, reason = "the clock uses a part of it")]
mod point;
/// The steps of the API, which no trace tells of here.
mod step {
    pub(crate) fn call(_verb: &str) {}
}

/// Waits until a deadline has passed.
fn wait(limit: Duration) {
    let watch = clock::Stopwatch::start();
    let deadline = clock::Deadline::after(limit).expect("within the clock");
    while !deadline.passed() {
        thread::yield_now();
    }
    assert!(watch.elapsed() >= limit, "it has passed too early");
}

#[test]
fn time_11_a_deadline_passes_no_earlier_than_its_limit() {
    check("deadline of 1 ms ‖ deadline of 1 s", 1_000, || {
        let short = thread::spawn(|| wait(Duration::from_millis(1)));
        wait(Duration::from_secs(1));
        short.join().unwrap();
    });
}
