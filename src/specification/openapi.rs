//! The `OpenAPI` document of a REST or HTTP API's stage.
//!
//! What AWS exported, with these changes, each so that the document is valid, is of use outside of AWS, or stays the same while the API
//! does:
//! - `servers` are the addresses of the stage; AWS knows one, with a variable in it.
//! - `info.version` is the API's label where AWS put an instant there (see [`super::is_instant`]).
//! - `x-amazon-apigateway-any-method`, which is no method of `OpenAPI`, becomes every method that the path does not define.
//! - What is missing for validity is added: descriptions of responses, path parameters, the members of security schemes.
//! - Extensions of AWS and the order of what has none go, as [`super::clean`] says.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::clean::{Keys, clean, object};
use super::{Subject, is_instant, secured};

/// The method that stands for all others ("Working with API Gateway extensions to `OpenAPI`", Amazon API Gateway Developer Guide).
const ANY: &str = "x-amazon-apigateway-any-method";

/// The methods that it stands for.
const OF_ANY: [&str; 7] = ["delete", "get", "head", "options", "patch", "post", "put"];

/// The methods of a path item (`OpenAPI` 3.0).
const METHODS: [&str; 8] = ["delete", "get", "head", "options", "patch", "post", "put", "trace"];

/// Makes the document.
pub(super) fn document(body: &[u8], subject: &Subject, stage: &str) -> Result<Value, String> {
    let mut document: Value =
        serde_json::from_slice(body).map_err(|error| format!("what AWS exported is no JSON: {error}"))?;
    // Before anything that goes by the order of members, such as numbering what has one name.
    document.sort_all_objects();
    let version = document.get("openapi").and_then(Value::as_str);
    if !version.is_some_and(|version| version.starts_with("3.")) {
        return Err("what AWS exported is no OpenAPI 3 document".to_owned());
    }
    if let Some(document) = document.as_object_mut() {
        if let Some(info) = object(document, "info") {
            describe(info, subject);
        }
        if let Some(paths) = object(document, "paths") {
            paths.values_mut().filter_map(Value::as_object_mut).for_each(spread_any);
        }
        clean_document(document);
        if let Some(paths) = object(document, "paths") {
            complete_paths(paths);
        }
        secured::complete(document);
    }
    serve(&mut document, subject, stage);
    Ok(document)
}

/// Says where the stage answers. Where nobody can call it there are no `servers`, which is valid; AWS's would not answer.
pub(super) fn serve(document: &mut Value, subject: &Subject, stage: &str) {
    let Some(document) = document.as_object_mut() else { return };
    let servers: Vec<Value> = subject.addresses(stage).into_iter().map(|url| json!({ "url": url })).collect();
    if servers.is_empty() {
        document.remove("servers");
    } else {
        document.insert("servers".to_owned(), Value::Array(servers));
    }
}

fn clean_document(document: &mut Map<String, Value>) {
    let mut whole = Value::Object(std::mem::take(document));
    clean(&mut whole, Keys::Words);
    if let Value::Object(cleaned) = whole {
        *document = cleaned;
    }
}

fn describe(info: &mut Map<String, Value>, subject: &Subject) {
    if !info.get("title").is_some_and(Value::is_string) {
        info.insert("title".to_owned(), json!(subject.name));
    }
    let version = info.get("version").and_then(Value::as_str).filter(|version| !version.is_empty());
    if version.is_none_or(is_instant) {
        info.insert("version".to_owned(), json!(subject.version()));
    }
}

/// Puts the methods that are meant in the place of the one that stands for them.
fn spread_any(item: &mut Map<String, Value>) {
    let Some(any) = item.remove(ANY) else { return };
    for method in OF_ANY {
        if item.contains_key(method) {
            continue;
        }
        let mut operation = any.clone();
        if let Some(members) = operation.as_object_mut() {
            // An id names one operation.
            if let Some(id) = members.get("operationId").and_then(Value::as_str).map(|id| format!("{id}-{method}")) {
                members.insert("operationId".to_owned(), Value::String(id));
            }
            if matches!(method, "delete" | "get" | "head") {
                members.remove("requestBody");
            }
        }
        item.insert(method.to_owned(), operation);
    }
    item.sort_keys();
}

fn complete_paths(paths: &mut Map<String, Value>) {
    let mut ids = BTreeSet::new();
    for (path, item) in paths.iter_mut() {
        let Some(item) = item.as_object_mut() else { continue };
        declare_parameters(item, &placeholders(path));
        for operation in operations(item) {
            complete_responses(operation);
            keep_id_unique(operation, &mut ids);
        }
    }
}

fn operations(item: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let is_method = |name: &String| METHODS.contains(&name.as_str());
    item.iter_mut().filter(move |(name, _)| is_method(name)).filter_map(|(_, operation)| operation.as_object_mut())
}

/// The names between braces; a greedy one (`{proxy+}`) with its sign, for that is how the path spells it.
fn placeholders(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// Each placeholder of a path must be described by a parameter of just that name, which must be required. AWS leaves out some, and
/// writes the name of a greedy one without its sign.
fn declare_parameters(item: &mut Map<String, Value>, placeholders: &[&str]) {
    if let Some(parameters) = item.get_mut("parameters") {
        name_as_in_path(parameters, placeholders);
    }
    for operation in operations(item) {
        if let Some(parameters) = operation.get_mut("parameters") {
            name_as_in_path(parameters, placeholders);
        }
    }
    for name in placeholders {
        let has = |members: &Map<String, Value>| members.get("parameters").is_some_and(|list| describes(list, name));
        if has(item) || operations(item).all(|operation| has(operation)) {
            continue;
        }
        let parameter = json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
        match item.entry("parameters").or_insert_with(|| json!([])) {
            Value::Array(list) => list.push(parameter),
            other => *other = json!([parameter]),
        }
    }
}

fn name_as_in_path(parameters: &mut Value, placeholders: &[&str]) {
    for parameter in parameters.as_array_mut().into_iter().flatten() {
        if parameter["in"] != "path" {
            continue;
        }
        let name = parameter["name"].as_str().unwrap_or_default();
        let greedy = format!("{name}+");
        let renamed = !placeholders.contains(&name) && placeholders.contains(&greedy.as_str());
        if renamed {
            parameter["name"] = Value::String(greedy);
        }
        parameter["required"] = Value::Bool(true);
    }
}

/// A reference may be to anything, and is taken for what is looked for.
fn describes(parameters: &Value, name: &str) -> bool {
    let mut listed = parameters.as_array().into_iter().flatten();
    listed.any(|parameter| parameter.get("$ref").is_some() || (parameter["in"] == "path" && parameter["name"] == name))
}

/// An operation must have a response, and a response a description. AWS has neither for methods that hand everything on.
fn complete_responses(operation: &mut Map<String, Value>) {
    let Some(responses) = object(operation, "responses") else { return };
    if responses.is_empty() {
        responses.insert("default".to_owned(), json!({}));
    }
    for response in responses.values_mut().filter_map(Value::as_object_mut) {
        if !response.contains_key("$ref") && !response.get("description").is_some_and(Value::is_string) {
            response.insert("description".to_owned(), json!(""));
        }
    }
}

fn keep_id_unique(operation: &mut Map<String, Value>, ids: &mut BTreeSet<String>) {
    let Some(id) = operation.get("operationId").and_then(Value::as_str).map(str::to_owned) else { return };
    let unique = super::asyncapi::unique(&id, ids);
    if unique != id {
        operation.insert("operationId".to_owned(), Value::String(unique));
    }
}
