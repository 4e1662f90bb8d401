//! The registry: our SQLite record of every API ever seen, of runs, and of what targets are to be told. The only SQL.
//!
//! It is synchronous and reads no clock: callers pass `now` and run it where blocking is allowed. It decides nothing about APIs
//! ([`crate::plan`] does) and sends nothing; it remembers, and it commits.
//!
//! Everything that belongs together is one transaction, begun `IMMEDIATE` so that it waits for other writers before it reads, and
//! none spans a network call. `synchronous` is `FULL`: a delivery leaves only after the commit that wrote it, and what a target was
//! told must not be forgotten by a power cut, which `NORMAL` allows in a write-ahead log. The price is one `fsync` a scope.
//!
//! [`Reader`] can only look; [`Registry`] is a reader that can write as well.

mod announcing;
mod apis;
mod approvals;
mod audit;
mod baseline;
mod commit;
#[cfg(debug_assertions)]
mod crash;
mod delivering;
mod due;
mod error;
mod figures;
mod history;
mod ignores;
mod known;
pub mod locks;
mod maintenance;
mod members;
mod outbox;
mod pauses;
mod place;
mod reference;
mod retention;
mod retries;
mod retrying;
mod rows;
mod runs;
mod schema;
mod specifications;
mod status;
mod subscriptions;
mod tally;
mod targets;
#[cfg(test)]
mod testing;
mod timeline;
mod values;

use std::fs::OpenOptions;
use std::io;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

pub use crate::document::ApiDocument;
pub use crate::notice::DeliveryState;
pub use announcing::Announcement;
pub use apis::{ApiFilter, ApiPlace, ConnectionDecision};
pub use approvals::Redelivered;
pub use audit::{AuditAction, AuditEntry, AuditFilter, AuditRow};
pub use commit::{Commit, CommitScope, Committed};
#[cfg(debug_assertions)]
pub use crash::arm_crash;
pub use delivering::{AttemptRow, Attempted, Leased, Outgoing, Pinned};
pub use due::{DueFilter, DueId, DueRow, NewFate, OpenDue, ScheduleState};
pub use error::{RegistryError, RegistryErrorKind};
pub use figures::{Backlog, EndedRun, SettledDue};
pub use history::{HistoryEvent, HistoryRow};
pub use ignores::IgnoredApi;
pub use maintenance::Info;
pub use members::Member;
pub use outbox::{DeliveryFilter, DeliveryRow, delivery_key};
pub use pauses::{Pause, Resting, is_paused};
pub use place::Place;
pub use reference::ApiRef;
pub use retention::Pruned;
pub use retries::Retry;
pub use runs::{Counts, NewRun, Outcome, Resumable, RunError, RunFilter, RunId, RunRow, RunScope, Trigger, Unfinished};
pub use schema::supported_version;
pub use specifications::{
    Exported, ExportedBefore, ExportedDocument, FailedExport, SpecificationRow, StoredDocument, WantedExport,
};
pub use status::{ScopeStatus, WholeLook};
pub use subscriptions::{Intent, IntentId, OpenIntent};
pub use tally::Tally;
pub use targets::Disabled;
pub use timeline::{Happening, Mark, TimelineFilter};

use schema::Found;

/// How long a statement waits for another process's transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages kept in memory, in KiB (`PRAGMA cache_size`, negative): what a commit of a scope of 600 new APIs changes, so that it reaches
/// the log once.
const CACHE_KIB: i64 = -8192;

/// Statements kept prepared; one commit uses some thirty.
const STATEMENTS: usize = 64;

/// An open registry that is only looked at.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    place: Place,
}

/// An open registry.
#[derive(Debug)]
pub struct Registry {
    reader: Reader,
    /// When this process last went through what is forgotten once a day.
    swept_at: Option<DateTime<Utc>>,
}

impl Deref for Registry {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Registry {
    /// Opens the registry at `path`, and makes it, with mode 0600, where there is none.
    ///
    /// # Errors
    /// As [`Registry::open`], but for `Missing`; and `DirectoryMissing`.
    pub fn create_or_open(path: &Path) -> Result<Self, RegistryError> {
        let place = place::look(path)?;
        let is_new = !path.exists();
        let made = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        // Closed before SQLite opens it: whoever closes a file lets go of all locks that its process has on it by POSIX.
        match made.map(drop) {
            Ok(()) if is_new => {
                place::give_to_owner(&place::real(path)).map_err(|error| RegistryError::new(path, error))?;
            }
            // SQLite says better than the operating system what is wrong with a file that is there.
            Err(error) if !path.exists() => return Err(RegistryError::new(path, refused(error))),
            _ => {}
        }
        Self::open_file(path, place)
    }

    /// Opens the registry at `path`, and brings it to this binary's schema.
    ///
    /// # Errors
    /// `Missing`, `NotARegistry`, `Newer`, `NetworkFileSystem`, `ReadOnly` and what SQLite and the disk may refuse.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let place = existing(path)?;
        let empty = path.metadata().is_ok_and(|file| file.len() == 0);
        if empty {
            return Err(RegistryError::new(path, RegistryErrorKind::Missing));
        }
        Self::open_file(path, place)
    }

