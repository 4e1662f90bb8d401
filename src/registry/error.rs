//! What can go wrong with the registry file, as a person is told it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::inventory::ApiId;

/// A failure of the registry, with the file that it concerns.
///
/// A write that failed has changed nothing: its transaction was rolled back.
#[derive(Debug)]
pub struct RegistryError {
    /// The registry file.
    pub path: PathBuf,
    /// What happened.
    pub kind: RegistryErrorKind,
}

/// What happened.
#[derive(Debug)]
pub enum RegistryErrorKind {
    /// There is no such file.
    Missing,
    /// The directory that should hold it is not there.
    DirectoryMissing(PathBuf),
    /// It is some other file.
    NotARegistry,
    /// A newer aboard wrote it.
    Newer {
        /// Its schema version.
        found: usize,
        /// The newest version that this binary knows.
        supported: usize,
        /// The newest copy that this binary can read.
        copy: Option<PathBuf>,
    },
    /// An older aboard wrote it, and it was opened for reading only.
    Older {
        /// Its schema version.
        found: usize,
        /// The version that this binary needs.
        supported: usize,
    },
    /// It lies where file locks cannot be relied upon.
    NetworkFileSystem {
        /// Such as `NFS`.
        name: &'static str,
    },
    /// It, or its disk, cannot be written.
    ReadOnly,
    /// Its last changes are in a write-ahead log that a read-only disk does not let us read.
    UnreadableLog,
    /// Its disk is full.
    Full,
    /// Its disk could not be read or written for another reason; SQLite's word for it.
    Disk(String),
    /// Another process kept it locked.
    Busy,
    /// Its content is damaged.
    Corrupt(String),
    /// A copy would have replaced a file.
    CopyExists(PathBuf),
    /// A copy could not be written.
    CopyFailed {
        /// The copy.
        copy: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// It holds no such API.
    UnknownApi(ApiId),
    /// It holds no such run.
    UnknownRun(i64),
    /// No delivery has that number.
    UnknownDelivery {
        /// The number.
        delivery_id: i64,
    },
    /// That run has ended already.
    RunOver(i64),
    /// The operating system refused.
    Io(io::Error),
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// The list of migrations could not be applied.
    Migration(Box<rusqlite_migration::Error>),
}

impl RegistryError {
    pub(super) fn new(path: &Path, kind: impl Into<RegistryErrorKind>) -> Self {
        Self { path: path.to_owned(), kind: kind.into() }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use RegistryErrorKind as Kind;
        let path = self.path.display();
        match &self.kind {
            Kind::Missing => write!(f, "no registry at {path}"),
            Kind::DirectoryMissing(directory) => write!(
                f,
                "no directory {} to hold the registry {path}; make it, or name another place with --registry",
                directory.display()
            ),
            Kind::NotARegistry => {
                write!(f, "{path} is no registry of aboard; name another file with --registry, this one was left alone")
            }
            Kind::Newer { found, supported, copy } => {
                write!(
                    f,
                    "registry {path} has schema version {found}, this aboard knows versions up to {supported}; use a newer aboard"
                )?;
                match copy {
                    Some(copy) => write!(f, ", or go back to the copy {}", copy.display()),
                    None => f.write_str("; there is no copy that this one can read"),
                }
            }
            Kind::Older { found, supported } => write!(
                f,
                "registry {path} has schema version {found} and must be brought to {supported}, which reading alone does not do; run `aboard registry info` where it can be written"
            ),
            Kind::NetworkFileSystem { name } => write!(
                f,
                "registry {path} lies on a network file system ({name}), where SQLite's locks cannot be relied upon; put it on a local disk"
            ),
            Kind::ReadOnly => {
                write!(
                    f,
                    "registry {path} cannot be written; check its owner, its mode and whether its disk is mounted read-only"
                )
            }
            Kind::UnreadableLog => write!(
                f,
                "registry {path} lies on a read-only disk with changes still in {path}-wal; copy both to a disk that can be written and read them there"
            ),
            Kind::Full => {
                write!(
                    f,
                    "the disk that holds registry {path} is full; free some space and try again, nothing was changed"
                )
            }
            Kind::Disk(detail) => write!(
                f,
                "the disk that holds registry {path} could not be read or written ({detail}); check its quotas and its health and try again, nothing was changed"
            ),
            Kind::Busy => write!(
                f,
                "registry {path} was kept locked by another process for {} s; try again when that one has finished",
                super::BUSY_TIMEOUT.as_secs()
            ),
            Kind::Corrupt(detail) => write!(
                f,
                "registry {path} is damaged ({detail}); keep the file, and go back to a copy made by `aboard registry backup`"
            ),
            Kind::CopyExists(copy) => {
                write!(f, "{} exists and is not replaced; name another file", copy.display())
            }
            Kind::CopyFailed { copy, cause } => {
                write!(f, "cannot copy registry {path} to {}: {cause}", copy.display())
            }
            Kind::UnknownApi(id) => write!(f, "registry {path} knows no API {id}"),
            Kind::UnknownDelivery { delivery_id } => write!(f, "registry {path} knows no delivery {delivery_id}"),
            Kind::UnknownRun(id) => write!(f, "registry {path} knows no run {id}"),
            Kind::RunOver(id) => write!(
                f,
                "another process ended run {id} in registry {path} as if this one were dead, and may have looked at the same; see `aboard runs`"
            ),
            Kind::Io(cause) => write!(f, "cannot reach registry {path}: {cause}"),
            Kind::Sqlite(cause) => write!(f, "SQLite failed on registry {path}: {cause}"),
            Kind::Migration(cause) => {
                write!(
                    f,
                    "registry {path} could not be brought to this version's schema and was left as it was: {cause}"
                )
            }
        }
    }
}

/// The sentence says the cause too, so there is no source to be told a second time.
impl Error for RegistryError {}

impl From<rusqlite::Error> for RegistryErrorKind {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::NotADatabase) => Self::NotARegistry,
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(error.to_string()),
            // Without room for it, the shared-memory file beside a write-ahead log cannot grow.
            Some(ErrorCode::SystemIoFailure)
                if error.sqlite_extended_error_code() == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) =>
            {
                Self::Full
            }
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error.to_string()),
            _ => match error {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Corrupt(error.to_string()),
                error => Self::Sqlite(error),
            },
        }
    }
}

impl From<io::Error> for RegistryErrorKind {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io(error),
        }
    }
}

impl From<rusqlite_migration::Error> for RegistryErrorKind {
    fn from(error: rusqlite_migration::Error) -> Self {
        match error {
            rusqlite_migration::Error::RusqliteError { err, .. } if err.sqlite_error_code().is_some() => {
                match Self::from(err) {
                    Self::Sqlite(source) => Self::Migration(Box::new(source.into())),
                    kind => kind,
                }
            }
            error => Self::Migration(Box::new(error)),
        }
    }
}
