//! Runs: when they began, what they saw scope by scope, how they ended, and which one is to be carried on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::status::Suspicion;
use super::values::{self, At, at, count, counted, to_json, whole_millis, word};
use super::{Reader, Registry, RegistryError, RegistryErrorKind, baseline, status};
use crate::inventory::{AccountTrouble, Family, Scope, ScopeState, Trouble};

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

/// The name of a row of scopes: a scope, or an account as such, whose region and family are empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScopeKey<'a> {
    pub(super) partition: &'a str,
    pub(super) account_id: &'a str,
    pub(super) region: &'a str,
    pub(super) family: &'a str,
}

impl<'a> ScopeKey<'a> {
    pub(super) fn of(scope: &'a Scope) -> Self {
        let Scope { partition, account_id, region, family } = scope;
        Self { partition, account_id, region, family: family.as_str() }
    }
}

/// What became of a scope in a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScopeResult<'a> {
    pub(super) key: ScopeKey<'a>,
    pub(super) account_name: Option<&'a str>,
    pub(super) state: ScopeState,
    pub(super) explained: bool,
    pub(super) cause: Option<&'a str>,
    pub(super) hint: Option<&'a str>,
    pub(super) notes: &'a [String],
    pub(super) counts: &'a Counts,
    pub(super) planned: bool,
}

impl Registry {
    /// Begins a run.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn begin_run(&mut self, new: &NewRun<'_>, now: DateTime<Utc>) -> Result<RunId, RegistryError> {
        self.write(|sql| {
            if let Some(resumed) = new.resumes {
                must_exist(sql, resumed)?;
            }
            let mut statement = sql.prepare_cached(
                "INSERT INTO runs (connection, trigger, due_at, started_at, outcome, selected, request, resumes, pid, host)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            Ok(statement.insert((
                new.connection,
                new.trigger.as_str(),
                at(new.due_at),
                At(now),
                Outcome::Running.as_str(),
                new.selected,
                new.request.to_string(),
                new.resumes,
                std::process::id(),
                new.host,
            ))?)
        })
    }

    /// Ends a run. Answers false, and changes nothing, where it had ended before.
    ///
    /// # Errors
    /// `UnknownRun`, and what SQLite and the disk may refuse.
    pub fn finish_run(
        &mut self,
        run_id: RunId,
        outcome: Outcome,
        counts: &Counts,
        error: Option<&RunError>,
        now: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        self.write(|sql| {
            must_exist(sql, run_id)?;
            let mut statement = sql.prepare_cached(
                "UPDATE runs SET outcome = ?2, finished_at = ?3, counts = ?4, error_kind = ?5, error_message = ?6, error_hint = ?7
                 WHERE id = ?1 AND outcome = 'running'",
            )?;
            let changed = statement.execute((
                run_id,
                outcome.as_str(),
                At(now),
                to_json(counts)?,
                error.map(|error| &error.kind),
                error.map(|error| &error.message),
                error.and_then(|error| error.hint.as_ref()),
            ))?;
            if changed > 0 && outcome != Outcome::Interrupted {
                baseline::make(sql, run_id, now)?;
            }
            Ok(changed > 0)
        })
    }

    /// Writes down that a run could not enter an account.
    ///
    /// # Errors
    /// `UnknownRun`, and what SQLite and the disk may refuse.
    pub fn record_account(
        &mut self,
        run_id: RunId,
        account: &AccountTrouble,
        explained: bool,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let account_id = account.account_id.as_deref().unwrap_or_default();
        let key = ScopeKey { partition: "", account_id, region: "", family: "" };
        self.record(run_id, key, account.account_name.as_deref(), &account.trouble, explained, now)
    }

    /// Writes down that a run did not look at a scope; one that was looked at is committed instead.
    ///
    /// # Errors
    /// `UnknownRun`, and what SQLite and the disk may refuse.
    pub fn record_scope(
        &mut self,
        run_id: RunId,
        scope: &Scope,
        account_name: Option<&str>,
        trouble: &Trouble,
        explained: bool,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.record(run_id, ScopeKey::of(scope), account_name, trouble, explained, now)
    }

    fn record(
        &mut self,
        run_id: RunId,
        key: ScopeKey<'_>,
        account_name: Option<&str>,
        trouble: &Trouble,
        explained: bool,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let counts = Counts { scopes_failed: 1, ..Counts::default() };
        let result = ScopeResult {
            key,
            account_name,
            state: trouble.state,
            explained,
            cause: Some(&trouble.cause),
            hint: trouble.hint.as_deref(),
            notes: &[],
            counts: &counts,
            planned: false,
        };
        self.write(|sql| {
            let connection = must_exist(sql, run_id)?;
            if write_scope(sql, run_id, &result, now)? {
                status::write(sql, &connection, run_id, &result, Suspicion::AsBefore, now)?;
            }
            Ok(())
        })
    }

    /// Ends a connection's runs whose process died; answers which. The caller holds the connection's lock, so whichever run of it
    /// still counts as running is dead.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn interrupt_dead_runs(&mut self, connection: &str, now: DateTime<Utc>) -> Result<Vec<RunId>, RegistryError> {
        self.write(|sql| {
            let mut statement =
                sql.prepare_cached("SELECT id FROM runs WHERE connection = ?1 AND outcome = 'running' ORDER BY id")?;
            let dead = statement.query_map([connection], |row| row.get(0))?.collect::<Result<Vec<RunId>, _>>()?;
            for run_id in &dead {
                let counts = sum(sql, *run_id)?;
                sql.prepare_cached(
                    "UPDATE runs SET outcome = 'interrupted', finished_at = ?2, counts = ?3 WHERE id = ?1",
                )?
                .execute((run_id, At(whole_millis(now)), to_json(&counts)?))?;
            }
            Ok(dead)
        })
    }
}

