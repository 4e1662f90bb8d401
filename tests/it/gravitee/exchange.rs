//! The controller's own reader and writer of messages, which share nothing with the agent's.

use serde::Deserialize;
use serde_json::Value;

/// A message as the controller reads it.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) kind: String,
    pub(crate) outside: String,
    pub(crate) json: String,
}

/// Reads a message as servers up to APIM 4.11 do (`old`), splitting at every `;;`, or as later ones do.
pub(crate) fn read(bytes: &[u8], old: bool) -> Result<Exchange, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let fields: Vec<&str> = if old { text.split(";;").collect() } else { text.splitn(3, ";;").collect() };
    let (mut kind, mut outside, mut json) = (None, None, None);
    for field in fields {
        if let Some(word) = field.strip_prefix("t:") {
            kind = Some(word.trim().to_owned());
        } else if let Some(word) = field.strip_prefix("et:") {
            outside = Some(word.trim().to_owned());
        } else if let Some(word) = field.strip_prefix("e:") {
            json = Some(word.trim().to_owned());
        }
    }
    match (kind, outside, json) {
        (Some(kind), Some(outside), Some(json)) => Ok(Exchange { kind, outside, json }),
        missing => Err(format!("a field is missing: {missing:?}")),
    }
}

/// A message as servers write it: nothing is escaped.
pub(crate) fn write(kind: &str, exchange_type: &str, json: &Value) -> Vec<u8> {
    format!("t:{kind};;et:{exchange_type};;e:{json}").into_bytes()
}

/// An INGEST as the server's classes take it: what they cannot do without has to be there, and words have to be known.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ingest {
    #[serde(rename = "ingestJobId")]
    pub(crate) job: String,
    pub(crate) apis: Vec<Api>,
    pub(crate) done: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Api {
    #[serde(rename = "uniqueId")]
    pub(crate) _unique_id: String,
    pub(crate) id: String,
    #[serde(rename = "name")]
    pub(crate) _name: String,
    #[serde(rename = "pages")]
    pub(crate) _pages: Vec<Page>,
    #[serde(rename = "plans")]
    pub(crate) _plans: Vec<Value>,
    #[serde(rename = "metadata")]
    pub(crate) _metadata: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    #[serde(rename = "pageType")]
    pub(crate) _page_type: PageType,
    #[serde(rename = "filename")]
    pub(crate) _filename: String,
    #[serde(rename = "content")]
    pub(crate) _content: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PageType {
    Swagger,
    Asyncapi,
}

/// A command of the agent's.
#[derive(Debug, Deserialize)]
pub(crate) struct Command<P> {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) payload: P,
}
