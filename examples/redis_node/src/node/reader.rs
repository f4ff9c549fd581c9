//! Takes jobs from the stream, and from nodes that say nothing any more, and feeds the pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millpond::Feeder;
use redis::RedisResult;

use super::{Failed, Node, Rules, count};
use crate::broker::{Broker, Job};

/// The longest wait for a job: by so much the reader may be late to see that it is to stop.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

pub(super) fn run(node: &Node<'_>, feeder: Feeder<(usize, Arc<Job>)>) -> Result<(), Failed> {
    // While the server is away, the reader waits for it until the node is to stop.
    let reader = Reader { node, feeder, broker: node.broker(node.stop)? };
    match reader.run() {
        Err(_) if node.stop.is_set() => Ok(()),
        ended => ended,
    }
}

struct Reader<'a> {
    node: &'a Node<'a>,
    feeder: Feeder<(usize, Arc<Job>)>,
    broker: Broker,
}

impl Reader<'_> {
    fn run(mut self) -> Result<(), Failed> {
        let rules = self.node.rules;
        let at_once = rules.window.div_ceil(2);
        let pause = rules.lease / 2;
        let mut looked = None::<Instant>;
        self.broker.create()?;
        self.node.ready.on()?;
        while !self.node.stop.is_set() {
            if looked.is_none_or(|looked| looked.elapsed() >= pause) {
                self.take_over(at_once)?;
                looked = Some(Instant::now());
            }
            let jobs = self.broker.read(at_once, LONGEST_WAIT.min(pause))?;
            self.feed(jobs);
        }
        Ok(())
    }

    /// Takes over all jobs whose leases have lapsed.
    fn take_over(&mut self, at_once: usize) -> RedisResult<()> {
        let Rules { lease, attempts, .. } = self.node.rules;
        let mut from = Some("0-0".to_owned());
        while let (Some(next), false) = (from.take(), self.node.stop.is_set()) {
            let (mut jobs, rest) = self.broker.take_over(&next, at_once, *lease)?;
            // A node that was late to renew may meet a job of its own, which goes on.
            jobs.retain(|job| !self.node.leases.has_again(&job.entry));
            count(&self.node.counters.taken_over, jobs.len());
            let (worn, jobs): (Vec<_>, Vec<_>) =
                jobs.into_iter().partition(|job| job.attempt > *attempts);
            for mut job in worn {
                // All attempts were begun, and the last one did not fail: its node died.
                job.attempt -= 1;
                let buried = self.broker.bury(&job, "the node that ran it died")?;
                count(&self.node.counters.buried, usize::from(buried));
            }
            self.feed(jobs);
            from = rest;
        }
        Ok(())
    }

    /// Hands jobs in. While the window is full this waits, and the leases are renewed.
    fn feed(&self, jobs: Vec<Job>) {
        count(&self.node.counters.taken, jobs.len());
        let jobs: Vec<_> = jobs.into_iter().map(|job| self.node.leases.enter(job)).collect();
        for job in jobs {
            // An error is the end of the pool: the job is given back with all the others.
            _ = self.feeder.send(job);
        }
    }
}
