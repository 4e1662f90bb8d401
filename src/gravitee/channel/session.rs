//! One connection from its hello to its end.
//!
//! Source of the rules: `gravitee-exchange-api/src/main/java/io/gravitee/exchange/api/websocket/channel/AbstractWebSocketChannel.java` and
//! `gravitee-exchange-connector/gravitee-exchange-connector-websocket/src/main/java/io/gravitee/exchange/connector/websocket/channel/WebSocketConnectorChannel.java`
//! of `gravitee-io/gravitee-exchange`. The loop here reads and never waits for a reply, a handler, or a place in a queue: the
//! server may send UNSUBSCRIBE, and wait for its reply, before it replies to an INGEST of ours.

use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::SplitStream;
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tracing::{debug, warn};

use super::Shared;
use super::dial::Socket;
use super::heard::Heard;
use super::link::{Link, excerpt, judged};
use super::pending::Pending;
use super::serve::Desk;
use super::writer::{First, Outgoing, WriteError, Writer};
use crate::gravitee::command::{self, Asked, Reply, Unreadable, types};
use crate::gravitee::frame::{self, EncodeError, Frame, Kind};
use crate::gravitee::model::Hello;

/// How many replies may wait to be written before the connection counts as one that takes nothing.
const REPLIES: usize = 64;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By us, at the end of the process.
    Stopped,
    /// The server refuses the hello: another provider, an unknown integration, missing rights, or trouble of its own.
    Refused(String),
    /// The server let go.
    GoodBye { reconnect: bool },
    /// The server closed it, or we did because of what it sent.
    Closed { code: u16, reason: String },
    /// It broke, or nothing was heard.
    Lost(String),
}

pub(super) struct Session<'a> {
    shared: &'a Shared,
    desk: &'a Arc<Desk>,
    link: Arc<Link>,
    first: mpsc::Sender<First>,
    hello_id: String,
    active: bool,
    /// When the hello was accepted.
    pub(super) began: Option<Instant>,
}

