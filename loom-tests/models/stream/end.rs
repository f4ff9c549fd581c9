//! The end of a stream, I28: the consumer may go at any moment, and the last owner drops the rest.

use super::*;
use crate::stream::ring::run::GaveWay;

#[test]
fn i28_the_consumer_goes_at_any_moment() {
    for ordered in [true, false] {
        check(
            &format!("I28 drop ‖ runner (ordered: {ordered})"),
            Bound::Usual,
            Futex::Block,
            move |outcomes| {
                let drops = Arc::new(AtomicUsize::new(0));
                let mut stream = stream(ordered, 2, 1);
                let sent = Sent::default();
                let threads: Vec<_> = (0..2)
                    .filter_map(|number| publish(&mut stream, Counted::new(number, &drops), &sent))
                    .collect();
                let taken = stream.try_take().is_some();
                drop(stream);
                threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
                assert_eq!(
                    drops.load(Std::Relaxed),
                    2,
                    "I28: every item and every outcome is dropped once"
                );
                outcomes.insert(taken);
            },
        );
    }
}

#[test]
fn i28_the_pool_is_terminated_beside_a_runner() {
    check("I28 terminate ‖ runner", Bound::Usual, Futex::Block, |outcomes| {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut stream = stream(true, 2, 2);
        stream.put(Counted::new(0, &drops));
        let one = stream.publish().inspect(counted).expect("no runner is active");
        let sent = Sent::default();
        let runner = run(one, &sent);
        stream.put(Counted::new(1, &drops));
        // The entry of the second item is among what the terminator finds; or the first runner has
        // it.
        stream
            .publish()
            .inspect(counted)
            .into_iter()
            .for_each(|entry| entry.resolve(Reason::Terminated));
        let mut values = 0;
        while stream.ahead() > 0 {
            match stream.try_take() {
                Some(outcome) => values += usize::from(outcome.is_ok()),
                None => assert_eq!(stream.wait(None, false), Waited::Outcome),
            }
        }
        drop(stream);
        runner.join().expect("the runner returns");
        assert_eq!(drops.load(Std::Relaxed), 2, "I28: every item is dropped once");
        outcomes.insert(values);
    });
}

/// A runner that has done one of two items gives way, beside a consumer that does the other if it
/// `helps`, and goes.
fn given_way_beside_the_end(helps: bool) {
    fn as_function<M: crate::block::Each<usize, (), Infallible>>(
        _: &M,
    ) -> unsafe fn(NonNull<Header>) -> GaveWay {
        give_way_after_one::<M>
    }
    /// What a runner does whose turn is over with its first item.
    ///
    /// # Safety
    ///
    /// The caller has taken the entry, which is gone afterwards.
    unsafe fn give_way_after_one<M: crate::block::Each<usize, (), Infallible>>(
        header: NonNull<Header>,
    ) -> GaveWay {
        // SAFETY: the entry keeps the block alive, which is a stream of this type.
        let stream = unsafe { header.cast::<Stream<M, usize, (), Infallible>>().as_ref() };
        if !stream.ring.join_crew() {
            return GaveWay::Left;
        }
        if let Some((number, slot)) = stream.ring.claim(&mut 0) {
            // SAFETY: an active runner, which has claimed the number.
            unsafe { stream.run_one(number, slot) };
        }
        // SAFETY: an active runner.
        unsafe { stream.give_way(header) }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let captured = Counted::new(0, &drops);
    let each = Plain(move |_: usize| captured.1.read());
    let give_way = as_function(&each);
    let options =
        StreamOptions { chunksize: None, buffersize: None, ordered: true, counted: false };
    let window = Window { least: 2, most: 2 };
    // SAFETY: models borrow nothing.
    let mut stream: StreamRef<usize, (), Infallible> =
        unsafe { StreamRef::create(each, options, window, 1, 1, true, None) };
    stream.put(0);
    let entry = stream.publish().inspect(counted).expect("no runner is active");
    stream.put(1);
    assert!(stream.publish().is_none(), "the entry lies in a queue");
    let runner = spawn(move || {
        let header = entry.into_id();
        // SAFETY: the entry keeps the block alive.
        let ring = unsafe { Ring::<usize, (), Infallible>::of(header) };
        ring.entries.taken();
        // SAFETY: the entry was taken.
        if unsafe { give_way(header) } == GaveWay::AsEntry {
            // SAFETY: the runner is the entry now.
            let entry = unsafe { TaskRef::new(header) };
            if entry.count() {
                entry.run(&Running);
            } else {
                entry.turn_away(Reason::Cancelled);
            }
        } else {
            // SAFETY: the runner is an owner, and touches the stream no more.
            unsafe { Ring::<usize, (), Infallible>::leave(header) };
        }
    });
    if helps {
        stream.help(&Running);
    }
    drop(stream);
    runner.join().expect("the runner returns");
    assert_eq!(drops.load(Std::Relaxed), 1, "I28: the function is dropped once");
}

#[test]
fn i28_a_runner_gives_way_beside_the_consumers_end() {
    for helps in [false, true] {
        let name = format!("I28 give way ‖ drop (helps: {helps})");
        check(&name, Bound::Whole, Futex::Block, move |_| given_way_beside_the_end(helps));
    }
}

#[test]
fn i28_control_the_consumer_frees_beside_a_runner() {
    control(
        "I28 control: the consumer frees though a runner is there",
        Bound::None,
        Futex::Block,
        |_| {
            let drops = Arc::new(AtomicUsize::new(0));
            let mut stream = stream(true, 1, 1);
            stream.put(Counted::new(0, &drops));
            let sent = Sent::default();
            let threads: Vec<_> = stream
                .publish()
                .inspect(counted)
                .map(|entry| run(entry, &sent))
                .into_iter()
                .collect();
            // SAFETY: the consumer is an owner.
            let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(stream.header()) };
            // As if the runner were no owner.
            let _ = ring.owners.leave();
            drop(stream);
            threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
        },
    );
}
