//! Runs: when they began, what they saw scope by scope, how they ended, and which one is to be carried on.

mod read;
mod write;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::values::counted;
use super::{DueId, RegistryErrorKind};
use crate::inventory::{Family, Scope, ScopeState};
use crate::plan::{Decision, Entry};
use crate::schedule::Fate;

pub(in crate::registry) use read::run_by_id;
pub(in crate::registry) use write::{is_planned, write_scope};

/// A run's number; they rise, and none is used twice.
pub type RunId = i64;

/// Why a run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Its schedule was due.
    Schedule,
    /// Its schedule had been due while nothing ran.
    CatchUp,
    /// Scopes had failed in passing.
    Retry,
    /// A run was interrupted.
    Resume,
    /// A person asked.
    Manual,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Self; 5] = [Self::Schedule, Self::CatchUp, Self::Retry, Self::Resume, Self::Manual];

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

    /// The trigger of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.as_str() == text)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has not.
    Running,
    /// Everything is complete but what is explained.
    Succeeded,
    /// Something unexplained failed, something is complete.
    Partial,
    /// Nothing is complete, or it broke off with an error.
    Failed,
    /// Its process died, or was told to stop.
    Interrupted,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Running, Self::Succeeded, Self::Partial, Self::Failed, Self::Interrupted];

    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What a run counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// APIs that were listed.
    pub seen: u64,
    /// APIs registered.
    pub onboard: u64,
    /// APIs that were registered already.
    pub already_onboarded: u64,
    /// APIs left out.
    pub excluded: u64,
    /// APIs about which nothing can be said yet.
    pub held: u64,
    /// APIs that are not there any more.
    pub gone: u64,
    /// Scopes seen whole.
    pub scopes_complete: u64,
    /// Scopes not seen whole, and accounts not entered.
    pub scopes_failed: u64,
    /// Requests sent to API Gateway.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
}

impl Counts {
    /// Counts one API of a plan.
    pub fn count(&mut self, entry: &Entry) {
        self.seen += u64::from(entry.seen);
        match entry.decision.map(|(decision, _)| decision) {
            Some(Decision::Onboard) => self.onboard += 1,
            Some(Decision::AlreadyOnboarded) => self.already_onboarded += 1,
            Some(Decision::Excluded) => self.excluded += 1,
            Some(Decision::Held) => self.held += 1,
            Some(Decision::Gone) => self.gone += 1,
            None => {}
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            seen,
            onboard,
            already_onboarded,
            excluded,
            held,
            gone,
            scopes_complete,
            scopes_failed,
            calls,
            throttled,
        } = other;
        self.seen += seen;
        self.onboard += onboard;
        self.already_onboarded += already_onboarded;
        self.excluded += excluded;
        self.held += held;
        self.gone += gone;
        self.scopes_complete += scopes_complete;
        self.scopes_failed += scopes_failed;
        self.calls += calls;
        self.throttled += throttled;
    }
}

/// What broke a run off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// One word.
    pub kind: String,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A run that begins.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// Whose.
    pub connection: &'a str,
    /// Why.
    pub trigger: Trigger,
    /// The instant that its schedule named.
    pub due_at: Option<DateTime<Utc>>,
    /// That instant's row.
    pub due: Option<DueId>,
    /// The interrupted run that it carries on.
    pub resumes: Option<RunId>,
    /// Whether it looks at named APIs only.
    pub selected: bool,
    /// What it was asked to do, so that it can be carried on.
    pub request: &'a Value,
    /// The machine, for messages.
    pub host: Option<&'a str>,
}

/// A run as it is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Its number.
    pub run_id: RunId,
    /// Whose.
    pub connection: String,
    /// Why.
    pub trigger: Trigger,
    /// The instant that its schedule named.
    pub due_at: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How.
    pub outcome: Outcome,
    /// Whether it looked at named APIs only.
    pub selected: bool,
    /// What it was asked to do.
    pub request: Value,
    /// The interrupted run that it carries on.
    pub resumes: Option<RunId>,
    /// What it counted; up to now, where it is running.
    pub counts: Counts,
    /// What broke it off.
    pub error: Option<RunError>,
    /// What became of the due instant that it serves, where it serves one.
    pub fate: Option<Fate>,
    /// Its process.
    pub pid: u32,
    /// Its machine.
    pub host: Option<String>,
}

/// What a run saw of one scope, or of an account that it could not enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunScope {
    /// `aws`, …; empty where it is not known.
    pub partition: String,
    /// Twelve digits; absent where the credentials did not even say whose they are.
    pub account_id: Option<String>,
    /// The account's name, where Organizations told it.
    pub account_name: Option<String>,
    /// Region code; absent for an account that was not entered.
    pub region: Option<String>,
    /// Which control plane; absent for an account that was not entered.
    pub family: Option<Family>,
    /// How the look ended.
    pub state: ScopeState,
    /// Whether that is meant.
    pub explained: bool,
    /// What happened.
    pub cause: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What could not be read but was not needed.
    pub notes: Vec<String>,
    /// Its part of the run's counts.
    pub counts: Counts,
    /// When it was committed.
    pub at: DateTime<Utc>,
}

