//! A wall clock of the test's own for the real binary: a shim in front of `clock_gettime`.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]
#![expect(clippy::disallowed_methods, reason = "the test's clock is told relative to the real one")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

/// The wall clock of every command that was given it.
#[derive(Debug)]
pub(crate) struct Clock {
    folder: TempDir,
    file: File,
}

impl Clock {
    /// A clock that shows `at` now, and goes on from there.
    pub(crate) fn at(at: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = File::options().read(true).write(true).create_new(true).open(folder.path().join("clock")).unwrap();
        let clock = Self { folder, file };
        clock.set(at.parse().unwrap());
        clock
    }

    /// Sets it, forward or back.
    pub(crate) fn set(&self, at: DateTime<Utc>) {
        let offset = (at - Utc::now()).num_nanoseconds().unwrap();
        self.file.write_all_at(&offset.to_ne_bytes(), 0).unwrap();
    }

    /// What it shows.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        Utc::now() + TimeDelta::nanoseconds(i64::from_ne_bytes(bytes))
    }

    /// Gives it to a command.
    pub(crate) fn given(&self, mut command: Command) -> Command {
        command.env("LD_PRELOAD", shim()).env("ABOARD_TEST_CLOCK", self.folder.path().join("clock"));
        command
    }
}

/// The shim, compiled once.
fn shim() -> &'static PathBuf {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (source, shim) = (folder.join("clock.c"), folder.join("clock.so"));
        fs::write(&source, include_str!("clock.c")).unwrap();
        let made = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(&source).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        shim
    })
}
