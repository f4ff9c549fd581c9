//! The end of the service: SIGTERM under full load loses no request that was accepted.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{limit, metric, program};
use hash_service::engine::{Engine, Kind, Options};
use hash_service::load::{Client, Server};
use hash_service::service::{Rules, Service};
use tokio::net::TcpListener;

const CLIENTS: usize = 40;

/// The answers that one client has had.
#[derive(Default)]
struct Had {
    answers: u64,
    ok: u64,
    /// Of those, how many after SIGTERM was sent.
    ok_late: u64,
    closing: u64,
}

/// Asks until the service is gone. Each second client keeps its connection.
async fn ask(server: Arc<Server>, keeps: bool, sent: Arc<AtomicBool>) -> Had {
    let mut had = Had::default();
    let mut client = Client::new(server.address);
    loop {
        if !keeps {
            client = Client::new(server.address);
        }
        match client.send("POST", "/hash", "the mill is by the pond").await {
            Ok(answer) => {
                had.answers += 1;
                if answer.status == 200 {
                    had.ok += 1;
                    had.ok_late += u64::from(sent.load(Ordering::SeqCst));
                } else {
                    assert_eq!(answer.status, 503, "{}", answer.body);
                    assert!(
                        answer.head.to_lowercase().contains("retry-after: "),
                        "{}",
                        answer.head
                    );
                    had.closing += u64::from(answer.body.contains("closing"));
                }
            }
            Err(error) => {
                assert!(sent.load(Ordering::SeqCst), "the service was to be there: {error}");
                return had;
            }
        }
    }
}

#[tokio::test]
async fn every_accepted_request_is_answered_when_sigterm_comes_under_load() {
    limit();
    for kind in [Kind::Millpond, Kind::SpawnBlocking, Kind::Rayon] {
        let options =
            [&format!("--engine={}", kind.name()), "--queue=8", "--workers=1", "--rounds=100000"];
        let options = options.map(str::to_owned);
        let server = Arc::new(Server::start(program(), &options).unwrap());
        let sent = Arc::new(AtomicBool::new(false));
        let asking = (0..CLIENTS).map(|client| {
            tokio::spawn(ask(Arc::clone(&server), client % 2 == 0, Arc::clone(&sent)))
        });
        let asking: Vec<_> = asking.collect();

        let watch = Client::new(server.address);
        while metric(&watch, "hash_service_requests_total{end=\"ok\"}").await < 100
            || metric(&watch, "hash_service_queued").await == 0
        {}
        drop(watch);
        sent.store(true, Ordering::SeqCst);
        server.terminate().unwrap();

        let mut all = Had::default();
        for asker in asking {
            let had = asker.await.unwrap();
            all.answers += had.answers;
            all.ok += had.ok;
            all.ok_late += had.ok_late;
            all.closing += had.closing;
        }
        let server = Arc::into_inner(server).unwrap();
        let last = server.ended().unwrap();
        let accepted = all.answers;
        let expected = format!(
            "accepted {accepted}, answered {accepted}, given up 0, connections ended: true, \
             pool ended: true"
        );
        assert_eq!(last, expected, "{}", kind.name());
        assert!(all.ok >= 100);
        assert!(all.ok_late > 0, "the load went on when SIGTERM came");
        assert_eq!(all.closing, 0, "the pool was open as long as a handler could submit");
        println!("{}: {last}; {} of {} ok after SIGTERM", kind.name(), all.ok_late, all.ok);
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_any_more_still_serves() {
    limit();
    let options = Options { kind: Kind::Millpond, workers: 1, max_queued: 8, wait: false };
    let hour = Duration::from_secs(3600);
    let rules =
        Rules { rounds: 1, deadline: hour, run_time: Duration::ZERO, unready: hour, drain: hour };
    let service = Service::new(Engine::new(options).unwrap(), rules);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = Client::new(listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(service.serve(listener, async move { _ = stopped.await }));

    assert_eq!(client.send("GET", "/ready", "").await.unwrap().status, 200);
    drop(stop);
    while client.send("GET", "/ready", "").await.unwrap().status == 200 {}
    // New connections too: the balancer may not have heard of it yet.
    let client = Client::new(client.address());
    assert_eq!(client.send("GET", "/ready", "").await.unwrap().status, 503);
    assert_eq!(client.send("POST", "/hash", "late").await.unwrap().status, 200);
    serving.abort();
}
