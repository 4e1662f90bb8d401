//! `[integrations.NAME.KIND]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::durations::must_grow;
use super::ingest;
use crate::config::format::network::{endpoint_url, is_open, service_url};
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{
    Authorities, Authorization, GraviteeConfig, GraviteeLimits, IdentityTemplate, Integration, IntegrationKind, Place,
    ProxyConfig, ProxyLogin, suggest,
};

/// Headers that opening the connection sets by itself, in lower case.
const OWN_HEADERS: [&str; 7] = [
    "authorization",
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "x-gravitee-exchange-protocol",
];

/// All of them; those that are wrong are left out, and were reported.
pub(super) fn integrations(report: &mut Report<'_>, file: &Node<'_>, place: &Place) -> BTreeMap<String, Integration> {
    let known: Vec<&str> = file.named("connections").into_iter().map(|(name, _)| name).collect();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (name, node) in file.named("integrations") {
        let Some(("gravitee", node)) = node.kind() else { continue };
        if let Some(id) = node.text("integration_id")
            && let Some(other) = taken.insert(id, name)
        {
            let what = format!("is that of the integration \"{other}\" too; the server would not tell the two apart");
            report.error(&node.span("integration_id"), &node.path("integration_id"), Complaint::new(what));
        }
        if let Some(config) = gravitee(report, &node, &known, place) {
            let kind = IntegrationKind::Gravitee(Box::new(config));
            found.insert(name.to_owned(), Integration { name: name.to_owned(), kind });
        }
    }
    found
}

fn gravitee(report: &mut Report<'_>, node: &Node<'_>, known: &[&str], place: &Place) -> Option<GraviteeConfig> {
    let endpoints = endpoints(report, node);
    let connections = connections(report, node, known);
    let headers = headers(report, node, place);
    let proxy = node.table("proxy").and_then(|proxy| self::proxy(report, &proxy, place));
    let limits = limits(report, node);
    let management = node.table("management").and_then(|node| ingest::management(report, &node, place));
    Some(GraviteeConfig {
        endpoints: if endpoints.is_empty() { return None } else { endpoints },
        authorization: Authorization::Token(node.secret("token", place)?),
        integration_id: node.text("integration_id")?.trim().to_owned(),
        connections,
        stages: node.patterns("stages"),
        accept_api_without_usage_plan: node.boolean("accept_api_without_usage_plan").unwrap_or(false),
        subscriptions: node.boolean("subscriptions").unwrap_or(false),
        headers,
        authorities: node.file("ca_file", place).map(Authorities::File),
        proxy,
        identity: match node.text("identity") {
            Some(text) => IdentityTemplate::parse(text).ok()?,
            None => IdentityTemplate::default(),
        },
        read_api_keys: node.boolean("read_api_keys").unwrap_or(false),
        limits,
        management,
    })
}

fn endpoints(report: &mut Report<'_>, node: &Node<'_>) -> Vec<url::Url> {
    let texts = node.texts("endpoints");
    let found: Vec<_> = texts.iter().filter_map(|(text, span)| Some((endpoint_url(text).ok()?, span))).collect();
    for (_, span) in found.iter().filter(|(url, _)| is_open(url)) {
        let complaint = Complaint::new("the token goes over the network unencrypted").hint("use https");
        report.warning(span, &node.path("endpoints"), complaint);
    }
    found.into_iter().map(|(url, _)| url).collect()
}

fn connections(report: &mut Report<'_>, node: &Node<'_>, known: &[&str]) -> Vec<String> {
    if !node.has("connections") {
        return known.iter().map(|name| (*name).to_owned()).collect();
    }
    let path = node.path("connections");
    let named = node.texts("connections");
    for (name, span) in named.iter().filter(|(name, _)| !known.contains(name)) {
        let hint = suggest::did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
            if known.is_empty() {
                format!("add a table [connections.{name}]")
            } else {
                format!("the connections are {}", known.join(", "))
            }
        });
        report.error(span, &path, Complaint::new(format!("there is no connection \"{name}\"")).hint(hint));
    }
    named.into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn headers(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> BTreeMap<String, crate::config::SecretRef> {
    let headers = node.secret_map("headers", place);
    for (name, _) in &headers {
        if let Some(own) = own_header(name) {
            let complaint = Complaint::new(format!("the header {own} is set by the connection itself"));
            let hint = (own == "authorization").then(|| "the token stands in token = \"env:NAME\"".to_owned());
            report.error(&node.key_span("headers"), &node.path("headers"), complaint.maybe(hint));
        }
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The header that opening the connection sets by itself, if `name` is one, in lower case.
pub(in crate::config) fn own_header(name: &str) -> Option<&'static str> {
    OWN_HEADERS.into_iter().find(|own| own.eq_ignore_ascii_case(name))
}

fn proxy(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<ProxyConfig> {
    for (given, other) in [("username", "password"), ("password", "username")] {
        if node.has(given) && node.lacks(other) {
            let complaint =
                Complaint::new(format!("is missing; a proxy wants both or neither, and there is a {given}"));
            report.error(node.at(), &node.path(other), complaint);
        }
    }
    let login = node.text("username").and_then(|username| {
        Some(ProxyLogin { username: username.to_owned(), password: node.secret("password", place)? })
    });
    Some(ProxyConfig { url: service_url(node.text("url")?).ok()?, login })
}

fn limits(report: &mut Report<'_>, gravitee: &Node<'_>) -> GraviteeLimits {
    let usual = GraviteeLimits::default();
    let Some(node) = gravitee.table("limits") else { return usual };
    let effective = |key: &str, usual: Duration| node.duration(key).unwrap_or(usual);
    let limits = GraviteeLimits {
        connect: effective("connect", usual.connect),
        reply: effective("reply", usual.reply),
        ping: effective("ping", usual.ping),
        silence: effective("silence", usual.silence),
        first_retry: effective("first_retry", usual.first_retry),
        longest_retry: effective("longest_retry", usual.longest_retry),
        refused_retry: effective("refused_retry", usual.refused_retry),
        stable: effective("stable", usual.stable),
        discover: effective("discover", usual.discover),
        subscribe: effective("subscribe", usual.subscribe),
        ingest_delay: effective("ingest_delay", usual.ingest_delay),
        drain: effective("drain", usual.drain),
        close: effective("close", usual.close),
    };
    let steps = [
        ("ping", limits.ping, "silence", limits.silence),
        ("first_retry", limits.first_retry, "longest_retry", limits.longest_retry),
        ("refused_retry", limits.refused_retry, "longest_retry", limits.longest_retry),
        ("discover", limits.discover, "reply", limits.reply),
        ("subscribe", limits.subscribe, "reply", limits.reply),
    ];
    must_grow(report, &node, &steps);
    limits
}
