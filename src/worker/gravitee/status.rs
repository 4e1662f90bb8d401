//! How the connections to servers are: for `aboard health`, the metrics and the API.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::gravitee::channel::{State, Status};

/// One integration's connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationStatus {
    /// The integration's name in the file.
    pub name: String,
    /// What it is: `gravitee`.
    pub kind: String,
    /// `idle`, `connecting`, `connected`, `waiting` or `stopped`.
    pub state: String,
    /// Whether it is `connected`.
    pub connected: bool,
    /// Since when the state is so.
    pub since: DateTime<Utc>,
    /// The endpoint that is connected, or was tried last.
    pub endpoint: Option<String>,
    /// What went wrong last; kept while it is connected again.
    pub last_error: Option<String>,
    /// Attempts that failed since the last connection that lasted.
    pub attempts: u32,
    /// How long the present wait is, in milliseconds.
    pub wait_ms: Option<u64>,
    /// Whether the server calls this connection the primary one; unknown while not connected.
    pub primary: Option<bool>,
}

impl IntegrationStatus {
    pub(super) fn of(name: &str, status: &Status) -> Self {
        Self {
            name: name.to_owned(),
            kind: "gravitee".to_owned(),
            state: status.state.as_str().to_owned(),
            connected: status.state == State::Connected,
            since: status.since,
            endpoint: status.endpoint.clone(),
            last_error: status.last_error.clone(),
            attempts: status.attempts,
            wait_ms: status.wait_ms,
            primary: status.primary,
        }
    }

    /// What a person should see to, one sentence; none while it is connected or is about to be.
    #[must_use]
    pub fn degraded(&self) -> Option<String> {
        let Self { name, attempts, last_error, connected, .. } = self;
        let why = last_error.as_deref().filter(|_| !connected && *attempts > 0)?;
        Some(format!("integration {name} is not connected, after {attempts} failed attempts: {why}"))
    }
}
