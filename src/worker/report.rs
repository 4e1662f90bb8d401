//! What a run says of itself: the JSON that `discover` and `onboard` print, one object a connection.
//!
//! Every member is always present and null where it is unknown; names are fixed, more may be added.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::inventory::{AccountTrouble, Api, Details, Instance, Scope, ScopeState};
use crate::plan::{ApiState, Decision, Entry, Reason, Settled};

/// What set a run off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A due instant.
    Schedule,
    /// A due instant that passed while nothing ran.
    CatchUp,
    /// Scopes that had failed in passing.
    Retry,
    /// A run that was interrupted.
    Resume,
    /// A person.
    Manual,
}

impl Trigger {
    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CatchUp => "catch_up",
            Self::Retry => "retry",
            Self::Resume => "resume",
            Self::Manual => "manual",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every scope is complete, or its failure is explained.
    Succeeded,
    /// Something unexplained failed, something is complete.
    Partial,
    /// Nothing is complete, or the run could not go on.
    Failed,
    /// It was stopped.
    Interrupted,
}

impl Outcome {
    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The outcome of a run that went to its end.
    #[must_use]
    pub fn of(scopes: &[ScopeReport]) -> Self {
        let complete = scopes.iter().any(|scope| scope.state == ScopeState::Complete);
        let unexplained = scopes.iter().any(|scope| scope.state != ScopeState::Complete && !scope.explained);
        match (complete, unexplained) {
            (false, _) => Self::Failed,
            (true, true) => Self::Partial,
            (true, false) => Self::Succeeded,
        }
    }
}

/// Why a run could not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunError {
    /// One word for programs.
    pub kind: String,
    /// One sentence on what happened.
    pub message: String,
    /// One sentence on what to do.
    pub hint: Option<String>,
}

/// What a run counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// APIs that were listed.
    pub seen: u64,
    /// APIs that it registered.
    pub onboard: u64,
    /// APIs that were registered already.
    pub already_onboarded: u64,
    /// APIs that stay out.
    pub excluded: u64,
    /// APIs of which nothing can be said yet.
    pub held: u64,
    /// APIs that went.
    pub gone: u64,
    /// Scopes that were read whole.
    pub scopes_complete: u64,
    /// Scopes, and accounts that were not entered, that were not.
    pub scopes_failed: u64,
    /// Requests to AWS, retries included.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
}

impl Counts {
    /// Adds one API.
    pub fn count(&mut self, entry: &Entry) {
        self.seen += u64::from(entry.seen);
        let counter = match entry.decision {
            None => return,
            Some((Decision::Onboard, _)) => &mut self.onboard,
            Some((Decision::AlreadyOnboarded, _)) => &mut self.already_onboarded,
            Some((Decision::Excluded, _)) => &mut self.excluded,
            Some((Decision::Held, _)) => &mut self.held,
            Some((Decision::Gone, _)) => &mut self.gone,
        };
        *counter += 1;
    }

    /// Adds one scope or account row, without its calls.
    pub fn count_scope(&mut self, scope: &ScopeReport) {
        if scope.state == ScopeState::Complete {
            self.scopes_complete += 1;
        } else {
            self.scopes_failed += 1;
        }
    }
}

/// One scope, or an account that was not entered (`region` and `family` null).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeReport {
    /// Twelve digits; null where the credentials did not say whose they are.
    pub account_id: Option<String>,
    /// The account's name.
    pub account_name: Option<String>,
    /// Region code.
    pub region: Option<String>,
    /// `rest` or `http`.
    pub family: Option<&'static str>,
    /// How the look ended.
    pub state: ScopeState,
    /// Whether a failure is meant.
    pub explained: bool,
    /// What happened.
    pub cause: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// APIs that were listed.
    pub apis: u64,
    /// Requests to API Gateway, retries included.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
    /// What could not be read but was not needed to know which APIs there are.
    pub notes: Vec<String>,
}

impl ScopeReport {
    /// The row of a scope that was looked at; its numbers are filled in by the caller.
    #[must_use]
    pub fn of_scope(scope: &Scope, settled: &Settled, explained: bool) -> Self {
        Self {
            account_id: Some(scope.account_id.clone()),
            account_name: None,
            region: Some(scope.region.clone()),
            family: Some(scope.family.as_str()),
            state: settled.state,
            explained,
            cause: settled.cause.clone(),
            hint: settled.hint.clone(),
            apis: 0,
            calls: 0,
            throttled: 0,
            notes: Vec::new(),
        }
    }

