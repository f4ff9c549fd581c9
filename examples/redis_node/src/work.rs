//! What a job does. A real node would have its own work here.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;
use std::{fmt, process, thread};

/// Why a job failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// Does a job.
///
/// * `hash TEXT` takes some time on the processor, and gives a number.
/// * `until FILE` waits until there is such a file, and gives its name.
/// * `fail TEXT` fails, `panic` panics, and `abort` ends the whole node.
///
/// # Errors
///
/// The payload is `fail`, or none of these.
///
/// # Panics
///
/// The payload is `panic`.
pub fn run(payload: &str) -> Result<String, Failure> {
    let (verb, rest) = payload.split_once(' ').unwrap_or((payload, ""));
    match verb {
        "hash" => Ok(format!("{:016x}", hash(rest))),
        "until" => {
            while !Path::new(rest).exists() {
                thread::sleep(Duration::from_millis(2));
            }
            Ok(rest.to_owned())
        }
        "fail" => Err(Failure(rest.to_owned())),
        "panic" => panic!("the payload said so"),
        "abort" => process::abort(),
        _ => Err(Failure(format!("not a payload: {payload:?}"))),
    }
}

fn hash(text: &str) -> u64 {
    const ROUNDS: u64 = 20_000;
    (0..ROUNDS).fold(0, |value, round| {
        let mut hasher = DefaultHasher::new();
        (text, value, round).hash(&mut hasher);
        hasher.finish()
    })
}
