//! Scratch.
use millpond::*;
use std::time::*;
#[test]
fn map() {
    for n in [1, 2, 5] {
        let pool = ThreadPool::new(n).unwrap();
        for len in [0usize, 1, 2, 3, 10, 1000, 100000] {
            let v = pool.map(|x: usize| (x * 2).to_string(), 0..len).unwrap();
            assert_eq!(v.len(), len);
            for (i, s) in v.iter().enumerate() { assert_eq!(*s, (i * 2).to_string()); }
            let r = pool.batch(|x: usize| { if x % 7 == 3 { panic!("boo") } x.to_string() }, 0..len).chunksize(4).map();
            assert_eq!(r.is_err(), len > 3);
            if let Err(e) = r { assert_eq!(e.item().unwrap() % 7, 3); }
            let r = pool.batch(|x: usize| { if x % 7 == 3 { panic!("boo") } x.to_string() }, 0..len.min(100)).map();
            assert_eq!(r.is_err(), len > 3);
        }
        let h = pool.handle();
        let v = pool.map(|i| h.map(move |j| i * j, 0..100u64).unwrap().iter().sum::<u64>(), 0..100u64).unwrap();
        assert_eq!(v[1], 4950);
        assert_eq!(pool.starmap(|a, b| a + b, [(1, 2), (3, 4)]).unwrap(), [3, 7]);
        assert!(pool.batch(|x: u32| x, [1]).chunksize(0).map().is_err());
    }
}
#[test]
fn perf() {
    let pool = ThreadPool::new(2).unwrap();
    let work = |n: u64| { let mut x = n; for _ in 0..60 { x = x.wrapping_mul(6364136223846793005).wrapping_add(1); } std::hint::black_box(x) };
    for _ in 0..3 {
        let t = Instant::now(); let s: u64 = (0..100000u64).map(work).fold(0, u64::wrapping_add); let seq = t.elapsed();
        let t = Instant::now(); let v = pool.map(work, 0..100000u64).unwrap(); let par = t.elapsed();
        assert_eq!(v.iter().copied().fold(0, u64::wrapping_add), s);
        let t = Instant::now(); for _ in 0..1000 { pool.map(|x: u64| x + 1, 0..64u64).unwrap(); } let small = t.elapsed() / 1000;
        println!("seq {seq:?} par {par:?} ratio {:.3} small {small:?}", par.as_secs_f64() / seq.as_secs_f64());
    }
}
