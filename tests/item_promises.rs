//! The bounds of items in the table "When does a submitted task start?" (src/sched/README.md): when
//! an item of a batch or a stream begins, that none begins after the end, and what is gone when the
//! end is seen. By counting.

mod common;

use common::Gate;
use millpond::{PoolHandle, ThreadPool};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Quick items, and then `slow` others, of which the first stops the batch in some way. How many more begin.
fn begun_after(
    stop: impl Fn(&ThreadPool, &millpond::AsyncResult<Vec<()>>),
    fail_fast: bool,
    (workers, slow): (usize, usize),
) -> usize {
    const QUICK: usize = 70_000;
    let pool = ThreadPool::new(workers).unwrap();
    let (stopped, late) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (entered, release) = (Gate::new(), Gate::new());
    let (see, count, enter, pass) =
        (Arc::clone(&stopped), Arc::clone(&late), entered.clone(), release.clone());
    let result = pool
        .batch(
            move |number: usize| {
                if number >= QUICK {
                    if see.load(Ordering::SeqCst) == 1 {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    enter.open();
                    pass.wait();
                    std::thread::yield_now();
                    if fail_fast && see.swap(1, Ordering::SeqCst) == 0 {
                        std::panic::resume_unwind(Box::new("deliberate"));
                    }
                }
            },
            0..QUICK + slow,
        )
        .fail_fast(fail_fast)
        .map_async()
        .unwrap();
    entered.wait();
    stop(&pool, &result);
    if !fail_fast {
        stopped.store(1, Ordering::SeqCst);
    }
    release.open();
    result.wait();
    late.load(Ordering::SeqCst)
}

// covers TIME-05
#[test]
fn no_item_begins_after_terminate_a_cancel_or_a_failure() {
    // Of a few slow items most lie in the hands of one worker, and nothing is left to take.
    for (workers, slow) in
        [1, 2, 4].into_iter().flat_map(|workers| [(workers, 1_000), (workers, 6)])
    {
        let late = begun_after(|pool, _| pool.terminate(), false, (workers, slow));
        assert_eq!(late, 0, "after terminate, {workers} workers, {slow} items");
        let late = begun_after(|_, result| _ = result.cancel(), false, (workers, slow));
        assert_eq!(late, 0, "after cancel, {workers} workers, {slow} items");
    }
    let late = begun_after(|_, _| (), true, (1, 1_000));
    assert_eq!(late, 0, "after a failure");
}

// covers TIME-05
#[test]
fn no_item_of_a_stream_begins_after_terminate() {
    for (workers, unordered) in [(1, false), (1, true), (2, false), (2, true)] {
        let pool = ThreadPool::new(workers).unwrap();
        let (stopped, late) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (begun, release) = (Arc::new(AtomicUsize::new(0)), Gate::new());
        let (see, count, enter, pass) =
            (Arc::clone(&stopped), Arc::clone(&late), Arc::clone(&begun), release.clone());
        let item = move |_: usize| {
            count.fetch_add(see.load(Ordering::SeqCst), Ordering::SeqCst);
            enter.fetch_add(1, Ordering::SeqCst);
            pass.wait();
        };
        // The workers are shown a whole window, of which they hold an item each.
        let stream = pool.stream(item, 0..1_000).buffersize(64);
        let mut results = if unordered { stream.imap_unordered() } else { stream.imap() }.unwrap();
        common::pull(&mut results, 64);
        while begun.load(Ordering::SeqCst) < workers {
            std::thread::yield_now();
        }
        pool.terminate();
        stopped.store(1, Ordering::SeqCst);
        release.open();
        results.for_each(drop);
        pool.join().unwrap();
        assert_eq!(late.load(Ordering::SeqCst), 0, "{workers} workers, unordered: {unordered}");
    }
}

// covers TIME-05
#[test]
fn no_item_begins_after_a_failure_on_another_worker() {
    for workers in [2, 4, 8] {
        let pool = ThreadPool::new(workers).unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let (count, release) = (Arc::clone(&begun), Gate::new());
        let pass = release.clone();
        let each = move |_: usize| {
            if count.fetch_add(1, Ordering::SeqCst) > 0 {
                pass.wait();
                return Ok(());
            }
            while count.load(Ordering::SeqCst) < workers {
                std::thread::yield_now();
            }
            Err(())
        };
        let result = pool.try_batch(each, 0..1_000).fail_fast(true).map_async().unwrap();
        // Every worker is in an item, and the failing one has done with its own, or begins another.
        while result.progress().done == 0 && begun.load(Ordering::SeqCst) <= workers {
            std::thread::yield_now();
        }
        release.open();
        result.wait();
        assert_eq!(begun.load(Ordering::SeqCst), workers);
    }
}

// covers TIME-05
#[test]
fn a_cancel_reaches_the_items_that_a_runner_has_taken_along() {
    const ITEMS: usize = 100_000;
    thread_local! { static HOLDS: Cell<bool> = const { Cell::new(false) } }
    for turn in 0..30 {
        let pool = ThreadPool::new(2).unwrap();
        let slow = ITEMS / 8 + turn * 97;
        let (entered, release) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), release.clone());
        let [held, other, stopped, late] = [(); 4].map(|()| Arc::new(AtomicUsize::new(0)));
        let (see, count) = (Arc::clone(&stopped), Arc::clone(&late));
        let each = move |number: usize| {
            if see.load(Ordering::SeqCst) == 1 {
                count.fetch_add(1, Ordering::SeqCst);
            }
            if number == slow {
                HOLDS.set(true);
                held.store(1, Ordering::SeqCst);
                // The other worker takes all that this one has not taken along.
                while other.load(Ordering::SeqCst) == 0 {
                    std::thread::yield_now();
                }
                enter.open();
                pass.wait();
            } else if held.load(Ordering::SeqCst) == 1 && !HOLDS.get() {
                other.store(1, Ordering::SeqCst);
            }
        };
        let result = pool.map_async(each, 0..ITEMS).unwrap();
        entered.wait();
        while active(&pool.handle()) > 1 {
            std::thread::yield_now();
        }
        let _ = result.cancel();
        stopped.store(1, Ordering::SeqCst);
        release.open();
        result.wait();
        assert_eq!(late.load(Ordering::SeqCst), 0);
    }
}

