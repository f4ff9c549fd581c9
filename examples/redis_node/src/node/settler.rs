//! Settles each job that has run: its effect, another attempt, or the dead letters.

use std::time::Duration;

use millpond::Results;
use redis::RedisResult;

use super::{Node, count};
use crate::work::Failure;

/// How often the settler looks whether the node has to end without what still runs.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn run(
    node: &Node<'_>,
    mut results: Results<(usize, String), Failure>,
) -> RedisResult<()> {
    let mut broker = node.broker(&node.give_up)?;
    let counters = &node.counters;
    loop {
        let (number, outcome) = match results.next_timeout(LOOK) {
            // The time was up, and a job runs that will be given back too.
            Err(_) if node.give_up.is_set() => return Ok(()),
            Err(_) => continue,
            Ok(None) => return Ok(()),
            Ok(Some(Ok((number, result)))) => (number, Ok(result)),
            Ok(Some(Err(error))) => match error.item() {
                Some(number) => (number, Err(error.to_string())),
                // The time was up. What has not run is given back.
                None => return Ok(()),
            },
        };
        let Some(job) = node.leases.get(number) else { continue };
        match outcome {
            Ok(result) => {
                let result = format!("{} by {}", result, node.rules.name);
                let is_first = broker.finish(&job, &result)?;
                count(if is_first { &counters.done } else { &counters.done_before }, 1);
            }
            Err(reason) => {
                count(&counters.failed, 1);
                if job.attempt >= node.rules.attempts {
                    let buried = broker.bury(&job, &reason)?;
                    count(&counters.buried, usize::from(buried));
                }
                // Otherwise the lease lapses, and some node begins the next attempt.
            }
        }
        // The lease was renewed until here.
        node.leases.remove(number);
    }
}
