//! What the nodes ask of Redis: a stream of jobs, read by a group of consumers.

use std::sync::Arc;
use std::time::Duration;

use redis::streams::{
    StreamAutoClaimOptions, StreamAutoClaimReply, StreamId, StreamPendingCountReply,
    StreamReadOptions, StreamReadReply,
};
use redis::{Client, Commands, RedisResult, Script, pipe};

use crate::flag::Flag;
use crate::link::Link;

/// The keys of one queue. They have one hash tag, so a cluster keeps them on one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    /// The stream of the jobs.
    pub jobs: String,
    /// The stream of the jobs that failed too often.
    pub dead: String,
    /// The result of each job, by its id.
    pub results: String,
    /// How often each job had its effect, by its id. It is never more than once.
    pub effects: String,
}

impl Keys {
    /// The keys of the queue with this name.
    #[must_use]
    pub fn of(queue: &str) -> Self {
        let key = |part: &str| format!("{{{queue}}}:{part}");
        Self {
            jobs: key("jobs"),
            dead: key("dead"),
            results: key("results"),
            effects: key("effects"),
        }
    }
}

/// The group in which all nodes read.
pub const GROUP: &str = "nodes";

/// A job as one node has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// The entry of the stream.
    pub entry: String,
    /// The producer's name for the job. Two entries with one id are one job.
    pub id: String,
    /// What is to be done.
    pub payload: String,
    /// Which attempt this is. The first is 1.
    pub attempt: usize,
}

impl Job {
    fn new(entry: &StreamId, attempt: usize) -> Self {
        let field = |name| entry.get::<String>(name);
        Self {
            id: field("id").unwrap_or_else(|| entry.id.clone()),
            payload: field("payload").unwrap_or_default(),
            entry: entry.id.clone(),
            attempt,
        }
    }
}

/// One connection to the queue. A command waits while the server is away.
pub struct Broker {
    link: Link,
    keys: Keys,
    node: String,
}

impl Broker {
    /// Makes a broker for the node with this name, and does not connect it yet.
    ///
    /// When `give_up` is set, a command fails rather than to wait for the server.
    ///
    /// # Errors
    ///
    /// The address is none.
    pub fn new(url: &str, queue: &str, node: &str, give_up: Arc<Flag>) -> RedisResult<Self> {
        let link = Link::new(Client::open(url)?, give_up);
        Ok(Self { link, keys: Keys::of(queue), node: node.to_owned() })
    }

    /// Makes the stream and its group, unless they are there.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub fn create(&mut self) -> RedisResult<()> {
        let made = self.link.ask(|server| {
            server.xgroup_create_mkstream::<_, _, _, ()>(&self.keys.jobs, GROUP, "0")
        });
        match made {
            // Another node was first.
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            made => made,
        }
    }

    /// Adds a job. If the server's answer is lost, the job may be added twice: its id shows that.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub fn add(&mut self, id: &str, payload: &str) -> RedisResult<()> {
        let fields = [("id", id), ("payload", payload)];
        self.link
            .ask(|server| server.xadd(&self.keys.jobs, "*", &fields).map(|_: Option<String>| ()))
    }

    /// Takes up to `most` jobs that no node has had, and waits up to `wait` for the first.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub fn read(&mut self, most: usize, wait: Duration) -> RedisResult<Vec<Job>> {
        // A block of 0 would have no limit.
        let wait = usize::try_from(wait.as_millis()).unwrap_or(usize::MAX).max(1);
        let options = StreamReadOptions::default().group(GROUP, &self.node).count(most).block(wait);
        let reply: Option<StreamReadReply> =
            self.link.ask(|server| server.xread_options(&[&self.keys.jobs], &[">"], &options))?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        Ok(entries.map(|entry| Job::new(&entry, 1)).collect())
    }

    /// Takes up to `most` jobs over whose lease has lapsed, and says where the next call goes on.
    /// None is the end.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub fn take_over(
        &mut self,
        from: &str,
        most: usize,
        lease: Duration,
    ) -> RedisResult<(Vec<Job>, Option<String>)> {
        let Self { link, keys, node } = self;
        let idle = milliseconds(lease);
        let reply: StreamAutoClaimReply = link.ask(|server| {
            let options = StreamAutoClaimOptions::default().count(most);
            server.xautoclaim_options(&keys.jobs, GROUP, &*node, idle, from, options)
        })?;
        let next = (reply.next_stream_id != "0-0").then_some(reply.next_stream_id);
        if reply.claimed.is_empty() {
            return Ok((Vec::new(), next));
        }
        // The reply does not say how often an entry was delivered.
        let mut questions = pipe();
        for entry in &reply.claimed {
            questions.xpending_consumer_count(&keys.jobs, GROUP, &entry.id, &entry.id, 1, &*node);
        }
        let counts: Vec<StreamPendingCountReply> = link.ask(|server| questions.query(server))?;
        let jobs = reply.claimed.iter().zip(counts).filter_map(|(entry, count)| {
            // An entry without a count was settled, or taken over, in between.
            count.ids.first().map(|pending| Job::new(entry, pending.times_delivered))
        });
        Ok((jobs.collect(), next))
    }

    /// Renews the leases of these entries, and returns those that another node has taken over.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub fn renew(&mut self, entries: &[String]) -> RedisResult<Vec<String>> {
        let script = Script::new(include_str!("scripts/renew.lua"));
        let mut call = script.key(&self.keys.jobs);
        call.arg(GROUP).arg(&self.node).arg(entries);
        self.link.ask(|server| call.invoke(server))
    }

    /// Gives a job its effect and acknowledges it, at once. False if that was done before.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub fn finish(&mut self, job: &Job, result: &str) -> RedisResult<bool> {
        let script = Script::new(include_str!("scripts/finish.lua"));
        let mut call = script.key(&self.keys.jobs);
        call.key(&self.keys.results).key(&self.keys.effects);
        call.arg(GROUP).arg(&job.entry).arg(&job.id).arg(result);
        self.link.ask(|server| call.invoke(server))
    }

    /// Moves a job to the dead letters. False if the job was settled before.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub fn bury(&mut self, job: &Job, reason: &str) -> RedisResult<bool> {
        let script = Script::new(include_str!("scripts/bury.lua"));
        let mut call = script.key(&self.keys.jobs);
        call.key(&self.keys.dead).arg(GROUP).arg(&job.entry);
        call.arg(&job.id).arg(&job.payload).arg(job.attempt).arg(reason);
        self.link.ask(|server| call.invoke(server))
    }

    /// Lets other nodes take over at once what this node still holds, and says how much that is.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub fn release(&mut self, lease: Duration) -> RedisResult<usize> {
        let script = Script::new(include_str!("scripts/release.lua"));
        let mut call = script.key(&self.keys.jobs);
        call.arg(GROUP).arg(&self.node).arg(milliseconds(lease));
        self.link.ask(|server| call.invoke(server))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
