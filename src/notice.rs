//! What a target is told: one event, complete, so that it can be sent however long after.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::document::ApiDocument;
use crate::inventory::Instance;

/// One event for one target. Stored as JSON in the outbox; members may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The event's name, such as `api.onboarded`.
    pub event: String,
    /// When the run decided so.
    pub occurred_at: DateTime<Utc>,
    /// Who is told.
    pub target: String,
    /// Which connection caused it.
    pub connection: String,
    /// In which run; null where a person had a target told outside one.
    pub run_id: Option<i64>,
    /// Counts what this target was told of this API, from 1.
    pub revision: u64,
    /// The API as it stands after the decision; absent where the event is about a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiDocument>,
    /// The addresses that the event is about, ordered by stage, kind and URL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
    /// The run that the event is about; absent where it is about an API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunNotice>,
}

/// How a run went, as `run.finished` and `run.summary` tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNotice {
    /// What set it off, such as `schedule`.
    pub trigger: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// `succeeded`, `partial`, `failed` or `interrupted`.
    pub outcome: String,
    /// Why it failed as a whole, one sentence.
    pub error: Option<String>,
    /// The counts of the run, by their names in the JSON output.
    pub counts: BTreeMap<String, u64>,
    /// What could not be looked at and is not explained, most recent state; no more than [`RunNotice::MOST`].
    pub failures: Vec<FailedScope>,
    /// How many there are of those.
    pub failures_in_all: u64,
    /// For a summary: what the target would have been told one by one; no more than [`RunNotice::MOST`].
    pub events: Vec<SummaryLine>,
    /// How many there are of those, by event.
    pub events_in_all: BTreeMap<String, u64>,
}

impl RunNotice {
    /// How many names a message carries at most; a receiver that wants all of them asks the API.
    pub const MOST: usize = 50;
}

/// A scope, or (where region and family are absent) an account, that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedScope {
    /// Twelve digits; absent where the credentials did not even say whose they are.
    pub account_id: Option<String>,
    /// The account's name, where Organizations told it.
    pub account_name: Option<String>,
    /// Region code.
    pub region: Option<String>,
    /// `rest` or `http`.
    pub family: Option<String>,
    /// The scope's state, such as `access_denied`.
    pub state: String,
    /// Why, one sentence.
    pub cause: Option<String>,
}

/// One event of a run's summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryLine {
    /// The event's name.
    pub event: String,
    /// `account/region/id`.
    pub api: String,
    /// The API's name.
    pub name: String,
    /// The addresses that the event is about.
    pub urls: Vec<String>,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryState {
    /// It waits for its next attempt.
    Queued,
    /// An attempt is on its way.
    Leased,
    /// The target took it.
    Delivered,
    /// It changed nothing for the target and was not sent.
    Unchanged,
    /// It was given up.
    Dead,
    /// It was given up, because the target has several entries that it may be about.
    Ambiguous,
    /// It waits for the end of its run, to be told in one message with the others.
    Collected,
    /// It was put into such a message.
    Summarised,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Leased,
        Self::Delivered,
        Self::Unchanged,
        Self::Dead,
        Self::Ambiguous,
        Self::Collected,
        Self::Summarised,
    ];

    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Unchanged => "unchanged",
            Self::Dead => "dead",
            Self::Ambiguous => "ambiguous",
            Self::Collected => "collected",
            Self::Summarised => "summarised",
        }
    }

    /// Whether a person may have it sent again: not while it is under way, and not where it is part of a run's summary.
    #[must_use]
    pub fn can_be_retried(self) -> bool {
        !matches!(self, Self::Leased | Self::Collected | Self::Summarised)
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