    fn open_file(path: &Path, place: Place) -> Result<Self, RegistryError> {
        let named = path;
        let path = &place::real(named);
        let opened = || -> Result<Connection, RegistryErrorKind> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            let found = schema::identify(&connection)?;
            if connection.is_readonly("main")? {
                return Err(RegistryErrorKind::ReadOnly);
            }
            if found != Found::Version(schema::supported_version()) {
                schema::bring_up(&mut connection, path, &schema::migrations(), schema::supported_version())?;
            }
            prepare(&connection)?;
            // A copy that was put in the registry's place has another journal mode. Where nothing changes, nothing is locked.
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let connection = opened().map_err(|kind| RegistryError::new(named, unless_unwritable(path, kind)))?;
        Ok(Self { reader: Reader { connection, path: path.to_owned(), place }, swept_at: None })
    }

    /// Opens the registry at `path` for reading only; neither it nor its schema changes.
    ///
    /// # Errors
    /// As [`Registry::open`]; also `Older`, and `UnreadableLog` on a read-only disk.
    pub fn open_read(path: &Path) -> Result<Reader, RegistryError> {
        let place = existing(path)?;
        let named = path;
        let path = &place::real(named);
        let opened = || -> Result<Connection, RegistryErrorKind> {
            let connection = match readable(path, OpenFlags::empty()) {
                Err(error) if needs_shared_memory(&error) => open_immutable(path)?,
                other => other?,
            };
            match schema::identify(&connection)? {
                Found::Empty => return Err(RegistryErrorKind::Missing),
                Found::Version(found) if found < schema::supported_version() => {
                    return Err(RegistryErrorKind::Older { found, supported: schema::supported_version() });
                }
                Found::Version(found) if found > schema::supported_version() => {
                    return Err(schema::newer(path, found, schema::supported_version()));
                }
                Found::Version(_) => {}
            }
            prepare(&connection)?;
            connection.pragma_update(None, "query_only", true)?;
            Ok(connection)
        };
        let connection = opened().map_err(|kind| RegistryError::new(named, kind))?;
        Ok(Reader { connection, path: path.to_owned(), place })
    }

    /// Runs `body` in one transaction: all of it is committed, or nothing.
    ///
    /// Every transaction that writes goes through here.
    fn write<T>(
        &mut self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, RegistryErrorKind>,
    ) -> Result<T, RegistryError> {
        let Reader { connection, path, .. } = &mut self.reader;
        let work = || -> Result<T, RegistryErrorKind> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = body(&transaction)?;
            #[cfg(debug_assertions)]
            crash::point(crash::Side::Before);
            transaction.commit()?;
            #[cfg(debug_assertions)]
            crash::point(crash::Side::After);
            Ok(value)
        };
        work().map_err(|kind| RegistryError::new(path, kind))
    }
}

impl Reader {
    /// The registry file itself, where it was named by a link.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of file system holds it.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Runs `body` against one state of the registry, whatever others commit meanwhile.
    fn read<T>(&self, body: impl FnOnce(&Connection) -> Result<T, RegistryErrorKind>) -> Result<T, RegistryError> {
        let work = || -> Result<T, RegistryErrorKind> {
            let snapshot = Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred)?;
            let value = body(&snapshot)?;
            snapshot.rollback()?;
            Ok(value)
        };
        work().map_err(|kind| RegistryError::new(&self.path, kind))
    }
}

fn existing(path: &Path) -> Result<Place, RegistryError> {
    match path.try_exists() {
        Ok(true) => place::look(path),
        Ok(false) => Err(RegistryError::new(path, RegistryErrorKind::Missing)),
        Err(error) => Err(RegistryError::new(path, error)),
    }
}

fn refused(error: io::Error) -> RegistryErrorKind {
    match error.kind() {
        io::ErrorKind::PermissionDenied => RegistryErrorKind::ReadOnly,
        _ => error.into(),
    }
}

/// SQLite says that it cannot open a file where it cannot make the log beside it; whether it could is asked of the system.
fn unless_unwritable(path: &Path, kind: RegistryErrorKind) -> RegistryErrorKind {
    let cannot_open = matches!(&kind, RegistryErrorKind::Sqlite(error)
        if error.sqlite_error_code() == Some(ErrorCode::CannotOpen));
    let writable = |path: &Path| nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok();
    if cannot_open && !(writable(path) && writable(&place::directory_of(path))) {
        RegistryErrorKind::ReadOnly
    } else {
        kind
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", true)
}

fn readable(name: &Path, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(name, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Whether reading failed for want of a place for the files that a write-ahead log needs.
fn needs_shared_memory(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Opens a file that nobody can change, without the log and the shared memory that a changing one needs.
fn open_immutable(path: &Path) -> Result<Connection, RegistryErrorKind> {
    if place::beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0) {
        return Err(RegistryErrorKind::UnreadableLog);
    }
    let mut name = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => name.push(char::from(*byte)),
            _ => {
                name.push('%');
                name.push_str(&crate::hex::hex(&[*byte]));
            }
        }
    }
    name.push_str("?immutable=1");
    Ok(readable(Path::new(&name), OpenFlags::SQLITE_OPEN_URI)?)
}

#[cfg(test)]
mod tests;
