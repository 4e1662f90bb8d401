//! Every table and key of the schedule file: the one place where a key is added.
//!
//! What a key means together with other keys is checked in [`super::check`].

use super::format::Format;
use super::shape::{Key, Shape, Table};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The longest duration that means anything here; far below what the arithmetic of dates can bear.
const CENTURY: u64 = 36_525 * DAY;

pub(super) const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

pub(super) static FILE: Table = Table {
    doc: "What aboard looks at, when, and where it registers what it finds.",
    keys: &[
        Key::new("registry", Shape::Table(&REGISTRY), "Where the registry is and how long run details are kept."),
        Key::new(
            "http",
            Shape::Table(&HTTP),
            "Health, metrics, API and dashboard; without this table there is no listener.",
        ),
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
            "How long run details are kept; each API's history and each scope's last run are never dropped.",
        )
        .default("\"400d\"")
        .example("\"400d\""),
    ],
};

static HTTP: Table = Table {
    doc: "The listener for health, metrics, the API and the dashboard.",
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

static TARGET: Table = Table {
    doc: "A place where APIs get registered; it is of exactly one kind.",
    keys: &[
        Key::new("webhook", Shape::Table(&WEBHOOK), "An HTTP receiver of signed events."),
        Key::new("directory", Shape::Table(&DIRECTORY), "A directory of specification files."),
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
        EVENTS,
        INSTANCES,
        DIGEST,
        RETRY_KEY,
    ],
};

static DIRECTORY: Table = Table {
    doc: "A directory of specification files.",
    keys: &[
        Key::new("path", Shape::Text(Format::Path), "The directory, relative to this file.")
            .required()
            .example("\"specs\""),
        EVENTS,
        INSTANCES,
        DIGEST,
        RETRY_KEY,
    ],
};

/// As [`super::model::Event`] names them.
pub(super) const EVENT_NAMES: [&str; 8] = [
    "api.onboarded",
    "api.instance_added",
    "api.instance_removed",
    "api.gone",
    "api.returned",
    "api.changed",
    "run.finished",
    "run.summary",
];

const EVENTS: Key = Key::new(
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

const RETRY_KEY: Key = Key::new("retry", Shape::Table(&RETRY), "When a failed delivery is tried again.");

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
            Shape::Duration { least: 1, most: 30 * DAY },
            "After this long the delivery is dead and has to be retried by hand.",
        )
        .default("\"28h\"")
        .example("\"28h\""),
    ],
};

