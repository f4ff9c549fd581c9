//@ E0277
use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _ = pool.task(|| "all done").callback(5);
}
