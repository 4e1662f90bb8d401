//! Security schemes of an exported document.
//!
//! AWS writes them for its own importer: what makes one complete stands in the authorizer's extension, which is not kept. A JWT
//! authorizer is `{"type": "oauth2"}` without the flows that `OpenAPI` wants there. What is missing is filled in with what is true of
//! every authorizer of that kind, so that a reader learns that a call needs it and by which header.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::clean::object;

/// Makes each scheme valid, and adds those that are required but not described.
pub(super) fn complete(document: &mut Map<String, Value>) {
    let required = required(document);
    let described = document.get("components").and_then(|components| components.get("securitySchemes"));
    if required.is_empty() && described.is_none() {
        return;
    }
    let Some(components) = object(document, "components") else { return };
    let Some(schemes) = object(components, "securitySchemes") else { return };
    for name in required {
        schemes.entry(name).or_insert(Value::Null);
    }
    schemes.values_mut().for_each(complete_scheme);
}

/// The names of the schemes that the document, or an operation of it, requires.
fn required(document: &Map<String, Value>) -> BTreeSet<String> {
    let items = document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let operations = items.filter_map(Value::as_object).flat_map(Map::values);
    let requirements = operations.map(|operation| &operation["security"]).chain(document.get("security"));
    let schemes = requirements.filter_map(Value::as_array).flatten().filter_map(Value::as_object);
    schemes.flat_map(Map::keys).cloned().collect()
}

fn complete_scheme(scheme: &mut Value) {
    let Some(members) = scheme.as_object_mut() else {
        *scheme = in_header("Authorization");
        return;
    };
    if members.contains_key("$ref") {
        return;
    }
    let has = |member: &str| members.get(member).is_some_and(|value| !value.is_null());
    match members.get("type").and_then(Value::as_str) {
        Some("apiKey") => {
            members.entry("name").or_insert_with(|| json!("Authorization"));
            members.entry("in").or_insert_with(|| json!("header"));
        }
        Some("http") => {
            members.entry("scheme").or_insert_with(|| json!("bearer"));
        }
        // The scopes that operations require of it stay meaningful.
        Some("oauth2") => {
            members.entry("flows").or_insert_with(|| json!({}));
        }
        Some("openIdConnect") if has("openIdConnectUrl") => {}
        Some("openIdConnect") => *scheme = json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }),
        Some("mutualTLS") => {}
        _ => *scheme = in_header("Authorization"),
    }
}

fn in_header(name: &str) -> Value {
    json!({ "type": "apiKey", "name": name, "in": "header" })
}
