//! Commands that edit the schedule file, as they are typed.

use std::fmt;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::Which;

/// `schedule`.
#[derive(Clone, Debug, Subcommand)]
pub enum Schedule {
    /// Show schedules with every key and the next instants.
    Show {
        /// Which connections.
        #[command(flatten)]
        which: Which,
        /// How many of the next instants.
        #[arg(long, value_name = "N", default_value_t = 3)]
        next: usize,
    },
    /// Change a schedule, or make one; the file's comments and order stay.
    Set(Box<SetSchedule>),
    /// Switch a schedule on.
    Enable {
        /// The connection.
        connection: String,
    },
    /// Switch a schedule off; it stays in the file.
    Disable {
        /// The connection.
        connection: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Take a schedule out of the file.
    Remove {
        /// The connection.
        connection: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `schedule set`.
#[derive(Clone, Debug, Args)]
pub struct SetSchedule {
    /// The connection.
    pub connection: String,
    /// What to set.
    #[command(flatten)]
    pub keys: ScheduleKeys,
    /// Show the change of the file and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// The keys of a schedule.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Schedule")]
pub struct ScheduleKeys {
    /// How often.
    #[arg(long, value_parser = ["daily", "weekly", "monthly"], conflicts_with = "cron")]
    pub frequency: Option<String>,
    /// Weekly: a weekday; monthly: 1 to 28, or last.
    #[arg(long, value_name = "DAY", conflicts_with = "cron")]
    pub day: Option<String>,
    /// Local time.
    #[arg(long, value_name = "HH:MM", conflicts_with = "cron")]
    pub time: Option<String>,
    /// IANA name of the zone, such as Europe/London.
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Instead of frequency, day and time: minute, hour, day of month, month, weekday.
    #[arg(long, value_name = "FIELDS")]
    pub cron: Option<String>,
    /// Only APIs published at or after this date, or date and time; none = every API.
    #[arg(long, value_name = "DATE|none")]
    pub published_after: Option<String>,
    /// Which date that is compared with.
    #[arg(long, value_parser = ["first_published", "created", "last_published"])]
    pub published_by: Option<String>,
    /// Whether what the first complete look finds is registered, or recorded without telling any target.
    #[arg(long, value_parser = ["register", "record"])]
    pub existing: Option<String>,
    /// A run that would register more waits for approval; 0 = no limit.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub max_new: Option<i64>,
    /// Whether one run makes up for those missed while nothing ran.
    #[arg(long, value_parser = ["latest", "none"])]
    pub catch_up: Option<String>,
    /// How late a run may still start; none = any time.
    #[arg(long, value_name = "DURATION|none", allow_hyphen_values = true)]
    pub misfire_grace: Option<String>,
    /// Longest delay after the due time.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub jitter: Option<String>,
    /// Longest run.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub timeout: Option<String>,
    /// When scopes that failed in passing are looked at again, such as 15m,2h,12h; none = never.
    #[arg(long, value_name = "DURATIONS|none", allow_hyphen_values = true)]
    pub retry_failed: Option<String>,
}

/// `connection`.
#[derive(Clone, Debug, Subcommand)]
pub enum Connection {
    /// List the connections of the file.
    List,
    /// Append a connection to the file, after a test of it.
    Add(Box<AddConnection>),
    /// Take a connection out of the file; its history in the registry stays.
    Remove {
        /// The connection.
        connection: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `connection add`.
///
/// With a role, an access key or a profile says who assumes it; by itself it is what the connection enters with. With none of them
/// the connection enters with whatever the process is given: environment, SSO, IRSA, ECS or instance role.
#[derive(Clone, Debug, Args)]
pub struct AddConnection {
    /// Its name: a-z, 0-9, _ and -.
    pub name: String,
    /// Regions to look at, or all; may be left out for a central role.
    #[arg(long, value_name = "REGION,…", value_delimiter = ',')]
    pub regions: Vec<String>,
    /// Patterns of the stages that count; without it every stage.
    #[arg(long, value_name = "STAGE,…", value_delimiter = ',')]
    pub stages: Vec<String>,
    /// The targets that are told; without it all of them.
    #[arg(long, value_name = "TARGET,…", value_delimiter = ',')]
    pub targets: Vec<String>,
    /// A role in the account.
    #[arg(long, value_name = "ARN", conflicts_with = "central_role_arn", help_heading = "Credentials")]
    pub role_arn: Option<String>,
    /// A role that enters the other accounts of an organization.
    #[arg(long, value_name = "ARN", requires = "child_role_name", help_heading = "Credentials")]
    pub central_role_arn: Option<String>,
    /// Name of the role that it assumes in every account.
    #[arg(long, value_name = "NAME", requires = "central_role_arn", help_heading = "Credentials")]
    pub child_role_name: Option<String>,
    /// What the role's trust policy asks for, or a reference to it.
    #[arg(long, value_name = "ID", help_heading = "Credentials")]
    pub external_id: Option<Private>,
    /// What the trust policies of the roles in the accounts ask for, or a reference to it.
    #[arg(long, value_name = "ID", requires = "central_role_arn", help_heading = "Credentials")]
    pub child_external_id: Option<Private>,
    /// The name under which `CloudTrail` shows the session.
    #[arg(long, value_name = "NAME", help_heading = "Credentials")]
    pub session_name: Option<String>,
    /// An access key's id, or a reference to it.
    #[arg(long, value_name = "ID", requires = "secret_access_key", help_heading = "Credentials")]
    pub access_key_id: Option<Private>,
    /// Where its secret is, `env:NAME` or `file:/path`; never the secret itself.
    #[arg(long, value_name = "REFERENCE", requires = "access_key_id", help_heading = "Credentials")]
    pub secret_access_key: Option<Private>,
    /// Where the token of temporary keys is, `env:NAME` or `file:/path`.
    #[arg(long, value_name = "REFERENCE", requires = "access_key_id", help_heading = "Credentials")]
    pub session_token: Option<Private>,
    /// A profile of the shared AWS files.
    #[arg(long, value_name = "PROFILE", conflicts_with = "access_key_id", help_heading = "Credentials")]
    pub profile: Option<String>,
    /// When it runs by itself; without any of these by hand only.
    #[command(flatten)]
    pub schedule: ScheduleKeys,
    /// Write it without a test.
    #[arg(long)]
    pub no_test: bool,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// A value that is shown nowhere: it may be a secret that somebody gave by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct Private(pub String);

impl FromStr for Private {
    // What is wrong with it is said later: an error here would be shown with the value.
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
