//! The command line as it is typed.

mod delivery;
mod editing;
mod iam;

use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::inventory::ScopeState;

pub use delivery::{Deliveries, DeliveryAction, Retry, Targets};
pub use editing::{AddConnection, Connection, Private, Schedule, ScheduleKeys, SetSchedule};
pub use iam::{Documents, Iam, IamFormat, Trusted};

/// Looks on a schedule at AWS API Gateway and registers new APIs where teams work.
#[derive(Debug, Parser)]
#[command(name = "aboard", version, propagate_version = true, subcommand_required = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 usage, invalid file or ambiguous name; 3 partly (a scope failed without explanation, a delivery was given up, approval awaited); 130 interrupted.";

const RELOAD_CODES: &str = "Exit codes: 0 the file is in force, or without --wait the worker was told; 1 no worker, or no answer in time; 2 the file is not taken over.";

const HEALTH_CODES: &str = "Exit codes: 0 healthy; 1 no worker, or one that has stopped working; 3 it works and something needs a person (0 with --live).";

const COVERAGE_CODES: &str = "Exit codes: 0 listed; 3 with --stale, where something has not been seen whole for so long and nothing explains it; 2 where there never was anything of the connection, account or region that is named.";

const SPEC_CODES: &str = "Exit codes: 0 printed or listed; 1 where none is stored, with the cause; 2 where several stages have one and none is named.";

/// What all commands share.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Schedule file [default: ./schedules.toml, then /etc/aboard/schedules.toml].
    #[arg(long, global = true, env = "ABOARD_CONFIG", value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Registry file, instead of the one that the schedule file names.
    #[arg(long, global = true, env = "ABOARD_REGISTRY", value_name = "FILE", help_heading = "Global options")]
    pub registry: Option<PathBuf>,
    /// Form of what is printed on standard output; csv for apis, audit, coverage, deliveries, runs and connection list.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORM", help_heading = "Global options")]
    pub output: Format,
    /// Form of the log on standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORM", help_heading = "Global options")]
    pub log_format: LogFormat,
    /// Say more; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// Say nothing but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub quiet: bool,
}

/// Form of what is printed on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and sentences.
    Text,
    /// JSON with fixed names.
    Json,
    /// Comma-separated values.
    Csv,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line a message.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follow the schedules until told to stop.
    Run(Run),
    /// Validate the schedule file and list when each schedule is due.
    Check {
        /// How many due instants of each schedule.
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=1000))]
        next: u16,
    },
    /// Try each credential step and each permission that the file needs.
    Test(Which),
    /// Show what is there, with the decision for each API; writes nothing.
    Discover(Discover),
    /// Run now, by the same rules as the schedule.
    Onboard(Onboard),
    /// Register what `max_new` held back.
    Approve {
        /// The connection.
        connection: String,
    },
    /// Keep one API out, visibly.
    Ignore {
        /// The API: id, region/id, account/region/id, ARN or one of its URLs.
        api: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Last day on which it counts (UTC).
        #[arg(long, value_name = "DATE")]
        until: Option<NaiveDate>,
    },
    /// Let an ignored API in again.
    Unignore {
        /// The API: id, region/id, account/region/id, ARN or one of its URLs.
        api: String,
    },
    /// Let schedules rest without touching the file; runs by hand go on.
    Pause(Pause),
    /// Let paused schedules go on.
    Resume(Which),
    /// Show who did what, and when: reloads, edits, manual runs, approvals, ignores, pauses.
    Audit(Audit),
    /// Have the running worker read the schedule file anew.
    #[command(after_help = RELOAD_CODES)]
    Reload(Reload),
    /// Say how the running worker is.
    #[command(after_help = HEALTH_CODES)]
    Health(Health),
    /// List the registry.
    Apis(Apis),
    /// Say why one API is, or is not, onboarded.
    Explain {
        /// The API: id, region/id, account/region/id, ARN or one of its URLs.
        api: String,
    },
    /// Print the specification of one API, as it goes to targets.
    #[command(after_help = SPEC_CODES)]
    Spec(Spec),
    /// List runs, or show one with its scopes.
    Runs {
        /// The run.
        #[arg(allow_negative_numbers = true)]
        id: Option<i64>,
        /// Only runs of this connection.
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
        /// At most this many, the newest first.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// List when each account and region was last seen whole, and what stands in the way.
    #[command(after_help = COVERAGE_CODES)]
    Coverage(Coverage),
    /// List the outbox: what targets were told, what waits, and what was given up.
    Deliveries(Deliveries),
    /// List, try and bring back the targets.
    #[command(subcommand)]
    Targets(Targets),
    /// Show and change when connections run by themselves.
    #[command(subcommand)]
    Schedule(Schedule),
    /// List, add and remove connections.
    #[command(subcommand)]
    Connection(Connection),
    /// Print what AWS must allow for this file: policies, trust policies, CloudFormation templates.
    #[command(subcommand)]
    Iam(Iam),
    /// Look after the registry file.
    #[command(subcommand)]
    Registry(Registry),
    /// Print the JSON Schema of the schedule file.
    Schema,
    /// Print a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one page a command into a directory.
    Man {
        /// Directory to write to.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Which connections.
#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The connections, by name.
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "CONNECTION")]
    pub connections: Vec<String>,
    /// Every connection in the file.
    #[arg(long)]
    pub all: bool,
}

