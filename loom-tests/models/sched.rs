//! Sleeping and waking, closing and ending: I12, I15, I16, I30 to I34, I37, over the scheduler as it is.
//!
//! The models run real workers. A negative control runs a worker or a submitter of its own, which takes the same steps
//! with one left out.

use super::life::Life;
use super::*;
use crate::block::{Call, Job, ResultRef, TaskError};
use crate::models::harness::{Bound, Futex, Seen, Watched, check, control, spawn};
use crate::worker::{self, Context, Profile};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering as Std};

type Handle = ResultRef<usize, Infallible>;

fn task(f: impl FnOnce() -> usize + Send + 'static) -> (TaskRef, Handle) {
    // SAFETY: models borrow nothing.
    unsafe { Call::create(Job::plain(f), 1, true) }
}

/// A worker that the model has yet to start.
struct Idler {
    sched: Arc<Sched>,
    index: usize,
    deque: Worker<TaskRef>,
}

/// A pool whose workers are started by the model.
fn pool(workers: usize) -> (Arc<Sched>, Vec<Idler>) {
    let (sched, deques) = Sched::new(workers);
    let sched = Arc::new(sched);
    let idler = |(index, deque)| Idler { sched: Arc::clone(&sched), index, deque };
    let idlers = deques.into_iter().enumerate().map(idler).collect();
    (sched, idlers)
}

/// Runs a worker on a thread of its own, from beginning to end.
fn start(idler: Idler) -> thread::JoinHandle<()> {
    spawn(move || {
        let Idler { sched, index, deque } = idler;
        worker::enlist(sched.id);
        Context::new(Arc::clone(&sched), index, deque, Profile::Balanced).run();
        sched.leave();
    })
}

fn join(workers: Vec<thread::JoinHandle<()>>) {
    for worker in workers {
        worker.join().expect("the worker leaves");
    }
}

fn at_rest(sched: &Sched) {
    assert_eq!(
        sched.idle.at_rest(),
        (0, Vec::new()),
        "I13: nobody is searching or parked once all have left"
    );
}

fn value(handle: Handle) -> Result<usize, TaskError> {
    handle.take_done().unwrap_or_else(|_| panic!("I17 I30 I31: after join a task is not completed"))
}

// ---- I12, I15, I16: no wake-up is lost ----

/// A worker by hand, over the real `inject`, `stop_searching` and `park`: it looks into the injector alone, and ends the pool when
/// the last of the `left` tasks has been run.
fn plain_worker(sched: &Sched, me: usize, mut searching: bool, left: &AtomicUsize) {
    if searching {
        sched.idle.sleep(me);
    }
    while !sched.stage().is_over() {
        if let Some(task) = sched.queues.take_injected(0) {
            if searching {
                sched.stop_searching();
                searching = false;
            }
            task.run(sched);
            if left.fetch_sub(1, Std::Relaxed) == 1 {
                sched.life.end(Stage::Terminate);
                sched.wake_for_stage();
            }
        } else {
            assert!(sched.park(me, searching), "the pool is not closed");
            searching = true;
        }
    }
    if searching {
        sched.stop_searching();
    }
}

/// Submits. It may be told that it came too late, when the last task has been run, and the pool ended, before it looks.
fn inject(sched: &Sched, task: TaskRef) {
    let _ = sched.inject([task]);
}

/// `submitters` submit one task each, of those that `tasks` makes, to so many workers by hand, which are parked at first if
/// `parked`.
fn submitted_and_run(
    name: &str,
    workers: usize,
    submitters: usize,
    bound: Bound,
    parked: bool,
    tasks: impl Fn() -> Vec<(TaskRef, Handle)> + Send + Sync + 'static,
) {
    check(name, bound, Futex::Block, move |_| {
        let (sched, _) = pool(workers);
        for me in 0..workers {
            if parked {
                sched.idle.push(me, false);
            }
        }
        let tasks = tasks();
        let left = Arc::new(AtomicUsize::new(tasks.len()));
        let mut threads: Vec<_> = (0..workers)
            .map(|me| {
                let (sched, left) = (Arc::clone(&sched), Arc::clone(&left));
                spawn(move || plain_worker(&sched, me, parked, &left))
            })
            .collect();
        let (mut mine, mut handles) = (Vec::new(), Vec::new());
        for (i, (task, handle)) in tasks.into_iter().enumerate() {
            handles.push(handle);
            if i + 1 < submitters {
                let sched = Arc::clone(&sched);
                threads.push(spawn(move || inject(&sched, task)));
            } else {
                mine.push(task);
            }
        }
        for task in mine {
            inject(&sched, task);
        }
        join(threads);
        for handle in handles {
            value(handle).expect("it has run");
        }
        at_rest(&sched);
    });
}

