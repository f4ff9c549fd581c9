//@ E0277
use millpond::ThreadPool;

fn main() {
    let _ = ThreadPool::builder().initializer(5);
}
