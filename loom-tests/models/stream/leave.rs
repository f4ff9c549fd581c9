//! A runner that leaves, and an entry that its pool refuses, I27: each looks once more, so that no
//! item waits without a runner.

use super::*;
use crate::sync::fence;

// ---- a runner leaves ----

/// The first item's runner leaves, by `leave`, beside a consumer that publishes a second item and
/// waits for both.
fn left_beside_publish(leave: fn(TaskRef, &Sent)) {
    let (drops, sent) = (Arc::new(AtomicUsize::new(0)), Sent::default());
    let mut stream = stream(true, 2, 1);
    stream.put(Counted::new(0, &drops));
    let entry = stream.publish().inspect(counted).expect("no runner is active");
    let theirs = sent.clone();
    let runner = spawn(move || leave(entry, &theirs));
    let late = publish(&mut stream, Counted::new(1, &drops), &sent);
    assert_eq!([take(&mut stream, &sent), take(&mut stream, &sent)], [0, 1]);
    drop(stream);
    runner.join().expect("the runner returns");
    late.into_iter().for_each(|late| late.join().expect("the runner returns"));
    assert_eq!(drops.load(Std::Relaxed), 2, "I28: every item is dropped once");
}

#[test]
fn i27_a_runner_leaves_beside_a_consumer_that_publishes() {
    check("I27 I28 leave ‖ publish", Bound::Usual, Futex::Block, |_| {
        left_beside_publish(|entry, sent| sent.work(entry));
    });
}

#[test]
fn i27_control_the_runner_does_not_look_again() {
    control(
        "I27 control: a runner leaves without a second look",
        Bound::Pair,
        Futex::Block,
        |_| {
            left_beside_publish(|entry, _| {
                let header = entry.id();
                // SAFETY: the entry keeps the block alive, which is a stream of this type.
                let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(header) };
                assert!(ring.join_crew());
                fence(Ordering::SeqCst);
                let mut seen = 0;
                while let Some((_, slot)) = ring.claim(&mut seen) {
                    // SAFETY: claimed.
                    let item = unsafe { ring.take_item(slot) };
                    ring.done(slot, Ok(item));
                }
                assert!(!ring.leave_crew());
                // SAFETY: the runner is an owner, and touches the stream no more.
                unsafe { Ring::<Counted, Counted, Infallible>::leave(header) };
            });
        },
    );
}

// ---- the pool refuses an entry ----

/// A queued token is refused with its pool, by `refuse`, beside a consumer that publishes another
/// item. The consumer, told or not that it came too late, waits for both.
fn refused_beside_publish(ordered: bool, refuse: fn(TaskRef)) {
    let drops = Arc::new(AtomicUsize::new(0));
    let mut stream = stream(ordered, 2, 1);
    stream.put(Counted::new(0, &drops));
    let token = stream.publish().inspect(counted).expect("no runner is active");
    let terminator = spawn(move || refuse(token));
    stream.put(Counted::new(1, &drops));
    stream.publish().inspect(counted).into_iter().for_each(|late| late.resolve(Reason::Terminated));
    for _ in 0..2 {
        while stream.try_take().is_none() {
            assert_eq!(
                stream.wait(None, false),
                Waited::Outcome,
                "I27: a wait ends with an outcome"
            );
        }
    }
    drop(stream);
    terminator.join().expect("the terminator returns");
    assert_eq!(drops.load(Std::Relaxed), 2, "I28: every item is dropped once");
}

#[test]
fn i27_i28_an_entry_is_refused_beside_a_consumer_that_publishes() {
    for ordered in [true, false] {
        check(
            &format!("I27 I28 refuse ‖ publish (ordered: {ordered})"),
            Bound::Usual,
            Futex::Block,
            move |_| {
                refused_beside_publish(ordered, |token| token.resolve(Reason::Terminated));
            },
        );
    }
}

#[test]
fn i27_control_a_refused_token_does_not_look_again() {
    control(
        "I27 control: a refused token leaves without a second look",
        Bound::Pair,
        Futex::Block,
        |_| {
            refused_beside_publish(false, |token| {
                let header = token.id();
                // SAFETY: the token keeps the block alive.
                let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(header) };
                ring.refuse(&Reason::Terminated);
                // The consumer may have both outcomes by now, and be gone.
                if ring.join_crew() && ring.leave_crew() {
                    // SAFETY: the last active thread after the end drops the function.
                    unsafe { (ring.drop_function)(header) };
                }
                // SAFETY: the token is an owner, and touches the stream no more.
                unsafe { Ring::<Counted, Counted, Infallible>::leave(header) };
            });
        },
    );
}
