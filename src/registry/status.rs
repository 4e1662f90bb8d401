//! When each scope of a connection was last seen whole, and what stands in the way; never dropped.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::runs::{RunId, ScopeResult, chain};
use super::values::{self, At, at, word};
use super::{Reader, RegistryError};
use crate::inventory::{Family, Scope, ScopeState};

/// Where one scope of one connection stands, or an account that could not be entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeStatus {
    /// Whose.
    pub connection: String,
    /// `aws`, …; empty where it is not known.
    pub partition: String,
    /// Twelve digits; absent where the credentials did not even say whose they are.
    pub account_id: Option<String>,
    /// The account's name, where Organizations told it.
    pub account_name: Option<String>,
    /// Region code; absent for an account as such.
    pub region: Option<String>,
    /// Which control plane; absent for an account as such.
    pub family: Option<Family>,
    /// How the last look ended.
    pub state: ScopeState,
    /// Whether that is meant.
    pub explained: bool,
    /// What happened.
    pub cause: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The first look of those in a row that ended in this state.
    pub since: DateTime<Utc>,
    /// The first look ever.
    pub first_look_at: DateTime<Utc>,
    /// The last look.
    pub last_look_at: DateTime<Utc>,
    /// The run that looked last.
    pub last_run_id: RunId,
    /// The last complete look.
    pub last_complete_at: Option<DateTime<Utc>>,
    /// How many APIs that one listed.
    pub apis: u64,
}

impl ScopeStatus {
    /// Whether it is the row of an account that was entered since, which says no more than that.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.region.is_none() && self.state == ScopeState::Complete
    }
}

impl Reader {
    /// Every scope that was ever looked at, by connection, account, region and family; of one connection, or of all.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn coverage(&self, connection: Option<&str>) -> Result<Vec<ScopeStatus>, RegistryError> {
        let mut all = Vec::new();
        self.for_each_account(connection, |rows| {
            // An account's own row only matters while the account cannot be entered.
            all.extend(rows.into_iter().filter(|row| !row.is_closed()));
        })?;
        Ok(all)
    }

    /// When a scope was last seen whole by a connection; absent where it is not complete now.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn seen_whole(&self, connection: &str, scope: &Scope) -> Result<Option<DateTime<Utc>>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT last_complete_at FROM scope_status
                 WHERE connection = ?1 AND partition = ?2 AND account_id = ?3 AND region = ?4 AND family = ?5 AND state = ?6",
            )?;
            let Scope { partition, account_id, region, family } = scope;
            let complete = ScopeState::Complete.as_str();
            let found = statement
                .query_row((connection, partition, account_id, region, family.as_str(), complete), |row| {
                    values::time(row, 0)
                })
                .optional()?;
            Ok(found.flatten())
        })
    }

    /// The same account by account, so that never all of them are in memory: the account's own row first, where it has one, also one
    /// that is closed. What a connection could not even find the account of comes before its accounts.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn for_each_account(
        &self,
        connection: Option<&str>,
        mut each: impl FnMut(Vec<ScopeStatus>),
    ) -> Result<(), RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT connection, partition, account_id, account_name, region, family, state, explained, cause, hint,
                        since, first_look_at, last_look_at, last_run_id, last_complete_at, apis
                 FROM scope_status WHERE (?1 IS NULL OR connection = ?1) ORDER BY connection, account_id, region, family",
            )?;
            let mut rows = statement.query([connection])?;
            let mut account: Vec<ScopeStatus> = Vec::new();
            while let Some(row) = rows.next()? {
                let row = status(row)?;
                let other = |first: &ScopeStatus| {
                    (&first.connection, &first.account_id) != (&row.connection, &row.account_id)
                };
                if account.first().is_some_and(other) {
                    each(std::mem::take(&mut account));
                }
                account.push(row);
            }
            if !account.is_empty() {
                each(account);
            }
            Ok(())
        })
    }

    /// Each connection's newest run that came to everything in its scope.
    ///
    /// A scope that neither it nor a later run touched is not the connection's any more. Runs that failed, were interrupted, or were
    /// asked for less say nothing of that kind, and neither does one that did not come to all of its scopes.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn whole_looks(&self) -> Result<BTreeMap<String, WholeLook>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT DISTINCT connection FROM scope_status")?;
            let connections = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
            let mut statement = sql.prepare_cached(
                "SELECT id, started_at FROM runs r
                 WHERE connection = ?1 AND outcome IN ('succeeded', 'partial') AND selected = 0
                   AND request ->> 'account' IS NULL AND request ->> 'region' IS NULL AND request ->> 'only' IS NULL
                   AND NOT EXISTS (SELECT 1 FROM run_scopes WHERE run_id = r.id AND state = 'not_reached' AND explained = 0)
                 ORDER BY id DESC LIMIT 1",
            )?;
            let mut looks = BTreeMap::new();
            for connection in connections {
                let found = statement.query_row([&connection], |row| Ok((row.get(0)?, row.get::<_, At>(1)?.0)));
                if let Some((run_id, started_at)) = found.optional()? {
                    // What the runs committed that it carries on was not looked at again.
                    let first = chain(sql, run_id)?.first().copied().unwrap_or(run_id);
                    looks.insert(connection, WholeLook { run_id, first, started_at });
                }
            }
            Ok(looks)
        })
    }
}

