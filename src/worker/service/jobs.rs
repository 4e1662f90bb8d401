//! Runs that schedules set off: those that wait for their turn, and those in flight. One at a time for each connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::config::AutoOnboard;
use crate::inventory::ScopeState;
use crate::registry::{DueId, Retry, RunId, ScopeStatus, Trigger};
use crate::worker::{DueRun, FailedPlace, Mode, Request};

/// Why a run is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// An instant of the schedule has come, or had come while nothing ran; `start_at` is the instant with its jitter.
    Due { due_id: DueId, due_at: DateTime<Utc>, start_at: DateTime<Utc>, late: bool },
    /// The last one broke off.
    Resume { due_at: Option<DateTime<Utc>> },
    /// Scopes of the last one failed in passing.
    Retry { retry: Retry, places: Arc<BTreeSet<FailedPlace>> },
}

impl Job {
    pub(super) fn trigger(&self) -> Trigger {
        match self {
            Self::Due { late: false, .. } => Trigger::Schedule,
            Self::Due { late: true, .. } => Trigger::CatchUp,
            Self::Resume { .. } => Trigger::Resume,
            Self::Retry { .. } => Trigger::Retry,
        }
    }

    pub(super) fn due_id(&self) -> Option<DueId> {
        match self {
            Self::Due { due_id, .. } => Some(*due_id),
            _ => None,
        }
    }

    /// How many of the waits between second looks were used up when it began.
    pub(super) fn attempt(&self) -> u32 {
        match self {
            Self::Retry { retry, .. } => retry.attempt,
            _ => 0,
        }
    }

    pub(super) fn request(&self, auto: &AutoOnboard) -> Request {
        let due = match self {
            Self::Due { due_id, due_at, .. } => Some(DueRun { due_id: Some(*due_id), due_at: *due_at }),
            Self::Resume { due_at } => due_at.map(|due_at| DueRun { due_id: None, due_at }),
            Self::Retry { .. } => None,
        };
        let only = match self {
            Self::Retry { places, .. } => Some(Arc::clone(places)),
            _ => None,
        };
        Request {
            trigger: self.trigger(),
            due,
            only,
            timeout: Some(auto.timeout),
            by: "schedule".to_owned(),
            ..Request::manual(Mode::Commit)
        }
    }
}

/// Jobs in the order in which they came due; at most one for each connection.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: BTreeSet<(DateTime<Utc>, String)>,
    jobs: BTreeMap<String, (DateTime<Utc>, Job)>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn holds(&self, connection: &str) -> bool {
        self.jobs.contains_key(connection)
    }

    /// Whether what waits for a connection serves a due instant.
    pub(super) fn holds_due(&self, connection: &str) -> bool {
        self.jobs.get(connection).is_some_and(|(_, job)| job.due_id().is_some())
    }

    /// Whether a job that waits serves this due instant.
    pub(super) fn is_for(&self, due_id: DueId) -> bool {
        self.jobs.values().any(|(_, job)| job.due_id() == Some(due_id))
    }

    /// Queues a job, in place of the connection's other one where there is one, which is given back.
    pub(super) fn push(&mut self, connection: &str, since: DateTime<Utc>, job: Job) -> Option<Job> {
        let before = self.remove(connection);
        self.order.insert((since, connection.to_owned()));
        self.jobs.insert(connection.to_owned(), (since, job));
        before
    }

    pub(super) fn remove(&mut self, connection: &str) -> Option<Job> {
        let (since, job) = self.jobs.remove(connection)?;
        self.order.remove(&(since, connection.to_owned()));
        Some(job)
    }

    /// Takes the oldest job of those whose connections may begin now.
    pub(super) fn pop(&mut self, may_begin: impl Fn(&str) -> bool) -> Option<(DateTime<Utc>, String, Job)> {
        let (since, connection) = self.order.iter().find(|(_, connection)| may_begin(connection)).cloned()?;
        let job = self.remove(&connection)?;
        Some((since, connection, job))
    }

    pub(super) fn connections(&self) -> impl Iterator<Item = &String> {
        self.jobs.keys()
    }
}

/// What a run could not read and what may be readable soon. What AWS refuses by policy will not change by asking again.
pub(super) fn failed_in_passing(coverage: &[ScopeStatus], run_id: RunId) -> BTreeSet<FailedPlace> {
    let passing = |state| {
        matches!(
            state,
            ScopeState::Throttled
                | ScopeState::Failed
                | ScopeState::NotReached
                | ScopeState::Suspicious
                | ScopeState::CredentialsFailed
        )
    };
    let failed = coverage.iter().filter(|row| row.last_run_id == run_id && passing(row.state) && !row.explained);
    failed
        .map(|row| FailedPlace { account_id: row.account_id.clone(), region: row.region.clone(), family: row.family })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn jobs_leave_in_the_order_in_which_they_came_due() {
        let mut queue = Queue::default();
        for (name, since) in [("b", 20), ("a", 20), ("c", 10)] {
            assert_eq!(queue.push(name, at(since), Job::Resume { due_at: None }), None);
        }
        let order: Vec<String> = std::iter::from_fn(|| queue.pop(|_| true)).map(|(_, name, _)| name).collect();
        assert_eq!(order, ["c", "a", "b"]);
    }

    #[test]
    fn a_connection_waits_once() {
        let mut queue = Queue::default();
        let due = Job::Due { due_id: 1, due_at: at(10), start_at: at(10), late: true };
        queue.push("a", at(5), Job::Resume { due_at: None });
        assert_eq!(queue.push("a", at(10), due.clone()), Some(Job::Resume { due_at: None }));
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.pop(|_| false), None);
        assert_eq!(queue.pop(|_| true), Some((at(10), "a".to_owned(), due)));
        assert_eq!(queue.pop(|_| true), None);
    }
}
