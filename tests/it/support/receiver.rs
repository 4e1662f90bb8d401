//! Receivers of webhooks: one that verifies by other people's libraries, and one that does as it is told, however bad.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::LONG;
use super::server::python;

/// `standardwebhooks` and `cloudevents` from the Python index, which take or refuse what comes.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// Owns its standard input, whose end is its end.
    _child: Child,
    port: u16,
    seen: Arc<(Mutex<Vec<Value>>, Condvar)>,
}

impl Verifier {
    pub(crate) fn knowing(secrets: &[&str]) -> Self {
        let mut command = python();
        command.args(["-c", include_str!("verifier.py")]).args(secrets);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().expect("its port").unwrap().parse().unwrap();
        let seen = Arc::<(Mutex<Vec<Value>>, Condvar)>::default();
        let keep = Arc::clone(&seen);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                keep.0.lock().unwrap().push(serde_json::from_str(&line).unwrap());
                keep.1.notify_all();
            }
        });
        Self { _child: child, port, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks", self.port)
    }

    /// All that came, once there are so many.
    pub(crate) fn seen(&self, at_least: usize) -> Vec<Value> {
        let (seen, more) = &*self.seen;
        let (seen, waited) = more.wait_timeout_while(seen.lock().unwrap(), LONG, |seen| seen.len() < at_least).unwrap();
        assert!(!waited.timed_out(), "only {} came", seen.len());
        seen.clone()
    }
}

/// What came in one request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The request line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// On which connection, counted from 0.
    pub(crate) connection: usize,
}

/// What a receiver does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with a status line (and headers), and a body.
    Answers(String, Vec<u8>),
    /// Answers with a status line and headers, and a body that never comes to its end.
    Drips(String),
    /// Says nothing until the other side gives up.
    Hangs,
    /// Says this much and resets the connection.
    Cuts(String),
}

impl Does {
    pub(crate) fn answers(status: &str) -> Self {
        Self::Answers(status.to_owned(), Vec::new())
    }
}

/// A receiver that does as it is told.
#[derive(Debug)]
pub(crate) struct Receiver {
    port: u16,
    asked: Arc<(Mutex<Vec<Asked>>, Condvar)>,
}

impl Receiver {
    /// `does` is given what came, and how many requests came before.
    pub(crate) fn that(does: impl Fn(usize, &Asked) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self { port: listener.local_addr().unwrap().port(), asked: Arc::default() };
        let (asked, does) = (Arc::clone(&receiver.asked), Arc::new(does));
        thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let (asked, does) = (Arc::clone(&asked), Arc::clone(&does));
                thread::spawn(move || serve(connection.unwrap(), number, &asked, &*does));
            }
        });
        receiver
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks", self.port)
    }

    /// Waits until so many requests came.
    pub(crate) fn wait_for(&self, requests: usize) {
        let (asked, more) = &*self.asked;
        let (asked, waited) =
            more.wait_timeout_while(asked.lock().unwrap(), LONG, |asked| asked.len() < requests).unwrap();
        assert!(!waited.timed_out(), "only {} requests came", asked.len());
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.0.lock().unwrap().clone()
    }
}

fn serve(
    connection: TcpStream,
    number: usize,
    asked: &(Mutex<Vec<Asked>>, Condvar),
    does: &(dyn Fn(usize, &Asked) -> Does + Send + Sync),
) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut writer = connection;
    while let Some(request) = request(&mut reader, number) {
        let before = {
            let (all, more) = asked;
            let mut all = all.lock().unwrap();
            all.push(request.clone());
            more.notify_all();
            all.len() - 1
        };
        // Whoever is answered may have gone.
        match does(before, &request) {
            Does::Answers(status, body) => {
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
                if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).is_err() {
                    return;
                }
            }
            Does::Drips(status) => {
                let mut piece = format!("HTTP/1.1 {status}\r\ncontent-length: 1000000\r\n\r\n").into_bytes();
                while writer.write_all(&piece).is_ok() {
                    piece = b"drip ".to_vec();
                    thread::sleep(Duration::from_millis(10));
                }
                return;
            }
            Does::Hangs => {
                let _ = std::io::copy(&mut reader, &mut std::io::sink());
                return;
            }
            Does::Cuts(said) => {
                writer.write_all(said.as_bytes()).unwrap();
                let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
                nix::sys::socket::setsockopt(&writer, nix::sys::socket::sockopt::Linger, &at_once).unwrap();
                return;
            }
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>, connection: usize) -> Option<Asked> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or_default() == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { head, body, connection })
}
