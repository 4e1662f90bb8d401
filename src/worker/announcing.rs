//! What targets are told when a run is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::book::Book;
use super::coverage::{self, CoverageFilter, Covered};
use super::report::RunReport;
use crate::config::{Config, Connection, Event};
use crate::inventory::{Family, ScopeState};
use crate::notice::{FailedScope, RunNotice};
use crate::registry::{Announcement, Counts, Outcome, Registry, RegistryError, RunId, Trigger};

/// Queues what the connection's targets are told of a run that came to its end. `everywhere` says that it looked at all that is in scope,
/// or at all that had failed. Answers how many messages that are.
pub(super) async fn announce(
    book: &Book,
    config: &Arc<Config>,
    connection: &Connection,
    report: &RunReport,
    everywhere: bool,
    now: DateTime<Utc>,
) -> Result<u64, RegistryError> {
    let Some(run_id) = report.run_id.filter(|_| report.outcome != Outcome::Interrupted) else { return Ok(0) };
    let targets: Vec<_> = connection.targets.iter().filter_map(|name| config.targets.get(name)).collect();
    let digests: Vec<String> =
        targets.iter().filter(|target| target.digest).map(|target| target.name.clone()).collect();
    let wants = |event| {
        let wanting = targets.iter().filter(move |target| target.events.contains(&event));
        wanting.map(|target| target.name.clone()).collect::<Vec<_>>()
    };
    let summaries: Vec<String> = wants(Event::RunSummary).into_iter().filter(|name| !digests.contains(name)).collect();
    let finished = wants(Event::RunFinished);
    if digests.is_empty() && summaries.is_empty() && finished.is_empty() {
        return Ok(0);
    }
    let error = report.error.clone();
    let (name, config) = (connection.name.clone(), Arc::clone(config));
    let (trigger, outcome) = (report.trigger.as_str().to_owned(), report.outcome.as_str().to_owned());
    let (started_at, finished_at, resumes) = (report.started_at, report.finished_at, report.resumes);
    let counts = members(&report.counts);
    book.with(move |registry| {
        let filter = CoverageFilter { connection: Some(name.clone()), ..CoverageFilter::default() };
        let covered = coverage::coverage(registry, Some(&config), &filter, now)?;
        let failing: Vec<&Covered> = covered.entries.iter().filter(|entry| is_failure(entry)).collect();
        let mut set: BTreeSet<String> = failing.iter().map(|entry| line(entry)).collect();
        if let (true, Some(error)) = (set.is_empty(), &error) {
            set.insert(format!("run {}", error.kind));
        }
        let run = RunNotice {
            trigger,
            started_at,
            finished_at,
            outcome,
            error: error.map(|error| error.message),
            counts,
            failures: failing.iter().take(RunNotice::MOST).map(|entry| failed(entry)).collect(),
            failures_in_all: failing.len() as u64,
            events: Vec::new(),
            events_in_all: BTreeMap::new(),
        };
        let failures = everywhere.then_some((finished.as_slice(), &set));
        let announcement = Announcement {
            run_id,
            resumes,
            connection: &name,
            run: &run,
            digests: &digests,
            summaries: &summaries,
            failures: failures.filter(|(finished, _)| !finished.is_empty()),
        };
        registry.announce_run(&announcement, now)
    })
    .await
    .map(Option::unwrap_or_default)
}

/// The same of an approval, which says nothing about failures: its events in one message for targets that want that.
pub(super) fn sum_up(
    registry: &mut Registry,
    config: &Config,
    connection: &Connection,
    run_id: RunId,
    counts: &Counts,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<u64, RegistryError> {
    let told = |name: &&String| config.targets.get(*name).is_some_and(|target| target.digest);
    let digests: Vec<String> = connection.targets.iter().filter(told).cloned().collect();
    let run = RunNotice {
        trigger: Trigger::Manual.as_str().to_owned(),
        started_at: now,
        finished_at: now,
        outcome: outcome.as_str().to_owned(),
        error: None,
        counts: members(counts),
        failures: Vec::new(),
        failures_in_all: 0,
        events: Vec::new(),
        events_in_all: BTreeMap::new(),
    };
    let announcement = Announcement {
        run_id,
        resumes: None,
        connection: &connection.name,
        run: &run,
        digests: &digests,
        summaries: &[],
        failures: None,
    };
    if digests.is_empty() { Ok(0) } else { registry.announce_run(&announcement, now) }
}

fn is_failure(entry: &Covered) -> bool {
    entry.state != ScopeState::Complete && !entry.explained && !entry.is_unwatched()
}

fn line(entry: &Covered) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let family = entry.family.map_or("-", Family::as_str);
    format!("{}/{}/{family} {}", word(&entry.account_id), word(&entry.region), entry.state)
}

fn failed(entry: &Covered) -> FailedScope {
    FailedScope {
        account_id: entry.account_id.clone(),
        account_name: entry.account_name.clone(),
        region: entry.region.clone(),
        family: entry.family.map(|family| family.as_str().to_owned()),
        state: entry.state.as_str().to_owned(),
        cause: entry.cause.clone(),
    }
}

/// The counts by the names that they have in the JSON output.
fn members(counts: &Counts) -> BTreeMap<String, u64> {
    let counts = serde_json::to_value(counts).unwrap_or_default();
    let members = counts.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?))).collect()
}
