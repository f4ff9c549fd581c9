//@ E0308
use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _ = pool.batch(|i: u32| i, 0..5).chunksize(2.5).map();
}
