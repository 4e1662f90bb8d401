//! The accounts that a connection's organization had when it was listed last, and since when some of them are closed.

use chrono::{DateTime, TimeDelta, Utc};

use super::values::{self, At, at};
use super::{Reader, Registry, RegistryError};
use crate::inventory::Scope;

/// An account that left is forgotten after this long; AWS keeps closed accounts for as long (AWS Organizations User Guide, "Closing a member
/// account in an organization").
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(90);

/// An account of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Twelve digits.
    pub account_id: String,
    /// The organization that it was seen in, `o-…`.
    pub organization: String,
    /// Its name.
    pub name: Option<String>,
    /// Since when it is closed, or in the organization no more.
    pub closed_since: Option<DateTime<Utc>>,
}

impl Registry {
    /// Writes down which accounts a whole list named, and which are closed or missing on it. Others stay as they are, but for those that
    /// have been closed for long.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn note_members(
        &mut self,
        connection: &str,
        members: &[Member],
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.write(|sql| {
            let mut statement = sql.prepare_cached(
                "INSERT INTO members (connection, account_id, organization, name, closed_since) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (connection, account_id) DO UPDATE SET
                     organization = excluded.organization, name = excluded.name, closed_since = excluded.closed_since
                 WHERE organization <> excluded.organization OR name IS NOT excluded.name
                    OR closed_since IS NOT excluded.closed_since",
            )?;
            for Member { account_id, organization, name, closed_since } in members {
                statement.execute((connection, account_id, organization, name, at(*closed_since)))?;
            }
            sql.prepare_cached("DELETE FROM members WHERE connection = ?1 AND closed_since < ?2")?
                .execute((connection, At(now - FORGOTTEN_AFTER)))?;
            Ok(())
        })
    }
}

impl Reader {
    /// The accounts that were noted of a connection, by id.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn members(&self, connection: &str) -> Result<Vec<Member>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT account_id, organization, name, closed_since FROM members WHERE connection = ?1 ORDER BY account_id",
            )?;
            let rows = statement.query_map([connection], |row| {
                Ok(Member {
                    account_id: row.get(0)?,
                    organization: row.get(1)?,
                    name: row.get(2)?,
                    closed_since: values::time(row, 3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Whether another connection has seen a scope whole since then.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn is_seen_by_others(
        &self,
        connection: &str,
        scope: &Scope,
        since: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM scope_status
                                WHERE connection <> ?1 AND partition = ?2 AND account_id = ?3 AND region = ?4 AND family = ?5
                                  AND last_complete_at >= ?6)",
            )?;
            let Scope { partition, account_id, region, family } = scope;
            Ok(statement.query_row((connection, partition, account_id, region, family.as_str(), At(since)), |row| row.get(0))?)
        })
    }
}
