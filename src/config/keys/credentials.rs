//! Keys of `[connections.NAME.credentials]`.

use super::super::format::Format;
use super::super::shape::{Key, Shape, Table};

pub(super) static CREDENTIALS: Table = Table {
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
