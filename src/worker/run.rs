//! One run of one connection, from its credentials to its last commit.
//!
//! ```text
//! begin ─► enter accounts ─► look and plan, scope by scope ─► commit ─► finish
//! ```
//!
//! A scope whose plan registers nothing commits as soon as it is planned. The others wait until the whole run is planned,
//! for `max_new` speaks of all of them; then each commits by itself. Commits happen here and nowhere else, one after the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream;

use super::book::{Book, Claim};
use super::context::{Candidate, Context, Mode, Request};
use super::looking::{self, Brief, Planned};
use super::report::{ApiReport, Counts, Outcome, RunError, RunReport, ScopeReport, Trigger};
use crate::config::Connection;
use crate::discovery::{self, Account};
use crate::inventory::{AccountTrouble, ScopeState, Trouble};
use crate::plan::{Rules, explained};
use crate::registry::RegistryError;

/// Runs a connection to its end, or to where it cannot go on. It does not fail by itself: the report says how it went.
pub async fn run(context: &Context, connection: &Connection, request: &Request) -> RunReport {
    let started_at = (context.clock)();
    let book = Book::new(context.registry.clone());
    let claim = match request.mode {
        Mode::Look => Ok(Claim::none()),
        Mode::Commit => book.claim(connection, request, started_at).await,
    };
    let claim = match claim {
        Ok(claim) => claim,
        Err(error) => return ended_early(connection, request, started_at, (context.clock)(), error),
    };
    let mut run = Run {
        context: context.clone(),
        connection: connection.clone(),
        request: request.clone(),
        counts: Counts::default(),
        scopes: Vec::new(),
        apis: Vec::new(),
        book,
        claim,
    };
    let ending = run.go().await;
    run.finish(started_at, ending).await
}

/// A report of a run that never began.
fn ended_early(connection: &Connection, request: &Request, started_at: DateTime<Utc>, now: DateTime<Utc>, error: RunError) -> RunReport {
    RunReport {
        connection: connection.name.clone(),
        run_id: None,
        trigger: request.trigger,
        outcome: Outcome::Failed,
        started_at,
        finished_at: now,
        error: Some(error),
        counts: Counts::default(),
        scopes: Vec::new(),
        apis: Vec::new(),
        resumes: None,
    }
}

/// How the middle of a run ended.
#[derive(Debug)]
enum Ending {
    Done,
    Interrupted,
    Broken(RunError),
}

impl From<RegistryError> for Ending {
    fn from(error: RegistryError) -> Self {
        Self::Broken(registry_error(&error))
    }
}

/// A registry's failure as a run tells it.
pub(super) fn registry_error(error: &RegistryError) -> RunError {
    RunError { kind: "registry".to_owned(), message: error.to_string(), hint: error.hint() }
}

struct Run {
    context: Context,
    connection: Connection,
    request: Request,
    book: Book,
    claim: Claim,
    counts: Counts,
    scopes: Vec<ScopeReport>,
    apis: Vec<ApiReport>,
}

impl Run {
    async fn go(&mut self) -> Ending {
        let entered = tokio::select! {
            biased;
            () = self.context.cancel.cancelled() => return Ending::Interrupted,
            entered = discovery::enter(&self.context.aws, &self.connection) => entered,
        };
        let entered = match entered {
            Ok(entered) => entered,
            Err(trouble) => vec![Err(trouble)],
        };
        let mut accounts = Vec::new();
        for account in entered {
            match account {
                Ok(account) if self.is_asked_for(&account) => accounts.push(account),
                Ok(_) => {}
                Err(trouble) => {
                    if let Err(error) = self.note_account(&trouble).await {
                        return error.into();
                    }
                }
            }
        }
        if accounts.is_empty() && self.scopes.is_empty() {
            return Ending::Broken(self.nothing_in_scope());
        }
        match self.look(accounts).await {
            Ok(waiting) => self.settle(waiting).await,
            Err(ending) => ending,
        }
    }

    fn is_asked_for(&self, account: &Account) -> bool {
        self.request.account.as_ref().is_none_or(|only| *only == account.account_id)
    }

    fn nothing_in_scope(&self) -> RunError {
        let account = self.request.account.as_deref().unwrap_or("that was asked for");
        RunError {
            kind: "nothing_in_scope".to_owned(),
            message: format!("account {account} is not in the scope of {}", self.connection.name),
            hint: None,
        }
    }

    async fn note_account(&mut self, trouble: &AccountTrouble) -> Result<(), RegistryError> {
        let today = (self.context.clock)().date_naive();
        let meant = explained(&self.connection, trouble.account_id.as_deref(), None, trouble.trouble.state, today);
        let row = ScopeReport::of_account(trouble, meant);
        self.counts.count_scope(&row);
        if let Some(run_id) = self.claim.run_id {
            self.book.commit_account(run_id, &self.connection.name, &row, (self.context.clock)()).await?;
        }
        self.scopes.push(row);
        Ok(())
    }

