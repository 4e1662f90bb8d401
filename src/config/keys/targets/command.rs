//! Keys of `[targets.NAME.command]`.

use super::{DIGEST, EVENTS, INSTANCES, RENAMED_FROM, RETRY_KEY};
use crate::config::format::Format;
use crate::config::keys::HOUR;
use crate::config::shape::{Key, Shape, Table};

pub(super) static COMMAND: Table = Table {
    doc: "A program that is run for each event, with the event on its standard input.",
    keys: &[
        Key::new(
            "command",
            Shape::List { items: &Shape::Text(Format::Argument), never_empty: Some("name the program and its arguments") },
            "The program and its arguments, without a shell; a name is looked for in PATH, a path is relative to this file.",
        )
        .required()
        .example("[\"./register-api\", \"--quiet\"]"),
        Key::new(
            "environment",
            Shape::Map { names: Format::Variable, values: &Shape::Secret },
            "Variables that the program gets besides PATH, HOME, the language, the proxies and ABOARD_…, their values by reference.",
        )
        .example("{ PORTAL_TOKEN = \"file:/run/secrets/portal\" }"),
        Key::new("timeout", Shape::Duration { least: 1, most: HOUR }, "Limit for one run, after which it is killed.")
            .default("\"30s\"")
            .example("\"30s\""),
        Key::new("in_flight", Shape::Integer { least: 1, most: 16 }, "How many may run side by side.")
            .default("1")
            .example("1"),
        EVENTS,
        INSTANCES,
        DIGEST,
        RETRY_KEY,
        RENAMED_FROM,
    ],
};
