//! The edge over a loopback socket, with a backend that says what a test wants.

mod access;
mod described;
mod limits;
mod lists;
mod scrape;

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    ApisQuery, Backend, CoverageQuery, DeliveriesQuery, Figures, Health, Listing, Paging, PauseRequest, Refusal,
    RefusalKind, RunsQuery, Server,
};
use crate::config::SecretRef;

/// What the backend says, and what it was asked.
#[derive(Debug, Default)]
struct Script {
    token: Option<SecretRef>,
    health: Health,
    figures: Figures,
    next: Option<String>,
    asked: Vec<String>,
    /// Lists wait until it is gone.
    holds: bool,
    /// Lists that wait.
    held: usize,
    /// The test is over, however: nobody waits for anything, or its end would wait for them.
    over: bool,
}

#[derive(Clone, Debug, Default)]
struct Fake(Arc<(Mutex<Script>, Condvar)>);

impl Fake {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.0.lock().unwrap()
    }

    /// Has lists wait, or lets them go.
    fn hold(&self, holds: bool) {
        self.script().holds = holds;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let mut script = self.script();
        script.held += 1;
        self.0.1.notify_all();
        script = self.0.1.wait_while(script, |script| script.holds && !script.over).unwrap();
        script.held -= 1;
    }

    /// Waits until so many lists wait.
    async fn until_held(&self, many: usize) {
        let fake = self.clone();
        let waiting =
            move || drop(fake.0.1.wait_while(fake.script(), |script| script.held < many && !script.over).unwrap());
        tokio::task::spawn_blocking(waiting).await.unwrap();
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.script().asked)
    }

    fn note(&self, asked: String) -> Listing {
        let mut script = self.script();
        script.asked.push(asked);
        Listing { items: vec![json!({ "name": "payments" })], next: script.next.clone() }
    }
}

impl Backend for Fake {
    fn token(&self) -> Option<SecretRef> {
        self.script().token.clone()
    }

    fn health(&self) -> Health {
        self.script().health.clone()
    }

    fn figures(&self) -> Figures {
        self.script().figures.clone()
    }

    fn connections(&self, paging: &Paging) -> Result<Listing, Refusal> {
        self.wait();
        Ok(self.note(format!("{paging:?}")))
    }

    fn integrations(&self, paging: &Paging) -> Result<Listing, Refusal> {
        Ok(self.note(format!("{paging:?}")))
    }

    fn apis(&self, query: &ApisQuery) -> Result<Listing, Refusal> {
        Ok(self.note(format!("{query:?}")))
    }

    fn runs(&self, query: &RunsQuery) -> Result<Listing, Refusal> {
        match query.paging.cursor.as_deref() {
            Some("bad") => Err(Refusal::new(RefusalKind::BadRequest, "bad is no cursor")),
            _ => Ok(self.note(format!("{query:?}"))),
        }
    }

    fn deliveries(&self, query: &DeliveriesQuery) -> Result<Listing, Refusal> {
        Ok(self.note(format!("{query:?}")))
    }

    fn coverage(&self, query: &CoverageQuery) -> Result<Listing, Refusal> {
        Ok(self.note(format!("{query:?}")))
    }

    fn run(&self, run_id: i64) -> Result<Value, Refusal> {
        match run_id {
            1 => Ok(json!({ "run_id": 1 })),
            _ => Err(Refusal::new(RefusalKind::NotFound, format!("there is no run {run_id}"))),
        }
    }

    fn catalog(&self, target: &str) -> Result<Vec<u8>, Refusal> {
        match target {
            "payments" => Ok(b"# entities\n".to_vec()),
            _ => Err(Refusal::new(RefusalKind::NotFound, format!("no target is named {target}"))),
        }
    }

    fn reload(&self, accept: bool, by: String) -> BoxFuture<'static, Result<Value, Refusal>> {
        self.note(format!("reload {accept} by {by}"));
        Box::pin(async move {
            if accept {
                Ok(json!({ "added": 1 }))
            } else {
                Err(Refusal::new(RefusalKind::FileRejected, "schedules.toml has 1 mistake").hint("mend it"))
            }
        })
    }

    fn pause(&self, connection: &str, pause: &PauseRequest, by: &str) -> Result<Value, Refusal> {
        self.note(format!("pause {connection} {pause:?} by {by}"));
        Ok(json!({ "name": connection }))
    }

    fn resume(&self, connection: &str, by: &str) -> Result<Value, Refusal> {
        self.note(format!("resume {connection} by {by}"));
        Ok(json!({ "name": connection }))
    }
}

/// A server that ends with the test.
struct Site {
    fake: Fake,
    address: SocketAddr,
    _end: DropGuard,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&prefix))
    }

    /// Kind and message of the problem that it is.
    fn problem(&self) -> (u16, String, String) {
        let error = &self.json()["error"];
        assert!(error["hint"].is_string() || error["hint"].is_null(), "{self:?}");
        (self.status, error["kind"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
    }

    fn kind(&self) -> (u16, String) {
        let (status, kind, _) = self.problem();
        (status, kind)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.fake.script().over = true;
        self.fake.0.1.notify_all();
    }
}

impl Site {
    async fn open(listen: &str) -> Self {
        let fake = Fake::default();
        fake.script().health = Health { ticking: true, tick_age: 0.5, ready: true, degraded: Vec::new() };
        let server = Server::bind(listen.parse().unwrap()).await.unwrap();
        let port = server.local_addr().port();
        let cancel = CancellationToken::new();
        tokio::spawn(server.serve(Arc::new(fake.clone()), cancel.clone()));
        Self { fake, address: SocketAddr::from(([127, 0, 0, 1], port)), _end: cancel.drop_guard() }
    }

    /// On a loopback address.
    async fn local() -> Self {
        Self::open("127.0.0.1:0").await
    }

    /// Where other machines could come in.
    async fn public() -> Self {
        Self::open("0.0.0.0:0").await
    }

    /// Puts the token into a file.
    fn token(&self, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), text).unwrap();
        self.fake.script().token = Some(SecretRef::File(folder.path().join("token")));
        folder
    }

    /// Sends bytes as they are and reads to the end.
    async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A request with some header lines.
    async fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let host = format!("Host: {}", self.address);
        let length = format!("Content-Length: {}", body.len());
        let mut lines = vec!["Connection: close", &length];
        lines.extend(headers);
        if !headers.iter().any(|header| header.starts_with("Host:")) {
            lines.push(&host);
        }
        self.send(&format!("{method} {path} HTTP/1.1\r\n{}\r\n\r\n{body}", lines.join("\r\n"))).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }
}
