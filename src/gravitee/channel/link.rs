//! What others need of a connection whose hello was accepted: to send commands over it.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Bytes;

use super::error::ChannelError;
use super::pending::Pending;
use super::writer::Outgoing;
use crate::gravitee::command::{Reply, types};

/// The most of a server's words that is shown.
const EXCERPT: usize = 300;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) commands: mpsc::Sender<Outgoing>,
    pub(super) pending: Pending,
    pub(super) reply: Duration,
}

impl Link {
    /// Sends a command and waits for its reply, whose time begins when all of the command is written.
    pub(super) async fn ask(&self, id: &str, parts: Vec<Bytes>) -> Result<Reply, ChannelError> {
        let mut place = self.pending.expect(id).ok_or(ChannelError::Closed)?;
        let (written, is_written) = oneshot::channel();
        let message = Outgoing { parts, written: Some(written) };
        self.commands.send(message).await.map_err(|_| ChannelError::Closed)?;
        is_written.await.map_err(|_| ChannelError::Closed)?;
        match timeout(self.reply, &mut place.reply).await {
            Err(_) => Err(ChannelError::TimedOut(self.reply)),
            Ok(Err(_)) => Err(ChannelError::Closed),
            Ok(Ok(reply)) => judged(reply),
        }
    }
}

/// A reply that says success.
pub(super) fn judged(reply: Reply) -> Result<Reply, ChannelError> {
    let details = || excerpt(reply.error_details.as_deref().unwrap_or("without a reason"));
    match reply.kind.as_deref() {
        Some(types::UNKNOWN | types::NO_REPLY) => Err(ChannelError::NotHandled(details())),
        _ if reply.succeeded() => Ok(reply),
        _ => Err(ChannelError::Refused(details())),
    }
}

/// The beginning of a stranger's words, on one line.
pub(super) fn excerpt(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT).collect();
    line.trim().to_owned()
}
