//@ E0308 E0600 E0308
use millpond::ThreadPool;

fn main() {
    let _ = ThreadPool::new(2.5);
    let _ = ThreadPool::new(-1);
    let _ = ThreadPool::new("a");
}
