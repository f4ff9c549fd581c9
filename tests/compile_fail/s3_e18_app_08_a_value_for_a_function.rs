//@ E0277
use millpond::ThreadPool;

fn task() -> &'static str {
    "all done"
}

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _ = pool.apply_async(task());
}
