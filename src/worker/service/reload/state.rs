//! What is known about the schedule file that is followed: for status, health, metrics, and whoever asked for a reload.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::Diff;
use crate::worker::service::source::FaultKind;

/// How many errors are kept and told; a file of another kind altogether has thousands.
const ERRORS_AT_MOST: usize = 100;

/// The first errors, and how many more there are.
pub(super) fn first(mut errors: Vec<String>) -> Vec<String> {
    let more = errors.len().saturating_sub(ERRORS_AT_MOST);
    if more > 0 {
        errors.truncate(ERRORS_AT_MOST);
        errors.push(format!("and {more} more"));
    }
    errors
}

/// What set a reload off; the later ones tell more about what was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadTrigger {
    /// The file system said that something changed.
    Watch,
    /// A look at the file from time to time.
    Poll,
    /// SIGHUP.
    Signal,
    /// A command that changed the file.
    Edit,
    /// A person or program that asked for it.
    Command,
}

impl ReloadTrigger {
    /// Every trigger.
    pub const ALL: [Self; 5] = [Self::Watch, Self::Poll, Self::Signal, Self::Edit, Self::Command];

    /// Its name in logs, metrics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Poll => "poll",
            Self::Signal => "signal",
            Self::Edit => "edit",
            Self::Command => "command",
        }
    }

    /// Whether somebody asked, and is owed an answer also where nothing changed.
    #[must_use]
    pub fn is_asked(self) -> bool {
        self >= Self::Signal
    }
}

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadResult {
    /// The file is in force.
    Applied,
    /// It was in force already.
    Unchanged,
    /// It is bad; what was in force stays.
    Rejected,
    /// It is good and looks like an accident; what was in force stays until a person says that it is meant.
    NeedsAccept,
}

impl ReloadResult {
    /// Every result.
    pub const ALL: [Self; 4] = [Self::Applied, Self::Unchanged, Self::Rejected, Self::NeedsAccept];

    /// Its name in logs, metrics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
            Self::NeedsAccept => "needs_accept",
        }
    }
}

/// The answer to whoever asked for a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// How it ended.
    pub result: ReloadResult,
    /// What the file says otherwise than what was in force; none where it could not be read or checked.
    pub diff: Option<Diff>,
    /// What is wrong, one entry a mistake, with the lines where they may be shown.
    pub errors: Vec<String>,
    /// What is suspicious in the file.
    pub warnings: Vec<String>,
    /// Settings of the file in force that wait for a restart, as dotted keys.
    pub needs_restart: Vec<String>,
}

/// A reload, for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadRecord {
    /// When.
    pub at: DateTime<Utc>,
    /// What set it off.
    pub trigger: ReloadTrigger,
    /// Who asked, where somebody did.
    pub by: Option<String>,
    /// How it ended.
    pub result: ReloadResult,
    /// What differs, as text; empty where the file could not be checked.
    pub diff: String,
    /// SHA-256 of the file, in hex; none where it could not be read.
    pub hash: Option<String>,
    /// What is wrong, one line each.
    pub errors: Vec<String>,
}

/// The schedule file that is followed, and how the last looks at it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadState {
    /// The file.
    pub file: PathBuf,
    /// SHA-256 of the text in force, in hex.
    pub hash: String,
    /// Since when it is in force.
    pub loaded_at: DateTime<Utc>,
    /// Whether the file, as it was last looked at, is in force.
    pub ok: bool,
    /// The last reload that did or refused anything; none since the start.
    pub last_attempt: Option<Attempt>,
    /// Why the file is not in force.
    pub trouble: Option<Trouble>,
    /// What the last reload changed; none since the start.
    pub diff: Option<Diff>,
    /// What is suspicious in the text in force.
    pub warnings: Vec<String>,
    /// Settings whose value in the file waits for a restart, as dotted keys.
    pub needs_restart: Vec<String>,
    /// The file is mounted by itself and was replaced on the host, so that nothing that is written there can be seen.
    pub detached: bool,
    /// Why the file system does not tell of changes, so that they are seen by looking from time to time only.
    pub polling_only: Option<String>,
    /// How often reloads ended how; every pair is there from the start.
    pub counts: Vec<ReloadCount>,
}

