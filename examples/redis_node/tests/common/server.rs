//! A redis-server of the test's own, on a socket in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use redis::streams::{
    StreamId, StreamInfoConsumersReply, StreamPendingCountReply, StreamPendingId,
    StreamPendingReply, StreamRangeReply,
};
use redis::{Client, Commands, Connection};
use redis_node::broker::{Broker, GROUP, Keys};

use super::{HANGS, say, until};

pub(crate) const QUEUE: &str = "test";

/// A server, which is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) folder: PathBuf,
    pub(crate) url: String,
    pub(crate) keys: Keys,
}

impl Server {
    /// Starts a server. None, with a line that says so, if there is none on this machine.
    pub(crate) fn start(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // A socket's path must be short.
        let name = format!("redis-node-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let child = match Self::spawn(&folder) {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::remove_dir_all(&folder).unwrap();
                say(&format!("{test}: skipped, because there is no redis-server here"));
                return None;
            }
            Err(error) => panic!("redis-server does not start: {error}"),
        };
        let url = format!("redis+unix://{}", folder.join("socket").display());
        let server = Self { child, folder, url, keys: Keys::of(QUEUE) };
        server.until_there();
        Some(server)
    }

    fn spawn(folder: &PathBuf) -> std::io::Result<Child> {
        Command::new("redis-server")
            .current_dir(folder)
            .args(["--port", "0", "--unixsocket", "socket", "--save", "", "--appendonly", "yes"])
            // What the server has answered, it still knows after a crash.
            .args(["--appendfsync", "always", "--logfile", "log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
    }

    fn until_there(&self) {
        until("the server answers", || {
            let mut connection = self.try_connect()?;
            redis::cmd("PING").query::<String>(&mut connection).ok()
        });
    }

    fn try_connect(&self) -> Option<Connection> {
        let connection = Client::open(&*self.url).unwrap().get_connection().ok()?;
        connection.set_read_timeout(Some(HANGS)).unwrap();
        Some(connection)
    }

    pub(crate) fn connect(&self) -> Connection {
        self.try_connect().expect("the server is there")
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        assert!(self.try_connect().is_none(), "the server is gone");
    }

    /// Kills the server with SIGKILL, and starts another on the same files.
    pub(crate) fn crash_and_start_again(&mut self) {
        self.crash();
        self.child = Self::spawn(&self.folder).unwrap();
        self.until_there();
    }

    pub(crate) fn broker(&self, node: &str) -> Broker {
        Broker::new(&self.url, QUEUE, node, Arc::default()).unwrap()
    }

    /// How often each job had its effect.
    pub(crate) fn effects(&self) -> BTreeMap<String, u64> {
        self.connect().hgetall(&self.keys.effects).unwrap()
    }

    pub(crate) fn result(&self, id: &str) -> Option<String> {
        self.connect().hget(&self.keys.results, id).unwrap()
    }

    /// How many entries nodes hold.
    pub(crate) fn pending(&self) -> usize {
        let pending: StreamPendingReply = self.connect().xpending(&self.keys.jobs, GROUP).unwrap();
        pending.count()
    }

    /// How many entries are in the stream, pending or not.
    pub(crate) fn jobs(&self) -> usize {
        self.connect().xlen(&self.keys.jobs).unwrap()
    }

    /// Which node holds the job with this payload, if one does.
    pub(crate) fn holder(&self, payload: &str) -> Option<String> {
        self.held(payload).map(|pending| pending.consumer)
    }

    /// How often this job was delivered, if a node holds it.
    pub(crate) fn deliveries(&self, payload: &str) -> Option<usize> {
        self.held(payload).map(|pending| pending.times_delivered)
    }

    fn held(&self, payload: &str) -> Option<StreamPendingId> {
        let mut connection = self.connect();
        let all: StreamRangeReply = connection.xrange_all(&self.keys.jobs).unwrap();
        let is_it =
            |entry: &&StreamId| entry.get::<String>("payload").is_some_and(|it| it == payload);
        let entry = &all.ids.iter().find(is_it)?.id;
        let pending: StreamPendingCountReply =
            connection.xpending_count(&self.keys.jobs, GROUP, entry, entry, 1).unwrap();
        pending.ids.into_iter().next()
    }

    /// The nodes that the group knows.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let all: StreamInfoConsumersReply =
            self.connect().xinfo_consumers(&self.keys.jobs, GROUP).unwrap();
        all.consumers.into_iter().map(|node| node.name).collect()
    }

    /// The dead letters: attempts and reason by the job's id.
    pub(crate) fn dead(&self) -> BTreeMap<String, (usize, String)> {
        let all: StreamRangeReply = self.connect().xrange_all(&self.keys.dead).unwrap();
        let field = |name: &str, at: usize| all.ids[at].get::<String>(name).unwrap();
        let letter =
            |at| (field("id", at), (field("attempts", at).parse().unwrap(), field("reason", at)));
        let letters: BTreeMap<_, _> = (0..all.ids.len()).map(letter).collect();
        assert_eq!(letters.len(), all.ids.len(), "no job is there twice");
        letters
    }

    /// A file in the test's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // All of this fails if the server has died by itself.
        _ = self.child.kill();
        _ = self.child.wait();
        _ = fs::remove_dir_all(&self.folder);
    }
}