static CONNECTION: Table = Table {
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
            Shape::List { items: &Shape::Choice(&["REST", "HTTP", "WEBSOCKET"]), never_empty: Some(LEAVE_OUT) },
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

static CREDENTIALS: Table = Table {
    doc: "How AWS is entered: exactly one kind.",
    keys: &[
        Key::new("aws_user", Shape::Table(&AWS_USER), "An IAM user's access key."),
        Key::new("assume_role", Shape::Table(&ASSUME_ROLE), "A role in the account."),
        Key::new(
            "central_role",
            Shape::Table(&CENTRAL_ROLE),
            "A role that enters the other accounts of an organization.",
        ),
        Key::new(
            "default_chain",
            Shape::Table(&DEFAULT_CHAIN),
            "Environment, profile, SSO, IRSA, ECS or instance role.",
        ),
    ],
};

static AWS_USER: Table = Table {
    doc: "An IAM user's access key.",
    keys: &[
        Key::new(
            "access_key_id",
            Shape::TextOrReference(Format::AccessKeyId),
            "The key's id, literally or by reference.",
        )
        .required()
        .example("\"env:PAYMENTS_KEY_ID\""),
        Key::new("secret_access_key", Shape::Secret, "Its secret, by reference.")
            .required()
            .example("\"file:/run/secrets/payments\""),
        Key::new("session_token", Shape::Secret, "Of temporary keys (ASIA…), by reference.")
            .example("\"env:PAYMENTS_SESSION_TOKEN\""),
    ],
};

static DEFAULT_CHAIN: Table = Table {
    doc: "Whatever the process is given: environment, profile, SSO, IRSA, ECS or instance role.",
    keys: &[Key::new("profile", Shape::Text(Format::Text), "A profile of the shared AWS files.").example("\"dev\"")],
};

static ASSUME_ROLE: Table =
    Table { doc: "A role in the account.", keys: &[ROLE_ARN, SESSION_NAME, EXTERNAL_ID, SOURCE_KEY] };

const ROLE_ARN: Key = Key::new("role_arn", Shape::Text(Format::RoleArn), "The role's ARN.")
    .required()
    .example("\"arn:aws:iam::999988887777:role/APIGatewayAccessRole\"");

const SESSION_NAME: Key =
    Key::new("session_name", Shape::Text(Format::SessionName), "The name under which CloudTrail shows the session.")
        .default("\"aboard\"")
        .example("\"aboard\"");

const EXTERNAL_ID: Key = Key::new(
    "external_id",
    Shape::TextOrReference(Format::ExternalId),
    "What the role's trust policy asks for, literally or by reference.",
)
.example("\"env:BILLING_EXTERNAL_ID\"");

const SOURCE_KEY: Key = Key::new("source", Shape::OneOf(&SOURCE), "Who assumes the role: exactly one kind.")
    .default("{ default_chain = {} }");

static SOURCE: Table = Table {
    doc: "Who assumes the role: exactly one kind.",
    keys: &[
        Key::new("aws_user", Shape::Table(&AWS_USER), "An IAM user's access key."),
        Key::new("default_chain", Shape::Table(&DEFAULT_CHAIN), "Whatever the process is given."),
    ],
};

static CENTRAL_ROLE: Table = Table {
    doc: "A role that lists the accounts of an organization and assumes a role of one name in each.",
    keys: &[
        ROLE_ARN,
        Key::new("child_role_name", Shape::Text(Format::RoleName), "Name of the role in every account; may carry a path.")
            .required()
            .example("\"AboardChildRole\""),
        SESSION_NAME,
        EXTERNAL_ID,
        Key::new(
            "child_external_id",
            Shape::TextOrReference(Format::ExternalId),
            "What the child roles' trust policies ask for, literally or by reference.",
        )
        .example("\"env:CHILD_EXTERNAL_ID\""),
        SOURCE_KEY,
        Key::new("accounts", Shape::Table(&ACCOUNTS), "Which accounts; without it all."),
        Key::new(
            "management_account",
            Shape::Choice(&["auto", "central_role", "child_role", "skip"]),
            "How the management account is entered: auto takes the child role if it can be assumed, else the central role where it lives there and may read, else skips the account.",
        )
        .default("\"auto\"")
        .example("\"auto\""),
    ],
};

static ACCOUNTS: Table = Table {
    doc: "Which accounts of the organization.",
    keys: &[
        Key::new(
            "include",
            Shape::List {
                items: &Shape::Text(Format::AccountGlob),
                never_empty: Some("leave the key out for all accounts"),
            },
            "Account ids or globs over them; without it all.",
        )
        .example("[\"*\"]"),
        Key::new(
            "exclude",
            Shape::List { items: &Shape::Text(Format::AccountGlob), never_empty: None },
            "Account ids or globs over them that stay out.",
        )
        .example("[\"444455556666\"]"),
        Key::new(
            "organizational_units",
            Shape::List {
                items: &Shape::Text(Format::OrganizationalUnit),
                never_empty: Some("leave the key out for the whole organization"),
            },
            "Only accounts below one of these, at any depth.",
        )
        .example("[\"ou-abcd-11112222\"]"),
    ],
};

static AUTO_ONBOARD: Table = Table {
    doc: "When a connection runs by itself, and what a run registers.",
    keys: &[
        Key::new("enabled", Shape::Boolean, "Whether the schedule is on.").default("true").example("true"),
        Key::new("frequency", Shape::Choice(&["daily", "weekly", "monthly"]), "How often.")
            .default("\"weekly\"")
            .example("\"weekly\""),
        Key::new("cron", Shape::Text(Format::Cron), "Instead of frequency, day and time: minute, hour, day of month, month, weekday.")
            .example("\"30 2 * * MON\""),
        Key::new("day", Shape::Day, "Weekly: a weekday. Monthly: 1 to 28, or \"last\".").example("\"monday\""),
        Key::new("time", Shape::Text(Format::Time), "Local time, HH:MM.").example("\"02:30\""),
        Key::new("timezone", Shape::Text(Format::Zone), "IANA name of the zone.").required().example("\"Europe/London\""),
        Key::new(
            "published_after",
            Shape::Instant,
            "Only APIs published at or after this instant; a date means 00:00 of that day in `timezone`. Without it every API.",
        )
        .example("2026-01-01"),
        Key::new(
            "published_by",
            Shape::Choice(&["first_published", "created", "last_published"]),
            "Which date `published_after` is compared with.",
        )
        .default("\"first_published\"")
        .example("\"first_published\""),
        Key::new(
            "existing",
            Shape::Choice(&["register", "record"]),
            "Whether what the first complete look finds is registered, or recorded as onboarded without telling any target.",
        )
        .default("\"register\"")
        .example("\"register\""),
        Key::new(
            "max_new",
            Shape::Integer { least: 0, most: i64::MAX },
            "A run that would register more than this registers none and waits for approval; 0 = no limit.",
        )
        .default("500")
        .example("500"),
        Key::new("catch_up", Shape::Choice(&["latest", "none"]), "Whether one run makes up for those missed while nothing ran.")
            .default("\"latest\"")
            .example("\"latest\""),
        Key::new("misfire_grace", Shape::Duration { least: 1, most: 365 * DAY }, "How late a run may still start; without it any time.")
            .example("\"2h\""),
        Key::new("jitter", Shape::Duration { least: 0, most: DAY - 1 }, "Longest delay after the due time; stable for each connection.")
            .default("\"0s\"")
            .example("\"0s\""),
        Key::new("timeout", Shape::Duration { least: 1, most: 30 * DAY }, "Longest run.").default("\"6h\"").example("\"6h\""),
        Key::new(
            "retry_failed",
            Shape::List { items: &Shape::Duration { least: 1, most: 30 * DAY }, never_empty: None },
            "When scopes that failed in passing are looked at again; [] = never.",
        )
        .default("[\"15m\", \"2h\", \"12h\"]")
        .example("[\"15m\", \"2h\", \"12h\"]"),
    ],
};

/// As [`crate::inventory::ScopeState`] names them, but `complete`, which is no hole.
pub(super) const HOLE_STATES: [&str; 10] = [
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
    use crate::config::Event;
    use crate::inventory::{Protocol, ScopeState};

    #[test]
    fn words_are_those_of_the_code_that_reads_them() {
        assert_eq!(Event::ALL.map(Event::as_str), EVENT_NAMES);
        let states: Vec<&str> = ScopeState::ALL.into_iter().map(ScopeState::as_str).collect();
        assert_eq!(states[0], "complete");
        assert_eq!(states[1..], HOLE_STATES);
        for protocol in Protocol::ALL {
            assert!(["REST", "HTTP", "WEBSOCKET"].contains(&protocol.as_str()));
        }
    }
}
