//! The schedule file on disk: read for an edit, and replaced whole or not at all.
//!
//! The new text goes into a file beside the old one, with its mode and owner, and takes its name in one step: whoever reads meanwhile
//! sees the old text or the new one, also after a crash. A link is followed: what it leads to is replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};
use sha2::{Digest, Sha256};

use super::exit::Failure;
use crate::hex::hex;
use crate::worker::service::source::{self, Text};

/// A schedule file as it was read.
#[derive(Debug)]
pub(super) struct EditFile {
    /// As the user named it.
    named: PathBuf,
    /// Where it really is.
    real: PathBuf,
    /// What it said.
    pub(super) text: String,
    hash: String,
    /// Its folder, locked against other commands that edit.
    held: Option<File>,
}

impl EditFile {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or is not text.
    pub(super) fn read(named: &Path) -> Result<Self, Failure> {
        Self::read_as(named, real(named)?, None)
    }

    /// Reads the file, and keeps other commands from editing it until this one has written or is dropped: what they write then builds on
    /// what this one wrote. Not while somebody is asked something.
    ///
    /// # Errors
    /// As [`EditFile::read`].
    pub(super) fn read_and_hold(named: &Path) -> Result<Self, Failure> {
        let real = real(named)?;
        let held = File::open(folder_of(&real)).map_err(|error| unreadable(named, &error))?;
        // Where there are no locks, as on some network file systems, a file that was changed meanwhile is found before it is replaced.
        let _ = held.lock();
        Self::read_as(named, real, Some(held))
    }

    fn read_as(named: &Path, real: PathBuf, held: Option<File>) -> Result<Self, Failure> {
        let Text { text, hash } = source::read(named).map_err(|fault| Failure::usage(fault.to_string()))?;
        Ok(Self { named: named.to_owned(), real, text, hash, held })
    }

    /// As the user named it.
    pub(super) fn name(&self) -> &Path {
        &self.named
    }

    /// Whether that is the same file.
    pub(super) fn is(&self, file: &Path) -> bool {
        file.canonicalize().is_ok_and(|file| file == self.real)
    }

    /// SHA-256 of what it said, in hex.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// Refuses early what cannot be written anyway.
    ///
    /// # Errors
    /// The file comes from a Kubernetes `ConfigMap`, or may not be written.
    pub(super) fn must_be_writable(&self) -> Result<(), Failure> {
        let folder = self.folder();
        // Kubernetes mounts a ConfigMap as links through `..data` into a folder such as `..2026_11_21_10_00_00.123`.
        let of_config_map = folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
        if of_config_map {
            return Err(Failure::failed(format!("{} is mounted from a Kubernetes ConfigMap", self.named.display()))
                .hint("change the ConfigMap instead; a running worker follows it"));
        }
        let locked = fs::metadata(&self.real).is_ok_and(|meta| meta.permissions().mode() & 0o222 == 0);
        let refusal = if locked { Err(Errno::EACCES) } else { access(&self.real, AccessFlags::W_OK) };
        refusal.and_then(|()| access(folder, AccessFlags::W_OK | AccessFlags::X_OK)).map_err(|error| {
            let folder = folder.display();
            match error {
                Errno::EROFS => self.cannot("its file system is read-only"),
                Errno::EACCES | Errno::EPERM if refusal.is_err() => self.cannot("it is read-only for you"),
                Errno::EACCES | Errno::EPERM => self.cannot(&format!("its directory {folder} is read-only for you")),
                error => self.cannot(&error.to_string()),
            }
        })
    }

    /// Replaces the text and lets others edit; answers the hash of the new one.
    ///
    /// # Errors
    /// It cannot be written, or somebody, who takes no locks, changed it since it was read: then it is as it was found.
    pub(super) fn replace(&mut self, text: &str) -> Result<String, Failure> {
        self.must_be_writable()?;
        let folder = match self.held.take() {
            Some(folder) => folder,
            None => File::open(self.folder()).map_err(|error| self.failed(&error))?,
        };
        let meta = fs::metadata(&self.real).map_err(|error| self.failed(&error))?;
        let beside = Beside::new(&self.real, text, &meta).map_err(|error| self.failed(&error))?;
        let now = fs::read(&self.real).map_err(|error| self.failed(&error))?;
        if hash(&now) != self.hash {
            return Err(self.cannot("somebody else has just changed it").hint("nothing was written; try again"));
        }
        beside.take_the_place_of(&self.real).map_err(|error| self.failed(&error))?;
        // The new name must outlive a power cut, too.
        folder.sync_all().map_err(|error| self.failed(&error))?;
        Ok(hash(text.as_bytes()))
    }

