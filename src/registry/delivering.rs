//! The outbox while it is being delivered: what is due, what is on its way, what came of it.
//!
//! Only the process that holds the lock of a target's lane ([`super::locks::lock_lane`]) delivers to it, so whatever is leased when
//! a lane is taken over was left by a process that died.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::values::{self, At, counted, whole_millis};
use super::{Reader, Registry, RegistryError};
use crate::config::Event;
use crate::hex::hex;
use crate::notice::{DeliveryState, Notice};

/// The specification of one stage that goes with a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pinned {
    /// SHA-256 of the document, 64 hexadecimal digits.
    Digest(String),
    /// Why there is none.
    Cause(String),
}

/// A delivery that was leased to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Leased {
    /// Its number.
    pub delivery_id: i64,
    /// The number of its attempt in the table of attempts.
    pub attempt_id: i64,
    /// The idempotency key, 64 hexadecimal digits.
    pub key: String,
    /// Which attempt of the present series this is, from 1.
    pub attempt: u64,
    /// When the first of the series was made.
    pub first_attempt_at: DateTime<Utc>,
    /// What it says.
    pub notice: Notice,
    /// The specifications that go with it, by stage.
    pub specifications: BTreeMap<String, Pinned>,
    /// What the target was delivered last of each stage: digests.
    pub told_specifications: BTreeMap<String, String>,
    /// Earlier events of the API that were given up since the last one that arrived.
    pub undelivered_before: u64,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// The target took it.
    Delivered {
        /// What it said of it.
        note: Option<String>,
    },
    /// It changed nothing for the target and was not sent.
    Unchanged,
    /// It failed and is tried again then.
    Again {
        /// When.
        at: DateTime<Utc>,
        /// Why, one sentence.
        error: String,
    },
    /// It failed and is given up.
    Dead {
        /// Why, one sentence.
        error: String,
        /// Whether a person must choose among several entries of the target.
        ambiguous: bool,
    },
    /// It was not really tried, and counts as no attempt: the target is switched off, or the process ends.
    Back {
        /// Why, one sentence.
        error: Option<String>,
    },
}

/// An attempt that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// Which delivery.
    pub delivery_id: i64,
    /// Which attempt.
    pub attempt_id: i64,
    /// When it was over.
    pub finished_at: DateTime<Utc>,
    /// The HTTP status or exit code.
    pub status: Option<u16>,
    /// What follows.
    pub outcome: Outgoing,
}

/// An attempt as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it was over; absent while it is under way.
    pub finished_at: Option<DateTime<Utc>>,
    /// `delivered`, `unchanged`, `failed`, `put_back`, `cut_off`; absent while it is under way.
    pub outcome: Option<String>,
    /// The HTTP status or exit code.
    pub status: Option<u16>,
    /// What it failed of.
    pub error: Option<String>,
}

/// What is due: nothing that waits for an export, and of each API only the oldest event that is not over.
pub(super) const DUE: &str = "state = 'queued' AND target = ?1 AND ifnull(export_until <= ?2, 1)
    AND NOT EXISTS (SELECT 1 FROM disabled_targets o WHERE o.target = ?1)
    AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.api = d.api AND e.target = d.target AND e.revision < d.revision
                    AND e.state IN ('queued', 'leased'))";

/// A delivery of a run that has not ended.
const OF_OPEN_RUN: &str = "EXISTS (SELECT 1 FROM runs r WHERE r.id = d.run_id AND r.outcome = 'running')";

impl Registry {
    /// What a process that died left half-way goes out again at once: it may have arrived or not. Answers how many those are. What
    /// waits for a summary goes out too where the target gets none (`digest`).
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn take_over_lane(&mut self, target: &str, digest: bool, now: DateTime<Utc>) -> Result<u64, RegistryError> {
        let now = whole_millis(now);
        let count = |sql: &Connection, state: DeliveryState| {
            let mut statement =
                sql.prepare_cached("SELECT count(*) FROM deliveries WHERE target = ?1 AND state = ?2")?;
            statement.query_row((target, state.as_str()), |row| counted(row, 0))
        };
        let (left, collected) =
            self.reader.read(|sql| Ok((count(sql, DeliveryState::Leased)?, count(sql, DeliveryState::Collected)?)))?;
        let unsummed = !digest && collected > 0;
        if left == 0 && !unsummed {
            return Ok(0);
        }
        self.write(|sql| {
            if unsummed {
                // What was to be summed up before the file said otherwise is told one by one.
                sql.execute(
                    "UPDATE deliveries SET state = 'queued', next_attempt_at = ?2 WHERE target = ?1 AND state = 'collected'",
                    (target, At(now)),
                )?;
            }
            sql.execute(
                "UPDATE attempts SET finished_at = ?2, outcome = 'cut_off'
                 WHERE finished_at IS NULL AND delivery IN (SELECT id FROM deliveries WHERE target = ?1 AND state = 'leased')",
                (target, At(now)),
            )?;
            sql.execute(
                "UPDATE deliveries SET state = 'queued', next_attempt_at = ?2 WHERE target = ?1 AND state = 'leased'",
                (target, At(now)),
            )?;
            Ok(left)
        })
    }

