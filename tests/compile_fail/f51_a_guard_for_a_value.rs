//@ E0277
use millpond::ThreadPool;
use std::sync::Mutex;

static LOCK: Mutex<u32> = Mutex::new(0);

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let _ = pool.apply(|| LOCK.lock().unwrap());
}
