//! Trying ports: what the pool is given to do, and the same one after the other.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// What became of one attempt to connect.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Connected.
    Open,
    /// Somebody said no.
    Closed,
    /// Nobody said anything in time.
    Silent,
    /// The attempt could not be made: this says nothing about the port.
    Failed(io::Error),
}

impl Answer {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Silent)
    }

    pub(crate) fn failure(&self) -> Option<&io::Error> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

/// The arguments of [`probe`] for each port.
pub(crate) fn targets(
    host: IpAddr,
    ports: RangeInclusive<u16>,
    timeout: Duration,
) -> impl ExactSizeIterator<Item = (SocketAddr, Duration)> {
    ports.map(move |port| (SocketAddr::new(host, port), timeout))
}

/// Connects once, and hangs up.
pub(crate) fn probe(target: SocketAddr, timeout: Duration) -> Answer {
    match TcpStream::connect_timeout(&target, timeout) {
        // On this very machine the system may happen to choose the port that is tried as the socket's own. TCP then
        // connects the socket to itself, and nobody listens there.
        Ok(stream) if stream.local_addr().is_ok_and(|own| own == target) => Answer::Closed,
        Ok(_) => Answer::Open,
        Err(error) => match error.kind() {
            ErrorKind::TimedOut => Answer::Silent,
            // Unreachable is what a firewall says that rejects instead of dropping.
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable => Answer::Closed,
            _ => Answer::Failed(error),
        },
    }
}

/// How long all ports would take one after the other, going by some of them.
///
/// Ports that answer and ports that stay silent differ in cost by a factor of thousands, so each kind is sampled for
/// itself.
pub(crate) struct Serial {
    answering: Sample,
    silent: Sample,
}

struct Sample {
    ports: usize,
    sampled: usize,
    took: Duration,
}

impl Serial {
    /// Tries `size` ports again, one after the other: up to a quarter of them ports that had answered, and silent ports
    /// for the rest. If there are too few of the one kind there are more of the other.
    pub(crate) fn measure(
        host: IpAddr,
        ports: RangeInclusive<u16>,
        answers: &[Answer],
        timeout: Duration,
        size: usize,
    ) -> Self {
        let (silent, answering): (Vec<_>, Vec<_>) =
            targets(host, ports, timeout).zip(answers).partition(|(_, answer)| answer.is_silent());
        let of_silent = silent.len().min(size - answering.len().min(size / 4));
        let of_answering = answering.len().min(size - of_silent);
        Self {
            answering: Sample::measure(&answering, of_answering),
            silent: Sample::measure(&silent, of_silent),
        }
    }

    pub(crate) fn sampled(&self) -> usize {
        self.answering.sampled + self.silent.sampled
    }

    pub(crate) fn estimate(&self) -> Duration {
        self.answering.estimate() + self.silent.estimate()
    }
}

impl Sample {
    /// Tries `sampled` of the ports, evenly spread over them.
    fn measure(ports: &[((SocketAddr, Duration), &Answer)], sampled: usize) -> Self {
        let begin = Instant::now();
        for nth in 0..sampled {
            let ((target, timeout), _) = ports[nth * ports.len() / sampled];
            probe(target, timeout);
        }
        Self { ports: ports.len(), sampled, took: begin.elapsed() }
    }

    fn per_port(&self) -> Duration {
        if self.sampled == 0 { Duration::ZERO } else { self.took.div_f64(self.sampled as f64) }
    }

    fn estimate(&self) -> Duration {
        self.per_port().mul_f64(self.ports as f64)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answering, silent } = self;
        write!(f, "{answering} that answer, {silent} that do not")
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.per_port().as_secs_f64() * 1e3;
        write!(f, "{milliseconds:.2} ms each for {} of {} ports", self.sampled, self.ports)
    }
}
