//! Listing runs, and finding the one to be carried on.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    Counts, Outcome, Resumable, RunError, RunFilter, RunId, RunRow, RunScope, Trigger, Unfinished, chain, sum,
};
use crate::inventory::{Scope, ScopeState};
use crate::registry::values::{self, At, count, counted, word};
use crate::registry::{Reader, RegistryError, RegistryErrorKind, status};
use crate::schedule::Fate;

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

    /// Each connection's latest run that no person asked for, where it broke off and nothing after it went to its end for the same
    /// scopes. A run whose process died counts once it was marked as interrupted.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT connection, id, trigger, due_at FROM runs r
                 WHERE outcome = 'interrupted' AND trigger <> 'manual'
                   AND id = (SELECT max(id) FROM runs l WHERE l.connection = r.connection AND l.trigger <> 'manual')
                   AND NOT EXISTS (SELECT 1 FROM runs l
                                   WHERE l.connection = r.connection AND l.id > r.id AND l.request = r.request
                                     AND l.outcome IN ('succeeded', 'partial', 'failed'))
                 ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| {
                let trigger = word(row, 2, Trigger::parse)?;
                Ok(Unfinished { connection: row.get(0)?, run_id: row.get(1)?, trigger, due_at: values::time(row, 3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The connections of which a run counts as running, whether its process lives or not.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn running(&self) -> Result<Vec<String>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql
                .prepare_cached("SELECT DISTINCT connection FROM runs WHERE outcome = 'running' ORDER BY connection")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
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
            let outcome = filter.outcome.map(Outcome::as_str);
            let rows = statement.query_map((&filter.connection, outcome, limit), run)?;
            Ok(rows.map(|run| counted_up_to_now(sql, run?)).collect::<Result<_, _>>()?)
        })
    }

    /// One run with its scopes, by account, region and family.
    ///
    /// # Errors
    /// `UnknownRun`, and what SQLite and the disk may refuse.
    pub fn run(&self, run_id: RunId) -> Result<(RunRow, Vec<RunScope>), RegistryError> {
        self.read(|sql| {
            let run = run_by_id(sql, run_id).optional()?.ok_or(RegistryErrorKind::UnknownRun(run_id))?;
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
    resumes, counts, error_kind, error_message, error_hint, pid, host,
    (SELECT fate FROM due_instants WHERE run_id = runs.id) FROM runs";

/// One run, with what it has counted up to now where it is running.
pub(in crate::registry) fn run_by_id(sql: &Connection, run_id: RunId) -> rusqlite::Result<RunRow> {
    counted_up_to_now(sql, sql.prepare_cached(&format!("{SELECT_RUN} WHERE id = ?1"))?.query_row([run_id], run)?)
}

/// A run's counts stand in its row once it has ended.
fn counted_up_to_now(sql: &Connection, mut run: RunRow) -> rusqlite::Result<RunRow> {
    if run.outcome == Outcome::Running {
        run.counts = sum(sql, run.run_id)?;
    }
    Ok(run)
}

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
        fate: values::word_or_none(row, 16, Fate::parse)?,
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
