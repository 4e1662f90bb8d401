//! Keys of `[integrations.NAME]`.

use super::super::format::Format;
use super::super::shape::{Key, Shape, Table};
use super::targets::{EVENTS, RETRY_KEY};
use super::{DAY, HOUR, MINUTE};

pub(super) static INTEGRATION: Table = Table {
    doc: "A server that asks for APIs by itself; it is of exactly one kind.",
    keys: &[Key::new(
        "gravitee",
        Shape::Table(&GRAVITEE),
        "Gravitee API Management, whose federation agent aboard is, in place of Gravitee's own for AWS API Gateway.",
    )],
};

static GRAVITEE: Table = Table {
    doc: "Gravitee API Management, whose federation agent aboard is.",
    keys: &[
        Key::new(
            "endpoints",
            Shape::List { items: &Shape::Text(Format::EndpointUrl), never_empty: Some("name at least one") },
            "Where the integration controller is, tried in turn: http, https, ws or wss; /exchange/controller is added.",
        )
        .required()
        .example("[\"https://apim.example.com/integration-controller\"]"),
        Key::new("token", Shape::Secret, "A token of a service account with the role Federation Agent, by reference.")
            .required()
            .example("\"env:GRAVITEE_AGENT_TOKEN\""),
        Key::new("integration_id", Shape::Text(Format::Text), "The integration's id, from its page in the console.")
            .required()
            .example("\"8a7d4c2e-4f1b-4d5a-9c0e-2b6f1a3d5e7c\""),
        Key::new(
            "connections",
            Shape::List {
                items: &Shape::Text(Format::Name),
                never_empty: Some("leave the key out for every connection"),
            },
            "Names of the connections whose APIs are offered; without it all of them.",
        )
        .example("[\"payments\", \"billing\"]"),
        Key::new(
            "stages",
            Shape::List { items: &Shape::Text(Format::Glob), never_empty: Some("leave the key out for every stage") },
            "Globs over the names of the stages that are offered, of those that the connection looks at; without it all.",
        )
        .example("[\"prod\", \"live-*\"]"),
        Key::new(
            "accept_api_without_usage_plan",
            Shape::Boolean,
            "Whether APIs are offered too of which no stage is in a usage plan.",
        )
        .default("false")
        .example("false"),
        Key::new(
            "subscriptions",
            Shape::Boolean,
            "Whether an API key is made in AWS and put into the usage plan for each subscription, and deleted with it.",
        )
        .default("false")
        .example("false"),
        Key::new(
            "headers",
            Shape::Map { names: Format::HeaderName, values: &Shape::Secret },
            "Extra headers of the request that opens the connection, their values by reference.",
        )
        .example("{ X-Tenant = \"env:GRAVITEE_TENANT\" }"),
        Key::new(
            "ca_file",
            Shape::Text(Format::Path),
            "PEM certificates that are trusted for this server besides those of [network] and the system.",
        )
        .example("\"gravitee-ca.pem\""),
        Key::new("proxy", Shape::Table(&PROXY), "The HTTP proxy to go through; by default what the environment says."),
        Key::new(
            "identity",
            Shape::Text(Format::IdentityTemplate),
            "What Gravitee knows an API by, with {partition}, {account_id}, {region}, {stage} and, always, {api_id}; without {stage} an API with several stages is offered once.",
        )
        .default("\"{account_id}:{region}:{api_id}:{stage}\"")
        .example("\"{account_id}:{region}:{api_id}:{stage}\""),
        Key::new(
            "read_api_keys",
            Shape::Boolean,
            "Whether API keys that a crash left behind are looked for and deleted, which needs GET /apikeys.",
        )
        .default("false")
        .example("false"),
        Key::new("limits", Shape::Table(&LIMITS), "How long everything may take."),
        Key::new(
            "management",
            Shape::Table(&MANAGEMENT),
            "The management API, which is asked to ingest what scheduled runs find; without it an ingest begins in the console.",
        ),
    ],
};