    fn folder(&self) -> &Path {
        folder_of(&self.real)
    }

    fn cannot(&self, why: &str) -> Failure {
        Failure::failed(format!("cannot change {}: {why}", self.named.display()))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => self
                .cannot("it is mounted by itself, so that it cannot be replaced")
                .hint("mount its directory instead, or edit the file where it comes from"),
            io::ErrorKind::ReadOnlyFilesystem => self.cannot("its file system is read-only"),
            io::ErrorKind::PermissionDenied => self.cannot("you may not write it with the owner that it has"),
            _ => self.cannot(&error.to_string()),
        }
    }
}

/// Where a file really is.
fn real(named: &Path) -> Result<PathBuf, Failure> {
    named.canonicalize().map_err(|error| unreadable(named, &error))
}

fn folder_of(real: &Path) -> &Path {
    real.parent().unwrap_or(Path::new("/"))
}

fn unreadable(named: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read the schedule file {}: {error}", named.display()))
}

/// The new text in a file of its own, which is gone again unless it takes the old one's place.
#[derive(Debug)]
struct Beside {
    path: PathBuf,
    placed: bool,
}

impl Beside {
    fn new(real: &Path, text: &str, like: &fs::Metadata) -> io::Result<Self> {
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        let path = real.with_file_name(format!(".{name}.aboard-{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let beside = Self { path, placed: false };
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            fchown(&file, Some(like.uid()), Some(like.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(like.permissions().mode() & 0o7777))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(beside)
    }

    fn take_the_place_of(mut self, real: &Path) -> io::Result<()> {
        fs::rename(&self.path, real)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.placed {
            // Nothing more can be done about a file that cannot even be removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schedules.toml");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_with_its_mode_and_leaves_nothing_beside() {
        let (folder, path) = folder_with("old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut file = EditFile::read(&path).unwrap();
        assert_eq!(file.replace("new").unwrap(), hash(b"new"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(names(folder.path()), ["schedules.toml"]);
    }

    #[test]
    fn a_link_stays_a_link() {
        let (folder, path) = folder_with("old");
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink("schedules.toml", &link).unwrap();
        EditFile::read(&link).unwrap().replace("new").unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("schedules.toml"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_not_overwritten() {
        let (folder, path) = folder_with("old");
        let mut file = EditFile::read(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(file.replace("new").unwrap_err().message.contains("somebody else has just changed it"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names(folder.path()), ["schedules.toml"]);
    }

    #[test]
    fn whoever_holds_it_writes_before_another_reads() {
        let (_folder, path) = folder_with("old");
        let mut first = EditFile::read_and_hold(&path).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let mut file = EditFile::read_and_hold(&path).unwrap();
                let more = format!("{} second", file.text);
                file.replace(&more).unwrap();
            });
            first.replace("first").unwrap();
            second.join().unwrap();
        });
        assert_eq!(fs::read_to_string(&path).unwrap(), "first second");
    }

    #[test]
    fn a_file_of_a_config_map_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("..2026_11_21")).unwrap();
        fs::write(folder.path().join("..2026_11_21/schedules.toml"), "old").unwrap();
        std::os::unix::fs::symlink("..2026_11_21", folder.path().join("..data")).unwrap();
        let path = folder.path().join("schedules.toml");
        std::os::unix::fs::symlink("..data/schedules.toml", &path).unwrap();
        let refused = EditFile::read(&path).unwrap().replace("new").unwrap_err();
        assert!(refused.message.contains("Kubernetes ConfigMap"), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    }

    #[test]
    fn a_write_protected_file_is_refused_also_for_root() {
        let (_folder, path) = folder_with("old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let refused = EditFile::read(&path).unwrap().replace("new").unwrap_err();
        assert!(refused.message.ends_with("it is read-only for you"), "{refused:?}");
    }
}