/// What a message leads to, if to the end of the connection.
type Step = Option<(End, Option<(u16, &'static str)>)>;

impl<'a> Session<'a> {
    /// Says hello and serves until the end. Tells how it ended, and when the hello was accepted.
    pub(super) async fn run(
        shared: &'a Shared,
        desk: &'a Arc<Desk>,
        socket: Socket,
        heard: Heard,
    ) -> (End, Option<Instant>) {
        let limits = &shared.settings.limits;
        let (sink, stream) = socket.split();
        let (first, first_from) = mpsc::channel(REPLIES);
        let (commands, commands_from) = mpsc::channel(1);
        let link = Arc::new(Link { commands, pending: Pending::new(), reply: limits.reply });
        let mut writer = tokio::spawn(Writer::new(sink, first_from, commands_from, limits).run());
        let mut session = Self { shared, desk, link, first, hello_id: command::new_id(), active: false, began: None };
        let mut stream = stream;
        let (end, close) = match session.hello() {
            Ok(()) => session.serve(&mut stream, &mut writer, &heard).await,
            Err(error) => (End::Lost(error.to_string()), Some((1000, ""))),
        };
        session.shared.unlink();
        session.link.pending.close();
        let began = session.began;
        session.part(stream, close, writer).await;
        (end, began)
    }

    fn hello(&self) -> Result<(), EncodeError> {
        let settings = &self.shared.settings;
        let hello = Hello { target_id: settings.target_id.clone(), provider: settings.provider.clone() };
        let message = command::command(&self.hello_id, types::HELLO, &hello, settings.limits.max_message)?;
        // The queue is empty and its reader is there.
        let _ = self.link.commands.try_send(Outgoing::new(message));
        Ok(())
    }

    async fn serve(
        &mut self,
        stream: &mut SplitStream<Socket>,
        writer: &mut JoinHandle<Result<(), WriteError>>,
        heard: &Heard,
    ) -> (End, Option<(u16, &'static str)>) {
        let shared = self.shared;
        let limits = &shared.settings.limits;
        let hello_by = Instant::now() + limits.reply;
        let desk = Arc::clone(self.desk);
        let mut ending = pin!(
            async {
                desk.cancel.cancelled().await;
                shared.stop();
                // What is under way gets its time; its replies still go over this connection.
                let _ = timeout(limits.drain, desk.tasks.wait()).await;
            }
            .fuse()
        );
        heard.note();
        loop {
            let silent_at = heard.deadline(limits.silence);
            let step = tokio::select! {
                message = stream.next() => match message {
                    None => Some((End::Lost("the server ended the connection".to_owned()), None)),
                    Some(Ok(message)) => self.message(message),
                    Some(Err(error)) => Some(broken(&error)),
                },
                () = sleep_until(hello_by), if !self.active => {
                    let seconds = limits.reply.as_secs_f64();
                    Some((End::Lost(format!("the server has not replied to the hello within {seconds} s")), Some((1000, ""))))
                }
                () = sleep_until(silent_at), if self.active => {
                    (heard.deadline(limits.silence) <= Instant::now()).then(|| {
                        let seconds = limits.silence.as_secs_f64();
                        (End::Lost(format!("nothing was heard from the server for {seconds} s")), None)
                    })
                }
                outcome = &mut *writer => {
                    let why = match outcome {
                        Ok(Err(error)) => error.to_string(),
                        Ok(Ok(())) | Err(_) => "the connection cannot be written to".to_owned(),
                    };
                    Some((End::Lost(why), None))
                }
                () = &mut ending => Some((End::Stopped, Some((1000, "")))),
            };
            if let Some(end) = step {
                return end;
            }
        }
    }

    fn message(&mut self, message: Message) -> Step {
        match message {
            Message::Binary(bytes) if bytes.is_empty() => None,
            Message::Binary(bytes) => self.exchange(&bytes),
            Message::Text(_) => Some(ours(1003, "Unsupported text frame")),
            Message::Close(frame) => {
                // 1005 stands for a close without a code.
                let (code, reason) =
                    frame.map_or((1005, String::new()), |frame| (frame.code.into(), excerpt(&frame.reason)));
                Some((End::Closed { code, reason }, None))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
        }
    }

    fn exchange(&mut self, bytes: &[u8]) -> Step {
        match frame::decode(bytes) {
            Ok(Frame { kind: Kind::Command, json: Some(json), .. }) => match command::read_command(json) {
                Ok(command) => self.command(command),
                Err(error) => self.unreadable(&error),
            },
            Ok(Frame { kind: Kind::Reply, json: Some(json), .. }) => match command::read_reply(json) {
                Ok(reply) => self.reply(reply),
                Err(error) => self.unreadable(&error),
            },
            Ok(Frame { kind: Kind::Unknown, .. }) => Some(ours(1002, "Exchange message unknown")),
            Ok(Frame { json: None, .. }) | Err(_) => Some(ours(1002, "Unrecognized incoming exchange")),
        }
    }

    fn reply(&mut self, reply: Reply) -> Step {
        if self.active || reply.command_id.as_deref() != Some(&self.hello_id) {
            if !self.link.pending.answer(reply) {
                debug!(integration = self.shared.settings.name, "a reply came that nobody waits for any more");
            }
            return None;
        }
        if let Err(error) = judged(reply) {
            // The server leaves the connection open; it is of no use.
            return Some((End::Refused(error.to_string()), Some((1000, "Hello was refused"))));
        }
        self.active = true;
        self.began = Some(Instant::now());
        if !self.queue(First::StartPings) {
            return Some(full());
        }
        if !self.desk.cancel.is_cancelled() {
            self.shared.linked(&self.link);
        }
        None
    }

    fn command(&mut self, command: command::Command) -> Step {
        let id = command.id.clone();
        match &command.asked {
            Asked::Primary(primary) => {
                self.shared.board.primary(primary.primary);
                self.succeeded(&id, types::PRIMARY, &json!({}))
            }
            Asked::HealthCheck => self.succeeded(&id, types::HEALTH_CHECK, &json!({ "healthy": true })),
            Asked::GoodBye(good_bye) => {
                // Not answered: the close is the answer.
                let reconnect = good_bye.reconnect;
                self.shared.board.farewell(reconnect);
                let close = if reconnect {
                    (1013, "GoodBye Command with reconnection requested.")
                } else {
                    (1000, "GoodBye Command without reconnection.")
                };
                Some((End::GoodBye { reconnect }, Some(close)))
            }
            Asked::NotForUs(kind) => self.failed(&id, types::NO_REPLY, &format!("nobody here handles {kind}")),
            Asked::Unknown => self.failed(&id, types::UNKNOWN, "Command unknown"),
            Asked::Discover | Asked::StartIngest(_) | Asked::Subscribe(_) | Asked::Unsubscribe(_) => {
                match self.desk.take(command, &self.first) {
                    Ok(()) => None,
                    Err(refusal) => self.failed(&refusal.id, refusal.kind, refusal.why),
                }
            }
        }
    }

    /// What cannot be read is answered where it says whom to answer, and else let be, as the server does it.
    fn unreadable(&mut self, error: &Unreadable) -> Step {
        warn!(integration = self.shared.settings.name, "{error}");
        let (id, kind) = error.command.as_ref()?;
        self.failed(id, kind, &error.to_string())
    }

    fn succeeded(&mut self, id: &str, kind: &str, payload: &serde_json::Value) -> Step {
        self.answer(command::succeeded(id, kind, payload, self.shared.settings.limits.max_message))
    }

    fn failed(&mut self, id: &str, kind: &str, details: &str) -> Step {
        self.answer(command::failed(id, kind, details, self.shared.settings.limits.max_message))
    }

    fn answer(&mut self, message: Result<Vec<u8>, EncodeError>) -> Step {
        match message {
            Ok(message) => (!self.queue(First::Reply(Outgoing::new(message)))).then(full),
            Err(error) => {
                warn!(integration = self.shared.settings.name, "a reply cannot be sent: {error}");
                None
            }
        }
    }

    /// Whether there was a place.
    fn queue(&self, first: First) -> bool {
        self.first.try_send(first).is_ok()
    }

    /// Closes, or lets the server's close be answered, and waits a little for the other side to do the same.
    async fn part(
        self,
        mut stream: SplitStream<Socket>,
        close: Option<(u16, &'static str)>,
        mut writer: JoinHandle<Result<(), WriteError>>,
    ) {
        let parting = async {
            if let Some((code, reason)) = close {
                let queued = self.first.send(First::Close(code, reason)).await.is_ok();
                if queued && !writer.is_finished() {
                    let _ = (&mut writer).await;
                }
            }
            while stream.next().await.is_some_and(|message| message.is_ok()) {}
        };
        let _ = timeout(self.shared.settings.limits.close, parting).await;
        // The socket is closed with its last half.
        if !writer.is_finished() {
            writer.abort();
            let _ = writer.await;
        }
    }
}

/// We close it because of what the server sent.
fn ours(code: u16, reason: &'static str) -> (End, Option<(u16, &'static str)>) {
    (End::Closed { code, reason: format!("by us: {reason}") }, Some((code, reason)))
}

fn full() -> (End, Option<(u16, &'static str)>) {
    (End::Lost(format!("the server has not taken {REPLIES} replies")), None)
}

fn broken(error: &WebSocketError) -> (End, Option<(u16, &'static str)>) {
    match error {
        WebSocketError::Capacity(CapacityError::MessageTooLong { .. }) => ours(1009, "Message too big"),
        WebSocketError::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )
        | WebSocketError::Io(_) => (End::Lost(error.to_string()), None),
        WebSocketError::Protocol(_) => ours(1002, "WebSocket protocol error"),
        WebSocketError::Utf8(_) => ours(1003, "Unsupported text frame"),
        other => (End::Lost(other.to_string()), None),
    }
}
