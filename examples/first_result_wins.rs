//! Many try, the first result wins, and the others stop: what has not begun never does, and what runs asks now and then
//! whether it should go on.

use millpond::{ThreadPool, is_cancelled};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPool::new(4)?;

    // Each item is a range of numbers to search. The input is endless; only a window of it is pulled ahead of the results.
    let mut searches = pool.imap_unordered(search, 0_u64..)?;
    let found = loop {
        if let Some(found) = searches.next().expect("the input is endless")? {
            break found;
        }
    };
    println!("{found} is a lucky number: {:#018x}", mixed(found));

    // This ends the searches that are running, and those that are not will never be.
    drop(searches);
    pool.close();
    pool.join()?;
    Ok(())
}

/// The first lucky number of the range, unless there is none or somebody else had more luck.
fn search(range: u64) -> Option<u64> {
    const WIDTH: u64 = 10_000;
    for number in range * WIDTH..(range + 1) * WIDTH {
        if number % 256 == 0 && is_cancelled() {
            return None;
        }
        if mixed(number) >> 44 == 0xACE5 {
            return Some(number);
        }
    }
    None
}

/// The number, stirred until nobody could guess it (SplitMix64).
fn mixed(number: u64) -> u64 {
    let a = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    c ^ (c >> 31)
}
