//! How a run ends: what it did not come to, what it says of itself, and its row in the registry.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::announcing::announce;
use super::book::Ended;
use super::context::Request;
use super::expected;
use super::report::{RunReport, ScopeReport, outcome};
use super::run::{Ending, Run, registry_error};
use crate::inventory::{AccountTrouble, ScopeState, Trouble};
use crate::plan::{ApiState, Entry};
use crate::registry::{ApiDocument, Counts, Outcome, RegistryError, RunError, Trigger};

/// Under which a run's lines can be filtered, wherever in the code they stand.
pub(super) const LOG: &str = "aboard::runs";

impl Run {
    /// Scopes that a run which ended early did not come to, or whose commit it did not come to. Those of a run that is carried on
    /// stand as before; those of one that is over are unknown until they are looked at again.
    async fn note_unreached(&mut self, cause: &str, carried_on: bool) -> Result<(), RegistryError> {
        let trouble = Trouble { state: ScopeState::NotReached, cause: cause.to_owned(), hint: None };
        let unreached: Vec<_> =
            std::mem::take(&mut self.open).into_iter().map(|scope| (scope, trouble.clone())).collect();
        for (scope, trouble) in &unreached {
            let row = ScopeReport::of_unreached(scope, trouble);
            self.count_scope(&row);
            self.tell(row);
        }
        for (account_id, account_name) in std::mem::take(&mut self.doors) {
            let account =
                AccountTrouble { account_id: Some(account_id), account_name, trouble: trouble.clone(), meant: false };
            if carried_on {
                // Its scopes stand as before.
                let row = ScopeReport::of_account(&account, false);
                self.count_scope(&row);
                self.tell(row);
                if let Some(run_id) = self.claim.run_id {
                    self.book.record_untouched_account(run_id, account, (self.context.clock)()).await?;
                }
            } else {
                self.note_account(account).await?;
            }
        }
        match self.claim.run_id {
            Some(run_id) => self.book.record_unreached(run_id, unreached, carried_on, (self.context.clock)()).await,
            None => Ok(()),
        }
    }

    pub(super) async fn finish(mut self, started_at: DateTime<Utc>, ending: Result<(), Ending>) -> RunReport {
        let noted = match ending {
            Err(Ending::Interrupted) => {
                self.note_unreached("the run was interrupted before it was committed", true).await
            }
            Err(Ending::TimedOut) if self.came_nowhere() => self.note_not_entered().await,
            Err(Ending::TimedOut) => self.note_unreached(&self.time_was_up(), false).await,
            // What the registry refuses now is not worth a second complaint.
            Err(Ending::Broken(_)) => {
                self.note_unreached("the run broke off before it was committed", false).await.or(Ok(()))
            }
            Ok(()) => Ok(()),
        };
        self.scopes.sort_by(|one, other| {
            // `Reverse`, so that `rest` comes before `http`.
            let key = |row: &ScopeReport| (row.account_id.clone(), row.region.clone(), Reverse(row.family));
            key(one).cmp(&key(other))
        });
        self.apis.sort_by(|one, other| {
            (&one.account_id, &one.region, &one.api_id).cmp(&(&other.account_id, &other.region, &other.api_id))
        });
        let (mut outcome, error) = match ending {
            Ok(()) => match outcome(&self.scopes, self.saw_whole) {
                Outcome::Failed => (Outcome::Failed, self.no_scope_complete()),
                outcome => (outcome, self.missing_name()),
            },
            Err(Ending::TimedOut) => match outcome(&self.scopes, self.saw_whole) {
                Outcome::Failed => (Outcome::Failed, Some(self.timeout())),
                outcome => (outcome, noted.err().map(|error| registry_error(&error))),
            },
            Err(Ending::Interrupted) => (Outcome::Interrupted, noted.err().map(|error| registry_error(&error))),
            Err(Ending::Broken(error)) => (Outcome::Failed, Some(error)),
        };
        if error.is_some() {
            outcome = Outcome::Failed;
        }
        let awaiting = self.awaiting().await;
        let finished_at = (self.context.clock)();
        let mut warnings = self.of_expected(outcome, finished_at.date_naive());
        warnings.extend(self.failed_exports.take());
        let notice = match outcome {
            // What it was about to do is no news.
            Outcome::Interrupted => None,
            _ => self.notice.take().or_else(|| self.left_waiting(awaiting)),
        };
        let everywhere = self.looked_everywhere();
        let mut report = RunReport {
            connection: self.connection.name.clone(),
            run_id: self.claim.run_id,
            trigger: if self.claim.resumes.is_some() { Trigger::Resume } else { self.request.trigger },
            outcome,
            started_at,
            finished_at,
            error,
            counts: self.counts,
            scopes: std::mem::take(&mut self.scopes),
            apis: std::mem::take(&mut self.apis),
            resumes: self.claim.resumes,
            deliveries: self.deliveries,
            targets: BTreeMap::new(),
            awaiting,
            notice,
            warnings,
        };
        // Before the run counts as ended: a process that dies in between tells of it twice rather than never.
        let announced =
            announce(&self.book, &self.context.config, &self.connection, &report, everywhere, finished_at).await;
        match announced {
            Ok(messages) => report.deliveries += messages,
            Err(error) => tracing::error!(target: LOG, "targets cannot be told of the run: {error}"),
        }
        if let Some(run_id) = self.claim.run_id {
            let ended = Ended { outcome, counts: self.counts, error: report.error.clone() };
            let keep = self.context.config.registry.keep_runs;
            if let Err(failed) = self.book.finish(run_id, ended, keep, finished_at).await {
                report.outcome = Outcome::Failed;
                report.error = report.error.or_else(|| Some(registry_error(&failed)));
            }
        }
        log(&report);
        self.context.courier.kick();
        report
    }

