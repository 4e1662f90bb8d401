//! Locks between processes: one run per connection, one worker per registry.
//!
//! A lock is the kernel's lock on a file beside the registry, so it ends with its process, however that ends. What the file says
//! is only for the message to the second comer; the files themselves stay.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::place::{beside, give_to_owner, real};
use super::runs::RunId;

const WORKER: &str = "worker";
const MIGRATION: &str = "migration";

/// Who only asks for the worker holds its lock for an instant; a worker that starts in that instant tries again.
const ASKED_FOR: Duration = Duration::from_millis(50);
const TRIES: usize = 6;

/// Who holds a lock, as far as its file tells; a holder that has just taken it may not have written yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedBy {
    /// Process id.
    pub pid: Option<u32>,
    /// The run that it carries out.
    pub run_id: Option<RunId>,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// Where it takes commands: the control socket of a worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// The schedule file that it follows, from the root: a worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
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

    /// Writes down where the holder takes commands, or that it takes none any more.
    pub fn set_socket(&mut self, socket: Option<PathBuf>) -> io::Result<()> {
        self.holder.socket = socket;
        self.tell()
    }

    /// Writes down which schedule file the holder follows.
    pub fn set_file(&mut self, file: &Path) -> io::Result<()> {
        self.holder.file = Some(file.to_owned());
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

/// Takes the right to deliver to one target.
///
/// # Errors
/// Where the lock file cannot be made beside the registry.
pub fn lock_lane(registry: &Path, target: &str, now: DateTime<Utc>) -> io::Result<Locking> {
    // No connection's lock has a dot in its name.
    take(registry, &format!("target.{}", file_name(target)), now)
}

/// Takes the lock of the one worker that the registry with this [`path`](super::Reader::path) may have.
///
/// # Errors
/// Where the lock file cannot be made beside the registry.
pub fn lock_worker(registry: &Path, now: DateTime<Utc>) -> io::Result<Locking> {
    for _ in 1..TRIES {
        if let taken @ Locking::Taken(_) = take(registry, WORKER, now)? {
            return Ok(taken);
        }
        std::thread::sleep(ASKED_FOR);
    }
    take(registry, WORKER, now)
}

/// The worker that the registry at this path has at the moment, if any. Nothing is made or changed.
///
/// # Errors
/// Where the lock file is there and may not be read.
pub fn worker_of(registry: &Path) -> io::Result<Option<LockedBy>> {
    let path = lock_file(&real(registry), WORKER);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // Shared, so that those who ask do not stand in each other's way.
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => read(&mut file).map(Some),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The schedule file that the registry's worker follows, or followed last, as far as is known.
#[must_use]
pub fn followed(registry: &Path) -> Option<PathBuf> {
    let mut file = File::open(lock_file(&real(registry), WORKER)).ok()?;
    read(&mut file).ok()?.file
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
            let holder = LockedBy { pid: Some(std::process::id()), since: Some(now), ..LockedBy::default() };
            let mut lock = Lock { file, holder };
            lock.tell()?;
            Ok(Locking::Taken(lock))
        }
        Err(TryLockError::WouldBlock) => read(&mut file).map(Locking::Held),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read(file: &mut File) -> io::Result<LockedBy> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

fn open(registry: &Path, name: &str) -> io::Result<File> {
    let directory = directory(registry);
    match fs::DirBuilder::new().mode(0o700).create(&directory) {
        Ok(()) => give_to_owner(&directory)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let path = lock_file(registry, name);
    let is_new = !path.exists();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    if is_new {
        give_to_owner(&path)?;
    }
    Ok(file)
}

fn lock_file(registry: &Path, name: &str) -> PathBuf {
    directory(registry).join(format!("{name}.lock"))
}

/// Where the lock files of a registry are.
#[must_use]
pub fn directory(registry: &Path) -> PathBuf {
    beside(registry, "-locks")
}

/// Where the control socket of a registry's worker is, unless its service has a folder for such things.
#[must_use]
pub fn control_socket(registry: &Path) -> PathBuf {
    beside(registry, "-control.sock")
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
        assert_eq!(
            holder,
            LockedBy { pid: Some(std::process::id()), run_id: Some(7), since: Some(now()), ..LockedBy::default() }
        );
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
    fn who_asks_for_the_worker_learns_its_socket_and_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let registry = directory.path().join("aboard.db");
        assert_eq!(worker_of(&registry).unwrap(), None);
        assert_eq!(directory.path().read_dir().unwrap().count(), 0, "nothing was made");

        let Locking::Taken(mut lock) = lock_worker(&registry, now()).unwrap() else { panic!("free") };
        lock.set_socket(Some("/run/aboard/control.sock".into())).unwrap();
        let worker = worker_of(&registry).unwrap().unwrap();
        assert_eq!(worker.socket.as_deref(), Some(Path::new("/run/aboard/control.sock")));
        assert_eq!(worker.pid, Some(std::process::id()));
        let link = directory.path().join("link.db");
        std::fs::write(&registry, "").unwrap();
        std::os::unix::fs::symlink(&registry, &link).unwrap();
        assert_eq!(worker_of(&link).unwrap(), Some(worker), "by whatever name the registry goes");

        drop(lock);
        assert_eq!(worker_of(&registry).unwrap(), None, "what a dead worker left behind counts for nothing");
    }

    #[test]
    fn a_worker_starts_beside_those_who_ask_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let registry = directory.path().join("aboard.db");
        drop(lock_worker(&registry, now()).unwrap());
        let asks = File::open(lock_file(&registry, WORKER)).unwrap();
        asks.try_lock_shared().unwrap();
        let asking = std::thread::spawn(move || {
            std::thread::sleep(ASKED_FOR);
            drop(asks);
        });
        assert!(matches!(lock_worker(&registry, now()).unwrap(), Locking::Taken(_)));
        asking.join().unwrap();
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
