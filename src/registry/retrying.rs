//! Deliveries that a person has sent again.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use super::audit::{self, AuditAction, AuditEntry};
use super::values::{At, whole_millis, word};
use super::{Registry, RegistryError, RegistryErrorKind};
use crate::notice::DeliveryState;

const AGAIN: &str =
    "UPDATE deliveries SET state = 'queued', attempts = 0, first_attempt_at = NULL, next_attempt_at = ?2,
    last_error = NULL WHERE id = ?1";

impl Registry {
    /// Has a delivery sent again at once, from its first attempt, where its state allows that. Answers the state that it was in.
    ///
    /// # Errors
    /// `UnknownDelivery`, and what SQLite and the disk may refuse.
    pub fn retry_delivery(
        &mut self,
        delivery_id: i64,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<DeliveryState, RegistryError> {
        let now = whole_millis(now);
        self.write(|sql| {
            let mut statement = sql.prepare_cached("SELECT state FROM deliveries WHERE id = ?1")?;
            let state = statement.query_row([delivery_id], |row| word(row, 0, DeliveryState::parse)).optional()?;
            let state = state.ok_or(RegistryErrorKind::UnknownDelivery { delivery_id })?;
            if state.can_be_retried() {
                sql.prepare_cached(AGAIN)?.execute((delivery_id, At(now)))?;
                note(sql, by, json!({ "delivery_id": delivery_id }), now)?;
            }
            Ok(state)
        })
    }

    /// Has every delivery that was given up sent again at once, of one target or of all. Answers how many.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn retry_dead(&mut self, target: Option<&str>, by: &str, now: DateTime<Utc>) -> Result<u64, RegistryError> {
        let now = whole_millis(now);
        self.write(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT id FROM deliveries WHERE state IN ('dead', 'ambiguous') AND (?1 IS NULL OR target = ?1) ORDER BY id",
            )?;
            let dead: Vec<i64> = statement.query_map([target], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for id in &dead {
                sql.prepare_cached(AGAIN)?.execute((id, At(now)))?;
            }
            if !dead.is_empty() {
                note(sql, by, json!({ "dead": dead.len(), "target": target }), now)?;
            }
            Ok(dead.len() as u64)
        })
    }
}

fn note(sql: &Connection, by: &str, detail: Value, now: DateTime<Utc>) -> rusqlite::Result<()> {
    audit::add(sql, &AuditEntry { actor: by, action: AuditAction::DeliveryRetried, connection: None, detail }, now)
}
