//! A minimal HTTP client, so that the simulator is judged by its bytes and not by an SDK's reading of them.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use aboard_simulator::Simulator;
use serde_json::Value;

/// Long enough for a slow machine; no test waits for it unless it fails, but those that expect silence.
const PATIENCE: Duration = Duration::from_secs(20);

/// Credentials and region of a call.
#[derive(Clone, Debug)]
pub struct Client {
    address: std::net::SocketAddr,
    key: String,
    token: Option<String>,
    region: String,
    patience: Duration,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// How a connection ended without a whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Closed after this many bytes of head and body.
    Closed { head: bool, body: usize, announced: usize },
    /// Nothing arrived in time.
    Silent,
}

impl Client {
    pub fn new(simulator: &Simulator, key: &str, region: &str) -> Self {
        Self::at(simulator.address(), key, region)
    }

    pub fn at(address: std::net::SocketAddr, key: &str, region: &str) -> Self {
        Self { address, key: key.to_owned(), token: None, region: region.to_owned(), patience: PATIENCE }
    }

    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("a whole answer")
    }

    pub fn try_get(&self, path: &str) -> Result<Answer, Broken> {
        self.send(&self.head("GET", path, "apigateway", ""), "")
    }

    /// A call of API Gateway that changes something.
    pub fn write(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(&self.head(method, path, "apigateway", ""), &body).expect("a whole answer")
    }

    /// Several calls, one after the other on one connection.
    pub fn get_all(&self, paths: &[&str]) -> Vec<Answer> {
        let mut stream = self.connect();
        let answers = paths.iter().map(|path| {
            let head = self.head("GET", path, "apigateway", "");
            exchange(&mut stream, &head, "").expect("a whole answer")
        });
        answers.collect()
    }

    /// A call of the query protocol.
    pub fn sts(&self, form: &str) -> Answer {
        let head = self.head("POST", "/", "sts", "Content-Type: application/x-www-form-urlencoded\r\n");
        self.send(&head, form).expect("a whole answer")
    }

    pub fn organizations(&self, operation: &str, body: &str) -> Answer {
        let extra = format!(
            "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSOrganizationsV20161128.{operation}\r\n"
        );
        self.send(&self.head("POST", "/", "organizations", &extra), body).expect("a whole answer")
    }

    pub fn list_regions(&self, body: &str) -> Answer {
        self.send(&self.head("POST", "/listRegions", "account", ""), body).expect("a whole answer")
    }

    fn head(&self, method: &str, path: &str, service: &str, extra: &str) -> String {
        let token = self.token.as_ref().map(|token| format!("X-Amz-Security-Token: {token}\r\n")).unwrap_or_default();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={}/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=00\r\n{token}{extra}",
            self.address, self.key, self.region
        )
    }

    fn send(&self, head: &str, body: &str) -> Result<Answer, Broken> {
        exchange(&mut self.connect(), head, body)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the simulator listens");
        stream.set_read_timeout(Some(self.patience)).expect("a timeout can be set");
        stream
    }
}

fn exchange(stream: &mut TcpStream, head: &str, body: &str) -> Result<Answer, Broken> {
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).expect("the request can be sent");
    read_answer(stream)
}

fn read_answer(stream: &mut TcpStream) -> Result<Answer, Broken> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let mut parsed: Option<(usize, usize, Answer)> = None;
    loop {
        if parsed.is_none()
            && let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let answer = parse_head(&head);
            let length = answer.headers["content-length"].parse().expect("a length");
            parsed = Some((end + 4, length, answer));
        }
        if let Some((start, length, answer)) = &mut parsed
            && bytes.len() >= *start + *length
        {
            answer.body = String::from_utf8_lossy(&bytes[*start..*start + *length]).into_owned();
            return Ok(answer.clone());
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err(closed(&bytes, parsed.as_ref())),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(Broken::Silent);
            }
            Err(_) => return Err(closed(&bytes, parsed.as_ref())),
        }
    }
}

fn closed(bytes: &[u8], parsed: Option<&(usize, usize, Answer)>) -> Broken {
    match parsed {
        Some((start, length, _)) => Broken::Closed { head: true, body: bytes.len() - start, announced: *length },
        None => Broken::Closed { head: !bytes.is_empty(), body: 0, announced: 0 },
    }
}

fn parse_head(head: &str) -> Answer {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Answer { status: status.expect("a status"), headers, body: String::new() }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The text of the first XML element with this name.
    pub fn xml(&self, element: &str) -> &str {
        let start = self.body.split_once(&format!("<{element}>")).map(|(_, rest)| rest);
        start
            .and_then(|rest| rest.split_once(&format!("</{element}>")))
            .map_or_else(|| panic!("no {element} in {}", self.body), |(text, _)| text)
    }

    pub fn error_type(&self) -> &str {
        self.headers.get("x-amzn-errortype").map_or("", String::as_str)
    }
}

/// The texts of one member of each item in a list.
pub fn names(list: &Value, member: &str) -> Vec<String> {
    let items = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect()
}
