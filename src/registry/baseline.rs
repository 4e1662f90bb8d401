//! Which scopes a connection has never seen whole, so that `existing` speaks of what is found there.
//!
//! A connection's baseline is its first finished run over everything in its scope in which a scope was complete. A scope that was
//! seen whole has had its first look. The look at any other is a first one until the baseline is made; afterwards only where the
//! baseline run tried in vain. Scopes that turn up later (a new account, a new region) are none of what existed, so what is found
//! there is new.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};

use super::runs::{RunId, chain};
use super::values::At;
use crate::inventory::{Scope, ScopeState};

/// Whether this connection's first complete look at the scope is still to come.
pub(super) fn first_look(sql: &Connection, connection: &str, scope: &Scope) -> rusqlite::Result<bool> {
    let mut statement = sql.prepare_cached(
        "SELECT (NOT EXISTS (SELECT 1 FROM baselines WHERE connection = ?1)
                 OR EXISTS (SELECT 1 FROM first_looks
                            WHERE connection = ?1 AND account_id = ?3
                              AND (region = '' OR (partition = ?2 AND region = ?4 AND family = ?5))))
            AND NOT EXISTS (SELECT 1 FROM scope_status
                            WHERE connection = ?1 AND partition = ?2 AND account_id = ?3 AND region = ?4 AND family = ?5
                              AND first_complete_at IS NOT NULL)",
    )?;
    let parameters = (connection, &scope.partition, &scope.account_id, &scope.region, scope.family.as_str());
    statement.query_row(parameters, |row| row.get(0))
}

fn is_made(sql: &Connection, connection: &str) -> rusqlite::Result<bool> {
    let mut statement = sql.prepare_cached("SELECT EXISTS (SELECT 1 FROM baselines WHERE connection = ?1)")?;
    statement.query_row([connection], |row| row.get(0))
}

/// Makes the baseline when a run has finished, where the connection has none and the run, with those that it carries on, saw a
/// scope whole. A run that was asked for less than everything (named APIs, one account or region, what had failed, a later day) makes none: what it
/// was not asked for exists all the same.
pub(super) fn make(sql: &Connection, run: RunId, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(
        "SELECT connection FROM runs
         WHERE id = ?1 AND selected = 0 AND request ->> 'account' IS NULL AND request ->> 'region' IS NULL
           AND request ->> 'published_after' IS NULL AND request ->> 'only' IS NULL",
    )?;
    let Some(connection) = statement.query_row([run], |row| row.get::<_, String>(0)).optional()? else { return Ok(()) };
    if is_made(sql, &connection)? {
        return Ok(());
    }
    let tried = tried(sql, run)?;
    if !tried.values().any(|complete| *complete) {
        return Ok(());
    }
    sql.prepare_cached("INSERT INTO baselines (connection, run_id, at) VALUES (?1, ?2, ?3)")?.execute((
        &connection,
        run,
        At(now),
    ))?;
    let entered: BTreeSet<&String> =
        tried.keys().filter(|row| !row.region.is_empty()).map(|row| &row.account_id).collect();
    let mut statement = sql.prepare_cached(
        "INSERT INTO first_looks (connection, partition, account_id, region, family) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (row, _) in tried.iter().filter(|(_, complete)| !**complete) {
        // An account that an earlier part of the run could not enter and a later one could has rows of its own scopes.
        if !row.region.is_empty() || !entered.contains(&row.account_id) {
            statement.execute((&connection, &row.partition, &row.account_id, &row.region, &row.family))?;
        }
    }
    Ok(())
}

/// A row of `run_scopes`, by what it is about; region and family are empty for an account that was not entered.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Tried {
    partition: String,
    account_id: String,
    region: String,
    family: String,
}

/// What a run, with those that it carries on, tried, and whether the last try was complete.
fn tried(sql: &Connection, run: RunId) -> rusqlite::Result<BTreeMap<Tried, bool>> {
    let mut tried = BTreeMap::new();
    let mut statement =
        sql.prepare_cached("SELECT partition, account_id, region, family, state FROM run_scopes WHERE run_id = ?1")?;
    for run in chain(sql, run)? {
        let mut rows = statement.query([run])?;
        while let Some(row) = rows.next()? {
            let scope =
                Tried { partition: row.get(0)?, account_id: row.get(1)?, region: row.get(2)?, family: row.get(3)? };
            tried.insert(scope, row.get_ref(4)?.as_str()? == ScopeState::Complete.as_str());
        }
    }
    Ok(tried)
}
