//! The words of `deliveries` and `targets`.

use clap::{Args, Subcommand};

use crate::registry::DeliveryState;

/// Which deliveries, and what to do with them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Deliveries {
    /// One delivery, with every attempt and what it says.
    #[arg(value_name = "ID", conflicts_with_all = ["state", "target", "api", "limit"])]
    pub id: Option<i64>,
    /// Only in this state.
    #[arg(long, value_name = "STATE", value_parser = clap::builder::PossibleValuesParser::new(DeliveryState::ALL.map(DeliveryState::as_str)))]
    pub state: Option<String>,
    /// Only for this target.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Only of this API: id, region/id, account/region/id, ARN or one of its URLs.
    #[arg(long, value_name = "API")]
    pub api: Option<String>,
    /// At most this many, the newest first.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// What to do with them.
    #[command(subcommand)]
    pub action: Option<DeliveryAction>,
}

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveryAction {
    /// Send deliveries again at once.
    Retry(Retry),
}

/// Which deliveries are sent again.
#[derive(Debug, Args)]
pub struct Retry {
    /// These, in whatever state; one that had arrived goes out again under its key.
    #[arg(value_name = "ID", required_unless_present = "dead", conflicts_with = "dead")]
    pub ids: Vec<i64>,
    /// Every one that was given up.
    #[arg(long)]
    pub dead: bool,
    /// Only of this target.
    #[arg(long, value_name = "NAME", requires = "dead")]
    pub target: Option<String>,
}

/// What to do with targets.
#[derive(Debug, Subcommand)]
pub enum Targets {
    /// List the targets, how their deliveries stand, and which are switched off.
    List,
    /// Try a target: send it a marked test event, or see whether its folder or its account is there.
    Test {
        /// The target.
        name: String,
    },
    /// Bring back a target that its receiver switched off (HTTP 410).
    Enable {
        /// The target.
        name: String,
    },
    /// Take over entries that the target has already of onboarded APIs, so that they are not made a second time.
    Adopt {
        /// The target.
        name: String,
        /// Only show what would be taken over.
        #[arg(long)]
        dry_run: bool,
    },
}