    /// Looks everywhere. What registers nothing is committed at once; the rest is returned.
    async fn look(&mut self, accounts: Vec<Account>) -> Result<Vec<Planned>, Ending> {
        let brief = Arc::new(Brief {
            context: self.context.clone(),
            connection: self.connection.clone(),
            rules: self.rules(),
            book: self.book.clone(),
            region: self.request.region.clone(),
            apis: self.request.apis.clone(),
            stages: self.request.stages.clone(),
            done: self.claim.done.clone(),
        });
        let places: usize = accounts.iter().map(|account| looking::regions(&brief, account).len()).sum();
        self.context.progress.expect_scopes(2 * places as u64);
        if places == 0 && self.claim.done.is_empty() && !accounts.is_empty() {
            return Err(Ending::Broken(self.region_not_in_scope()));
        }
        let (mut lookers, mut planned) = looking::set_out(&brief, accounts);
        drop(brief);
        let mut waiting = Vec::new();
        loop {
            let next = tokio::select! {
                biased;
                () = self.context.cancel.cancelled() => {
                    lookers.abort_all();
                    return Err(Ending::Interrupted);
                }
                next = planned.recv() => next,
            };
            match next {
                None => break,
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(planned)) if planned.plan.onboards() > 0 => waiting.push(planned),
                Some(Ok(planned)) => self.commit(planned).await?,
            }
        }
        // A looker that panicked left its scopes without a word; they must not look as if they had been read.
        while let Some(ended) = lookers.join_next().await {
            if let Err(error) = ended {
                return Err(Ending::Broken(RunError {
                    kind: "internal".to_owned(),
                    message: format!("a look ended by a fault of aboard itself: {error}"),
                    hint: Some("please report it with the lines above".to_owned()),
                }));
            }
        }
        waiting.sort_by(|one, other| one.plan.scope.cmp(&other.plan.scope));
        Ok(waiting)
    }

    fn rules(&self) -> Rules {
        let mut rules = Rules::of(&self.connection, &self.context.config.targets);
        if self.request.published_after.is_some() {
            rules.published_after = self.request.published_after;
        }
        rules
    }

    fn region_not_in_scope(&self) -> RunError {
        let region = self.request.region.as_deref().or_else(|| self.request.apis.iter().find_map(|api| api.region.as_deref()));
        RunError {
            kind: "nothing_in_scope".to_owned(),
            message: format!("region {} is not in the scope of {}", region.unwrap_or("asked for"), self.connection.name),
            hint: None,
        }
    }

    /// Holds what may not be registered, asks for dates, and commits the scopes that had to wait for the whole run's plan.
    async fn settle(&mut self, mut waiting: Vec<Planned>) -> Ending {
        match self.hold(&mut waiting).await {
            Ok(()) => {}
            Err(ending) => return ending,
        }
        let dated = stream::iter(waiting).map(|planned| with_dates(&self.context, planned));
        let dated = dated.buffered(2 * self.context.config.limits.accounts_in_flight).collect::<Vec<_>>();
        let dated = tokio::select! {
            biased;
            () = self.context.cancel.cancelled() => return Ending::Interrupted,
            dated = dated => dated,
        };
        for planned in dated {
            if self.context.cancel.is_cancelled() {
                return Ending::Interrupted;
            }
            if let Err(ending) = self.commit(planned).await {
                return ending;
            }
        }
        Ending::Done
    }

    /// `max_new` and `--pick`: turns what may not be registered now into what awaits approval.
    async fn hold(&mut self, waiting: &mut [Planned]) -> Result<(), Ending> {
        if let Some(pick) = self.request.pick.clone() {
            let candidates = waiting.iter().flat_map(|planned| planned.plan.entries.iter().filter(|entry| entry.onboards()));
            let ids: Vec<_> = candidates.clone().map(|entry| entry.api.id.clone()).collect();
            let shown: Vec<Candidate> = candidates
                .map(|entry| Candidate {
                    id: entry.api.id.to_string(),
                    name: entry.api.name.clone(),
                    urls: entry.instances.keys().cloned().collect(),
                })
                .collect();
            let asked = tokio::task::spawn_blocking(move || pick.pick(&shown)).await;
            let chosen = match asked {
                Ok(Ok(chosen)) => chosen,
                Ok(Err(message)) => return Err(Ending::Broken(RunError { kind: "pick".to_owned(), message, hint: None })),
                Err(error) => {
                    return Err(Ending::Broken(RunError { kind: "pick".to_owned(), message: error.to_string(), hint: None }));
                }
            };
            let chosen: BTreeSet<_> = ids.into_iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(id, _)| id).collect();
            for planned in waiting.iter_mut() {
                planned.plan.hold_new(&planned.known, |id| chosen.contains(id));
            }
            return Ok(());
        }
        let (Some(most), false) = (self.connection.entry.max_new, self.request.past_max_new) else { return Ok(()) };
        let new: usize = waiting.iter().map(|planned| planned.plan.onboards()).sum();
        if new == 0 {
            return Ok(());
        }
        // What an earlier run held back and this one did not look at belongs to the same flood.
        let looked_at = self.claim.run_id.map_or_else(BTreeSet::new, |_| waiting.iter().map(|planned| planned.plan.scope.clone()).collect());
        let held_elsewhere = self.book.awaiting_elsewhere(&self.connection.name, &looked_at).await?;
        if new as u64 + held_elsewhere > most {
            for planned in waiting {
                planned.plan.hold_new(&planned.known, |_| false);
            }
        }
        Ok(())
    }

    async fn commit(&mut self, planned: Planned) -> Result<(), Ending> {
        let mut row = ScopeReport::of_scope(&planned.plan.scope, &planned.plan.settled, planned.explained);
        row.account_name.clone_from(&planned.account_name);
        row.apis = planned.apis;
        row.calls = planned.calls;
        row.throttled = planned.throttled;
        row.notes.clone_from(&planned.notes);
        let now = (self.context.clock)();
        if let Some(run_id) = self.claim.run_id {
            self.book.commit_scope(run_id, &self.connection.name, &planned.plan, &row, planned.selected, now).await?;
        }
        self.counts.count_scope(&row);
        self.counts.calls += row.calls;
        self.counts.throttled += row.throttled;
        self.scopes.push(row);
        let committed = self.claim.run_id.map(|_| now);
        for entry in &planned.plan.entries {
            self.counts.count(entry);
            if entry.decision.is_some() {
                self.apis.push(ApiReport::of(entry, &self.connection.name, planned.account_name.as_deref(), committed));
            }
        }
        Ok(())
    }

    async fn finish(mut self, started_at: DateTime<Utc>, ending: Ending) -> RunReport {
        let finished_at = (self.context.clock)();
        self.scopes.sort_by(|one, other| {
            (&one.account_id, &one.region, other.family).cmp(&(&other.account_id, &other.region, one.family))
        });
        self.apis.sort_by(|one, other| {
            (&one.account_id, &one.region, &one.api_id).cmp(&(&other.account_id, &other.region, &other.api_id))
        });
        let (outcome, mut error) = match ending {
            Ending::Done => (Outcome::of(&self.scopes), None),
            Ending::Interrupted => (Outcome::Interrupted, None),
            Ending::Broken(error) => (Outcome::Failed, Some(error)),
        };
        if outcome == Outcome::Failed && error.is_none() {
            error = self.no_scope_complete();
        }
        if error.is_none() && outcome != Outcome::Interrupted {
            error = self.missing_api();
        }
        let outcome = if error.is_some() { Outcome::Failed } else { outcome };
        if let Some(run_id) = self.claim.run_id {
            let finished = self.book.finish(run_id, &self.connection.name, outcome, &self.counts, error.as_ref(), finished_at).await;
            if let (Err(failed), None) = (finished, &error) {
                error = Some(registry_error(&failed));
            }
        }
        RunReport {
            connection: self.connection.name,
            run_id: self.claim.run_id,
            trigger: if self.claim.resumes.is_some() { Trigger::Resume } else { self.request.trigger },
            outcome: if error.is_some() { Outcome::Failed } else { outcome },
            started_at,
            finished_at,
            error,
            counts: self.counts,
            scopes: self.scopes,
            apis: self.apis,
            resumes: self.claim.resumes,
        }
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

    /// An API that a person named and that nobody found.
    fn missing_api(&self) -> Option<RunError> {
        let found = |api: &&super::context::NamedApi| !self.apis.iter().any(|row| row.api_id == api.api_id);
        let missing = self.request.apis.iter().find(found)?;
        let complete = self.scopes.iter().all(|scope| scope.state == ScopeState::Complete);
        let wherever = if complete { "" } else { " where it could be looked for" };
        Some(RunError {
            kind: "api_not_found".to_owned(),
            message: format!("no API {} in the scope of {}{wherever}", missing.api_id, self.connection.name),
            hint: Some("name it by id, region/id, account/region/id or ARN".to_owned()),
        })
    }
}

async fn with_dates(context: &Context, mut planned: Planned) -> Planned {
    let region = planned.plan.scope.region.clone();
    let dates = looking::ask_dates(context, &planned.account, &region, &planned.plan).await;
    planned.calls += dates.calls;
    planned.throttled += dates.throttled;
    planned.notes.extend(dates.notes);
    planned.plan.fill_dates(|id, deployment| dates.dates.get(&(id.clone(), deployment.to_owned())).copied());
    planned
}

/// A failure of an account for a connection whose credentials could not even be tried.
#[must_use]
pub fn untried(cause: String, hint: Option<String>) -> AccountTrouble {
    let trouble = Trouble { state: ScopeState::CredentialsFailed, cause, hint };
    AccountTrouble { account_id: None, account_name: None, trouble }
}
