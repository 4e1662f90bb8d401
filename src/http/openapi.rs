//! The description of the API: OpenAPI 3.1, written by hand and held against the routes and the answers by tests.

use std::sync::OnceLock;

use axum::Json;
use serde_json::{Map, Value, json};

use super::answer::KINDS;

/// The description, with this binary's version in it.
///
/// # Panics
/// Never: that the file is JSON is tested.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let mut document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap_or_default();
        document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
        document["components"]["responses"] = problems();
        document
    })
}

/// One answer for each kind of problem.
fn problems() -> Value {
    let answer = |(kind, status): (&str, u16)| {
        let description = format!("Status {status}, kind {kind}.");
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        (
            kind.to_owned(),
            json!({ "description": description, "content": { "application/json": { "schema": schema } } }),
        )
    };
    Value::Object(KINDS.into_iter().map(answer).collect::<Map<_, _>>())
}

/// Answers with it.
pub(super) async fn show() -> Json<&'static Value> {
    Json(document())
}