/// How many workers are in a task, as `Debug` says.
fn active(pool: &PoolHandle) -> usize {
    let shown = format!("{pool:?}");
    let number = shown.split("active: ").nth(1).and_then(|rest| rest.split(' ').next());
    number.and_then(|number| number.parse().ok()).expect("Debug says how many are active")
}

// covers TIME-05
#[test]
fn slow_items_behind_quick_ones_are_shared() {
    // Far more quick items between two slow ones than a runner takes along; or so few that a runner
    // may take along all that it has; or so few that most runners find no seat.
    for (apart, fails) in [20_000, 20, 5].into_iter().flat_map(|n| [(n, false), (n, true)]) {
        for workers in [2, 8] {
            let pool = ThreadPool::new(workers).unwrap();
            let (handle, barrier) = (pool.handle(), Arc::new(std::sync::Barrier::new(workers)));
            let slow = AtomicUsize::new(0);
            // One slow item more than there are workers. The first to begin ends when the other workers are in slow items too, or have
            // nothing left to do; the others wait until as many have begun as there are workers.
            let item = move |number: usize| {
                if number % apart > 0 {
                    return if fails { Err(()) } else { Ok(()) };
                }
                if slow.fetch_add(1, Ordering::SeqCst) > 0 {
                    barrier.wait();
                    return Ok(());
                }
                while active(&handle) > slow.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                Ok(())
            };
            let result = pool.try_map_async(item, 0..=apart * workers).unwrap().get();
            assert_eq!(result.is_err(), fails);
        }
    }
}

// covers TIME-05
#[test]
fn as_many_items_run_at_once_as_there_are_workers() {
    // Few items have few seats, and no batch has a seat for each of 70 workers.
    for (workers, items) in [(8, 8), (70, 70), (70, 2_100)] {
        let pool = ThreadPool::new(workers).unwrap();
        let barrier = std::sync::Barrier::new(workers);
        let leads = pool.map(|_: usize| barrier.wait().is_leader(), 0..items).unwrap();
        assert_eq!(leads.into_iter().filter(|leads| *leads).count(), items / workers);
    }
}

// covers TIME-06
#[test]
fn an_item_begins_before_the_input_is_asked_again() {
    for unordered in [false, true] {
        let pool = ThreadPool::new(2).unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let (seen, count) = (Arc::clone(&begun), Arc::clone(&begun));
        // Each answer comes only after the item before has begun.
        let input = (0..200).inspect(move |number| {
            while seen.load(Ordering::SeqCst) < *number {
                std::thread::yield_now();
            }
        });
        let item = move |number: usize| {
            count.fetch_add(1, Ordering::SeqCst);
            number
        };
        let results =
            if unordered { pool.imap_unordered(item, input) } else { pool.imap(item, input) };
        assert_eq!(results.unwrap().map(Result::unwrap).sum::<usize>(), 199 * 200 / 2);
    }
}

// covers TIME-06
#[test]
fn a_ready_result_is_yielded_before_the_input_is_asked() {
    let pool = ThreadPool::new(1).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let input = (0..10_usize).inspect(move |_| _ = count.fetch_add(1, Ordering::SeqCst));
    let mut results = pool.stream(|x: usize| x, input).buffersize(4).imap().unwrap();
    // Four are pulled at the call; all of them are done once the worker has done something that came after them.
    pool.apply(|| ()).unwrap();
    let pulled = asked.load(Ordering::SeqCst);
    for number in 0..pulled {
        assert_eq!(results.next().unwrap().unwrap(), number);
        assert_eq!(
            asked.load(Ordering::SeqCst),
            pulled,
            "the input was asked though a result was ready"
        );
    }
}

