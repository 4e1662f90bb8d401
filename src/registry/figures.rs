//! What is counted for metrics: cheap to ask again and again, whatever the size of the registry.
//!
//! Runs and due instants are followed by their numbers, which only rise; the rest is counted from indexes alone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row};

use super::approvals::FROM_AWAITING;
use super::runs::{Counts, Outcome, RunId, Trigger};
use super::values::{self, At, counted, word};
use super::{DueId, Reader, RegistryError};
use crate::schedule::Fate;

/// What stands in the registry as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// APIs by state, those in the lists.
    pub apis: BTreeMap<String, u64>,
    /// Deliveries by target and state.
    pub deliveries: BTreeMap<(String, String), u64>,
    /// Targets that are switched off.
    pub disabled: BTreeSet<String>,
    /// APIs that wait for approval, by connection.
    pub awaiting: BTreeMap<String, u64>,
}

/// A run that came to its end, as far as it is counted.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedRun {
    /// Its number.
    pub run_id: RunId,
    /// Whose.
    pub connection: String,
    /// What set it off.
    pub trigger: Trigger,
    /// The instant that its schedule named.
    pub due_at: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How; `Running` where it has not.
    pub outcome: Outcome,
    /// Whether it looked at less than everything in scope, by a person's wish.
    pub narrowed: bool,
    /// What it counted.
    pub counts: Counts,
}

/// A due instant with its fate, as far as it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledDue {
    /// Its number.
    pub due_id: DueId,
    /// Whose schedule.
    pub connection: String,
    /// What became of it; may still change while `open`.
    pub fate: Fate,
    /// Whether its run has yet to begin.
    pub open: bool,
    /// How many instants the row stands for.
    pub instants: u64,
}

/// A run that looked at all that was in scope, or once more at what had failed.
const WHOLE: &str = "r.selected = 0 AND (r.trigger = 'retry'
    OR (r.request ->> '$.account' IS NULL AND r.request ->> '$.region' IS NULL))";

impl Reader {
    /// Changes whenever another connection to the registry has committed something.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn data_version(&self) -> Result<i64, RegistryError> {
        self.read(|sql| Ok(sql.pragma_query_value(None, "data_version", |row| row.get(0))?))
    }

    /// The newest run and the newest due instant; 0 where there is none.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn newest(&self) -> Result<(RunId, DueId), RegistryError> {
        self.read(|sql| {
            let max = |table| sql.query_row(&format!("SELECT ifnull(max(id), 0) FROM {table}"), [], |row| row.get(0));
            Ok((max("runs")?, max("due_instants")?))
        })
    }

    /// The runs that count as running.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn under_way(&self) -> Result<BTreeSet<RunId>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT id FROM runs WHERE outcome = 'running'")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Runs after `after`, and those of `open`, whether they have ended or not.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn runs_since(&self, after: RunId, open: &BTreeSet<RunId>) -> Result<Vec<EndedRun>, RegistryError> {
        self.read(|sql| {
            let select = format!(
                "SELECT id, connection, trigger, due_at, started_at, finished_at, outcome, NOT ({WHOLE}), counts FROM runs r"
            );
            let mut statement = sql.prepare_cached(&format!("{select} WHERE id > ?1 ORDER BY id"))?;
            let mut runs = statement.query_map([after], ended)?.collect::<Result<Vec<_>, _>>()?;
            let mut statement = sql.prepare_cached(&format!("{select} WHERE id = ?1"))?;
            for id in open.iter().filter(|id| **id <= after) {
                runs.extend(statement.query_row([id], ended).optional()?);
            }
            Ok(runs)
        })
    }

    /// Due instants after `after`, and those of `open`.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn dues_since(&self, after: DueId, open: &BTreeSet<DueId>) -> Result<Vec<SettledDue>, RegistryError> {
        self.read(|sql| {
            let select = "SELECT id, connection, fate, run_id IS NULL AND fate IN ('run', 'caught_up'), older + 1 FROM due_instants";
            let mut statement = sql.prepare_cached(&format!("{select} WHERE id > ?1 ORDER BY id"))?;
            let mut dues = statement.query_map([after], settled)?.collect::<Result<Vec<_>, _>>()?;
            let mut statement = sql.prepare_cached(&format!("{select} WHERE id = ?1"))?;
            for id in open.iter().filter(|id| **id <= after) {
                dues.extend(statement.query_row([id], settled).optional()?);
            }
            Ok(dues)
        })
    }

    /// When the connection's last run over everything that succeeded ended.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn last_success(&self, connection: &str) -> Result<Option<DateTime<Utc>>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(&format!(
                "SELECT finished_at FROM runs r WHERE connection = ?1 AND outcome = 'succeeded' AND {WHOLE}
                 ORDER BY id DESC LIMIT 1"
            ))?;
            let found = statement.query_row([connection], |row| values::time(row, 0)).optional()?;
            Ok(found.flatten())
        })
    }

    /// Since when each connection's schedule is followed as it stands, and nobody has resumed it. Reads the whole audit trail once.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn schedules_since(&self) -> Result<BTreeMap<String, DateTime<Utc>>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "WITH resumed AS (SELECT connection, max(at) AS at FROM audit WHERE action = 'resumed' GROUP BY connection)
                 SELECT s.connection, max(s.since, ifnull(one.at, s.since), ifnull(every.at, s.since)) FROM schedules s
                 LEFT JOIN resumed one ON one.connection = s.connection LEFT JOIN resumed every ON every.connection IS NULL",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, At>(1)?.0)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Counts what stands in the registry, which takes up to a second for a million APIs and as many deliveries.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn backlog(&self) -> Result<Backlog, RegistryError> {
        self.read(|sql| {
            let mut statement =
                sql.prepare_cached("SELECT state, count(*) FROM apis WHERE state IS NOT NULL GROUP BY state")?;
            let apis = statement.query_map([], |row| Ok((row.get(0)?, counted(row, 1)?)))?;
            let apis = apis.collect::<Result<_, _>>()?;
            let mut statement =
                sql.prepare_cached("SELECT target, state, count(*) FROM deliveries GROUP BY target, state")?;
            let deliveries = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), counted(row, 2)?)))?;
            let deliveries = deliveries.collect::<Result<_, _>>()?;
            let mut statement = sql.prepare_cached("SELECT target FROM disabled_targets")?;
            let disabled = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let mut statement =
                sql.prepare_cached(&format!("SELECT d.connection, count(*) {FROM_AWAITING} GROUP BY d.connection"))?;
            let awaiting = statement.query_map([], |row| Ok((row.get(0)?, counted(row, 1)?)))?;
            Ok(Backlog { apis, deliveries, disabled, awaiting: awaiting.collect::<Result<_, _>>()? })
        })
    }
}

fn ended(row: &Row<'_>) -> rusqlite::Result<EndedRun> {
    Ok(EndedRun {
        run_id: row.get(0)?,
        connection: row.get(1)?,
        trigger: word(row, 2, Trigger::parse)?,
        due_at: values::time(row, 3)?,
        started_at: row.get::<_, At>(4)?.0,
        finished_at: values::time(row, 5)?,
        outcome: word(row, 6, Outcome::parse)?,
        narrowed: row.get(7)?,
        counts: values::json_or_none(row, 8)?.unwrap_or_default(),
    })
}

fn settled(row: &Row<'_>) -> rusqlite::Result<SettledDue> {
    Ok(SettledDue {
        due_id: row.get(0)?,
        connection: row.get(1)?,
        fate: word(row, 2, Fate::parse)?,
        open: row.get(3)?,
        instants: counted(row, 4)?,
    })
}
