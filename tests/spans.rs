//! With the feature `tracing` a task and its callbacks run in the span of their submitter (NEST-06).
//!
//! `cargo test -p millpond --features tracing --test spans` runs them.

mod common;

use common::hold_up;
use millpond::ThreadPool;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Span, Subscriber, info_span};
use tracing_core::span::Current;

thread_local! {
    /// The spans that this thread has entered, the innermost last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// How many handles of each span there are, by the span's number.
static HANDLES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

struct Recorder(Mutex<Vec<&'static Metadata<'static>>>);

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut known = self.0.lock().unwrap();
        known.push(span.metadata());
        HANDLES.lock().unwrap().push(1);
        Id::from_u64(known.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let left = ENTERED.with_borrow_mut(Vec::pop);
        assert_eq!(left, Some(span.into_u64()), "spans end in the reverse order");
    }

    fn current_span(&self) -> Current {
        let top = ENTERED.with_borrow(|entered| entered.last().copied());
        top.map_or_else(Current::none, |top| {
            Current::new(Id::from_u64(top), self.0.lock().unwrap()[top as usize - 1])
        })
    }

    fn clone_span(&self, span: &Id) -> Id {
        HANDLES.lock().unwrap()[span.into_u64() as usize - 1] += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut handles = HANDLES.lock().unwrap();
        handles[span.into_u64() as usize - 1] -= 1;
        handles[span.into_u64() as usize - 1] == 0
    }
}

/// A new span, and a pool.
fn span_and_pool() -> (Span, ThreadPool) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Recorder(Mutex::default())).unwrap();
    });
    (info_span!("request"), ThreadPool::new(2).unwrap())
}

fn number(span: &Span) -> u64 {
    span.id().expect("the subscriber takes every span").into_u64()
}

/// The spans that are entered here.
fn here() -> Vec<u64> {
    ENTERED.with_borrow(Clone::clone)
}

/// How many handles of a span there are.
fn handles(span: &Span) -> usize {
    HANDLES.lock().unwrap()[number(span) as usize - 1]
}

// covers NEST-06
#[test]
fn each_verb_runs_its_functions_in_the_span_of_the_submitter() {
    let (span, pool) = span_and_pool();
    let own = vec![number(&span)];
    let inside = span.enter();
    assert_eq!(pool.apply(here).unwrap(), own);
    assert_eq!(pool.apply_async(here).unwrap().get().unwrap(), own);
    assert_eq!(pool.try_apply(|| Ok::<_, ()>(here())).unwrap(), own);
    assert_eq!(pool.map(|_: u32| here(), 0..3).unwrap(), [(); 3].map(|()| own.clone()));
    let batch = pool.map_async(|_: u32| here(), 0..3).unwrap();
    assert_eq!(batch.get().unwrap(), [(); 3].map(|()| own.clone()));
    assert_eq!(pool.map_slice(|_: &u32| here(), &[1]).unwrap().concat(), own);
    for outcome in pool.imap(|_: u32| here(), 0..100).unwrap() {
        assert_eq!(outcome.unwrap(), own);
    }
    let in_scope = pool.scope(|s| s.apply_async(here).unwrap().get());
    assert_eq!(in_scope.unwrap(), own);
    // What a task submits has its span too. If its worker runs that task inside the other one, the
    // span is entered twice.
    let inner = pool.handle();
    let within = pool.apply(move || inner.apply_async(here).unwrap().get()).unwrap().unwrap();
    assert!(!within.is_empty() && within.iter().all(|span| *span == own[0]), "{within:?}");
    drop(inside);
    assert!(pool.apply(here).unwrap().is_empty(), "outside of the span there is none");
}

// covers NEST-06
#[test]
fn callbacks_and_error_callbacks_run_in_the_span() {
    let (span, pool) = span_and_pool();
    let own = number(&span);
    let seen = Arc::new(AtomicU64::new(0));
    let saw = || {
        let seen = Arc::clone(&seen);
        move || {
            assert_eq!(here(), [own]);
            seen.fetch_add(1, Ordering::Relaxed);
        }
    };
    let [value, error, cancelled, batch] = [(); 4].map(|()| saw());
    let inside = span.enter();
    pool.task(|| 1).callback(move |_| value()).apply_async().unwrap().get().unwrap();
    let failed = pool.task(|| panic!("deliberate")).error_callback(move |_| error());
    failed.apply_async().unwrap().get().unwrap_err();
    pool.batch(|x: u32| x, 0..3).callback(move |_| batch()).map_async().unwrap().get().unwrap();
    let gates = [(); 2].map(|()| hold_up(&pool));
    let task = pool.task(|| ()).error_callback(move |_| cancelled()).apply_async().unwrap();
    drop(inside);
    assert!(task.cancel(), "another thread, outside of the span, cancels it");
    gates.iter().for_each(common::Gate::open);
    assert_eq!(seen.load(Ordering::Relaxed), 4);
}

// covers NEST-06
#[test]
fn a_span_ends_with_its_tasks_and_not_with_their_results() {
    let (span, pool) = span_and_pool();
    let results = span.in_scope(|| {
        let one = pool.apply_async(|| 1).unwrap();
        let batch = pool.map_async(|x: u32| x, 0..3).unwrap();
        assert_eq!(pool.imap(|x: u32| x, 0..3).unwrap().count(), 3);
        pool.scope(|s| s.spawn(|| ()).unwrap());
        (one, batch)
    });
    results.0.wait();
    results.1.wait();
    assert_eq!(handles(&span), 1, "only the test has one, though results are kept");
    pool.close();
    let _refused = span.in_scope(|| pool.apply_async(|| 1).unwrap_err());
    assert_eq!(handles(&span), 1, "nor does work that was refused");
}

// covers NEST-06
#[test]
fn a_panic_leaves_the_span() {
    let (span, pool) = span_and_pool();
    span.in_scope(|| {
        pool.apply_async(|| panic!("deliberate")).unwrap().get().unwrap_err();
        pool.map(|_: u32| panic!("deliberate"), 0..10).unwrap_err();
    });
    assert_eq!(pool.map(|_: u32| here().len(), 0..100).unwrap(), [0; 100]);
}