    /// Makes due what waits for longer than any delivery of the target may: a clock that was ahead has said so, or a file that has another
    /// `retry` now. Answers how many those are.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn bring_back(&mut self, target: &str, longest: TimeDelta, now: DateTime<Utc>) -> Result<usize, RegistryError> {
        let now = whole_millis(now);
        let Some(farthest) = now.checked_add_signed(longest) else { return Ok(0) };
        let far = self.reader.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'queued' AND target = ?1 AND next_attempt_at > ?2)",
            )?;
            Ok(statement.query_row((target, At(farthest)), |row| row.get::<_, bool>(0))?)
        })?;
        if !far {
            return Ok(0);
        }
        self.write(|sql| {
            Ok(sql.execute(
                "UPDATE deliveries SET next_attempt_at = ?3
                 WHERE state = 'queued' AND target = ?1 AND next_attempt_at > ?2",
                (target, At(farthest), At(now)),
            )?)
        })
    }

    /// Leases what has been due for a target since `due_by`, the longest due first, and writes down that it is being attempted.
    /// `settled` leaves out what a run caused that has not ended. Nothing is due for a target that is switched off.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn lease(
        &mut self,
        target: &str,
        most: usize,
        settled: bool,
        due_by: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Leased>, RegistryError> {
        let now = whole_millis(now);
        self.write(|sql| {
            let open = if settled { format!("AND NOT {OF_OPEN_RUN}") } else { String::new() };
            let mut statement = sql.prepare_cached(&format!(
                "SELECT id, key, attempts, first_attempt_at, payload, specifications, api, revision FROM deliveries d
                 WHERE {DUE} AND next_attempt_at <= ?4 {open} ORDER BY next_attempt_at, id LIMIT ?3"
            ))?;
            let mut rows = statement.query((target, At(now), values::count(most as u64), At(due_by)))?;
            let mut leased = Vec::new();
            while let Some(row) = rows.next()? {
                match values::json(row, 4) {
                    Ok(notice) => leased.push(lease(sql, target, row, notice, now)?),
                    // It must not keep the others from leaving.
                    Err(error) => bury(sql, row.get(0)?, &format!("it cannot be read back: {error}"))?,
                }
            }
            Ok(leased)
        })
    }

    /// Writes down what came of attempts.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn record_attempts(&mut self, target: &str, attempted: &[Attempted]) -> Result<(), RegistryError> {
        self.write(|sql| {
            for attempt in attempted {
                record(sql, target, attempt)?;
            }
            Ok(())
        })
    }
}

/// Gives up what nobody can send.
fn bury(sql: &Connection, delivery_id: i64, error: &str) -> rusqlite::Result<()> {
    sql.prepare_cached("UPDATE deliveries SET state = 'dead', next_attempt_at = NULL, last_error = ?2 WHERE id = ?1")?
        .execute((delivery_id, error))?;
    Ok(())
}

fn lease(
    sql: &Connection,
    target: &str,
    row: &Row<'_>,
    notice: Notice,
    now: DateTime<Utc>,
) -> rusqlite::Result<Leased> {
    let (delivery_id, attempt) = (row.get(0)?, counted(row, 2)? + 1);
    let first_attempt_at = values::time(row, 3)?.unwrap_or(now);
    let (api, revision): (Option<i64>, i64) = (row.get(6)?, row.get(7)?);
    sql.prepare_cached(
        "UPDATE deliveries SET state = 'leased', attempts = ?2, first_attempt_at = ?3, export_until = NULL WHERE id = ?1",
    )?
    .execute((delivery_id, values::count(attempt), At(first_attempt_at)))?;
    let attempt_id = sql
        .prepare_cached("INSERT INTO attempts (delivery, started_at) VALUES (?1, ?2)")?
        .insert((delivery_id, At(now)))?;
    let (mut told_specifications, mut undelivered_before) = (BTreeMap::new(), 0);
    if let Some(api) = api {
        let mut told =
            sql.prepare_cached("SELECT stage, digest FROM told_specifications WHERE api = ?1 AND target = ?2")?;
        let told = told.query_map((api, target), |row| Ok((row.get(0)?, hex(&row.get::<_, [u8; 32]>(1)?))))?;
        told_specifications = told.collect::<Result<_, _>>()?;
        let mut before = sql.prepare_cached(
            "SELECT count(*) FROM deliveries d WHERE api = ?1 AND target = ?2 AND revision < ?3 AND state IN ('dead', 'ambiguous')
               AND revision > ifnull((SELECT max(revision) FROM deliveries e WHERE e.api = ?1 AND e.target = ?2
                                        AND e.revision < ?3 AND e.state = 'delivered'), 0)",
        )?;
        undelivered_before = before.query_row((api, target, revision), |row| counted(row, 0))?;
    }
    Ok(Leased {
        delivery_id,
        attempt_id,
        key: hex(&row.get::<_, [u8; 32]>(1)?),
        attempt,
        first_attempt_at,
        notice,
        specifications: values::json_or_none(row, 5)?.unwrap_or_default(),
        told_specifications,
        undelivered_before,
    })
}

