//! A stream, I26 to I29: its slots, its runners' leaving, its end, its list of what is done.

use super::stride::Stride;
use super::*;
use crate::models::harness::{Bound, Futex, Watched, check, control, spawn};
use crate::sync::{clock, fence, futex, thread};
use crate::task::{Host, Plain, Reason, TaskRef};
use crate::wait::block_until;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Std};

struct Running;

impl Host for Running {
    fn stopping(&self) -> Option<Reason> {
        None
    }
}

/// An item or a value: counts its drops; loom watches its accesses.
struct Counted(usize, Watched, Arc<AtomicUsize>);

impl Counted {
    fn new(number: usize, drops: &Arc<AtomicUsize>) -> Self {
        let new = Self(number, Watched::new(), Arc::clone(drops));
        new.1.write();
        new
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.write();
        self.2.fetch_add(1, Std::Relaxed);
    }
}

type Items = StreamRef<Counted, Counted, Infallible>;

/// A stream that passes its items on.
fn stream(ordered: bool, slots: usize, runners: usize) -> Items {
    let flow = Flow { chunksize: Some(1), buffersize: None, ordered };
    let window = Window { least: slots, most: slots };
    // SAFETY: models borrow nothing.
    unsafe { StreamRef::create(Plain(|item: Counted| item), flow, window, runners, 1, None) }
}

fn run(token: TaskRef) -> thread::JoinHandle<()> {
    spawn(move || token.run(&Running))
}

fn take(stream: &mut Items) -> usize {
    loop {
        if let Some(outcome) = stream.try_take() {
            return outcome.expect("no item fails").0;
        }
        assert!(stream.wait(None), "I26: a wait without a limit ends with an outcome");
    }
}

/// `items` through a window of `slots`: whatever tokens a refill gives are run on threads, as many as the model may have, and
/// then here.
fn passes(name: &str, ordered: bool, slots: usize, items: usize, futex: Futex, bound: Bound) {
    check(name, bound, futex, move |outcomes| {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut stream = stream(ordered, slots, 2);
        let mut threads = Vec::new();
        let (mut put, mut taken) = (0, Vec::new());
        while taken.len() < items {
            while put < items && !stream.is_full() {
                stream.put(Counted::new(put, &drops));
                put += 1;
            }
            for token in stream.publish() {
                if threads.len() < 2 {
                    threads.push(run(token));
                } else {
                    token.run(&Running);
                }
            }
            taken.push(take(&mut stream));
        }
        drop(stream);
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
        outcomes.insert(&taken);
        if !ordered {
            taken.sort_unstable();
        }
        assert_eq!(
            taken,
            (0..items).collect::<Vec<_>>(),
            "I26 I29: every item comes out once, in order if so asked"
        );
        assert_eq!(drops.load(Std::Relaxed), items, "I28: every item is dropped once");
    });
}

#[test]
fn i26_i27_one_slot_is_used_again_and_again() {
    passes("I26 I27 ordered, two items through one slot", true, 1, 2, Futex::Block, Bound::Usual);
}

#[test]
fn i26_the_outcome_comes_with_done_whatever_ended_the_wait() {
    passes("I26 ordered, one item (Spurious)", true, 1, 1, Futex::Spurious, Bound::Usual);
}

#[test]
fn i26_i27_two_runners_in_order() {
    passes("I26 I27 ordered, two items, two runners", true, 2, 2, Futex::Block, Bound::Whole);
}

#[test]
fn i29_two_runners_out_of_order() {
    passes("I29 unordered, two items, two runners", false, 2, 2, Futex::Block, Bound::Whole);
}

#[test]
fn i29_a_place_is_used_again() {
    passes("I29 I27 unordered, two items through one slot", false, 1, 2, Futex::Block, Bound::Usual);
}

#[test]
fn i26_a_stride_of_two() {
    for ordered in [true, false] {
        let name = format!("I26 I27 I29 three items, a stride of two (ordered: {ordered})");
        check(&name, Bound::Usual, Futex::Block, move |outcomes| {
            let drops = Arc::new(AtomicUsize::new(0));
            let mut stream = stream(ordered, 4, 1);
            *stream.stride() = Stride::fixed(2);
            (0..3).for_each(|number| stream.put(Counted::new(number, &drops)));
            let threads: Vec<_> = stream.publish().map(run).collect();
            let mut taken: Vec<_> = (0..3).map(|_| take(&mut stream)).collect();
            drop(stream);
            threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
            outcomes.insert(&taken);
            taken.sort_unstable();
            assert_eq!(taken, [0, 1, 2], "I26 I29: every item comes out once");
            assert_eq!(drops.load(Std::Relaxed), 3, "I28: every item is dropped once");
        });
    }
}

