//! What the end of the pool brings along, I38 and I39: a thread that sees the end sees what the
//! workers did before, and why the pool ended.

use super::*;
use crate::models::harness::Watched;

// ---- I38: no worker is left ----

/// Two workers that each do something and leave, beside a thread that waits until none is left.
fn two_leave(leave: fn(&Sched)) {
    let (sched, _) = pool(2);
    let done = [(); 2].map(|()| Arc::new(Watched::new()));
    let workers = done.each_ref().map(|done| {
        let (sched, done) = (Arc::clone(&sched), Arc::clone(done));
        spawn(move || {
            done.write();
            leave(&sched);
        })
    });
    assert_eq!(crate::wait::block_until(sched.live(), 0, None, |live| live == 0), Some(0));
    done.iter().for_each(|done| done.write());
    join(workers.into());
}

#[test]
fn i38_whoever_sees_none_left_sees_what_all_did() {
    check("I38 worker ‖ worker ‖ wait for none left", Bound::Usual, Futex::Spurious, |_| {
        two_leave(|sched| sched.leave(0));
    });
}

#[test]
fn i38_control_a_worker_leaves_without_an_edge() {
    control("I38 control: a worker leaves without Release", Bound::None, Futex::Spurious, |_| {
        two_leave(|sched| {
            if sched.live.fetch_sub(1, Ordering::Relaxed) == 1 {
                futex::wake_all(&sched.live);
            }
        });
    });
}

// ---- I39: why the pool ended ----

/// An initializer has panicked beside a worker that looks. Says whether the worker was told so, and
/// why.
fn broken(break_down: fn(&Sched)) -> bool {
    let (sched, _) = pool(1);
    let shared = Arc::clone(&sched);
    let initializer = spawn(move || break_down(&shared));
    let told = sched.stopping();
    if let Some(reason) = &told {
        assert!(
            matches!(reason, Reason::Broken(why) if why.message() == Some("why")),
            "I39: {reason:?} does not say why"
        );
    }
    initializer.join().expect("the initializer's worker goes on");
    told.is_some()
}

/// A runner puts an entry back, and finds its block closed by the terminator.
#[test]
fn i39_a_runner_that_finds_its_block_closed_sees_why() {
    use crate::batch::{BatchBlock as Batch, BatchOptions, Map};
    use crate::block::Plain;
    check("I39 terminate ‖ put back", Bound::None, Futex::Block, |outcomes| {
        let (sched, _) = pool(1);
        let (map, items) = (Map::new(Plain(|item: u8| item)), vec![1, 2]);
        // SAFETY: models borrow nothing.
        let (mut entries, handle) =
            unsafe { Batch::create(map, items, BatchOptions::default(), 2, sched.id, true, None) };
        let (queued, late) = (entries.next().expect("two"), entries.next().expect("two"));
        sched.queues.inject(queued);
        let ending = Arc::clone(&sched);
        let terminator = spawn(move || ending.terminate());
        let closed = !late.count();
        if closed {
            let reason = sched.reason_of_closed();
            assert!(matches!(reason, Reason::Terminated), "I39: {reason:?} for a pool that ends");
        }
        terminator.join().expect("the terminator returns");
        late.turn_away(Reason::Terminated);
        drop(handle);
        outcomes.insert(closed);
    });
}

/// A call is put back beside a terminator. Whichever thread resolves it, one does.
fn put_back_beside_terminate(put_back: fn(&Sched, TaskRef)) {
    let (sched, _) = pool(1);
    let (moved, handle) = task(|| 0);
    let ending = Arc::clone(&sched);
    let terminator = spawn(move || ending.terminate());
    put_back(&sched, moved);
    terminator.join().expect("the terminator returns");
    let outcome = handle.take_done().unwrap_or_else(|_| panic!("I31: an entry is left in a queue"));
    assert!(matches!(outcome, Err(TaskError::Terminated)), "I31: no worker ran");
}

#[test]
fn i31_an_entry_that_is_put_back_beside_terminate() {
    check("I31 put back ‖ terminate", Bound::None, Futex::Block, |_| {
        put_back_beside_terminate(Sched::put_back);
    });
}

#[test]
fn i31_control_an_entry_is_put_back_without_a_fence() {
    control("I31 control: put back without a fence", Bound::None, Futex::Block, |_| {
        put_back_beside_terminate(|sched, entry| {
            sched.queues.put_back(entry);
            sched.resolve_late(None);
        });
    });
}

#[test]
fn i39_whoever_sees_the_pool_broken_sees_why() {
    check("I39 break down ‖ look", Bound::None, Futex::Block, |outcomes| {
        outcomes.insert(broken(|sched| sched.break_down(Panic::new(Box::new("why")))));
    });
}

#[test]
fn i39_control_the_message_comes_after_the_stage() {
    control("I39 control: the stage, then the message", Bound::None, Futex::Block, |_| {
        broken(|sched| {
            sched.life.end(Stage::Broken);
            let _ = sched.broken.set(Arc::new(Panic::new(Box::new("why"))));
        });
    });
}