#[test]
fn i12_i15_one_submitter_beside_one_worker() {
    submitted_and_run("I12 I15 submit ‖ worker", 1, 1, Bound::Usual, false, || vec![task(|| 0)]);
}

#[test]
fn i12_i13_one_submitter_beside_two_workers() {
    submitted_and_run("I12 I13 submit ‖ worker ‖ worker", 2, 1, Bound::Whole, false, || {
        vec![task(|| 0)]
    });
}

#[test]
fn i12_two_submitters_beside_one_worker() {
    submitted_and_run("I12 submit ‖ submit ‖ worker", 1, 2, Bound::Whole, false, || {
        vec![task(|| 0), task(|| 1)]
    });
}

#[test]
fn i16_two_jobs_come_to_run_side_by_side() {
    let tasks = || rendezvous().into();
    submitted_and_run("I16 submit two jobs ‖ worker ‖ worker", 2, 1, Bound::Whole, true, tasks);
}

/// Two jobs that each wait until the other has begun, on two workers.
fn rendezvous() -> [(TaskRef, Handle); 2] {
    let words = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    [0, 1].map(|me| {
        let words = Arc::clone(&words);
        task(move || {
            words[me].store(1, Ordering::Release);
            futex::wake_all(&words[me]);
            while words[1 - me].load(Ordering::Acquire) == 0 {
                futex::wait(&words[1 - me], 0);
            }
            me
        })
    })
}

/// Worker 1, which runs one task out of worker 0's deque, and parks until there is one.
fn thief(sched: &Arc<Sched>) -> thread::JoinHandle<()> {
    let sched = Arc::clone(sched);
    spawn(move || {
        let mut searching = false;
        loop {
            if let Some(task) = sched.queues.steal_any(0) {
                if searching {
                    sched.stop_searching();
                }
                return task.run(&*sched);
            }
            assert!(sched.park(1, searching), "the pool is not closed");
            searching = true;
        }
    })
}

#[test]
fn i12_a_task_pushed_by_a_worker_reaches_a_sleeper() {
    check("I12 push into a deque ‖ worker", Bound::None, Futex::Block, |_| {
        let (sched, idlers) = pool(2);
        let (task, handle) = task(|| 7);
        let thief = thief(&sched);
        let owner = &idlers[0];
        owner.deque.push(task);
        sched.queues.mark_loaded(0);
        sched.tell_workers(true).expect("the pool runs");
        thief.join().expect("the thief has run it");
        value(handle).expect("it has run");
    });
}

#[test]
fn a_whole_worker_runs_a_task_and_leaves() {
    check("I12 I34 whole worker: submit, terminate ‖ worker", Bound::Whole, Futex::Block, |_| {
        let (sched, idlers) = pool(1);
        let workers: Vec<_> = idlers.into_iter().map(start).collect();
        let (task, handle) = task(|| 0);
        sched.inject([task]).expect("the pool runs");
        assert!(handle.wait(None));
        drop(handle);
        sched.terminate();
        join(workers);
        at_rest(&sched);
    });
}

// ---- I12, I13, I16: a worker that is a searcher before it wakes whoever waits ----

/// A waiter that submits again when it is woken, and one worker, which runs to the end of its loop.
#[test]
fn i12_i13_a_waiter_submits_again_as_soon_as_it_is_woken() {
    check("I12 I13 wait, submit, wait ‖ whole worker", Bound::Pair, Futex::Block, |_| {
        let (sched, idlers) = pool(1);
        let workers: Vec<_> = idlers.into_iter().map(start).collect();
        for _ in 0..2 {
            let (task, handle) = task(|| 0);
            sched.inject([task]).expect("the pool runs");
            assert!(handle.wait(None));
        }
        sched.terminate();
        join(workers);
        at_rest(&sched);
    });
}

