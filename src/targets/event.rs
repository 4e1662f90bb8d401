//! An event as it leaves: the body of a webhook and the input of a command, a `CloudEvents` 1.0 event in the structured JSON format.
//!
//! A receiver tells events by `id` and `type` and finds the facts in `data`. Members may be added, never renamed. Specifications are
//! named by stage and digest, not included, so that a body stays small: one to three kilobytes, plus some 200 bytes an address.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Delivery, Specification};
use crate::document::ApiDocument;
use crate::inventory::{Instance, Protocol};
use crate::notice::{Notice, RunNotice};

/// What the body is; `CloudEvents` HTTP protocol binding 1.0 §3.2.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// What every type begins with, so that a bus that carries the events of many tells them apart. The specification would have a
/// domain name there, which this project does not own.
const OURS: &str = "aboard.";

#[derive(Serialize)]
struct Event<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: DateTime<Utc>,
    datacontenttype: &'static str,
    /// The partitioning extension: events with the same key are about the same API.
    #[serde(skip_serializing_if = "Option::is_none")]
    partitionkey: Option<String>,
    /// The sequence extension: orders the events of one API as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    event: &'a str,
    target: &'a str,
    connection: &'a str,
    run_id: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "nothing")]
    undelivered_before: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<&'a ApiDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<&'a [Instance]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    specifications: Vec<SpecificationLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a RunNotice>,
}

#[derive(Serialize)]
struct SpecificationLine<'a> {
    stage: &'a str,
    format: &'static str,
    /// `sha256:` and 64 hexadecimal digits; null where there is no document.
    digest: Option<String>,
    bytes: Option<u64>,
    /// Why there is no document.
    cause: Option<&'a str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn nothing(number: &u64) -> bool {
    *number == 0
}

/// The event of a delivery that only tries a target.
const TRIAL: &str = "aboard.test";

/// A delivery that only tries a target. Its id is that of no other delivery, and another one each millisecond.
pub(super) fn trial(notice: &Notice) -> Delivery {
    Delivery {
        delivery_id: 0,
        key: format!("test_{}", notice.occurred_at.timestamp_millis()),
        attempt: 1,
        notice: notice.clone(),
        specifications: Vec::new(),
        undelivered_before: 0,
        addresses: Vec::new(),
    }
}

/// The body for a delivery: the same bytes at each attempt.
///
/// # Errors
/// It cannot be written as JSON, which no value of these types causes.
pub(super) fn body(delivery: &Delivery) -> serde_json::Result<Vec<u8>> {
    let Delivery { key, notice, specifications, undelivered_before, .. } = delivery;
    let Notice { event, occurred_at, target, connection, run_id, revision, api, instances, run } = notice;
    let api = api.as_ref();
    let id = api.map(ApiDocument::id);
    let of_run = || run_id.map(|run_id| format!("runs/{run_id}"));
    let event = Event {
        specversion: "1.0",
        id: key,
        source: source(connection),
        kind: if event.starts_with(OURS) { event.clone() } else { format!("{OURS}{event}") },
        subject: api.map(arn).or_else(of_run),
        time: *occurred_at,
        datacontenttype: "application/json",
        partitionkey: id.map(|id| id.to_string()),
        sequence: api.map(|_| format!("{revision:010}")),
        data: Data {
            event,
            target,
            connection,
            run_id: *run_id,
            test: event == TRIAL,
            revision: api.map(|_| *revision),
            undelivered_before: *undelivered_before,
            api,
            instances: api.map(|_| instances.as_slice()),
            specifications: specifications.iter().map(line).collect(),
            run: run.as_ref(),
        },
    };
    serde_json::to_vec(&event)
}

/// A reference that names the connection, or the program where a person caused the event outside any.
fn source(connection: &str) -> String {
    if connection.is_empty() { "/aboard".to_owned() } else { format!("/aboard/connections/{connection}") }
}

/// The ARN under which IAM knows the API. It holds no account: that stands in `data.api`.
fn arn(api: &ApiDocument) -> String {
    let ApiDocument { partition, region, api_id, protocol, .. } = api;
    let family = match protocol {
        Protocol::Rest => "restapis",
        Protocol::Http | Protocol::WebSocket => "apis",
    };
    format!("arn:{partition}:apigateway:{region}::/{family}/{api_id}")
}

fn line(specification: &Specification) -> SpecificationLine<'_> {
    let Specification { stage, format, document } = specification;
    SpecificationLine {
        stage,
        format: format.as_str(),
        digest: document.as_ref().ok().map(|document| format!("sha256:{}", document.digest)),
        bytes: document.as_ref().ok().map(|document| document.bytes),
        cause: document.as_ref().err().map(String::as_str),
    }
}

#[cfg(test)]
mod tests;
