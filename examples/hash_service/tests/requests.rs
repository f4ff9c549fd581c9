//! What becomes of requests that there is no room for, no time for, or no client for.

mod common;

use common::{limit, metric, program};
use hash_service::engine::Kind;
use hash_service::load::{Client, Server};

/// Rounds for a request that keeps the worker as long as the test lasts. Then the service is killed.
const LONG: u64 = 20_000_000_000;

fn start(kind: Kind, queue: usize, deadline_ms: u64) -> Server {
    let options = [
        format!("--engine={}", kind.name()),
        format!("--queue={queue}"),
        format!("--deadline-ms={deadline_ms}"),
        format!("--rounds={LONG}"),
        "--workers=1".to_owned(),
        "--drain-ms=0".to_owned(),
    ];
    Server::start(program(), &options).unwrap()
}

async fn until(client: &Client, name: &str, value: u64) {
    while metric(client, name).await != value {}
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_told_when_to_come_again() {
    limit();
    for kind in [Kind::Millpond, Kind::SpawnBlocking, Kind::Rayon] {
        let server = start(kind, 1, 3_600_000);
        let address = server.address;
        let ask =
            || tokio::spawn(async move { Client::new(address).send("POST", "/hash", "").await });
        let watch = Client::new(address);
        let runs = ask();
        until(&watch, "hash_service_running ", 1).await;
        let waits = ask();
        until(&watch, "hash_service_queued ", 1).await;

        let refused = watch.send("POST", "/hash", "").await.unwrap();
        assert_eq!((refused.status, refused.body.as_str()), (503, "full\n"), "{}", kind.name());
        assert!(refused.head.to_lowercase().contains("retry-after: 1"), "{}", refused.head);
        assert_eq!(metric(&watch, "hash_service_requests_total{end=\"full\"}").await, 1);
        runs.abort();
        waits.abort();
    }
}

#[tokio::test]
async fn a_client_that_gives_up_leaves_nothing_queued() {
    limit();
    for kind in [Kind::Millpond, Kind::SpawnBlocking] {
        let server = start(kind, 8, 3_600_000);
        let address = server.address;
        let ask =
            || tokio::spawn(async move { Client::new(address).send("POST", "/hash", "").await });
        let watch = Client::new(address);
        let runs = ask();
        until(&watch, "hash_service_running ", 1).await;
        let impatient: Vec<_> = (0..5).map(|_| ask()).collect();
        until(&watch, "hash_service_queued ", 5).await;

        impatient.iter().for_each(tokio::task::JoinHandle::abort);
        until(&watch, "hash_service_queued ", 0).await;
        until(&watch, "hash_service_requests_total{end=\"given_up\"} ", 5).await;
        let ok = metric(&watch, "hash_service_requests_total{end=\"ok\"}").await;
        assert!(ok <= 1, "{ok} of {} were served", kind.name());
        runs.abort();
    }
}

#[tokio::test]
async fn a_request_whose_time_is_up_is_not_begun() {
    limit();
    for kind in [Kind::Millpond, Kind::MillpondDeadline, Kind::SpawnBlocking, Kind::Rayon] {
        // Less than the answer's way takes: no time is left at the arrival.
        let server = start(kind, 8, 0);
        let client = Client::new(server.address);
        if kind == Kind::SpawnBlocking {
            // Its deadline is that of the wait for a turn. A request that need not wait begins.
            let address = server.address;
            tokio::spawn(async move { Client::new(address).send("POST", "/hash", "").await });
            until(&client, "hash_service_running ", 1).await;
        }
        let late = client.send("POST", "/hash", "").await.unwrap();
        assert_eq!(late.status, 503, "{}", kind.name());
        assert_eq!(late.body, "waited for too long\n");
    }
}