/// A run that came to everything in its connection's scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholeLook {
    /// Its number.
    pub run_id: RunId,
    /// The first of the runs that it carries on; itself where it carries on none.
    pub first: RunId,
    /// When it began.
    pub started_at: DateTime<Utc>,
}

fn status(row: &Row<'_>) -> rusqlite::Result<ScopeStatus> {
    let family: String = row.get(5)?;
    Ok(ScopeStatus {
        connection: row.get(0)?,
        partition: row.get(1)?,
        account_id: unless_empty(row.get(2)?),
        account_name: row.get(3)?,
        region: unless_empty(row.get(4)?),
        family: values::family(&family),
        state: word(row, 6, ScopeState::parse)?,
        explained: row.get(7)?,
        cause: row.get(8)?,
        hint: row.get(9)?,
        since: row.get::<_, At>(10)?.0,
        first_look_at: row.get::<_, At>(11)?.0,
        last_look_at: row.get::<_, At>(12)?.0,
        last_run_id: row.get(13)?,
        last_complete_at: values::time(row, 14)?,
        apis: values::counted(row, 15)?,
    })
}

pub(super) fn unless_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// What a look says about suspiciously short listings.
#[derive(Clone, Copy, Debug)]
pub(super) enum Suspicion {
    /// Nothing: there was no look.
    AsBefore,
    /// They have been so since then, or are not so.
    Since(Option<DateTime<Utc>>),
}

/// Writes how a look at a scope ended.
pub(super) fn write(
    sql: &Connection,
    connection: &str,
    run_id: RunId,
    result: &ScopeResult<'_>,
    suspicion: Suspicion,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let (keep_suspicion, suspicious_since) = match suspicion {
        Suspicion::AsBefore => (true, None),
        Suspicion::Since(since) => (false, since),
    };
    let complete_at = Some(now).filter(|_| result.state == ScopeState::Complete);
    let mut statement = sql.prepare_cached(
        "INSERT INTO scope_status (connection, partition, account_id, region, family, account_name, state, explained,
                                   cause, hint, since, first_look_at, last_look_at, last_run_id, first_complete_at,
                                   last_complete_at, suspicious_since, apis)
         VALUES (:connection, :partition, :account_id, :region, :family, :account_name, :state, :explained, :cause,
                 :hint, :now, :now, :now, :run_id,
                 iif((SELECT request ->> 'published_after' FROM runs WHERE id = :run_id) IS NULL, :complete_at, NULL),
                 :complete_at, :suspicious_since, iif(:complete_at IS NULL, 0, :apis))
         ON CONFLICT (connection, partition, account_id, region, family) DO UPDATE SET
             account_name = coalesce(excluded.account_name, account_name),
             since = iif(state = excluded.state, since, excluded.since),
             state = excluded.state, explained = excluded.explained, cause = excluded.cause, hint = excluded.hint,
             last_look_at = excluded.last_look_at, last_run_id = excluded.last_run_id,
             first_complete_at = coalesce(first_complete_at, excluded.first_complete_at),
             last_complete_at = coalesce(excluded.last_complete_at, last_complete_at),
             suspicious_since = iif(:keep_suspicion, suspicious_since, excluded.suspicious_since),
             apis = iif(excluded.last_complete_at IS NULL, apis, excluded.apis)",
    )?;
    let key = &result.key;
    statement.execute(named_params! {
        ":connection": connection,
        ":partition": key.partition,
        ":account_id": key.account_id,
        ":region": key.region,
        ":family": key.family,
        ":account_name": result.account_name,
        ":state": result.state.as_str(),
        ":explained": result.explained,
        ":cause": result.cause,
        ":hint": result.hint,
        ":now": At(now),
        ":run_id": run_id,
        ":complete_at": at(complete_at),
        ":suspicious_since": at(suspicious_since),
        ":keep_suspicion": keep_suspicion,
        ":apis": values::count(result.counts.seen),
    })?;
    if let Some(name) = result.account_name {
        sql.prepare_cached(
            "INSERT INTO accounts (account_id, name) VALUES (?1, ?2)
             ON CONFLICT (account_id) DO UPDATE SET name = excluded.name WHERE name <> excluded.name",
        )?
        .execute((key.account_id, name))?;
    }
    Ok(())
}

/// Closes the trouble of an account that could not be entered before and was looked into now.
pub(super) fn account_entered(
    sql: &Connection,
    connection: &str,
    scope: &Scope,
    state: ScopeState,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    use ScopeState::{AccountSuspended, CredentialsFailed, NotReached};
    if matches!(state, AccountSuspended | CredentialsFailed | NotReached) {
        return Ok(());
    }
    let mut statement = sql.prepare_cached(
        "UPDATE scope_status SET state = 'complete', explained = 0, cause = NULL, hint = NULL, since = ?3, last_complete_at = ?3
         WHERE connection = ?1 AND account_id IN (?2, '') AND region = '' AND state <> 'complete'",
    )?;
    statement.execute((connection, &scope.account_id, At(now)))?;
    Ok(())
}