// covers TIME-06
#[test]
fn the_result_of_a_quick_item_is_yielded_before_a_slow_input_is_asked() {
    // A consumer that asked at once would now and then have a result, from a worker that ran before
    // it: one in five was seen. And a worker that has no processor is late: then once more.
    let most = |unordered| (0..10).any(|_| yielded_before(40, unordered) >= 30);
    for unordered in [false, true] {
        assert!(most(unordered), "unordered: {unordered}");
    }
}

/// How often the results of all earlier items had been yielded when the input was asked.
fn yielded_before(asked: usize, unordered: bool) -> usize {
    let pool = ThreadPool::new(1).unwrap();
    let (yielded, before) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (seen, count) = (Rc::clone(&yielded), Rc::clone(&before));
    // So slow that the consumer waits for a moment, in which a worker does the item.
    let input = (0..asked).inspect(move |number| {
        count.set(count.get() + usize::from(*number > 0 && seen.get() == *number));
        std::thread::sleep(std::time::Duration::from_millis(7));
    });
    let stream = pool.stream(|x: usize| x, input);
    let results = if unordered { stream.imap_unordered() } else { stream.imap() }.unwrap();
    for result in results {
        result.unwrap();
        yielded.set(yielded.get() + 1);
    }
    before.get()
}

// covers TIME-07
#[test]
fn a_window_keeps_as_many_items_running_as_it_holds() {
    for unordered in [false, true] {
        let (workers, window) = (8, 8);
        let pool = ThreadPool::new(workers).unwrap();
        let barrier = Arc::new(std::sync::Barrier::new(window));
        let meet = Arc::clone(&barrier);
        // Each group of eight meets: it takes eight at once.
        let stream =
            pool.stream(move |_: usize| _ = meet.wait(), 0..20 * window).buffersize(window);
        let results = if unordered { stream.imap_unordered() } else { stream.imap() };
        assert_eq!(results.unwrap().filter(Result::is_ok).count(), 20 * window);
    }
}

// covers TIME-07 IMAP-12
#[test]
fn a_window_of_the_pool_s_choice_grows() {
    // A chunk size is about when a worker looks for other work, and leaves the window alone.
    for chunksize in [None, Some(1), Some(16)] {
        a_window_grows(chunksize);
    }
}

fn a_window_grows(chunksize: Option<usize>) {
    const MOST: usize = 1_024;
    let pool = ThreadPool::new(2).unwrap();
    let gate = Gate::new();
    let (pass, grown) = (gate.clone(), gate);
    // The first item ends when the window is as large as it may be: only one that grows gets there.
    let item = move |number: usize| {
        if number == 0 {
            pass.wait();
        }
    };
    let (pulled, yielded) = (Cell::new(0), Rc::new(Cell::new(0)));
    let taken = Rc::clone(&yielded);
    let input = (0..2 * MOST).inspect(move |_| {
        pulled.set(pulled.get() + 1);
        let ahead = pulled.get() - taken.get();
        assert!(ahead <= MOST, "{ahead} items are ahead");
        if ahead == MOST {
            grown.open();
        }
    });
    let mut stream = pool.stream(item, input);
    if let Some(items) = chunksize {
        stream = stream.chunksize(items);
    }
    for result in stream.imap().unwrap() {
        result.unwrap();
        yielded.set(yielded.get() + 1);
    }
    assert_eq!(yielded.get(), 2 * MOST);
}

// covers TIME-07
#[test]
fn a_published_item_and_an_idle_worker_find_each_other() {
    // In order more than 64 items are pulled only by a window that grows.
    for (waits_for, unordered) in
        [(1, false), (64, false), (65, false), (300, false), (1, true), (500, true)]
    {
        let pool = ThreadPool::new(2).unwrap();
        let gate = Gate::new();
        let meet = gate.clone();
        let item = move |number: usize| match number {
            0 => meet.wait(),
            number if number == waits_for => meet.open(),
            _ => {}
        };
        let results = if unordered {
            pool.imap_unordered(item, 0..=waits_for)
        } else {
            pool.imap(item, 0..=waits_for)
        };
        assert_eq!(results.unwrap().filter(Result::is_ok).count(), waits_for + 1);
    }
}

// covers TIME-08
#[test]
fn captured_values_are_gone_when_the_end_is_seen() {
    let pool = ThreadPool::new(2).unwrap();
    for round in 0..2_000 {
        let (token, inside) = {
            let token = Arc::new(());
            (Arc::clone(&token), token)
        };
        let f = move |x: usize| {
            let _ = &inside;
            x
        };
        let mut results =
            if round % 2 == 0 { pool.imap(f, 0..4) } else { pool.imap_unordered(f, 0..4) }.unwrap();
        while results.next().is_some() {}
        assert_eq!(Arc::strong_count(&token), 1, "round {round}");
    }
}
