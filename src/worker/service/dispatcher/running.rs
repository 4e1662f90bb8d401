//! Runs: begun in the order in which they came due, and what follows when they are over.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::task;
use tokio::task::JoinError;

use super::super::entries::Entry;
use super::super::jobs::{Job, failed_in_passing};
use super::planning::end_dead_runs;
use super::{Dispatcher, Flight};
use crate::registry::{Outcome, RegistryError, Retry, is_paused};
use crate::schedule::{self, Fate, Reason};
use crate::worker::report::RunReport;

/// How long a run that could not begin waits before it tries again.
const BACK_OFF: Duration = Duration::from_secs(10);

impl Dispatcher {
    /// Begins what waits, as far as there is room and nobody has it rest. Runs by hand take places too, but for one: somebody's question
    /// that nobody answers must not keep every schedule waiting.
    pub(super) async fn start_runs(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let config = self.service.config();
        let by_hand = self.service.0.by_hand.load(Relaxed);
        let room = config.limits.parallel_runs - by_hand.min(config.limits.parallel_runs.saturating_sub(1));
        if self.queue.len() == 0 || self.flights.len() >= room {
            return Ok(());
        }
        self.not_before.retain(|_, at| *at > Instant::now());
        while self.flights.len() < room {
            let may_begin = |name: &str| !is_paused(&self.pauses, name, now) && !self.not_before.contains_key(name);
            let Some((since, name, job)) = self.queue.pop(may_begin) else { return Ok(()) };
            let connection = config.connections.get(&name).cloned();
            let Some(connection) = connection else { continue };
            let Some(auto) = &connection.auto_onboard else { continue };
            if let Job::Due { due_id, start_at, .. } = &job
                && schedule::is_too_late(auto, now - *start_at)
            {
                let missed = vec![(*due_id, Fate::Missed, Some(Reason::TooLate))];
                if let Err(error) = self.change_fates(missed).await {
                    self.queue.push(&name, since, job);
                    return Err(error);
                }
                tracing::warn!(connection = name, "a due instant waited too long for its turn and does not run");
                continue;
            }
            let request = job.request(auto);
            let context = self.service.context(self.service.0.halt.child_token());
            // On the heap: a run is big, and the set moves it.
            let run = async move { Box::pin(crate::worker::run(&context, &connection, &request)).await };
            let id = self.runs.spawn(run).id();
            self.changed = true;
            self.flights.insert(id, Flight { connection: name, job, since: now });
        }
        Ok(())
    }

    /// A run is over: what it could not read in passing is looked at again later. One that could not even begin waits and tries again.
    pub(super) async fn land(&mut self, ended: Result<(task::Id, RunReport), JoinError>) {
        let (id, report) = match ended {
            Ok((id, report)) => (id, Some(report)),
            Err(error) => {
                tracing::error!("a run ended by a fault of aboard itself: {error}");
                (error.id(), None)
            }
        };
        self.changed = true;
        let Some(Flight { connection, job, since }) = self.flights.remove(&id) else { return };
        let Some(report) = report else {
            self.mend_at = Some(Instant::now() + BACK_OFF);
            return;
        };
        if report.outcome == Outcome::Interrupted {
            return;
        }
        if report.run_id.is_none() {
            // Another run of the connection holds its lock, or the registry cannot be written.
            self.not_before.insert(connection.clone(), Instant::now() + BACK_OFF);
            self.queue.push(&connection, since, job);
            return;
        }
        if report.error.as_ref().is_some_and(|error| error.kind == "registry") {
            // Its end may not have been written down.
            self.mend_at = Some(Instant::now() + BACK_OFF);
        }
        if let Err(error) = self.look_again_later(&connection, &job, &report).await {
            tracing::error!(connection, "what follows from the run cannot be written down: {error}");
        }
    }

    /// Ends runs that are open in the registry and in nobody's hands, and takes up what they leave.
    pub(super) async fn mend(&mut self) -> Result<(), RegistryError> {
        if self.mend_at.is_some_and(|at| at <= Instant::now()) {
            self.with(end_dead_runs).await?;
            (self.mend_at, self.taken_up) = (None, false);
        }
        Ok(())
    }

    pub(super) async fn look_again_later(
        &mut self,
        connection: &str,
        job: &Job,
        report: &RunReport,
    ) -> Result<(), RegistryError> {
        let waits = self.entries.get(connection).map(|entry| entry.auto.retry_failed.clone()).unwrap_or_default();
        let wait = usize::try_from(job.attempt()).ok().and_then(|attempt| waits.get(attempt).copied());
        let retry = match (report.run_id, wait) {
            (Some(run_id), Some(wait)) => {
                let name = connection.to_owned();
                let coverage = self.with(move |registry, _| registry.coverage(Some(&name))).await?;
                let due_at = report.finished_at + wait;
                (!failed_in_passing(&coverage, run_id).is_empty()).then(|| Retry {
                    run_id,
                    attempt: job.attempt() + 1,
                    due_at,
                })
            }
            _ => None,
        };
        match (&retry, self.entries.get(connection).and_then(|entry| entry.retry.as_ref())) {
            (None, None) => Ok(()),
            _ => self.owe(connection, retry).await,
        }
    }

    /// Queues the second looks that are due; where nothing is left to be looked at again, the debt is dropped.
    pub(super) async fn queue_retries(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let due = |(name, entry): (&String, &Entry)| {
            let retry = entry
                .retry
                .clone()
                .filter(|_| entry.retry_is_due(now) && !self.is_busy(name) && !is_paused(&self.pauses, name, now))?;
            Some((name.clone(), retry))
        };
        let due: Vec<(String, Retry)> = self.entries.iter().filter_map(due).collect();
        for (name, retry) in due {
            let connection = name.clone();
            let coverage = self.with(move |registry, _| registry.coverage(Some(&connection))).await?;
            let places = failed_in_passing(&coverage, retry.run_id);
            if places.is_empty() {
                self.owe(&name, None).await?;
            } else {
                let due_at = retry.due_at;
                self.queue.push(&name, due_at, Job::Retry { retry, places: Arc::new(places) });
            }
        }
        Ok(())
    }

    /// Sets, or takes back, the second look that a connection is owed.
    pub(super) async fn owe(&mut self, connection: &str, retry: Option<Retry>) -> Result<(), RegistryError> {
        let (name, owed) = (connection.to_owned(), retry.clone());
        self.with(move |registry, _| registry.set_retry(&name, owed.as_ref())).await?;
        if let Some(entry) = self.entries.get_mut(connection) {
            entry.retry = retry;
        }
        Ok(())
    }

    pub(super) fn is_busy(&self, connection: &str) -> bool {
        self.queue.holds(connection) || self.is_in_flight(connection)
    }

    pub(super) fn is_in_flight(&self, connection: &str) -> bool {
        self.flights.values().any(|flight| flight.connection == connection)
    }
}
