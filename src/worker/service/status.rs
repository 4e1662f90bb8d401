//! What the running worker says of itself: for `aboard health`, the metrics, the API and systemd's status line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::reload::ReloadState;
use crate::registry::Trigger;
use crate::worker::gravitee::IntegrationStatus;

/// What the worker is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It has not armed its schedules yet.
    #[default]
    Starting,
    /// It follows them.
    Running,
    /// The clock shows a time at which it cannot be; nothing is planned until it was set.
    WaitingForClock,
    /// It was told to stop; runs in flight come to their next commit.
    Stopping,
}

/// The worker at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the binary.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Milliseconds from the start of the process's work to its schedules being armed.
    pub armed_after_ms: Option<u64>,
    /// What it is doing.
    pub phase: Phase,
    /// The schedule file, as an absolute path.
    pub file: PathBuf,
    /// Whether there is no such file, and what is in force was settled at the start: the settings of Gravitee's own agent.
    #[serde(default)]
    pub fixed: bool,
    /// The registry.
    pub registry: PathBuf,
    /// Connections in the file.
    pub connections: usize,
    /// Schedules that are switched on.
    pub schedules: usize,
    /// The earliest due instant that is not to be skipped for a pause.
    pub next: Option<NextDue>,
    /// Schedules that are switched on and paused.
    #[serde(default)]
    pub paused: Vec<String>,
    /// The next due instant of each schedule that is switched on.
    pub next_due: BTreeMap<String, DateTime<Utc>>,
    /// Runs in flight that a schedule set off.
    pub running: Vec<RunInFlight>,
    /// Runs that wait for their turn.
    pub queued: usize,
    /// Tasks of the runtime that have not ended: what comes and goes with runs, clients and requests, and nothing that only grows.
    #[serde(default)]
    pub tasks: usize,
    /// How often the clock jumped.
    pub clock_steps: u64,
    /// Where zone data comes from: `system` or `embedded`.
    pub tz_source: String,
    /// Its version, such as `2026f`.
    pub tz_version: String,
    /// When the dispatcher last went round.
    pub ticked_at: DateTime<Utc>,
    /// How long ago that was, by the monotonic clock.
    pub tick_age_ms: u64,
    /// How the schedule file stands; none before the worker follows it.
    pub reload: Option<ReloadState>,
    /// The connections to servers that ask for APIs by themselves.
    #[serde(default)]
    pub integrations: Vec<IntegrationStatus>,
    /// Targets of the file that are switched off because their receiver said so. Only whoever asks how the worker is gets them.
    #[serde(default)]
    pub switched_off: Vec<SwitchedOff>,
    /// What keeps the dispatcher from its work, such as a disk that is full.
    pub trouble: Option<String>,
}

/// A target that gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchedOff {
    /// Its name.
    pub target: String,
    /// What its receiver said, one sentence.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// The earliest due instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextDue {
    /// Whose schedule.
    pub connection: String,
    /// The instant.
    pub due_at: DateTime<Utc>,
    /// The same as the clocks of its zone show it, `2026-11-23T02:30:00+00:00`.
    pub local: String,
    /// IANA name.
    pub zone: String,
}

/// A run in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInFlight {
    /// Whose.
    pub connection: String,
    /// What set it off.
    pub trigger: Trigger,
    /// Since when.
    pub since: DateTime<Utc>,
}