/// A view that becomes a searcher before it wakes.
struct Early<'a>(&'a Sched, std::cell::Cell<bool>);

impl PoolView for Early<'_> {
    fn stopping(&self) -> Option<Reason> {
        self.0.stopping()
    }

    fn about_to_wake(&self) {
        self.1.set(self.0.idle.try_search());
    }

    fn put_back(&self, entry: TaskRef) {
        self.0.put_back(entry);
    }
}

/// A worker by hand that has just run a task, or slept, and runs one more. If it `forgets`, it does so without saying that it
/// searches no more.
fn run_one(sched: &Sched, me: usize, mut searching: bool, forgets: bool) {
    let task = loop {
        if let Some(task) = sched.queues.take_injected(0) {
            break task;
        }
        assert!(sched.park(me, searching), "the pool is not closed");
        searching = true;
    };
    if searching && !forgets {
        sched.stop_searching();
    }
    task.run(sched);
}

/// One worker runs a task that somebody waits for, who then submits two, of which the first waits for the second: it takes two
/// workers, and the other one is parked.
fn wait_then_two_jobs(forgets: bool) {
    let (sched, _) = pool(2);
    sched.idle.push(1, false);
    let (first, handle) = task(|| 0);
    let shared = Arc::clone(&sched);
    let early = spawn(move || {
        let view = Early(&shared, std::cell::Cell::new(false));
        first.run(&view);
        run_one(&shared, 0, view.1.get(), forgets);
    });
    let shared = Arc::clone(&sched);
    let late = spawn(move || {
        shared.idle.sleep(1);
        run_one(&shared, 1, true, false);
    });
    assert!(handle.wait(None));
    drop(handle);
    let word = Arc::new(AtomicU32::new(0));
    let set = Arc::clone(&word);
    let waits = task(move || {
        while word.load(Ordering::Acquire) == 0 {
            futex::wait(&word, 0);
        }
        1
    });
    let sets = task(move || {
        set.store(1, Ordering::Release);
        futex::wake_all(&set);
        2
    });
    let handles = [waits, sets].map(|(task, handle)| {
        sched.inject([task]).expect("the pool runs");
        handle
    });
    join(vec![early, late]);
    drop(handles);
    at_rest(&sched);
}

#[test]
fn i12_i13_i16_a_waiter_submits_two_jobs_as_soon_as_it_is_woken() {
    check(
        "I12 I13 I16 wait, submit two jobs ‖ worker ‖ worker",
        Bound::Pair,
        Futex::Block,
        |_| {
            wait_then_two_jobs(false);
        },
    );
}

#[test]
fn i16_control_a_searcher_forgets_that_it_is_one() {
    control(
        "I16 control: who searched before it woke forgets it",
        Bound::Whole,
        Futex::Block,
        |_| {
            wait_then_two_jobs(true);
        },
    );
}

/// What a worker of a negative control leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoFenceBeforeLook,
    NoLook,
    NotItself,
    NoHandOff,
    BitIsAnswer,
    NoStageInLook,
}

/// A worker by hand. Returns how often it went through park.
fn flawed_worker(sched: &Sched, me: usize, flaw: Flaw) -> usize {
    // The model has parked the workers of this control.
    let mut searching = flaw == Flaw::NoHandOff;
    if searching {
        sched.idle.sleep(me);
    }
    let mut parks = 0;
    loop {
        if sched.stage().is_over() {
            return parks;
        }
        if let Some(task) = sched.queues.take_injected(0) {
            if searching {
                if flaw == Flaw::NoHandOff {
                    let _ = sched.idle.stop_searching();
                } else {
                    sched.stop_searching();
                }
                searching = false;
            }
            task.run(sched);
            continue;
        }
        parks += 1;
        assert!(
            parks < 4 || flaw != Flaw::BitIsAnswer,
            "I37: more than one turn through park with every queue empty"
        );
        sched.idle.push(me, searching);
        if flaw != Flaw::NoFenceBeforeLook {
            fence(Ordering::SeqCst);
        }
        let work = flaw == Flaw::BitIsAnswer || sched.queues.any_work();
        let over = flaw != Flaw::NoStageInLook && sched.stage().is_over();
        let itself = flaw == Flaw::NotItself && sched.idle.at_rest().1.first() == Some(&me);
        if flaw != Flaw::NoLook && (work || over) && !itself {
            sched.idle.wake_one();
        }
        sched.idle.sleep(me);
        searching = true;
    }
}

