//! Payloads of commands and of replies that succeeded: `…/command/*/*Payload` of both libraries.

use serde::{Deserialize, Serialize};

use super::lenient;
use super::{Api, Subscription, SubscriptionResult};

/// HELLO: who connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// The integration's id.
    pub target_id: String,
    /// The integration's provider; the server compares it with what the integration was made for.
    pub provider: String,
}

/// PRIMARY: whether this connection is the one of its integration that may begin work by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Primary {
    /// Whether it is.
    pub primary: bool,
}

/// `GOOD_BYE`: the server lets go of the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodBye {
    /// The integration's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// Whether to come back at once.
    #[serde(default)]
    pub reconnect: bool,
}

/// The reply to DISCOVER.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovered {
    /// The APIs; of each one the server uses `uniqueId`, `id`, `name` and `version` only.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub apis: Vec<Api>,
    /// Time ran out before all were found. The console then lets nobody choose and ingests everything. Servers before APIM 4.9 ignore it.
    #[serde(default)]
    pub is_partial_discovery: bool,
}

/// `START_INGEST`: these APIs are to be ingested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartIngest {
    /// The server's name for the job, in each INGEST of it.
    pub ingest_job_id: String,
    /// Their [`Api::id`]; none means all.
    #[serde(default, deserialize_with = "lenient::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub api_ids: Vec<String>,
}

/// The reply to `START_INGEST`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngestStarted {
    /// As it was asked for.
    pub ingest_job_id: String,
    /// How many APIs will come; 0 ends the job.
    pub total: u64,
}

/// INGEST: APIs of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingest {
    /// The job.
    pub ingest_job_id: String,
    /// Some of its APIs.
    pub apis: Vec<Api>,
    /// Whether these are its last ones.
    pub done: bool,
}

/// SUBSCRIBE: a consumer is to get access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    /// The API's [`Api::id`].
    pub api_id: String,
    /// To what, and for whom.
    pub subscription: Subscription,
}

/// The reply to SUBSCRIBE.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscribed {
    /// What the consumer got.
    pub subscription: SubscriptionResult,
}

/// UNSUBSCRIBE: a consumer's access is to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsubscribe {
    /// The API's [`Api::id`].
    pub api_id: String,
    /// Which one; of its fields only the id and the metadata are there.
    pub subscription: Subscription,
}
