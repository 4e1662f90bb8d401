//! What the server needs from whoever runs it, and the plain values that pass between them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::config::{Pattern, SecretRef};
use crate::inventory::{Protocol, ScopeState};
use crate::notice::DeliveryState;
use crate::plan::{ApiState, Decision, Reason};

/// Who answers.
///
/// Everything but [`Backend::reload`], and what says otherwise, may block on a disk; the server calls it where that is allowed.
pub trait Backend: Send + Sync + 'static {
    /// Where the token is, as the file says today; it is read for each request that needs it. Quick, and without a disk.
    fn token(&self) -> Option<SecretRef>;

    /// Whether the worker does its work. Quick, and without a disk.
    fn health(&self) -> Health;

    /// What `/metrics` shows. Cheap: it is asked every few seconds, whatever the size of the registry.
    fn figures(&self) -> Figures;

    /// The document of `check`: the connections by name.
    ///
    /// # Errors
    /// The cursor is none, or the registry cannot be read.
    fn connections(&self, paging: &Paging) -> Result<Listing, Refusal>;

    /// The integrations by name, and how the connections to their servers are.
    ///
    /// # Errors
    /// The cursor is none.
    fn integrations(&self, paging: &Paging) -> Result<Listing, Refusal>;

    /// The document of `apis`.
    ///
    /// # Errors
    /// The cursor is none, the connection was never heard of, or the registry cannot be read.
    fn apis(&self, query: &ApisQuery) -> Result<Listing, Refusal>;

    /// The document of `runs`, the newest first.
    ///
    /// # Errors
    /// The cursor is none, the connection was never heard of, or the registry cannot be read.
    fn runs(&self, query: &RunsQuery) -> Result<Listing, Refusal>;

    /// The document of `deliveries`, the newest first.
    ///
    /// # Errors
    /// The cursor is none, or the registry cannot be read.
    fn deliveries(&self, query: &DeliveriesQuery) -> Result<Listing, Refusal>;

    /// The document of `coverage`.
    ///
    /// # Errors
    /// The cursor is none, nobody ever looked at what is named, or the registry cannot be read.
    fn coverage(&self, query: &CoverageQuery) -> Result<Listing, Refusal>;

    /// The document of `runs ID`.
    ///
    /// # Errors
    /// There is no such run, or the registry cannot be read.
    fn run(&self, run_id: i64) -> Result<Value, Refusal>;

    /// The catalog file of a Backstage target, as it was written last.
    ///
    /// # Errors
    /// There is no such target, nothing was written yet, or the file cannot be read.
    fn catalog(&self, target: &str) -> Result<Vec<u8>, Refusal>;

    /// Reads the schedule file anew, as `reload --wait` does; `accept` as its `--accept`.
    ///
    /// # Errors
    /// The file was rejected; the one in use stays.
    fn reload(&self, accept: bool, by: String) -> BoxFuture<'static, Result<Value, Refusal>>;

    /// Stops a connection's scheduled runs, as `pause` does, and answers its entry in [`Backend::connections`].
    ///
    /// # Errors
    /// There is no such connection, or the registry cannot be written.
    fn pause(&self, connection: &str, pause: &PauseRequest, by: &str) -> Result<Value, Refusal>;

    /// Lets them run again, as `resume` does, and answers its entry in [`Backend::connections`].
    ///
    /// # Errors
    /// There is no such connection, or the registry cannot be written. A pause of every connection goes on, as `resume` says too; that
    /// of this one is over then.
    fn resume(&self, connection: &str, by: &str) -> Result<Value, Refusal>;
}

/// Whether the worker does its work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The dispatcher's heart beats.
    pub ticking: bool,
    /// Seconds since it last did.
    pub tick_age: f64,
    /// The registry is open and a schedule file was loaded.
    pub ready: bool,
    /// What a person should look at, one of [`Health::DEGRADED`] each: it is shown to whoever asks, without a token.
    pub degraded: Vec<&'static str>,
}