    /// Whether it was to look at all that is in scope, or once more at all that had failed.
    pub(super) fn looked_everywhere(&self) -> bool {
        let Request { account, region, apis, .. } = &self.request;
        account.is_none() && region.is_none() && apis.is_empty()
    }

    /// What is to be said about the known holes of the file: those that are past, and, where everything was come to, those that nothing
    /// fell into.
    fn of_expected(&self, outcome: Outcome, today: NaiveDate) -> Vec<String> {
        let everywhere = self.is_everywhere();
        let came_to_all = self.scopes.iter().all(|scope| scope.state != ScopeState::NotReached || scope.explained);
        let mut warnings = expected::past(&self.connection, today);
        if everywhere && came_to_all && matches!(outcome, Outcome::Succeeded | Outcome::Partial) {
            warnings.extend(expected::unmatched(&self.connection, &self.scopes, today));
        }
        warnings
    }

    /// Whether it has not so much as set out for a scope.
    pub(super) fn came_nowhere(&self) -> bool {
        self.open.is_empty() && self.doors.is_empty() && self.scopes.is_empty() && !self.saw_whole
    }

    /// Not even the accounts were entered: all of the connection is still to be looked at.
    async fn note_not_entered(&mut self) -> Result<(), RegistryError> {
        let trouble = Trouble { state: ScopeState::NotReached, cause: self.time_was_up(), hint: None };
        self.note_account(AccountTrouble { account_id: None, account_name: None, trouble, meant: false }).await
    }

    fn time_was_up(&self) -> String {
        let timeout = self.request.timeout.unwrap_or_default();
        format!("the run's time was up ({})", humantime::format_duration(timeout))
    }

    fn timeout(&self) -> RunError {
        let hint = "raise `timeout` of the schedule, or look why AWS answers so slowly";
        RunError { kind: "timeout".to_owned(), message: self.time_was_up(), hint: Some(hint.to_owned()) }
    }

    /// Where not one scope was read whole, the first failure that is not meant is the run's error.
    fn no_scope_complete(&self) -> Option<RunError> {
        let worst = self.scopes.iter().find(|scope| !scope.explained).or(self.scopes.first())?;
        Some(RunError {
            kind: worst.state.as_str().to_owned(),
            message: worst.cause.clone().unwrap_or_else(|| "no scope could be read".to_owned()),
            hint: worst.hint.clone(),
        })
    }

    /// An API or a stage that a person named and that nobody found.
    fn missing_name(&self) -> Option<RunError> {
        let wherever = if self.scopes.iter().all(|scope| scope.state == ScopeState::Complete) {
            ""
        } else {
            " where it could be looked for"
        };
        let connection = &self.connection.name;
        if let Some(api) = self.request.apis.iter().find(|api| !self.answered.contains_key(&api.api_id)) {
            return Some(RunError {
                kind: "api_not_found".to_owned(),
                message: format!("no API {} in the scope of {connection}{wherever}", api.api_id),
                hint: Some("name it by id, region/id, account/region/id or ARN".to_owned()),
            });
        }
        let deployed = |stage: &&String| self.answered.values().any(|stages| stages.contains(*stage));
        let stage = self.request.stages.iter().find(|stage| !deployed(stage))?;
        let stages: BTreeSet<&str> = self.answered.values().flatten().map(String::as_str).collect();
        let stages =
            if stages.is_empty() { "none".to_owned() } else { stages.into_iter().collect::<Vec<_>>().join(", ") };
        Some(RunError {
            kind: "stage_not_found".to_owned(),
            message: format!("no deployed stage named {stage}"),
            hint: Some(format!("deployed stages: {stages}")),
        })
    }
}

