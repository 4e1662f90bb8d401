//! Keys of `[connections.NAME]`, but for credentials and schedule.

use super::super::format::Format;
use super::super::shape::{Key, Shape, Table};
use super::credentials::CREDENTIALS;
use super::schedule::AUTO_ONBOARD;

pub(super) static CONNECTION: Table = Table {
    doc: "Credentials, what to look at, and optionally when.",
    keys: &[
        Key::new("credentials", Shape::OneOf(&CREDENTIALS), "How AWS is entered: exactly one kind.").required(),
        Key::new(
            "regions",
            Shape::List { items: &Shape::Text(Format::RegionChoice), never_empty: Some("name a region, or write [\"all\"]") },
            "Regions to look at, or \"all\" (every region that the account has switched on) with exceptions such as \"!ap-*\"; may be left out for a central role only, which then looks at all.",
        )
        .example("[\"eu-west-1\", \"eu-west-2\"]"),
        Key::new(
            "stages",
            Shape::List { items: &Shape::Text(Format::Glob), never_empty: Some("leave the key out for every stage") },
            "Globs over stage names; without it every stage counts.",
        )
        .example("[\"prod\", \"live-*\", \"$default\"]"),
        Key::new("include", Shape::Table(&FILTER), "What an API must be: every key that is given has to match."),
        Key::new("exclude", Shape::Table(&FILTER), "What an API must not be: any key that matches keeps it out, whatever `include` says."),
        Key::new(
            "targets",
            Shape::List { items: &Shape::Text(Format::Name), never_empty: None },
            "Names of the targets that are told; without it all of them.",
        )
        .example("[\"catalog\", \"specs\"]"),
        Key::new("auto_onboard", Shape::Table(&AUTO_ONBOARD), "When it runs by itself; without it by hand only."),
        Key::new("expected", Shape::Tables(&EXPECTED), "Known holes: explained, not an alarm."),
    ],
};

static FILTER: Table = Table {
    doc: "What is said about an API; within a key any value may match, and case counts.",
    keys: &[
        Key::new(
            "names",
            Shape::List { items: &Shape::Text(Format::Glob), never_empty: Some(LEAVE_OUT) },
            "Globs over names.",
        )
        .example("[\"*-sandbox\"]"),
        Key::new(
            "tags",
            Shape::Map {
                names: Format::TagKey,
                values: &Shape::OneOrMore { items: &Shape::Text(Format::Glob), most: 100 },
            },
            "Tag keys, each with a glob or a list of globs over its value.",
        )
        .example("{ team = \"pay*\" }"),
        Key::new("ids", Shape::List { items: &Shape::Text(Format::ApiId), never_empty: Some(LEAVE_OUT) }, "API ids.")
            .example("[\"a1b2c3d4e5\"]"),
        Key::new(
            "protocols",
            Shape::List { items: &Shape::Choice(&PROTOCOLS), never_empty: Some(LEAVE_OUT) },
            "Protocols.",
        )
        .example("[\"WEBSOCKET\"]"),
        Key::new(
            "endpoint_types",
            Shape::List { items: &Shape::Choice(&["REGIONAL", "EDGE", "PRIVATE"]), never_empty: Some(LEAVE_OUT) },
            "Endpoint types.",
        )
        .example("[\"PRIVATE\"]"),
    ],
};

const LEAVE_OUT: &str = "leave the key out if it is not to count";

/// As [`crate::inventory::Protocol`] names them.
const PROTOCOLS: [&str; 3] = ["REST", "HTTP", "WEBSOCKET"];

/// As [`crate::inventory::ScopeState`] names them, but `complete`, which is no hole.
const HOLE_STATES: [&str; 10] = [
    "access_denied",
    "denied_by_scp",
    "region_disabled",
    "unsupported",
    "throttled",
    "credentials_failed",
    "account_suspended",
    "suspicious",
    "not_reached",
    "failed",
];

static EXPECTED: Table = Table {
    doc: "A known hole: explained, not an alarm.",
    keys: &[
        Key::new(
            "accounts",
            Shape::List {
                items: &Shape::Text(Format::AccountGlob),
                never_empty: Some("leave the key out for all accounts"),
            },
            "Account ids or globs over them; without it all.",
        )
        .example("[\"555566667777\"]"),
        Key::new(
            "regions",
            Shape::List {
                items: &Shape::Text(Format::RegionGlob),
                never_empty: Some("leave the key out for all regions"),
            },
            "Region codes or globs over them; without it all.",
        )
        .example("[\"ap-*\"]"),
        Key::new(
            "states",
            Shape::List { items: &Shape::Choice(&HOLE_STATES), never_empty: Some("name at least one state") },
            "How a look at the hole ends.",
        )
        .required()
        .example("[\"access_denied\"]"),
        Key::new("reason", Shape::Text(Format::Text), "Why it is meant to be so.")
            .required()
            .example("\"sandbox, closes in March\""),
        Key::new("until", Shape::Date, "The last day on which it counts.").example("2027-03-31"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Protocol, ScopeState};

    #[test]
    fn words_are_those_of_the_code_that_reads_them() {
        let states: Vec<&str> = ScopeState::ALL.into_iter().map(ScopeState::as_str).collect();
        assert_eq!(states[0], "complete");
        assert_eq!(states[1..], HOLE_STATES);
        assert_eq!(Protocol::ALL.map(Protocol::as_str), PROTOCOLS);
    }
}
