//@ E0373
use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let local = 1;
    let _ = pool.apply_async(|| &local);
}
