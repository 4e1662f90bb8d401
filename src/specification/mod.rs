//! Specifications: from what AWS exports of a stage to the document that is stored and sent.
//!
//! Pure. What AWS gives is made fit for whoever calls the API: it says where the stage answers and nothing of how it is built, it is
//! valid (AWS's exports not always are), and it is the same text whenever it says the same, because targets are told of a change by
//! the text's digest.
//!
//! | part | what |
//! |---|---|
//! | `openapi` | exports of REST and HTTP APIs |
//! | `clean` | what is taken out of those, and what has no order of its own |
//! | `secured` | their security schemes, kept valid without the authorizers |
//! | `asyncapi` | a document for a WebSocket API, made from its routes: AWS exports none |

mod asyncapi;
mod clean;
mod openapi;
mod secured;
#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

use crate::inventory::Instance;

/// The longest document that is stored, in bytes. The largest that AWS can export (300 resources with their methods and models) stay
/// far below it.
pub const MOST_BYTES: usize = 6 * 1024 * 1024;

/// The version of an API that has no label: a document must name one.
const UNVERSIONED: &str = "unversioned";

/// What a specification is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecificationFormat {
    /// `OpenAPI` 3, JSON.
    OpenApi,
    /// `AsyncAPI` 3, JSON.
    AsyncApi,
}

impl SpecificationFormat {
    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenApi => "openapi",
            Self::AsyncApi => "asyncapi",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::OpenApi, Self::AsyncApi].into_iter().find(|format| format.as_str() == text)
    }
}

/// What a document says of its API besides what AWS exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The API's name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its version label.
    pub version: Option<String>,
    /// Its registered addresses, over all stages.
    pub instances: Vec<Instance>,
}

impl Subject {
    /// Where a caller reaches a stage, the address to prefer first: a custom domain, then AWS's own name, then a VPC endpoint.
    fn addresses(&self, stage: &str) -> Vec<&str> {
        let mut callable: Vec<&Instance> =
            self.instances.iter().filter(|instance| instance.callable && instance.stage == stage).collect();
        callable.sort_by(|one, other| (one.kind, &one.url).cmp(&(other.kind, &other.url)));
        callable.dedup_by(|one, other| one.url == other.url);
        callable.into_iter().map(|instance| instance.url.as_str()).collect()
    }

    fn version(&self) -> &str {
        self.version.as_deref().filter(|version| !version.trim().is_empty()).unwrap_or(UNVERSIONED)
    }
}

/// What AWS gave for one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwsExport {
    /// The body of `GetExport` (REST APIs) or `ExportApi` (HTTP APIs).
    OpenApi(Vec<u8>),
    /// The routes of a WebSocket API.
    Routes(Routes),
}

impl AwsExport {
    /// Whether what is deployed names the header of API keys: the export of a stage one of whose methods asks for a key has a security
    /// scheme of that header (AWS API Gateway Developer Guide, "Export a REST API").
    #[must_use]
    pub fn names_api_keys(&self) -> bool {
        const HEADER: &[u8] = b"\"x-api-key\"";
        match self {
            Self::OpenApi(text) => text.windows(HEADER.len()).any(|part| part.eq_ignore_ascii_case(HEADER)),
            Self::Routes(routes) => routes.routes.iter().any(|route| route.api_key),
        }
    }
}

/// The routes of a WebSocket API. They are those of its draft: AWS does not keep which of them a deployment has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// How the route of a message is found, such as `$request.body.action`.
    pub selection: Option<String>,
    /// In any order.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// `$connect`, `$disconnect`, `$default`, or what the selection expression gives.
    pub key: String,
    /// The operation's name, where its owner gave one.
    pub operation: Option<String>,
    /// `NONE`, `AWS_IAM` or `CUSTOM`.
    pub authorization: Option<String>,
    /// Whether an API key is needed.
    pub api_key: bool,
}

/// A document to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What it is written in.
    pub format: SpecificationFormat,
    /// JSON, its members ordered by name.
    pub text: String,
}

/// How a text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// By lines, for whoever compares two of them.
    Lines,
    /// Without a blank, about half as long, for whoever takes it apart again.
    Compact,
}

/// Makes the document of a stage.
///
/// # Errors
/// One sentence, where AWS gave no such document, or one that is too long.
pub fn write(export: &AwsExport, subject: &Subject, stage: &str, layout: Layout) -> Result<Written, String> {
    let (format, document) = match export {
        AwsExport::OpenApi(body) => (SpecificationFormat::OpenApi, openapi::document(body, subject, stage)?),
        AwsExport::Routes(routes) => (SpecificationFormat::AsyncApi, asyncapi::document(routes, subject, stage)),
    };
    let text = text(document, layout)?;
    if text.len() > MOST_BYTES {
        let (bytes, most) = (text.len(), MOST_BYTES);
        return Err(format!("the specification has {bytes} bytes, more than the {most} that are stored"));
    }
    Ok(Written { format, text })
}

/// A stored document with the addresses that its stage has now; `None` where they are those that it names. What AWS exported stands,
/// so it costs no call.
#[must_use]
pub fn served_anew(text: &str, format: SpecificationFormat, subject: &Subject, stage: &str) -> Option<String> {
    let mut document: Value = serde_json::from_str(text).ok()?;
    match format {
        SpecificationFormat::OpenApi => openapi::serve(&mut document, subject, stage),
        SpecificationFormat::AsyncApi => asyncapi::serve(&mut document, subject, stage),
    }
    self::text(document, Layout::Lines).ok().filter(|anew| anew != text)
}

/// The text of a document, with a line end. Members are ordered by name, so that equal documents are equal texts. Sorted here: whether `serde_json` does by itself is for whichever dependency asks it for another order.
fn text(mut document: Value, layout: Layout) -> Result<String, String> {
    document.sort_all_objects();
    let written = match layout {
        Layout::Lines => serde_json::to_string_pretty(&document),
        Layout::Compact => serde_json::to_string(&document),
    };
    let mut text = written.map_err(|error| format!("cannot be written: {error}"))?;
    text.push('\n');
    Ok(text)
}

/// Whether a version is one that AWS made up: where nobody gave the API one, an export carries an instant instead, which is another
/// after each deployment. REST APIs write it `2026-02-28T09:30:00Z`, HTTP APIs `2026-02-28 09:30:00UTC`.
fn is_instant(version: &str) -> bool {
    DateTime::parse_from_rfc3339(version).is_ok()
        || NaiveDateTime::parse_from_str(version, "%Y-%m-%d %H:%M:%SUTC").is_ok()
}