/// One submission to one flawed worker.
fn lost(name: &str, flaw: Flaw, submit: fn(&Sched, TaskRef)) {
    control(name, Bound::None, Futex::Block, move |_| {
        let (sched, _) = pool(1);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            flawed_worker(&shared, 0, flaw);
        });
        let (task, handle) = task(|| 0);
        submit(&sched, task);
        handle.wait(None);
        drop(handle);
        sched.terminate();
        worker.join().expect("the worker leaves");
    });
}

fn submit_well(sched: &Sched, task: TaskRef) {
    sched.inject([task]).expect("the pool runs");
}

#[test]
fn the_worker_of_the_controls_passes_without_a_flaw() {
    check("I12 worker of the controls, no flaw", Bound::Usual, Futex::Block, |_| {
        let (sched, _) = pool(1);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            flawed_worker(&shared, 0, Flaw::None);
        });
        let (task, handle) = task(|| 0);
        submit_well(&sched, task);
        handle.wait(None);
        drop(handle);
        sched.terminate();
        worker.join().expect("the worker leaves");
    });
}

#[test]
fn i12_control_the_submitter_does_not_fence() {
    lost("I12 control: submit without its fence", Flaw::None, |sched, task| {
        sched.queues.inject(task);
        sched.idle.notify();
    });
}

#[test]
fn i12_control_the_submitter_does_not_wake() {
    lost("I12 control: submit without a wake-up", Flaw::None, |sched, task| {
        sched.queues.inject(task)
    });
}

#[test]
fn i12_control_the_worker_does_not_fence_before_its_last_look() {
    lost("I12 control: park without its fence", Flaw::NoFenceBeforeLook, submit_well);
}

#[test]
fn i12_control_the_worker_does_not_look_again() {
    lost("I12 control: park without a last look", Flaw::NoLook, submit_well);
}

#[test]
fn i15_control_the_worker_does_not_wake_itself() {
    lost("I15 control: the last look wakes anybody but oneself", Flaw::NotItself, submit_well);
}

#[test]
fn i16_control_the_last_searcher_does_not_hand_over() {
    control("I16 control: no hand-off", Bound::Whole, Futex::Block, |_| {
        let (sched, _) = pool(2);
        sched.idle.push(0, false);
        sched.idle.push(1, false);
        let workers: Vec<_> = (0..2)
            .map(|me| {
                let sched = Arc::clone(&sched);
                spawn(move || {
                    flawed_worker(&sched, me, Flaw::NoHandOff);
                })
            })
            .collect();
        let mut handles = Vec::new();
        for (task, handle) in rendezvous() {
            submit_well(&sched, task);
            handles.push(handle);
        }
        for handle in &handles {
            handle.wait(None);
        }
        drop(handles);
        sched.terminate();
        join(workers);
    });
}

// ---- I20: what lies in a queue ----

/// A task that its handle has run lies in the injector as a stale entry. Returns how often the worker went through park.
fn woken_for_a_stale_entry(take: fn(&Sched) -> Option<TaskRef>) -> usize {
    let (sched, _) = pool(1);
    let (task, handle) = task(|| 0);
    handle.help(&*sched);
    value(handle).expect("it has run here");
    let shared = Arc::clone(&sched);
    let worker = Seen::by(move || {
        let mut parks = 0;
        while !shared.stage().is_over() {
            if let Some(task) = take(&shared) {
                task.run(&*shared);
            } else {
                parks += 1;
                assert!(parks <= 3, "I20: a stale entry keeps a worker awake");
                assert!(shared.park(0, parks > 1), "the pool is not closed");
            }
        }
        parks
    });
    let _ = sched.inject([task]);
    sched.terminate();
    worker.join()
}

#[test]
fn i20_a_stale_entry_is_no_work() {
    check("I20 stale entry, terminate ‖ worker", Bound::Whole, Futex::Block, |outcomes| {
        outcomes.insert(woken_for_a_stale_entry(|sched| sched.queues.take_injected(0)));
    });
}

