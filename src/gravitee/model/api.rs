//! An API as Gravitee ingests it: `…/model/Api`, `Page`, `Plan`, `Metadata` of gravitee-integration-api.
//!
//! Fields that the server cannot do without are no options here: a `null` in place of pages, plans or metadata, of a plan's security or of a
//! format makes its ingest fail (`…/core/integration/use_case/IngestFederatedApisUseCase` of gravitee-api-management).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lenient;

/// One API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Api {
    /// Its identity: Gravitee makes its own id of environment, integration and this. An API with another one is another API.
    pub unique_id: String,
    /// What an ingest and a subscription call it.
    pub id: String,
    /// Its name, overwritten by each ingest.
    pub name: String,
    /// Its version; Gravitee shows `0.0.0` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Kept by Gravitee and given back with each subscription, such as `url`.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub connection_details: BTreeMap<String, String>,
    /// What kind it is; Gravitee does nothing with it.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ApiType>,
    /// Its documentation. Pages that were ingested before and are missing here are deleted.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub pages: Vec<Page>,
    /// What can be subscribed to. From APIM 4.9 on the subscriptions of a plan that is missing here are closed: never leave one out
    /// because it could not be read.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub plans: Vec<Plan>,
    /// What else is known. Entries are added and changed by an ingest, never deleted.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub metadata: Vec<Metadata>,
}

/// What kind of API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApiType {
    /// Requests and answers.
    Proxy,
    /// Messages.
    Message,
}

/// One page of documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// What it is written in.
    pub page_type: PageType,
    /// The text.
    pub content: String,
    /// Its name, by which a later ingest finds it again: unique within the API, and always the same.
    pub filename: String,
}

/// What a page is written in. Gravitee imports the first two only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PageType {
    /// `OpenAPI`.
    Swagger,
    /// `AsyncAPI`.
    #[serde(rename = "ASYNCAPI")]
    AsyncApi,
    /// `AsciiDoc`.
    Asciidoc,
    /// Markdown.
    Markdown,
    /// Markdown with variables.
    MarkdownTemplate,
}

/// What can be subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Unique within the API; SUBSCRIBE names it as `planId`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What a consumer has to present.
    pub plan_security_type: PlanSecurityType,
    /// Sentences that the consumer is shown, such as `Rate: 10.0 requests per second`.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub characteristics: Vec<String>,
}

/// What a consumer has to present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlanSecurityType {
    /// An API key.
    #[serde(rename = "API_KEY")]
    ApiKey,
    /// A token of an authorization server.
    #[serde(rename = "OAUTH2")]
    OAuth2,
    /// A signed token. Gravitee cannot subscribe to such a plan.
    #[serde(rename = "JWT")]
    Jwt,
}

/// One thing known of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Its key. SUBSCRIBE gives it back only where it contains the provider's name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// How the value is written; a word that Gravitee does not know makes the whole message unreadable there.
    pub format: MetadataFormat,
}

/// How a metadata value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MetadataFormat {
    /// Any text.
    String,
    /// A number.
    Numeric,
    /// `true` or `false`.
    Boolean,
    /// A date.
    Date,
    /// An e-mail address.
    Mail,
    /// A URL.
    Url,
}
