//! One message of the exchange protocol, version 1: `t:COMMAND;;et:HELLO;;e:{"id":…}`.
//!
//! Up to three fields joined by `;;`: what it is, the exchange's type (which only informs: the JSON's own `type` counts), and the JSON,
//! always last. Source: `gravitee-exchange-api/src/main/java/io/gravitee/exchange/api/websocket/protocol/v1/V1ProtocolAdapter.java`.
//!
//! Readers before gravitee-exchange 2.0.2 and 3.0.0 (APIM 4.5 to 4.11) split the whole message at every `;;`, so one in the JSON cuts the
//! document off, and `OpenAPI` texts with mapping templates or shell snippets do hold them. In JSON a `;` can only stand in a string, so
//! what is written here has the second one of each pair as `\u003b`, which old and new readers both read as `;`. What is read here is
//! never split further than the first field that is the JSON.

use std::io;

use serde::Serialize;

/// Between fields.
const SEPARATOR: &str = ";;";

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks for a reply.
    Command,
    /// It answers a command.
    Reply,
    /// Its `t:` is missing or another word; the connection is closed with 1002.
    Unknown,
}

impl Kind {
    /// The word in `t:`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "COMMAND",
            Self::Reply => "REPLY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A message that was read, its fields trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// The type in `et:`; other writers may leave it out.
    pub exchange_type: Option<&'a str>,
    /// The JSON in `e:`, not looked into.
    pub json: Option<&'a str>,
}

/// Why a document became no message.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A peer would refuse it.
    #[error("the message would take {bytes} bytes, and {limit} is the most that the server accepts")]
    TooLarge {
        /// What it would take.
        bytes: usize,
        /// The most that it may take.
        limit: usize,
    },
    /// It has no form in JSON, such as a map whose keys are no text.
    #[error("the message has no form in JSON: {0}")]
    NoJson(#[from] serde_json::Error),
}

/// The message's bytes.
///
/// # Errors
/// It would take more than `limit` bytes, or has no form in JSON.
pub fn encode(
    kind: Kind,
    exchange_type: &str,
    document: &impl Serialize,
    limit: usize,
) -> Result<Vec<u8>, EncodeError> {
    let mut to = Bounded { bytes: head(kind, exchange_type).into_bytes(), length: 0, limit };
    to.length = to.bytes.len();
    write_json(&mut to, document)?;
    if to.length > limit { Err(EncodeError::TooLarge { bytes: to.length, limit }) } else { Ok(to.bytes) }
}

/// What stands before the JSON.
pub(super) fn head(kind: Kind, exchange_type: &str) -> String {
    format!("t:{}{SEPARATOR}et:{exchange_type}{SEPARATOR}e:", kind.as_str())
}

/// A document's JSON in the form that old readers do not split, to be put together with others of its kind.
///
/// # Errors
/// It has no form in JSON.
pub fn escaped_json(document: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    write_json(&mut bytes, document)?;
    Ok(bytes)
}

fn write_json(to: impl io::Write, document: &impl Serialize) -> Result<(), serde_json::Error> {
    document.serialize(&mut serde_json::Serializer::with_formatter(to, NoPairs::default()))
}

/// Reads a message's fields.
///
/// # Errors
/// The bytes are not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, std::str::Utf8Error> {
    let mut rest = std::str::from_utf8(bytes)?;
    let mut frame = Frame { kind: Kind::Unknown, exchange_type: None, json: None };
    loop {
        if let Some(json) = rest.strip_prefix("e:") {
            frame.json = Some(trim(json));
            return Ok(frame);
        }
        let (field, after) = rest.split_once(SEPARATOR).map_or((rest, None), |(field, after)| (field, Some(after)));
        if let Some(word) = field.strip_prefix("t:") {
            frame.kind = match trim(word) {
                "COMMAND" => Kind::Command,
                "REPLY" => Kind::Reply,
                _ => Kind::Unknown,
            };
        } else if let Some(word) = field.strip_prefix("et:") {
            frame.exchange_type = Some(trim(word));
        }
        match after {
            Some(after) => rest = after,
            None => return Ok(frame),
        }
    }
}

/// What Java's `trim` does, which is how the other end reads.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// Compact JSON without `;;`.
#[derive(Default)]
struct NoPairs {
    /// The last character of the string so far is a `;` that stands there as itself: text may come in pieces.
    after_semicolon: bool,
}

impl serde_json::ser::Formatter for NoPairs {
    fn begin_string<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.after_semicolon = false;
        to.write_all(b"\"")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, to: &mut W, text: &str) -> io::Result<()> {
        let mut written = 0;
        let mut from = 0;
        while let Some(at) = text[from..].find(';').map(|found| from + found) {
            if self.after_semicolon && at == from {
                to.write_all(&text.as_bytes()[written..at])?;
                to.write_all(br"\u003b")?;
                written = at + 1;
                self.after_semicolon = false;
            } else {
                self.after_semicolon = true;
            }
            from = at + 1;
        }
        if from < text.len() {
            self.after_semicolon = false;
        }
        to.write_all(&text.as_bytes()[written..])
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        escape: serde_json::ser::CharEscape,
    ) -> io::Result<()> {
        self.after_semicolon = false;
        serde_json::ser::CompactFormatter.write_char_escape(to, escape)
    }
}

/// Keeps what fits and counts the rest, so that an error can say how much it was.
struct Bounded {
    bytes: Vec<u8>,
    length: usize,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.length = self.length.saturating_add(bytes.len());
        if self.length <= self.limit {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