#[test]
fn i20_control_a_stale_entry_is_left_where_it_is() {
    control(
        "I20 control: a stale entry that nobody takes away",
        Bound::Whole,
        Futex::Block,
        |_| {
            woken_for_a_stale_entry(|_| None);
        },
    );
}

// ---- I37: empty queues let workers sleep ----

#[test]
fn i37_a_bit_over_an_empty_deque_keeps_nobody_awake() {
    check("I37 worker beside a stale bit", Bound::Usual, Futex::Block, |_| {
        let (sched, mut contexts) = pool(2);
        // Worker 0 is in a long task, and thieves have emptied its deque: its bit is up over nothing.
        sched.queues.mark_loaded(0);
        let worker = start(contexts.pop().expect("two workers"));
        let before = futex::count::wakes();
        sched.terminate();
        worker.join().expect("the worker leaves");
        let woken = futex::count::wakes() - before;
        // By the terminator, or by its own last look at the stage; and once more when it has left.
        assert!(woken <= 2, "I37: more than one turn through park with every queue empty");
        at_rest(&sched);
    });
}

#[test]
fn i37_control_the_bit_is_taken_for_work() {
    control("I37 control: the bit is taken for work", Bound::None, Futex::Block, |_| {
        let (sched, _) = pool(2);
        sched.queues.mark_loaded(0);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            flawed_worker(&shared, 1, Flaw::BitIsAnswer);
        });
        sched.terminate();
        worker.join().expect("the worker leaves");
    });
}

// ---- I30 to I34: the pool ends ----

/// What came of a submission that raced with the pool's end.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    GivenBack,
    Ran,
    Terminated,
}

fn submit(sched: &Sched, runs: &Arc<AtomicUsize>) -> Result<Handle, SubmitErrorKind> {
    let runs = Arc::clone(runs);
    worker::submit(sched, Job::plain(move || runs.fetch_add(1, Std::Relaxed)), WhenFull::Wait)
        .map_err(|(kind, _)| kind)
}

fn fate(submitted: Result<Handle, SubmitErrorKind>, runs: &AtomicUsize) -> Fate {
    let ran = runs.load(Std::Relaxed);
    match submitted.map(value) {
        Err(kind) => {
            assert_eq!(kind, SubmitErrorKind::NotRunning);
            assert_eq!(ran, 0, "I31: a task that was given back has run");
            Fate::GivenBack
        }
        Ok(Ok(_)) => {
            assert_eq!(ran, 1, "I31: a task that has a value has run once");
            Fate::Ran
        }
        Ok(Err(TaskError::Terminated)) => {
            assert_eq!(ran, 0, "I33: a task that was terminated has run");
            Fate::Terminated
        }
        Ok(Err(other)) => panic!("I31: {other}"),
    }
}

fn submit_beside_the_end(name: &str, workers: usize, bound: Bound, end: fn(&Sched)) -> Vec<String> {
    check(name, bound, Futex::Block, move |outcomes| {
        let (sched, contexts) = pool(workers);
        let workers: Vec<_> = contexts.into_iter().map(start).collect();
        let (shared, runs) = (Arc::clone(&sched), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&runs);
        let submitter = Seen::by(move || submit(&shared, &counted));
        end(&sched);
        let left = crate::wait::block_until(sched.live(), 0, None, |live| live == 0);
        assert_eq!(left, Some(0));
        let submitted = submitter.join();
        join(workers);
        outcomes.insert(fate(submitted, &runs));
        at_rest(&sched);
    })
    .outcomes
}

#[test]
fn i30_i31_i34_submit_beside_close() {
    let seen =
        submit_beside_the_end("I30 I31 I34 submit ‖ close ‖ worker", 1, Bound::Whole, Sched::close);
    assert_eq!(seen, ["GivenBack", "Ran"]);
}

