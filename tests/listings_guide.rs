//! The complete programs of the guide S3, with their sleeps scaled down and their random numbers from a fixed seed; each test
//! asserts what its program prints. S3-E17 is in tests/no_hangs.rs; S3-E18 to S3-E21 do not compile: tests/compile_fail.

mod common;
mod parity;

use common::Gate;
use millpond::{JoinError, TaskError, ThreadPool};
use parity::{Random, Transcript, sleep};
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

fn pool() -> ThreadPool {
    ThreadPool::builder().build().unwrap()
}

// covers S3-E1
#[test]
fn a_thread_without_a_pool_speaks_after_the_main_thread() {
    let (out, gate) = (Transcript::new(), Gate::new());
    let (print, pass) = (out.clone(), gate.clone());
    let thread = thread::spawn(move || {
        pass.wait();
        print.say("This is coming from another thread");
    });
    out.say("Waiting for the new thread to finish...");
    gate.open();
    thread.join().unwrap();
    assert_eq!(
        out.lines(),
        ["Waiting for the new thread to finish...", "This is coming from another thread"]
    );
}

/// Sockets on loopback that keep their ports; some of them listen.
fn sockets(count: usize, listens: impl Fn(usize) -> bool) -> Vec<(u16, Socket)> {
    let mut sockets: Vec<_> = (0..count)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
            (socket.local_addr().unwrap().as_socket().unwrap().port(), socket)
        })
        .collect();
    sockets.sort_unstable_by_key(|(port, _)| *port);
    for (i, (_, socket)) in sockets.iter().enumerate().filter(|(i, _)| listens(*i)) {
        socket.listen(1).unwrap_or_else(|error| panic!("socket {i}: {error}"));
    }
    sockets
}

/// The guide's `test_port_number`. A port that does not answer takes its caller's time, as one behind a firewall does.
fn test_port_number(port: u16) -> bool {
    let open = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    if !open {
        sleep(0.5);
    }
    open
}

// covers S3-E2 S3-E3
#[test]
fn a_concurrent_port_scan_finds_the_same_ports_all_at_once() {
    let sockets = sockets(64, |i| i == 5 || i == 40);
    let ports: Vec<_> = sockets.iter().map(|(port, _)| *port).collect();
    let expected = [5, 40].map(|i: usize| format!("> 127.0.0.1:{} open", ports[i]));
    let report = |open: Vec<bool>| -> Vec<_> {
        let open = ports.iter().zip(open).filter(|(_, open)| *open);
        open.map(|(port, _)| format!("> 127.0.0.1:{port} open")).collect()
    };

    let open = ports.iter().map(|port| test_port_number(*port)).collect();
    assert_eq!(report(open), expected);

    let pool = ThreadPool::new(ports.len()).unwrap();
    // One by one, or by one worker less, they would never get past it.
    let all_at_once = Barrier::new(ports.len());
    let scan = move |_host: &str, port| {
        all_at_once.wait();
        test_port_number(port)
    };
    let open = pool.starmap(scan, ports.iter().map(|port| ("", *port)));
    assert_eq!(report(open.unwrap()), expected, "in the order of the ports");
}

/// The task of S3-E4 to S3-E6: takes a while, and gives its argument with a random number.
fn work(value: u32, random: &Random) -> (u32, f64) {
    let number = random.draw();
    sleep(number);
    (value, number)
}

// covers S3-E4
#[test]
fn map_gives_its_results_in_order_after_the_last_task() {
    let (out, random) = (Transcript::new(), Random::new(4));
    let (print, pool) = (out.clone(), pool());
    let task = |value| {
        let result = work(value, &random);
        print.say("done");
        result
    };
    for result in pool.map(task, 0..10).unwrap() {
        out.say(format!(">got {result:?}"));
    }
    let lines = out.lines();
    assert_eq!(lines[..10], ["done"; 10], "all tasks end before the first line");
    for (i, line) in lines[10..].iter().enumerate() {
        assert!(line.starts_with(&format!(">got ({i}, 0.")), "{line}");
    }
    assert_eq!(lines.len(), 20);
}

// covers S3-E5
#[test]
fn a_forgotten_task_runs_before_join_returns() {
    let (out, random) = (Transcript::new(), Random::new(5));
    let (print, pool) = (out.clone(), pool());
    let task = move || print.say(format!(">task got {:?}", work(1, &random)));
    pool.apply_async(task).unwrap().detach();
    pool.close();
    pool.join().unwrap();
    assert_eq!(out.lines(), [format!(">task got {:?}", (1, Random::new(5).draw()))]);
}

// covers S3-E6
#[test]
fn a_forgotten_batch_runs_before_join_returns() {
    let (out, random) = (Transcript::new(), Random::new(6));
    let (print, pool) = (out.clone(), pool());
    let task = move |value| print.say(format!(">task got {:?}", work(value, &random)));
    pool.map_async(task, 0..10).unwrap().detach();
    pool.close();
    pool.join().unwrap();
    let mut lines = out.lines();
    lines.sort_unstable();
    assert_eq!(lines.len(), 10);
    for (i, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!(">task got ({i}, 0.")), "{line}");
    }
}