static PROXY: Table = Table {
    doc: "An HTTP proxy, asked with CONNECT.",
    keys: &[
        Key::new("url", Shape::Text(Format::ServiceUrl), "Where it is: http or https, host and port.")
            .required()
            .example("\"http://proxy.example.com:3128\""),
        Key::new("username", Shape::Text(Format::Text), "Who asks it, together with a password.").example("\"aboard\""),
        Key::new("password", Shape::Secret, "The password, by reference.").example("\"env:PROXY_PASSWORD\""),
    ],
};

static LIMITS: Table = Table {
    doc: "How long everything may take that has to do with one server.",
    keys: &[
        Key::new("connect", SHORT, "From the first packet to the open connection.")
            .default("\"20s\"")
            .example("\"20s\""),
        Key::new("reply", SHORT, "From a command to its reply; the server waits 60 s.")
            .default("\"1m\"")
            .example("\"1m\""),
        Key::new("ping", SHORT, "Between two pings.").default("\"5s\"").example("\"5s\""),
        Key::new("silence", SHORT, "How long nothing may be heard before the connection counts as lost.")
            .default("\"30s\"")
            .example("\"30s\""),
        Key::new("first_retry", WAIT, "Wait after a first failure; each further one is 1.5 times as long.")
            .default("\"1s\"")
            .example("\"1s\""),
        Key::new("longest_retry", WAIT, "Longest wait.").default("\"5m\"").example("\"5m\""),
        Key::new("refused_retry", WAIT, "First wait after the server refused the integration.")
            .default("\"1m\"")
            .example("\"1m\""),
        Key::new("stable", SHORT, "How long a connection has to last for the next failure to count as a first one.")
            .default("\"30s\"")
            .example("\"30s\""),
        Key::new("discover", ANSWER, "Within which a discovery is answered, if need be in part.")
            .default("\"50s\"")
            .example("\"50s\""),
        Key::new("subscribe", ANSWER, "Within which a subscription is answered or undone.")
            .default("\"45s\"")
            .example("\"45s\""),
        Key::new(
            "ingest_delay",
            SHORT,
            "Between the reply to the command to ingest and the first APIs; the server makes the job in between.",
        )
        .default("\"1s 500ms\"")
        .example("\"1s 500ms\""),
        Key::new("drain", SHORT, "How long commands under way may take at the end of the process.")
            .default("\"10s\"")
            .example("\"10s\""),
        Key::new("close", SHORT, "How long a closing handshake may take.").default("\"2s\"").example("\"2s\""),
    ],
};

const SHORT: Shape = Shape::Duration { least: 1, most: HOUR };

/// What the server waits for, which it does for a minute.
const ANSWER: Shape = Shape::Duration { least: 1, most: MINUTE };

const WAIT: Shape = Shape::Duration { least: 1, most: DAY };

static MANAGEMENT: Table = Table {
    doc: "Gravitee's management API, which is asked to ingest what scheduled runs find.",
    keys: &[
        Key::new("url", Shape::Text(Format::ServiceUrl), "Where the management API is; /v2/organizations/… is added.")
            .required()
            .example("\"https://apim.example.com/management\""),
        Key::new("organization", Shape::Text(Format::Text), "The organization's id.")
            .default("\"DEFAULT\"")
            .example("\"DEFAULT\""),
        Key::new("environment", Shape::Text(Format::Text), "The environment's id.")
            .default("\"DEFAULT\"")
            .example("\"DEFAULT\""),
        Key::new(
            "token",
            Shape::Secret,
            "A token whose user may read integrations and create APIs in the environment, by reference.",
        )
        .required()
        .example("\"env:GRAVITEE_MANAGEMENT_TOKEN\""),
        Key::new(
            "timeout",
            Shape::Duration { least: 1, most: 10 * MINUTE },
            "Limit for one request; the server itself waits 60 s for the agent.",
        )
        .default("\"1m 15s\"")
        .example("\"1m 15s\""),
        EVENTS,
        RETRY_KEY,
    ],
};
