//! A stream, I26 to I29: its slots, its runners' leaving, its end, its list of what is done.

use super::run::GaveWay;
use super::wake_batch::WakeBatch;
use super::*;
use crate::block::{Plain, PoolView, Reason, TaskRef};
use crate::models::harness::{Bound, Futex, Running, Seen, Watched, check, control, spawn};
use crate::sync::{clock, fence, futex, thread};
use crate::wait::block_until;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering as Std};
use std::sync::{Arc, Mutex};

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
    let options = StreamOptions { chunksize: Some(1), buffersize: None, ordered };
    let window = Window { least: slots, most: slots };
    // SAFETY: models borrow nothing.
    unsafe {
        StreamRef::create(Plain(|item: Counted| item), options, window, runners, 1, true, None)
    }
}

/// A worker's view: entries that a runner sends lie in the list until a thread of the model is free.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<TaskRef>>>);

impl Sent {
    fn next(&self) -> Option<TaskRef> {
        self.0.lock().expect("no panic").pop()
    }

    /// Runs the entry, and then what has been sent meanwhile.
    fn work(&self, entry: TaskRef) {
        entry.run(self);
        while let Some(entry) = self.next() {
            entry.run(self);
        }
    }
}

impl PoolView for Sent {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, entry: TaskRef) {
        if entry.count() {
            self.0.lock().expect("no panic").push(entry);
        } else {
            entry.turn_away(Reason::Cancelled);
        }
    }
}

fn run(entry: TaskRef, sent: &Sent) -> thread::JoinHandle<()> {
    let sent = sent.clone();
    spawn(move || sent.work(entry))
}

/// As the pool counts an entry before it pushes it.
fn counted(entry: &TaskRef) {
    assert!(entry.count(), "the stream is open");
}

/// Puts an item in and shows it; the entry that is needed, if any, gets a thread.
fn publish(stream: &mut Items, item: Counted, sent: &Sent) -> Option<thread::JoinHandle<()>> {
    stream.put(item);
    stream.publish().inspect(counted).map(|entry| run(entry, sent))
}

/// The next outcome. This thread works while there is an entry for it.
fn take(stream: &mut Items, sent: &Sent) -> usize {
    loop {
        if let Some(outcome) = stream.try_take() {
            return outcome.expect("no item fails").0;
        }
        match sent.next() {
            Some(entry) => sent.work(entry),
            None => assert_eq!(
                stream.wait(None, false),
                Waited::Outcome,
                "I26: a wait ends with an outcome"
            ),
        }
    }
}

