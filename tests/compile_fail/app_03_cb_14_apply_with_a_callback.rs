//@ E0599
use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _ = pool.task(|| 1).callback(|_| ()).apply();
}
