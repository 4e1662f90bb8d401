//! A folder that files are kept in: each is replaced as a whole, and nothing outside is ever touched.
//!
//! Every step below the folder is taken by its name in the folder before it and never through a link, so whoever may write there
//! cannot have us write elsewhere. A file is written beside its place, on disk before it takes its name, and in its place from one
//! instant to the next.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// What the name of a file ends with that has not got its own yet. One that a crash leaves is overwritten by the next write.
pub(super) const UNFINISHED: &str = ".aboard-tmp";

const FOLDER: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// A folder that is open. Errors are sentences that name the file.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    open: OwnedFd,
    unfinished: String,
    /// Folders whose entries changed and are not on disk yet.
    unsynced: BTreeSet<String>,
}

impl Folder {
    /// Opens a folder, and makes it where it is missing. `owner` tells the unfinished files of several writers in it apart.
    pub(super) fn open(path: &Path, owner: &str) -> Result<Self, String> {
        fs::create_dir_all(path).map_err(|error| format!("cannot make the folder {}: {error}", path.display()))?;
        let open = File::open(path).map_err(|error| format!("cannot open the folder {}: {error}", path.display()))?;
        // Whoever writes for the same target is kept out by its lane; this is for one that is just being left. Not every file system can.
        let _held = open.lock();
        Ok(Self {
            path: path.to_owned(),
            open: open.into(),
            unfinished: format!(".{owner}{UNFINISHED}"),
            unsynced: BTreeSet::new(),
        })
    }

