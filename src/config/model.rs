//! The checked schedule file: every value is valid by itself and against the others.
//!
//! Nothing here has read a secret: references stay references until a run needs them.

mod apisec;
mod integration;
mod wants;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use apisec::ApisecConfig;
pub use integration::{
    Authorities, Authorization, GraviteeConfig, GraviteeLimits, IngestConfig, Integration, IntegrationKind,
    ManagementConfig, NodeConfig, ProxyConfig, ProxyLogin,
};
pub use wants::{AllWants, Wants};

use super::pattern::{Filter, Patterns};
use crate::inventory::ScopeState;

mod backstage;
mod directory;

pub use backstage::{BackstageTarget, Definition, Registration};
pub use directory::{Author, DirectoryTarget, Git};

/// A whole schedule file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the registry is and how long run details are kept.
    pub registry: RegistryConfig,
    /// Health, metrics and the API; absent = off.
    pub http: Option<HttpConfig>,
    /// What every outgoing connection uses.
    pub network: NetworkConfig,
    /// How gently AWS is asked.
    pub limits: Limits,
    /// Where APIs get registered, by name.
    pub targets: BTreeMap<String, Target>,
    /// What is looked at, by name.
    pub connections: BTreeMap<String, Connection>,
    /// Servers that ask for APIs by themselves, by name.
    pub integrations: BTreeMap<String, Integration>,
    /// The probes of Gravitee's own agent; absent = off, and always so for a schedule file.
    pub node: Option<NodeConfig>,
}

/// `[registry]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryConfig {
    /// The SQLite file, absolute or relative to the working directory; absent = the default place.
    pub path: Option<PathBuf>,
    /// How long run details are kept.
    pub keep_runs: Duration,
}

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// What a caller must show.
    pub token: Option<SecretRef>,
}

/// `[network]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkConfig {
    /// PEM certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// `[limits]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Sustained rate of one bucket, requests per second; 0 = no limit.
    pub requests_per_second: f64,
    /// How many requests a rested bucket lets through at once.
    pub burst: u32,
    /// What shares one bucket.
    pub per: BucketScope,
    /// Accounts looked at side by side.
    pub accounts_in_flight: usize,
    /// Runs side by side.
    pub parallel_runs: usize,
}

impl Default for Limits {
    /// Half of AWS's sustained quota and a quarter of its burst, which are 10 requests/s and 40 per account and region.
    fn default() -> Self {
        Self { requests_per_second: 5.0, burst: 10, per: BucketScope::Region, accounts_in_flight: 16, parallel_runs: 2 }
    }
}

/// What one rate-limiter bucket covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketScope {
    /// One (account, region), which is how AWS heads its quota table.
    Region,
    /// One account over all its regions.
    Account,
}

/// A secret's place; its value is read when it is needed, anew each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`.
    Env(String),
    /// `file:/path`, relative to the schedule file.
    File(PathBuf),
    /// A key of a `gravitee.yml`, in which secrets stand literally. No schedule file can say it.
    Property {
        /// The YAML file.
        file: PathBuf,
        /// The key, such as `integration.providers[0].configuration.secretAccessKey`.
        key: String,
    },
}

/// A value that is no secret in itself and may stand in the file or be referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// As written.
    Literal(String),
    /// By reference.
    Ref(SecretRef),
}

/// One place where APIs get registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its name in the file.
    pub name: String,
    /// Which events it gets.
    pub events: Vec<Event>,
    /// When a failed delivery is tried again.
    pub retry: Retry,
    /// Which addresses of an API it gets.
    pub instances: InstanceChoice,
    /// One message a run instead of single events.
    pub digest: bool,
    /// The name that it had in the file before.
    pub renamed_from: Option<String>,
    /// What it is.
    pub kind: TargetKind,
}

/// What a target is.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetKind {
    /// An HTTP receiver of signed events.
    Webhook(WebhookTarget),
    /// A directory of specification files.
    Directory(DirectoryTarget),
    /// Applications of `APIsec`.
    Apisec(ApisecConfig),
    /// A program.
    Command(CommandTarget),
    /// A catalog file for Backstage.
    Backstage(BackstageTarget),
    /// Gravitee's management API, asked to ingest: not of `[targets]`, but an integration's `management`, by the integration's name.
    Ingest(Box<IngestConfig>),
}

