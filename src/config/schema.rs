//! The JSON Schema of the schedule file (draft 2020-12), made from the table of keys, so that editors complete and explain it.

use serde_json::{Map, Value, json};

use super::format::Format;
use super::keys::{FILE, WEEKDAYS};
use super::shape::{Key, Shape, Table};

/// The JSON Schema of `schedules.toml`.
///
/// It says what a key may hold; what keys mean to each other is only known to [`super::parse`].
#[must_use]
pub fn schema() -> Value {
    let mut schema = table(&FILE);
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("schedules.toml"));
    schema.into()
}

fn table(table: &'static Table) -> Map<String, Value> {
    let properties: Map<String, Value> = table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = table.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("description".to_owned(), json!(table.doc));
    object.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

fn kinds(kinds: &'static Table) -> Map<String, Value> {
    let mut object = table(kinds);
    object.insert("minProperties".to_owned(), json!(1));
    object.insert("maxProperties".to_owned(), json!(1));
    object
}

fn property(key: &'static Key) -> Value {
    let mut property = value(&key.shape);
    property.insert("description".to_owned(), json!(key.doc));
    if let Some(default) = key.default.and_then(value_of) {
        property.insert("default".to_owned(), default);
    }
    if let Some(example) = key.example.and_then(value_of) {
        property.insert("examples".to_owned(), json!([example]));
    }
    property.into()
}

/// TOML as JSON; dates become their texts, which is how editors see them.
pub(super) fn value_of(toml: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {toml}")).ok()?;
    json_of(table.get("value")?)
}

fn json_of(value: &toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::Datetime(moment) => json!(moment.to_string()),
        toml::Value::Array(items) => items.iter().map(json_of).collect::<Option<Vec<_>>>()?.into(),
        toml::Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| Some((key.clone(), json_of(value)?)));
            entries.collect::<Option<Map<_, _>>>()?.into()
        }
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(truth) => json!(truth),
    })
}

fn text(format: Format) -> Map<String, Value> {
    let mut text = object(json!({ "type": "string", "minLength": 1 }));
    if let Some(pattern) = format.pattern() {
        text.insert("pattern".to_owned(), json!(pattern));
    }
    text
}

fn value(shape: &'static Shape) -> Map<String, Value> {
    match shape {
        Shape::Table(known) => table(known),
        Shape::OneOf(known) => kinds(known),
        Shape::Named(tables) => object(json!({
            "type": "object",
            "propertyNames": { "pattern": Format::Name.pattern() },
            "additionalProperties": value(tables),
        })),
        Shape::Tables(known) => object(json!({ "type": "array", "items": table(known) })),
        Shape::Map { values, .. } => object(json!({ "type": "object", "additionalProperties": value(values) })),
        Shape::List { items, never_empty } => {
            let mut list = object(json!({ "type": "array", "items": value(items) }));
            if never_empty.is_some() {
                list.insert("minItems".to_owned(), json!(1));
            }
            list
        }
        Shape::OneOrMore { items, most } => {
            let list = json!({ "type": "array", "items": value(items), "minItems": 1, "maxItems": most });
            object(json!({ "anyOf": [value(items), list] }))
        }
        Shape::Text(format) => text(*format),
        Shape::Secret => object(json!({ "type": "string", "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$" })),
        // A pattern would have to hold for references too.
        Shape::TextOrReference(_) => object(json!({ "type": "string", "minLength": 1 })),
        Shape::Choice(words) => object(json!({ "type": "string", "enum": words })),
        Shape::Boolean => object(json!({ "type": "boolean" })),
        Shape::Integer { least, most: i64::MAX } => object(json!({ "type": "integer", "minimum": least })),
        Shape::Integer { least, most } => object(json!({ "type": "integer", "minimum": least, "maximum": most })),
        Shape::Number => object(json!({ "type": "number", "minimum": 0 })),
        Shape::Duration { .. } => object(json!({ "type": "string", "pattern": "^[0-9]" })),
        Shape::Day => {
            let words: Vec<&str> = WEEKDAYS.into_iter().chain(["last"]).collect();
            object(
                json!({ "anyOf": [{ "type": "string", "enum": words }, { "type": "integer", "minimum": 1, "maximum": 28 }] }),
            )
        }
        Shape::Date => object(json!({ "type": "string", "format": "date" })),
        Shape::Instant => {
            object(json!({ "type": "string", "anyOf": [{ "format": "date" }, { "format": "date-time" }] }))
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
