//! A pipeline of two stages in bounded memory: the results of one stream are the input of the next.
//!
//! Each stage pulls what it needs from the one before, a window at a time, on the thread that takes the results. So nothing
//! runs ahead of the consumer by more than the windows, even if the input has no end.

use millpond::ThreadPool;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPool::new(4)?;

    // A pipeline's first stage: an endless input, of which only what is wanted is ever made.
    let lines = (1_u64..).map(|n| format!("{n} {}", n * n % 97));
    let parsed = pool.try_stream(parse, lines).buffersize(32).imap().expect("the pool is open");

    // The second: what could not be parsed is left out on the way. The iterator stays on this thread, so it may hold anything.
    let mut skipped = 0;
    let numbers = parsed.filter_map(|pair| {
        pair.inspect_err(|error| {
            skipped += 1;
            println!("left out: {error}");
        })
        .ok()
    });
    let lengths = pool.stream(|(n, weight)| (n, collatz(n) * weight), numbers).buffersize(16);

    let mut heaviest = (0, 0);
    for result in lengths.imap().expect("the pool is open").take(2_000) {
        let (n, weight) = result?;
        if weight > heaviest.1 {
            heaviest = (n, weight);
        }
    }
    println!(
        "of the first 2,000 the heaviest is {} with {}; {skipped} were left out",
        heaviest.0, heaviest.1
    );

    pool.close();
    pool.join()?;
    Ok(())
}

fn parse(line: String) -> Result<(u64, u64), String> {
    let (n, weight) = line.split_once(' ').ok_or("half a line")?;
    let (n, weight) =
        (n.parse().map_err(|_| "no number")?, weight.parse().map_err(|_| "no weight")?);
    if n % 500 == 0 { Err(format!("{n} is reserved")) } else { Ok((n, weight)) }
}

/// How many steps the number takes to 1.
fn collatz(n: u64) -> u64 {
    std::iter::successors(Some(n), |&n| {
        (n != 1).then(|| if n % 2 == 0 { n / 2 } else { 3 * n + 1 })
    })
    .count() as u64
}