/// `items` through a window of `slots`: the entries that are sent are run on threads, as many as the model may have, and then here.
fn passes(name: &str, ordered: bool, slots: usize, items: usize, futex: Futex, bound: Bound) {
    check(name, bound, futex, move |outcomes| {
        let (drops, sent) = (Arc::new(AtomicUsize::new(0)), Sent::default());
        let mut stream = stream(ordered, slots, 2);
        let mut threads = Vec::new();
        let (mut put, mut taken) = (0, Vec::new());
        while taken.len() < items {
            while put < items && !stream.is_full() {
                stream.put(Counted::new(put, &drops));
                put += 1;
                if let Some(entry) = stream.publish().inspect(counted) {
                    if threads.len() < 2 {
                        threads.push(run(entry, &sent));
                    } else {
                        sent.work(entry);
                    }
                }
            }
            taken.push(take(&mut stream, &sent));
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
    passes("I26 I27 ordered, two items through one slot", true, 1, 2, Futex::Block, Bound::Whole);
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
    passes(
        "I29 I27 unordered, two items through one slot",
        false,
        1,
        2,
        Futex::Block,
        Bound::Whole,
    );
}

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
    let options = StreamOptions { chunksize: None, buffersize: None, ordered: true };
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
        // The entry of the second item is among what the terminator finds; or the first runner has it.
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

/// The first item's runner leaves, by `leave`, beside a consumer that publishes a second item and waits for both.
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

/// The first item of two waits until the second has begun. Its runner sends, or forgets to, the entry that brings another one.
fn first_waits_for_second(start: fn(TaskRef, &Sent), is_sent: bool) {
    let (word, sent) = (Arc::new(AtomicU32::new(0)), Sent::default());
    let begun = Arc::clone(&word);
    let each = Plain(move |item: usize| {
        if item == 0 {
            block_until(&begun, 0, None, |begun| begun == 1);
        } else {
            begun.store(1, Ordering::Release);
            futex::wake_all(&begun);
        }
        item
    });
    let options = StreamOptions { chunksize: None, buffersize: None, ordered: false };
    // SAFETY: models borrow nothing.
    let mut stream: StreamRef<_, _, Infallible> =
        unsafe { StreamRef::create(each, options, Window { least: 2, most: 2 }, 2, 1, true, None) };
    stream.put(0);
    let entry = stream.publish().inspect(counted).expect("no runner is active");
    stream.put(1);
    assert!(stream.publish().inspect(counted).is_none(), "the entry lies in a queue");
    let theirs = sent.clone();
    let runner = spawn(move || start(entry, &theirs));
    // Another worker, which is idle, and sees what is sent.
    let other = is_sent.then(|| {
        loop {
            match sent.next() {
                Some(entry) => break run(entry, &sent),
                None => thread::yield_now(),
            }
        }
    });
    let mut taken = 0;
    while taken < 2 {
        match stream.try_take() {
            Some(_) => taken += 1,
            None => assert_eq!(stream.wait(None, false), Waited::Outcome),
        }
    }
    drop(stream);
    runner.join().expect("the runner returns");
    other.into_iter().for_each(|other| other.join().expect("the other runner returns"));
}

#[test]
fn i42_a_runner_sends_for_another_before_it_begins() {
    check("I42 an item waits for the one behind it", Bound::Whole, Futex::Block, |_| {
        first_waits_for_second(|entry, sent| entry.run(sent), true);
    });
}

#[test]
fn i42_control_a_runner_sends_for_nobody() {
    control("I42 control: a runner sends for nobody", Bound::Whole, Futex::Block, |_| {
        first_waits_for_second(|entry, _| entry.run(&crate::models::harness::Mute), false);
    });
}

/// A worker's view: an entry that a runner sends gets a thread at once.
#[derive(Clone, Default)]
struct Eager(Arc<Mutex<Vec<thread::JoinHandle<()>>>>);

impl Eager {
    fn run(&self, entry: TaskRef) {
        let theirs = self.clone();
        let thread = spawn(move || entry.run(&theirs));
        self.0.lock().expect("no panic").push(thread);
    }
}

impl PoolView for Eager {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, entry: TaskRef) {
        if entry.count() {
            self.run(entry);
        } else {
            entry.turn_away(Reason::Cancelled);
        }
    }
}

#[test]
fn i42_an_item_is_published_while_the_runner_of_the_first_begins() {
    let name = "I42 begin an item that waits for the next ‖ publish the next";
    check(name, Bound::Pair, Futex::Block, |_| {
        let (word, workers) = (Arc::new(AtomicU32::new(0)), Eager::default());
        let begun = Arc::clone(&word);
        let each = Plain(move |item: usize| {
            if item == 0 {
                block_until(&begun, 0, None, |begun| begun == 1);
            } else {
                begun.store(1, Ordering::Release);
                futex::wake_all(&begun);
            }
        });
        let options = StreamOptions { chunksize: None, buffersize: None, ordered: true };
        let window = Window { least: 2, most: 2 };
        // SAFETY: models borrow nothing.
        let mut stream: StreamRef<_, _, Infallible> =
            unsafe { StreamRef::create(each, options, window, 2, 1, true, None) };
        for item in 0..2 {
            stream.put(item);
            let entry = stream.publish().inspect(counted);
            entry.into_iter().for_each(|entry| workers.run(entry));
        }
        let mut taken = 0;
        while taken < 2 {
            match stream.try_take() {
                Some(_) => taken += 1,
                None => assert_eq!(stream.wait(None, false), Waited::Outcome),
            }
        }
        drop(stream);
        loop {
            let Some(thread) = workers.0.lock().expect("no panic").pop() else { break };
            thread.join().expect("a runner returns");
        }
    });
}

/// A stream of two items whose function loom watches: each call reads what it has captured, and its drop writes.
fn watched_stream(drops: &Arc<AtomicUsize>) -> StreamRef<usize, (), Infallible> {
    let captured = Counted::new(0, drops);
    let each = Plain(move |_: usize| captured.1.read());
    let options = StreamOptions { chunksize: None, buffersize: None, ordered: true };
    // SAFETY: models borrow nothing.
    unsafe { StreamRef::create(each, options, Window { least: 2, most: 2 }, 1, 1, true, None) }
}

/// A runner that has done one of two items gives way, beside a consumer that does the other if it `helps`, and goes.
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
    let options = StreamOptions { chunksize: None, buffersize: None, ordered: true };
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
fn i45_a_late_nudge_is_for_the_outcome_that_is_awaited() {
    check(
        "I45 ask for a nudge ‖ a runner that has left nudges",
        Bound::None,
        Futex::Block,
        |_| {
            let mut stream = watched_stream(&Arc::default());
            // As if one outcome had been taken: the consumer sleeps for the second.
            stream.put(0);
            stream.taken = 1;
            stream.put(1);
            let entry = stream.publish().inspect(counted).expect("no runner is active");
            let runner = Seen::by(move || {
                // SAFETY: the entry keeps the block alive.
                unsafe { Ring::<usize, (), Infallible>::of(entry.id()) }.nudge();
                entry
            });
            stream.ask_for_a_nudge();
            let entry = runner.join();
            let ring = stream.ring();
            if ring.crew.load(Ordering::Relaxed) & ASLEEP == 0 {
                let state = ring.slots[1].state.load(Ordering::Relaxed);
                assert!(state & NUDGED != 0, "I45: the mark is taken, and another slot was nudged");
            }
            stream.taken = 0;
            entry.run(&Running);
            drop(stream);
        },
    );
}

/// Item 0 waits for item 3, which the consumer pulls once the items that wait are fewer: it sleeps for item 0 meanwhile.
fn first_waits_for_third(refills: bool) {
    let (word, sent) = (Arc::new(AtomicU32::new(0)), Sent::default());
    let begun = Arc::clone(&word);
    let each = Plain(move |item: usize| match item {
        0 => drop(block_until(&begun, 0, None, |begun| begun == 1)),
        3 => {
            begun.store(1, Ordering::Release);
            futex::wake_all(&begun);
        }
        _ => {}
    });
    let options = StreamOptions { chunksize: None, buffersize: None, ordered: true };
    // SAFETY: models borrow nothing.
    let mut stream: StreamRef<_, _, Infallible> =
        unsafe { StreamRef::create(each, options, Window { least: 1, most: 4 }, 2, 1, true, None) };
    *stream.wake_batch() = WakeBatch::fixed(1);
    stream.put(0);
    let first = stream.publish().inspect(counted).expect("no runner is active");
    stream.put(1);
    assert!(stream.publish().inspect(counted).is_none(), "the entry lies in a queue");
    let theirs = sent.clone();
    let first = spawn(move || first.run(&theirs));
    // Item 0 has begun when its runner sends for another; with a third item two wait, and that is enough.
    let entry = loop {
        match sent.next() {
            Some(entry) => break entry,
            None => thread::yield_now(),
        }
    };
    stream.put(2);
    assert!(stream.publish().inspect(counted).is_none(), "the entry is on its way");
    assert!(stream.is_full());
    let second = run(entry, &sent);
    let (mut taken, mut put, mut third) = (0, 3, None);
    while taken < 4 {
        if stream.try_take().is_some() {
            taken += 1;
        } else if put < 4 && !stream.is_full() {
            stream.put(put);
            put += 1;
            third = stream.publish().inspect(counted).map(|entry| run(entry, &sent));
        } else {
            let _ = stream.wait(None, refills && put < 4);
        }
    }
    drop(stream);
    [Some(first), Some(second), third]
        .into_iter()
        .flatten()
        .for_each(|thread| thread.join().expect("a runner returns"));
}

#[test]
fn i45_a_sleeping_consumer_hears_that_the_runners_are_dry() {
    check("I45 an item waits for one that is not pulled yet", Bound::Pair, Futex::Block, |_| {
        first_waits_for_third(true);
    });
}

#[test]
fn i45_control_a_consumer_does_not_ask_to_be_told() {
    control(
        "I45 control: a consumer sleeps for its outcome alone",
        Bound::Pair,
        Futex::Block,
        |_| {
            first_waits_for_third(false);
        },
    );
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
        let sent = Sent::default();
        let threads: Vec<_> =
            stream.publish().inspect(counted).map(|entry| run(entry, &sent)).into_iter().collect();
        // SAFETY: the consumer is an owner.
        let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(stream.header()) };
        // SAFETY: none: the slot is not the consumer's. That is the bug.
        unsafe { ring.put(0, Content { item: ManuallyDrop::new(Counted::new(1, &drops)) }) };
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
    });
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

/// A queued token is refused with its pool, by `refuse`, beside a consumer that publishes another item. The consumer, told or
/// not that it came too late, waits for both.
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
        Bound::None,
        Futex::Block,
        |_| {
            refused_beside_publish(false, |token| {
                let header = token.id();
                // SAFETY: the token keeps the block alive.
                let ring = unsafe { Ring::<Counted, Counted, Infallible>::of(header) };
                ring.refuse(&Reason::Terminated);
                assert!(ring.join_crew());
                assert!(!ring.leave_crew());
                // SAFETY: the token is an owner, and touches the stream no more.
                unsafe { Ring::<Counted, Counted, Infallible>::leave(header) };
            });
        },
    );
}