/// Says how it went: each cause of a failure once, and the run in one line. Its connection and its number are in the span that all of
/// it stands in.
fn log(report: &RunReport) {
    let RunReport { outcome, error, warnings, scopes, trigger, .. } = report;
    for (failure, regions) in failures(scopes) {
        let (account, state, regions) = (failure.account_id.as_deref(), failure.state.as_str(), words(&regions));
        let (cause, hint) = (failure.cause.as_deref(), failure.hint.as_deref());
        if failure.explained {
            tracing::info!(target: LOG, account, regions, state, cause, "scopes failed, as the file or AWS means them to");
        } else {
            tracing::warn!(target: LOG, account, regions, state, cause, hint, "scopes failed");
        }
    }
    for warning in warnings {
        tracing::warn!(target: LOG, "{warning}");
    }
    let Counts { seen, onboard, held, gone, scopes_complete, scopes_failed, calls, throttled, .. } = report.counts;
    let meets_another = error.as_ref().is_some_and(|error| error.kind == super::book::ALREADY_RUNNING);
    // What is a scope's failure was said above.
    let error = error.as_ref().map(|error| error.message.as_str());
    let error = error.filter(|error| !scopes.iter().any(|scope| scope.cause.as_deref() == Some(error)));
    macro_rules! over {
        ($level:expr) => {
            tracing::event!(
                target: LOG,
                $level,
                outcome = outcome.as_str(),
                seen,
                onboarded = onboard,
                held,
                gone,
                scopes_complete,
                scopes_failed,
                calls,
                throttled,
                error,
                "run over"
            )
        };
    }
    match outcome {
        // Nothing is wrong: a person has been told, and what is due is begun later.
        Outcome::Failed if meets_another && *trigger == Trigger::Manual => over!(tracing::Level::INFO),
        Outcome::Failed if meets_another => over!(tracing::Level::DEBUG),
        Outcome::Failed => over!(tracing::Level::ERROR),
        Outcome::Partial => over!(tracing::Level::WARN),
        Outcome::Succeeded | Outcome::Interrupted | Outcome::Running => over!(tracing::Level::INFO),
    }
}

/// The failed scopes, one for each account and cause, with the regions that it holds for.
fn failures(scopes: &[ScopeReport]) -> impl Iterator<Item = (&ScopeReport, BTreeSet<&str>)> {
    let mut failures: BTreeMap<_, (&ScopeReport, BTreeSet<&str>)> = BTreeMap::new();
    for scope in scopes.iter().filter(|scope| scope.state != ScopeState::Complete) {
        let (account, cause) = (scope.account_id.as_deref(), scope.cause.as_deref());
        let key = (account, scope.state.as_str(), scope.explained, cause);
        failures.entry(key).or_insert((scope, BTreeSet::new())).1.extend(scope.region.as_deref());
    }
    failures.into_values()
}

/// Nothing at all where there is none.
fn words(regions: &BTreeSet<&str>) -> Option<String> {
    (!regions.is_empty()).then(|| regions.iter().copied().collect::<Vec<_>>().join(" "))
}

/// An entry as it is shown: as it stands after the commit at `committed`, or, where nothing was written, as it stood before.
pub(super) fn document(
    entry: &Entry,
    account_name: Option<&str>,
    connection: &str,
    committed: Option<DateTime<Utc>>,
) -> ApiDocument {
    let enters = entry.after == Some(ApiState::Onboarded) && entry.before != Some(ApiState::Onboarded);
    let onboarded_at = committed.filter(|_| enters).or(entry.onboarded_at);
    let document = ApiDocument::of_entry(entry, account_name, onboarded_at, connection);
    match committed {
        Some(_) => document,
        None => ApiDocument { state: entry.before, instances: entry.api.instances.clone(), ..document },
    }
}
