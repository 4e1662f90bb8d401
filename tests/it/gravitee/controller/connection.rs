//! One connection to a controller.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::super::exchange::{self, Command};
use super::super::record::{Ingested, Seen};
use super::Shared;
use super::rules::{Hello, Ingesting, Order};

/// The limits of servers.
const MAX_FRAME: usize = 65_536;
const MAX_MESSAGE: usize = 13_107_200;

/// Chunks up to this are kept for tests to look into.
const KEPT_WHOLE: usize = 1024 * 1024;

/// A stream that breaks when its controller's rules say so.
struct Cut {
    stream: TcpStream,
    shared: Arc<Shared>,
}

impl AsyncRead for Cut {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, to);
        let taken = u64::try_from(to.filled().len() - before).unwrap();
        if let Some(left) = &mut self.shared.rules.lock().unwrap().cut_after {
            *left = left.saturating_sub(taken);
            if *left == 0 {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
        }
        polled
    }
}

impl AsyncWrite for Cut {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Upgrades a connection, or refuses it, and serves it to its end.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>, number: usize) {
    let Some((path, headers)) = request(&mut stream).await else { return };
    let status = status(&shared, number, &path, &headers);
    shared.record.add(number, Seen::Upgrade { status, path, headers: headers.clone() });
    if status != 101 {
        let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        // Whoever asked may have gone.
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
    let key = derive_accept_key(headers["sec-websocket-key"].as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n"
    );
    if stream.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    let config = WebSocketConfig::default().max_frame_size(Some(MAX_FRAME)).max_message_size(Some(MAX_MESSAGE));
    let cut = Cut { stream, shared: Arc::clone(&shared) };
    let socket = WebSocketStream::from_raw_socket(cut, Role::Server, Some(config)).await;
    let (orders, from) = mpsc::unbounded_channel();
    let connection =
        Connection { socket, shared, number, orders, active: false, pending: BTreeMap::new(), held: BTreeMap::new() };
    connection.run(from).await;
}

/// Path and headers, their names in lower case.
async fn request(stream: &mut TcpStream) -> Option<(String, BTreeMap<String, String>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(&head).unwrap();
    let path = request.path.unwrap().to_owned();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers = request.headers.iter().map(|header| (header.name.to_lowercase(), text(header.value)));
    Some((path, headers.collect()))
}

fn status(shared: &Shared, number: usize, path: &str, headers: &BTreeMap<String, String>) -> u16 {
    let mut rules = shared.rules.lock().unwrap();
    if path.strip_prefix("/integration-controller").unwrap_or(path) != "/exchange/controller" {
        return 404;
    }
    let header = |name: &str| headers.get(name).map_or("", String::as_str);
    let authorization = header("authorization");
    let is_bearer = authorization.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("bearer"));
    if !is_bearer || authorization[6..].trim() != rules.token {
        return 401;
    }
    let mut broken = Vec::new();
    if header("x-gravitee-exchange-protocol") != "v1" {
        broken.push("the protocol is not named");
    }
    if headers.contains_key("sec-websocket-protocol") || headers.contains_key("sec-websocket-extensions") {
        broken.push("a subprotocol or an extension is asked for");
    }
    if header("host").is_empty() || header("sec-websocket-version") != "13" {
        broken.push("the upgrade is not one");
    }
    for what in &broken {
        shared.record.add(number, Seen::Violation((*what).to_owned()));
    }
    if broken.is_empty() { rules.answers.pop_front().unwrap_or(101) } else { 400 }
}

struct Connection {
    socket: WebSocketStream<Cut>,
    shared: Arc<Shared>,
    number: usize,
    orders: mpsc::UnboundedSender<Order>,
    active: bool,
    /// Commands that wait for their reply: until when, and their type.
    pending: BTreeMap<String, (Instant, String)>,
    /// Replies to the agent that wait for a reply of the agent's.
    held: BTreeMap<String, Value>,
}

/// Whether a connection goes on.
type Goes = Result<(), ()>;

