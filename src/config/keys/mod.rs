//! Every table and key of the schedule file: the one place where a key is added.
//!
//! What a key means together with other keys is checked in [`super::check`].

mod connection;
mod credentials;
mod integrations;
mod schedule;
mod targets;

use super::format::Format;
use super::shape::{Key, Shape, Table};
use connection::CONNECTION;
use integrations::INTEGRATION;
use targets::TARGET;

pub(super) use schedule::{AUTO_ONBOARD, WEEKDAYS};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The longest duration that means anything here; far below what the arithmetic of dates can bear.
const CENTURY: u64 = 36_525 * DAY;

pub(super) static FILE: Table = Table {
    doc: "What aboard looks at, when, and where it registers what it finds.",
    keys: &[
        Key::new("registry", Shape::Table(&REGISTRY), "Where the registry is and how long run details are kept."),
        Key::new("http", Shape::Table(&HTTP), "Health, metrics and the API; without this table there is no listener."),
        Key::new(
            "network",
            Shape::Table(&NETWORK),
            "What every outgoing connection uses; proxies come from the environment.",
        ),
        Key::new("limits", Shape::Table(&LIMITS), "How gently AWS is asked."),
        Key::new(
            "targets",
            Shape::Named(&Shape::OneOf(&TARGET)),
            "Where APIs get registered, each under a name of your choice.",
        ),
        Key::new(
            "connections",
            Shape::Named(&Shape::Table(&CONNECTION)),
            "What is looked at, each under a name of your choice.",
        ),
        Key::new(
            "integrations",
            Shape::Named(&Shape::OneOf(&INTEGRATION)),
            "Servers that ask for APIs by themselves, each under a name of your choice.",
        ),
    ],
};

static REGISTRY: Table = Table {
    doc: "The SQLite file in which aboard remembers every API.",
    keys: &[
        Key::new(
            "path",
            Shape::Text(Format::Path),
            "The SQLite file, relative to this file; by default in $STATE_DIRECTORY, in /var/lib/aboard for a file in /etc/aboard, else beside this file.",
        )
        .example("\"aboard.db\""),
        Key::new(
            "keep_runs",
            Shape::Duration { least: DAY, most: CENTURY },
            "How long run details and attempts of what arrived are kept; each API's history and each scope's last run are never dropped.",
        )
        .default("\"400d\"")
        .example("\"400d\""),
    ],
};

static HTTP: Table = Table {
    doc: "The listener for health, metrics and the API.",
    keys: &[
        Key::new("listen", Shape::Text(Format::Listen), "Address and port to listen on.")
            .required()
            .example("\"127.0.0.1:9847\""),
        Key::new(
            "token",
            Shape::Secret,
            "What a caller must show: needed for every write, and for all but health and metrics when the address is not loopback.",
        )
        .example("\"env:ABOARD_HTTP_TOKEN\""),
    ],
};

static NETWORK: Table = Table {
    doc: "What every outgoing connection uses.",
    keys: &[Key::new(
        "ca_file",
        Shape::Text(Format::Path),
        "PEM certificates that are trusted besides the system's, for AWS and for targets; by default $AWS_CA_BUNDLE.",
    )
    .example("\"corp-ca.pem\"")],
};

static LIMITS: Table = Table {
    doc: "How gently AWS is asked. Its quota is 10 requests/s, burst 40, per account and region, shared with your deployments.",
    keys: &[
        Key::new("requests_per_second", Shape::Number, "Sustained rate of one bucket; 0 = no limit.")
            .default("5")
            .example("5"),
        Key::new(
            "burst",
            Shape::Integer { least: 1, most: 10_000 },
            "How many requests a rested bucket lets through at once.",
        )
        .default("10")
        .example("10"),
        Key::new(
            "per",
            Shape::Choice(&["region", "account"]),
            "What shares one bucket: one region of an account, or the whole account.",
        )
        .default("\"region\"")
        .example("\"region\""),
        Key::new(
            "accounts_in_flight",
            Shape::Integer { least: 1, most: 1_000 },
            "How many accounts a run looks at side by side.",
        )
        .default("16")
        .example("16"),
        Key::new("parallel_runs", Shape::Integer { least: 1, most: 1_000 }, "How many runs go on side by side.")
            .default("2")
            .example("2"),
    ],
};