impl Reader {
    /// The connection's latest run, if it was interrupted.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn resumable(&self, connection: &str) -> Result<Option<Resumable>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT id, outcome, due_at, request FROM runs WHERE connection = ?1 ORDER BY id DESC LIMIT 1",
            )?;
            let latest = statement
                .query_row([connection], |row| {
                    let outcome = word(row, 1, Outcome::parse)?;
                    Ok((row.get::<_, RunId>(0)?, outcome, values::time(row, 2)?, values::json(row, 3)?))
                })
                .optional()?;
            let Some((run_id, Outcome::Interrupted, due_at, request)) = latest else { return Ok(None) };
            let runs = chain(sql, run_id)?;
            let first = runs.first().copied().unwrap_or(run_id);
            let started_at: At = sql
                .prepare_cached("SELECT started_at FROM runs WHERE id = ?1")?
                .query_row([first], |row| row.get(0))?;
            let mut committed = BTreeMap::new();
            for run in runs {
                let mut statement = sql.prepare_cached(
                    "SELECT partition, account_id, region, family, state FROM run_scopes WHERE run_id = ?1 AND planned = 1",
                )?;
                let mut rows = statement.query([run])?;
                while let Some(row) = rows.next()? {
                    let scope = Scope {
                        partition: row.get(0)?,
                        account_id: row.get(1)?,
                        region: row.get(2)?,
                        family: word(row, 3, values::family)?,
                    };
                    committed.insert(scope, word(row, 4, ScopeState::parse)?);
                }
            }
            Ok(Some(Resumable { run_id, started_at: started_at.0, due_at, request, committed }))
        })
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, RegistryError> {
        self.read(|sql| {
            let text = format!(
                "{SELECT_RUN} WHERE (?1 IS NULL OR connection = ?1) AND (?2 IS NULL OR outcome = ?2) ORDER BY id DESC LIMIT ?3"
            );
            let mut statement = sql.prepare_cached(&text)?;
            let limit = filter.limit.map_or(-1, |limit| count(limit as u64));
            let rows = statement.query_map((&filter.connection, filter.outcome.map(Outcome::as_str), limit), run)?;
            let mut runs = rows.collect::<Result<Vec<_>, _>>()?;
            for run in runs.iter_mut().filter(|run| run.outcome == Outcome::Running) {
                run.counts = sum(sql, run.run_id)?;
            }
            Ok(runs)
        })
    }

    /// One run with its scopes, by account, region and family.
    ///
    /// # Errors
    /// `UnknownRun`, and what SQLite and the disk may refuse.
    pub fn run(&self, run_id: RunId) -> Result<(RunRow, Vec<RunScope>), RegistryError> {
        self.read(|sql| {
            let found =
                sql.prepare_cached(&format!("{SELECT_RUN} WHERE id = ?1"))?.query_row([run_id], run).optional()?;
            let mut run = found.ok_or(RegistryErrorKind::UnknownRun(run_id))?;
            if run.outcome == Outcome::Running {
                run.counts = sum(sql, run_id)?;
            }
            let mut statement = sql.prepare_cached(
                "SELECT partition, account_id, account_name, region, family, state, explained, cause, hint, notes, apis,
                        onboard, already_onboarded, excluded, held, gone, calls, throttled, at
                 FROM run_scopes WHERE run_id = ?1 ORDER BY account_id, region, family",
            )?;
            let scopes = statement.query_map([run_id], run_scope)?.collect::<Result<_, _>>()?;
            Ok((run, scopes))
        })
    }

    /// What a run has counted up to now, from the scopes that it has committed.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn counts(&self, run_id: RunId) -> Result<Counts, RegistryError> {
        self.read(|sql| Ok(sum(sql, run_id)?))
    }
}

const SELECT_RUN: &str = "SELECT id, connection, trigger, due_at, started_at, finished_at, outcome, selected, request,
    resumes, counts, error_kind, error_message, error_hint, pid, host FROM runs";

