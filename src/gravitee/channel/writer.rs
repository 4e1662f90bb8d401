//! The one writer of a connection: whole messages, in frames that the server takes, with pings between frames.
//!
//! The server refuses a frame of more than 65,536 bytes with close code 1009, so what is longer goes as a first frame and
//! continuations. Between those no other message may come, but control frames may. Replies go before commands of ours: a reply
//! behind a chunk of an ingest could come too late.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Error as WebSocketError, Message as WebSocketMessage};

use super::dial::Socket;
use super::settings::Limits;

/// A message on its way.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Its bytes, in parts that need not be put together first.
    pub(super) parts: Vec<Bytes>,
    /// Told once all is with the system; dropped where that did not happen.
    pub(super) written: Option<oneshot::Sender<()>>,
}

impl Outgoing {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { parts: vec![bytes.into()], written: None }
    }
}

/// What goes before commands.
#[derive(Debug)]
pub(super) enum First {
    Reply(Outgoing),
    /// The hello was accepted.
    StartPings,
    /// The last thing that is said.
    Close(u16, &'static str),
}

/// Why nothing more can be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("the server has taken nothing for {} s", .0.as_secs_f64())]
    Stalled(Duration),
    #[error("{0}")]
    Socket(#[from] WebSocketError),
}

pub(super) struct Writer {
    sink: SplitSink<Socket, WebSocketMessage>,
    first: mpsc::Receiver<First>,
    commands: mpsc::Receiver<Outgoing>,
    held: VecDeque<First>,
    next_ping: Option<Instant>,
    ping: Duration,
    silence: Duration,
    max_frame: usize,
}

enum Next {
    First(First),
    Command(Outgoing),
    Ping,
    Nothing,
}

impl Writer {
    pub(super) fn new(
        sink: SplitSink<Socket, WebSocketMessage>,
        first: mpsc::Receiver<First>,
        commands: mpsc::Receiver<Outgoing>,
        limits: &Limits,
    ) -> Self {
        let (ping, silence, max_frame) = (limits.ping, limits.silence, limits.max_frame.max(1));
        Self { sink, first, commands, held: VecDeque::new(), next_ping: None, ping, silence, max_frame }
    }

    /// Writes until the connection is closed from here, cannot be written to, or is dropped by everybody.
    pub(super) async fn run(mut self) -> Result<(), WriteError> {
        loop {
            match self.next().await {
                Next::First(First::StartPings) => self.next_ping = Some(Instant::now() + self.ping),
                Next::First(First::Close(code, reason)) => return self.close(code, reason).await,
                Next::First(First::Reply(message)) | Next::Command(message) => {
                    if self.message(message).await? {
                        return Ok(());
                    }
                }
                Next::Ping => self.ping().await?,
                Next::Nothing => return Ok(()),
            }
        }
    }

    async fn next(&mut self) -> Next {
        if let Some(held) = self.held.pop_front() {
            return Next::First(held);
        }
        let ping_at = self.next_ping.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            first = self.first.recv() => first.map_or(Next::Nothing, Next::First),
            Some(command) = self.commands.recv() => Next::Command(command),
            () = sleep_until(ping_at), if self.next_ping.is_some() => Next::Ping,
        }
    }

    /// Whether the connection was closed in the middle of it.
    async fn message(&mut self, message: Outgoing) -> Result<bool, WriteError> {
        let mut frames = fragments(&message.parts, self.max_frame).peekable();
        let mut opcode = OpCode::Data(Data::Binary);
        while let Some(bytes) = frames.next() {
            let frame = Frame::message(bytes, opcode, frames.peek().is_none());
            self.send(WebSocketMessage::Frame(frame)).await?;
            opcode = OpCode::Data(Data::Continue);
            if frames.peek().is_some() && self.between_frames().await? {
                return Ok(true);
            }
        }
        if let Some(written) = message.written {
            // Whoever waited for it may have gone.
            let _ = written.send(());
        }
        Ok(false)
    }

    /// What may not wait for a message's end. Whether that was a close.
    async fn between_frames(&mut self) -> Result<bool, WriteError> {
        while let Ok(first) = self.first.try_recv() {
            if let First::Close(code, reason) = first {
                self.close(code, reason).await?;
                return Ok(true);
            }
            self.held.push_back(first);
        }
        if self.next_ping.is_some_and(|at| at <= Instant::now()) {
            self.ping().await?;
        }
        Ok(false)
    }

    async fn ping(&mut self) -> Result<(), WriteError> {
        self.next_ping = Some(Instant::now() + self.ping);
        self.send(WebSocketMessage::Ping(Bytes::new())).await
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), WriteError> {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        self.send(WebSocketMessage::Close(Some(frame))).await
    }

    async fn send(&mut self, message: WebSocketMessage) -> Result<(), WriteError> {
        let silence = self.silence;
        timeout(silence, self.sink.send(message)).await.map_err(|_| WriteError::Stalled(silence))??;
        Ok(())
    }
}

/// Pieces of at most `max` bytes; one empty piece of nothing.
fn fragments(parts: &[Bytes], max: usize) -> impl Iterator<Item = Bytes> {
    let count = move |part: &Bytes| part.len().div_ceil(max);
    let empty = parts.iter().all(Bytes::is_empty).then(Bytes::new);
    let pieces = parts.iter().flat_map(move |part| {
        (0..count(part)).map(move |number| part.slice(number * max..((number + 1) * max).min(part.len())))
    });
    pieces.chain(empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fragment_is_longer_than_a_frame_may_be_and_together_they_are_the_message() {
        let parts = [Bytes::from_static(b"head"), Bytes::from(vec![7; 100]), Bytes::new(), Bytes::from_static(b"tail")];
        let pieces: Vec<Bytes> = fragments(&parts, 30).collect();
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [4, 30, 30, 30, 10, 4]);
        assert_eq!(pieces.concat(), parts.concat());
        assert_eq!(fragments(&[Bytes::new()], 30).count(), 1);
        assert_eq!(fragments(&[Bytes::from(vec![0; 60])], 30).count(), 2);
    }
}
