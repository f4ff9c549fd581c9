//! A host to scan, on loopback: hardly any of its ports ever answers.
//!
//! Such a port listens, and its queue of connections to be accepted is full: Linux then drops whatever knocks. A queue
//! of length 0 holds one connection, which stays there when its client hangs up. How that is known, and what a host has
//! besides, `examples/port_scanner` tells.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::listen;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// One in so many ports accepts.
const OPEN_EVERY: usize = 512;

/// For the connections that fill the queues, which the system makes by itself.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Listens on its ports for as long as it lives.
pub(crate) struct Host {
    listeners: Vec<TcpListener>,
}

impl Host {
    /// Starts a host with so many ports.
    ///
    /// # Errors
    ///
    /// If the system does not allow so many sockets, or keeps no such queues.
    pub(crate) fn start(ports: usize) -> Result<Self, String> {
        room_for_sockets()?;
        let explain = |error| format!("cannot start a host of {ports} ports: {error}");
        let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let host =
            Self { listeners: (0..ports).map(bind).collect::<Result<_, _>>().map_err(explain)? };
        for (listener, open) in host.listeners.iter().zip(host.open()) {
            if !open {
                listen(listener, 0).map_err(|error| explain(error.into()))?;
                let address = listener.local_addr().map_err(explain)?;
                TcpStream::connect_timeout(&address, AT_ONCE).map_err(explain)?;
            }
        }
        Ok(host)
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let address = |listener: &TcpListener| listener.local_addr().expect("it is bound");
        self.listeners.iter().map(address).collect()
    }

    /// Of each port, whether it accepts.
    pub(crate) fn open(&self) -> Vec<bool> {
        (0..self.listeners.len()).map(|port| port % OPEN_EVERY == OPEN_EVERY / 2).collect()
    }
}

/// Whether a port accepts within the time-out.
///
/// # Errors
///
/// If it answers anything else, or cannot be tried.
pub(crate) fn probe(port: SocketAddr, timeout: Duration) -> Result<bool, String> {
    match TcpStream::connect_timeout(&port, timeout) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

/// A socket for each port and one for each probe are more than many shells allow at first.
fn room_for_sockets() -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .map_err(|error| format!("cannot raise the limit on open files: {error}"))
}
