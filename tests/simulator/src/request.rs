//! A request as the simulator understands it: who signed it, for which region, and what it asks.
//!
//! The signature (AWS Signature Version 4) is read, not verified: its `Credential` says access key and region.

use std::collections::HashMap;

use hyper::body::{Body, Bytes, Incoming};
use hyper::{HeaderMap, Request as HttpRequest};
use percent_encoding::percent_decode_str;
use std::future::poll_fn;
use std::pin::Pin;

use crate::operation::{self, Route, Service};

/// More than any call that the simulator answers ever sends.
const MAX_BODY: usize = 1 << 20;

/// One call, read whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// Absent where the simulator knows no such operation.
    pub(crate) route: Option<Route>,
    /// The path as sent, with its query.
    pub(crate) path: String,
    /// Decoded query parameters, and for the query protocol those of the body.
    pub(crate) parameters: HashMap<String, String>,
    /// The body of a JSON call; null otherwise.
    pub(crate) json: serde_json::Value,
    /// Absent where the request is not signed.
    pub(crate) access_key: Option<String>,
    pub(crate) session_token: Option<String>,
    /// The region of the credential scope; empty where the request is not signed.
    pub(crate) region: String,
}

impl Request {
    /// A query or form parameter, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The path as ARNs of API Gateway have it: without its query, and v2's without `/v2`.
    pub(crate) fn gateway_path(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.strip_prefix("/v2").unwrap_or(path)
    }

    /// The id or domain name in the path; empty where there is none.
    pub(crate) fn parent(&self) -> &str {
        self.route.as_ref().map_or("", |route| route.parent.as_str())
    }

    /// The stage name or deployment id in the path; empty where there is none.
    pub(crate) fn child(&self) -> &str {
        self.route.as_ref().map_or("", |route| route.child.as_str())
    }
}

/// Reads a whole request; a body that is cut or too long reads as an empty one.
pub(crate) async fn read(request: HttpRequest<Incoming>) -> Request {
    let (head, body) = request.into_parts();
    let body = collect(body).await.unwrap_or_default();
    let mut parameters = form(head.uri.query().unwrap_or_default());
    let segments: Vec<String> = head.uri.path().split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
    let target = header(&head.headers, "x-amz-target");
    let mut json = serde_json::Value::Null;
    let route = if let Some(target) = target {
        json = serde_json::from_slice(&body).unwrap_or_default();
        let name = target.strip_prefix("AWSOrganizationsV20161128.").unwrap_or_default();
        operation::of_name(Service::Organizations, name)
    } else if segments.is_empty() && head.method == "POST" {
        parameters.extend(form(&String::from_utf8_lossy(&body)));
        let action = parameters.get("Action").map_or("", String::as_str);
        operation::of_name(Service::Sts, action).map(|route| {
            // The role that a call is about: faults are bound to it as they are to an API.
            Route { parent: parameters.get("RoleArn").cloned().unwrap_or_default(), ..route }
        })
    } else {
        json = serde_json::from_slice(&body).unwrap_or_default();
        operation::of_path(head.method.as_str(), &segments)
    };
    let (access_key, region) = credential(header(&head.headers, "authorization").unwrap_or_default());
    Request {
        route,
        path: head.uri.to_string(),
        parameters,
        json,
        access_key,
        session_token: header(&head.headers, "x-amz-security-token").map(str::to_owned),
        region,
    }
}

/// Access key and region of `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
fn credential(authorization: &str) -> (Option<String>, String) {
    let scope = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    let mut parts = scope.split(',').next().unwrap_or_default().split('/');
    let key = parts.next().filter(|key| !key.is_empty()).map(str::to_owned);
    let region = parts.nth(1).unwrap_or_default().to_owned();
    (key, region)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn form(text: &str) -> HashMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

async fn collect(mut body: Incoming) -> Option<Bytes> {
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            whole.extend_from_slice(&data);
        }
        if whole.len() > MAX_BODY {
            return None;
        }
    }
    Some(whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_tells_the_access_key_and_the_region() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIAX/20260101/eu-west-1/apigateway/aws4_request, \
                      SignedHeaders=host, Signature=00";
        assert_eq!(credential(header), (Some("AKIAX".to_owned()), "eu-west-1".to_owned()));
        assert_eq!(credential("Bearer abc"), (None, String::new()));
    }

    #[test]
    fn a_form_is_decoded_whole() {
        let form = form("Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%2Bb&Name=a+b&Empty=");
        assert_eq!(form["RoleArn"], "arn:aws:iam::1:role/a+b");
        assert_eq!(form["Name"], "a b");
        assert_eq!(form["Empty"], "");
    }
}