fn record(sql: &Connection, target: &str, attempt: &Attempted) -> rusqlite::Result<()> {
    let Attempted { delivery_id, attempt_id, finished_at, status, outcome } = attempt;
    let finished = At(whole_millis(*finished_at));
    let (word, error) = match outcome {
        Outgoing::Delivered { .. } => ("delivered", None),
        Outgoing::Unchanged => ("unchanged", None),
        Outgoing::Again { error, .. } | Outgoing::Dead { error, .. } => ("failed", Some(error)),
        Outgoing::Back { error } => ("put_back", error.as_ref()),
    };
    sql.prepare_cached("UPDATE attempts SET finished_at = ?2, outcome = ?3, status = ?4, error = ?5 WHERE id = ?1")?
        .execute((attempt_id, finished, word, status, error))?;
    let (state, next, back) = match outcome {
        Outgoing::Delivered { .. } => (DeliveryState::Delivered, None, 0),
        Outgoing::Unchanged => (DeliveryState::Unchanged, None, 0),
        Outgoing::Again { at, .. } => (DeliveryState::Queued, Some(At(whole_millis(*at))), 0),
        Outgoing::Dead { ambiguous: true, .. } => (DeliveryState::Ambiguous, None, 0),
        Outgoing::Dead { .. } => (DeliveryState::Dead, None, 0),
        Outgoing::Back { .. } => (DeliveryState::Queued, Some(finished), 1),
    };
    let note = if let Outgoing::Delivered { note } = outcome { note.as_ref() } else { None };
    sql.prepare_cached(
        "UPDATE deliveries SET state = ?2, next_attempt_at = ?3, last_error = ?4, attempts = attempts - ?5, note = ?6,
                first_attempt_at = iif(attempts - ?5 = 0, NULL, first_attempt_at)
         WHERE id = ?1",
    )?
    .execute((delivery_id, state.as_str(), next, error, back, note))?;
    if state == DeliveryState::Delivered {
        remember_specifications(sql, target, *delivery_id)?;
    }
    Ok(())
}

/// What the target has now of each stage.
fn remember_specifications(sql: &Connection, target: &str, delivery_id: i64) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(
        "SELECT api, specifications FROM deliveries WHERE id = ?1 AND api IS NOT NULL AND specifications IS NOT NULL",
    )?;
    let found = statement
        .query_row([delivery_id], |row| Ok((row.get::<_, i64>(0)?, values::json::<BTreeMap<String, Pinned>>(row, 1)?)))
        .optional()?;
    let Some((api, pinned)) = found else { return Ok(()) };
    let mut keep = sql.prepare_cached(
        "INSERT OR REPLACE INTO told_specifications (api, target, stage, digest) VALUES (?1, ?2, ?3, unhex(?4))",
    )?;
    for (stage, pinned) in pinned {
        if let Pinned::Digest(digest) = pinned {
            keep.execute((api, target, stage, digest))?;
        }
    }
    Ok(())
}

impl Reader {
    /// When the next delivery of a target is due; absent where none waits. What waits for an export is due when that is given up.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn next_delivery(
        &self,
        target: &str,
        settled: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, RegistryError> {
        self.read(|sql| {
            let open = if settled { format!("AND NOT {OF_OPEN_RUN}") } else { String::new() };
            let mut statement = sql.prepare_cached(&format!(
                "SELECT * FROM (SELECT next_attempt_at FROM deliveries d WHERE {DUE} {open} ORDER BY next_attempt_at LIMIT 1)
                 UNION ALL SELECT min(export_until) FROM deliveries WHERE target = ?1 AND state = 'queued' AND export_until > ?2"
            ))?;
            let rows = statement.query_map((target, At(now)), |row| values::time(row, 0))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().min())
        })
    }

    /// Targets for which something waits.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn waiting_targets(&self) -> Result<BTreeSet<String>, RegistryError> {
        self.read(|sql| {
            let mut statement =
                sql.prepare_cached("SELECT DISTINCT target FROM deliveries WHERE state IN ('queued', 'leased')")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Every attempt of a delivery, oldest first.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn attempts(&self, delivery_id: i64) -> Result<Vec<AttemptRow>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT started_at, finished_at, outcome, status, error FROM attempts WHERE delivery = ?1 ORDER BY id",
            )?;
            let rows = statement.query_map([delivery_id], |row| {
                Ok(AttemptRow {
                    started_at: row.get::<_, At>(0)?.0,
                    finished_at: values::time(row, 1)?,
                    outcome: row.get(2)?,
                    status: row.get(3)?,
                    error: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Events that carry specifications.
pub(super) fn carries_specifications(event: Event) -> bool {
    matches!(event, Event::Onboarded | Event::Returned | Event::InstanceAdded | Event::Changed)
}
