//! SIGTERM: a node ends in order, and gives back what it cannot finish.

mod common;

use common::{NodeProcess, Server, say, until};
use std::fs;

const JOBS: usize = 200;

#[test]
fn a_node_that_ends_finishes_what_it_has_taken_and_takes_no_more() {
    let Some(server) = Server::start("the test of the drain") else { return };
    let gate = server.file("gate");
    let waits = format!("until {}", gate.display());
    let mut producer = server.broker("producer");
    producer.add("waits", &waits).unwrap();
    (1..JOBS).for_each(|job| producer.add(&job.to_string(), "hash it").unwrap());
    let options = ["--workers=1", "--window=4", "--lease-ms=3600000", "--drain-ms=3600000"];
    let node = NodeProcess::start(&server, "node", &options);
    until("the node holds the job that waits", || server.holder(&waits));

    node.terminate();
    until("the node is not ready", || (!node.ready.exists()).then_some(()));
    assert!(server.effects().is_empty(), "the only worker is in the job");
    fs::write(&gate, "open").unwrap();
    let numbers = node.report();
    say(&format!("SIGTERM under load: {}", numbers.0.trim()));
    let done = numbers.of("done");
    assert_eq!((numbers.of("taken"), numbers.of("given back")), (done, 0));
    // Four in the window, and two reads of half as many: one waits, one came with the signal.
    assert!((1..=8).contains(&done), "{}", numbers.0);
    assert_eq!((server.effects().len(), server.pending()), (done, 0));
    assert_eq!(server.jobs(), JOBS - done, "the others are there for other nodes");
}

#[test]
fn what_takes_too_long_is_given_back_and_another_node_takes_it_at_once() {
    let Some(server) = Server::start("the test of what is given back") else { return };
    let gate = server.file("gate");
    let waits = format!("until {}", gate.display());
    let mut producer = server.broker("producer");
    producer.add("waits", &waits).unwrap();
    producer.add("behind", "hash it").unwrap();
    // No lease lapses in this test by itself.
    let options = ["--workers=1", "--window=2", "--lease-ms=3600000", "--drain-ms=1"];
    let first = NodeProcess::start(&server, "first", &options);
    until("the node holds both jobs", || (server.pending() == 2).then_some(()));
    first.terminate();
    let numbers = first.report();
    assert_eq!((numbers.of("done"), numbers.of("given back")), (0, 2), "{}", numbers.0);

    fs::write(&gate, "open").unwrap();
    let second = NodeProcess::start(&server, "second", &options);
    until("every job is settled", || (server.jobs() == 0).then_some(()));
    second.terminate();
    let numbers = second.report();
    assert_eq!((numbers.of("taken over"), numbers.of("done")), (2, 2), "{}", numbers.0);
    assert_eq!(server.effects().into_values().collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_node_ends_though_the_server_is_away() {
    let Some(mut server) = Server::start("the test of a server that is away") else { return };
    let node = NodeProcess::start(&server, "node", &["--lease-ms=1000", "--drain-ms=1"]);
    server.crash();
    node.terminate();
    let mut node = node;
    assert!(!node.ended().success(), "it could not give anything back");
    assert!(!node.ready.exists());
}
