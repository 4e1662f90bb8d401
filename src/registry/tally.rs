//! What came of deliveries, for whoever waits for their first attempts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::delivering::DUE;
use super::values::{self, At, counted, word};
use super::{Reader, RegistryError};
use crate::notice::DeliveryState;

/// What came of a connection's deliveries to one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// They arrived, or there was nothing to tell.
    pub delivered: u64,
    /// Their last attempt failed; they are tried again.
    pub failed: u64,
    /// They wait for their first attempt.
    pub waiting: u64,
    /// They were given up.
    pub dead: u64,
    /// When the next of those that failed is tried again.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What one of those that did not arrive failed of.
    pub last_error: Option<String>,
}

impl Tally {
    /// Takes in what came of another connection's.
    pub fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.waiting += other.waiting;
        self.dead += other.dead;
        self.next_attempt_at = self.next_attempt_at.or(other.next_attempt_at);
        self.last_error = self.last_error.take().or(other.last_error);
    }
}

impl Reader {
    /// The newest attempt; 0 where there is none.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn newest_attempt(&self) -> Result<i64, RegistryError> {
        self.read(|sql| Ok(sql.query_row("SELECT ifnull(max(id), 0) FROM attempts", [], |row| row.get(0))?))
    }

    /// How a connection's deliveries stand that were attempted after that attempt, or wait, by target.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn tally(&self, connection: &str, after: i64) -> Result<BTreeMap<String, Tally>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "WITH touched AS (SELECT DISTINCT delivery AS id FROM attempts WHERE id > ?2
                                  UNION SELECT id FROM deliveries WHERE state = 'queued')
                 SELECT d.target, d.state, d.attempts > 0, count(*), min(d.next_attempt_at), max(d.last_error)
                 FROM touched JOIN deliveries d USING (id) WHERE d.connection = ?1 GROUP BY 1, 2, 3",
            )?;
            let mut rows = statement.query((connection, after))?;
            let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let tally = tallies.entry(row.get(0)?).or_default();
                let (tried, count) = (row.get(2)?, counted(row, 3)?);
                match word(row, 1, DeliveryState::parse)? {
                    DeliveryState::Delivered | DeliveryState::Unchanged => tally.delivered += count,
                    DeliveryState::Dead | DeliveryState::Ambiguous => tally.dead += count,
                    DeliveryState::Queued if tried => {
                        tally.failed += count;
                        tally.next_attempt_at = values::time(row, 4)?;
                    }
                    DeliveryState::Queued | DeliveryState::Leased => tally.waiting += count,
                    DeliveryState::Collected | DeliveryState::Summarised => {}
                }
                if let Some(error) = row.get(5)? {
                    tally.last_error = Some(error);
                }
            }
            Ok(tallies)
        })
    }

    /// Whether anything that is due of a connection lacks its first attempt, for one of these targets.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn first_attempts_pending(
        &self,
        connection: &str,
        targets: &[String],
        now: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(&format!(
                "SELECT EXISTS (SELECT 1 FROM deliveries d WHERE {DUE} AND connection = ?3 AND next_attempt_at <= ?2)
                     OR EXISTS (SELECT 1 FROM deliveries WHERE target = ?1 AND connection = ?3 AND state = 'leased')"
            ))?;
            for target in targets {
                if statement.query_row((target, At(now), connection), |row| row.get(0))? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}
