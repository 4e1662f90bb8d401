//! The schedule file changes while the worker follows it.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

mod bad;
mod changes;
mod last_good;
mod mounted;
mod running;
mod starting;

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use aboard::registry::{AuditAction, AuditFilter, AuditRow};
use nix::sys::signal::Signal;
use sha2::{Digest, Sha256};

use crate::support::{Home, Running};
use crate::time::{ARMED, Timed, file};

/// A Saturday; what is due on Mondays comes only when the test sets the clock.
const SATURDAY: &str = "2026-11-21T15:00:00Z";

/// The file is looked at often, so that what is tested is not how long a minute is: every 50 ms, read every 300 ms, after 100 ms of quiet.
const OFTEN: &str = "50,300,100";

/// The worker looks at its file when it is asked to, and not even once by itself.
pub(crate) const NEVER: &str = "never";

/// What is said when a file is taken over, refused, and back.
const RELOADED: &str = "reloaded ";
const REJECTED: &str = "rejected ";
const AGAIN: &str = "holds again what is in force";

/// Mondays at this time in London, which is UTC then.
fn mondays(time: &str) -> String {
    format!("day = \"monday\"\ntime = \"{time}\"\ntimezone = \"Europe/London\"")
}

/// Two connections on Mondays at nine, and one whose time tells one file from another.
fn schedules(time: &str) -> String {
    let (nine, other) = (mondays("09:00"), mondays(time));
    file(&[("billing", &nine), ("other", &other), ("shop", &nine)])
}

/// A worker that follows a file.
struct Followed {
    timed: Timed,
    worker: Running,
    /// Where the file is for those who change it.
    file: PathBuf,
}

impl Followed {
    fn new(schedules: &str, times: &str) -> Self {
        let timed = Timed::new(SATURDAY, schedules);
        let file = timed.home.path("schedules.toml");
        let worker = started(&timed, command(&timed.home, times));
        Self { timed, worker, file }
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
    }

    /// Waits until exactly this text is in force.
    fn wait_for(&mut self, text: &str) {
        self.worker.wait_until_said(&hash(text));
    }

    /// Stops it, which must go well, and gives what it said.
    fn stop(self) -> (Timed, String) {
        self.worker.signal(Signal::SIGTERM);
        let ended = self.worker.end();
        assert_eq!(ended.said.code, Some(0), "{ended:?}");
        (self.timed, ended.said.stderr)
    }
}

fn command(home: &Home, times: &str) -> Command {
    let mut command = home.command(&["-v", "run"]);
    command.env("ABOARD_WATCH", times);
    command
}

fn started(timed: &Timed, command: Command) -> Running {
    let mut worker = Running::start(timed.clock.given(command));
    worker.wait_until_said(ARMED);
    worker
}

pub(crate) fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// What the audit trail holds of reloads, oldest first.
fn reloads(home: &Home) -> Vec<AuditRow> {
    let mut rows = home.book().audit_trail(&AuditFilter::default()).unwrap();
    rows.retain(|row| [AuditAction::Reloaded, AuditAction::ReloadRejected].contains(&row.action));
    rows.reverse();
    rows
}
