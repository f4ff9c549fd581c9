//@ unused_must_use
#![deny(unused_must_use)]

use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    pool.apply_async(|| 1).unwrap();
}