#[test]
fn i17_i30_i32_close_beside_two_workers() {
    /// A worker by hand, over the real `stop_searching` and `park`: it looks into the injector alone, until the pool is over.
    fn closing_worker(sched: &Sched, me: usize) {
        let mut searching = false;
        while !sched.stage().is_over() {
            if let Some(task) = sched.queues.take_injected(0) {
                if searching {
                    sched.stop_searching();
                    searching = false;
                }
                task.run(sched);
            } else if sched.park(me, searching) {
                searching = true;
            }
        }
        if searching {
            sched.stop_searching();
        }
    }
    check("I17 I30 I32 submit, close ‖ worker ‖ worker", Bound::Pair, Futex::Block, |_| {
        let (sched, _) = pool(2);
        let (task, handle) = task(|| 0);
        let workers: Vec<_> = (0..2)
            .map(|me| {
                let sched = Arc::clone(&sched);
                spawn(move || closing_worker(&sched, me))
            })
            .collect();
        sched.inject([task]).expect("the pool runs");
        sched.close();
        join(workers);
        value(handle).expect("I17 I30: what was accepted before close has run");
        at_rest(&sched);
    });
}

#[test]
fn i31_i33_i34_submit_beside_terminate() {
    let seen = submit_beside_the_end(
        "I31 I33 I34 submit ‖ terminate ‖ worker",
        1,
        Bound::Whole,
        Sched::terminate,
    );
    assert_eq!(seen, ["GivenBack", "Ran", "Terminated"]);
}

#[test]
fn i31_submit_beside_close_and_terminate() {
    submit_beside_the_end("I31 submit ‖ close, terminate ‖ worker", 1, Bound::Whole, |sched| {
        sched.close();
        sched.terminate();
    });
}

#[test]
fn i33_terminate_beside_inline_claim_and_pop() {
    check("I33 terminate ‖ inline claim ‖ worker", Bound::Whole, Futex::Block, |outcomes| {
        let (sched, contexts) = pool(1);
        let runs = Arc::new(AtomicUsize::new(0));
        let submitted = submit(&sched, &runs);
        let workers: Vec<_> = contexts.into_iter().map(start).collect();
        let shared = Arc::clone(&sched);
        let terminator = spawn(move || shared.terminate());
        let handle = submitted.expect("the pool runs");
        handle.help(&*sched);
        assert!(handle.wait(None), "I31: the handle completes");
        terminator.join().expect("the terminator returns");
        join(workers);
        outcomes.insert(fate(Ok(handle), &runs));
    });
}

#[test]
fn i32_exactly_one_worker_finds_the_pool_drained() {
    /// Joins the drained-idle ones; the last looks again. Says whether it found the pool drained.
    fn quiet(life: &Life) -> bool {
        loop {
            match life.join_drained_idle() {
                Drain::LookAgain if life.try_finish_drain(false, true) => return true,
                Drain::LookAgain => {}
                Drain::Park | Drain::NotClosed => return false,
            }
        }
    }
    check("I32 quiet ‖ quiet, again", Bound::None, Futex::Block, |_| {
        let life = Arc::new(Life::new(2));
        assert!(life.close());
        let shared = Arc::clone(&life);
        let other = Seen::by(move || {
            if quiet(&shared) {
                return 1;
            }
            // Woken for nothing, it leaves and comes back, unless the pool has been found drained.
            shared.leave_drained_idle();
            usize::from(quiet(&shared))
        });
        let mine = usize::from(quiet(&life));
        assert_eq!(mine + other.join(), 1, "I32: the pool is found drained exactly once");
        assert_eq!(life.stage(), Stage::Drained);
    });
}

#[test]
fn i32_control_settling_without_the_count() {
    control("I32 control: DRAINED without being counted", Bound::None, Futex::Block, |_| {
        let life = Arc::new(Life::new(1));
        assert!(life.close());
        let drained = Arc::new(AtomicUsize::new(0));
        let is_closed = |life: &Life| life.stage() == Stage::Closed;
        let (shared, count) = (Arc::clone(&life), Arc::clone(&drained));
        let other = spawn(move || {
            if is_closed(&shared) {
                let _ = shared.join_drained_idle();
                count.fetch_add(usize::from(shared.stage() >= Stage::Draining), Std::Relaxed);
            }
        });
        if is_closed(&life) {
            let _ = life.join_drained_idle();
            drained.fetch_add(usize::from(life.stage() >= Stage::Draining), Std::Relaxed);
        }
        other.join().expect("the other returns");
        assert_eq!(drained.load(Std::Relaxed), 1, "I32: the pool is found drained exactly once");
    });
}