/// The second item waits until the consumer has the first, and the consumer would like to sleep until both are done.
fn second_waits_for_the_consumer_of_the_first(time_goes_by: bool) {
    let has_first = Arc::new(AtomicU32::new(0));
    let word = Arc::clone(&has_first);
    let each = Plain(move |item: usize| {
        if item == 1 {
            block_until(&word, 0, None, |word| word == 1);
        }
        item
    });
    let flow = Flow { chunksize: None, buffersize: None, ordered: true };
    // SAFETY: models borrow nothing.
    let mut stream: StreamRef<_, _, Infallible> =
        unsafe { StreamRef::create(each, flow, Window { least: 4, most: 4 }, 1, 1, None) };
    *stream.stride() = Stride::fixed(2);
    stream.put(0);
    stream.put(1);
    let mut threads: Vec<_> = stream.publish().map(run).collect();
    if time_goes_by {
        threads.push(spawn(clock::expire));
    }
    for number in 0..2 {
        let outcome = loop {
            match stream.try_take() {
                Some(outcome) => break outcome,
                None => assert!(stream.wait(None), "I26: a wait without a limit ends with an outcome"),
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
    check("I26 stride ‖ item that waits for the consumer ‖ time", Bound::Usual, Futex::Block, |_| {
        second_waits_for_the_consumer_of_the_first(true);
    });
}

#[test]
fn i26_control_a_stride_without_a_limit() {
    control("I26 control: a stride without a limit", Bound::None, Futex::Block, |_| {
        second_waits_for_the_consumer_of_the_first(false);
    });
}

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
                for number in 0..2 {
                    stream.put(Counted::new(number, &drops));
                }
                let threads: Vec<_> = stream.publish().map(run).collect();
                let taken = stream.try_take().is_some();
                drop(stream);
                threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
                assert_eq!(drops.load(Std::Relaxed), 2, "I28: every item and every outcome is dropped once");
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
        for number in 0..2 {
            stream.put(Counted::new(number, &drops));
        }
        let mut tokens = stream.publish();
        let (one, two) = (tokens.next().expect("two tokens"), tokens.next().expect("two tokens"));
        let runner = run(one);
        two.resolve(Reason::Terminated);
        let mut values = 0;
        while stream.ahead() > 0 {
            match stream.try_take() {
                Some(outcome) => values += usize::from(outcome.is_ok()),
                None => assert!(stream.wait(None)),
            }
        }
        drop(stream);
        runner.join().expect("the runner returns");
        assert_eq!(drops.load(Std::Relaxed), 2, "I28: every item is dropped once");
        outcomes.insert(values);
    });
}

#[test]
fn i27_control_the_runner_does_not_look_again() {
    control("I27 control: a runner leaves without a second look", Bound::None, Futex::Block, |_| {
        let (published, active) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU32::new(1)));
        let done = Arc::new(AtomicU32::new(0));
        let (p, a, d) = (Arc::clone(&published), Arc::clone(&active), Arc::clone(&done));
        let runner = spawn(move || {
            while u64::from(d.load(Ordering::Relaxed)) < p.load(Ordering::Acquire) {
                d.fetch_add(1, Ordering::Release);
                futex::wake_all(&d);
            }
            a.fetch_sub(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
        });
        published.store(2, Ordering::Release);
        fence(Ordering::SeqCst);
        if active.load(Ordering::Relaxed) > 0 {
            // Somebody is there who will see to it.
            block_until(&done, 0, None, |done| done == 2);
        }
        runner.join().expect("the runner returns");
    });
}

#[test]
fn i29_control_the_list_is_pushed_to_in_two_steps() {
    control("I29 control: a push in two steps", Bound::None, Futex::Block, |_| {
        let list = Arc::new(AtomicU32::new(0));
        let push = |list: &AtomicU32, bit: u32| {
            let before = list.load(Ordering::Relaxed);
            list.store(before | bit, Ordering::Release);
            futex::wake_all(list);
        };
        let theirs = Arc::clone(&list);
        let one = spawn(move || push(&theirs, 1));
        push(&list, 2);
        block_until(&list, 0, None, |list| list == 3);
        one.join().expect("the runner returns");
    });
}

#[test]
fn i26_control_the_slot_is_filled_while_its_outcome_is_there() {
    control("I26 control: a slot filled over its outcome", Bound::None, Futex::Block, |_| {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut stream = stream(true, 1, 1);
        stream.put(Counted::new(0, &drops));
        let threads: Vec<_> = stream.publish().map(run).collect();
        // SAFETY: the consumer is an owner.
        let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(stream.header()) };
        // SAFETY: none: the slot is not the consumer's. That is the bug.
        unsafe { ring.put(0, Content { item: ManuallyDrop::new(Counted::new(1, &drops)) }) };
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
    });
}

#[test]
fn i28_control_the_consumer_frees_beside_a_runner() {
    control("I28 control: the consumer frees though a runner is there", Bound::None, Futex::Block, |_| {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut stream = stream(true, 1, 1);
        stream.put(Counted::new(0, &drops));
        let threads: Vec<_> = stream.publish().map(run).collect();
        // SAFETY: the consumer is an owner.
        let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(stream.header()) };
        // As if the runner were no owner.
        ring.owners.fetch_sub(1, Ordering::Relaxed);
        drop(stream);
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
    });
}

/// A queued token is refused with its pool, by `refuse`, beside a consumer that publishes another item. The consumer, told or
/// not that it came too late, waits for both.
fn refused_beside_publish(ordered: bool, refuse: fn(TaskRef)) {
    let drops = Arc::new(AtomicUsize::new(0));
    let mut stream = stream(ordered, 2, 1);
    stream.put(Counted::new(0, &drops));
    let token = stream.publish().next().expect("nobody runs yet");
    let terminator = spawn(move || refuse(token));
    stream.put(Counted::new(1, &drops));
    stream.publish().for_each(|late| late.resolve(Reason::Terminated));
    for _ in 0..2 {
        while stream.try_take().is_none() {
            assert!(stream.wait(None), "I27: a wait without a limit ends with an outcome");
        }
    }
    drop(stream);
    terminator.join().expect("the terminator returns");
    assert_eq!(drops.load(Std::Relaxed), 2, "I28: every item is dropped once");
}

#[test]
fn i27_i28_a_token_is_refused_beside_a_consumer_that_publishes() {
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
    control("I27 control: a refused token leaves without a second look", Bound::None, Futex::Block, |_| {
        refused_beside_publish(false, |token| {
            let header = token.id();
            // SAFETY: the token keeps the block alive.
            let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(header) };
            ring.refuse(&Reason::Terminated);
            ring.active.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: the token is an owner, and touches the stream no more.
            unsafe { Ring::<Counted, Counted, Infallible>::leave(header) };
        });
    });
}
