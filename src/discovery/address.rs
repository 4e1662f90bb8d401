//! The addresses at which an API answers. Pure: from what was read, by AWS's rules for invoke URLs.

use crate::config::regions::dns_suffix;
use crate::inventory::{ApiId, Instance, InstanceKind, Protocol, Stage};

use super::listed::Endpoint;

/// The stage of an HTTP API that has no path segment.
const DEFAULT_STAGE: &str = "$default";

/// A way from a custom domain to an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The domain's name.
    pub(super) domain: String,
    /// Path below the domain, without slashes at its ends; empty for the root.
    pub(super) path: String,
    /// The stage that it leads to; without one the caller names the stage in the path.
    pub(super) stage: Option<String>,
    /// Whether the domain is in service.
    pub(super) in_service: bool,
}

/// Every address of an API, ordered by stage, kind and URL.
///
/// A route to a stage that does not exist is no address. Without a known DNS suffix the API's own address is the one
/// that the listing gave, if it gave one.
pub(super) fn instances(
    id: &ApiId,
    protocol: Protocol,
    endpoint: &Endpoint,
    stages: &[Stage],
    routes: &[Route],
) -> Vec<Instance> {
    let mut found = Vec::new();
    for stage in stages {
        own_addresses(id, protocol, endpoint, stage, &mut found);
        for route in routes {
            found.extend(custom_address(protocol, route, stage));
        }
    }
    found.sort_by(|a, b| (&a.stage, a.kind, &a.url, !a.callable).cmp(&(&b.stage, b.kind, &b.url, !b.callable)));
    // The callable one comes first and stays.
    found.dedup_by(|later, first| (&later.stage, later.kind, &later.url) == (&first.stage, first.kind, &first.url));
    found
}

/// Whether [`instances`] cannot know the API's own address.
pub(super) fn own_address_is_unknown(id: &ApiId, endpoint: &Endpoint) -> bool {
    dns_suffix(&id.partition).is_none() && endpoint.given.is_none()
}

fn own_addresses(id: &ApiId, protocol: Protocol, endpoint: &Endpoint, stage: &Stage, found: &mut Vec<Instance>) {
    let ApiId { region, api_id, .. } = id;
    let answers = stage.is_deployed() && !endpoint.disabled;
    let path = own_path(protocol, &stage.name);
    let suffix = dns_suffix(&id.partition);
    let base = match (suffix, &endpoint.given) {
        (Some(suffix), _) => format!("{}://{api_id}.execute-api.{region}.{suffix}", scheme(protocol)),
        (None, Some(given)) => given.trim_end_matches('/').to_owned(),
        (None, None) => return,
    };
    // A private API's plain name resolves inside a VPC endpoint only; where none is associated it may still do so there.
    let through_endpoint_only = endpoint.private && !endpoint.vpc_endpoint_ids.is_empty();
    let url = format!("{base}{path}");
    found.push(instance(stage, url, InstanceKind::ExecuteApi, answers && !through_endpoint_only));
    let Some(suffix) = suffix.filter(|_| endpoint.private) else { return };
    for vpc_endpoint in &endpoint.vpc_endpoint_ids {
        let url = format!("https://{api_id}-{vpc_endpoint}.execute-api.{region}.{suffix}{path}");
        found.push(instance(stage, url, InstanceKind::VpcEndpoint, answers));
    }
}

fn custom_address(protocol: Protocol, route: &Route, stage: &Stage) -> Option<Instance> {
    let mut path: String = route.path.split('/').filter(|segment| !segment.is_empty()).map(segment).collect();
    match &route.stage {
        Some(name) if *name != stage.name => return None,
        Some(_) => {}
        // One address per stage that could be named; those without a deployment answer nothing.
        None if !stage.is_deployed() => return None,
        None => path += &own_path(protocol, &stage.name),
    }
    let url = format!("{}://{}{path}", scheme(protocol), route.domain);
    // A wildcard domain answers at names that are not known here.
    let callable = route.in_service && stage.is_deployed() && !route.domain.starts_with("*.");
    Some(instance(stage, url, InstanceKind::CustomDomain, callable))
}

fn instance(stage: &Stage, url: String, kind: InstanceKind, callable: bool) -> Instance {
    Instance {
        stage: stage.name.clone(),
        url,
        kind,
        callable,
        created_at: stage.created_at,
        deployed_at: stage.deployed_at,
    }
}

fn scheme(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::WebSocket => "wss",
        Protocol::Rest | Protocol::Http => "https",
    }
}

/// The stage as a path segment.
fn own_path(protocol: Protocol, stage: &str) -> String {
    if protocol == Protocol::Http && stage == DEFAULT_STAGE { String::new() } else { segment(stage) }
}

/// A slash and a path segment, percent-encoded where RFC 3986 wants it.
fn segment(text: &str) -> String {
    use std::fmt::Write;

    let mut encoded = String::from("/");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
