//! What one run saw: APIs, the addresses they answer at, and how each scope's look ended.
//!
//! A failed scope proves no absence; that rule lives in [`crate::plan`], this module only holds the facts.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Who an API is: AWS names are not unique, this is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ApiId {
    /// `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc`, ….
    pub partition: String,
    /// Twelve digits.
    pub account_id: String,
    /// Region code such as `eu-west-1`.
    pub region: String,
    /// The id that API Gateway gave, ten letters and digits; shared by neither family.
    pub api_id: String,
}

impl fmt::Display for ApiId {
    /// `account/region/id`, the shortest form that every command takes and that names one API.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account_id, self.region, self.api_id)
    }
}

/// The two API Gateway control planes; they share an endpoint and a quota, not an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `apigateway` (v1): REST APIs.
    Rest,
    /// `apigatewayv2`: HTTP and WebSocket APIs.
    Http,
}

impl Family {
    /// Both, in the order in which they are reported.
    pub const ALL: [Self; 2] = [Self::Rest, Self::Http];

    /// The lower-case word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an API speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// A REST API (v1).
    Rest,
    /// An HTTP API (v2).
    Http,
    /// A WebSocket API (v2).
    WebSocket,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Rest, Self::Http, Self::WebSocket];

    /// The upper-case word used in JSON, in the schedule file and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::Http => "HTTP",
            Self::WebSocket => "WEBSOCKET",
        }
    }

    /// The control plane that lists it.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Rest => Family::Rest,
            Self::Http | Self::WebSocket => Family::Http,
        }
    }

    /// The protocol of that name, as [`Protocol::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == text)
    }
}

/// One stage of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name; `$default` is the stage of an HTTP API that has no path segment.
    pub name: String,
    /// The deployment that it serves; absent where nothing was deployed, or where a v2 stage deploys automatically and AWS has not said which.
    pub deployment_id: Option<String>,
    /// Whether v2 deploys every change by itself.
    pub auto_deploy: bool,
    /// `createdDate` of the stage, which is when it was first reachable.
    pub created_at: Option<DateTime<Utc>>,
    /// `createdDate` of the deployment. It costs a call, so it is absent unless it was asked for.
    pub deployed_at: Option<DateTime<Utc>>,
}

impl Stage {
    /// Whether something answers there.
    #[must_use]
    pub fn is_deployed(&self) -> bool {
        self.deployment_id.is_some() || self.auto_deploy
    }
}

/// How an address reaches its API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceKind {
    /// A mapping or routing rule of a custom domain.
    CustomDomain,
    /// The stage's own invoke URL.
    ExecuteApi,
    /// The invoke URL of a private API through one VPC endpoint.
    VpcEndpoint,
}

impl InstanceKind {
    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CustomDomain => "custom-domain",
            Self::ExecuteApi => "execute-api",
            Self::VpcEndpoint => "vpc-endpoint",
        }
    }
}

/// One address at which an API answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The stage that it serves.
    pub stage: String,
    /// Absolute, with `https` or `wss`, without a trailing slash.
    pub url: String,
    /// How the address reaches the API.
    pub kind: InstanceKind,
    /// False where a call must fail: nothing deployed, the default endpoint switched off, or a private API's public name.
    pub callable: bool,
    /// When the stage was made.
    pub created_at: Option<DateTime<Utc>>,
    /// When what it serves was deployed; null unless that was asked for.
    pub deployed_at: Option<DateTime<Utc>>,
}

/// Puts addresses in the order in which they are listed: by stage, kind and URL.
pub fn in_order(instances: &mut [Instance]) {
    instances.sort_by(|a, b| (&a.stage, a.kind, &a.url).cmp(&(&b.stage, b.kind, &b.url)));
}

/// Whether an API's stages could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    /// Every stage, by name.
    Read(Vec<Stage>),
    /// They could not be read; the API was listed all the same.
    Unreadable {
        /// One sentence.
        cause: String,
    },
}

/// One API as a listing showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Who it is.
    pub id: ApiId,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its name, which need not be unique.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its version label.
    pub version: Option<String>,
    /// `REGIONAL`, `EDGE` or `PRIVATE`; AWS may add others.
    pub endpoint_type: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Its stages, or why they are not known.
    pub details: Details,
    /// Its addresses over all stages, ordered by stage, kind and URL.
    pub instances: Vec<Instance>,
}

