//! A host to scan without a network: two of its ports accept, a few refuse, all others never answer.
//!
//! A port that refuses is bound, so that nobody else can take it, but nobody listens there.
//!
//! A port that never answers is a listener whose queue of connections to be accepted is full: Linux then drops whatever
//! knocks, where other systems may refuse it. On Linux a queue of length 0 has room for one connection. It stays there
//! until somebody accepts it, even if the client has long hung up; so a full queue takes no descriptor.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::scan::Answer;

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// One in so many ports refuses.
const REFUSING_EVERY: usize = 128;

/// Below this there is hardly a host to speak of.
const FEWEST_PORTS: u16 = 8;

/// Registered services are rare from the first of these on; from the second on Linux gives ports to clients, so that
/// one of a thousand might well be taken.
const QUIET_PORTS: [u16; 2] = [10_240, 32_768];

/// How long the first silent port is given to show that its queue is full. Loopback answers in microseconds.
const PATIENCE: Duration = Duration::from_millis(250);

/// If so many connections do not fill the shortest queue that there is, the system keeps no such thing.
const MOST_FILLERS: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Accepts,
    Refuses,
    Silent,
}

impl Role {
    /// Of the `nth` of `count` ports.
    fn of(nth: usize, count: usize) -> Self {
        if nth == count / 4 || nth == count * 3 / 4 {
            Self::Accepts
        } else if nth % REFUSING_EVERY == 1 {
            Self::Refuses
        } else {
            Self::Silent
        }
    }
}

/// A host on loopback, for as long as this lives.
pub(crate) struct DemoHost {
    first: u16,
    /// One per port. Nothing is ever accepted: where there is room in the queue, the system connects by itself.
    sockets: Vec<Socket>,
}

impl DemoHost {
    /// Starts a host with this many ports in a row.
    ///
    /// # Errors
    ///
    /// If there is no such range of free ports, or the system does not let the host be as it should.
    pub(crate) fn start(count: u16) -> io::Result<Self> {
        if count < FEWEST_PORTS {
            return Err(io::Error::other(format!(
                "{count} ports are too few, {FEWEST_PORTS} are needed"
            )));
        }
        let (first, sockets) = bind_somewhere(count)?;
        let host = Self { first, sockets };
        host.play_roles()?;
        Ok(host)
    }

    pub(crate) fn address(&self) -> IpAddr {
        LOCALHOST.into()
    }

    pub(crate) fn ports(&self) -> RangeInclusive<u16> {
        self.first..=self.first + (self.sockets.len() - 1) as u16
    }

    /// Compares what a scan has found with what is there.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn check(&self, answers: &[Answer]) -> Result<(), String> {
        if answers.len() != self.sockets.len() {
            return Err(format!("{} answers from {} ports", answers.len(), self.sockets.len()));
        }
        for ((port, role), answer) in self.roles().zip(answers) {
            let (right, expected) = match role {
                Role::Accepts => (matches!(answer, Answer::Open), "accepts"),
                Role::Refuses => (matches!(answer, Answer::Closed), "refuses"),
                Role::Silent => (matches!(answer, Answer::Silent), "never answers"),
            };
            if !right {
                return Err(format!("port {port}, which {expected}, was found to be {answer:?}"));
            }
        }
        Ok(())
    }

    fn roles(&self) -> impl Iterator<Item = (u16, Role)> {
        let count = self.sockets.len();
        self.ports().enumerate().map(move |(nth, port)| (port, Role::of(nth, count)))
    }

    fn play_roles(&self) -> io::Result<()> {
        // How many it takes is found out on the first silent port alone: it costs a time-out.
        let mut fillers = None;
        for ((port, role), socket) in self.roles().zip(&self.sockets) {
            match role {
                Role::Accepts => socket.listen(128)?,
                Role::Refuses => {}
                Role::Silent => {
                    socket.listen(0)?;
                    match fillers {
                        None => fillers = Some(fill(port)?),
                        Some(fillers) => (0..fillers).try_for_each(|_| connect(port))?,
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for DemoHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |role| self.roles().filter(|(_, is)| *is == role).count();
        let ports = self.ports();
        write!(
            f,
            "demo host {}, ports {}-{}: {} accept, {} refuse, {} never answer",
            self.address(),
            ports.start(),
            ports.end(),
            with(Role::Accepts),
            with(Role::Refuses),
            with(Role::Silent)
        )
    }
}

/// Binds `count` ports in a row, and gives the first. Binding is the one way to know that a port is free, and keeps it
/// so.
fn bind_somewhere(count: u16) -> io::Result<(u16, Vec<Socket>)> {
    let [first, end] = QUIET_PORTS;
    let ranges = usize::from((end - first) / count);
    // Two that run at the same time should not try the same ranges in the same order.
    let offset = std::process::id() as usize % ranges;
    for range in (0..ranges).map(|nth| (nth + offset) % ranges) {
        let start = first + range as u16 * count;
        match (start..start + count).map(bind).collect() {
            Ok(sockets) => return Ok((start, sockets)),
            // Somebody else's, or set aside by the system.
            Err(error)
                if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("no {count} free ports in a row among {first}-{}", end - 1)))
}

fn bind(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((LOCALHOST, port)).into())?;
    Ok(socket)
}

/// Connects until the queue is full; says how many connections that took.
fn fill(port: u16) -> io::Result<usize> {
    for fillers in 0..MOST_FILLERS {
        match connect(port) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut && fillers > 0 => return Ok(fillers),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "{MOST_FILLERS} connections do not silence a port on this system"
    )))
}

/// Connects and hangs up, which leaves the connection in the queue.
fn connect(port: u16) -> io::Result<()> {
    TcpStream::connect_timeout(&SocketAddr::from((LOCALHOST, port)), PATIENCE).map(drop)
}
