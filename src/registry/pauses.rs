//! Connections whose schedules rest. The schedule file is not touched, and due instants are skipped, not owed.
//!
//! An instant may be judged long after its time, so a pause that has ended is remembered until everything in it has its fate.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row};
use serde_json::json;

use super::audit::{self, AuditAction, AuditEntry};
use super::values::{self, At, at};
use super::{Reader, Registry, RegistryError};
use crate::schedule::Rest;

/// A schedule that rests.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pause {
    /// Which connection; absent = every one.
    pub connection: Option<String>,
    /// Until when; absent = until somebody resumes it.
    pub until: Option<DateTime<Utc>>,
    /// Why.
    pub note: Option<String>,
    /// Who paused it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Pause {
    /// Whether it speaks of a connection.
    #[must_use]
    pub fn covers(&self, connection: &str) -> bool {
        self.connection.as_deref().is_none_or(|paused| paused == connection)
    }

    /// Whether it still counts.
    #[must_use]
    pub fn is_on(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A time in which schedules rest or rested: that of a pause, whether it has ended or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Which connection; absent = every one.
    pub connection: Option<String>,
    /// From when to when.
    pub rest: Rest,
}

impl Resting {
    /// Whether it speaks of a connection.
    #[must_use]
    pub fn covers(&self, connection: &str) -> bool {
        self.connection.as_deref().is_none_or(|paused| paused == connection)
    }
}

/// Whether a connection rests at an instant, by the pauses that there are.
#[must_use]
pub fn is_paused(pauses: &[Pause], connection: &str, at: DateTime<Utc>) -> bool {
    pauses.iter().any(|pause| pause.covers(connection) && pause.is_on(at))
}

impl Registry {
    /// Pauses a connection, or with `None` every one; a second word replaces the first, but not for the time before it.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn pause(
        &mut self,
        connection: Option<&str>,
        until: Option<DateTime<Utc>>,
        note: Option<&str>,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.write(|sql| {
            end(sql, Some(connection.unwrap_or_default()), now)?;
            sql.prepare_cached("INSERT INTO pauses (connection, until, note, by, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((connection.unwrap_or_default(), at(until), note, by, At(now)))?;
            let detail = json!({ "until": until, "note": note });
            let entry = AuditEntry { actor: by, action: AuditAction::Paused, connection, detail };
            Ok(audit::add(sql, &entry, now)?)
        })
    }

    /// Ends the pause of a connection; with `None` that of all of them together and those of single ones. Answers how many ended.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn resume(&mut self, connection: Option<&str>, by: &str, now: DateTime<Utc>) -> Result<usize, RegistryError> {
        self.write(|sql| {
            let ended = end(sql, connection, now)?;
            if ended > 0 {
                let entry = AuditEntry { actor: by, action: AuditAction::Resumed, connection, detail: json!({}) };
                audit::add(sql, &entry, now)?;
            }
            Ok(ended)
        })
    }
}

impl Reader {
    /// Every pause, those whose time is over included.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn pauses(&self) -> Result<Vec<Pause>, RegistryError> {
        self.read(|sql| {
            let mut statement =
                sql.prepare_cached("SELECT connection, until, note, by, at FROM pauses ORDER BY connection")?;
            let rows = statement.query_map([], pause)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Every time in which something due may not run, or may not have run: those of the pauses that there are, and of earlier ones as
    /// long as they matter.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn restings(&self) -> Result<Vec<Resting>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT connection, at, until FROM pauses UNION ALL SELECT connection, since, until FROM past_pauses",
            )?;
            let rows = statement.query_map([], |row| {
                let rest = Rest { from: row.get::<_, At>(1)?.0, until: values::time(row, 2)? };
                Ok(Resting { connection: connection(row)?, rest })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Ends pauses, that of one name or with `None` all of them, but for the time in which they were on. Answers how many.
fn end(sql: &Connection, name: Option<&str>, now: DateTime<Utc>) -> rusqlite::Result<usize> {
    sql.prepare_cached(
        "INSERT INTO past_pauses (connection, since, until)
         SELECT connection, at, min(ifnull(until, ?2), ?2) FROM pauses
         WHERE (?1 IS NULL OR connection = ?1) AND at < min(ifnull(until, ?2), ?2)",
    )?
    .execute((name, At(now)))?;
    sql.prepare_cached("DELETE FROM pauses WHERE ?1 IS NULL OR connection = ?1")?.execute([name])
}

/// Forgets pauses that have ended where nothing in them waits for its fate any more.
pub(super) fn forget(sql: &Connection) -> rusqlite::Result<usize> {
    sql.execute(
        "DELETE FROM past_pauses WHERE NOT EXISTS (
             SELECT 1 FROM schedules s
             WHERE past_pauses.connection IN ('', s.connection) AND past_pauses.until > s.since
               AND NOT EXISTS (SELECT 1 FROM due_instants d WHERE d.connection = s.connection AND d.void = 0
                               AND d.due_at >= past_pauses.until AND d.id > s.begun_after))",
        [],
    )
}

fn connection(row: &Row<'_>) -> rusqlite::Result<Option<String>> {
    let name: String = row.get(0)?;
    Ok(Some(name).filter(|name| !name.is_empty()))
}

fn pause(row: &Row<'_>) -> rusqlite::Result<Pause> {
    Ok(Pause {
        connection: connection(row)?,
        until: values::time(row, 1)?,
        note: row.get(2)?,
        by: row.get(3)?,
        at: row.get::<_, At>(4)?.0,
    })
}
