//! How a pool begins and ends.
#[test]
fn smoke() {
    use millpond::*;
    for n in 1..4 {
        let pool = ThreadPool::new(n).unwrap();
        let rs: Vec<_> = (0..1000).map(|i| pool.apply_async(move || i * 2).unwrap()).collect();
        for (i, r) in rs.into_iter().enumerate() {
            assert_eq!(r.get().unwrap(), i * 2);
        }
        assert_eq!(pool.apply(|| 5).unwrap(), 5);
        let h = pool.handle();
        // nested
        fn nest(h: &PoolHandle, d: u32) -> u32 {
            if d == 0 {
                0
            } else {
                let h2 = h.clone();
                1 + h.apply_async(move || nest(&h2, d - 1)).unwrap().get().unwrap()
            }
        }
        let h2 = h.clone();
        assert_eq!(h.apply(move || nest(&h2, 64)).unwrap(), 64);
        let e = pool.apply(|| -> u32 { panic!("x") }).unwrap_err();
        assert!(matches!(e, TaskError::Panicked(_)));
        pool.close();
        pool.join().unwrap();
        assert!(pool.apply_async(|| 1).is_err());
    }
    for _ in 0..2000 {
        let pool = ThreadPool::new(2).unwrap();
        let rs: Vec<_> = (0..10).map(|i| pool.apply_async(move || i * 2).unwrap()).collect();
        pool.terminate();
        for r in rs {
            let _ = r.get();
        }
        pool.join().unwrap();
        let pool = ThreadPool::new(2).unwrap();
        let rs: Vec<_> = (0..10).map(|i| pool.apply_async(move || i * 2).unwrap()).collect();
        pool.close();
        pool.join().unwrap();
        for r in rs {
            assert!(r.ready());
            r.get().unwrap();
        }
    }
}
#[test]
fn perf() {
    use millpond::*;
    use std::time::*;
    let pool = ThreadPool::new(2).unwrap();
    for _ in 0..3 {
        let mut v: Vec<_> = (0..100000)
            .map(|i| {
                let t = Instant::now();
                pool.apply_async(move || i as u64).unwrap().get().unwrap();
                t.elapsed().as_nanos()
            })
            .collect();
        v.sort();
        println!("rt p50 {} p99 {}", v[50000], v[99000]);
        let t = Instant::now();
        let rs: Vec<_> = (0..1000000u64).map(|i| pool.apply_async(move || i).unwrap()).collect();
        for r in rs {
            r.get().unwrap();
        }
        println!("1M {} ns/task", t.elapsed().as_nanos() / 1000000);
    }
}
