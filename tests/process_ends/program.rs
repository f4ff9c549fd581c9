//! A program whose panics abort. With an argument, a task panics.

use millpond::ThreadPool;

fn main() {
    let pool = ThreadPool::new(1).unwrap();
    if std::env::args().nth(1).is_some() {
        let result = pool.apply_async(|| -> u32 { panic!("in the task") }).unwrap().get();
        println!("survived: {result:?}");
        return;
    }
    let (enter, entered) = std::sync::mpsc::channel();
    let (go, goes) = std::sync::mpsc::channel::<()>();
    let answer = pool.apply_async(|| 6 * 7).unwrap().get().unwrap();
    let squares = pool.map(|x: u32| x * x, 0..3).unwrap();
    pool.spawn(move || {
        enter.send(()).unwrap();
        let _ = goes.recv();
    })
    .unwrap();
    entered.recv().unwrap();
    let queued = pool.apply_async(|| 1).unwrap();
    pool.terminate();
    drop(go);
    println!("{answer} {squares:?} {:?}", queued.get());
    pool.join().unwrap();
}
