use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Fake, Health, Server, Site};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_mins(1);
/// Less than what a connection has for its request.
const AT_ONCE: Duration = Duration::from_secs(8);

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
async fn a_body_that_says_it_is_too_long_is_not_waited_for() {
    let site = Site::local().await;
    let _folder = site.token("t");
    let begun =
        "POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\nContent-Length: 1000000\r\n\r\n";
    let answer = timeout(AT_ONCE, site.send(begun)).await.expect("it is answered");
    assert_eq!(answer.kind(), (413, "too_large".to_owned()));
}

#[tokio::test]
async fn whoever_says_nothing_keeps_nobody_from_being_answered() {
    let site = Site::local().await;
    site.fake.hold(true);
    let list = site.get("/api/v1/connections");
    let silent = async {
        site.fake.until_held(1).await;
        let mut silent = Vec::new();
        for _ in 0..200 {
            silent.push(TcpStream::connect(site.address).await.unwrap());
            // An answer in between: each comes by those before it.
            if silent.len() % 50 == 0 {
                assert_eq!(timeout(AT_ONCE, site.get("/healthz")).await.expect("it is answered").status, 200);
            }
        }
        // The first of them is gone, and the last is served.
        assert_eq!(silent[0].read(&mut [0]).await.unwrap_or(0), 0);
        let last = silent.last_mut().unwrap();
        last.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut begun = [0; 12];
        last.read_exact(&mut begun).await.unwrap();
        assert_eq!(&begun, b"HTTP/1.1 200");
        site.fake.hold(false);
    };
    let (answer, ()) = timeout(LONG, async { tokio::join!(list, silent) }).await.expect("it ends");
    assert_eq!(answer.status, 200, "who is being answered is not thrown out");
}

#[tokio::test]
async fn lists_keep_neither_a_scrape_nor_a_change_nor_a_token_waiting() {
    let site = Site::local().await;
    let _folder = site.token("t");
    let right = ["Authorization: Bearer t"];
    site.fake.hold(true);
    let lists: Vec<_> = (0..60).map(|_| site.get("/api/v1/connections")).collect();
    let others = async {
        site.fake.until_held(4).await;
        let path = "/api/v1/connections/payments/pause";
        for (method, path, status) in [("GET", "/metrics", 200), ("POST", path, 200), ("GET", "/nowhere", 404)] {
            let answer = timeout(AT_ONCE, site.ask(method, path, &right, "")).await.expect("it is answered");
            assert_eq!(answer.status, status, "{path}");
        }
        assert_eq!(site.fake.script().held, 4, "no more lists at one time");
        site.fake.hold(false);
    };
    let (answers, ()) =
        timeout(LONG, async { tokio::join!(futures_util::future::join_all(lists), others) }).await.expect("it ends");
    let turned_away = answers.iter().filter(|answer| answer.status != 200);
    assert!(turned_away.clone().all(|answer| answer.kind() == (503, "unavailable".to_owned())), "{answers:?}");
    assert_eq!(turned_away.count(), 16, "of 60 four are made and forty wait");
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
