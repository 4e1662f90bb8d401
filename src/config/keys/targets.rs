//! Keys of `[targets.NAME]`.

mod apisec;
mod backstage;
mod command;
mod directory;

use super::super::format::Format;
use super::super::shape::{Key, Shape, Table};
use super::{DAY, MINUTE};
use apisec::APISEC;
use backstage::BACKSTAGE;
use directory::DIRECTORY;

pub(super) static TARGET: Table = Table {
    doc: "A place where APIs get registered; it is of exactly one kind.",
    keys: &[
        Key::new("webhook", Shape::Table(&WEBHOOK), "An HTTP receiver of signed events."),
        Key::new("directory", Shape::Table(&DIRECTORY), "A directory of specification files."),
        Key::new("apisec", Shape::Table(&APISEC), "Applications of APIsec (the platform at apisecapps.com)."),
        Key::new("command", Shape::Table(&command::COMMAND), "A program that is run for each event."),
        Key::new("backstage", Shape::Table(&BACKSTAGE), "A catalog file for Backstage."),
    ],
};

static WEBHOOK: Table = Table {
    doc: "An HTTP receiver of signed events.",
    keys: &[
        Key::new(
            "url",
            Shape::Text(Format::WebhookUrl),
            "Where events are posted: http or https, without user and password.",
        )
        .required()
        .example("\"https://catalog.example.com/hooks/apis\""),
        Key::new(
            "secret",
            Shape::OneOrMore { items: &Shape::Secret, most: 2 },
            "What events are signed with (whsec_…), by reference; a list of two while it is being rotated.",
        )
        .example("\"env:CATALOG_WEBHOOK_SECRET\""),
        Key::new(
            "headers",
            Shape::Map { names: Format::HeaderName, values: &Shape::Secret },
            "Extra headers, their values by reference.",
        )
        .example("{ Authorization = \"file:/run/secrets/catalog\" }"),
        Key::new("timeout", Shape::Duration { least: 1, most: 10 * MINUTE }, "Limit for one attempt.")
            .default("\"30s\"")
            .example("\"30s\""),
        Key::new(
            "in_flight",
            Shape::Integer { least: 1, most: 64 },
            "How many requests may be under way side by side.",
        )
        .default("8")
        .example("8"),
        EVENTS,
        INSTANCES,
        DIGEST,
        RETRY_KEY,
        RENAMED_FROM,
    ],
};

/// As [`crate::config::Event`] names them.
const EVENT_NAMES: [&str; 8] = [
    "api.onboarded",
    "api.instance_added",
    "api.instance_removed",
    "api.gone",
    "api.returned",
    "api.changed",
    "run.finished",
    "run.summary",
];

pub(super) const EVENTS: Key = Key::new(
    "events",
    Shape::List { items: &Shape::Choice(&EVENT_NAMES), never_empty: Some("leave the key out for the usual ones") },
    "Which events the target gets.",
)
.default("[\"api.onboarded\", \"api.instance_added\", \"api.instance_removed\", \"api.gone\", \"api.returned\"]")
.example("[\"api.onboarded\", \"api.gone\"]");

const INSTANCES: Key = Key::new(
    "instances",
    Shape::Choice(&["all", "preferred"]),
    "Which addresses of an API it gets: all, or one a stage (custom domain, else invoke URL, else VPC endpoint).",
)
.default("\"all\"")
.example("\"preferred\"");

const DIGEST: Key =
    Key::new("digest", Shape::Boolean, "One message a run instead of one an event.").default("false").example("false");

const RENAMED_FROM: Key = Key::new(
    "renamed_from",
    Shape::Text(Format::Name),
    "The name that the target had in this file before: what it was told and what waits for it go on under the new one.",
)
.example("\"old-catalog\"");

pub(super) const RETRY_KEY: Key = Key::new("retry", Shape::Table(&RETRY), "When a failed delivery is tried again.");

static RETRY: Table = Table {
    doc: "When a failed delivery is tried again; the wait grows from `first` to `max`.",
    keys: &[
        Key::new("first", Shape::Duration { least: 1, most: 30 * DAY }, "Wait after the first failure.")
            .default("\"5s\"")
            .example("\"5s\""),
        Key::new("max", Shape::Duration { least: 1, most: 30 * DAY }, "Longest wait.")
            .default("\"10h\"")
            .example("\"10h\""),
        Key::new(
            "give_up",
            Shape::Duration { least: 0, most: 30 * DAY },
            "After this long the delivery is dead and has to be retried by hand.",
        )
        .default("\"28h\"")
        .example("\"28h\""),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Event;

    #[test]
    fn the_names_of_events_are_those_of_the_code_that_reads_them() {
        assert_eq!(Event::ALL.map(Event::as_str), EVENT_NAMES);
    }
}
