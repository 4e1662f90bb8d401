//! What is said over the control socket, one JSON object a line.
//!
//! The client opens with an [`Opening`] and may add [`Reply`]s; it gets [`Answer`]s, the last of which is the exit code. A line has at
//! most [`MOST_LINE`] bytes either way.

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::socket::FileId;
use crate::discovery::Reading;
use crate::worker::Candidate;

/// The version of this protocol. A worker and a client of different versions refuse each other.
pub const VERSION: u64 = 1;

/// More bytes than this are no line.
pub const MOST_LINE: usize = 1 << 20;

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// [`VERSION`].
    pub v: u64,
    /// The registry whose worker it means, where it knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<FileId>,
    /// What it wants.
    #[serde(flatten)]
    pub ask: Ask,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Ask {
    /// A command is to be carried out.
    Command(Call),
    /// The schedule file is to be read anew.
    Reload {
        /// Whether the client waits for what comes of it.
        wait: bool,
        /// Whether an empty file, or the removal of most connections, is meant.
        accept: bool,
        /// Whether a command of the client has just changed it.
        #[serde(default)]
        edited: bool,
    },
    /// How the worker is.
    Health,
}

impl Ask {
    /// The words of `do`.
    const ALL: [&str; 3] = ["command", "reload", "health"];
}

/// A command line for the worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its words, without the program's name and without what names a schedule file or a registry.
    pub args: Vec<String>,
    /// The schedule file that the client would have followed, if it knows one.
    #[serde(default)]
    pub file: Option<String>,
    /// SHA-256 of that file as the client found it, in hex, where it is valid.
    #[serde(default)]
    pub hash: Option<String>,
    /// Whether a person sits at a terminal there and can be asked.
    #[serde(default)]
    pub terminal: bool,
    /// Whether it shows how far runs have come.
    #[serde(default)]
    pub bar: bool,
}

/// What a client may add while its request is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is to end; what was committed stays.
    Cancel(bool),
    /// What a person chose of the candidates.
    Picked(Vec<bool>),
}

/// What the worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// For standard output, as it is.
    Out(String),
    /// For standard error, as it is.
    Err(String),
    /// How far runs have come.
    Progress(Counters),
    /// One more API to choose.
    Candidate(Candidate),
    /// Which of the candidates since the last question?
    Ask(u64),
    /// The worker's status.
    Status(Box<Value>),
    /// What came of a reload.
    Report(Box<Value>),
    /// It is over.
    Exit(u8),
}

/// How far runs have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Scopes that are to be looked at, as far as they are known yet.
    pub scopes_total: u64,
    /// Scopes that were looked at, well or not.
    pub scopes_done: u64,
    /// APIs listed.
    pub apis: u64,
    /// Requests sent to API Gateway, retries included.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
}

impl From<Reading> for Counters {
    fn from(reading: Reading) -> Self {
        let Reading { scopes_total, scopes_done, apis, calls, throttled } = reading;
        Self { scopes_total, scopes_done, apis, calls, throttled }
    }
}

impl Opening {
    /// The request of this version that wants `ask`, of whichever worker it reaches.
    #[must_use]
    pub fn new(ask: Ask) -> Self {
        Self { v: VERSION, registry: None, ask }
    }

    /// Reads a request.
    ///
    /// # Errors
    /// One sentence: it is of another version, or not understood.
    pub fn parse(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| format!("the request is not JSON: {error}"))?;
        match value.get("v").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => {
                return Err(format!(
                    "the request has version {other} and the worker knows version {VERSION}; use the same aboard for both, and restart the worker after an update"
                ));
            }
            None => return Err("the request names no version".to_owned()),
        }
        let wanted = value.get("do").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !Ask::ALL.contains(&wanted.as_str()) {
            return Err(format!("the worker does not know the request `{}`", wanted.escape_debug()));
        }
        serde_json::from_value(value).map_err(|error| format!("the request `{wanted}` is not understood: {error}"))
    }
}

/// A message as it is sent.
///
/// # Errors
/// It cannot be written as JSON, or is longer than a line may be.
pub fn line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    if line.len() > MOST_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a message has {} bytes", line.len())));
    }
    Ok(line)
}

/// The next line; none where the other side has closed.
///
/// # Errors
/// It is longer than [`MOST_LINE`], no text, cut short, or cannot be read.
pub fn next_line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.take(MOST_LINE as u64).read_until(b'\n', &mut bytes)?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => String::from_utf8(bytes)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error())),
        Some(_) if bytes.len() + 1 == MOST_LINE => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line has more than {MOST_LINE} bytes")))
        }
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_have_the_names_that_were_agreed() {
        let call = Call { args: vec!["onboard".to_owned(), "shop".to_owned()], ..Call::default() };
        let sent = String::from_utf8(line(&Opening::new(Ask::Command(call.clone()))).unwrap()).unwrap();
        assert_eq!(
            sent,
            "{\"v\":1,\"do\":\"command\",\"args\":[\"onboard\",\"shop\"],\"file\":null,\"hash\":null,\"terminal\":false,\"bar\":false}\n"
        );
        assert_eq!(Opening::parse(&sent), Ok(Opening::new(Ask::Command(call))));
        assert_eq!(Opening::parse(r#"{"v":1,"do":"health"}"#), Ok(Opening::new(Ask::Health)));
        let meant = Opening { registry: Some(FileId { device: 1, inode: 2 }), ..Opening::new(Ask::Health) };
        let sent = String::from_utf8(line(&meant).unwrap()).unwrap();
        assert_eq!(sent, "{\"v\":1,\"registry\":{\"device\":1,\"inode\":2},\"do\":\"health\"}\n");
        assert_eq!(Opening::parse(&sent), Ok(meant));
        for (answer, text) in [
            (Answer::Out("a\n".to_owned()), r#"{"out":"a\n"}"#),
            (Answer::Ask(2), r#"{"ask":2}"#),
            (Answer::Exit(3), r#"{"exit":3}"#),
        ] {
            assert_eq!(serde_json::to_string(&answer).unwrap(), text);
        }
        assert_eq!(serde_json::from_str::<Reply>(r#"{"cancel":true}"#).unwrap(), Reply::Cancel(true));
        assert_eq!(serde_json::from_str::<Reply>(r#"{"picked":[true]}"#).unwrap(), Reply::Picked(vec![true]));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_sentence() {
        for (request, said) in [
            ("hello", "not JSON"),
            ("{}", "names no version"),
            (r#"{"v":2,"do":"health"}"#, "restart the worker after an update"),
            (r#"{"v":1,"do":"dance"}"#, "does not know the request `dance`"),
            (r#"{"v":1,"do":"command"}"#, "missing field `args`"),
        ] {
            let refused = Opening::parse(request).unwrap_err();
            assert!(refused.contains(said), "{request}: {refused}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_read_for_ever() {
        let mut endless = io::BufReader::new(io::repeat(b'a'));
        assert_eq!(next_line(&mut endless).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut lines = "one\ntw".as_bytes();
        assert_eq!(next_line(&mut lines).unwrap().as_deref(), Some("one"));
        assert_eq!(next_line(&mut lines).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(next_line(&mut "".as_bytes()).unwrap(), None);
    }
}
