//! Whether the file system under a registry can be relied upon.
//!
//! SQLite's write-ahead log needs shared memory and locks that hold, which network file systems do not give
//! (SQLite's page "Write-Ahead Logging": all processes must be on the same host).

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statfs::statfs;

use super::{RegistryError, RegistryErrorKind};

/// Network and cluster file systems by the magic number that `statfs(2)` tells, from Linux's `magic.h` and each project's headers.
const NETWORK: [(u32, &str); 17] = [
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xfe53_4d42, "SMB2"),
    (0xff53_4d42, "CIFS"),
    (0x0000_564c, "NCP"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x7461_636f, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x0102_1997, "9p"),
    (0x7375_7245, "Coda"),
    (0x2003_0528, "OrangeFS"),
    (0x1983_0326, "BeeGFS"),
    (0xaad7_aaea, "PanFS"),
];

/// FUSE carries local file systems as well as `GlusterFS`, s3fs or sshfs, and does not say which.
const FUSE: u32 = 0x6573_5546;

/// What a registry's file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A local one, as far as can be told.
    Local,
    /// Behind FUSE, which may or may not be a network file system: worth a warning.
    Fuse,
}

/// Looks at the file system that holds `path`, or would hold it.
///
/// # Errors
/// Where the directory is missing, and where the file system is one of a network.
pub(super) fn look(path: &Path) -> Result<Place, RegistryError> {
    let directory = directory_of(path);
    // The file itself may be a mount point or a link; before it exists, its directory is where it will be.
    let stat = match statfs(path) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => statfs(&directory),
        other => other,
    };
    match stat {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the magic numbers have 32 bits in a field whose width and sign differ by platform"
        )]
        Ok(stat) => judge(stat.filesystem_type().0 as u32)
            .map_err(|name| RegistryError::new(path, RegistryErrorKind::NetworkFileSystem { name })),
        Err(Errno::ENOENT | Errno::ENOTDIR) => {
            Err(RegistryError::new(path, RegistryErrorKind::DirectoryMissing(directory)))
        }
        // A file system that does not answer may still be a good one.
        Err(Errno::ENOSYS) => Ok(Place::Local),
        Err(errno) => Err(RegistryError::new(path, std::io::Error::from(errno))),
    }
}

/// The directory of a file; `.` for a bare name.
pub(super) fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Gives what root has just made to whoever owns the folder that it lies in.
///
/// A command that root runs beside a service must not leave files that the service, which has a user of its own, cannot open.
/// SQLite does the same for the files beside the registry.
pub(super) fn give_to_owner(path: &Path) -> io::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let folder = fs::metadata(directory_of(path))?;
    chown(path, Some(folder.uid()), Some(folder.gid()))
}

/// A file's own place, where it is named by a link: what lies beside a registry must be the same for all who use it. Links among
/// the folders make no difference to that, so the name stays as a person wrote it.
pub(super) fn real(path: &Path) -> PathBuf {
    let link = path.is_symlink().then(|| path.canonicalize().ok()).flatten();
    link.unwrap_or_else(|| path.to_owned())
}

/// A file beside the registry: its name with something appended.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn judge(magic: u32) -> Result<Place, &'static str> {
    match NETWORK.iter().find(|(network, _)| *network == magic) {
        Some((_, name)) => Err(name),
        None if magic == FUSE => Ok(Place::Fuse),
        None => Ok(Place::Local),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_refused_by_name() {
        assert_eq!(judge(0x6969), Err("NFS"));
        assert_eq!(judge(0xff53_4d42), Err("CIFS"));
        assert_eq!(judge(FUSE), Ok(Place::Fuse));
        assert_eq!(judge(0xef53), Ok(Place::Local), "ext4");
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = look(Path::new("/no/such/place/aboard.db")).unwrap_err();
        let expected = "no directory /no/such/place to hold the registry /no/such/place/aboard.db; make it, or name another place with --registry";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_bare_name_lies_in_the_working_directory() {
        assert_eq!(directory_of(Path::new("aboard.db")), Path::new("."));
        assert!(look(Path::new("aboard.db")).is_ok());
    }
}
