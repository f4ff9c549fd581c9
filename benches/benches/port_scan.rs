//! What does a scan of 256 ports cost, with 64 workers, against one by one?
//!
//! The shape of the guide's port scanner: `starmap` over the ports, the results in their order. Two ports of loopback
//! accept, thirty refuse, both by real connections; the others never answer, which is played by a sleep of 1 ms for the
//! time-out. tokio scans in its own way as well, with a task and no thread for each port: that is "tokio spawn".
//!
//! Not measured: real time-outs, a worker per port (the `port_scanner` example and P24 of `cargo targets`), making the
//! pool.

mod common;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use socket2::{Domain, Socket, Type};

use common::{
    Millpond, Peer, Rayon, Row, RustyPool, Threadpool, TokioBlocking, WORKERS, criterion,
};

const PORTS: usize = 256;
const PROBES_AT_ONCE: usize = 64;
const TIME_OUT: Duration = Duration::from_millis(1);

#[derive(Clone, Copy)]
enum Port {
    Answers(SocketAddr),
    Silent,
}

/// Ports, and what keeps those that refuse from being given to somebody else.
struct Host {
    ports: Vec<Port>,
    _bound: Vec<Socket>,
}

impl Host {
    fn start() -> Self {
        let bound: Vec<_> = (0..30).map(|_| bound()).collect();
        let refusing = bound.iter().map(|socket| {
            let address = socket.local_addr().expect("bound");
            Port::Answers(address.as_socket().expect("an address of IPv4"))
        });
        let answering = (0..2).map(|_| Port::Answers(accepting())).chain(refusing);
        let ports = answering.chain(std::iter::repeat(Port::Silent)).take(PORTS);
        Self { ports: ports.collect(), _bound: bound }
    }
}

/// Bound, so that nobody else can take the port, and nobody listens there.
fn bound() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    socket
}

/// A port whose connections are accepted, for the rest of the process, and closed.
fn accepting() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || listener.incoming().for_each(drop));
    address
}

fn is_open<C>(connection: std::io::Result<C>) -> bool {
    match connection {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => false,
        Err(error) => panic!("loopback neither accepts nor refuses: {error}"),
    }
}

fn probe(port: Port) -> bool {
    match port {
        Port::Answers(address) => is_open(TcpStream::connect(address)),
        Port::Silent => {
            thread::sleep(TIME_OUT);
            false
        }
    }
}

async fn async_probe(port: Port) -> bool {
    match port {
        Port::Answers(address) => is_open(tokio::net::TcpStream::connect(address).await),
        Port::Silent => {
            tokio::time::sleep(TIME_OUT).await;
            false
        }
    }
}

/// The numbers of those that are open, in order.
fn open(answers: impl IntoIterator<Item = bool>) -> Vec<usize> {
    answers.into_iter().enumerate().filter_map(|(number, open)| open.then_some(number)).collect()
}

fn by_handles<P: Peer>(pool: &P, ports: &[Port]) -> Vec<usize> {
    let handles: Vec<_> = ports.iter().map(|&port| pool.submit(move || probe(port))).collect();
    open(handles.into_iter().map(|handle| pool.get(handle)))
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(WORKERS).enable_all().build().expect("threads")
}

fn scan(c: &mut Criterion) {
    let Host { ports, _bound } = &Host::start();
    let mut group = c.benchmark_group("port scan");
    // One by one it is a quarter of a second.
    group.sample_size(10);
    let mut row = Row::new(&mut group, vec![0, 1]).workers(PROBES_AT_ONCE);
    row.sequential(|| open(ports.iter().copied().map(probe)));
    row.pool::<Millpond>(|pool| {
        let arguments = ports.iter().map(|&port| (port,));
        open(pool.0.starmap(probe, arguments).expect("no probe panics"))
    });
    row.pool::<Rayon>(|pool| {
        open(pool.0.install(|| ports.par_iter().copied().map(probe).collect::<Vec<_>>()))
    });
    row.pool::<Threadpool>(|pool| by_handles(pool, ports));
    row.pool::<RustyPool>(|pool| by_handles(pool, ports));
    row.other("tokio spawn", runtime, |runtime| {
        let handles: Vec<_> = ports.iter().map(|&port| runtime.spawn(async_probe(port))).collect();
        let answers = async { futures::future::join_all(handles).await };
        open(runtime.block_on(answers).into_iter().map(|answer| answer.expect("no probe panics")))
    });
    row.pool::<TokioBlocking>(|pool| by_handles(pool, ports));
}

criterion_group!(name = benches; config = criterion(); targets = scan);
criterion_main!(benches);
