//! The complete programs of the tutorials S0, S1, S2 and S4, with their sleeps scaled down and their random numbers from a
//! fixed seed; each test asserts what its program prints. The guide S3 is in tests/listings_guide.rs.

mod common;
mod parity;

use common::Gate;
use millpond::{NotReady, PoolHandle, ThreadPool, Timeout};
use parity::{Random, SECOND, Transcript, sleep};
use std::time::Duration;

fn pool() -> ThreadPool {
    ThreadPool::builder().build().unwrap()
}

fn end(pool: &ThreadPool) {
    pool.close();
    pool.join().unwrap();
}

// ---- S0: apply_async ----

// covers S0-E1
#[test]
fn a_task_ends_before_join_returns() {
    let (pool, out) = (pool(), Transcript::new());
    let print = out.clone();
    let task = move || {
        print.say("Task executing");
        sleep(1.0);
        print.say("Task done");
    };
    pool.apply_async(task).unwrap().detach();
    end(&pool);
    assert_eq!(out.lines(), ["Task executing", "Task done"]);
}

// covers S0-E2
#[test]
fn a_task_is_given_its_argument() {
    let (pool, out) = (pool(), Transcript::new());
    let print = out.clone();
    let task = move |message: &str| {
        print.say(format!("Task executing: {message}"));
        sleep(1.0);
        print.say(format!("Task done: {message}"));
    };
    pool.apply_async(move || task("Hello world")).unwrap().detach();
    end(&pool);
    assert_eq!(out.lines(), ["Task executing: Hello world", "Task done: Hello world"]);
}

/// The task of S0-E3 and S0-E6.
fn generate(random: &Random, out: &Transcript) -> f64 {
    let value = random.draw();
    out.say(format!("Task generated {value}"));
    sleep(1.0);
    out.say(format!("Task done with {value}"));
    value
}

// covers S0-E3
#[test]
fn a_callback_receives_the_value_after_the_task() {
    let (pool, out, random) = (pool(), Transcript::new(), Random::new(3));
    let (print, receives) = (out.clone(), out.clone());
    let task = pool.task(move || generate(&random, &print));
    let task = task.callback(move |result| receives.say(format!("Callback received: {result}")));
    task.apply_async().unwrap().detach();
    end(&pool);
    let value = Random::new(3).draw();
    let expected = ["Task generated", "Task done with", "Callback received:"];
    assert_eq!(out.lines(), expected.map(|line| format!("{line} {value}")));
}

// covers S0-E4
#[test]
fn an_error_callback_receives_the_error_of_its_task() {
    let (pool, out) = (pool(), Transcript::new());
    let (print, told) = (out.clone(), out.clone());
    let task = pool.task(move || {
        print.say("Task executing");
        sleep(1.0);
        panic!("Something bad happened")
    });
    let task = task.callback(|&()| unreachable!());
    let task = task.error_callback(move |error| {
        let millpond::TaskError::Panicked(panic) = error else { panic!("{error}") };
        told.say(format!("Got an Error: {panic}"));
    });
    task.apply_async().unwrap().detach();
    end(&pool);
    assert_eq!(out.lines(), ["Task executing", "Got an Error: Something bad happened"]);
}

// covers S0-E5
#[test]
fn wait_returns_after_the_task() {
    let (pool, out) = (pool(), Transcript::new());
    let print = out.clone();
    let result = pool.apply_async(move || {
        print.say("Task executing");
        sleep(1.0);
        print.say("Task done");
    });
    result.unwrap().wait();
    assert_eq!(out.lines(), ["Task executing", "Task done"]);
    pool.close();
}

// covers S0-E6 RES-06
#[test]
fn get_gives_the_value() {
    let (pool, out, random) = (pool(), Transcript::new(), Random::new(6));
    let print = out.clone();
    let value = pool.apply_async(move || generate(&random, &print)).unwrap().get().unwrap();
    out.say(format!("Got: {value}"));
    pool.close();
    let expected = ["Task generated", "Task done with", "Got:"];
    let value = Random::new(6).draw();
    assert_eq!(out.lines(), expected.map(|line| format!("{line} {value}")));
}

// covers S0-E7
#[test]
fn get_of_a_failed_task_gives_its_error() {
    let (pool, out) = (pool(), Transcript::new());
    let print = out.clone();
    let result = pool.apply_async(move || -> &str {
        print.say("Task executing");
        sleep(1.0);
        panic!("Something bad happened")
    });
    match result.unwrap().get() {
        Ok(value) => out.say(value),
        Err(millpond::TaskError::Panicked(panic)) => out.say(format!("Failed with: {panic}")),
        Err(other) => out.say(other.to_string()),
    }
    pool.close();
    assert_eq!(out.lines(), ["Task executing", "Failed with: Something bad happened"]);
}

