//! How the consumer of a stream out of order finds what is finished, I29: by its own looks and a
//! nap, or from the runners' stack.

use super::*;
use crate::sync::clock::{self, Deadline};
use std::time::Duration;

/// A stream out of order with some items, each of which has a runner.
fn with_runners(items: usize, drops: &Arc<AtomicUsize>) -> (Items, Vec<thread::JoinHandle<()>>) {
    let (mut stream, sent) = (stream(false, 2, items), Sent::default());
    let publish = |number| publish(&mut stream, Counted::new(number, drops), &sent);
    let threads = (0..items).filter_map(publish).collect();
    (stream, threads)
}

fn finish(stream: Items, threads: Vec<thread::JoinHandle<()>>) {
    drop(stream);
    threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
}

#[test]
fn i29_what_ends_a_nap_is_there() {
    for futex in [Futex::Block, Futex::Spurious] {
        check(&format!("I29 nap ‖ runner ({futex:?})"), Bound::Usual, futex, |_| {
            let drops = Arc::new(AtomicUsize::new(0));
            let (mut stream, threads) = with_runners(1, &drops);
            assert!(stream.sleep_for_any(None), "there was no time limit");
            assert!(stream.look(), "I29: one item, one end of a nap: it is there");
            assert_eq!(stream.try_take().map(|outcome| outcome.expect("no item fails").0), Some(0));
            finish(stream, threads);
        });
    }
}

#[test]
fn i29_what_comes_as_a_nap_times_out_is_not_lost() {
    let name = "I29 timed nap ‖ runner ‖ time-out";
    let report = check(name, Bound::Whole, Futex::Block, |outcomes| {
        let drops = Arc::new(AtomicUsize::new(0));
        let (mut stream, threads) = with_runners(1, &drops);
        let time = spawn(clock::expire);
        let deadline = Deadline::after(Duration::from_secs(1)).expect("within the clock");
        let in_time = stream.sleep_for_any(Some(&deadline));
        assert!(!in_time || stream.look(), "I29: what ended the nap is there");
        while !stream.look() {
            stream.sleep_for_any(None);
        }
        assert!(stream.try_take().is_some());
        finish(stream, threads);
        time.join().expect("time goes by");
        outcomes.insert(in_time);
    });
    assert_eq!(report.outcomes, ["false", "true"]);
}

#[test]
fn i29_control_a_nap_without_a_second_look() {
    control("I29 control: no look before a nap", Bound::Usual, Futex::Block, |_| {
        let drops = Arc::new(AtomicUsize::new(0));
        let (mut stream, threads) = with_runners(1, &drops);
        while !stream.look() {
            stream.ring().nap.announce();
            stream.ring().nap.sleep(None);
        }
        finish(stream, threads);
    });
}

#[test]
fn i29_the_stack_of_many_runners() {
    check("I29 unordered, two items, the stack", Bound::Whole, Futex::Block, |outcomes| {
        let (drops, sent) = (Arc::new(AtomicUsize::new(0)), Sent::default());
        let mut stream = stream(false, 2, 2);
        stream.use_stack();
        let threads: Vec<_> = (0..2)
            .filter_map(|number| publish(&mut stream, Counted::new(number, &drops), &sent))
            .collect();
        let taken = [take(&mut stream, &sent), take(&mut stream, &sent)];
        finish(stream, threads);
        assert_eq!(taken[0] + taken[1], 1, "I29: each item comes out once");
        outcomes.insert(taken);
    });
}
