//! Beginning, recording and ending runs.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params};
use serde_json::json;

use super::{Counts, NewRun, Outcome, RunError, RunId, ScopeKey, ScopeResult, must_exist, sum};
use crate::inventory::{AccountTrouble, Scope, Trouble};
use crate::registry::audit::{self, AuditAction, AuditEntry};
use crate::registry::status::Suspicion;
use crate::registry::values::{At, at, count, to_json};
use crate::registry::{Registry, RegistryError, RegistryErrorKind, baseline, due, status};

impl Registry {
    /// Begins a run.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn begin_run(&mut self, new: &NewRun<'_>, now: DateTime<Utc>) -> Result<RunId, RegistryError> {
        self.begin_run_for(new, None, now)
    }

    /// Begins a run, and writes down who asked for it, and by what word, where a person did.
    ///
    /// # Errors
    /// As [`Registry::begin_run`].
    pub fn begin_run_for(
        &mut self,
        new: &NewRun<'_>,
        asked: Option<(&str, AuditAction)>,
        now: DateTime<Utc>,
    ) -> Result<RunId, RegistryError> {
        self.write(|sql| {
            if let Some(resumed) = new.resumes {
                must_exist(sql, resumed)?;
            }
            let mut statement = sql.prepare_cached(
                "INSERT INTO runs (connection, trigger, due_at, started_at, outcome, selected, request, resumes, pid, host)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            let run_id = statement.insert((
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
            ))?;
            if let Some(due_id) = new.due {
                due::begun(sql, due_id, run_id)?;
            }
            if let Some((actor, action)) = asked {
                let detail = json!({ "run_id": run_id, "asked": new.request });
                audit::add(sql, &AuditEntry { actor, action, connection: Some(new.connection), detail }, now)?;
            }
            Ok(run_id)
        })
    }

    /// Ends a run.
    ///
    /// # Errors
    /// `UnknownRun`; `RunOver`, where it had ended before, which stays as it is; and what SQLite and the disk may refuse.
    pub fn finish_run(
        &mut self,
        run_id: RunId,
        outcome: Outcome,
        counts: &Counts,
        error: Option<&RunError>,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
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
            if changed == 0 {
                return Err(RegistryErrorKind::RunOver(run_id));
            }
            if outcome != Outcome::Interrupted {
                baseline::make(sql, run_id, now)?;
            }
            Ok(())
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
        self.record(
            run_id,
            account_key(account),
            account.account_name.as_deref(),
            &account.trouble,
            Some(explained),
            now,
        )
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
        self.record(run_id, ScopeKey::of(scope), account_name, trouble, Some(explained), now)
    }

    /// Writes down that a run did not look at a scope which another run goes on to look at: until then it stands as it did before.
    ///
    /// # Errors
    /// `UnknownRun`, and what SQLite and the disk may refuse.
    pub fn record_untouched(
        &mut self,
        run_id: RunId,
        scope: &Scope,
        trouble: &Trouble,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.record(run_id, ScopeKey::of(scope), None, trouble, None, now)
    }

    /// Writes down that a run did not come to enter an account which another run goes on to enter.
    ///
    /// # Errors
    /// `UnknownRun`, and what SQLite and the disk may refuse.
    pub fn record_untouched_account(
        &mut self,
        run_id: RunId,
        account: &AccountTrouble,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.record(run_id, account_key(account), account.account_name.as_deref(), &account.trouble, None, now)
    }

    /// Where it is not told whether it is `explained`, the scope's standing stays.
    fn record(
        &mut self,
        run_id: RunId,
        key: ScopeKey<'_>,
        account_name: Option<&str>,
        trouble: &Trouble,
        explained: Option<bool>,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let counts = Counts { scopes_failed: 1, ..Counts::default() };
        let result = ScopeResult {
            key,
            account_name,
            state: trouble.state,
            explained: explained.unwrap_or(false),
            cause: Some(&trouble.cause),
            hint: trouble.hint.as_deref(),
            notes: &[],
            counts: &counts,
            planned: false,
        };
        self.write(|sql| {
            let connection = must_exist(sql, run_id)?;
            if write_scope(sql, run_id, &result, now)? && explained.is_some() {
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
                .execute((run_id, At(now), to_json(&counts)?))?;
            }
            Ok(dead)
        })
    }
}

/// An account as such stands for all its scopes.
fn account_key(account: &AccountTrouble) -> ScopeKey<'_> {
    ScopeKey { partition: "", account_id: account.account_id.as_deref().unwrap_or_default(), region: "", family: "" }
}

/// Whether a run has committed a scope's plan.
pub(in crate::registry) fn is_planned(sql: &Connection, run_id: RunId, scope: &Scope) -> rusqlite::Result<bool> {
    let mut statement = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM run_scopes
                        WHERE run_id = ?1 AND partition = ?2 AND account_id = ?3 AND region = ?4 AND family = ?5 AND planned = 1)",
    )?;
    let parameters = (run_id, &scope.partition, &scope.account_id, &scope.region, scope.family.as_str());
    statement.query_row(parameters, |row| row.get(0))
}

/// Writes a run's row of a scope, over one that was not looked at; answers whether it did.
pub(in crate::registry) fn write_scope(
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
