//@ E0277
use millpond::ThreadPool;
use std::cell::Cell;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let result = pool.apply_async(|| Cell::new(1)).unwrap();
    let _ = result.peek();
}
