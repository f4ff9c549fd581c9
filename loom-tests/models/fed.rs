//! A fed stream, I53 and I54: feeder ‖ runner ‖ consumer ‖ close. Each item that is in comes out
//! once, and neither end sleeps for ever.

use super::*;
use crate::block::{Plain, PoolView, Reason};
use crate::models::harness::{Bound, Futex, Watched, check, control, spawn};
use crate::stream::ring::{Bell, StreamOptions, Window};
use crate::sync::thread::JoinHandle;
use crate::sync::{AtomicU32, Ordering};
use std::convert::Infallible;
use std::sync::Mutex;

/// An item or a value: loom watches its accesses.
struct Item(usize, Watched);

impl Item {
    fn new(number: usize) -> Self {
        let new = Self(number, Watched::new());
        new.1.write();
        new
    }
}

type Ends = (Arc<Shared<Item, Item, Infallible>>, StreamRef<Item, Item, Infallible>);

/// A stream that passes its items on, with one runner at a time.
fn ends(ordered: bool, window: usize) -> Ends {
    let options =
        StreamOptions { chunksize: Some(1), buffersize: Some(window), ordered, counted: false };
    let window = Window { least: window, most: window };
    // SAFETY: models borrow nothing.
    let mut stream =
        unsafe { StreamRef::create(Plain(|item: Item| item), options, window, 1, 1, true, None) };
    (Arc::new(Shared::new(&mut stream)), stream)
}

/// A worker's view. One runner at a time sends no second entry.
struct Alone;

impl PoolView for Alone {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, entry: TaskRef) {
        unreachable!("one runner at a time: {entry:?}")
    }
}

