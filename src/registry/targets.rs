//! What the registry holds of targets themselves: whether one is switched off, what it remembers, and its name.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension;
use serde_json::{Value, json};

use super::audit::{self, AuditAction, AuditEntry};
use super::history::row_of;
use super::values::{self, At, to_json, whole_millis};
use super::{Reader, Registry, RegistryError};
use crate::inventory::ApiId;

/// The tables that hold something of targets, by name.
const OF_TARGETS: [&str; 5] = ["told", "deliveries", "told_specifications", "kept", "disabled_targets"];

/// Why a target gets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// What its receiver said, one sentence.
    pub reason: String,
    /// Since when.
    pub at: DateTime<Utc>,
}

impl Registry {
    /// Switches a target off. Answers whether it was on.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn disable_target(&mut self, target: &str, reason: &str, now: DateTime<Utc>) -> Result<bool, RegistryError> {
        self.write(|sql| {
            let written = sql.execute(
                "INSERT INTO disabled_targets (target, reason, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                (target, reason, At(whole_millis(now))),
            )?;
            Ok(written > 0)
        })
    }

    /// Switches a target on again; what waited for it is due at once and begins a new series of attempts. Answers whether it was off.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn enable_target(&mut self, target: &str, by: &str, now: DateTime<Utc>) -> Result<bool, RegistryError> {
        self.write(|sql| {
            let was = sql.execute("DELETE FROM disabled_targets WHERE target = ?1", [target])? > 0;
            if was {
                sql.execute(
                    "UPDATE deliveries SET attempts = 0, first_attempt_at = NULL, next_attempt_at = ?2
                     WHERE target = ?1 AND state = 'queued'",
                    (target, At(whole_millis(now))),
                )?;
                let detail = json!({ "target": target });
                let entry = AuditEntry { actor: by, action: AuditAction::TargetEnabled, connection: None, detail };
                audit::add(sql, &entry, now)?;
            }
            Ok(was)
        })
    }

    /// Hands everything of a target over to its new name. Answers whether there was anything.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn rename_target(&mut self, from: &str, to: &str) -> Result<bool, RegistryError> {
        if !self.knows_target(from)? {
            return Ok(false);
        }
        self.write(|sql| {
            for table in OF_TARGETS {
                // What the new name knows already is newer.
                sql.execute(&format!("UPDATE OR IGNORE {table} SET target = ?2 WHERE target = ?1"), (from, to))?;
                if table != "deliveries" {
                    sql.execute(&format!("DELETE FROM {table} WHERE target = ?1"), [from])?;
                }
            }
            Ok(true)
        })
    }

    /// Keeps what a target wants to remember of an API, or of itself; `None` forgets.
    ///
    /// # Errors
    /// `UnknownApi`, and what SQLite and the disk may refuse.
    pub fn keep(&mut self, target: &str, api: Option<&ApiId>, value: Option<&Value>) -> Result<(), RegistryError> {
        self.write(|sql| {
            let row = api.map_or(Ok(0), |api| row_of(sql, api))?;
            match value {
                Some(value) => sql.execute(
                    "INSERT OR REPLACE INTO kept (target, api, value) VALUES (?1, ?2, ?3)",
                    (target, row, to_json(value)?),
                )?,
                None => sql.execute("DELETE FROM kept WHERE target = ?1 AND api = ?2", (target, row))?,
            };
            Ok(())
        })
    }
}

impl Reader {
    /// Whether anything is held of a target of that name.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn knows_target(&self, name: &str) -> Result<bool, RegistryError> {
        self.read(|sql| {
            let mut any = false;
            for table in OF_TARGETS {
                let exists = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE target = ?1)");
                any |= sql.query_row(&exists, [name], |row| row.get::<_, bool>(0))?;
            }
            Ok(any)
        })
    }

    /// The targets that are switched off.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn disabled_targets(&self) -> Result<BTreeMap<String, Disabled>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT target, reason, at FROM disabled_targets")?;
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, Disabled { reason: row.get(1)?, at: row.get::<_, At>(2)?.0 })))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What a target keeps of an API, or of itself.
    ///
    /// # Errors
    /// `UnknownApi`, and what SQLite and the disk may refuse.
    pub fn kept(&self, target: &str, api: Option<&ApiId>) -> Result<Option<Value>, RegistryError> {
        self.read(|sql| {
            let row = api.map_or(Ok(0), |api| row_of(sql, api))?;
            let mut statement = sql.prepare_cached("SELECT value FROM kept WHERE target = ?1 AND api = ?2")?;
            Ok(statement.query_row((target, row), |row| values::json(row, 0)).optional()?)
        })
    }
}