/// A submission that was accepted beside a worker that ends by hand.
fn stranded(name: &str, submit: fn(&Sched, TaskRef) -> bool, end: fn(&Sched)) {
    control(name, Bound::None, Futex::Block, move |_| {
        let (sched, _) = pool(1);
        let shared = Arc::clone(&sched);
        let (task, handle) = task(|| 0);
        let submitter = Seen::by(move || submit(&shared, task));
        end(&sched);
        if submitter.join() {
            drop(value(handle));
        } else {
            // Given back. What is left in the queue is freed with the pool.
            drop(handle);
        }
    });
}

/// Runs what is there, then finds the pool drained.
fn drain_as(sched: &Sched, settle: fn(&Sched)) {
    assert!(sched.life.close());
    sched.queues.drain(|task| task.run(sched));
    settle(sched);
    if sched.stage() != Stage::Drained {
        sched.queues.drain(|task| task.run(sched));
    }
}

fn settle_well(sched: &Sched) {
    assert_eq!(sched.life.join_drained_idle(), Drain::LookAgain);
    sched.finish_drain(true);
}

fn submit_looking_twice(sched: &Sched, task: TaskRef) -> bool {
    if sched.refusal(false).is_some() {
        task.resolve(Reason::Terminated);
        return false;
    }
    sched.inject([task]).is_ok()
}

#[test]
fn i17_i30_control_look_then_drained() {
    stranded("I17 I30 control: look, then DRAINED", submit_looking_twice, |sched| {
        drain_as(sched, |sched| {
            let found = sched.queues.any_work();
            assert_eq!(sched.life.join_drained_idle(), Drain::LookAgain);
            fence(Ordering::SeqCst);
            sched.life.try_finish_drain(found, true);
        });
    });
}

#[test]
fn i30_control_drained_without_a_fence() {
    stranded("I30 control: DRAINING without its fence", submit_looking_twice, |sched| {
        drain_as(sched, |sched| {
            assert_eq!(sched.life.join_drained_idle(), Drain::LookAgain);
            sched.life.try_finish_drain(sched.queues.any_work(), true);
        });
    });
}

#[test]
fn i31_control_the_submitter_does_not_look_again() {
    stranded(
        "I31 control: submit without a second look",
        |sched, task| {
            if sched.refusal(false).is_some() {
                task.resolve(Reason::Terminated);
                return false;
            }
            sched.queues.inject(task);
            true
        },
        |sched| drain_as(sched, settle_well),
    );
}

#[test]
fn i31_control_the_terminator_drains_before_it_ends_the_pool() {
    stranded("I31 control: drain, then TERMINATE", submit_looking_twice, |sched| {
        sched.queues.drain(|task| task.resolve(Reason::Terminated));
        sched.life.end(Stage::Terminate);
    });
}

#[test]
fn i33_control_the_terminator_resolves_what_it_has_not_claimed() {
    control("I33 control: resolved without a claim", Bound::None, Futex::Block, |_| {
        let (task, handle) = task(|| 0);
        let handle = Arc::new(handle);
        let shared = Arc::clone(&handle);
        let winners = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&winners);
        let terminator = spawn(move || {
            if !shared.load().is_claimed() {
                theirs.fetch_add(1, Std::Relaxed);
            }
        });
        task.run(&*pool(1).0);
        winners.fetch_add(1, Std::Relaxed);
        terminator.join().expect("the terminator returns");
        assert_eq!(winners.load(Std::Relaxed), 1, "I33: one of terminate, claim and pop wins");
    });
}

#[test]
fn i34_control_the_worker_does_not_look_at_the_stage() {
    control("I34 control: park without a look at the stage", Bound::None, Futex::Block, |_| {
        let (sched, _) = pool(1);
        let shared = Arc::clone(&sched);
        let worker = spawn(move || {
            flawed_worker(&shared, 0, Flaw::NoStageInLook);
        });
        sched.terminate();
        worker.join().expect("the worker leaves");
    });
}

// ---- What the end of the pool brings along ----

/// Two workers that each do something and leave, beside somebody who waits until none is left.
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
        two_leave(Sched::leave);
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

/// An initializer has panicked beside a worker that looks. Says whether the worker was told so, and why.
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
