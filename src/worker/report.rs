//! What a run says of itself: the JSON that `discover` and `onboard` print, one object a connection.
//!
//! Every member is always present and null where it is unknown; names are fixed, more may be added.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::inventory::{AccountTrouble, Scope, ScopeState, Trouble};
use crate::plan::Settled;
use crate::registry::{ApiDocument, Counts, Outcome, RunError, RunId, Tally, Trigger};

/// The outcome of a run that went to its end: what failed, and whether any scope was complete, in it or in a run that it carries on.
#[must_use]
pub fn outcome(scopes: &[ScopeReport], complete: bool) -> Outcome {
    let unexplained = scopes.iter().any(|scope| scope.state != ScopeState::Complete && !scope.explained);
    match (complete, unexplained) {
        (false, _) => Outcome::Failed,
        (true, true) => Outcome::Partial,
        (true, false) => Outcome::Succeeded,
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

    /// The row of a scope that the run did not come to.
    #[must_use]
    pub fn of_unreached(scope: &Scope, trouble: &Trouble) -> Self {
        let settled = Settled {
            state: trouble.state,
            cause: Some(trouble.cause.clone()),
            hint: trouble.hint.clone(),
            proves_absence: false,
            suspicious_since: None,
        };
        Self::of_scope(scope, &settled, false)
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

/// One run of one connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// Which connection.
    pub connection: String,
    /// Its number in the registry; null where nothing is written.
    pub run_id: Option<RunId>,
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
    /// Each scope, by account, region and family; of a run that nobody set off by hand only those that were not complete.
    pub scopes: Vec<ScopeReport>,
    /// Each API, by identity; none of a run that nobody set off by hand.
    pub apis: Vec<ApiDocument>,
    /// The interrupted run that it goes on with.
    pub resumes: Option<RunId>,
    /// Rows that it wrote to the outbox.
    pub deliveries: u64,
    /// How the connection's deliveries stand after the first attempts, by target; empty where nothing was to be delivered.
    pub targets: BTreeMap<String, Tally>,
    /// APIs that wait for approval now: of the whole connection, unless only named APIs were looked at or nothing was written.
    pub awaiting: u64,
    /// What a person should know besides, one sentence.
    pub notice: Option<String>,
    /// What in the schedule file does not fit what was seen, one sentence each.
    pub warnings: Vec<String>,
}
