//! The `AsyncAPI` document of a WebSocket API's stage, made from its routes.
//!
//! The application that it describes is the API, so what clients send it *receives*. One connection carries everything: there is one
//! channel, a message for each route, and an operation for each; `$connect` and `$disconnect` are operations without a message. Whatever
//! the API sends by itself AWS does not know.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Route, Routes, Subject};

/// The channel's name.
const CHANNEL: &str = "connection";

/// Makes the document.
pub(super) fn document(routes: &Routes, subject: &Subject, stage: &str) -> Value {
    let mut info = json!({ "title": subject.name, "version": subject.version() });
    if let Some(description) = &subject.description {
        info["description"] = json!(description);
    }
    let mut listed: Vec<&Route> = routes.routes.iter().collect();
    listed.sort_by(|one, other| one.key.cmp(&other.key));
    let (mut messages, mut operations) = (Map::new(), Map::new());
    let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for route in listed {
        let name = unique(&word(&route.key), &mut names);
        let id = unique(&word(route.operation.as_deref().unwrap_or(&route.key)), &mut ids);
        let mut of_operation = Vec::new();
        if !matches!(route.key.as_str(), "$connect" | "$disconnect") {
            of_operation.push(json!({ "$ref": format!("#/channels/{CHANNEL}/messages/{name}") }));
            messages.insert(name, message(route, routes.selection.as_deref()));
        }
        let operation = json!({
            "action": "receive",
            "title": route.key,
            "channel": { "$ref": format!("#/channels/{CHANNEL}") },
            "messages": of_operation,
        });
        operations.insert(id, operation);
    }
    let mut channel = json!({ "address": "/", "messages": messages });
    if let Some(selection) = &routes.selection {
        channel["description"] = json!(format!("The route of a message is what {selection} gives."));
    }
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": info,
        "defaultContentType": "application/json",
        "channels": { CHANNEL: channel },
        "operations": operations,
    });
    let schemes = schemes(&routes.routes);
    if !schemes.is_empty() {
        document["components"] = json!({ "securitySchemes": schemes });
    }
    serve(&mut document, subject, stage);
    document
}

/// Says where the stage answers, and what it needs to be connected to; nothing where nobody can call it.
pub(super) fn serve(document: &mut Value, subject: &Subject, stage: &str) {
    let schemes: BTreeSet<&String> =
        document["components"]["securitySchemes"].as_object().into_iter().flat_map(Map::keys).collect();
    let security: Vec<Value> =
        schemes.into_iter().map(|name| json!({ "$ref": format!("#/components/securitySchemes/{name}") })).collect();
    let (mut servers, mut names) = (Map::new(), BTreeSet::new());
    for url in subject.addresses(stage) {
        let kind =
            subject.instances.iter().find(|instance| instance.url == url).map_or("", |found| found.kind.as_str());
        let (protocol, rest) = url.split_once("://").unwrap_or(("wss", url));
        let (host, path) =
            rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        let mut server = json!({ "host": host, "protocol": protocol });
        if !path.is_empty() {
            server["pathname"] = json!(path);
        }
        if !security.is_empty() {
            server["security"] = json!(security);
        }
        servers.insert(unique(kind, &mut names), server);
    }
    let Some(document) = document.as_object_mut() else { return };
    if document.get("components").is_some_and(Value::is_null) {
        document.remove("components");
    }
    if servers.is_empty() {
        document.remove("servers");
    } else {
        document.insert("servers".to_owned(), Value::Object(servers));
    }
}

fn message(route: &Route, selection: Option<&str>) -> Value {
    if route.key == "$default" {
        return json!({ "title": route.key, "summary": "Any message that no other route takes." });
    }
    let mut message = json!({ "title": route.key });
    if let Some(payload) = selection.and_then(|selection| payload(selection, &route.key)) {
        message["payload"] = payload;
    }
    message
}

/// What a message must hold to take this route, where the expression names one member of its body.
fn payload(selection: &str, key: &str) -> Option<Value> {
    let path = selection.trim().trim_start_matches("${").trim_end_matches('}').trim_start_matches('$');
    let path = path.strip_prefix("request.body.")?;
    let members: Vec<&str> = path.split('.').collect();
    let is_word = |member: &&str| {
        !member.is_empty() && member.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
    };
    if !members.iter().all(is_word) {
        return None;
    }
    let schema = members.iter().rev().fold(
        json!({ "const": key }),
        |inner, member| json!({ "type": "object", "required": [member], "properties": { *member: inner } }),
    );
    Some(schema)
}

/// What connecting may need. Where an authorizer looks AWS says elsewhere, and in terms of the account; AWS's own exports of REST APIs
/// call it a header too.
fn schemes(routes: &[Route]) -> Map<String, Value> {
    let mut schemes = Map::new();
    let mut add = |name: &str, header: &str, description: &str| {
        schemes.insert(
            name.to_owned(),
            json!({ "type": "httpApiKey", "name": header, "in": "header", "description": description }),
        );
    };
    for route in routes {
        match route.authorization.as_deref() {
            Some("AWS_IAM") => add("sigv4", "Authorization", "Signature Version 4 of AWS."),
            Some("CUSTOM") => add("authorizer", "Authorization", "A custom authorizer decides."),
            _ => {}
        }
        if route.api_key {
            add("api_key", "x-api-key", "An API key.");
        }
    }
    schemes
}

/// A name that needs no escaping in a reference.
fn word(text: &str) -> String {
    let fit = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    let word: String = text.chars().map(fit).collect();
    let word = word.trim_matches('-');
    if word.is_empty() { "route".to_owned() } else { word.to_owned() }
}

/// The name, or, where it is taken, the name with the first free number.
pub(super) fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut unique = name.to_owned();
    let mut number = 2_u64;
    while !taken.insert(unique.clone()) {
        unique = format!("{name}-{number}");
        number += 1;
    }
    unique
}
