//! Prototype.
use loom::sync::Mutex;
use millpond_spec::ThreadPool;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn run(name: &str, bound: Option<usize>, f: impl Fn() + Send + Sync + 'static) -> Option<String> {
    let n = Arc::new(AtomicUsize::new(0));
    let m = n.clone();
    let mut b = loom::model::Builder::new();
    b.preemption_bound = bound;
    b.max_branches = 10_000;
    let t = std::time::Instant::now();
    let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        b.check(move || {
            m.fetch_add(1, Ordering::Relaxed);
            f();
        })
    }));
    println!("{name}: {} executions, {:?}, {}", n.load(Ordering::Relaxed), t.elapsed(), r.is_err());
    r.err().map(|p| p.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn sizes() {
    for bound in 0..4 {
        run(&format!("1w 1t b{bound}"), Some(bound), || {
            let pool = ThreadPool::new(1).unwrap();
            let a = pool.apply_async(|| 1).unwrap();
            assert_eq!(a.get().unwrap(), 1);
            pool.close();
            pool.join().unwrap();
        });
    }
    for bound in 0..4 {
        run(&format!("2w 1t b{bound}"), Some(bound), || {
            let pool = ThreadPool::new(2).unwrap();
            let a = pool.apply_async(|| 1).unwrap();
            assert_eq!(a.get().unwrap(), 1);
            pool.close();
            pool.join().unwrap();
        });
    }
    for bound in 0..3 {
        run(&format!("2w 2t b{bound}"), Some(bound), || {
            let pool = ThreadPool::new(2).unwrap();
            let a: Vec<_> = (0..2).map(|_| pool.apply_async(|| 1).unwrap()).collect();
            for a in a { assert_eq!(a.get().unwrap(), 1); }
            pool.close();
            pool.join().unwrap();
        });
    }
    for bound in 0..3 {
        run(&format!("2w 3t b{bound}"), Some(bound), || {
            let pool = ThreadPool::new(2).unwrap();
            let a: Vec<_> = (0..3).map(|_| pool.apply_async(|| 1).unwrap()).collect();
            for a in a { assert_eq!(a.get().unwrap(), 1); }
            pool.close();
            pool.join().unwrap();
        });
    }
}

#[test]
fn cache() {
    for bound in 0..3 {
    let why = run("cache", Some(bound), || {
        let pool = ThreadPool::new(2).unwrap();
        let cache = Arc::new(Mutex::new(HashMap::new()));
        let made = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..2).map(|_| {
            let (cache, made) = (cache.clone(), made.clone());
            pool.apply_async(move || {
                let there = cache.lock().unwrap().contains_key(&1);
                if !there {
                    made.fetch_add(1, Ordering::Relaxed);
                    cache.lock().unwrap().insert(1, 2);
                }
            }).unwrap()
        }).collect();
        for t in tasks { t.get().unwrap(); }
        assert_eq!(made.load(Ordering::Relaxed), 1, "made once");
        pool.close();
        pool.join().unwrap();
    });
    println!("{why:?}");
    }
}
