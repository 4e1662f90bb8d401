//! Why a command of ours did not do what it was to do.

use std::time::Duration;

use crate::gravitee::frame::EncodeError;

/// Why a command of ours did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// There is no connection, or none whose hello was accepted.
    #[error("there is no connection to Gravitee")]
    NotConnected,
    /// The connection went while the command was under way; whether the server did it is unknown.
    #[error("the connection to Gravitee went before the reply came")]
    Closed,
    /// No reply came in time; whether the server did it is unknown.
    #[error("Gravitee has not replied within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The server would refuse the message; nothing was sent.
    #[error(transparent)]
    NotSent(#[from] EncodeError),
    /// The server replied with an error.
    #[error("Gravitee refuses: {0}")]
    Refused(String),
    /// The server does not handle such commands.
    #[error("Gravitee does not handle the command: {0}")]
    NotHandled(String),
    /// The connection was ended by us, for good.
    #[error("the agent has ended")]
    Stopped,
}

impl ChannelError {
    /// Whether the same command may do better over a later connection.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NotConnected | Self::Closed | Self::TimedOut(_))
    }
}
