//! How a connection is, for health, metrics and people.

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::clock;

/// How a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// In short.
    pub state: State,
    /// Since when `state` is so.
    pub since: DateTime<Utc>,
    /// The endpoint that is connected, or was tried last.
    pub endpoint: Option<String>,
    /// What went wrong last; kept while it is connected again.
    pub last_error: Option<String>,
    /// Attempts that failed since the last connection that lasted.
    pub attempts: u32,
    /// How long the present wait is, in milliseconds, where there is one.
    pub wait_ms: Option<u64>,
    /// The server's last farewell.
    pub last_goodbye: Option<Farewell>,
    /// Whether the server calls this connection the primary one; unknown while not connected.
    pub primary: Option<bool>,
}

/// How a connection is, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was not begun.
    Idle,
    /// An attempt is under way.
    Connecting,
    /// The server has accepted the hello.
    Connected,
    /// The next attempt waits for its time.
    Waiting,
    /// It was ended by us, for good.
    Stopped,
}

impl State {
    /// The word used in JSON and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// The server let go of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it asked to be called again at once.
    pub reconnect: bool,
}

/// Keeps the status, and writes one line of log for each change that a person would call one.
pub(super) struct Board {
    name: String,
    status: watch::Sender<Status>,
}

impl Board {
    pub(super) fn new(name: &str) -> Self {
        let status = Status {
            state: State::Idle,
            since: clock::now(),
            endpoint: None,
            last_error: None,
            attempts: 0,
            wait_ms: None,
            last_goodbye: None,
            primary: None,
        };
        Self { name: name.to_owned(), status: watch::Sender::new(status) }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn change(&self, state: State, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(|status| {
            if status.state != state {
                status.since = clock::now();
            }
            status.state = state;
            status.wait_ms = None;
            if state != State::Connected {
                status.primary = None;
            }
            change(status);
        });
    }

    pub(super) fn connecting(&self, endpoint: &str) {
        self.change(State::Connecting, |status| status.endpoint = Some(endpoint.to_owned()));
    }

    pub(super) fn connected(&self) {
        self.change(State::Connected, |_| {});
        let status = self.status.borrow();
        info!(integration = self.name, "connected to {}", status.endpoint.as_deref().unwrap_or_default());
    }

    /// The next attempt comes after `wait_ms`.
    pub(super) fn waiting(&self, was_connected: bool, error: &str, attempts: u32, wait_ms: u64) {
        let before = self.status.borrow().last_error.clone();
        self.change(State::Waiting, |status| {
            status.last_error = Some(error.to_owned());
            status.attempts = attempts;
            status.wait_ms = Some(wait_ms);
        });
        let endpoint = self.status.borrow().endpoint.clone().unwrap_or_default();
        if was_connected {
            warn!(integration = self.name, "connection to {endpoint} is gone: {error}; next attempt in {wait_ms} ms");
        } else if attempts == 1 || before.as_deref() != Some(error) {
            warn!(
                integration = self.name,
                "cannot connect to {endpoint}: {error}; it is tried again, next in {wait_ms} ms"
            );
        }
    }

    pub(super) fn stopped(&self) {
        self.change(State::Stopped, |_| {});
        info!(integration = self.name, "connection ended");
    }

    pub(super) fn farewell(&self, reconnect: bool) {
        self.status.send_modify(|status| status.last_goodbye = Some(Farewell { at: clock::now(), reconnect }));
    }

    pub(super) fn primary(&self, primary: bool) {
        self.status.send_modify(|status| status.primary = Some(primary));
    }
}
