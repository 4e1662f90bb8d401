//! What became of each instant at which a schedule was due. Every one has exactly one fate.
//!
//! A fate `run` or `caught_up` is written before its run begins, and the run's row and the fate's `run_id` stand in one transaction:
//! whatever a crash leaves without a run is begun by the next start.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::values::{self, At, at, count, counted, word, word_or_none};
use super::{Reader, Registry, RegistryError, RunId};
use crate::schedule::{CLOCK_SLACK, Due, Fate, Reason, is_misdated};

/// A due instant's number.
pub type DueId = i64;

/// When a connection's schedule as it stands began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleState {
    /// What it names; the same text for the same instants.
    pub definition: String,
    /// Nothing that was due at or before it is owed.
    pub since: DateTime<Utc>,
    /// The newest due instant of this definition that has a fate.
    pub settled_until: Option<DateTime<Utc>>,
}

/// A fate to be written down.
#[derive(Clone, Debug)]
pub struct NewFate<'a> {
    /// Whose schedule.
    pub connection: &'a str,
    /// In which zone its local time is meant.
    pub zone: &'a str,
    /// The instant.
    pub due: Due,
    /// What becomes of it.
    pub fate: Fate,
    /// Why, where it is no run.
    pub reason: Option<Reason>,
    /// How many older instants it stands for as well.
    pub older: u64,
    /// Version of the zone data.
    pub tzdb: &'a str,
}

/// A due instant whose run has not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDue {
    /// Its number.
    pub due_id: DueId,
    /// Whose schedule.
    pub connection: String,
    /// The instant.
    pub due_at: DateTime<Utc>,
    /// `Run` or `CaughtUp`.
    pub fate: Fate,
}

/// A due instant as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DueRow {
    /// Its number.
    #[serde(skip)]
    pub due_id: DueId,
    /// Whose schedule.
    pub connection: String,
    /// The instant.
    pub due_at: DateTime<Utc>,
    /// IANA name.
    pub zone: String,
    /// The local time that the schedule names.
    pub nominal: NaiveDateTime,
    /// Whether it is the later of two instants with that local time.
    pub second_pass: bool,
    /// What became of it.
    pub fate: Fate,
    /// Why, where it is no run.
    pub reason: Option<Reason>,
    /// How many older instants it stands for as well.
    pub older: u64,
    /// When that was written down.
    pub recorded_at: DateTime<Utc>,
    /// Its run.
    pub run_id: Option<RunId>,
}

/// Which due instants are wanted; the default is all of them.
#[derive(Clone, Debug, Default)]
pub struct DueFilter {
    /// Of this connection.
    pub connection: Option<String>,
    /// Not before this instant.
    pub since: Option<DateTime<Utc>>,
    /// No more than this many, newest first.
    pub limit: Option<usize>,
}

impl Registry {
    /// Takes the schedules as the file names them now, each with its definition, and answers since when each stands. A definition that
    /// is not the one it was begins now, and so does one that began under a clock that was wrong. What the file no longer names is
    /// forgotten; the fates stay.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn define_schedules(
        &mut self,
        schedules: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<String, ScheduleState>, RegistryError> {
        self.write(|sql| {
            let known = definitions(sql)?;
            for name in known.keys().filter(|name| !schedules.contains_key(*name)) {
                sql.prepare_cached("DELETE FROM schedules WHERE connection = ?1")?.execute([name])?;
            }
            for (name, definition) in schedules {
                match known.get(name) {
                    Some((known, since)) if known == definition && !is_misdated(*since, now) => {}
                    // It is the one that it was, only its date was wrong: the instants that it had stay its own.
                    Some((known, _)) if known == definition => {
                        sql.prepare_cached("UPDATE schedules SET since = ?2 WHERE connection = ?1")?
                            .execute((name, At(now)))?;
                    }
                    _ => {
                        sql.prepare_cached(
                            "INSERT OR REPLACE INTO schedules (connection, definition, since, begun_after)
                             SELECT ?1, ?2, ?3, ifnull(max(id), 0) FROM due_instants",
                        )?
                        .execute((name, definition, At(now)))?;
                    }
                }
            }
            sql.execute("DELETE FROM retries WHERE connection NOT IN (SELECT connection FROM schedules)", [])?;
            Ok(states(sql)?)
        })
    }

