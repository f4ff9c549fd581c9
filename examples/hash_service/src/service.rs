//! The requests, the numbers, and the end.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::engine::{Denied, Engine, Gauges, Job};
use crate::work;

/// How the service treats a request.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How much work a request is: see [`work::hash`].
    pub rounds: u64,
    /// How long after its arrival a request must be answered.
    pub deadline: Duration,
    /// How much of that the work itself needs.
    pub run_time: Duration,
    /// How long the service goes on after it has said that it is not ready, so that the balancer
    /// before it has heard of it.
    pub unready: Duration,
    /// How long the connections may take to end, and then the pool.
    pub drain: Duration,
}

/// How the requests ended.
#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    ok: AtomicU64,
    full: AtomicU64,
    expired: AtomicU64,
    closed: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
}

/// The state that the handlers share.
pub struct Service {
    engine: Engine,
    rules: Rules,
    ready: AtomicBool,
    /// How many times its usual work a request is: the load makes the service slow by it.
    slowness: AtomicU64,
    counters: Counters,
}

/// What is left to say at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// The requests that a handler has begun.
    pub accepted: u64,
    /// Those that it has answered.
    pub answered: u64,
    /// Those whose client was gone before the answer.
    pub given_up: u64,
    /// Whether every connection ended in time.
    pub connections_ended: bool,
    /// Whether the pool ended all accepted work in time.
    pub pool_ended: bool,
}

impl Service {
    /// Makes a service that is ready at once.
    #[must_use]
    pub fn new(engine: Engine, rules: Rules) -> Arc<Self> {
        Arc::new(Self {
            engine,
            rules,
            ready: AtomicBool::new(true),
            slowness: AtomicU64::new(1),
            counters: Counters::default(),
        })
    }

    /// Serves until `stop` is there, and then ends in order: readiness, connections, pool.
    ///
    /// # Errors
    ///
    /// Those of the listener.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Report> {
        let router = Router::new()
            .route("/hash", post(hash))
            .route("/ready", get(ready))
            .route("/metrics", get(metrics))
            .route("/slowness", put(slowness))
            .with_state(Arc::clone(&self));
        let (closing, closed) = tokio::sync::oneshot::channel();
        let state = Arc::clone(&self);
        let stopped = async move {
            stop.await;
            // [1] The balancer stops sending. Until it has heard of it, requests are served.
            state.ready.store(false, Ordering::Relaxed);
            tokio::time::sleep(state.rules.unready).await;
            _ = closing.send(());
            // [2] axum takes no more connections, and answers what it has read.
        };
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
        let drain = self.rules.drain;
        let connections_ended = tokio::select! {
            ended = serving.into_future() => ended.map(|()| true)?,
            () = async {
                _ = closed.await;
                tokio::time::sleep(drain).await;
            } => false,
        };
        // [3] No handler submits any more, so the pool can close.
        let pool_ended = self.engine.drain(drain).await;
        let Counters { accepted, ok, full, expired, closed, failed, given_up } = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok(Report {
            accepted: read(accepted),
            answered: [ok, full, expired, closed, failed].into_iter().map(read).sum(),
            given_up: read(given_up),
            connections_ended,
            pool_ended,
        })
    }

    /// The numbers in Prometheus' text form.
    fn metrics(&self) -> String {
        let Gauges { workers, running, queued } = self.engine.gauges();
        let mut text = String::new();
        let gauges = [
            ("workers", "Threads for the work.", workers),
            ("running", "Requests that run.", running),
            ("queued", "Requests that are queued.", queued),
        ];
        for (name, help, value) in gauges {
            _ = writeln!(text, "# HELP hash_service_{name} {help}");
            _ = writeln!(text, "# TYPE hash_service_{name} gauge");
            _ = writeln!(text, "hash_service_{name} {value}");
        }
        let Counters { accepted, ok, full, expired, closed, failed, given_up } = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        text += "# HELP hash_service_accepted_total Requests that a handler has begun.\n";
        text += "# TYPE hash_service_accepted_total counter\n";
        _ = writeln!(text, "hash_service_accepted_total {}", read(accepted));
        text += "# HELP hash_service_requests_total Requests by how they ended.\n";
        text += "# TYPE hash_service_requests_total counter\n";
        let ends = [
            ("ok", ok),
            ("full", full),
            ("expired", expired),
            ("closed", closed),
            ("failed", failed),
            ("given_up", given_up),
        ];
        for (end, counter) in ends {
            _ = writeln!(text, "hash_service_requests_total{{end=\"{end}\"}} {}", read(counter));
        }
        text
    }
}

/// Counts a request as given up if it is dropped before it was answered.
struct Pending<'a>(Option<&'a Counters>);

impl<'a> Pending<'a> {
    fn begin(counters: &'a Counters) -> Self {
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        Self(Some(counters))
    }

    fn answered(mut self, count: impl Fn(&Counters) -> &AtomicU64) {
        if let Some(counters) = self.0.take() {
            count(counters).fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(counters) = self.0 {
            counters.given_up.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn hash(State(service): State<Arc<Service>>, body: Bytes) -> Response {
    let arrived = Instant::now();
    let pending = Pending::begin(&service.counters);
    let Rules { rounds, deadline, run_time, .. } = service.rules;
    let rounds = rounds * service.slowness.load(Ordering::Relaxed);
    let start_by = arrived + deadline.saturating_sub(run_time);
    let work = move || work::hash(&body, rounds);
    match service.engine.run(Job { arrived, start_by, work }).await {
        Ok(value) => {
            pending.answered(|to| &to.ok);
            format!("{value:016x}\n").into_response()
        }
        Err(Denied::Full) => {
            pending.answered(|to| &to.full);
            unavailable("full\n")
        }
        Err(Denied::Expired) => {
            pending.answered(|to| &to.expired);
            unavailable("waited for too long\n")
        }
        Err(Denied::Closed) => {
            pending.answered(|to| &to.closed);
            unavailable("closing\n")
        }
        Err(Denied::Failed(reason)) => {
            pending.answered(|to| &to.failed);
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{reason}\n")).into_response()
        }
    }
}

fn unavailable(reason: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], reason).into_response()
}

async fn ready(State(service): State<Arc<Service>>) -> Response {
    if service.ready.load(Ordering::Relaxed) {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "closing\n").into_response()
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], service.metrics()).into_response()
}

async fn slowness(State(service): State<Arc<Service>>, times: String) -> Response {
    match times.trim().parse() {
        Ok(times) => {
            service.slowness.store(times, Ordering::Relaxed);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(_) => (StatusCode::BAD_REQUEST, "a whole number, please\n").into_response(),
    }
}