/// The runners that the feeders have started.
#[derive(Clone, Default)]
struct Runners(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Runners {
    fn start(&self, entry: TaskRef) {
        assert!(entry.count(), "the stream is open");
        let runner = spawn(move || entry.run(&Alone));
        self.0.lock().expect("no panic").push(runner);
    }

    fn join(&self) {
        let runners = std::mem::take(&mut *self.0.lock().expect("no panic"));
        runners.into_iter().for_each(|runner| runner.join().expect("a runner returns"));
    }
}

/// Sends an item as `Feeder::send` does. False: it came back.
fn send(intake: &dyn Intake<Item>, number: usize, runners: &Runners) -> bool {
    let (mut turn, mut item) = (None, Item::new(number));
    loop {
        match intake.offer(item, &mut turn, true) {
            Offer::In(entry) => {
                if let Some(entry) = entry {
                    runners.start(entry);
                    intake.sent(false);
                }
                return true;
            }
            Offer::Closed(_) => return false,
            Offer::Full(back) => {
                item = back;
                let bell = Arc::clone(&turn.as_ref().expect("it waits").bell);
                bell.wait(None);
            }
        }
    }
}

/// The next outcome or the end, as `Results::next` takes it. A control skips a step.
fn next((shared, stream): &mut Ends, asks: bool, gives_back: bool) -> Option<usize> {
    loop {
        let outcome = if gives_back {
            shared.take(stream)
        } else {
            stream.see_items();
            stream.try_take()
        };
        if let Some(outcome) = outcome {
            let value = outcome.expect("no item fails");
            value.1.read();
            return Some(value.0);
        }
        if matches!(shared.flow(), Flow::Over { .. }) {
            return None;
        }
        shared.bell.quiet();
        if !asks || shared.ask(stream) {
            shared.bell.wait(None);
        }
    }
}

fn finish((shared, mut stream): Ends) {
    shared.leave();
    stream.see_items();
    drop(stream);
    drop(shared);
}

/// A feeder sends `items` and closes; the consumer takes all.
fn passes(ordered: bool, window: usize, items: usize, asks: bool, gives_back: bool) -> Vec<usize> {
    let (mut ends, runners) = (ends(ordered, window), Runners::default());
    let (intake, theirs) = (Arc::clone(&ends.0), runners.clone());
    let feeder = spawn(move || {
        for number in 0..items {
            assert!(send(&*intake, number, &theirs), "I53: no end has closed the stream");
        }
        Intake::close(&*intake);
    });
    let taken: Vec<_> = std::iter::from_fn(|| next(&mut ends, asks, gives_back)).collect();
    feeder.join().expect("a feeder returns");
    runners.join();
    finish(ends);
    let mut sorted = taken.clone();
    if !ordered {
        sorted.sort_unstable();
    }
    assert_eq!(
        sorted,
        (0..items).collect::<Vec<_>>(),
        "I53: every item that is in comes out once, in order if so asked"
    );
    taken
}

#[test]
fn i53_i54_one_slot_in_order() {
    check("I53 I54 two items through one slot", Bound::Pair, Futex::Block, |outcomes| {
        outcomes.insert(passes(true, 1, 2, true, true));
    });
}

#[test]
fn i53_i54_one_slot_out_of_order() {
    check("I53 I54 unordered, through one slot", Bound::Pair, Futex::Block, |outcomes| {
        outcomes.insert(passes(false, 1, 2, true, true));
    });
}

#[test]
fn i53_one_item_whatever_ends_the_waits() {
    check("I53 one item (Spurious)", Bound::Pair, Futex::Spurious, |outcomes| {
        outcomes.insert(passes(true, 1, 1, true, true));
    });
}

#[test]
fn i54_a_close_and_a_cut_while_both_ends_wait() {
    check("I54 send ‖ cut ‖ next", Bound::Pair, Futex::Block, |outcomes| {
        let (mut ends, runners) = (ends(true, 1), Runners::default());
        let (intake, theirs) = (Arc::clone(&ends.0), runners.clone());
        let (tell, told) = std::sync::mpsc::channel();
        let feeder = spawn(move || {
            let sent = (0..2).take_while(|n| send(&*intake, *n, &theirs)).count();
            tell.send(sent).expect("the model listens");
        });
        let cutter = Arc::clone(&ends.0);
        let cutter = spawn(move || FedStream::cut(&*cutter));
        let taken: Vec<_> = std::iter::from_fn(|| next(&mut ends, true, true)).collect();
        feeder.join().expect("a feeder returns");
        let sent = told.recv().expect("the feeder has told");
        cutter.join().expect("the cut returns");
        runners.join();
        finish(ends);
        assert_eq!(taken, (0..sent).collect::<Vec<_>>(), "I53: every item that is in comes out");
        outcomes.insert(sent);
    });
}

#[test]
fn i54_a_feeder_that_gives_up_gives_its_slot_on() {
    check("I54 two feeders, one gives up", Bound::Pair, Futex::Block, |outcomes| {
        let (mut ends, runners) = (ends(true, 1), Runners::default());
        assert!(send(&*ends.0, 0, &runners));
        let mut turn = None;
        assert!(matches!(ends.0.offer(Item::new(9), &mut turn, true), Offer::Full(_)));
        let (intake, theirs) = (Arc::clone(&ends.0), runners.clone());
        let second = spawn(move || {
            assert!(send(&*intake, 1, &theirs), "I54: the stream is open");
            Intake::close(&*intake);
        });
        let intake = Arc::clone(&ends.0);
        let first = spawn(move || intake.give_up(turn.take().expect("it waits")));
        let taken: Vec<_> = std::iter::from_fn(|| next(&mut ends, true, true)).collect();
        first.join().expect("it gives up");
        second.join().expect("a feeder returns");
        runners.join();
        finish(ends);
        assert_eq!(taken, [0, 1], "I53: every item that is in comes out once");
        outcomes.insert(taken);
    });
}

/// A waiter that waits for a flag, with a bell for the two of them. The flag itself orders nothing.
fn a_flag_and_a_bell(quiets_first: bool) -> usize {
    let (bell, flag) = (Arc::new(Bell::new()), Arc::new(AtomicU32::new(0)));
    let (theirs, raised) = (Arc::clone(&bell), Arc::clone(&flag));
    let ringer = spawn(move || {
        raised.store(1, Ordering::Relaxed);
        theirs.ring();
    });
    let mut waits = 0;
    loop {
        if quiets_first {
            bell.quiet();
        }
        if flag.load(Ordering::Relaxed) == 1 {
            break;
        }
        if !quiets_first {
            bell.quiet();
        }
        bell.wait(None);
        waits += 1;
    }
    ringer.join().expect("a ringer returns");
    waits
}

#[test]
fn i54_a_ring_that_was_forgotten_shows_its_reason() {
    check("I54 ring ‖ quiet and look", Bound::None, Futex::Block, |outcomes| {
        outcomes.insert(a_flag_and_a_bell(true));
    });
}

#[test]
fn i54_control_the_waiter_looks_before_it_quiets_the_bell() {
    control("I54 control: look, then quiet", Bound::None, Futex::Block, |_| {
        a_flag_and_a_bell(false);
    });
}

#[test]
fn i54_control_the_consumer_does_not_ask() {
    control("I54 control: a wait without asking", Bound::Pair, Futex::Block, |_| {
        passes(true, 1, 1, false, true);
    });
}

#[test]
fn i54_control_the_slot_is_not_given_back() {
    control("I54 control: no slot is given back", Bound::Pair, Futex::Block, |_| {
        passes(true, 1, 2, true, false);
    });
}

#[test]
fn i53_control_the_feeder_fills_a_slot_that_is_in_use() {
    control("I53 control: one item more than the window", Bound::Pair, Futex::Block, |_| {
        let (mut ends, runners) = (ends(true, 1), Runners::default());
        assert!(send(&*ends.0, 0, &runners));
        let intake = Arc::clone(&ends.0);
        // The feeder does not count what is in flight. That is the bug.
        intake.core.with(|core| core.in_flight = 0);
        assert!(send(&*intake, 1, &runners));
        intake.core.with(|core| core.in_flight = 2);
        Intake::close(&*intake);
        let taken: Vec<_> = std::iter::from_fn(|| next(&mut ends, true, true)).collect();
        runners.join();
        finish(ends);
        assert_eq!(taken, [0, 1], "I53: every item that is in comes out once");
    });
}