    /// The content of a file; `None` where there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match self.read_file(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(self.cannot("read", name, error)),
        }
    }

    fn read_file(&self, name: &str) -> nix::Result<Vec<u8>> {
        let (folder, name) = self.parent(name, false)?.ok_or(Errno::ENOENT)?;
        // Opening a pipe must not wait for its writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(&folder, name, flags, Mode::empty())?);
        if !file.metadata().map_err(errno)?.is_file() {
            return Err(Errno::EINVAL);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(errno)?;
        Ok(bytes)
    }

    /// Has a file hold these bytes; answers whether it did not before. [`Folder::sync`] makes its name durable.
    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<bool, String> {
        // What is no file of ours, or cannot be read, is replaced.
        if self.read_file(name).is_ok_and(|found| found == bytes) {
            return Ok(false);
        }
        let written = self.replace(name, bytes);
        if written.is_err() {
            let _gone = unlinkat(&self.open, self.unfinished.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        written.map_err(|error| self.cannot("write", name, error))?;
        Ok(true)
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> nix::Result<()> {
        let unfinished = self.unfinished.as_str();
        match unlinkat(&self.open, unfinished, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error),
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(&self.open, unfinished, flags, Mode::from_bits_truncate(0o666))?);
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(errno)?;
        let (folder, last) = self.parent(name, true)?.ok_or(Errno::ENOENT)?;
        renameat(&self.open, unfinished, &folder, last)?;
        let mut above = name;
        while let Some((parent, _)) = above.rsplit_once('/') {
            self.unsynced.insert(parent.to_owned());
            above = parent;
        }
        self.unsynced.insert(String::new());
        Ok(())
    }

    /// Removes a file, and the folders above it that are empty then.
    pub(super) fn remove(&mut self, name: &str) -> Result<(), String> {
        let removed = self.parent(name, false).and_then(|place| {
            let Some((folder, last)) = place else { return Ok(()) };
            unlinkat(&folder, last, UnlinkatFlags::NoRemoveDir)
        });
        match removed {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(self.cannot("remove", name, error)),
        }
        let mut above = name;
        while let Some((parent, _)) = above.rsplit_once('/') {
            self.unsynced.remove(above);
            let removed = self.parent(parent, false).map(|place| {
                place.is_some_and(|(folder, last)| unlinkat(&folder, last, UnlinkatFlags::RemoveDir).is_ok())
            });
            if removed != Ok(true) {
                self.unsynced.insert(parent.to_owned());
                return Ok(());
            }
            above = parent;
        }
        self.unsynced.remove(above);
        self.unsynced.insert(String::new());
        Ok(())
    }

    /// The names of what stands in a folder below; none where there is no such folder.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, String> {
        let listed = || -> nix::Result<Vec<String>> {
            let Some((parent, last)) = self.parent(folder, false)? else { return Ok(Vec::new()) };
            let mut dir = Dir::openat(&parent, last, OFlag::O_RDONLY | FOLDER, Mode::empty())?;
            let mut names = Vec::new();
            for entry in dir.iter() {
                // A name that is no text is none of ours.
                names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
            }
            names.retain(|name| name != "." && name != "..");
            names.sort();
            Ok(names)
        };
        match listed() {
            Err(Errno::ENOENT) => Ok(Vec::new()),
            listed => listed.map_err(|error| self.cannot("list", folder, error)),
        }
    }

    /// Makes durable under which names files stand.
    pub(super) fn sync(&mut self) -> Result<(), String> {
        while let Some(folder) = self.unsynced.pop_first() {
            let synced = self.walk(&folder, false).and_then(|open| match open {
                Some(open) => File::from(open).sync_all().map_err(errno),
                None => Ok(()),
            });
            synced.map_err(|error| self.cannot("write", &folder, error))?;
        }
        Ok(())
    }

    /// Whether a file can be written; leaves nothing behind.
    pub(super) fn try_out(&mut self) -> Result<(), String> {
        let name = format!("{}-test", self.unfinished);
        self.write(&name, b"aboard tries whether it can write here\n")?;
        self.remove(&name)
    }

    /// The folder that a name leads into, and the last part of it.
    fn parent<'n>(&self, name: &'n str, make: bool) -> nix::Result<Option<(OwnedFd, &'n str)>> {
        let (parent, last) = name.rsplit_once('/').unwrap_or(("", name));
        if matches!(last, "" | "." | "..") {
            return Err(Errno::EINVAL);
        }
        Ok(self.walk(parent, make)?.map(|folder| (folder, last)))
    }

    /// Goes down to a folder; `None` where there is none and it is not to be made.
    fn walk(&self, folder: &str, make: bool) -> nix::Result<Option<OwnedFd>> {
        let mut open = self.open.try_clone().map_err(errno)?;
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            if matches!(part, "." | "..") {
                return Err(Errno::EINVAL);
            }
            if make {
                match mkdirat(&open, part, Mode::from_bits_truncate(0o777)) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(error) => return Err(error),
                }
            }
            open = match openat(&open, part, OFlag::O_RDONLY | FOLDER, Mode::empty()) {
                Ok(below) => below,
                Err(Errno::ENOENT) if !make => return Ok(None),
                Err(error) => return Err(error),
            };
        }
        Ok(Some(open))
    }

    fn cannot(&self, what: &str, name: &str, error: Errno) -> String {
        let why = match error {
            // What opening a link without following it says, as a file and as a folder.
            Errno::ELOOP | Errno::ENOTDIR => "there is a link or a file in the way, and links are not followed",
            Errno::EINVAL => "it is no plain file",
            error => error.desc(),
        };
        format!("cannot {what} {}: {why}", self.path.join(name).display())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where errors are mapped")]
fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(&temporary.path().join("specs"), "t").unwrap();
        (temporary, folder)
    }

    fn everything(path: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(everything(&path));
            }
            found.push(path.display().to_string());
        }
        found
    }

    #[test]
    fn a_file_is_written_once_and_its_folders_are_made() {
        let (temporary, mut folder) = folder();
        assert_eq!(folder.read("a/b/c.json"), Ok(None));
        assert_eq!(folder.write("a/b/c.json", b"one"), Ok(true));
        assert_eq!(folder.write("a/b/c.json", b"one"), Ok(false));
        assert_eq!(folder.write("a/b/c.json", b"two"), Ok(true));
        assert_eq!(folder.read("a/b/c.json"), Ok(Some(b"two".to_vec())));
        assert_eq!(folder.unsynced.len(), 3, "the folder, a and a/b");
        folder.sync().unwrap();
        let everything = everything(temporary.path());
        assert_eq!(everything.len(), 4, "nothing unfinished is left: {everything:?}");
    }

    #[test]
    fn an_unfinished_file_of_a_crash_is_used_up_by_the_next_write() {
        let (temporary, mut folder) = folder();
        fs::write(temporary.path().join("specs/.t.aboard-tmp"), "half").unwrap();
        folder.write("c.json", b"whole").unwrap();
        assert_eq!(everything(temporary.path()).len(), 2, "the folder and the file");
    }

    #[test]
    fn links_lead_nowhere() {
        let (temporary, mut folder) = folder();
        let outside = temporary.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "as it was").unwrap();
        let inside = temporary.path().join("specs");
        symlink(&outside, inside.join("a")).unwrap();
        symlink(outside.join("kept"), inside.join("file")).unwrap();
        symlink(outside.join("kept"), inside.join(".t.aboard-tmp")).unwrap();

        let error = folder.write("a/x.json", b"out").unwrap_err();
        assert!(error.ends_with("links are not followed"), "{error}");
        assert!(folder.read("file").unwrap_err().ends_with("links are not followed"));
        assert!(folder.names("a").unwrap_err().contains("links are not followed"));
        folder.remove("a/kept").unwrap_err();
        folder.write("file", b"in").unwrap();
        assert_eq!(fs::read_to_string(inside.join("file")).unwrap(), "in", "the link was replaced");
        assert!(!inside.join("file").is_symlink());
        for bad in ["../x", "a/../../x", "..", "", "a/"] {
            folder.write(bad, b"out").unwrap_err();
        }
        assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "as it was");
        assert_eq!(everything(&outside).len(), 1);
    }

    #[test]
    fn what_is_removed_takes_its_empty_folders_along() {
        let (temporary, mut folder) = folder();
        folder.write("a/b/c.json", b"c").unwrap();
        folder.write("a/d/e.json", b"e").unwrap();
        folder.remove("a/b/c.json").unwrap();
        folder.remove("a/b/c.json").unwrap();
        assert_eq!(folder.names("a").unwrap(), ["d"]);
        folder.remove("a/d/e.json").unwrap();
        folder.sync().unwrap();
        assert!(temporary.path().join("specs").exists() && !temporary.path().join("specs/a").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_named_and_nothing_is_left_half_done() {
        let (temporary, mut folder) = folder();
        folder.write("c.json", b"old").unwrap();
        fs::create_dir(temporary.path().join("specs/d.json")).unwrap();
        let error = folder.write("d.json", b"new").unwrap_err();
        assert!(error.contains("specs/d.json: "), "{error}");
        assert!(!temporary.path().join("specs/.t.aboard-tmp").exists());
        let read_only = fs::Permissions::from_mode(0o500);
        fs::set_permissions(temporary.path().join("specs"), read_only).unwrap();
        // Root may write anywhere.
        if !nix::unistd::geteuid().is_root() {
            assert!(folder.write("c.json", b"new").unwrap_err().ends_with("Permission denied"));
        }
        fs::set_permissions(temporary.path().join("specs"), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