// ---- S1: follow-up tasks ----

// covers S1-E2 CB-03 CB-09
#[test]
fn a_callback_submits_follow_ups_after_all_of_its_batch() {
    let (pool, out, random) = (pool(), Transcript::new(), Random::new(12));
    let (print, follow) = (out.clone(), out.clone());
    let (draw, redraw) = (random.clone(), random);
    let task1 = move |identifier: usize| {
        let value = draw.draw();
        sleep(value);
        print.say(format!(">{identifier} generated {value}"));
        (identifier, value)
    };
    let task2 = move |identifier: usize, value: f64| {
        let more = redraw.draw();
        sleep(more);
        follow.say(format!(">>{identifier} with {value}, generated {more}"));
    };
    // It submits to the pool that it runs on.
    let callback = move |results: &Vec<(usize, f64)>| {
        let pool = PoolHandle::current().unwrap();
        for (identifier, value) in results.iter().copied().filter(|(_, value)| *value > 0.5) {
            let task2 = task2.clone();
            pool.spawn(move || task2(identifier, value)).unwrap();
        }
    };
    let result = pool.batch(task1, 0..10).callback(callback).map_async().unwrap();
    result.wait();
    let values = result.get().unwrap();
    end(&pool);
    out.say("All done.");

    let lines = out.lines();
    assert!(
        lines[..10].iter().all(|line| line.starts_with('>') && !line.starts_with(">>")),
        "{lines:#?}"
    );
    let mut follow_ups: Vec<_> = values.iter().filter(|(_, value)| *value > 0.5).collect();
    assert!((1..10).contains(&follow_ups.len()), "the seed must give both kinds");
    for line in &lines[10..lines.len() - 1] {
        let about = |(i, value): &&(usize, f64)| line.starts_with(&format!(">>{i} with {value}, "));
        follow_ups.remove(follow_ups.iter().position(about).expect(line));
    }
    assert!(follow_ups.is_empty(), "{follow_ups:?}");
    assert_eq!(lines.last().unwrap(), "All done.");
}

// ---- S2: getting results ----

// covers S2-E1
#[test]
fn get_gives_the_value_inside_a_block() {
    let (pool, out, random) = (pool(), Transcript::new(), Random::new(21));
    let result = pool.apply_async(move || {
        sleep(1.0);
        random.draw()
    });
    out.say("Waiting for result...");
    let value = result.unwrap().get().unwrap();
    out.say(format!("Got: {value}"));
    assert_eq!(
        out.lines(),
        ["Waiting for result...".into(), format!("Got: {}", Random::new(21).draw())]
    );
    assert!((0.0..1.0).contains(&value));
}

// covers S2-E2
#[test]
fn map_async_gives_values_in_order() {
    let random = Random::new(22);
    let task = move |value: u32| {
        sleep(1.0);
        f64::from(value) + random.draw()
    };
    let values = pool().map_async(task, 0..5).unwrap().get().unwrap();
    assert_eq!(values.into_iter().map(f64::floor).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0]);
}

// covers S2-E3
#[test]
fn starmap_async_gives_values_in_order() {
    let random = Random::new(23);
    let task = move |a: u32, b: u32, c: u32| {
        sleep(1.0);
        f64::from(a + b + c) + random.draw()
    };
    let items: Vec<_> = (0..5).map(|i| (i, i * 2, i * 3)).collect();
    let values = pool().starmap_async(task, items).unwrap().get().unwrap();
    assert_eq!(
        values.into_iter().map(f64::floor).collect::<Vec<_>>(),
        [0.0, 6.0, 12.0, 18.0, 24.0]
    );
}

// ---- S4: AsyncResult ----

/// The task of all listings of S4.
fn execute(identifier: usize, value: f64, out: &Transcript) -> f64 {
    out.say(format!("Task {identifier} executing with {value}"));
    sleep(value);
    value
}

// covers S4-E1 S4-E4 S4-E7
#[test]
fn a_result_of_apply_async_can_be_awaited_got_or_forgotten() {
    let (pool, out) = (pool(), Transcript::new());
    let task = || {
        let (print, random) = (out.clone(), Random::new(41));
        move || execute(0, random.draw(), &print)
    };
    let first = pool.apply_async(task()).unwrap();
    first.wait();
    let line = format!("Task 0 executing with {}", Random::new(41).draw());
    assert_eq!(out.lines(), [line.as_str()], "wait returns after the task's line");
    let value = pool.apply_async(task()).unwrap().get().unwrap();
    assert_eq!(format!("Task 0 executing with {value}"), line);
    pool.apply_async(task()).unwrap().detach();
    end(&pool);
    assert_eq!(out.lines(), [line.as_str(); 3]);
}

