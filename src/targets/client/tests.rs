use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::config::NetworkConfig;
use crate::targets::Effect;

/// A server for one connection, which does what `serve` says.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/hunter2?key=hunter2", listener.local_addr().unwrap());
    thread::spawn(move || serve(listener.accept().unwrap().0));
    url.parse().unwrap()
}

fn read_head(connection: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

fn client(timeout: Duration) -> Client {
    Client::new(&NetworkConfig::default(), timeout).unwrap()
}

async fn get(client: &Client, url: Url) -> Result<Answer, Failure> {
    client.send(client.request(Method::GET, url)).await
}

async fn failing(timeout: Duration, url: Url) -> String {
    let failure = get(&client(timeout), url).await.unwrap_err();
    assert_eq!((failure.status, failure.retry_after, failure.effect), (None, None, Effect::Retry));
    assert!(!failure.message.contains("hunter2") && !failure.message.contains("hooks"), "{}", failure.message);
    failure.message
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn whoever_does_not_answer_is_named_with_the_cause_and_without_the_path() {
    let url = server(|mut connection| {
        read_head(&mut connection);
        let _ = connection.read(&mut [0]);
    });
    let place = place(&url);
    assert_eq!(failing(SHORT, url).await, format!("{place} did not answer within 100ms"));

    let url = server(|mut connection| read_head(&mut connection));
    let place = self::place(&url);
    let message = failing(LONG, url).await;
    assert!(message.starts_with(&format!("{place} gave no answer: connection closed")), "{message}");

    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/hooks/hunter2", listener.local_addr().unwrap()).parse().unwrap()
    };
    let message = failing(LONG, url).await;
    assert!(message.contains("cannot be reached: ") && message.contains("Connection refused"), "{message}");

    let message = failing(LONG, "http://nobody.invalid/hooks/hunter2".parse().unwrap()).await;
    assert!(message.starts_with("http://nobody.invalid cannot be reached: "), "{message}");
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_breaks_off_is_a_failure() {
    let answering = |length: usize, body: &'static [u8]| {
        server(move |mut connection| {
            read_head(&mut connection);
            write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").unwrap();
            connection.write_all(body).unwrap();
        })
    };
    let client = client(LONG);
    let whole = async |url| get(&client, url).await.unwrap().whole(5).await.map_err(|failure| failure.message);
    assert_eq!(whole(answering(5, b"hello")).await.unwrap(), b"hello");
    assert!(whole(answering(6, b"hello!")).await.unwrap_err().ends_with("answered with more than 5 bytes"));
    assert!(whole(answering(5, b"hell")).await.unwrap_err().contains("broke off its answer: "));
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let url = server(|mut connection| {
        read_head(&mut connection);
        connection
            .write_all(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
    });
    let place = place(&url);
    let answer = get(&client(LONG), url).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.place()), (302, place.as_str()));
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_a_sentence_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let network = |name: &str| NetworkConfig { ca_file: Some(folder.path().join(name)) };
    let message = Client::new(&network("missing.pem"), LONG).unwrap_err().message;
    assert!(message.contains("missing.pem cannot be read"), "{message}");
    std::fs::write(folder.path().join("bad.pem"), "hello").unwrap();
    let message = Client::new(&network("bad.pem"), LONG).unwrap_err().message;
    assert!(message.contains("bad.pem is not usable: it holds no certificate"), "{message}");
}

#[tokio::test]
async fn a_refusal_is_quoted_shortly_and_says_whether_to_pause() {
    let refusing = async |status: &'static str, headers: &'static str, body: Vec<u8>| {
        let url = server(move |mut connection| {
            read_head(&mut connection);
            write!(connection, "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n").unwrap();
            // The client stops reading when it has seen enough.
            let _ = connection.write_all(&body);
        });
        let place = place(&url);
        let failure = get(&client(LONG), url).await.unwrap().refused("2026-11-06T08:49:37Z".parse().unwrap()).await;
        (failure.message.strip_prefix(&format!("{place} answered ")).unwrap().to_owned(), failure)
    };
    let (said, failure) = refusing("500 Oops", "retry-after: 7\r\n", b"\x1b[31mdisk\r\nfull\0".to_vec()).await;
    assert_eq!(said, "500 Internal Server Error: [31mdisk full");
    assert_eq!((failure.status, failure.effect), (Some(500), Effect::Retry));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));

    let date = "retry-after: Fri, 06 Nov 2026 08:50:37 GMT\r\n";
    let (said, failure) = refusing("429 Slow Down", date, vec![b'x'; 10 * 1024 * 1024]).await;
    assert_eq!(said, format!("429 Too Many Requests: {}…", "x".repeat(200)));
    assert_eq!((failure.status, failure.effect), (Some(429), Effect::Pause));
    assert_eq!(failure.retry_after, Some(Duration::from_mins(1)));

    for (status, effect) in [(400, Effect::Retry), (502, Effect::Pause), (503, Effect::Pause), (504, Effect::Pause)] {
        let line: &'static str = format!("{status} x").leak();
        assert_eq!(refusing(line, "", Vec::new()).await.1.effect, effect, "{status}");
    }
}
