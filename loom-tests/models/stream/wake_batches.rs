//! A consumer that sleeps for several outcomes, I26: it wakes when they are done, or time is up.

use super::*;
use crate::sync::clock;

#[test]
fn i26_a_stride_of_two() {
    for ordered in [true, false] {
        let name = format!("I26 I27 I29 three items, a wake-up batch of two (ordered: {ordered})");
        check(&name, Bound::Whole, Futex::Block, move |outcomes| {
            let drops = Arc::new(AtomicUsize::new(0));
            let mut stream = stream(ordered, 4, 1);
            *stream.wake_batch() = WakeBatch::fixed(2);
            let sent = Sent::default();
            let threads: Vec<_> = (0..3)
                .filter_map(|number| publish(&mut stream, Counted::new(number, &drops), &sent))
                .collect();
            let mut taken: Vec<_> = (0..3).map(|_| take(&mut stream, &sent)).collect();
            drop(stream);
            threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
            outcomes.insert(&taken);
            taken.sort_unstable();
            assert_eq!(taken, [0, 1, 2], "I26 I29: every item comes out once");
            assert_eq!(drops.load(Std::Relaxed), 3, "I28: every item is dropped once");
        });
    }
}

/// The second item waits until the consumer has the first, and the consumer would like to sleep
/// until both are done.
fn second_waits_for_the_consumer_of_the_first(time_goes_by: bool) {
    let has_first = Arc::new(AtomicU32::new(0));
    let word = Arc::clone(&has_first);
    let each = Plain(move |item: usize| {
        if item == 1 {
            block_until(&word, 0, None, |word| word == 1);
        }
        item
    });
    let options =
        StreamOptions { chunksize: None, buffersize: None, ordered: true, counted: false };
    // SAFETY: models borrow nothing.
    let mut stream: StreamRef<_, _, Infallible> =
        unsafe { StreamRef::create(each, options, Window { least: 4, most: 4 }, 1, 1, true, None) };
    *stream.wake_batch() = WakeBatch::fixed(2);
    let sent = Sent::default();
    stream.put(0);
    stream.put(1);
    let mut threads: Vec<_> =
        stream.publish().inspect(counted).map(|entry| run(entry, &sent)).into_iter().collect();
    if time_goes_by {
        threads.push(spawn(clock::expire));
    }
    for number in 0..2 {
        let outcome = loop {
            match stream.try_take() {
                Some(outcome) => break outcome,
                None => {
                    assert_eq!(
                        stream.wait(None, false),
                        Waited::Outcome,
                        "I26: a wait ends with an outcome"
                    )
                }
            }
        };
        assert_eq!(outcome.expect("no item fails"), number);
        has_first.store(1, Ordering::Release);
        futex::wake_all(&has_first);
    }
    drop(stream);
    threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
}

#[test]
fn i26_a_stride_ends_though_its_last_item_does_not() {
    check(
        "I26 wake-up batch ‖ item that waits for the consumer ‖ time",
        Bound::Usual,
        Futex::Block,
        |_| {
            second_waits_for_the_consumer_of_the_first(true);
        },
    );
}

#[test]
fn i26_control_a_stride_without_a_limit() {
    control("I26 control: a wake-up batch without a limit", Bound::None, Futex::Block, |_| {
        second_waits_for_the_consumer_of_the_first(false);
    });
}
