//! When each scope of a connection was last seen whole, and what stands in the way; never dropped.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params};

use super::runs::{RunId, ScopeResult};
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
    /// The last look.
    pub last_look_at: DateTime<Utc>,
    /// The run that looked last.
    pub last_run_id: RunId,
    /// The last complete look.
    pub last_complete_at: Option<DateTime<Utc>>,
    /// How many APIs that one listed.
    pub apis: u64,
}

impl Reader {
    /// Every scope that was ever looked at, by connection, account, region and family; of one connection, or of all.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn coverage(&self, connection: Option<&str>) -> Result<Vec<ScopeStatus>, RegistryError> {
        self.read(|sql| {
            // An account's own row only matters while the account cannot be entered.
            let mut statement = sql.prepare_cached(
                "SELECT connection, partition, account_id, account_name, region, family, state, explained, cause, hint,
                        since, last_look_at, last_run_id, last_complete_at, apis
                 FROM scope_status
                 WHERE (?1 IS NULL OR connection = ?1) AND NOT (region = '' AND state = 'complete')
                 ORDER BY connection, account_id, region, family",
            )?;
            let rows = statement.query_map([connection], |row| {
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
                    last_look_at: row.get::<_, At>(11)?.0,
                    last_run_id: row.get(12)?,
                    last_complete_at: values::time(row, 13)?,
                    apis: values::counted(row, 14)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
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
                                   cause, hint, since, last_look_at, last_run_id, first_complete_at, last_complete_at,
                                   suspicious_since, apis)
         VALUES (:connection, :partition, :account_id, :region, :family, :account_name, :state, :explained, :cause,
                 :hint, :now, :now, :run_id,
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
