//! Nodes die and the server dies, and every job has its effect exactly once.

mod common;

use common::{NodeProcess, Server, say, until};
use redis_node::broker::Broker;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// How many jobs come in each of three rounds.
const ROUND: usize = 300;

/// The lease is short, so that a test does not take long. If it lapses under a node that lives, a
/// job runs twice and has its effect once.
const OPTIONS: [&str; 5] =
    ["--workers=2", "--window=6", "--lease-ms=1000", "--attempts=5", "--drain-ms=60000"];

fn add_round(producer: &mut Broker, round: usize, ids: &mut BTreeSet<String>) {
    for number in 0..ROUND {
        let id = format!("{round}-{number}");
        producer.add(&id, &format!("hash {id}")).unwrap();
        ids.insert(id);
    }
}

fn done_in_round(effects: &BTreeMap<String, u64>, round: usize) -> usize {
    let prefix = format!("{round}-");
    effects.keys().filter(|id| id.starts_with(&prefix)).count()
}

#[test]
fn every_job_has_its_effect_once_though_a_node_and_the_server_die() {
    let Some(mut server) = Server::start("the test of faults") else { return };
    let gate = server.file("gate");
    let waits = format!("until {}", gate.display());
    let mut nodes: Vec<_> =
        ["a", "b"].map(|name| NodeProcess::start(&server, name, &OPTIONS)).into();
    let mut producer = server.broker("producer");
    let mut ids = BTreeSet::new();

    // One job cannot end before the gate is open, and two can never end well.
    ids.insert("waits".to_owned());
    producer.add("waits", &waits).unwrap();
    producer.add("poison", "fail always").unwrap();
    producer.add("panic", "panic").unwrap();
    add_round(&mut producer, 1, &mut ids);

    // The node dies that holds the job which waits, in the middle of the first round or later.
    let holder = until("a node holds the job", || server.holder(&waits));
    until("the first round is under way", || {
        (done_in_round(&server.effects(), 1) >= ROUND / 10).then_some(())
    });
    let at = nodes.iter().position(|node| node.name == holder).unwrap();
    nodes.swap_remove(at).kill();
    let survivor = nodes.pop().unwrap();
    let undone_at_kill = ids.len() - server.effects().len();

    // The server dies in the middle of the second round or later. The job still waits.
    add_round(&mut producer, 2, &mut ids);
    until("the survivor holds the job", || {
        server.holder(&waits).filter(|holder| *holder == survivor.name)
    });
    until("the second round is under way", || {
        (done_in_round(&server.effects(), 2) >= ROUND / 10).then_some(())
    });
    let undone_at_crash = ids.len() - server.effects().len();
    server.crash_and_start_again();

    // The producer, too, does not know what has become of its jobs, and sends some again.
    add_round(&mut producer, 3, &mut ids);
    add_round(&mut producer, 2, &mut ids);
    fs::write(&gate, "open").unwrap();
    until("every job is settled", || (server.jobs() == 0).then_some(()));

    let effects = server.effects();
    let once = |id: &&String| effects.get(*id) == Some(&1);
    let strange = effects.keys().filter(|id| !ids.contains(*id)).count();
    let wrong = ids.len() - ids.iter().filter(once).count() + strange;
    let (pending, dead) = (server.pending(), server.dead());
    say(&format!(
        "jobs {}, sent twice {ROUND}, kills 1 (with {undone_at_kill} jobs not done), \
         restarts 1 (with {undone_at_crash} jobs not done), effects other than once {wrong}, \
         pending {pending}, dead letters {}",
        ids.len() + 2,
        dead.len()
    ));
    assert_eq!((wrong, pending), (0, 0));
    assert!(dead.keys().eq(["panic", "poison"]), "{dead:?}");
    // One more if the server died in the moment in which it gave the job out.
    assert!(dead.values().all(|(attempts, _)| (5..=6).contains(attempts)), "{dead:?}");
    assert!(dead["poison"].1.contains("always") && dead["panic"].1.contains("the payload said so"));
    let waited = server.result("waits").unwrap();
    assert!(waited.ends_with(&format!("by {}", survivor.name)), "{waited}");

    survivor.terminate();
    let numbers = survivor.report();
    say(&format!("the node that lived: {}", numbers.0.trim()));
    assert!(numbers.of("taken over") >= 1 && numbers.of("given back") == 0);
}

#[test]
fn a_job_that_kills_its_nodes_goes_to_the_dead_letters() {
    let Some(server) = Server::start("the test of jobs that kill") else { return };
    let mut producer = server.broker("producer");
    producer.add("killer", "abort").unwrap();
    let options = ["--workers=1", "--lease-ms=300", "--attempts=2"];
    for name in ["first", "second"] {
        let status = NodeProcess::begin(&server, name, &options).ended();
        assert!(!status.success());
    }
    let third = NodeProcess::start(&server, "third", &options);
    until("the job is buried", || (server.jobs() == 0).then_some(()));
    let dead = server.dead();
    assert_eq!(dead["killer"].0, 2, "it was begun twice");
    assert_eq!(dead["killer"].1, "the node that ran it died");
    producer.add("good", "hash good").unwrap();
    until("the node goes on", || server.result("good"));
    third.terminate();
    third.report();
}

#[test]
fn a_job_that_runs_for_many_leases_stays_with_its_node() {
    let Some(server) = Server::start("the test of leases") else { return };
    let gate = server.file("gate");
    let waits = format!("until {}", gate.display());
    let mut producer = server.broker("producer");
    producer.add("waits", &waits).unwrap();
    producer.add("poison", "fail").unwrap();
    let options = ["--workers=2", "--lease-ms=400", "--attempts=9"];
    let nodes = ["a", "b"].map(|name| NodeProcess::start(&server, name, &options));
    // Each attempt but the first begins when a lease has lapsed, so eight leases are over then.
    until("the other job is buried", || server.dead().contains_key("poison").then_some(()));
    let deliveries = server.deliveries(&waits).unwrap();
    // A machine that stands still for a moment may let a lease lapse.
    assert!(deliveries <= 4, "{deliveries} deliveries in eight leases");
    fs::write(&gate, "open").unwrap();
    until("every job is settled", || (server.jobs() == 0).then_some(()));
    for node in nodes {
        node.terminate();
        node.report();
    }
}