    /// Writes down fates, all of them or none; answers for each its number, or nothing where the instant had a fate before.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn record_fates(
        &mut self,
        fates: &[NewFate<'_>],
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<DueId>>, RegistryError> {
        self.write(|sql| {
            // What was set aside gives way to a row with a number of its own: by it one knows whose instant it is.
            let mut set_aside = sql.prepare_cached(
                "DELETE FROM due_instants
                 WHERE connection = ?1 AND zone = ?2 AND nominal = ?3 AND second_pass = ?4 AND void = 1",
            )?;
            let mut statement = sql.prepare_cached(
                "INSERT INTO due_instants (connection, zone, nominal, second_pass, due_at, fate, reason, older, recorded_at, tzdb)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (connection, zone, nominal, second_pass) DO NOTHING
                 RETURNING id",
            )?;
            let mut record = |new: &NewFate<'_>| {
                set_aside.execute((new.connection, new.zone, nominal(&new.due), new.due.second_pass))?;
                let parameters = (
                    new.connection,
                    new.zone,
                    nominal(&new.due),
                    new.due.second_pass,
                    At(new.due.at),
                    new.fate.as_str(),
                    new.reason.map(Reason::as_str),
                    count(new.older),
                    At(now),
                    new.tzdb,
                );
                statement.query_row(parameters, |row| row.get(0)).optional()
            };
            Ok(fates.iter().map(&mut record).collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Gives due instants whose runs have not begun another fate; those whose runs have keep theirs.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn change_fates(&mut self, fates: &[(DueId, Fate, Option<Reason>)]) -> Result<(), RegistryError> {
        self.write(|sql| {
            let mut statement =
                sql.prepare_cached("UPDATE due_instants SET fate = ?2, reason = ?3 WHERE id = ?1 AND run_id IS NULL")?;
            for (due_id, fate, reason) in fates {
                statement.execute((due_id, fate.as_str(), reason.map(Reason::as_str)))?;
            }
            Ok(())
        })
    }

    /// Sets aside the fates that were written under a clock that was ahead of the present one by more than [`CLOCK_SLACK`]: instants
    /// that are still to come must not count as served. Answers how many.
    ///
    /// Which of the two clocks is wrong nobody can tell. So nothing is deleted: what was set aside counts again once the clock has come
    /// to where it was written, unless its instant got another fate meanwhile.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn set_aside_fates_of_the_future(&mut self, now: DateTime<Utc>) -> Result<usize, RegistryError> {
        self.write(|sql| {
            let limit = At(now + CLOCK_SLACK);
            sql.execute("UPDATE due_instants SET void = 0 WHERE void = 1 AND recorded_at <= ?1", [limit])?;
            let aside = sql.execute("UPDATE due_instants SET void = 1 WHERE void = 0 AND recorded_at > ?1", [limit])?;
            sql.execute("DELETE FROM retries WHERE due_at > ?1 + 86400000 * 400", [limit])?;
            Ok(aside)
        })
    }
}

impl Reader {
    /// The schedules as they were defined last.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn schedules(&self) -> Result<BTreeMap<String, ScheduleState>, RegistryError> {
        self.read(|sql| Ok(states(sql)?))
    }

    /// The due instants whose runs have not begun, oldest first.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn open_dues(&self) -> Result<Vec<OpenDue>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT id, connection, due_at, fate FROM due_instants
                 WHERE run_id IS NULL AND fate IN ('run', 'caught_up') AND void = 0 ORDER BY due_at, id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(OpenDue {
                    due_id: row.get(0)?,
                    connection: row.get(1)?,
                    due_at: row.get::<_, At>(2)?.0,
                    fate: word(row, 3, Fate::parse)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Due instants, newest first.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn dues(&self, filter: &DueFilter) -> Result<Vec<DueRow>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(&format!(
                "{SELECT_DUE}
                 WHERE (?1 IS NULL OR connection = ?1) AND (?2 IS NULL OR due_at >= ?2) AND void = 0
                 ORDER BY due_at DESC, id DESC LIMIT ?3"
            ))?;
            let limit = filter.limit.map_or(-1, |limit| count(limit as u64));
            let rows = statement.query_map((&filter.connection, at(filter.since), limit), due)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Ties a due instant to its run, in the transaction that begins it.
pub(super) fn begun(sql: &Connection, due_id: DueId, run_id: RunId) -> rusqlite::Result<()> {
    sql.prepare_cached("UPDATE due_instants SET run_id = ?2 WHERE id = ?1")?.execute((due_id, run_id))?;
    Ok(())
}

const SELECT_DUE: &str =
    "SELECT id, connection, due_at, zone, nominal, second_pass, fate, reason, older, recorded_at, run_id
    FROM due_instants";

/// One due instant.
pub(super) fn due_by_id(sql: &Connection, due_id: DueId) -> rusqlite::Result<DueRow> {
    sql.prepare_cached(&format!("{SELECT_DUE} WHERE id = ?1"))?.query_row([due_id], due)
}

fn nominal(due: &Due) -> String {
    due.nominal.format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn definitions(sql: &Connection) -> rusqlite::Result<BTreeMap<String, (String, DateTime<Utc>)>> {
    let mut statement = sql.prepare_cached("SELECT connection, definition, since FROM schedules")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get::<_, At>(2)?.0))))?;
    rows.collect()
}

fn states(sql: &Connection) -> rusqlite::Result<BTreeMap<String, ScheduleState>> {
    let mut statement = sql.prepare_cached(
        "SELECT connection, definition, since,
                (SELECT max(due_at) FROM due_instants d WHERE d.connection = s.connection AND d.void = 0
                 AND d.due_at > s.since AND d.id > s.begun_after)
         FROM schedules s",
    )?;
    let rows = statement.query_map([], |row| {
        let state = ScheduleState {
            definition: row.get(1)?,
            since: row.get::<_, At>(2)?.0,
            settled_until: values::time(row, 3)?,
        };
        Ok((row.get(0)?, state))
    })?;
    rows.collect()
}

fn due(row: &Row<'_>) -> rusqlite::Result<DueRow> {
    Ok(DueRow {
        due_id: row.get(0)?,
        connection: row.get(1)?,
        due_at: row.get::<_, At>(2)?.0,
        zone: row.get(3)?,
        nominal: word(row, 4, |text| text.parse().ok())?,
        second_pass: row.get(5)?,
        fate: word(row, 6, Fate::parse)?,
        reason: word_or_none(row, 7, Reason::parse)?,
        older: counted(row, 8)?,
        recorded_at: row.get::<_, At>(9)?.0,
        run_id: row.get(10)?,
    })
}
