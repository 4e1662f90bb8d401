//! The state of the file itself: figures, checks and copies.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, params_from_iter};

use super::approvals::FROM_AWAITING;
use super::place::{Place, beside, directory_of};
use super::schema::{Found, identify};
use super::values::{self, counted};
use super::{Reader, RegistryError, RegistryErrorKind};

/// How many problems of one kind are listed.
const LISTED: usize = 100;

/// Figures of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The file.
    pub path: PathBuf,
    /// What holds it.
    pub place: Place,
    /// Its schema version.
    pub schema_version: usize,
    /// The version of the SQLite library in this binary.
    pub sqlite_version: String,
    /// Bytes, write-ahead log included.
    pub size: u64,
    /// APIs by state; those that were dropped from the lists under `dropped`.
    pub apis: BTreeMap<String, u64>,
    /// APIs that wait for approval on some connection.
    pub awaiting: u64,
    /// Runs by outcome.
    pub runs: BTreeMap<String, u64>,
    /// When the oldest run that is remembered began.
    pub oldest_run_at: Option<DateTime<Utc>>,
    /// When the newest run began.
    pub newest_run_at: Option<DateTime<Utc>>,
    /// The outbox by state.
    pub deliveries: BTreeMap<String, u64>,
}

impl Reader {
    /// Figures of the registry.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn info(&self) -> Result<Info, RegistryError> {
        let size_of = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        self.read(|sql| {
            let schema_version = match identify(sql)? {
                Found::Version(version) => version,
                Found::Empty => 0,
            };
            let (oldest_run_at, newest_run_at) =
                sql.query_row("SELECT min(started_at), max(started_at) FROM runs", [], |row| {
                    Ok((values::time(row, 0)?, values::time(row, 1)?))
                })?;
            Ok(Info {
                path: self.path.clone(),
                place: self.place,
                schema_version,
                sqlite_version: rusqlite::version().to_owned(),
                size: size_of(&self.path) + size_of(&beside(&self.path, "-wal")),
                apis: count_by(sql, "SELECT ifnull(state, 'dropped'), count(*) FROM apis GROUP BY 1")?,
                awaiting: sql
                    .query_row(&format!("SELECT count(DISTINCT d.api) {FROM_AWAITING}"), [], |row| counted(row, 0))?,
                runs: count_by(sql, "SELECT outcome, count(*) FROM runs GROUP BY 1")?,
                oldest_run_at,
                newest_run_at,
                deliveries: count_by(sql, "SELECT state, count(*) FROM deliveries GROUP BY 1")?,
            })
        })
    }

    /// Reads the whole file and answers what is wrong with it, one sentence each; nothing is right.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse; damage that still lets the file be read is in the list instead.
    pub fn check(&self) -> Result<Vec<String>, RegistryError> {
        self.read(|sql| {
            let mut problems = Vec::new();
            let mut statement = sql.prepare(&format!("PRAGMA integrity_check({LISTED})"))?;
            let found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            problems.extend(
                found.into_iter().filter(|line| line != "ok").map(|line| format!("the file is damaged: {line}")),
            );
            let mut statement = sql.prepare("PRAGMA foreign_key_check")?;
            let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(2)?)))?;
            for row in found.take(LISTED) {
                let (table, parent): (String, String) = row?;
                problems.push(format!("a row of {table} refers to a row of {parent} that is not there"));
            }
            for Invariant { query, sentence } in INVARIANTS {
                let mut statement = sql.prepare(&format!("{query} LIMIT {LISTED}"))?;
                let found = statement.query_map(params_from_iter([""; 0]), |row| row.get::<_, String>(0))?;
                for subject in found {
                    problems.push(format!("{}: {sentence}", subject?));
                }
            }
            Ok(problems)
        })
    }

    /// Copies the registry to a file that does not exist yet, with mode 0600, while others may go on using it.
    ///
    /// # Errors
    /// `CopyExists`, and what SQLite and the disk may refuse; no part of a copy is left behind then.
    pub fn backup(&self, file: &Path) -> Result<(), RegistryError> {
        copy_to_new_file(&self.connection, file).map_err(|kind| RegistryError::new(&self.path, of_copy(kind, file)))
    }
}