/// `[targets.NAME.webhook]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTarget {
    /// Where to; `http` or `https`.
    pub url: url::Url,
    /// `whsec_…` secrets, two during rotation; empty = events are not signed.
    pub secrets: Vec<SecretRef>,
    /// Extra headers.
    pub headers: BTreeMap<String, SecretRef>,
    /// Limit for one attempt.
    pub timeout: Duration,
    /// Requests under way side by side.
    pub in_flight: usize,
}

/// `[targets.NAME.command]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandTarget {
    /// A name to be looked for in `PATH`, or a path relative to `folder`.
    pub program: String,
    /// What it is called with.
    pub arguments: Vec<String>,
    /// Where it runs: the schedule file's folder, empty for the working directory.
    pub folder: PathBuf,
    /// Variables that it gets besides the usual ones.
    pub environment: BTreeMap<String, SecretRef>,
    /// Limit for one run.
    pub timeout: Duration,
    /// Runs side by side.
    pub in_flight: usize,
}

/// What can be told to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// A new API.
    Onboarded,
    /// An onboarded API answers at one more address.
    InstanceAdded,
    /// An address is gone.
    InstanceRemoved,
    /// An API is gone.
    Gone,
    /// An API that was gone is back.
    Returned,
    /// A stage serves another specification.
    Changed,
    /// A run's set of failures changed.
    RunFinished,
    /// What a run did, in one message.
    RunSummary,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 8] = [
        Self::Onboarded,
        Self::InstanceAdded,
        Self::InstanceRemoved,
        Self::Gone,
        Self::Returned,
        Self::Changed,
        Self::RunFinished,
        Self::RunSummary,
    ];

    /// What a target gets that does not choose.
    pub const DEFAULT: [Self; 5] =
        [Self::Onboarded, Self::InstanceAdded, Self::InstanceRemoved, Self::Gone, Self::Returned];

    /// The name in the file, in the outbox and in what is sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Onboarded => "api.onboarded",
            Self::InstanceAdded => "api.instance_added",
            Self::InstanceRemoved => "api.instance_removed",
            Self::Gone => "api.gone",
            Self::Returned => "api.returned",
            Self::Changed => "api.changed",
            Self::RunFinished => "run.finished",
            Self::RunSummary => "run.summary",
        }
    }

    /// The event of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// When a failed delivery is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Wait after the first failure.
    pub first: Duration,
    /// Longest wait.
    pub max: Duration,
    /// After this long the delivery is dead.
    pub give_up: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            first: Duration::from_secs(5),
            max: Duration::from_secs(10 * HOUR),
            give_up: Duration::from_secs(28 * HOUR),
        }
    }
}

/// Which addresses of an API a target gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceChoice {
    /// Every one.
    All,
    /// One a stage: custom domain, else invoke URL, else VPC endpoint; callable ones only.
    Preferred,
}

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Its name in the file.
    pub name: String,
    /// How AWS is entered.
    pub credentials: Credentials,
    /// Which regions are looked at.
    pub regions: Regions,
    /// Which stages count; absent in the file = every one.
    pub stages: Patterns,
    /// What an API must be; empty = anything.
    pub include: Filter,
    /// What an API must not be.
    pub exclude: Filter,
    /// The targets that get told, by name, in the file's order; absent in the file = all. After them the integrations that are asked to ingest
    /// the connection's APIs.
    pub targets: Vec<String>,
    /// What decides entry besides the filters; the defaults where there is no `auto_onboard`.
    pub entry: EntryRules,
    /// When it runs by itself.
    pub auto_onboard: Option<AutoOnboard>,
    /// Known holes.
    pub expected: Vec<Expected>,
}

/// How AWS is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// An IAM user's access key.
    AwsUser(AwsUser),
    /// A role in the account.
    AssumeRole(AssumeRole),
    /// A role that enters the other accounts of an organization.
    CentralRole(CentralRole),
    /// Environment, profile, SSO, IRSA, ECS or instance role.
    DefaultChain(DefaultChain),
}

/// `credentials.aws_user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsUser {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: Value,
    /// Its secret.
    pub secret_access_key: SecretRef,
    /// Of temporary keys.
    pub session_token: Option<SecretRef>,
}

/// `credentials.default_chain`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultChain {
    /// A profile of the shared AWS files.
    pub profile: Option<String>,
}

/// What a role is assumed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An access key.
    AwsUser(AwsUser),
    /// Whatever the process is given.
    DefaultChain(DefaultChain),
}

/// `credentials.assume_role`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role.
    pub role_arn: RoleArn,
    /// 2–64 of `[\w+=,.@-]`.
    pub session_name: String,
    /// 2–1224 of `[\w+=,.@:/-]`.
    pub external_id: Option<Value>,
    /// Who assumes it.
    pub source: Source,
}

