//! The document of `apis`.

use serde_json::{Value, json};

use crate::registry::ApiDocument;
use crate::worker::coverage::Watched;

/// Whether the API is in no connection's scope any more; `coverage` says so of its scope by the same words.
#[must_use]
pub fn is_unwatched(watched: &Watched<'_>, api: &ApiDocument) -> bool {
    !watched.is(&api.account_id, &api.region, api.protocol.family(), api.connection.as_deref())
}

/// One entry of `apis`; without a valid file nobody can say which APIs are watched.
#[must_use]
pub fn api(watched: Option<&Watched<'_>>, api: &ApiDocument) -> Value {
    let mut document = json!(api);
    document["unwatched"] = watched.map(|watched| is_unwatched(watched, api)).map_or(Value::Null, Value::Bool);
    document
}