/// Copies an open registry to a file that does not exist yet, with mode 0600, and sees it safely on disk.
pub(super) fn copy_to_new_file(from: &Connection, file: &Path) -> Result<(), RegistryErrorKind> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(RegistryErrorKind::CopyExists(file.to_owned()));
        }
        made => made?,
    };
    let copied = copy(from, file);
    if copied.is_err() {
        // What matters is why the copy failed; an empty file that stays does no harm.
        let _tidied = fs::remove_file(file);
    }
    copied
}

/// Says of the copy what is not the registry's fault.
fn of_copy(kind: RegistryErrorKind, copy: &Path) -> RegistryErrorKind {
    use RegistryErrorKind as Kind;
    let cause = match kind {
        Kind::CopyExists(_) | Kind::Busy | Kind::Corrupt(_) => return kind,
        Kind::Full => "its disk is full".to_owned(),
        Kind::ReadOnly => "its disk or folder cannot be written".to_owned(),
        Kind::Io(error) => error.to_string(),
        Kind::Sqlite(error) => error.to_string(),
        other => RegistryError::new(copy, other).to_string(),
    };
    Kind::CopyFailed { copy: copy.to_owned(), cause }
}

fn copy(from: &Connection, file: &Path) -> Result<(), RegistryErrorKind> {
    let mut to = Connection::open(file)?;
    to.busy_timeout(super::BUSY_TIMEOUT)?;
    // All pages in one step: readers do not stop writers, and a copy in several steps starts over when somebody writes.
    match Backup::new(from, &mut to)?.step(-1)? {
        StepResult::Done => {}
        _ => return Err(RegistryErrorKind::Busy),
    }
    // One file is easier to carry around than three.
    to.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    to.close().map_err(|(_, error)| error)?;
    File::open(file)?.sync_all()?;
    File::open(directory_of(file))?.sync_all()?;
    Ok(())
}

fn count_by(sql: &Connection, query: &str) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut statement = sql.prepare_cached(query)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, counted(row, 1)?)))?;
    rows.collect()
}

/// Something that must hold; the query names what it does not hold for.
struct Invariant {
    query: &'static str,
    sentence: &'static str,
}

const INVARIANTS: &[Invariant] = &[
    Invariant {
        query:
            "SELECT a.account_id || '/' || a.region || '/' || a.api_id FROM apis a LEFT JOIN history h ON h.api = a.id
                GROUP BY a.id
                HAVING ifnull(sum(CASE WHEN h.event IN ('onboarded', 'recorded_as_existing', 'returned') THEN 1
                                       WHEN h.event = 'gone' THEN -1 ELSE 0 END), 0) <> (a.state IS 'onboarded')",
        sentence: "its history does not lead to its state",
    },
    Invariant {
        query: "SELECT a.account_id || '/' || a.region || '/' || a.api_id || ' and target ' || t.target
                FROM told t JOIN apis a ON a.id = t.api
                WHERE t.revision <> (SELECT ifnull(max(revision), 0) FROM deliveries d
                                    WHERE d.api = t.api AND d.target = t.target)",
        sentence: "its deliveries do not lead to its revision",
    },
    Invariant {
        query: "SELECT a.account_id || '/' || a.region || '/' || a.api_id FROM apis a
                WHERE a.state = 'onboarded' AND a.onboarded_at IS NULL",
        sentence: "it is onboarded, but nobody knows since when",
    },
    Invariant {
        query: "SELECT connection FROM runs WHERE outcome = 'running' GROUP BY connection HAVING count(*) > 1",
        sentence: "more than one run of this connection counts as running",
    },
];
