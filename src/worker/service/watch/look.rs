//! One look at the schedule file from outside: what it is now, where it is, and whether its content can be seen at all.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the kernel appends to the root of a mount whose file was removed (`proc_pid_mountinfo(5)`, and `d_path` in the kernel).
const DELETED: &[u8] = b"//deleted";

/// What one look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// What tells one state of the file from another without reading it; none where it cannot be looked at.
    pub(super) stamp: Option<Stamp>,
    /// The folders in which the file is changed: its own and, where it is a link, that of what it leads to.
    pub(super) folders: BTreeMap<PathBuf, Folder>,
    /// It is mounted by itself, and what is mounted was replaced outside.
    pub(super) detached: bool,
}

/// Size, times and identity of a file. The time of the inode's change is in it because the other one can be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Which folder it is that has a name: another may take its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    device: u64,
    inode: u64,
}

/// Looks at `file`. The mounts are read where it looks otherwise than `before`, or where `mounts` says so.
pub(super) fn look(file: &Path, before: &Look, mounts: bool) -> Look {
    let metadata = fs::metadata(file).ok();
    let stamp = metadata.as_ref().map(Stamp::of);
    let real = file.canonicalize().ok();
    let parent = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    };
    let own = parent(file).canonicalize().ok();
    let folders = [own, real.as_deref().map(parent)].into_iter().flatten();
    let folders = folders.filter_map(|path| Folder::of(&path).ok().map(|folder| (path, folder))).collect();
    let unlinked = metadata.is_some_and(|metadata| metadata.nlink() == 0);
    let detached = if unlinked {
        true
    } else if mounts || stamp != before.stamp {
        let mounted = |file: PathBuf| fs::read("/proc/self/mountinfo").is_ok_and(|mounts| was_replaced(&mounts, &file));
        real.is_some_and(mounted)
    } else {
        before.detached
    };
    Look { stamp, folders, detached }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Folder {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Whether what is mounted at `file` was removed where it came from. Of several mounts in one place the last one is seen.
fn was_replaced(mounts: &[u8], file: &Path) -> bool {
    let here = |line: &[u8]| {
        // ID PARENT MAJOR:MINOR ROOT POINT OPTIONS …, as proc(5) has it.
        let mut fields = line.split(|byte| *byte == b' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (unescaped(point).as_os_str() == file.as_os_str()).then(|| root.ends_with(DELETED))
    };
    mounts.split(|byte| *byte == b'\n').filter_map(here).next_back().unwrap_or(false)
}

/// A path of the list of mounts: space, tab, line end and backslash are written as three octal digits.
fn unescaped(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let digits =
            after.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        let code = digits.map(|digits| digits.iter().fold(0u32, |code, digit| code * 8 + u32::from(digit - b'0')));
        if let Some(byte) = code.and_then(|code| u8::try_from(code).ok()) {
            bytes.push(byte);
            rest = &after[3..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_file_that_was_replaced_outside_is_known_by_the_list_of_mounts() {
        let mounts = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            40 22 8:1 /srv/a/schedules.toml//deleted /etc/aboard/schedules.toml rw - ext4 /dev/sda1 rw\n\
            41 22 8:1 /srv/b.toml /etc/my\\040app/b.toml rw - ext4 /dev/sda1 rw\n\
            42 22 8:1 /srv/c.toml//deleted /etc/c\\134\\011d.toml rw - ext4 /dev/sda1 rw\n";
        for (file, replaced) in [
            ("/etc/aboard/schedules.toml", true),
            ("/etc/my app/b.toml", false),
            ("/etc/c\\\td.toml", true),
            ("/etc/aboard/other.toml", false),
            ("/", false),
        ] {
            assert_eq!(was_replaced(mounts, Path::new(file)), replaced, "{file}");
        }
        let again =
            [&mounts[..], b"50 22 8:1 /srv/a/schedules.toml /etc/aboard/schedules.toml rw - ext4 /dev/sda1 rw\n"];
        assert!(!was_replaced(&again.concat(), Path::new("/etc/aboard/schedules.toml")), "mounted over it");
        assert!(!was_replaced(b"", Path::new("/a")) && !was_replaced(b"1 2 3", Path::new("/a")));
    }

    #[test]
    fn a_link_is_changed_in_two_folders_and_a_folder_is_known_by_more_than_its_name() {
        let home = tempfile::tempdir().unwrap();
        let (own, far) = (home.path().join("own"), home.path().join("far"));
        fs::create_dir(&own).unwrap();
        fs::create_dir(&far).unwrap();
        fs::write(far.join("real.toml"), "").unwrap();
        let file = own.join("schedules.toml");
        std::os::unix::fs::symlink("../far/real.toml", &file).unwrap();
        let first = look(&file, &Look::default(), true);
        assert_eq!(first.folders.len(), 2);
        assert!(first.stamp.is_some() && !first.detached);
        fs::rename(&far, home.path().join("away")).unwrap();
        fs::create_dir(&far).unwrap();
        fs::copy(home.path().join("away/real.toml"), far.join("real.toml")).unwrap();
        let second = look(&file, &first, false);
        assert_eq!(first.folders.keys().collect::<Vec<_>>(), second.folders.keys().collect::<Vec<_>>());
        assert_ne!(first.folders, second.folders);
        fs::remove_file(&file).unwrap();
        let third = look(&file, &second, false);
        assert_eq!((third.stamp, third.folders.len()), (None, 1));
    }
}
