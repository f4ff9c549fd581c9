//@ E0277
use millpond::ThreadPool;
use std::rc::Rc;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _ = pool.map(|item: Rc<u32>| *item, [Rc::new(1)]);
}
