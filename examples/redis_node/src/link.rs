//! A connection that comes back after the server has.

use std::sync::Arc;
use std::time::Duration;

use redis::{Client, Connection, RedisResult, RetryMethod};

use crate::flag::Flag;

/// How long an answer may take, beyond the time that the command itself is to wait.
const ANSWER: Duration = Duration::from_secs(10);
/// How long to wait before the next try while the server is away.
const PAUSE: Duration = Duration::from_millis(50);

/// One connection, which is made anew when it breaks.
pub(crate) struct Link {
    client: Client,
    connection: Option<Connection>,
    /// Set when a command is to fail rather than to wait for the server.
    give_up: Arc<Flag>,
}

impl Link {
    pub(crate) fn new(client: Client, give_up: Arc<Flag>) -> Self {
        Self { client, connection: None, give_up }
    }

    /// Runs a command until the server has answered it.
    ///
    /// A command whose answer was lost runs again, though the server may have done it. So each
    /// command here may come twice.
    pub(crate) fn ask<T>(
        &mut self,
        command: impl Fn(&mut Connection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        loop {
            let error = match self.connected().and_then(&command) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Its next answer may be the one that did not come in time.
            self.connection = None;
            if matches!(error.retry_method(), RetryMethod::NoRetry)
                || self.give_up.wait_timeout(PAUSE)
            {
                return Err(error);
            }
        }
    }

    fn connected(&mut self) -> RedisResult<&mut Connection> {
        if self.connection.is_none() {
            let connection = self.client.get_connection_with_timeout(ANSWER)?;
            connection.set_read_timeout(Some(ANSWER))?;
            connection.set_write_timeout(Some(ANSWER))?;
            self.connection = Some(connection);
        }
        Ok(self.connection.as_mut().expect("it was made above"))
    }
}
