//@ E0061
use millpond::ThreadPool;

fn task(value: u32) -> u32 {
    value
}

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _ = pool.map(task);
}