impl Health {
    /// The clock shows a time at which it cannot be, so that nothing is planned.
    pub const WAITING_FOR_CLOCK: &str = "waiting_for_clock";
    /// The registry cannot be read or written.
    pub const REGISTRY_TROUBLE: &str = "registry_trouble";
    /// The schedule file has mistakes; what was in force stays.
    pub const FILE_REJECTED: &str = "file_rejected";
    /// The schedule file is empty or removes most connections, which somebody has to say is meant; what was in force stays.
    pub const NEEDS_ACCEPT: &str = "needs_accept";
    /// The schedule file was replaced where that cannot be seen.
    pub const FILE_DETACHED: &str = "file_detached";
    /// Settings of the schedule file wait for a restart.
    pub const NEEDS_RESTART: &str = "needs_restart";

    /// Every word of [`Health::degraded`].
    pub const DEGRADED: [&str; 6] = [
        Self::WAITING_FOR_CLOCK,
        Self::REGISTRY_TROUBLE,
        Self::FILE_REJECTED,
        Self::NEEDS_ACCEPT,
        Self::FILE_DETACHED,
        Self::NEEDS_RESTART,
    ];
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// No more than this many.
    pub limit: usize,
    /// What [`Listing::next`] was of the part before.
    pub cursor: Option<String>,
}

/// Which APIs are wanted; all that is given must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApisQuery {
    /// Which part of the list.
    pub paging: Paging,
    /// Decided upon by this connection.
    pub connection: Option<String>,
    /// In this state.
    pub state: Option<ApiState>,
    /// With this decision.
    pub decision: Option<Decision>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// In this account.
    pub account: Option<String>,
    /// In this region.
    pub region: Option<String>,
    /// Of this protocol.
    pub protocol: Option<Protocol>,
    /// With a name that matches.
    pub name: Option<Pattern>,
    /// With this tag, and a value that matches.
    pub tag: Option<(String, Pattern)>,
}

/// Which runs are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunsQuery {
    /// Which part of the list.
    pub paging: Paging,
    /// Of this connection.
    pub connection: Option<String>,
}

/// Which deliveries are wanted; all that is given must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveriesQuery {
    /// Which part of the list.
    pub paging: Paging,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// For this target.
    pub target: Option<String>,
}

/// Which scopes are wanted; all that is given must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageQuery {
    /// Which part of the list.
    pub paging: Paging,
    /// As this connection sees it.
    pub connection: Option<String>,
    /// In this account.
    pub account: Option<String>,
    /// In this region, or of an account that could not be entered.
    pub region: Option<String>,
    /// In this state.
    pub state: Option<ScopeState>,
    /// Only what nothing explains and what has not been seen whole for so long.
    pub stale: Option<TimeDelta>,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// What stands in it.
    pub items: Vec<Value>,
    /// Where the next part begins, whatever comes and goes meanwhile; absent at the end. ASCII letters, digits and `-._~` only.
    pub next: Option<String>,
}

/// How a connection is to be paused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PauseRequest {
    /// Until when; absent = until somebody resumes it.
    pub until: Option<DateTime<Utc>>,
    /// Why.
    pub note: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of reason.
    pub kind: RefusalKind,
    /// What happened, one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What kind of reason there is for having no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// A parameter is wrong: `bad_request`, 400.
    BadRequest,
    /// There is no such thing: `not_found`, 404.
    NotFound,
    /// Something else stands in the way: `conflict`, 409.
    Conflict,
    /// The schedule file is not as it must be: `file_rejected`, 422.
    FileRejected,
    /// Not now: `unavailable`, 503.
    Unavailable,
    /// It should have worked: `failed`, 500.
    Failed,
}

