//@ E0277
use millpond::ThreadPool;
use std::cell::Cell;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let captured = Cell::new(1);
    let _ = pool.map_async(move |item: u32| captured.get() + item, [1]);
}
