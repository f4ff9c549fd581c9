//! The example `port_scanner`, run as its users run it.
//!
//! `cargo test` builds the examples too; `cargo test --test port_scanner` does not, and takes the one that is there.
//! Nothing but loopback is ever contacted.

mod common;

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::yield_now;

use socket2::{Domain, Socket, Type};

/// The last line of a report, with `#` for each number.
const SUMMARY: &str =
    "scanned # ports in # s with # workers: # open (serial: # s estimated from # ports; #x)";

/// What the last line of a report says.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "one test is for Linux alone"))]
struct Summary {
    ports: f64,
    took: f64,
    workers: f64,
    open: f64,
    serial: f64,
    sampled: f64,
}

impl Summary {
    fn of(output: &Output) -> Self {
        let stdout = text(&output.stdout);
        assert!(output.status.success(), "{}\n{stdout}{}", output.status, text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
        let line = stdout.lines().last().expect("a report");
        let (form, numbers) = split_numbers(line);
        assert_eq!(form, SUMMARY, "{line}");
        let [ports, took, workers, open, serial, sampled, _factor] = numbers[..] else {
            panic!("{line}")
        };
        Self { ports, took, workers, open, serial, sampled }
    }
}

/// The line with `#` in the place of each number, and the numbers.
fn split_numbers(line: &str) -> (String, Vec<f64>) {
    let mut form = String::new();
    let mut numbers = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
        form += before;
        form.push('#');
        numbers.push(number[..end].parse().expect("a number"));
        rest = &number[end..];
    }
    (form + rest, numbers)
}

fn example() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // target/<profile>/deps/<test>
    let profile = test.ancestors().nth(2).expect("a test lies in a target directory");
    let example = profile.join("examples").join(format!("port_scanner{EXE_SUFFIX}"));
    assert!(
        example.exists(),
        "no {}: `cargo build --example port_scanner` makes it",
        example.display()
    );
    example
}

fn scan<S: AsRef<OsStr>>(args: &[S]) -> Output {
    /// Wine's "internal error", with which it may refuse to start a process on a busy machine.
    const BUSY: i32 = 1359;
    loop {
        match Command::new(example()).args(args).output() {
            Err(error) if cfg!(windows) && error.raw_os_error() == Some(BUSY) => yield_now(),
            output => return output.expect("the example starts"),
        }
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn open_ports(output: &Output) -> Vec<u16> {
    let port = |line: &str| line.strip_prefix("open: ").map(|port| port.parse().expect("a port"));
    text(&output.stdout).lines().filter_map(port).collect()
}

/// Exactly one line on stderr, which it gives, and nothing on stdout.
fn error_line(output: &Output, exit_code: i32) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit_code), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let line = stderr.strip_suffix('\n').and_then(|line| line.strip_prefix("error: "));
    line.unwrap_or_else(|| panic!("{stderr}")).to_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn without_arguments_it_scans_its_own_host() {
    let output = scan::<&str>(&[]);
    let summary = Summary::of(&output);
    assert_eq!((summary.ports, summary.workers, summary.open), (1024.0, 1024.0, 2.0));
    assert_eq!(summary.sampled, 40.0);
    assert!(summary.serial > summary.took);
    let open = open_ports(&output);
    assert_eq!(open.len(), 2);
    assert!(open.is_sorted());
}

#[test]
#[cfg(target_os = "linux")]
fn with_few_descriptors_it_says_how_many_ports_it_can_scan() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 200 && exec \"$0\" --timeout 50"])
        .arg(example())
        .output()
        .expect("there is a shell");
    let summary = Summary::of(&output);
    assert!(summary.ports < 200.0);
    assert_eq!((summary.workers, summary.open), (summary.ports, 2.0));
    let note = format!("leaves room for {} ports, not 1024", summary.ports);
    assert!(text(&output.stdout).contains(&note), "{}", text(&output.stdout));
}

#[test]
fn it_finds_a_listener_among_its_neighbours() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    let (first, last) = (port - 2, port.saturating_add(2));
    let range = format!("{first}-{last}");
    for workers in [None, Some("1"), Some("2"), Some("9")] {
        let mut args = vec!["127.0.0.1", &range];
        args.extend(workers.iter().flat_map(|&workers| ["--workers", workers]));
        let output = scan(&args);
        let summary = Summary::of(&output);
        assert_eq!(summary.ports, f64::from(last - first + 1));
        assert_eq!(
            summary.workers,
            workers.map_or(summary.ports, |workers| workers.parse().expect("a number"))
        );
        // The neighbours may belong to anybody.
        let open = open_ports(&output);
        assert!(open.contains(&port) && open.is_sorted(), "{open:?}");
        assert_eq!(summary.open, open.len() as f64);
    }
}

#[test]
fn a_port_that_nobody_listens_on_is_not_open() {
    let bound = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    bound.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("loopback");
    let port = bound.local_addr().expect("bound").as_socket().expect("an address").port();
    let output = scan(&["127.0.0.1", &format!("{port}-{port}")]);
    let summary = Summary::of(&output);
    assert_eq!(
        (summary.ports, summary.workers, summary.open, summary.sampled),
        (1.0, 1.0, 0.0, 1.0)
    );
    assert!(open_ports(&output).is_empty());
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    // A part of a name has at most 63 letters: nobody needs to be asked to know that this is no host.
    let nowhere = "a".repeat(64);
    let bad: &[(&[&str], &str)] = &[
        (&[&nowhere, "1-2"], "does not resolve"),
        (&["127.0.0.1", "9-1"], "reversed"),
        (&["127.0.0.1", "0-9"], "port 0 is not in 1-65535"),
        (&["127.0.0.1", "1-65536"], "port 65536 is not in 1-65535"),
        (&["127.0.0.1", "1-99999999999999999999"], "99999999999999999999"),
        (&["127.0.0.1", "a-9"], "port \"a\""),
        (&["127.0.0.1", "1-"], "port \"\""),
        (&["127.0.0.1", "80"], "looks like 1-1024"),
        (&["127.0.0.1", "1-2", "3-4"], "unexpected argument"),
        (&["--workers", "0"], "--workers"),
        (&["--workers", "many"], "'many'"),
        (&["--workers", "-1"], "'-1'"),
        (&["--workers"], "--workers"),
        (&["--timeout", "0"], "--timeout"),
        (&["--timeout", "0.5"], "'0.5'"),
        (&["--timeout", "soon"], "'soon'"),
        (&["--treads", "2"], "--treads"),
    ];
    for (args, expected) in bad {
        let output = scan(args);
        let line = error_line(&output, 2);
        assert!(line.contains(expected), "{args:?}: {line}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}

#[test]
fn a_pool_that_cannot_be_is_an_error_of_the_run() {
    let line = error_line(&scan(&["127.0.0.1", "1-1", "--workers", "65536"]), 1);
    assert!(line.starts_with("cannot start the pool: 65536 workers"), "{line}");
}

#[test]
fn help_is_no_error() {
    let output = scan(&["--help"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "");
    assert!(text(&output.stdout).contains("[HOST] [FIRST-LAST]"));
}
