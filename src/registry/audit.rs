//! Who changed what, and when: reloads, edits, manual runs, approvals, ignores, pauses. Rows are only ever added.

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

use super::values::{self, At, at, count, to_json, word};
use super::{Reader, Registry, RegistryError};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// The schedule file was read anew and is followed.
    Reloaded,
    /// The schedule file was read anew and refused.
    ReloadRejected,
    /// The schedule file was changed by a command.
    Edited,
    /// A run by hand.
    ManualRun,
    /// What `max_new` held back was released.
    Approved,
    /// An API is kept out.
    Ignored,
    /// An API is let in again.
    Unignored,
    /// A schedule rests.
    Paused,
    /// A schedule goes on.
    Resumed,
    /// The clock had been wrong, and what was written under it was taken back.
    ClockCorrected,
    /// Deliveries are sent again.
    DeliveryRetried,
    /// A target that its receiver had switched off is told again.
    TargetEnabled,
    /// Entries that a target had already were taken over.
    TargetAdopted,
}

impl AuditAction {
    /// Every action.
    pub const ALL: [Self; 13] = [
        Self::Reloaded,
        Self::ReloadRejected,
        Self::Edited,
        Self::ManualRun,
        Self::Approved,
        Self::Ignored,
        Self::Unignored,
        Self::Paused,
        Self::Resumed,
        Self::ClockCorrected,
        Self::DeliveryRetried,
        Self::TargetEnabled,
        Self::TargetAdopted,
    ];

    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reloaded => "reloaded",
            Self::ReloadRejected => "reload_rejected",
            Self::Edited => "edited",
            Self::ManualRun => "manual_run",
            Self::Approved => "approved",
            Self::Ignored => "ignored",
            Self::Unignored => "unignored",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::ClockCorrected => "clock_corrected",
            Self::DeliveryRetried => "delivery_retried",
            Self::TargetEnabled => "target_enabled",
            Self::TargetAdopted => "target_adopted",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// Something to be written down.
#[derive(Clone, Debug)]
pub struct AuditEntry<'a> {
    /// Who: a user's name, `uid 1000`, `http token`, or `worker`.
    pub actor: &'a str,
    /// What.
    pub action: AuditAction,
    /// Of which connection, where it was one.
    pub connection: Option<&'a str>,
    /// What else there is to know, a JSON object.
    pub detail: Value,
}

/// Something that was written down.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
    /// Its number.
    pub audit_id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What.
    pub action: AuditAction,
    /// Of which connection.
    pub connection: Option<String>,
    /// What else there is to know.
    pub detail: Value,
}

/// Which rows are wanted; the default is all of them.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Not before this instant.
    pub since: Option<DateTime<Utc>>,
    /// Of this connection.
    pub connection: Option<String>,
    /// No more than this many, newest first.
    pub limit: Option<usize>,
}

impl Registry {
    /// Writes down who did what.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn audit(&mut self, entry: &AuditEntry<'_>, now: DateTime<Utc>) -> Result<(), RegistryError> {
        self.write(|sql| Ok(add(sql, entry, now)?))
    }
}

/// Writes down who did what, in the transaction that did it.
pub(super) fn add(sql: &Connection, entry: &AuditEntry<'_>, now: DateTime<Utc>) -> rusqlite::Result<()> {
    sql.prepare_cached("INSERT INTO audit (at, actor, action, connection, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((At(now), entry.actor, entry.action.as_str(), entry.connection, to_json(&entry.detail)?))?;
    Ok(())
}

impl Reader {
    /// Who did what, newest first.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn audit_trail(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT id, at, actor, action, connection, detail FROM audit
                 WHERE (?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR connection = ?2) ORDER BY id DESC LIMIT ?3",
            )?;
            let limit = filter.limit.map_or(-1, |limit| count(limit as u64));
            let rows = statement.query_map((at(filter.since), &filter.connection, limit), |row| {
                Ok(AuditRow {
                    audit_id: row.get(0)?,
                    at: row.get::<_, At>(1)?.0,
                    actor: row.get(2)?,
                    action: word(row, 3, AuditAction::parse)?,
                    connection: row.get(4)?,
                    detail: values::json(row, 5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