impl Refusal {
    /// Without a hint.
    #[must_use]
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// What `/metrics` shows. Counters count from the start of the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Of this binary.
    pub version: &'static str,
    /// Seconds since the dispatcher's last heartbeat.
    pub tick_age: f64,
    /// Steps of the wall clock that were noticed.
    pub clock_steps: u64,
    /// Runs of this process that have not ended.
    pub runs_in_flight: u64,
    /// Tasks of the runtime that have not ended.
    pub tasks: u64,
    /// Where the zone data comes from, and its version.
    pub zone_data: (String, String),
    /// How reloads went.
    pub reload: ReloadFigures,
    /// The file's connections, by name.
    pub connections: BTreeMap<String, ConnectionFigures>,
    /// How long the runs took that ended.
    pub durations: Durations,
    /// APIs of the registry by state.
    pub apis: BTreeMap<String, u64>,
    /// Deliveries by target and state.
    pub deliveries: BTreeMap<(String, String), u64>,
    /// Whether each target of the file gets anything, by name; not where its receiver has switched it off.
    pub targets: BTreeMap<String, bool>,
    /// The connections to servers that ask for APIs by themselves, by name.
    pub integrations: BTreeMap<String, IntegrationFigures>,
}

/// What is measured of one integration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntegrationFigures {
    /// Whether its server is connected.
    pub connected: bool,
    /// Attempts to connect that failed since the last connection that lasted.
    pub failed_attempts: u32,
}

/// How reloads of the schedule file went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReloadFigures {
    /// Whether the file as it stands is in use.
    pub successful: bool,
    /// When a file was taken last, the start's included.
    pub last_success: Option<DateTime<Utc>>,
    /// SHA-256 of the file in use, in hexadecimal digits.
    pub hash: String,
    /// Reloads by what set them off and how they ended.
    pub total: BTreeMap<(String, String), u64>,
}

/// What is measured of one connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionFigures {
    /// Whether it has a schedule that is enabled.
    pub enabled: bool,
    /// Whether a person paused it.
    pub paused: bool,
    /// When its schedule is due next.
    pub next_due: Option<DateTime<Utc>>,
    /// Since when the schedule in use is followed, or since the end of its last pause where that is later.
    pub since: Option<DateTime<Utc>>,
    /// The longest time between two of its next due instants, in seconds.
    pub interval: Option<f64>,
    /// When the last run over everything that succeeded ended.
    pub last_success: Option<DateTime<Utc>>,
    /// How long the last run took, in seconds.
    pub last_duration: Option<f64>,
    /// How long after its due instant the last scheduled run began, in seconds.
    pub lateness: Option<f64>,
    /// Runs that ended, by outcome.
    pub runs: BTreeMap<String, u64>,
    /// Due instants by fate.
    pub fates: BTreeMap<String, u64>,
    /// Scopes by how their last look ended.
    pub scopes: BTreeMap<String, u64>,
    /// Those whose failure nothing explains.
    pub unexplained: u64,
    /// How long ago, in seconds, the scope was last seen whole that has gone unseen longest without an explanation; 0 = there is none.
    pub unseen: f64,
    /// Requests to API Gateway, of the runs that ended.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
    /// APIs that wait for approval.
    pub awaiting: u64,
}

/// How long things took: a histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Durations {
    /// How many took no longer than each of [`Durations::BOUNDS`] and longer than the one before; the last is for all others.
    counts: [u64; Self::BOUNDS.len() + 1],
    sum: f64,
}

impl Durations {
    /// The upper bounds, in seconds: from one small account to a whole organization.
    pub const BOUNDS: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 7200.0, 21600.0];

    /// Counts one.
    pub fn observe(&mut self, seconds: f64) {
        let place = Self::BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(Self::BOUNDS.len());
        self.counts[place] += 1;
        self.sum += seconds;
    }

    /// In seconds, of all.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each upper bound with how many fell below it and above the one before.
    #[must_use]
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        Self::BOUNDS.into_iter().chain([f64::INFINITY]).zip(self.counts).collect()
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: [0; Self::BOUNDS.len() + 1], sum: 0.0 }
    }
}
