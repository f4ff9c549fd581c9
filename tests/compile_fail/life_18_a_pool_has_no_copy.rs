//@ E0599
use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _copy: ThreadPool = pool.clone();
}
