//! What can go wrong, and where it is told: errors with their type, panics with their payload, one result per item, and
//! failures that nobody looks at.

use millpond::{TaskError, ThreadPool};
use std::num::ParseIntError;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A panic in a task is a value for whoever asks, so it need not be printed as well.
    std::panic::set_hook(Box::new(|_| ()));
    let pool = ThreadPool::builder()
        .workers(2)
        .on_unobserved(|failure| println!("to whom it may concern: {failure}"))
        .build()?;

    // A function that returns a `Result` fails with its own error.
    let ports = pool.try_map(|word: &str| word.parse::<u16>(), ["80", "443", "https"]);
    match ports {
        Ok(ports) => println!("{ports:?}"),
        Err(TaskError::Failed { error, item }) => println!("item {item:?}: {error}"),
        Err(other) => println!("something else: {other}"),
    }

    // A panic is kept too. It ends neither the worker nor the process.
    let result = pool.apply_async(|| 10 / "".len())?;
    if let Err(TaskError::Panicked(panic)) = result.get() {
        println!("it panicked: {}", panic.message().unwrap_or("without a text"));
    }

    // One failure among many need not cost the other values.
    for (divisor, tenth) in pool.map_results(|divisor| 10 / divisor, 0..3)?.into_iter().enumerate()
    {
        match tenth {
            Ok(tenth) => println!("10 / {divisor} = {tenth}"),
            Err(error) => println!("10 / {divisor}: {error}"),
        }
    }

    // With an error callback one hears of a failure without waiting for it…
    let heard = pool.try_task(|| port("http")).error_callback(|error| println!("told: {error}"));
    heard.apply_async()?.detach();
    // …and the pool itself speaks for failures whose handle is dropped.
    pool.try_apply_async(|| port("gopher"))?.detach();

    pool.close();
    pool.join()?;
    // Whoever comes too late gets the work back.
    let refused = pool.apply_async(|| 6 * 7).unwrap_err();
    println!("{refused}");
    println!("{}, all the same", refused.into_task()());
    Ok(())
}

fn port(word: &str) -> Result<u16, ParseIntError> {
    word.parse()
}
