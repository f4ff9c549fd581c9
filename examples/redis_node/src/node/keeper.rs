//! Renews the leases of the jobs that are here, whether they run or wait.

use redis::RedisResult;

use super::{Node, count};

pub(super) fn run(node: &Node<'_>) -> RedisResult<()> {
    let mut broker = node.broker(&node.give_up)?;
    // Two renewals may fail before a lease lapses.
    while !node.over.wait_timeout(node.rules.lease / 3) {
        let entries = node.leases.to_renew();
        if entries.is_empty() {
            continue;
        }
        let lost = broker.renew(&entries)?;
        count(&node.counters.lost, node.leases.lose(lost));
    }
    Ok(())
}
