//! As much of HTTP/1.1 as the load needs.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer of the service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The header lines.
    pub head: String,
    /// The text.
    pub body: String,
}

/// Keeps connections open from one request to the next.
pub struct Client {
    address: SocketAddr,
    idle: Mutex<Vec<TcpStream>>,
}

impl Client {
    /// Makes a client that connects when it has to.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    /// Returns where it connects to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request and waits for the answer. Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// Those of the connection, and answers that are not HTTP.
    pub async fn send(&self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let idle = self.idle().pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        let answer = request(&mut stream, method, path, body).await?;
        if !answer.head.to_lowercase().contains("connection: close") {
            self.idle().push(stream);
        }
        Ok(answer)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn request(
    stream: &mut TcpStream,
    method: &str,
    path: &str,
    body: &str,
) -> io::Result<Answer> {
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: hash\r\ncontent-length: {length}\r\n\
         content-type: text/plain\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await?;
    let mut read = Vec::with_capacity(1024);
    let (head, begin) = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&read[..end]).into_owned(), end + 4);
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(invalid)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.unwrap_or(0); // 204 has none
    while read.len() < begin + length {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let body = String::from_utf8_lossy(&read[begin..]).into_owned();
    Ok(Answer { status, head, body })
}
