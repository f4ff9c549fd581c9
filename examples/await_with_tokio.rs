//! Blocking work beside an async runtime: a handle is a future, so the runtime's threads never wait.

use millpond::ThreadPool;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPool::new(2)?;

    // One after the other…
    let words = pool.apply_async(|| count_words("the mill is by the pond"))?.await?;
    println!("{words} words");

    // …and two at a time. Dropping such a future would detach the task, not cancel it.
    let (mill, pond) = tokio::join!(
        pool.apply_async(|| count_words("mill"))?,
        pool.apply_async(|| count_words("the pond"))?,
    );
    println!("{} and {} words", mill?, pond?);

    pool.close();
    // `join` blocks its thread: in a program that goes on, it belongs on one that may.
    pool.join()?;
    Ok(())
}

/// Stands for something that takes a while and is not async.
fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}
