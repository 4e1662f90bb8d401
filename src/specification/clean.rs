//! What is taken out of an exported document, and what is put in order.
//!
//! AWS is not asked for its extensions, and these go even so: authorizers, integrations, policies and VPC links name roles, functions
//! and accounts. Nothing that is data (examples, defaults) is touched, and no name that a person gave, be it `x-amazon-…` or `required`.

use serde_json::{Map, Value};

/// What the members of an object are called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// By the specification's words, or extensions.
    Words,
    /// By whoever made the API.
    Names,
    /// By whoever made the API, with extensions among them (`paths`, `responses`, `callbacks`).
    NamesAndExtensions,
}

/// Takes out what is internal, everywhere below.
pub(super) fn clean(value: &mut Value, keys: Keys) {
    match value {
        Value::Object(members) => {
            if keys != Keys::Names {
                members.retain(|name, value| !is_internal(name, value));
            }
            for (name, value) in members.iter_mut() {
                match keys {
                    Keys::Words => clean_member(name, value),
                    Keys::Names | Keys::NamesAndExtensions => clean(value, Keys::Words),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, Keys::Words)),
        _ => {}
    }
}

fn clean_member(name: &str, value: &mut Value) {
    match name {
        "example" | "examples" | "default" | "enum" | "const" | "security" | "mapping" | "scopes" => {}
        "required" => sort_required(value),
        "parameters" if value.is_array() => {
            clean(value, Keys::Words);
            sort_parameters(value);
        }
        "properties" | "patternProperties" | "dependentSchemas" | "definitions" | "$defs" | "schemas"
        | "parameters" | "headers" | "requestBodies" | "securitySchemes" | "links" | "encoding" | "variables" => {
            clean(value, Keys::Names);
        }
        "paths" | "pathItems" | "webhooks" | "responses" | "callbacks" => clean(value, Keys::NamesAndExtensions),
        _ => clean(value, Keys::Words),
    }
}

/// `$schema` is a word of the JSON Schema that models are written in, not of `OpenAPI` 3.0; `isDefaultRoute` marks the route `$default`
/// of HTTP APIs and belongs to the extension that it comes with.
fn is_internal(name: &str, value: &Value) -> bool {
    let extension = name.starts_with("x-");
    let of_aws = name.starts_with("x-amazon-") || name.starts_with("x-aws-");
    of_aws || name == "$schema" || name == "isDefaultRoute" || (extension && names_an_account(value))
}

/// Whether an ARN, of any partition, stands somewhere in it.
fn names_an_account(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("arn:aws"),
        Value::Array(items) => items.iter().any(names_an_account),
        Value::Object(members) => {
            members.iter().any(|(name, value)| name.contains("arn:aws") || names_an_account(value))
        }
        _ => false,
    }
}

/// A set, which AWS lists by turns in one order and another.
fn sort_required(value: &mut Value) {
    let Value::Array(items) = value else { return };
    if items.iter().all(Value::is_string) {
        items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
        items.dedup();
    }
}

/// A set too: a parameter is known by its place and its name.
fn sort_parameters(value: &mut Value) {
    let Value::Array(items) = value else { return };
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    items.sort_by_cached_key(|item| (text(item, "in"), text(item, "name"), text(item, "$ref")));
}

/// The object in the place of whatever else may stand there.
pub(super) fn object<'a>(members: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    let value = members.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