/// A role's ARN, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArn {
    /// As written.
    pub arn: String,
    /// `aws`, `aws-cn`, ….
    pub partition: String,
    /// Twelve digits.
    pub account_id: String,
}

/// `credentials.central_role`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CentralRole {
    /// The central role.
    pub role_arn: RoleArn,
    /// Name of the role in every account, maybe with a path.
    pub child_role_name: String,
    /// 2–64 of `[\w+=,.@-]`.
    pub session_name: String,
    /// For the central role.
    pub external_id: Option<Value>,
    /// For the child roles.
    pub child_external_id: Option<Value>,
    /// Who assumes the central role.
    pub source: Source,
    /// Accounts in; globs over account ids, empty = all.
    pub include_accounts: Patterns,
    /// Accounts out; globs over account ids.
    pub exclude_accounts: Patterns,
    /// Only accounts in the subtree of one of these; empty = all.
    pub organizational_units: Vec<String>,
    /// How the management account is entered.
    pub management_account: ManagementAccount,
}

impl CentralRole {
    /// Whether an account may be in scope, as far as its id says.
    #[must_use]
    pub fn takes(&self, account_id: &str) -> bool {
        self.include_accounts.none_or_any(account_id) && !self.exclude_accounts.any(account_id)
    }
}

/// How the management account is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagementAccount {
    /// By the child role if it can be assumed, else by the central role where it lives there, else not.
    Auto,
    /// By the central role.
    CentralRole,
    /// By the child role.
    ChildRole,
    /// Not at all.
    Skip,
}

/// Which regions are looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Regions {
    /// These.
    Named(Vec<String>),
    /// Every region that the account has switched on, but these.
    All {
        /// Globs over region codes.
        except: Patterns,
    },
}

/// What decides entry besides the filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRules {
    /// Only APIs published at or after this instant.
    pub published_after: Option<DateTime<Utc>>,
    /// Which date that is compared with.
    pub published_by: PublishedBy,
    /// What happens to what the first complete look finds.
    pub existing: Existing,
    /// A run that would register more registers none; absent = no limit.
    pub max_new: Option<u64>,
}

impl Default for EntryRules {
    fn default() -> Self {
        Self {
            published_after: None,
            published_by: PublishedBy::FirstPublished,
            existing: Existing::Register,
            max_new: Some(500),
        }
    }
}

/// Which date `published_after` is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedBy {
    /// The oldest deployed stage.
    FirstPublished,
    /// The API itself.
    Created,
    /// The newest deployment.
    LastPublished,
}

/// What happens to what the first complete look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is registered like anything new.
    Register,
    /// It counts as onboarded and no target is told.
    Record,
}

/// `auto_onboard`: when a connection runs by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoOnboard {
    /// Whether it does.
    pub enabled: bool,
    /// Which local times.
    pub recurrence: Recurrence,
    /// Of which zone.
    pub timezone: Tz,
    /// What happens to an instant that passed while nothing ran.
    pub catch_up: CatchUp,
    /// How late a run may still start; absent = any time.
    pub misfire_grace: Option<Duration>,
    /// Longest stable delay after the due instant.
    pub jitter: Duration,
    /// Longest run.
    pub timeout: Duration,
    /// When scopes that failed in passing are looked at again.
    pub retry_failed: Vec<Duration>,
}

/// Which local times are due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// Every day.
    Daily {
        /// Local time.
        time: NaiveTime,
    },
    /// Once a week.
    Weekly {
        /// The weekday.
        day: chrono::Weekday,
        /// Local time.
        time: NaiveTime,
    },
    /// Once a month.
    Monthly {
        /// The day.
        day: MonthDay,
        /// Local time.
        time: NaiveTime,
    },
    /// A five-field cron expression, as written.
    Cron {
        /// Minute, hour, day of month, month, weekday.
        expression: String,
    },
}

/// A day that every month has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonthDay {
    /// 1–28.
    Day(u8),
    /// The last one.
    Last,
}

/// What happens to an instant that passed while nothing ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// One run for the latest of them.
    Latest,
    /// Nothing.
    None,
}

/// A known hole: explained, not an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Globs over account ids; empty = all.
    pub accounts: Patterns,
    /// Globs over region codes; empty = all.
    pub regions: Patterns,
    /// The states that are meant.
    pub states: Vec<ScopeState>,
    /// Why.
    pub reason: String,
    /// Last day on which it counts.
    pub until: Option<NaiveDate>,
}
