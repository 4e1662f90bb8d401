//! Runs: begun in the order in which they came due, and what follows when they are over.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use chrono::{DateTime, Utc};
use tokio::task;
use tokio::task::JoinError;

use super::super::entries::Entry;
use super::super::jobs::{Job, failed_in_passing};
use super::{Dispatcher, Flight};
use crate::registry::{Outcome, RegistryError, Retry};
use crate::schedule::Reason;
use crate::worker::report::RunReport;

impl Dispatcher {
    /// Begins what waits, as far as there is room; runs by hand take places too, but for one:
    /// somebody's question that nobody answers must not keep every schedule waiting.
    pub(super) fn start_runs(&mut self, now: DateTime<Utc>) {
        let config = self.service.config();
        let by_hand = self.service.0.by_hand.load(Relaxed);
        let room = config.limits.parallel_runs - by_hand.min(config.limits.parallel_runs.saturating_sub(1));
        while self.flights.len() < room {
            let Some((name, job)) = self.queue.pop() else { return };
            let Some(connection) = config.connections.get(&name).cloned() else { continue };
            let Some(auto) = &connection.auto_onboard else { continue };
            let request = job.request(auto);
            let context = self.service.context(self.service.0.stop.child_token());
            // On the heap: a run is big, and the set moves it.
            let run = async move { Box::pin(crate::worker::run(&context, &connection, &request)).await };
            let id = self.runs.spawn(run).id();
            self.changed = true;
            self.flights.insert(id, Flight { connection: name, job, since: now });
        }
    }

    /// A run is over: what it could not read in passing is looked at again later.
    pub(super) async fn land(&mut self, ended: Result<(task::Id, RunReport), JoinError>) {
        let (id, report) = match ended {
            Ok((id, report)) => (id, Some(report)),
            Err(error) => {
                tracing::error!("a run ended by a fault of aboard itself: {error}");
                (error.id(), None)
            }
        };
        self.changed = true;
        let Some(Flight { connection, job, .. }) = self.flights.remove(&id) else { return };
        let Some(report) = report else { return };
        let done = if is_refused(&report) {
            self.skip(job.due_id().into_iter().collect(), Reason::StillRunning).await
        } else if report.outcome == Outcome::Interrupted {
            Ok(())
        } else {
            self.look_again_later(&connection, &job, &report).await
        };
        if let Err(error) = done {
            tracing::error!(connection, "what follows from the run cannot be written down: {error}");
        }
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
            let retry = entry.retry.clone().filter(|_| entry.retry_is_due(now) && !self.is_busy(name))?;
            Some((name.clone(), retry))
        };
        let due: Vec<(String, Retry)> = self.entries.iter().filter_map(due).collect();
        if due.is_empty() {
            return Ok(());
        }
        let pauses = self.with(|registry, _| registry.pauses()).await?;
        for (name, retry) in due {
            if pauses.iter().any(|pause| pause.covers(&name) && pause.is_on(now)) {
                continue;
            }
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

/// Whether the run never began because another one of its connection is under way.
fn is_refused(report: &RunReport) -> bool {
    report.run_id.is_none() && report.error.as_ref().is_some_and(|error| error.kind == "already_running")
}
