//! The document that an application is created from where its API's specification could not be exported.
//!
//! `APIsec` takes no application without one. Waiting for the export could mean for ever, and the API would be missing where it
//! is to be tested. So it is registered with its name and addresses, and the specification is loaded when an event brings one.

use serde_json::json;

use crate::document::ApiDocument;

/// The smallest document that `OpenAPI` 3 allows, with the reason in it.
pub(super) fn stand_in(api: &ApiDocument, addresses: &[String], reason: &str) -> String {
    let servers: Vec<_> = addresses.iter().map(|url| json!({ "url": url })).collect();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": api.name,
            "version": api.version.as_deref().unwrap_or("0"),
            "description": format!("In the place of the API's specification, which is not there yet: {reason}"),
        },
        "servers": servers,
        "paths": {},
    })
    .to_string()
}
