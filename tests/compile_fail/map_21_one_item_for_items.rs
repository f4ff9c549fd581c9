//@ E0277
use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _ = pool.map(|i: u32| i, 5_u32);
}
