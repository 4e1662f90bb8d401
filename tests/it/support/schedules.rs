//! Schedule files, and what is compared with an independent listing.

use std::fmt::Write;

use serde_json::{Map, Value};

/// A file with one connection that looks as fast as it can; `credentials` begins with the kind and `]`.
pub(crate) fn schedules(connection: &str, regions: &[&str], credentials: &str) -> String {
    let mut text = "[limits]\nrequests_per_second = 0\n".to_owned();
    add_connection(&mut text, connection, regions, credentials);
    text
}

/// One more connection.
pub(crate) fn add_connection(text: &mut String, connection: &str, regions: &[&str], credentials: &str) {
    write!(text, "\n[connections.{connection}]\nregions = {regions:?}\n\n").unwrap();
    writeln!(text, "[connections.{connection}.credentials.{credentials}").unwrap();
}

/// What `listing` of `seed.py` says of an API too, in its order.
fn facts(apis: &Value) -> Vec<Value> {
    const COMPARED: [&str; 14] = [
        "partition",
        "account_id",
        "region",
        "api_id",
        "protocol",
        "name",
        "description",
        "version",
        "endpoint_type",
        "tags",
        "created_at",
        "first_published_at",
        "last_published_at",
        "instances",
    ];
    let of = |api: &Value| COMPARED.iter().map(|name| ((*name).to_owned(), api[*name].clone())).collect::<Map<_, _>>();
    let mut facts: Vec<Value> = apis.as_array().unwrap().iter().map(|api| Value::Object(of(api))).collect();
    facts.sort_by_key(|api| (api["account_id"].to_string(), api["region"].to_string(), api["api_id"].to_string()));
    facts
}

/// Compares API by API, so that a difference can be read.
pub(crate) fn assert_same_facts(found: &Value, expected: &Value) {
    let (found, expected) = (facts(found), facts(expected));
    for (one, other) in found.iter().zip(&expected) {
        for (name, value) in one.as_object().unwrap() {
            assert_eq!(value, &other[name], "{name} of {one}, expected {other}");
        }
    }
    assert_eq!(found.len(), expected.len());
}