/// How often reloads of one trigger ended in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadCount {
    /// How they ended.
    pub result: ReloadResult,
    /// What set them off.
    pub trigger: ReloadTrigger,
    /// How often.
    pub count: u64,
}

/// One reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: DateTime<Utc>,
    /// What set it off.
    pub trigger: ReloadTrigger,
    /// SHA-256 of the file, in hex; none where it could not be read.
    pub hash: Option<String>,
    /// How it ended.
    pub result: ReloadResult,
}

/// Why the file is not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When the file was first found so; what is wrong with it may have changed since.
    pub since: DateTime<Utc>,
    /// What kind of trouble.
    pub kind: FaultKind,
    /// What is wrong, one line each; the first ones where there are many.
    pub errors: Vec<String>,
    /// Whether a worker that starts now would refuse the file too.
    pub prevents_start: bool,
}

impl Trouble {
    pub(super) fn new(since: DateTime<Utc>, kind: FaultKind, errors: Vec<String>) -> Self {
        Self { since, kind, errors, prevents_start: kind.prevents_start() }
    }
}

impl ReloadState {
    /// The state right after a start.
    #[must_use]
    pub fn new(file: PathBuf, hash: String, warnings: Vec<String>, at: DateTime<Utc>) -> Self {
        let pairs =
            ReloadResult::ALL.into_iter().flat_map(|result| ReloadTrigger::ALL.map(|trigger| (result, trigger)));
        Self {
            file,
            hash,
            loaded_at: at,
            ok: true,
            last_attempt: None,
            trouble: None,
            diff: None,
            warnings,
            needs_restart: Vec::new(),
            detached: false,
            polling_only: None,
            counts: pairs.map(|(result, trigger)| ReloadCount { result, trigger, count: 0 }).collect(),
        }
    }

    /// What a person should see to, one sentence each; empty where all is well.
    #[must_use]
    pub fn degraded(&self) -> Vec<String> {
        let Self { file, trouble, needs_restart, detached, .. } = self;
        let file = file.display();
        let mut reasons = Vec::new();
        if let Some(Trouble { since, kind, errors, prevents_start }) = trouble {
            let since = since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            let first = errors.first().map(String::as_str).unwrap_or_default();
            let more = errors.len().saturating_sub(1);
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            let start = if *prevents_start { "; it will not load at the next start" } else { "" };
            let word = if kind.needs_accept() { "waits" } else { "rejected" };
            reasons.push(format!("{file} {word} since {since}: {first}{more}{start}"));
        }
        if *detached {
            reasons.push(detached_sentence(&file));
        }
        if !needs_restart.is_empty() {
            reasons.push(format!("these settings of {file} wait for a restart: {}", needs_restart.join(", ")));
        }
        reasons
    }

    pub(super) fn attempted(
        &mut self,
        at: DateTime<Utc>,
        trigger: ReloadTrigger,
        hash: Option<String>,
        result: ReloadResult,
    ) {
        self.last_attempt = Some(Attempt { at, trigger, hash, result });
        self.count(result, trigger);
    }

    fn count(&mut self, result: ReloadResult, trigger: ReloadTrigger) {
        let pair = self.counts.iter_mut().find(|count| count.result == result && count.trigger == trigger);
        if let Some(pair) = pair {
            pair.count += 1;
        }
    }
}

/// Says what can be done where a mounted file was replaced.
pub(super) fn detached_sentence(file: &impl std::fmt::Display) -> String {
    format!(
        "{file} is mounted as a single file that was replaced outside, so its new content cannot be seen from here; mount the \
         directory instead, and restart"
    )
}
