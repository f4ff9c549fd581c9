//! What the scripts promise, whatever comes twice and whichever node is late.

mod common;

use common::Server;
use redis_node::broker::{Broker, Job};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// A job that `a` has taken, and `b` has taken over.
fn taken_over(server: &Server) -> (Broker, Job, Broker, Job) {
    let (mut a, mut b) = (server.broker("a"), server.broker("b"));
    a.create().unwrap();
    a.add("job", "payload").unwrap();
    let first = a.read(5, SOON).unwrap();
    let (second, end) = b.take_over("0-0", 5, Duration::ZERO).unwrap();
    let ([first], [second]) = (&first[..], &second[..]) else { panic!("{first:?} {second:?}") };
    assert_eq!((first.attempt, second.attempt, end), (1, 2, None));
    assert_eq!(
        (&first.id, &first.payload, &first.entry),
        (&second.id, &second.payload, &second.entry)
    );
    (a, first.clone(), b, second.clone())
}

#[test]
fn a_late_node_takes_no_lease_back() {
    let Some(server) = Server::start("the test of late nodes") else { return };
    let (mut a, _, mut b, job) = taken_over(&server);
    let entry = [job.entry.clone()];
    assert_eq!(a.renew(&entry).unwrap(), entry, "it is lost");
    assert_eq!(server.holder("payload").unwrap(), "b");
    assert_eq!(b.renew(&entry).unwrap(), [""; 0]);
    // A renewal is no attempt.
    let (again, _) = a.take_over("0-0", 5, Duration::ZERO).unwrap();
    assert_eq!(again[0].attempt, 3);
    assert_eq!(b.renew(&entry).unwrap(), entry);
    a.finish(&job, "result").unwrap();
    assert_eq!(a.renew(&entry).unwrap(), [""; 0], "what is settled has no lease");
    assert_eq!(server.pending(), 0);
}

#[test]
fn the_first_node_that_finishes_has_the_effect_and_no_other_call_does() {
    let Some(server) = Server::start("the test of the effect") else { return };
    let (mut a, first, mut b, second) = taken_over(&server);
    assert!(a.finish(&first, "by a").unwrap());
    // The answer was lost, the other node was late, or it gave up.
    assert!(!a.finish(&first, "again").unwrap());
    assert!(!b.finish(&second, "by b").unwrap());
    assert!(!b.bury(&second, "failed").unwrap());
    assert_eq!(server.result("job").unwrap(), "by a");
    assert_eq!((server.effects()["job"], server.pending(), server.jobs()), (1, 0, 0));
    assert!(server.dead().is_empty());
}

#[test]
fn a_job_that_is_sent_twice_has_one_effect() {
    let Some(server) = Server::start("the test of producers") else { return };
    let mut a = server.broker("a");
    a.create().unwrap();
    a.create().unwrap();
    a.add("job", "payload").unwrap();
    a.add("job", "payload").unwrap();
    let jobs = a.read(5, SOON).unwrap();
    let firsts: Vec<_> = jobs.iter().map(|job| a.finish(job, "result").unwrap()).collect();
    assert_eq!(firsts, [true, false]);
    assert_eq!((server.effects()["job"], server.pending(), server.jobs()), (1, 0, 0));
}

#[test]
fn a_job_is_buried_once_and_then_has_no_effect() {
    let Some(server) = Server::start("the test of dead letters") else { return };
    let (mut a, first, mut b, second) = taken_over(&server);
    assert!(b.bury(&second, "it failed").unwrap());
    assert!(!b.bury(&second, "it failed").unwrap());
    assert!(!a.finish(&first, "late").unwrap());
    assert_eq!(server.dead()["job"], (2, "it failed".to_owned()));
    assert!(server.effects().is_empty() && server.result("job").is_none());
    assert_eq!((server.pending(), server.jobs()), (0, 0));
}

#[test]
fn what_is_given_back_lapses_at_once_and_a_node_without_jobs_is_forgotten() {
    let Some(server) = Server::start("the test of what is given back") else { return };
    let hour = Duration::from_secs(3600);
    let (mut a, _, mut b, job) = taken_over(&server);
    assert_eq!(a.take_over("0-0", 5, hour).unwrap(), (vec![], None));
    assert_eq!(b.release(hour).unwrap(), 1);
    let (jobs, _) = a.take_over("0-0", 5, hour).unwrap();
    assert_eq!(jobs[0].entry, job.entry);
    a.finish(&jobs[0], "result").unwrap();
    assert_eq!(server.nodes(), ["a", "b"]);
    assert_eq!(b.release(hour).unwrap(), 0);
    assert_eq!(server.nodes(), ["a"]);
}
