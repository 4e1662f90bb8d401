//! Bringing a registry file to this binary's schema, once, and never without a copy of what was there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use super::maintenance::copy_to_new_file;
use super::place::beside;
use super::{RegistryErrorKind, locks};

/// Marks a SQLite file as ours (`PRAGMA application_id`): "abrd".
pub(super) const APPLICATION_ID: i32 = 0x6162_7264;

/// Every schema change in order. Append only: a released one is never edited, moved or removed.
const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("migrations/0001_initial.sql")),
    M::up(include_str!("migrations/0002_worker.sql")),
    M::up(include_str!("migrations/0003_figures.sql")),
    M::up(include_str!("migrations/0004_coverage.sql")),
    M::up(include_str!("migrations/0005_pauses.sql")),
    M::up(include_str!("migrations/0006_members.sql")),
    M::up(include_str!("migrations/0007_delivery.sql")),
    M::up(include_str!("migrations/0008_subscriptions.sql")),
];

/// The released migrations.
pub(super) fn migrations() -> Migrations<'static> {
    Migrations::from_slice(MIGRATIONS)
}

/// The schema version that this binary writes.
#[must_use]
pub fn supported_version() -> usize {
    MIGRATIONS.len()
}

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing is in it yet.
    Empty,
    /// One of ours, of this version.
    Version(usize),
}

/// Looks at the marks of an open file.
///
/// # Errors
/// `NotARegistry` for a file of somebody else.
pub(super) fn identify(connection: &Connection) -> Result<Found, RegistryErrorKind> {
    // Both marks from one state of the file, for another process may be making it.
    let begin = || Transaction::new_unchecked(connection, TransactionBehavior::Deferred);
    let _snapshot = connection.is_autocommit().then(begin).transpose()?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match (application, usize::try_from(version)) {
        // The mark is set before the first schema, so a creation that was interrupted leaves no more than it.
        (APPLICATION_ID, Ok(0)) => Ok(Found::Empty),
        (APPLICATION_ID, Ok(version)) => Ok(Found::Version(version)),
        (0, Ok(0)) => {
            let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if objects == 0 { Ok(Found::Empty) } else { Err(RegistryErrorKind::NotARegistry) }
        }
        _ => Err(RegistryErrorKind::NotARegistry),
    }
}

/// Brings the file to the newest of `migrations` (`supported` many).
///
/// Whoever needs to migrate takes a lock file first and looks again inside it, so that of two processes that open an old file at
/// once one migrates and the other finds the work done.
///
/// # Errors
/// `Newer`, `NotARegistry`, `CopyExists` where a copy of another file stands in the way, and what SQLite and the disk may refuse.
pub(super) fn bring_up(
    connection: &mut Connection,
    path: &Path,
    migrations: &Migrations<'_>,
    supported: usize,
) -> Result<(), RegistryErrorKind> {
    let done = |found| match found {
        Found::Version(version) if version > supported => Err(newer(path, version, supported)),
        Found::Version(version) => Ok(version == supported),
        Found::Empty => Ok(false),
    };
    if done(identify(connection)?)? {
        return Ok(());
    }
    let _lock = locks::wait_to_migrate(path)?;
    let found = identify(connection)?;
    if done(found)? {
        return Ok(());
    }
    match found {
        Found::Empty => {
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        Found::Version(version) => keep_copy(connection, path, version)?,
    }
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let migrated = migrations.to_latest(connection);
    connection.set_transaction_behavior(TransactionBehavior::Deferred);
    migrated?;
    Ok(())
}

/// The refusal of a registry that is too new.
pub(super) fn newer(path: &Path, found: usize, supported: usize) -> RegistryErrorKind {
    RegistryErrorKind::Newer { found, supported, copy: readable_copy(path, supported) }
}

/// Where the copy of a registry of that version is kept.
pub(super) fn copy_path(path: &Path, version: usize) -> PathBuf {
    beside(path, &format!(".v{version}.bak"))
}

/// Copies the registry before its schema changes.
///
/// The copy is made under another name and renamed when it is whole; one of an earlier, interrupted attempt is replaced, for the
/// registry has been used since.
fn keep_copy(connection: &Connection, path: &Path, version: usize) -> Result<(), RegistryErrorKind> {
    let copy = copy_path(path, version);
    let unfinished = beside(&copy, ".unfinished");
    remove_if_there(&unfinished)?;
    copy_to_new_file(connection, &unfinished)?;
    fs::rename(&unfinished, &copy)?;
    File::open(super::place::directory_of(path))?.sync_all()?;
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The newest copy beside the registry that this binary can read.
fn readable_copy(path: &Path, supported: usize) -> Option<PathBuf> {
    let candidates = (1..=supported).rev().map(|version| (version, copy_path(path, version)));
    candidates
        .filter(|(_, copy)| copy.is_file())
        .find(|(version, copy)| is_registry(copy, *version))
        .map(|(_, copy)| copy)
}

fn is_registry(path: &Path, version: usize) -> bool {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    connection.is_ok_and(|connection| identify(&connection).is_ok_and(|found| found == Found::Version(version)))
}

#[cfg(test)]
mod tests;
