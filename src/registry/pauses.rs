//! Connections whose schedules rest. The schedule file is not touched, and due instants are skipped, not owed.

use chrono::{DateTime, Utc};
use rusqlite::Row;
use serde_json::json;

use super::audit::{self, AuditAction, AuditEntry};
use super::values::{self, At, at};
use super::{Reader, Registry, RegistryError};

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

/// Whether a connection rests at an instant, by the pauses that there are.
#[must_use]
pub fn is_paused(pauses: &[Pause], connection: &str, at: DateTime<Utc>) -> bool {
    pauses.iter().any(|pause| pause.covers(connection) && pause.is_on(at))
}

impl Registry {
    /// Pauses a connection, or with `None` every one; a second word replaces the first.
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
            sql.prepare_cached(
                "INSERT OR REPLACE INTO pauses (connection, until, note, by, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
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
            let ended = match connection {
                Some(connection) => {
                    sql.prepare_cached("DELETE FROM pauses WHERE connection = ?1")?.execute([connection])?
                }
                None => sql.prepare_cached("DELETE FROM pauses")?.execute([])?,
            };
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
}

fn pause(row: &Row<'_>) -> rusqlite::Result<Pause> {
    let connection: String = row.get(0)?;
    Ok(Pause {
        connection: Some(connection).filter(|name| !name.is_empty()),
        until: values::time(row, 1)?,
        note: row.get(2)?,
        by: row.get(3)?,
        at: row.get::<_, At>(4)?.0,
    })
}
