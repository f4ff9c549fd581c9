//@ E0599 E0599
use millpond::ThreadPool;

fn main() {
    let _ = ThreadPool::builder().maxtasksperchild(1);
    let _ = ThreadPool::builder().context("spawn");
}
