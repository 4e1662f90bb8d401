//! The forms that a text may have to have: one check each, with a message that says what is wrong.
//!
//! A check sees one text; what it means beside other keys is checked in [`super::check`].

pub(super) mod aws;
pub(super) mod backstage;
pub(super) mod network;
pub(super) mod text;
pub(super) mod time;

use super::report::Complaint;
use super::template::{IdentityTemplate, NameTemplate};

/// A form of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Anything but nothing.
    Text,
    /// The name of a connection or target.
    Name,
    /// A glob.
    Glob,
    /// A path, absolute or relative to the file.
    Path,
    /// An AWS tag's key.
    TagKey,
    /// A region, `all`, or `!` and a glob.
    RegionChoice,
    /// A region or a glob over regions.
    RegionGlob,
    /// An account id or a glob over account ids.
    AccountGlob,
    /// A root or an organizational unit.
    OrganizationalUnit,
    /// An API's id.
    ApiId,
    /// A role's ARN.
    RoleArn,
    /// A role's name, maybe with a path.
    RoleName,
    /// A role session's name.
    SessionName,
    /// An external id.
    ExternalId,
    /// An access key's id.
    AccessKeyId,
    /// Five cron fields.
    Cron,
    /// `HH:MM`.
    Time,
    /// An IANA zone.
    Zone,
    /// An address with a port.
    Listen,
    /// An http or https URL.
    WebhookUrl,
    /// The name of an HTTP header.
    HeaderName,
    /// The http or https URL of a service, to which paths are added.
    ServiceUrl,
    /// Where a WebSocket server is.
    EndpointUrl,
    /// A name with placeholders.
    NameTemplate,
    /// What an API is called by, with placeholders.
    IdentityTemplate,
    /// The name of an environment variable that a program may be given.
    Variable,
    /// A program's argument; it may be empty.
    Argument,
    /// A person's name and address.
    Author,
    /// A reference to an entity of Backstage.
    EntityRef,
    /// A namespace of Backstage.
    EntityNamespace,
}

impl Format {
    /// Whether a text has this form, and if not, what is wrong.
    pub(super) fn check(self, value: &str) -> Result<(), Complaint> {
        // Nothing in the file is that long; the bound keeps patterns and messages small.
        if value.chars().count() > 2048 {
            return Err(Complaint::new("is longer than 2048 characters"));
        }
        match self {
            Self::Text => text::not_blank(value),
            Self::Name => text::name(value),
            Self::Glob => text::glob(value),
            Self::Path => text::path(value),
            Self::TagKey => text::tag_key(value),
            Self::RegionChoice => aws::region_choice(value),
            Self::RegionGlob => aws::region_glob(value),
            Self::AccountGlob => aws::account_glob(value),
            Self::OrganizationalUnit => aws::organizational_unit(value),
            Self::ApiId => aws::api_id(value),
            Self::RoleArn => aws::role_arn(value).map(drop),
            Self::RoleName => aws::role_name(value),
            Self::SessionName => aws::session_name(value),
            Self::ExternalId => aws::external_id(value),
            Self::AccessKeyId => aws::access_key_id(value),
            Self::Cron => time::cron(value),
            Self::Time => time::time(value).map(drop),
            Self::Zone => time::zone(value).map(drop),
            Self::Listen => network::listen(value).map(drop),
            Self::WebhookUrl => network::webhook_url(value).map(drop),
            Self::HeaderName => network::header_name(value),
            Self::ServiceUrl => network::service_url(value).map(drop),
            Self::EndpointUrl => network::endpoint_url(value).map(drop),
            Self::NameTemplate => NameTemplate::parse(value).map(drop),
            Self::IdentityTemplate => IdentityTemplate::parse(value).map(drop),
            Self::Variable => text::variable(value),
            Self::Argument => text::argument(value),
            Self::Author => text::author(value).map(drop),
            Self::EntityRef => backstage::entity_ref(value),
            Self::EntityNamespace => backstage::namespace(value),
        }
    }

    /// Whether the text itself must stay out of messages and its line out of excerpts: URLs and ids often carry a key.
    pub(super) fn is_delicate(self) -> bool {
        matches!(self, Self::WebhookUrl | Self::ServiceUrl | Self::EndpointUrl | Self::AccessKeyId | Self::ExternalId)
    }

    /// A regular expression for editors, where one says it simply; the check above is what counts.
    pub(super) fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Name => Some("^[a-z0-9][a-z0-9_-]{0,63}$"),
            Self::RegionChoice => Some("^(all|!.+|[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2})$"),
            Self::RoleArn => Some("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"),
            Self::SessionName => Some("^[A-Za-z0-9_+=,.@-]{2,64}$"),
            Self::OrganizationalUnit => Some("^(r-[a-z0-9]{4,32}|ou-[a-z0-9]{4,32}-[a-z0-9]{8,32})$"),
            Self::ApiId => Some("^[a-z0-9]+$"),
            Self::Time => Some("^([01][0-9]|2[0-3]):[0-5][0-9]$"),
            Self::WebhookUrl | Self::ServiceUrl => Some("^https?://"),
            Self::Author => Some("^[^<>]+ <[^<> ]+>$"),
            Self::EntityNamespace => Some("^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"),
            Self::EndpointUrl => Some("^(http|ws)s?://"),
            _ => None,
        }
    }
}

/// A text as it is shown in a message: quoted, on one line, not too long.
pub(super) fn quoted(value: &str) -> String {
    const MOST: usize = 60;
    let mut shown: String = value.chars().take(MOST).flat_map(char::escape_debug).collect();
    if value.chars().count() > MOST {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