impl Connection {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let (health_every, ping_every) = {
            let rules = self.shared.rules.lock().unwrap();
            (rules.health_every, rules.ping_every)
        };
        let (mut health, mut ping) = (interval(health_every), interval(ping_every));
        let mut checks = 0;
        loop {
            let due = self.pending.values().map(|(by, _)| *by).min();
            let goes = tokio::select! {
                message = self.socket.next() => self.message(message).await,
                Some(order) = orders.recv() => self.order(order).await,
                _ = health.tick(), if self.active => {
                    checks += 1;
                    let id = format!("health-{}-{checks}", self.number);
                    self.command(json!({ "id": id, "type": "HEALTH_CHECK", "payload": {} })).await
                }
                _ = ping.tick(), if self.active => self.send(Message::Ping(Bytes::new())).await,
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => self.overdue().await,
            };
            if goes.is_err() {
                return;
            }
        }
    }

    fn see(&self, seen: Seen) {
        self.shared.record.add(self.number, seen);
    }

    async fn send(&mut self, message: Message) -> Goes {
        if self.socket.send(message).await.is_err() {
            self.see(Seen::Gone);
            return Err(());
        }
        Ok(())
    }

    /// In frames, as servers do it.
    async fn binary(&mut self, bytes: Vec<u8>) -> Goes {
        let bytes = Bytes::from(bytes);
        let count = bytes.len().div_ceil(MAX_FRAME).max(1);
        for number in 0..count {
            let piece = bytes.slice(number * MAX_FRAME..((number + 1) * MAX_FRAME).min(bytes.len()));
            let opcode = if number == 0 { Data::Binary } else { Data::Continue };
            self.send(Message::Frame(Frame::message(piece, OpCode::Data(opcode), number + 1 == count))).await?;
        }
        Ok(())
    }

    async fn command(&mut self, command: Value) -> Goes {
        let (id, kind) = (command["id"].as_str().unwrap().to_owned(), command["type"].as_str().unwrap().to_owned());
        let by = Instant::now() + self.shared.rules.lock().unwrap().reply_within;
        // A farewell is answered by a close.
        if kind != "GOOD_BYE" {
            self.pending.insert(id, (by, kind.clone()));
        }
        self.binary(exchange::write("COMMAND", &kind, &command)).await
    }

    async fn reply(&mut self, reply: &Value) -> Goes {
        let kind = reply["type"].as_str().unwrap().to_owned();
        self.binary(exchange::write("REPLY", &kind, reply)).await
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Goes {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        self.send(Message::Close(Some(frame))).await
    }

    async fn violation(&mut self, what: String, code: u16) -> Goes {
        self.see(Seen::Violation(what));
        self.close(code, "").await
    }

    /// Breaks the connection so that the agent gets a reset.
    fn reset(&mut self) -> Goes {
        self.socket.get_mut().stream.set_zero_linger().unwrap();
        self.see(Seen::Gone);
        Err(())
    }

    async fn order(&mut self, order: Order) -> Goes {
        match order {
            Order::Command(command) => self.command(command).await,
            Order::Bytes(bytes) => self.binary(bytes).await,
            Order::Text(text) => self.send(Message::Text(text.into())).await,
            Order::Reply(reply) => self.reply(&reply).await,
            Order::Close(code, reason) => self.close(code, reason).await,
            Order::ResetInFrame => {
                // A header that promises a thousand bytes, and ten of them.
                let frame = [&[0x82, 126, 0x03, 0xe8][..], b"t:COMMAND;"].concat();
                let _ = self.socket.get_mut().stream.write_all(&frame).await;
                self.reset()
            }
            Order::Freeze => std::future::pending().await,
        }
    }

    async fn overdue(&mut self) -> Goes {
        let now = Instant::now();
        let late: Vec<String> =
            self.pending.iter().filter(|(_, (by, _))| *by <= now).map(|(id, _)| id.clone()).collect();
        for id in late {
            let (_, kind) = self.pending.remove(&id).unwrap();
            let is_health = kind == "HEALTH_CHECK";
            self.see(Seen::NoReply { id, kind });
            if is_health {
                // The server takes the channel for dead.
                let target = self.shared.rules.lock().unwrap().target_id.clone();
                self.command(json!({ "id": "farewell", "type": "GOOD_BYE", "payload": { "targetId": target, "reconnect": true } }))
                    .await?;
            }
        }
        Ok(())
    }

    async fn message(&mut self, message: Option<Result<Message, Error>>) -> Goes {
        match message {
            Some(Ok(Message::Binary(bytes))) if bytes.is_empty() => Ok(()),
            Some(Ok(Message::Binary(bytes))) => self.exchange(&bytes).await,
            Some(Ok(Message::Text(_))) => self.violation("a text message".to_owned(), 1003).await,
            Some(Ok(Message::Ping(_))) => {
                self.see(Seen::Ping);
                Ok(())
            }
            Some(Ok(Message::Pong(_))) => {
                self.see(Seen::Pong);
                Ok(())
            }
            Some(Ok(Message::Close(frame))) => {
                self.see(Seen::Closed { code: frame.map_or(1005, |frame| frame.code.into()) });
                // The answer to it, and then the end of the stream.
                let _ = self.socket.flush().await;
                Err(())
            }
            Some(Ok(Message::Frame(_))) => Ok(()),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { size, max_size }))) => {
                self.violation(format!("{size} bytes, of at most {max_size}"), 1009).await?;
                Err(())
            }
            Some(Err(Error::Io(_))) => self.reset(),
            Some(Err(_)) | None => {
                self.see(Seen::Gone);
                Err(())
            }
        }
    }

    async fn exchange(&mut self, bytes: &[u8]) -> Goes {
        let old = self.shared.rules.lock().unwrap().old;
        let read = match exchange::read(bytes, old) {
            Ok(read) => read,
            Err(error) => return self.violation(error, 1002).await,
        };
        match read.kind.as_str() {
            "COMMAND" => self.asked(&read, bytes.len()).await,
            "REPLY" => match serde_json::from_str::<Value>(&read.json) {
                Ok(reply) => self.answered(reply).await,
                Err(error) => {
                    self.undecodable(&error);
                    Ok(())
                }
            },
            other => self.violation(format!("a message of kind {other}"), 1002).await,
        }
    }

    /// Keeps small chunks as they came, for whoever looks into their APIs.
    fn keep(&self, json: &str) {
        if json.len() > KEPT_WHOLE {
            return;
        }
        let command: Value = serde_json::from_str(json).unwrap();
        let apis = command["payload"]["apis"].as_array().unwrap().iter();
        let named = apis.map(|api| (api["id"].as_str().unwrap().to_owned(), api.clone()));
        self.shared.apis.lock().unwrap().extend(named);
    }

    /// The server's decoder throws, nothing is answered, and the connection stays.
    fn undecodable(&self, error: &serde_json::Error) {
        self.see(Seen::Violation(format!("cannot be decoded: {error}")));
    }

    async fn asked(&mut self, read: &exchange::Exchange, bytes: usize) -> Goes {
        if !self.active && read.outside != "HELLO" {
            return self.violation(format!("{} before the hello", read.outside), 1002).await;
        }
        match read.outside.as_str() {
            "INGEST" => match serde_json::from_str::<Command<exchange::Ingest>>(&read.json) {
                Ok(command) => {
                    self.named(&command.kind, "INGEST");
                    self.keep(&read.json);
                    self.ingest(&command.id, &command.payload, bytes).await
                }
                Err(error) => {
                    self.undecodable(&error);
                    Ok(())
                }
            },
            kind => match serde_json::from_str::<Command<Value>>(&read.json) {
                Ok(command) => {
                    self.named(&command.kind, kind);
                    if kind == "HELLO" {
                        return self.hello(&command.id, command.payload).await;
                    }
                    self.see(Seen::Violation(format!("an agent's {kind}")));
                    let details = format!("No handler found for command type {kind}. Ignoring");
                    let reply = json!({ "commandId": command.id, "type": "NO_REPLY", "commandStatus": "ERROR", "errorDetails": details, "payload": {} });
                    self.reply(&reply).await
                }
                Err(error) => {
                    self.undecodable(&error);
                    Ok(())
                }
            },
        }
    }

    fn named(&self, kind: &str, outside: &str) {
        if kind != outside {
            self.see(Seen::Violation(format!("{kind} is called {outside}")));
        }
    }

    async fn hello(&mut self, id: &str, payload: Value) -> Goes {
        let (rule, refusal) = {
            let mut rules = self.shared.rules.lock().unwrap();
            let wrong = if payload["targetId"] != json!(rules.target_id) {
                Some(format!("Integration {} not found", payload["targetId"]))
            } else if payload["provider"] == json!(rules.provider) {
                None
            } else {
                Some(format!("Integration provider must be {}", rules.provider))
            };
            (rules.hellos.pop_front(), wrong)
        };
        let refusal = match rule {
            Some(Hello::Silence) => {
                self.see(Seen::Hello { payload, accepted: false });
                return Ok(());
            }
            Some(Hello::Refuse(why)) => Some(why.to_owned()),
            None => refusal,
        };
        if let Some(why) = refusal {
            self.reply(&json!({ "commandId": id, "type": "HELLO", "commandStatus": "ERROR", "errorDetails": why }))
                .await?;
            self.see(Seen::Hello { payload, accepted: false });
            return Ok(());
        }
        self.active = true;
        *self.shared.active.lock().unwrap() = Some(self.orders.clone());
        let target = &payload["targetId"];
        self.reply(&json!({ "commandId": id, "type": "HELLO", "commandStatus": "SUCCEEDED", "payload": { "targetId": target } }))
            .await?;
        self.see(Seen::Hello { payload, accepted: true });
        let id = format!("primary-{}", self.number);
        self.command(json!({ "id": id, "type": "PRIMARY", "payload": { "primary": true } })).await
    }

    async fn ingest(&mut self, id: &str, ingest: &exchange::Ingest, bytes: usize) -> Goes {
        let job = ingest.job.clone();
        let known = self.shared.jobs.lock().unwrap().get(&job).is_some_and(|made| *made <= Instant::now());
        let ids: Vec<String> = ingest.apis.iter().map(|api| api.id.clone()).collect();
        let rule = self.shared.rules.lock().unwrap().ingests.pop_front();
        let refused = matches!(rule, Some(Ingesting::Refuse(_)));
        if known && !refused {
            self.shared.stored.lock().unwrap().extend(ids.iter().cloned());
        }
        self.see(Seen::Ingest(Ingested { job, ids, bytes, done: ingest.done, known }));
        let taken = json!({ "commandId": id, "type": "INGEST", "commandStatus": "SUCCEEDED", "payload": {} });
        match rule {
            None => self.reply(&taken).await,
            Some(Ingesting::Late(after)) => {
                let orders = self.orders.clone();
                tokio::spawn(async move {
                    sleep(after).await;
                    let _ = orders.send(Order::Reply(taken));
                });
                Ok(())
            }
            Some(Ingesting::TakeAndReset) => self.reset(),
            Some(Ingesting::Refuse(why)) => {
                self.reply(&json!({ "commandId": id, "type": "INGEST", "commandStatus": "ERROR", "errorDetails": why }))
                    .await
            }
            Some(Ingesting::UnsubscribeFirst(payload)) => {
                self.held.insert("server-unsubscribe".to_owned(), taken);
                self.command(json!({ "id": "server-unsubscribe", "type": "UNSUBSCRIBE", "payload": payload })).await
            }
        }
    }

    async fn answered(&mut self, reply: Value) -> Goes {
        let id = reply["commandId"].as_str().unwrap_or_default().to_owned();
        let Some((_, kind)) = self.pending.remove(&id) else {
            self.see(Seen::LateReply { id });
            return Ok(());
        };
        let status = reply["commandStatus"].as_str().unwrap_or_default();
        if !["SUCCEEDED", "ERROR"].contains(&status) || (status == "SUCCEEDED") != reply.get("errorDetails").is_none() {
            self.see(Seen::Violation(format!("a reply without a proper status: {reply}")));
        }
        if kind == "START_INGEST" && reply["payload"]["total"].as_u64().is_some_and(|total| total > 0) {
            let made = Instant::now() + self.shared.rules.lock().unwrap().job_after;
            self.shared.jobs.lock().unwrap().insert(reply["payload"]["ingestJobId"].as_str().unwrap().to_owned(), made);
        }
        let held = self.held.remove(&id);
        self.see(Seen::Reply { id, reply });
        match held {
            Some(held) => self.reply(&held).await,
            None => Ok(()),
        }
    }
}
