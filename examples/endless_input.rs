//! An input without an end, a consumer that takes its time, and memory that stays where it is: at most the window is ahead.
//!
//! `cargo run --release --example endless_input [ITEMS]`

use millpond::ThreadPool;

/// The memory of this process, in KiB, where the system says so.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let items = std::env::args().nth(1).map_or(Ok(200_000), |items| items.parse::<u64>())?;
    let pool = ThreadPool::new(2)?;
    let mut sum = 0_u64;
    let step = (items / 10).max(1);
    for (n, square) in
        (1..=items).zip(pool.stream(|x: u64| x.wrapping_mul(x), 0..).buffersize(256).imap()?)
    {
        sum = sum.wrapping_add(square?);
        if n % step == 0 {
            // The consumer dawdles: the workers run 256 items ahead, and no further.
            std::thread::yield_now();
            println!("{n:>10} items, {} KiB", resident().map_or("?".into(), |kib| kib.to_string()));
        }
    }
    println!("sum of the squares: {sum}");
    pool.close();
    pool.join()?;
    Ok(())
}