/// Where to look.
#[derive(Clone, Debug, Args)]
pub struct Where {
    /// Only this account.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Only this region.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
}

/// `discover`.
#[derive(Clone, Debug, Args)]
pub struct Discover {
    /// Which connections.
    #[command(flatten)]
    pub which: Which,
    /// Where to look.
    #[command(flatten)]
    pub place: Where,
}

/// `onboard`.
#[derive(Clone, Debug, Args)]
pub struct Onboard {
    /// Which connections.
    #[command(flatten)]
    pub which: Which,
    /// Where to look.
    #[command(flatten)]
    pub place: Where,
    /// Exactly this API, whatever filters and dates say; may be given several times.
    #[arg(long, value_name = "API")]
    pub api: Vec<String>,
    /// Only this stage of it; the others stay out until they are selected; may be given several times.
    #[arg(long, value_name = "STAGE", requires = "api")]
    pub stage: Vec<String>,
    /// Only APIs published on or after this day, instead of the file's `published_after`.
    #[arg(long, value_name = "DATE")]
    pub published_after: Option<NaiveDate>,
    /// Show what would be done and write nothing.
    #[arg(long, conflicts_with_all = ["pick", "redeliver"])]
    pub dry_run: bool,
    /// Ask on the terminal which of the new APIs to register.
    #[arg(long)]
    pub pick: bool,
    /// Register however many there are, past `max_new`.
    #[arg(long)]
    pub yes: bool,
    /// Besides the run, send this target everything that the connection has ever onboarded again; not with --api, as it is never
    /// for single APIs.
    #[arg(long, value_name = "TARGET", conflicts_with = "api")]
    pub redeliver: Option<String>,
}

/// `spec`.
#[derive(Clone, Debug, Args)]
pub struct Spec {
    /// The API: id, region/id, account/region/id, ARN or one of its URLs.
    pub api: String,
    /// The specification of this stage.
    #[arg(long, value_name = "STAGE", conflicts_with = "list")]
    pub stage: Option<String>,
    /// List the stages instead: what is stored of each, and what the last export failed of.
    #[arg(long)]
    pub list: bool,
}

/// `pause`.
#[derive(Clone, Debug, Args)]
pub struct Pause {
    /// Which connections.
    #[command(flatten)]
    pub which: Which,
    /// When they go on by themselves: an instant (RFC 3339), a date (its beginning, UTC), or from now, such as 2h.
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// `reload`.
#[derive(Clone, Debug, Args)]
pub struct Reload {
    /// Wait for what comes of it, and say what changed or what is wrong.
    #[arg(long)]
    pub wait: bool,
    /// An empty file, or the removal of most connections, is meant.
    #[arg(long)]
    pub accept: bool,
    /// How long to wait.
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = humantime::parse_duration, allow_hyphen_values = true)]
    pub timeout: Duration,
}

/// `run`.
#[derive(Clone, Debug, Args)]
pub struct Run {
    /// Where the schedule file is bad or missing, start from the last one that was good, kept beside the registry.
    #[arg(long)]
    pub allow_last_good: bool,
}

/// `health`.
#[derive(Clone, Debug, Args)]
pub struct Health {
    /// Only whether it works: 0 also where something needs a person, for probes that restart what they find dead.
    #[arg(long)]
    pub live: bool,
}

/// `audit`.
#[derive(Clone, Debug, Args)]
pub struct Audit {
    /// Not before: an instant (RFC 3339), a date (UTC), or back from now, such as 7d.
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only of this connection.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// At most this many, the newest first.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

/// `apis`.
#[derive(Clone, Debug, Args)]
pub struct Apis {
    /// Only APIs that this connection decided upon.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Only APIs in this state.
    #[arg(long, value_parser = ["onboarded", "excluded", "gone", "seen"])]
    pub state: Option<String>,
    /// Only APIs with this decision.
    #[arg(long, value_parser = ["onboard", "already_onboarded", "excluded", "gone", "held"])]
    pub decision: Option<String>,
    /// Only APIs with this reason.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only this account.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Only this region.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Only this protocol.
    #[arg(long, value_parser = ["REST", "HTTP", "WEBSOCKET"], ignore_case = true)]
    pub protocol: Option<String>,
    /// Only names that match this glob.
    #[arg(long, value_name = "GLOB")]
    pub name: Option<String>,
    /// Only APIs with this tag; a glob for the value.
    #[arg(long, value_name = "KEY=GLOB")]
    pub tag: Option<String>,
    /// At most this many.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// `coverage`.
#[derive(Clone, Debug, Args)]
pub struct Coverage {
    /// Only this account.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Only this region, and accounts that could not be entered at all.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Only what this connection looks at, as it sees it.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Only scopes in this state.
    #[arg(long, value_parser = ScopeState::ALL.map(ScopeState::as_str))]
    pub state: Option<String>,
    /// Only what has not been seen whole for so long, such as 8d, and nothing explains why.
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    pub stale: Option<Duration>,
}

/// `registry`.
#[derive(Clone, Debug, Subcommand)]
pub enum Registry {
    /// Say what the registry holds.
    Info,
    /// Check the file and what it says of itself.
    Check,
    /// Copy it, while it is in use, to a new file.
    Backup {
        /// The copy.
        file: PathBuf,
    },
}
