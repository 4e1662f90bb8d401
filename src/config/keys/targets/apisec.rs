//! Keys of `[targets.NAME.apisec]`.

use super::{EVENTS, INSTANCES, RENAMED_FROM, RETRY_KEY};
use crate::config::format::Format;
use crate::config::keys::MINUTE;
use crate::config::shape::{Key, Shape, Table};

/// There is no `digest`: one message a run would register nothing.
pub(super) static APISEC: Table = Table {
    doc: "Applications of APIsec (the platform at apisecapps.com).",
    keys: &[
        Key::new(
            "token",
            Shape::Secret,
            "An API token of APIsec with the scopes Create App and Get App, by reference.",
        )
        .required()
        .example("\"env:APISEC_TOKEN\""),
        Key::new("url", Shape::Text(Format::ServiceUrl), "Where APIsec's API is: http or https.")
            .default("\"https://api.apisecapps.com\"")
            .example("\"https://api.apisecapps.com\""),
        Key::new(
            "name",
            Shape::Text(Format::NameTemplate),
            "What an application is called that is created, with {name}, {account_name} and, always, {account_id}, {region} and {api_id}.",
        )
        .default("\"{name} ({account_id}/{region}/{api_id})\"")
        .example("\"{name} ({account_id}/{region}/{api_id})\""),
        Key::new("origin", Shape::Text(Format::Text), "What APIsec is told as the origin of an application.")
            .default("\"CLI\"")
            .example("\"CLI\""),
        Key::new(
            "prune",
            Shape::Boolean,
            "Whether endpoints that a changed specification lacks are deleted in APIsec when it is loaded.",
        )
        .default("false")
        .example("false"),
        Key::new("timeout", Shape::Duration { least: 1, most: 10 * MINUTE }, "Limit for one request.")
            .default("\"1m\"")
            .example("\"1m\""),
        Key::new("in_flight", Shape::Integer { least: 1, most: 32 }, "How many APIs are registered side by side.")
            .default("4")
            .example("4"),
        EVENTS,
        INSTANCES.default("\"preferred\""),
        RETRY_KEY,
        RENAMED_FROM,
    ],
};