// covers S3-E7 IMAP-02
#[test]
fn imap_unordered_yields_results_as_they_are_completed() {
    let (out, random, gate) = (Transcript::new(), Random::new(7), Gate::new());
    // At least two workers, one of which waits.
    let (pool, pass, print) = (ThreadPool::new(2).unwrap(), gate.clone(), out.clone());
    let task = move |value| {
        let result = work(value, &random);
        if value == 0 {
            // The first task ends last: only a line of another one lets it go on.
            pass.wait();
            print.say("the first task ends");
        }
        result
    };
    for result in pool.imap_unordered(task, 0..10).unwrap() {
        let (value, _) = result.unwrap();
        out.say(format!(">got {value}"));
        if out.lines().len() == 5 {
            gate.open();
        }
    }
    let lines = out.lines();
    assert!(lines[..5].iter().all(|line| line.starts_with(">got ")), "{lines:?}");
    let mut got: Vec<_> = lines.iter().filter(|line| line.starts_with(">got ")).collect();
    got.sort_unstable();
    assert_eq!(
        got,
        (0..10).map(|i| format!(">got {i}")).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
}

// covers S3-E9 HANG-01
#[test]
fn a_failing_initializer_fails_the_first_call() {
    for workers in [1, 4] {
        let builder = ThreadPool::builder().workers(workers);
        let pool = builder.initializer(|_| panic!("Something bad happened!")).build().unwrap();
        let error = pool.apply(|| sleep(1.0)).unwrap_err();
        // Which of the two depends on whether an initializer had run before the call.
        match error {
            TaskError::Broken(why) => assert_eq!(why.message(), Some("Something bad happened!")),
            TaskError::NotSubmitted(kind) => assert_eq!(kind, millpond::SubmitErrorKind::Broken),
            other => panic!("{other}"),
        }
    }
}

// covers S3-E10
#[test]
fn a_task_may_handle_its_own_failure() {
    let task = || {
        sleep(1.0);
        let attempt = std::panic::catch_unwind(|| panic!("Something bad happened!"));
        attempt.unwrap_or("Unable to get the result")
    };
    assert_eq!(pool().apply_async(task).unwrap().get().unwrap(), "Unable to get the result");
}

/// The task of S3-E11 to S3-E13 and S3-E22.
fn failing() -> &'static str {
    sleep(1.0);
    panic!("Something bad happened!")
}

// covers S3-E11 S3-E12
#[test]
fn a_caller_may_handle_the_failure_of_a_task() {
    let pool = pool();
    let by_get = pool.apply_async(failing).unwrap().get();
    assert_eq!(by_get.unwrap_or("Unable to get the result"), "Unable to get the result");
    let by_apply = pool.apply(failing);
    assert_eq!(by_apply.unwrap_or("Unable to get the result"), "Unable to get the result");
}

// covers S3-E13
#[test]
fn a_caller_may_ask_whether_a_task_has_failed() {
    let pool = pool();
    let result = pool.apply_async(failing).unwrap();
    result.wait();
    let value = if result.successful().unwrap() {
        result.get().unwrap()
    } else {
        "Unable to get the result"
    };
    assert_eq!(value, "Unable to get the result");
}

// covers S3-E14 S3-E15 MAP-15
#[test]
fn one_failing_item_of_five_fails_the_batch() {
    let pool = pool();
    let task = |value: u32| {
        sleep(1.0);
        assert!(value != 2, "Something bad happened!");
        value
    };
    let out = Transcript::new();
    let errors = [
        pool.map(task, 0..5)
            .map(|values| values.iter().for_each(|value| out.say(value.to_string()))),
        pool.map_async(task, 0..5)
            .unwrap()
            .get()
            .map(|values| values.iter().for_each(|value| out.say(value.to_string()))),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!(error.item(), Some(2));
        let TaskError::Panicked(panic) = error else { panic!("{error}") };
        assert_eq!(panic.message(), Some("Something bad happened!"));
    }
    assert_eq!(out.lines(), [""; 0], "no value is printed");
}

// covers S3-E22
#[test]
fn an_unobserved_failure_stays_in_its_handle() {
    let pool = pool();
    let result = pool.apply_async(failing).unwrap();
    // Python prints nothing, ever. Here the failure is in the handle, which must be used.
    assert!(result.wait());
    assert!(matches!(result.peek(), Some(Err(TaskError::Panicked(_)))));
    drop(result);
    pool.apply(|| ()).unwrap();
}

// covers S3-E23
#[test]
fn join_of_a_running_pool_is_refused() {
    let pool = pool();
    let result = pool.apply_async(|| {
        sleep(1.0);
        "all done"
    });
    let error = pool.join().unwrap_err();
    assert_eq!(
        (error, error.to_string().as_str()),
        (JoinError::StillRunning, "Pool is still running")
    );
    assert_eq!(result.unwrap().get().unwrap(), "all done");
}

// covers S3-E24
#[test]
fn a_closed_pool_gives_a_task_back() {
    let pool = pool();
    pool.close();
    let refused = pool.apply_async(|| "all done").unwrap_err();
    assert_eq!(refused.to_string(), "Pool not running");
    assert_eq!(refused.into_task()(), "all done", "it comes back");
    assert_eq!(pool.join_timeout(Duration::MAX), Ok(()));
}
