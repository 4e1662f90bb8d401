//! Which runs' failed scopes are to be looked at again, and when.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::values::At;
use super::{Reader, Registry, RegistryError, RunId};

/// A second look that is owed; there is at most one for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The run whose scopes failed.
    pub run_id: RunId,
    /// Which of the waits that the file names, from 1.
    pub attempt: u32,
    /// When it is due.
    pub due_at: DateTime<Utc>,
}

impl Registry {
    /// Sets the second look that a connection is owed, or takes it back.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn set_retry(&mut self, connection: &str, retry: Option<&Retry>) -> Result<(), RegistryError> {
        self.write(|sql| {
            match retry {
                Some(retry) => sql
                    .prepare_cached(
                        "INSERT OR REPLACE INTO retries (connection, run_id, attempt, due_at) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute((connection, retry.run_id, retry.attempt, At(retry.due_at)))?,
                None => sql.prepare_cached("DELETE FROM retries WHERE connection = ?1")?.execute([connection])?,
            };
            Ok(())
        })
    }
}

impl Reader {
    /// The second looks that are owed, by connection.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn retries(&self) -> Result<BTreeMap<String, Retry>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT connection, run_id, attempt, due_at FROM retries")?;
            let rows = statement.query_map([], |row| {
                let retry = Retry { run_id: row.get(1)?, attempt: row.get(2)?, due_at: row.get::<_, At>(3)?.0 };
                Ok((row.get(0)?, retry))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