fn run(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let error = match (row.get::<_, Option<String>>(11)?, row.get::<_, Option<String>>(12)?) {
        (Some(kind), Some(message)) => Some(RunError { kind, message, hint: row.get(13)? }),
        _ => None,
    };
    Ok(RunRow {
        run_id: row.get(0)?,
        connection: row.get(1)?,
        trigger: word(row, 2, Trigger::parse)?,
        due_at: values::time(row, 3)?,
        started_at: row.get::<_, At>(4)?.0,
        finished_at: values::time(row, 5)?,
        outcome: word(row, 6, Outcome::parse)?,
        selected: row.get(7)?,
        request: values::json(row, 8)?,
        resumes: row.get(9)?,
        counts: values::json_or_none(row, 10)?.unwrap_or_default(),
        error,
        pid: row.get(14)?,
        host: row.get(15)?,
    })
}

fn run_scope(row: &Row<'_>) -> rusqlite::Result<RunScope> {
    let family: String = row.get(4)?;
    let state = word(row, 5, ScopeState::parse)?;
    let complete = state == ScopeState::Complete;
    let counts = Counts {
        seen: counted(row, 10)?,
        onboard: counted(row, 11)?,
        already_onboarded: counted(row, 12)?,
        excluded: counted(row, 13)?,
        held: counted(row, 14)?,
        gone: counted(row, 15)?,
        scopes_complete: u64::from(complete),
        scopes_failed: u64::from(!complete),
        calls: counted(row, 16)?,
        throttled: counted(row, 17)?,
    };
    Ok(RunScope {
        partition: row.get(0)?,
        account_id: status::unless_empty(row.get(1)?),
        account_name: row.get(2)?,
        region: status::unless_empty(row.get(3)?),
        family: values::family(&family),
        state,
        explained: row.get(6)?,
        cause: row.get(7)?,
        hint: row.get(8)?,
        notes: values::json(row, 9)?,
        counts,
        at: row.get::<_, At>(18)?.0,
    })
}

/// The connection of a run.
pub(super) fn must_exist(sql: &Connection, run_id: RunId) -> Result<String, RegistryErrorKind> {
    let mut statement = sql.prepare_cached("SELECT connection FROM runs WHERE id = ?1")?;
    let connection = statement.query_row([run_id], |row| row.get(0)).optional()?;
    connection.ok_or(RegistryErrorKind::UnknownRun(run_id))
}

/// A run and those that it carries on, oldest first.
pub(super) fn chain(sql: &Connection, run_id: RunId) -> rusqlite::Result<Vec<RunId>> {
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

/// Whether a run has committed a scope's plan.
pub(super) fn is_planned(sql: &Connection, run_id: RunId, scope: &Scope) -> rusqlite::Result<bool> {
    let mut statement = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM run_scopes
                        WHERE run_id = ?1 AND partition = ?2 AND account_id = ?3 AND region = ?4 AND family = ?5 AND planned = 1)",
    )?;
    let parameters = (run_id, &scope.partition, &scope.account_id, &scope.region, scope.family.as_str());
    statement.query_row(parameters, |row| row.get(0))
}

/// Writes a run's row of a scope, over one that was not looked at; answers whether it did.
pub(super) fn write_scope(
    sql: &Connection,
    run_id: RunId,
    result: &ScopeResult<'_>,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    let mut statement = sql.prepare_cached(
        "INSERT INTO run_scopes (run_id, partition, account_id, region, family, account_name, state, explained, cause, hint,
                                 notes, apis, onboard, already_onboarded, excluded, held, gone, calls, throttled, planned, at)
         VALUES (:run_id, :partition, :account_id, :region, :family, :account_name, :state, :explained, :cause, :hint,
                 :notes, :apis, :onboard, :already_onboarded, :excluded, :held, :gone, :calls, :throttled, :planned, :at)
         ON CONFLICT (run_id, partition, account_id, region, family) DO UPDATE SET
             account_name = excluded.account_name, state = excluded.state, explained = excluded.explained,
             cause = excluded.cause, hint = excluded.hint, notes = excluded.notes, apis = excluded.apis,
             onboard = excluded.onboard, already_onboarded = excluded.already_onboarded, excluded = excluded.excluded,
             held = excluded.held, gone = excluded.gone, calls = excluded.calls, throttled = excluded.throttled,
             planned = excluded.planned, at = excluded.at
         WHERE planned = 0",
    )?;
    let ScopeKey { partition, account_id, region, family } = result.key;
    let counts = result.counts;
    let changed = statement.execute(named_params! {
        ":run_id": run_id,
        ":partition": partition,
        ":account_id": account_id,
        ":region": region,
        ":family": family,
        ":account_name": result.account_name,
        ":state": result.state.as_str(),
        ":explained": result.explained,
        ":cause": result.cause,
        ":hint": result.hint,
        ":notes": to_json(result.notes)?,
        ":apis": count(counts.seen),
        ":onboard": count(counts.onboard),
        ":already_onboarded": count(counts.already_onboarded),
        ":excluded": count(counts.excluded),
        ":held": count(counts.held),
        ":gone": count(counts.gone),
        ":calls": count(counts.calls),
        ":throttled": count(counts.throttled),
        ":planned": result.planned,
        ":at": At(now),
    })?;
    Ok(changed > 0)
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
