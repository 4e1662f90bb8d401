//! Where the control socket is, how it is made so that at no moment others can connect, and how it is reached.
//!
//! `sun_path` of `sockaddr_un` has 108 bytes with its final zero (`unix(7)`). A longer path is used through a descriptor of its folder,
//! `/proc/self/fd/N/name`, which the kernel follows like any other.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

/// Bytes of a path that an address takes.
const MOST_PATH: usize = 107;

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    /// The device that holds it.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
}

impl FileId {
    /// That of what is at `path`, or where a link there leads; none where nothing can be seen.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Where the control socket of a registry's worker belongs: in the service's runtime folder, else beside the registry.
/// `runtime` is `$RUNTIME_DIRECTORY`, which may be a list with colons.
#[must_use]
pub fn place(registry: &Path, runtime: Option<&OsStr>) -> PathBuf {
    runtime.and_then(in_runtime).unwrap_or_else(|| crate::registry::locks::control_socket(registry))
}

/// Where the control socket of a service with this `$RUNTIME_DIRECTORY` is, if that names a folder.
#[must_use]
pub fn in_runtime(runtime: &OsStr) -> Option<PathBuf> {
    let first = runtime.as_bytes().split(|byte| *byte == b':').find(|part| !part.is_empty())?;
    Some(Path::new(OsStr::from_bytes(first)).join("control.sock"))
}

/// Connects to a control socket.
///
/// # Errors
/// Nobody listens there, or this user may not.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    reached(path, |path| UnixStream::connect(path))
}

/// Listens at `path` with mode 0600, in the place of a socket that a dead worker left behind.
///
/// # Errors
/// Somebody answers there, or the folder does not allow it.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    if connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers there"));
    }
    // A socket gets its mode only after it was bound. Until then it is in a folder that nobody else may enter.
    let mut nest = path.as_os_str().to_owned();
    nest.push(".new");
    let nest = PathBuf::from(nest);
    let egg = nest.join("s");
    clear(&egg, &nest)?;
    DirBuilder::new().mode(0o700).create(&nest)?;
    let made = reached(&egg, |egg| UnixListener::bind(egg)).and_then(|listener| {
        fs::set_permissions(&egg, Permissions::from_mode(0o600))?;
        fs::rename(&egg, path)?;
        Ok(listener)
    });
    clear(&egg, &nest)?;
    made
}

/// Takes away what a worker that died here left behind.
fn clear(egg: &Path, nest: &Path) -> io::Result<()> {
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    };
    fs::remove_file(egg).or_else(gone)?;
    fs::remove_dir(nest).or_else(gone)
}

/// Uses a path as an address, however long it is.
fn reached<T>(path: &Path, body: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= MOST_PATH {
        return body(path);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let folder: File = OpenOptions::new().read(true).custom_flags(flags.bits()).open(folder)?;
    body(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_folder_comes_before_the_registrys() {
        let registry = Path::new("/var/lib/aboard/aboard.db");
        let at = |runtime: Option<&str>| place(registry, runtime.map(OsStr::new));
        assert_eq!(at(Some("/run/aboard:/run/other")), Path::new("/run/aboard/control.sock"));
        for none in [None, Some(""), Some(":")] {
            assert_eq!(at(none), Path::new("/var/lib/aboard/aboard.db-control.sock"));
        }
    }

    #[test]
    fn a_socket_is_for_its_owner_only_and_nothing_else_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aboard.db-control.sock");
        let _listener = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        connect(&path).unwrap();
    }

    #[test]
    fn a_dead_workers_socket_is_replaced_and_a_living_ones_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let first = listen(&path).unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        // It died while it made its socket.
        let nest = folder.path().join("control.sock.new");
        fs::create_dir(&nest).unwrap();
        fs::write(nest.join("s"), "").unwrap();
        let _second = listen(&path).unwrap();
        connect(&path).unwrap();
        assert!(!nest.exists());
    }

    #[test]
    fn a_path_may_be_longer_than_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(100)).join("e".repeat(100));
        fs::create_dir_all(&deep).unwrap();
        let path = deep.join("aboard.db-control.sock");
        let _listener = listen(&path).unwrap();
        connect(&path).unwrap();
    }
}
