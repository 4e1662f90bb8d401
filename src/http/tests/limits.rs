use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Fake, Health, Server, Site};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_port_that_is_taken_is_said_in_one_sentence() {
    let first = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = Server::bind(first.local_addr()).await.unwrap_err().to_string();
    let expected = format!(
        "cannot listen on {} for [http]: another process listens there; stop it, or choose another port",
        first.local_addr()
    );
    assert_eq!(error, expected);
    let error = Server::bind("192.0.2.1:0".parse().unwrap()).await.unwrap_err().to_string();
    assert_eq!(error, "cannot listen on 192.0.2.1:0 for [http]: this machine has no such address");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let site = Site::local().await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.unwrap();
    let mut answer = Vec::new();
    timeout(LONG, stream.read_to_end(&mut answer)).await.expect("it is closed").unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "");
    assert_eq!(site.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_too_long_or_does_not_end_is_refused() {
    let site = Site::local().await;
    let _folder = site.token("t");
    let long = " ".repeat(17 * 1024);
    let answer = site.ask("POST", "/api/v1/reload", &["Authorization: Bearer t"], &long).await;
    assert_eq!(answer.kind(), (413, "too_large".to_owned()));
    let slow = "POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\nConnection: close\r\nContent-Length: 5\r\n\r\n{";
    let answer = timeout(LONG, site.send(slow)).await.expect("it is answered");
    assert_eq!(answer.kind(), (408, "timed_out".to_owned()));
}

#[tokio::test]
async fn more_connections_than_there_are_places_for_wait_and_are_answered() {
    let site = Site::local().await;
    let mut idle = Vec::new();
    for _ in 0..80 {
        idle.push(TcpStream::connect(site.address).await.unwrap());
    }
    let waiting = tokio::time::timeout(Duration::from_millis(300), site.get("/healthz")).await;
    assert!(waiting.is_err(), "every place is taken");
    assert_eq!(timeout(LONG, site.get("/healthz")).await.expect("places become free").status, 200);
}

#[tokio::test]
async fn at_the_end_idle_connections_are_closed_and_the_port_is_free() {
    let fake = Fake::default();
    fake.script().health = Health { ticking: true, ..Health::default() };
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, cancel) = (server.local_addr(), CancellationToken::new());
    let serving = tokio::spawn(server.serve(Arc::new(fake), cancel.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    cancel.cancel();
    timeout(LONG, serving).await.expect("it ends").unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    Server::bind(address).await.unwrap();
}
