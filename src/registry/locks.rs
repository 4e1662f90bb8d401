//! Locks between processes: one run per connection, one worker per registry.
//!
//! A lock is the kernel's lock on a file beside the registry, so it ends with its process, however that ends. What the file says
//! is only for the message to the second comer; the files themselves stay.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::place::{beside, give_to_owner};
use super::runs::RunId;

const WORKER: &str = "worker";
const MIGRATION: &str = "migration";

/// Who holds a lock, as far as its file tells; a holder that has just taken it may not have written yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedBy {
    /// Process id.
    pub pid: Option<u32>,
    /// The run that it carries out.
    pub run_id: Option<RunId>,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    holder: LockedBy,
}

impl Lock {
    /// Writes down which run the holder carries out.
    pub fn set_run(&mut self, run_id: RunId) -> io::Result<()> {
        self.holder.run_id = Some(run_id);
        self.tell()
    }

    fn tell(&mut self) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.holder)?;
        text.push(b'\n');
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(&text)
    }
}

/// What came of trying to take a lock.
#[derive(Debug)]
pub enum Locking {
    /// It is ours.
    Taken(Lock),
    /// Somebody else holds it.
    Held(LockedBy),
}

/// Takes the lock of one connection's runs on the registry whose [`path`](super::Reader::path) that is.
///
/// # Errors
/// Where the lock file cannot be made beside the registry.
pub fn lock_connection(registry: &Path, connection: &str, now: DateTime<Utc>) -> io::Result<Locking> {
    take(registry, &file_name(connection), now)
}

/// Takes the lock of the one worker that the registry with this [`path`](super::Reader::path) may have.
///
/// # Errors
/// Where the lock file cannot be made beside the registry.
pub fn lock_worker(registry: &Path, now: DateTime<Utc>) -> io::Result<Locking> {
    take(registry, WORKER, now)
}

/// Waits for the lock of a schema migration, however long its holder works.
pub(super) fn wait_to_migrate(registry: &Path) -> io::Result<File> {
    let file = open(registry, MIGRATION)?;
    file.lock()?;
    Ok(file)
}

fn take(registry: &Path, name: &str, now: DateTime<Utc>) -> io::Result<Locking> {
    let mut file = open(registry, name)?;
    match file.try_lock() {
        Ok(()) => {
            let holder = LockedBy { pid: Some(std::process::id()), run_id: None, since: Some(now) };
            let mut lock = Lock { file, holder };
            lock.tell()?;
            Ok(Locking::Taken(lock))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(Locking::Held(serde_json::from_str(&text).unwrap_or_default()))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open(registry: &Path, name: &str) -> io::Result<File> {
    let directory = directory(registry);
    match fs::DirBuilder::new().mode(0o700).create(&directory) {
        Ok(()) => give_to_owner(&directory)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let path = directory.join(format!("{name}.lock"));
    let is_new = !path.exists();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    if is_new {
        give_to_owner(&path)?;
    }
    Ok(file)
}

/// Where the lock files of a registry are.
#[must_use]
pub fn directory(registry: &Path) -> PathBuf {
    beside(registry, "-locks")
}

/// A connection's name as a file name: what could mean something to a file system, and the first letter of what names a lock of
/// ours, is written as `%XX`.
fn file_name(connection: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let ours = [WORKER, MIGRATION].contains(&connection);
    let bytes = connection.bytes().enumerate();
    let escaped = bytes.map(|(index, byte)| match byte {
        _ if plain(byte) && !(ours && index == 0) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-21T02:30:00Z".parse().unwrap()
    }

    #[test]
    fn the_second_comer_learns_who_holds_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let registry = directory.path().join("aboard.db");
        let Locking::Taken(mut lock) = lock_connection(&registry, "payments", now()).unwrap() else { panic!("free") };
        lock.set_run(7).unwrap();
        let Locking::Held(holder) = lock_connection(&registry, "payments", now()).unwrap() else { panic!("held") };
        assert_eq!(holder, LockedBy { pid: Some(std::process::id()), run_id: Some(7), since: Some(now()) });
    }

    #[test]
    fn a_dropped_lock_is_free_again() {
        let directory = tempfile::tempdir().unwrap();
        let registry = directory.path().join("aboard.db");
        let first = lock_worker(&registry, now()).unwrap();
        assert!(matches!(lock_worker(&registry, now()).unwrap(), Locking::Held(_)));
        drop(first);
        assert!(matches!(lock_worker(&registry, now()).unwrap(), Locking::Taken(_)));
    }

    #[test]
    fn connections_do_not_stand_in_each_others_way() {
        let directory = tempfile::tempdir().unwrap();
        let registry = directory.path().join("aboard.db");
        let names = ["payments", "../payments", "worker", "%77orker", "a/b", "a%2Fb"];
        let locks = names.map(|name| lock_connection(&registry, name, now()).unwrap());
        assert!(locks.iter().all(|lock| matches!(lock, Locking::Taken(_))));
        assert!(matches!(lock_worker(&registry, now()).unwrap(), Locking::Taken(_)));
    }
}