impl Api {
    /// Its stages; none where they could not be read.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        match &self.details {
            Details::Read(stages) => stages,
            Details::Unreadable { .. } => &[],
        }
    }

    /// The oldest `created_at` among the deployed stages that pass `wanted`.
    ///
    /// Old stages may have been deleted since, so the true first publication may lie earlier; AWS keeps no better date.
    pub fn first_published_at(&self, wanted: impl Fn(&Stage) -> bool) -> Option<DateTime<Utc>> {
        let deployed = self.stages().iter().filter(|stage| stage.is_deployed() && wanted(stage));
        deployed.filter_map(|stage| stage.created_at).min()
    }

    /// The newest `deployed_at` among the deployed stages that pass `wanted`; absent unless deployments were asked for.
    pub fn last_published_at(&self, wanted: impl Fn(&Stage) -> bool) -> Option<DateTime<Utc>> {
        let deployed = self.stages().iter().filter(|stage| stage.is_deployed() && wanted(stage));
        deployed.filter_map(|stage| stage.deployed_at).max()
    }
}

/// One (account, region, family): the unit that is looked at, fails and commits alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// `aws`, `aws-cn`, ….
    pub partition: String,
    /// Twelve digits.
    pub account_id: String,
    /// Region code.
    pub region: String,
    /// Which control plane.
    pub family: Family,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account_id, self.region, self.family)
    }
}

/// How the look at a scope ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeState {
    /// Every page was read.
    Complete,
    /// IAM does not allow the call.
    AccessDenied,
    /// A service control policy forbids it.
    DeniedByScp,
    /// The account has not switched the region on.
    RegionDisabled,
    /// The region has no such service.
    Unsupported,
    /// AWS refused for too many requests until the last attempt.
    Throttled,
    /// No valid credentials could be had.
    CredentialsFailed,
    /// The account is suspended, closing or closed.
    AccountSuspended,
    /// Fewer than half of the ten or more APIs known there were listed.
    Suspicious,
    /// The run ended before it was looked at.
    NotReached,
    /// Anything else: no route, a malformed answer, an error of AWS.
    Failed,
}

impl ScopeState {
    /// Every state, for parsing and for tests.
    pub const ALL: [Self; 11] = [
        Self::Complete,
        Self::AccessDenied,
        Self::DeniedByScp,
        Self::RegionDisabled,
        Self::Unsupported,
        Self::Throttled,
        Self::CredentialsFailed,
        Self::AccountSuspended,
        Self::Suspicious,
        Self::NotReached,
        Self::Failed,
    ];

    /// The word used in JSON, in the schedule file and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::AccessDenied => "access_denied",
            Self::DeniedByScp => "denied_by_scp",
            Self::RegionDisabled => "region_disabled",
            Self::Unsupported => "unsupported",
            Self::Throttled => "throttled",
            Self::CredentialsFailed => "credentials_failed",
            Self::AccountSuspended => "account_suspended",
            Self::Suspicious => "suspicious",
            Self::NotReached => "not_reached",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether looking again soon may go better, without anyone changing anything.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Throttled | Self::NotReached | Self::Failed)
    }
}

impl fmt::Display for ScopeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure as it is told to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What kind it is.
    pub state: ScopeState,
    /// What happened, one sentence.
    pub cause: String,
    /// What to do about it, one sentence.
    pub hint: Option<String>,
}

/// What one look at one scope brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeLook {
    /// What was looked at.
    pub scope: Scope,
    /// The account's name, where Organizations told it.
    pub account_name: Option<String>,
    /// Whether the listing is whole, and if not, why.
    pub listing: Listing,
    /// What was listed, ordered by identity; after a failure what came before it, for presence counts even then.
    pub apis: Vec<Api>,
    /// Whether every custom domain and its mappings could be read; if not, a custom address that is absent proves nothing.
    pub domains_read: bool,
    /// What could not be read but is not needed to know which APIs there are, one sentence each.
    pub notes: Vec<String>,
    /// Requests sent to API Gateway for it, retries included.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
}

/// Whether a listing may prove that something is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Every page was read.
    Whole {
        /// An answer came without its list member (`item` in v1, `items` in v2), which a wrong proxy looks like too.
        without_list: bool,
    },
    /// Only the named APIs were asked for; nothing is said about the others.
    Selected,
    /// Nobody was asked: it is what the registry remembers of some APIs, and proves neither presence nor absence.
    Remembered,
    /// It ended early.
    Failed(Trouble),
}

/// An account that could not be entered at all; it stands for all its scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTrouble {
    /// Twelve digits; absent where the credentials did not even say whose they are.
    pub account_id: Option<String>,
    /// The account's name, where Organizations told it.
    pub account_name: Option<String>,
    /// Why.
    pub trouble: Trouble,
    /// Whether the schedule file's way of entering it says that this may be, so that it is no alarm.
    pub meant: bool,
}
