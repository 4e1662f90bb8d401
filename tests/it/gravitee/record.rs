//! What a controller saw, in order; tests wait for what they need of it.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(10);

/// One thing that a controller saw.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// A request to upgrade, and how it was answered.
    Upgrade {
        status: u16,
        path: String,
        headers: BTreeMap<String, String>,
    },
    /// A hello, and whether it was accepted.
    Hello {
        payload: Value,
        accepted: bool,
    },
    /// A chunk; `known` is whether its job was there.
    Ingest(Ingested),
    /// A reply to a command of the controller's.
    Reply {
        id: String,
        reply: Value,
    },
    /// A command of the controller's was not answered in time.
    NoReply {
        id: String,
        kind: String,
    },
    /// A reply that nobody waited for any more.
    LateReply {
        id: String,
    },
    /// A pong or ping of the agent's.
    Pong,
    Ping,
    /// The agent closed, or answered a close.
    Closed {
        code: u16,
    },
    /// The connection went without a close.
    Gone,
    /// The agent broke a rule.
    Violation(String),
}

/// A chunk as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ingested {
    pub(crate) job: String,
    pub(crate) ids: Vec<String>,
    pub(crate) bytes: usize,
    pub(crate) done: bool,
    pub(crate) known: bool,
}

/// All that a controller saw.
#[derive(Debug, Default)]
pub(crate) struct Record {
    seen: Mutex<Vec<(Instant, usize, Seen)>>,
    changed: Condvar,
}

impl Record {
    pub(crate) fn add(&self, connection: usize, seen: Seen) {
        self.seen.lock().unwrap().push((Instant::now(), connection, seen));
        self.changed.notify_all();
    }

    /// Waits until something of what was seen answers the question.
    pub(crate) fn wait<T>(&self, what: &str, mut find: impl FnMut(&[(Instant, usize, Seen)]) -> Option<T>) -> T {
        let by = Instant::now() + PATIENCE;
        let mut seen = self.seen.lock().unwrap();
        loop {
            if let Some(found) = find(&seen) {
                return found;
            }
            let left = by.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} never came: {:#?}", &seen[seen.len().saturating_sub(30)..]);
            seen = self.changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Waits for the `count`-th thing of a kind.
    pub(crate) fn wait_for(&self, what: &str, count: usize, is_it: impl Fn(&Seen) -> bool) -> Seen {
        self.wait(what, |all| all.iter().map(|(_, _, seen)| seen).filter(|seen| is_it(seen)).nth(count - 1).cloned())
    }

    /// What was seen so far.
    pub(crate) fn all(&self) -> Vec<(Instant, usize, Seen)> {
        self.seen.lock().unwrap().clone()
    }

    /// No rule was broken.
    pub(crate) fn assert_proper(&self) {
        let all = self.all().into_iter();
        let broken: Vec<String> =
            all.filter_map(|(_, _, seen)| if let Seen::Violation(what) = seen { Some(what) } else { None }).collect();
        assert!(broken.is_empty(), "{broken:#?}");
    }

    pub(crate) fn ingested(&self) -> Vec<Ingested> {
        let all = self.all().into_iter();
        all.filter_map(|(_, _, seen)| if let Seen::Ingest(ingested) = seen { Some(ingested) } else { None }).collect()
    }
}
