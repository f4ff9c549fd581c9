//! Several results, each used as soon as it is there; and some of them waited for together, up to a time.

use millpond::{ReturnWhen, ThreadPool, as_completed, wait};
use std::thread::sleep;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPool::new(4)?;

    // The slowest first, and yet the quickest is told first.
    let results: Vec<_> = [40, 20, 10, 1]
        .into_iter()
        .map(|millis| pool.apply_async(move || fetch(millis)))
        .collect::<Result<_, _>>()?;
    for (index, result) in as_completed(results) {
        println!("task {index}: {}", result.get()?); // does not block
    }

    // What is not there in time can be kept for later, or cancelled, or forgotten.
    let results: Vec<_> = [1, 2, 60]
        .into_iter()
        .map(|millis| pool.apply_async(move || fetch(millis)))
        .collect::<Result<_, _>>()?;
    let waited = wait(results, ReturnWhen::AllCompleted, Some(Duration::from_millis(30)));
    println!("in time: {}, late: {}", waited.done.len(), waited.not_done.len());
    for (index, late) in waited.not_done {
        println!("task {index}: {}, late", late.get()?);
    }

    pool.close();
    pool.join()?;
    Ok(())
}

/// Stands for a server that takes its time.
fn fetch(millis: u64) -> String {
    sleep(Duration::from_millis(millis));
    format!("an answer after {millis} ms")
}
