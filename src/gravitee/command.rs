//! Commands and replies as JSON, read and written.
//!
//! A command is `{"id", "type", "payload"}`; a reply is `{"commandId", "type", "commandStatus", "errorDetails"?, "payload"?}` and is
//! matched by `commandId` alone. A reply that succeeded has a payload, one that did not has details. Sources:
//! `gravitee-exchange-api/src/main/java/io/gravitee/exchange/api/command/` of `gravitee-io/gravitee-exchange` and
//! `src/main/java/io/gravitee/integration/api/command/` of `gravitee-io/gravitee-integration-api`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{Map, Value};

use super::frame::{self, EncodeError, Kind};
use super::model::{GoodBye, Primary, StartIngest, Subscribe, Unsubscribe};

/// The words in `type`.
pub mod types {
    /// The agent says which integration it serves.
    pub const HELLO: &str = "HELLO";
    /// The server says which connection is the first among equals.
    pub const PRIMARY: &str = "PRIMARY";
    /// The server asks whether anybody is there.
    pub const HEALTH_CHECK: &str = "HEALTH_CHECK";
    /// The server lets go of the connection.
    pub const GOOD_BYE: &str = "GOOD_BYE";
    /// The server asks which APIs there are.
    pub const DISCOVER: &str = "DISCOVER";
    /// The server asks for APIs.
    pub const START_INGEST: &str = "START_INGEST";
    /// The agent sends APIs.
    pub const INGEST: &str = "INGEST";
    /// The server asks for access for a consumer.
    pub const SUBSCRIBE: &str = "SUBSCRIBE";
    /// The server ends a consumer's access.
    pub const UNSUBSCRIBE: &str = "UNSUBSCRIBE";
    /// Answers a command whose type nobody knows.
    pub const UNKNOWN: &str = "UNKNOWN";
    /// Answers a command that nobody there handles.
    pub const NO_REPLY: &str = "NO_REPLY";
}

/// A command of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Whether this connection is the primary one.
    Primary(Primary),
    /// Whether anybody is there.
    HealthCheck,
    /// The server lets go.
    GoodBye(GoodBye),
    /// Which APIs there are.
    Discover,
    /// APIs are to be sent.
    StartIngest(StartIngest),
    /// A consumer is to get access.
    Subscribe(Subscribe),
    /// A consumer's access is to end.
    Unsubscribe(Unsubscribe),
    /// A command that only a server answers.
    NotForUs(String),
    /// A command of a type that is not known here.
    Unknown,
}

/// A command that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What its reply has to name. A peer that sends none never matches the reply; one is made up.
    pub id: String,
    /// What it asks for.
    pub asked: Asked,
}

/// Why a command or a reply could not be read. What it holds is not repeated: it may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be read: {why}")]
pub struct Unreadable {
    /// What was read, such as `the payload of SUBSCRIBE`.
    pub what: String,
    /// Where it stopped.
    pub why: String,
    /// The command's id and type, where that much could be read: it can be answered.
    pub command: Option<(String, String)>,
}

/// The reply to one of our commands.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The command that it answers.
    #[serde(default)]
    pub command_id: Option<String>,
    /// Mostly the command's type; [`types::UNKNOWN`] and [`types::NO_REPLY`] say that nobody handles it.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// `SUCCEEDED`; any other word counts as `ERROR`.
    #[serde(default)]
    pub command_status: Option<String>,
    /// Why it did not succeed.
    #[serde(default)]
    pub error_details: Option<String>,
    /// What was asked for.
    #[serde(default)]
    pub payload: Option<Value>,
}

impl Reply {
    /// Whether the command did what it was to do.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.command_status.as_deref() == Some("SUCCEEDED")
    }
}