    /// The row of an account that was not entered.
    #[must_use]
    pub fn of_account(account: &AccountTrouble, explained: bool) -> Self {
        Self {
            account_id: account.account_id.clone(),
            account_name: account.account_name.clone(),
            region: None,
            family: None,
            state: account.trouble.state,
            explained,
            cause: Some(account.trouble.cause.clone()),
            hint: account.trouble.hint.clone(),
            apis: 0,
            calls: 0,
            throttled: 0,
            notes: Vec::new(),
        }
    }
}

/// One API with what was decided about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApiReport {
    /// `aws`, `aws-cn`, ….
    pub partition: String,
    /// Twelve digits.
    pub account_id: String,
    /// The account's name.
    pub account_name: Option<String>,
    /// Region code.
    pub region: String,
    /// The id that API Gateway gave.
    pub api_id: String,
    /// `REST`, `HTTP` or `WEBSOCKET`.
    pub protocol: &'static str,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its version label.
    pub version: Option<String>,
    /// `REGIONAL`, `EDGE`, `PRIVATE`.
    pub endpoint_type: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// The oldest deployed stage.
    pub first_published_at: Option<DateTime<Utc>>,
    /// The newest deployment; null unless that was asked for.
    pub last_published_at: Option<DateTime<Utc>>,
    /// Its addresses.
    pub instances: Vec<Instance>,
    /// What is done about it.
    pub decision: Option<Decision>,
    /// Why.
    pub reason: Option<Reason>,
    /// Where it stands in the registry.
    pub state: Option<ApiState>,
    /// When it was onboarded.
    pub onboarded_at: Option<DateTime<Utc>>,
    /// The connection that looked.
    pub connection: String,
    /// Whether `published_after` had no date to compare with.
    pub date_unknown: bool,
    /// Why its stages are not known.
    pub details_cause: Option<String>,
}

impl ApiReport {
    /// The row of one entry of a plan.
    ///
    /// `committed` is the instant at which the entry was written to the registry; without one nothing was, and the API
    /// stands where it stood before.
    #[must_use]
    pub fn of(entry: &Entry, connection: &str, account_name: Option<&str>, committed: Option<DateTime<Utc>>) -> Self {
        let onboarded_now = matches!(entry.decision, Some((_, Reason::RecordedAsExisting))) || entry.onboards();
        let Api { id, protocol, name, description, version, endpoint_type, tags, created_at, details, instances } =
            &entry.api;
        Self {
            partition: id.partition.clone(),
            account_id: id.account_id.clone(),
            account_name: account_name.map(str::to_owned),
            region: id.region.clone(),
            api_id: id.api_id.clone(),
            protocol: protocol.as_str(),
            name: name.clone(),
            description: description.clone(),
            version: version.clone(),
            endpoint_type: endpoint_type.clone(),
            tags: tags.clone(),
            created_at: *created_at,
            first_published_at: entry.api.first_published_at(|_| true),
            last_published_at: entry.api.last_published_at(|_| true),
            instances: instances.clone(),
            decision: entry.decision.map(|(decision, _)| decision),
            reason: entry.decision.map(|(_, reason)| reason),
            state: if committed.is_some() { entry.after } else { entry.before },
            onboarded_at: committed.filter(|_| onboarded_now && entry.onboarded_at.is_none()).or(entry.onboarded_at),
            connection: connection.to_owned(),
            date_unknown: entry.date_unknown,
            details_cause: match details {
                Details::Read(_) => None,
                Details::Unreadable { cause } => Some(cause.clone()),
            },
        }
    }
}

/// One run of one connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// Which connection.
    pub connection: String,
    /// Its number in the registry; null where nothing is written.
    pub run_id: Option<i64>,
    /// What set it off.
    pub trigger: Trigger,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Why it could not go on.
    pub error: Option<RunError>,
    /// What it counted.
    pub counts: Counts,
    /// Each scope, by account, region and family.
    pub scopes: Vec<ScopeReport>,
    /// Each API, by identity.
    pub apis: Vec<ApiReport>,
    /// The interrupted run that it goes on with.
    pub resumes: Option<i64>,
}
