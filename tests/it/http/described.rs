//! Every answer is held against the description that is served with it.

use std::collections::BTreeSet;

use aboard::registry::{Outcome, Trigger};
use chrono::DateTime;
use serde_json::{Value, json};

use super::{Site, open, open_file, schedules};

/// What is wrong with a value, by the part of JSON Schema that the description uses; another keyword fails the test.
fn faults(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target = document.pointer(pointer.trim_start_matches('#')).expect("a reference leads somewhere");
        return faults(document, target, value, at, found);
    }
    for (keyword, rule) in schema.as_object().expect("a schema") {
        let fits = match keyword.as_str() {
            "description" | "properties" | "additionalProperties" | "default" => true,
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is(kind, value)),
                kind => is(kind, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "format" => {
                value.as_str().is_none_or(|text| rule != "date-time" || DateTime::parse_from_rfc3339(text).is_ok())
            }
            "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    faults(document, rule, item, &format!("{at}/{number}"), found);
                }
                true
            }
            "oneOf" => rule.as_array().unwrap().iter().any(|one| {
                let mut wrong = Vec::new();
                faults(document, one, value, at, &mut wrong);
                wrong.is_empty()
            }),
            other => panic!("the description uses {other}, which this test does not know"),
        };
        if !fits {
            found.push(format!("{at}: {value} against {keyword} {rule}"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (None, Some(Value::Bool(false))) => found.push(format!("{at}/{name} is not described")),
            (Some(schema), _) | (None, Some(schema)) => {
                faults(document, schema, member, &format!("{at}/{name}"), found);
            }
            (None, None) => {}
        }
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

/// Asks, and holds the answer against what the description says of that status.
fn as_described(site: &Site, document: &Value, (method, path): (&str, &str), asked: &str, body: &str) -> (u16, Value) {
    let answer = if method == "get" { site.get(asked) } else { site.post(asked, body) };
    let mut response = &document["paths"][path][method]["responses"][answer.status.to_string()];
    if let Some(pointer) = response["$ref"].as_str() {
        response = document.pointer(pointer.trim_start_matches('#')).unwrap();
    }
    let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
    let content = &response["content"][kind];
    assert!(content.is_object(), "{method} {asked} answered {} with {kind}, which is not described", answer.status);
    let value = if kind == "application/json" { answer.json() } else { Value::String(answer.body.clone()) };
    let mut found = Vec::new();
    faults(document, &content["schema"], &value, asked, &mut found);
    assert!(found.is_empty(), "{found:#?}");
    (answer.status, value)
}

#[test]
fn every_path_answers_what_the_description_says() {
    let integration = |name: &str| {
        format!(
            "[integrations.{name}.gravitee]\nendpoints = [\"http://127.0.0.1:9\"]\ntoken = \"env:SECRET\"\nintegration_id = \"{name}\"\n"
        )
    };
    let file = format!(
        "{}[targets.shop.backstage]\npath = \"shop.yaml\"\n{}{}",
        schedules(),
        integration("one"),
        integration("two")
    );
    let (_sim, home, site) = open_file(&file);
    home.write("shop.yaml", "# no entities\n");
    let document = site.get("/api/v1/openapi.json").json();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let asked = path.replace("{name}", "shop").replace("{id}", "1");
            let (status, value) = as_described(&site, &document, (method, path), &asked, "");
            assert_eq!(status, 200, "{method} {path}: {value}");
            if ["/connections", "/integrations", "/apis", "/runs", "/coverage"].iter().any(|list| path.ends_with(list))
            {
                assert!(value.as_array().unwrap().len() > 1, "there is something to be held against it: {value}");
            }
        }
    }
    for (path, asked, status) in [
        ("/api/v1/apis", "/api/v1/apis?state=x", 400),
        ("/api/v1/runs/{id}", "/api/v1/runs/99", 404),
        ("/api/v1/connections", "/api/v1/connections?limit=x", 400),
    ] {
        assert_eq!(as_described(&site, &document, ("get", path), asked, "").0, status);
    }
    site.stop();
}

#[test]
fn the_words_of_runs_are_those_of_the_registry() {
    let schemas = &aboard::http::openapi()["components"]["schemas"];
    let of = |schema: &str, member: &str| -> BTreeSet<&str> {
        let words = schemas[schema]["properties"][member]["enum"].as_array().unwrap();
        words.iter().filter_map(Value::as_str).collect()
    };
    for schema in ["Run", "RunWithScopes"] {
        assert_eq!(of(schema, "trigger"), Trigger::ALL.map(Trigger::as_str).into());
        assert_eq!(of(schema, "outcome"), Outcome::ALL.map(Outcome::as_str).into());
    }
    assert_eq!(of("Connection", "last_outcome"), Outcome::ALL.map(Outcome::as_str).into());
}

#[test]
fn a_value_that_is_not_as_described_is_found() {
    let (_sim, _home, site) = open();
    let document = site.get("/api/v1/openapi.json").json();
    let schema = json!({ "$ref": "#/components/schemas/Run" });
    let good = site.get("/api/v1/runs").json()[0].clone();
    let count = |value: &Value| {
        let mut found = Vec::new();
        faults(&document, &schema, value, "", &mut found);
        found.len()
    };
    assert_eq!(count(&good), 0);
    for (member, value) in [
        ("run_id", json!("1")),
        ("trigger", json!("whim")),
        ("started_at", json!("today")),
        ("counts", json!({})),
        ("more", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        assert_eq!(count(&bad), 1, "{bad}");
    }
    let mut bad = good;
    bad.as_object_mut().unwrap().remove("outcome");
    assert_eq!(count(&bad), 1);
    site.stop();
}