#[derive(Serialize)]
struct Outgoing<'a, P> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    payload: &'a P,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a, P> {
    command_id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    command_status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

/// A command of ours.
///
/// # Errors
/// Those of [`frame::encode`].
pub fn command(id: &str, kind: &str, payload: &impl Serialize, limit: usize) -> Result<Vec<u8>, EncodeError> {
    frame::encode(Kind::Command, kind, &Outgoing { id, kind, payload }, limit)
}

/// The reply to a command that did what it was to do.
///
/// # Errors
/// Those of [`frame::encode`].
pub fn succeeded(id: &str, kind: &str, payload: &impl Serialize, limit: usize) -> Result<Vec<u8>, EncodeError> {
    let answer =
        Answer { command_id: id, kind, command_status: "SUCCEEDED", error_details: None, payload: Some(payload) };
    frame::encode(Kind::Reply, kind, &answer, limit)
}

/// The reply to a command that did not. `details` go to the server's log.
///
/// # Errors
/// Those of [`frame::encode`].
pub fn failed(id: &str, kind: &str, details: &str, limit: usize) -> Result<Vec<u8>, EncodeError> {
    // Both of these have an empty payload where the others have none.
    let payload = matches!(kind, types::UNKNOWN | types::NO_REPLY).then(Map::new);
    let answer = Answer { command_id: id, kind, command_status: "ERROR", error_details: Some(details), payload };
    frame::encode(Kind::Reply, kind, &answer, limit)
}

/// Reads a command.
///
/// # Errors
/// It is no JSON object, or a payload is not what its type has.
pub fn read_command(json: &str) -> Result<Command, Unreadable> {
    #[derive(Deserialize)]
    struct Incoming {
        #[serde(default)]
        id: Option<String>,
        #[serde(rename = "type", default)]
        kind: Option<String>,
        #[serde(default)]
        payload: Option<Value>,
    }
    let Incoming { id, kind, payload } =
        serde_json::from_str(json).map_err(|error| unreadable("a command", &error, None))?;
    let id = id.unwrap_or_else(new_id);
    let kind = kind.unwrap_or_default();
    let payload = Payload { id: &id, kind: &kind, value: payload.unwrap_or_else(|| Map::new().into()) };
    let asked = match kind.as_str() {
        types::PRIMARY => Asked::Primary(payload.read()?),
        types::HEALTH_CHECK => Asked::HealthCheck,
        types::GOOD_BYE => Asked::GoodBye(payload.read()?),
        types::DISCOVER => Asked::Discover,
        types::START_INGEST => Asked::StartIngest(payload.read()?),
        types::SUBSCRIBE => Asked::Subscribe(payload.read()?),
        types::UNSUBSCRIBE => Asked::Unsubscribe(payload.read()?),
        types::HELLO | types::INGEST => Asked::NotForUs(kind),
        _ => Asked::Unknown,
    };
    Ok(Command { id, asked })
}

struct Payload<'a> {
    id: &'a str,
    kind: &'a str,
    value: Value,
}

impl Payload<'_> {
    fn read<P: DeserializeOwned>(self) -> Result<P, Unreadable> {
        P::deserialize(self.value).map_err(|error| {
            let answer = Some((self.id.to_owned(), self.kind.to_owned()));
            unreadable(&format!("the payload of {}", self.kind), &error, answer)
        })
    }
}

/// Reads a reply.
///
/// # Errors
/// It is no JSON object.
pub fn read_reply(json: &str) -> Result<Reply, Unreadable> {
    serde_json::from_str(json).map_err(|error| unreadable("a reply", &error, None))
}

/// serde's own words quote the value that was wrong.
fn unreadable(what: &str, error: &serde_json::Error, command: Option<(String, String)>) -> Unreadable {
    use serde_json::error::Category;
    let why = match error.classify() {
        Category::Data => missing_field(&error.to_string())
            .unwrap_or_else(|| "a member has another type or a word that is not known".to_owned()),
        Category::Eof => "it ends too early".to_owned(),
        Category::Syntax | Category::Io => {
            format!("it is no JSON from line {}, column {} on", error.line(), error.column())
        }
    };
    Unreadable { what: what.to_owned(), why, command }
}

/// The field's name, which is a word of ours.
fn missing_field(error: &str) -> Option<String> {
    let name = error.strip_prefix("missing field `")?.split('`').next()?;
    Some(format!("{name} is missing"))
}

/// A new command's id.
pub(super) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests;