/// Which runs are wanted; the default is all of them.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this connection.
    pub connection: Option<String>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// No more than this many, newest first.
    pub limit: Option<usize>,
}

/// An interrupted run that can be carried on.
#[derive(Clone, Debug, PartialEq)]
pub struct Resumable {
    /// The latest run of the chain: what the new run `resumes`.
    pub run_id: RunId,
    /// When the first run of the chain began.
    pub started_at: DateTime<Utc>,
    /// The instant that its schedule named.
    pub due_at: Option<DateTime<Utc>>,
    /// What the run was asked to do.
    pub request: Value,
    /// The scopes that the chain has committed, with how their looks ended; they need no second look.
    pub committed: BTreeMap<Scope, ScopeState>,
}

/// A run that was not asked for by a person and never came to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// Whose.
    pub connection: String,
    /// Its number.
    pub run_id: RunId,
    /// What set it off.
    pub trigger: Trigger,
    /// The instant that its schedule named.
    pub due_at: Option<DateTime<Utc>>,
}

/// The name of a row of scopes: a scope, or an account as such, whose region and family are empty.
#[derive(Clone, Copy, Debug)]
pub(in crate::registry) struct ScopeKey<'a> {
    pub(in crate::registry) partition: &'a str,
    pub(in crate::registry) account_id: &'a str,
    pub(in crate::registry) region: &'a str,
    pub(in crate::registry) family: &'a str,
}

impl<'a> ScopeKey<'a> {
    pub(in crate::registry) fn of(scope: &'a Scope) -> Self {
        let Scope { partition, account_id, region, family } = scope;
        Self { partition, account_id, region, family: family.as_str() }
    }
}

/// What became of a scope in a run.
#[derive(Clone, Copy, Debug)]
pub(in crate::registry) struct ScopeResult<'a> {
    pub(in crate::registry) key: ScopeKey<'a>,
    pub(in crate::registry) account_name: Option<&'a str>,
    pub(in crate::registry) state: ScopeState,
    pub(in crate::registry) explained: bool,
    pub(in crate::registry) cause: Option<&'a str>,
    pub(in crate::registry) hint: Option<&'a str>,
    pub(in crate::registry) notes: &'a [String],
    pub(in crate::registry) counts: &'a Counts,
    pub(in crate::registry) planned: bool,
}

/// The connection of a run.
pub(in crate::registry) fn must_exist(sql: &Connection, run_id: RunId) -> Result<String, RegistryErrorKind> {
    let mut statement = sql.prepare_cached("SELECT connection FROM runs WHERE id = ?1")?;
    let connection = statement.query_row([run_id], |row| row.get(0)).optional()?;
    connection.ok_or(RegistryErrorKind::UnknownRun(run_id))
}

/// A run and those that it carries on, oldest first.
pub(in crate::registry) fn chain(sql: &Connection, run_id: RunId) -> rusqlite::Result<Vec<RunId>> {
    let mut runs = Vec::new();
    let mut next = Some(run_id);
    let mut statement = sql.prepare_cached("SELECT resumes FROM runs WHERE id = ?1")?;
    while let Some(run) = next {
        runs.push(run);
        let resumed: Option<Option<RunId>> = statement.query_row([run], |row| row.get(0)).optional()?;
        // A run carries on an older one only, so this ends.
        next = resumed.flatten().filter(|resumed| *resumed < run);
    }
    runs.reverse();
    Ok(runs)
}

/// The sum over a run's scopes.
fn sum(sql: &Connection, run_id: RunId) -> rusqlite::Result<Counts> {
    let mut statement = sql.prepare_cached(
        "SELECT ifnull(sum(apis), 0), ifnull(sum(onboard), 0), ifnull(sum(already_onboarded), 0), ifnull(sum(excluded), 0),
                ifnull(sum(held), 0), ifnull(sum(gone), 0), ifnull(sum(state = 'complete'), 0),
                ifnull(sum(state <> 'complete'), 0), ifnull(sum(calls), 0), ifnull(sum(throttled), 0)
         FROM run_scopes WHERE run_id = ?1",
    )?;
    statement.query_row([run_id], |row| {
        Ok(Counts {
            seen: counted(row, 0)?,
            onboard: counted(row, 1)?,
            already_onboarded: counted(row, 2)?,
            excluded: counted(row, 3)?,
            held: counted(row, 4)?,
            gone: counted(row, 5)?,
            scopes_complete: counted(row, 6)?,
            scopes_failed: counted(row, 7)?,
            calls: counted(row, 8)?,
            throttled: counted(row, 9)?,
        })
    })
}
