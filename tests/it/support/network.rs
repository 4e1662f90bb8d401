//! What can stand between aboard and AWS: TLS with a certificate of one's own, and a proxy.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use super::Server;
use super::server::python;

/// A server over TLS, signed by a certificate authority that nobody knows.
#[derive(Debug)]
pub(crate) struct Tls {
    /// Owns its standard input, whose end is its end.
    _child: Child,
    port: u16,
    ca: String,
}

impl Tls {
    pub(crate) fn before(server: &Server) -> Self {
        Self::before_port(server.port())
    }

    pub(crate) fn before_port(port: u16) -> Self {
        let mut command = python();
        command.args(["-c", include_str!("tls.py"), &port.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        let (port, ca) = said.split_once('\n').expect("its port and its certificate");
        Self { _child: child, port: port.parse().unwrap(), ca: ca.to_owned() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificate that whoever connects has to trust.
    pub(crate) fn ca(&self) -> String {
        self.ca.clone()
    }
}

/// An HTTP proxy that leads every request to one port, whatever host it is for, and remembers what it was asked for.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let proxy = Self { port: listener.local_addr().unwrap().port(), asked: Arc::clone(&asked) };
        std::thread::spawn(move || {
            for outside in listener.incoming() {
                let (outside, asked) = (outside.unwrap(), Arc::clone(&asked));
                std::thread::spawn(move || carry(outside, port, &asked));
            }
        });
        proxy
    }

    /// The address of a proxy that nobody answers at.
    pub(crate) fn dead() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The first line of each connection.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Carries one connection; a CONNECT is answered, anything else is passed on as it came.
fn carry(outside: TcpStream, port: u16, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(outside.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or_default() == 0 {
            return;
        }
    }
    let first = head.lines().next().unwrap().to_owned();
    asked.lock().unwrap().push(first.clone());
    let mut inside = TcpStream::connect(("127.0.0.1", port)).unwrap();
    if first.starts_with("CONNECT ") {
        (&outside).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    } else {
        inside.write_all(head.as_bytes()).unwrap();
    }
    inside.write_all(reader.buffer()).unwrap();
    let (from_inside, to_outside) = (inside.try_clone().unwrap(), outside.try_clone().unwrap());
    std::thread::spawn(move || copy(from_inside, to_outside));
    copy(outside, inside);
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
