//@ E0499
use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    let mut stream = pool.imap(|i: u32| i, 0..3).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| stream.next());
        scope.spawn(|| stream.next());
    });
}
