//! What ran, and the due instants that did not, in one list.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::due::{DueRow, due_by_id};
use super::runs::{RunRow, run_by_id};
use super::values::{At, at, count};
use super::{Reader, RegistryError};

/// An entry of the list.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A run.
    Run(Box<RunRow>),
    /// A due instant that has no run, or not yet.
    Due(DueRow),
}

/// Where an entry stands in the list, whether it is still there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// When the run began, or the fate was written down.
    pub at: DateTime<Utc>,
    /// Whether it is a due instant.
    pub due: bool,
    /// Its number among those of its kind.
    pub id: i64,
}

/// Which entries are wanted; the default is all of them.
#[derive(Clone, Debug, Default)]
pub struct TimelineFilter {
    /// Of this connection.
    pub connection: Option<String>,
    /// Only those that come after this one in the list, that is older ones.
    pub after: Option<Mark>,
    /// No more than this many, newest first.
    pub limit: Option<usize>,
}

impl Happening {
    /// Where it stands.
    #[must_use]
    pub fn mark(&self) -> Mark {
        match self {
            Self::Run(run) => Mark { at: run.started_at, due: false, id: run.run_id },
            Self::Due(due) => Mark { at: due.recorded_at, due: true, id: due.due_id },
        }
    }
}

impl Reader {
    /// Every connection of which something is written down: that it ran, was due, has a schedule, or that somebody did something.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn connections(&self) -> Result<BTreeSet<String>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT connection FROM runs UNION SELECT connection FROM due_instants UNION SELECT connection FROM schedules
                 UNION SELECT connection FROM audit WHERE connection IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Runs, and due instants that have none, newest first: runs by when they began, instants by when their fate was written down.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn timeline(&self, filter: &TimelineFilter) -> Result<Vec<Happening>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT at, due, id FROM (
                     SELECT started_at AS at, 0 AS due, id FROM runs WHERE ?1 IS NULL OR connection = ?1
                     UNION ALL
                     SELECT recorded_at, 1, id FROM due_instants
                     WHERE run_id IS NULL AND void = 0 AND (?1 IS NULL OR connection = ?1))
                 WHERE ?2 IS NULL OR (at, due, id) < (?2, ?3, ?4)
                 ORDER BY at DESC, due DESC, id DESC LIMIT ?5",
            )?;
            let limit = filter.limit.map_or(-1, |limit| count(limit as u64));
            let (after, due, id) =
                (filter.after.map(|mark| mark.at), filter.after.map(|mark| mark.due), filter.after.map(|mark| mark.id));
            let marks = statement
                .query_map((&filter.connection, at(after), due, id, limit), |row| {
                    Ok(Mark { at: row.get::<_, At>(0)?.0, due: row.get(1)?, id: row.get(2)? })
                })?
                .collect::<Result<Vec<_>, _>>()?;
            let happening = |mark: Mark| {
                if mark.due {
                    due_by_id(sql, mark.id).map(Happening::Due)
                } else {
                    run_by_id(sql, mark.id).map(|run| Happening::Run(Box::new(run)))
                }
            };
            Ok(marks.into_iter().map(happening).collect::<Result<_, _>>()?)
        })
    }
}
