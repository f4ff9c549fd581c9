//! An entry in the line, I19: the thread that frees a place pushes it, and the end resolves it.

use super::*;
use crate::batch::{BatchBlock as Batch, BatchOptions, Map};
use crate::block::{Outcome, Plain};

pub(super) type Results = ResultRef<Vec<usize>, Infallible>;

/// A batch of one item, whose one entry stands in the line.
pub(super) fn in_line(sched: &Sched) -> Results {
    let map: Map<_, usize, usize, Infallible, (), ()> = Map::new(Plain(|item: usize| item));
    let places = Some(Arc::clone(space(sched)) as _);
    // SAFETY: models borrow nothing.
    let (mut entries, answer) =
        unsafe { Batch::create(map, vec![7], BatchOptions::default(), 1, sched.id, true, places) };
    sched.inject_with_places(None, entries.uncounted(1)).expect("the pool runs");
    answer
}

pub(super) fn outcome(answer: Results) -> Outcome<Vec<usize>, Infallible> {
    assert!(answer.wait(None));
    answer.take_done().unwrap_or_else(|_| unreachable!("DONE was seen"))
}

#[test]
fn i19_an_entry_is_pushed_when_there_is_a_place() {
    check("I19 entry in the line ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (sched, handle) = full();
        let answer = in_line(&sched);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || worker(&shared, 2));
        assert_eq!(outcome(answer).expect("it runs"), [7]);
        worker.join().expect("the worker has taken both");
        drop(handle);
        at_rest(&sched, 0);
    });
}

#[test]
fn i19_an_entry_is_pushed_by_a_canceller() {
    check("I19 entry in the line, cancel ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (sched, handle) = full();
        let answer = in_line(&sched);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || worker(&shared, 2));
        handle.resolve(Reason::Cancelled);
        assert_eq!(outcome(answer).expect("it runs"), [7]);
        worker.join().expect("the worker has taken both");
        drop(handle);
        at_rest(&sched, 0);
    });
}

#[test]
fn i19_an_entry_is_resolved_by_terminate() {
    let report = check(
        "I19 entry in the line ‖ taker ‖ terminate",
        Bound::Whole,
        Futex::Block,
        |outcomes| {
            let (sched, handle) = full();
            let answer = in_line(&sched);
            let shared = Arc::clone(&sched);
            let taker = spawn(move || {
                for _ in 0..2 {
                    if let Some(task) = take(&shared) {
                        task.run(&*shared);
                    }
                }
            });
            sched.terminate();
            taker.join().expect("the taker returns");
            match outcome(answer) {
                Ok(_) => outcomes.insert("Ran"),
                Err(TaskError::Terminated) => outcomes.insert("Terminated"),
                other => panic!("I19: {other:?}"),
            }
            drop(handle);
            at_rest(&sched, 0);
        },
    );
    assert_eq!(report.outcomes, ["\"Ran\"", "\"Terminated\""]);
}

#[test]
fn i19_an_entry_holds_the_end_off() {
    check(
        "I19 entry in the line of a closed pool, cancel ‖ worker",
        Bound::Usual,
        Futex::Block,
        |_| {
            let (sched, handle) = full();
            let answer = in_line(&sched);
            sched.close();
            let shared = Arc::clone(&sched);
            let worker = spawn(move || worker(&shared, usize::MAX));
            handle.resolve(Reason::Cancelled);
            worker.join().expect("the worker leaves");
            assert!(answer.load().is_value(), "I19: what was accepted is left in the line");
            drop((handle, answer));
            at_rest(&sched, 0);
        },
    );
}

#[test]
fn i19_control_an_entry_is_in_neither() {
    control(
        "I19 control: out of the line, then into the queue",
        Bound::Whole,
        Futex::Block,
        |_| {
            let sched = limited(1);
            space(&sched).enter_beyond().hand_over();
            let answer = in_line(&sched);
            let (one, two) = (Arc::clone(&sched), Arc::clone(&sched));
            let worker = spawn(move || worker(&one, usize::MAX));
            let frees = spawn(move || {
                let space = space(&two);
                let entry = space.line.with(|line| {
                    space.word.fetch_sub(WAITING, Ordering::Relaxed);
                    line.pop_front()
                });
                let Some(Waiter::Entry(entry, _)) = entry else { panic!("one waits") };
                assert!(entry.entries().expect("a batch counts").entered(1));
                two.queues.inject(entry);
                let _ = two.tell_workers(true);
            });
            sched.close();
            let _ = outcome(answer);
            frees.join().expect("it returns");
            worker.join().expect("the worker leaves");
        },
    );
}

#[test]
fn i19_control_the_entries_are_left_in_the_line() {
    control("I19 control: terminate but for the line", Bound::None, Futex::Block, |_| {
        let sched = limited(1);
        space(&sched).enter_beyond().hand_over();
        let answer = in_line(&sched);
        let shared = Arc::clone(&sched);
        let end = spawn(move || {
            shared.life.end(Stage::Terminate);
            fence(Ordering::SeqCst);
            let drained = shared.queues.drain();
            drained.into_iter().for_each(|task| task.resolve(Reason::Terminated));
        });
        let _ = outcome(answer);
        end.join().expect("the end returns");
    });
}
