//! The crew of a stream, I42: a runner sends for another, so that no item waits behind a long one.

use super::*;

/// The first item of two waits until the second has begun. Its runner sends, or forgets to, the
/// entry that brings another one.
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
    let options =
        StreamOptions { chunksize: None, buffersize: None, ordered: false, counted: false };
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
        let options =
            StreamOptions { chunksize: None, buffersize: None, ordered: true, counted: false };
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
