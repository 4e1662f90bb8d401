//! How a controller behaves.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

/// How it behaves; times are a real server's, made short.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// What `Authorization` has to hold behind `bearer`.
    pub(crate) token: String,
    /// Statuses of the next upgrades, before any is accepted.
    pub(crate) answers: VecDeque<u16>,
    /// The hellos to come; the usual one after those.
    pub(crate) hellos: VecDeque<Hello>,
    /// The integration and its provider.
    pub(crate) target_id: String,
    pub(crate) provider: String,
    /// Reads as servers did before the fix for `;;`.
    pub(crate) old: bool,
    /// Between health checks, and between pings.
    pub(crate) health_every: Duration,
    pub(crate) ping_every: Duration,
    /// How long the agent has for a reply.
    pub(crate) reply_within: Duration,
    /// How long after the reply to `START_INGEST` a job is made.
    pub(crate) job_after: Duration,
    /// What becomes of the chunks to come; they are taken after those.
    pub(crate) ingests: VecDeque<Ingesting>,
    /// Breaks the connection after so many more bytes from the agent.
    pub(crate) cut_after: Option<u64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            token: "test-token".to_owned(),
            answers: VecDeque::new(),
            hellos: VecDeque::new(),
            target_id: "c5537ce6-5746-4497-937c-e65746a4973e".to_owned(),
            provider: "aws-api-gateway".to_owned(),
            old: false,
            health_every: Duration::from_millis(200),
            ping_every: Duration::from_millis(100),
            reply_within: Duration::from_secs(10),
            job_after: Duration::ZERO,
            ingests: VecDeque::new(),
            cut_after: None,
        }
    }
}

/// What becomes of a hello.
#[derive(Clone, Debug)]
pub(crate) enum Hello {
    Refuse(&'static str),
    Silence,
}

/// What becomes of a chunk.
#[derive(Clone, Debug)]
pub(crate) enum Ingesting {
    /// Taken, and the reply comes late.
    Late(Duration),
    /// Taken, and the connection breaks instead of the reply.
    TakeAndReset,
    /// Refused.
    Refuse(&'static str),
    /// A plan is gone, so a subscription ends first: UNSUBSCRIBE is sent, and the reply waits for its reply.
    UnsubscribeFirst(Value),
}

/// What a connection is to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Send a command.
    Command(Value),
    /// Send bytes in a binary message, or a text.
    Bytes(Vec<u8>),
    Text(&'static str),
    /// Send a reply.
    Reply(Value),
    /// Close.
    Close(u16, &'static str),
    /// Break the connection in the middle of a frame of the controller's.
    ResetInFrame,
    /// Read, write and close nothing any more.
    Freeze,
}