// covers S4-E2 S4-E3
#[test]
fn map_async_and_starmap_async_give_each_item_its_own_argument() {
    let (pool, out, random) = (pool(), Transcript::new(), Random::new(42));
    let (print, draw) = (out.clone(), random.clone());
    pool.map_async(move |i| execute(i, draw.draw(), &print), 0..10).unwrap().detach();
    end(&pool);
    let mut lines: Vec<_> = out.lines().iter().map(|line| line[..21].to_owned()).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        (0..10).map(|i| format!("Task {i} executing with")[..21].to_owned()).collect::<Vec<_>>()
    );

    let (pool, out) = (self::pool(), Transcript::new());
    let print = out.clone();
    let items: Vec<_> = (0..10).map(|i| (i, random.draw())).collect();
    pool.starmap_async(move |i, value| execute(i, value, &print), items.clone()).unwrap().detach();
    end(&pool);
    let mut lines = out.lines();
    lines.sort_unstable();
    let expected: Vec<_> =
        items.iter().map(|(i, value)| format!("Task {i} executing with {value}")).collect();
    assert_eq!(lines, expected, "each with its own argument");
}

// covers S4-E5 RES-07
#[test]
fn get_with_a_time_limit_gives_the_value_or_times_out() {
    for quick in [true, false] {
        let (pool, out, gate) = (pool(), Transcript::new(), Gate::new());
        let (print, pass) = (out.clone(), gate.clone());
        if quick {
            gate.open();
        }
        let result = pool.apply_async(move || {
            print.say("Task 0 executing");
            pass.wait();
            print.say("Task 0 done");
            0.4
        });
        // The quick one has all the time there is.
        let limit = if quick { Duration::MAX } else { SECOND / 2 };
        match result.unwrap().get_timeout(limit) {
            Ok(value) => out.say(format!("Got: {}", value.unwrap())),
            Err(Timeout(_)) => out.say("Failed to get the result"),
        }
        gate.open();
        end(&pool);
        let mut lines = out.lines();
        let said = lines.remove(lines.iter().position(|line| !line.starts_with("Task")).unwrap());
        assert_eq!(said, if quick { "Got: 0.4" } else { "Failed to get the result" });
        assert_eq!(
            lines,
            ["Task 0 executing", "Task 0 done"],
            "join waits for the task in any case"
        );
    }
}

// covers S4-E6 S4-E11
#[test]
fn a_failing_task_gives_its_error_and_was_not_successful() {
    let (pool, out) = (pool(), Transcript::new());
    let task = || {
        let print = out.clone();
        move || -> f64 {
            execute(0, 0.25, &print);
            panic!("Something bad happened")
        }
    };
    match pool.apply_async(task()).unwrap().get() {
        Ok(value) => out.say(format!("Got: {value}")),
        Err(millpond::TaskError::Panicked(panic)) => {
            out.say(format!("Failed to get the result: {panic}"))
        }
        Err(other) => panic!("{other}"),
    }
    let result = pool.apply_async(task()).unwrap();
    result.wait();
    out.say(format!(
        "Tasks were {}successful",
        if result.successful().unwrap() { "" } else { "not " }
    ));
    let executing = "Task 0 executing with 0.25";
    let failed = "Failed to get the result: Something bad happened";
    assert_eq!(out.lines(), [executing, failed, executing, "Tasks were not successful"]);
}

// covers S4-E8 S4-E9 S4-E12 RES-02
#[test]
fn a_task_that_is_not_done_can_be_asked_and_waited_for() {
    let (pool, out, gate) = (pool(), Transcript::new(), Gate::new());
    let (print, pass) = (out.clone(), gate.clone());
    let result = pool.apply_async(move || {
        pass.wait();
        print.say("Task 0 done");
    });
    let result = result.unwrap();
    assert_eq!(result.successful(), Err(NotReady));
    assert_eq!(result.successful().unwrap_err().to_string(), "not ready");
    assert!(!result.wait_timeout(SECOND / 2), "it returns although the task goes on");
    assert!(!result.ready(), "Tasks are not complete");
    pool.close();
    gate.open();
    pool.join().unwrap();
    assert_eq!(out.lines(), ["Task 0 done"], "join completes the rest");
    assert!(result.ready(), "Tasks are complete");
}

// covers S4-E10
#[test]
fn a_task_that_gave_a_value_was_successful() {
    let (pool, out) = (pool(), Transcript::new());
    let print = out.clone();
    let result = pool.apply_async(move || execute(0, 0.5, &print)).unwrap();
    result.wait();
    out.say(if result.successful().unwrap() {
        "Tasks were successful"
    } else {
        "Tasks were not successful"
    });
    assert_eq!(out.lines(), ["Task 0 executing with 0.5", "Tasks were successful"]);
}
