//! One run of one connection, from its credentials to its last commit.
//!
//! ```text
//! begin ─► enter accounts ─► look and plan, scope by scope ─► commit ─► finish
//! ```
//!
//! A scope whose plan registers nothing commits as soon as it is planned. The others wait until the whole run is planned,
//! for `max_new` speaks of all of them; then each commits by itself. Commits happen here and nowhere else, one after the other.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream;

use super::book::{Book, Claim, Ended, ScopeCommit};
use super::context::{Candidate, Context, Mode, Pick, Request};
use super::looking::{self, Brief, Hold, Planned};
use super::report::{RunReport, ScopeReport, outcome};
use crate::config::Connection;
use crate::discovery::{self, Account};
use crate::inventory::{AccountTrouble, ApiId, Scope, ScopeState, Trouble};
use crate::plan::{ApiState, Decision, Entry, Reason, Rules, explained};
use crate::registry::{ApiDocument, Commit, Counts, Outcome, RegistryError, RunError, RunId, Trigger};

/// Runs a connection to its end, or to where it cannot go on. It does not fail by itself: the report says how it went.
pub async fn run(context: &Context, connection: &Connection, request: &Request) -> RunReport {
    let started_at = (context.clock)();
    let book = Book::new(context.registry.clone());
    let claim = match request.mode {
        Mode::Look => Ok(Claim::none()),
        // What was told to stop before it began leaves no trace: there is nothing to carry on.
        Mode::Commit if context.cancel.is_cancelled() => Ok(Claim::none()),
        Mode::Commit => book.claim(connection, request, started_at).await,
    };
    let claimed = claim.is_ok();
    let (claim, begun) = match claim {
        Ok(claim) => (claim, Ok(())),
        Err(error) => (Claim::none(), Err(Ending::Broken(error))),
    };
    let mut run = Run {
        context: context.clone(),
        connection: connection.clone(),
        request: request.clone(),
        counts: Counts::default(),
        deliveries: 0,
        open: BTreeSet::new(),
        notice: None,
        scopes: Vec::new(),
        apis: Vec::new(),
        book,
        claim,
    };
    let ending = if claimed { run.go().await } else { begun };
    run.finish(started_at, ending).await
}

/// Why the middle of a run ended early.
#[derive(Debug)]
enum Ending {
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
    RunError { kind: "registry".to_owned(), message: error.to_string(), hint: None }
}

struct Run {
    context: Context,
    connection: Connection,
    request: Request,
    book: Book,
    claim: Claim,
    counts: Counts,
    deliveries: u64,
    /// Scopes that it set out to look at and has not dealt with yet.
    open: BTreeSet<Scope>,
    /// What a person should know besides, one sentence.
    notice: Option<String>,
    scopes: Vec<ScopeReport>,
    apis: Vec<ApiDocument>,
}

impl Run {
    async fn go(&mut self) -> Result<(), Ending> {
        let entered = tokio::select! {
            biased;
            () = self.context.cancel.cancelled() => return Err(Ending::Interrupted),
            entered = discovery::enter(&self.context.aws, &self.connection) => entered,
        };
        let mut accounts = Vec::new();
        for account in entered.unwrap_or_else(|trouble| vec![Err(trouble)]) {
            match account {
                Ok(account) if self.is_asked_for(&account) => accounts.push(account),
                Ok(_) => {}
                Err(trouble) => self.note_account(trouble).await?,
            }
        }
        if accounts.is_empty() && self.scopes.is_empty() {
            let of_api = || self.request.apis.iter().find_map(|api| api.account.as_deref());
            let account = self.request.account.as_deref().or_else(of_api).unwrap_or("that was asked for");
            return Err(self.not_in_scope(&format!("account {account}")));
        }
        let brief = Arc::new(self.brief());
        let waiting = self.look(&brief, accounts).await?;
        self.settle(&brief, waiting).await?;
        if let Some(target) = self.request.redeliver.clone().filter(|_| self.claim.run_id.is_some()) {
            let (events, now) = (&brief.rules.events, (self.context.clock)());
            self.deliveries +=
                self.book.redeliver(&target, events, &self.connection.name, &self.request.by, now).await?;
        }
        Ok(())
    }

    fn is_asked_for(&self, account: &Account) -> bool {
        let named = self.request.apis.is_empty()
            || self.request.apis.iter().any(|api| api.account.as_ref().is_none_or(|only| *only == account.account_id));
        named && self.request.account.as_ref().is_none_or(|only| *only == account.account_id)
    }

    fn not_in_scope(&self, what: &str) -> Ending {
        let message = format!("{what} is not in the scope of {}", self.connection.name);
        Ending::Broken(RunError { kind: "nothing_in_scope".to_owned(), message, hint: None })
    }

    async fn note_account(&mut self, trouble: AccountTrouble) -> Result<(), RegistryError> {
        let now = (self.context.clock)();
        let state = trouble.trouble.state;
        let meant = explained(&self.connection, trouble.account_id.as_deref(), None, state, now.date_naive());
        let row = ScopeReport::of_account(&trouble, meant);
        if let Some(run_id) = self.claim.run_id {
            self.book.record_account(run_id, trouble, meant, now).await?;
        }
        self.count_scope(&row);
        self.scopes.push(row);
        Ok(())
    }

    fn brief(&self) -> Brief {
        let mut rules = Rules::of(&self.connection, &self.context.config.targets);
        rules.published_after = self.request.published_after.or(rules.published_after);
        Brief {
            context: self.context.clone(),
            connection: self.connection.clone(),
            rules,
            book: self.book.clone(),
            region: self.request.region.clone(),
            apis: self.request.apis.clone(),
            stages: self.request.stages.clone(),
            done: self.claim.done.clone(),
        }
    }

    /// Looks everywhere. What registers nothing is committed at once; the rest is returned.
    async fn look(&mut self, brief: &Arc<Brief>, accounts: Vec<Account>) -> Result<Vec<Planned>, Ending> {
        self.open = accounts.iter().flat_map(|account| looking::scopes(brief, account)).collect();
        self.context.progress.expect_scopes(self.open.len() as u64);
        if self.open.is_empty() && self.claim.done.is_empty() && !accounts.is_empty() {
            let named = brief.region.as_deref().or_else(|| brief.apis.iter().find_map(|api| api.region.as_deref()));
            return Err(self.not_in_scope(&format!("region {}", named.unwrap_or("that was asked for"))));
        }
        let (mut lookers, mut planned) = looking::set_out(brief, accounts);
        let mut waiting = Vec::new();
        loop {
            let next = tokio::select! {
                biased;
                () = self.context.cancel.cancelled() => return Err(Ending::Interrupted),
                next = planned.recv() => next,
            };
            match next {
                None => break,
                Some(planned) => {
                    let planned = planned?;
                    if planned.plan.onboards() > 0 {
                        waiting.push(planned);
                    } else {
                        self.commit(brief, planned).await?;
                    }
                }
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

    /// Holds what may not be registered, asks for dates, and commits the scopes that had to wait for the whole run's plan.
    async fn settle(&mut self, brief: &Brief, mut waiting: Vec<Planned>) -> Result<(), Ending> {
        self.hold(&mut waiting).await?;
        let dated = stream::iter(waiting).map(|planned| with_dates(brief, planned));
        let mut dated = std::pin::pin!(dated.buffered(2 * self.context.config.limits.accounts_in_flight));
        loop {
            let next = tokio::select! {
                biased;
                () = self.context.cancel.cancelled() => return Err(Ending::Interrupted),
                next = dated.next() => next,
            };
            match next {
                None => return Ok(()),
                Some(planned) => self.commit(brief, planned).await?,
            }
        }
    }

    /// `max_new` and `--pick`: turns what may not be registered now into what awaits approval.
    async fn hold(&mut self, waiting: &mut [Planned]) -> Result<(), Ending> {
        let hold = match (&self.request.pick, self.connection.entry.max_new) {
            (Some(pick), _) => {
                let chosen = picked(Arc::clone(pick), waiting).await?;
                let new: usize = waiting.iter().map(|planned| planned.plan.onboards()).sum();
                if chosen.len() < new {
                    let name = &self.connection.name;
                    let left = new - chosen.len();
                    self.notice = Some(format!(
                        "{left} that were not picked await approval; `aboard approve {name}` registers them"
                    ));
                }
                Hold::AllBut(Arc::new(chosen))
            }
            (None, Some(most)) if !self.request.past_max_new && !waiting.is_empty() => {
                let new: usize = waiting.iter().map(|planned| planned.plan.onboards()).sum();
                // What an earlier run held back and this one did not see again belongs to the same flood.
                let scopes = waiting.iter().map(|planned| planned.plan.scope.clone()).collect();
                let held = self.book.awaiting_elsewhere(&self.connection.name, scopes).await?;
                if new as u64 + held > most {
                    self.notice = Some(self.flood(new as u64 + held, most));
                    Hold::All
                } else {
                    Hold::Nothing
                }
            }
            _ => Hold::Nothing,
        };
        for planned in waiting {
            planned.hold(hold.clone());
        }
        Ok(())
    }

    /// Why nothing is registered, and what releases it, in one sentence.
    fn flood(&self, new: u64, most: u64) -> String {
        let name = &self.connection.name;
        let (await_, was, release) = match self.claim.run_id {
            Some(_) if new == 1 => ("awaits", "was", format!("`aboard approve {name}` registers them")),
            Some(_) => ("await", "was", format!("`aboard approve {name}` registers them")),
            None => ("would await", "would be", format!("`aboard onboard {name} --yes` would register them")),
        };
        let plural = if new == 1 { "" } else { "s" };
        format!(
            "{new} API{plural} {await_} approval: more new ones at once than max_new ({most}) allows, so none {was} registered; {release}"
        )
    }

    async fn commit(&mut self, brief: &Brief, mut planned: Planned) -> Result<(), Ending> {
        let committed = match self.claim.run_id {
            None => {
                for entry in &planned.plan.entries {
                    self.tally(entry);
                }
                None
            }
            Some(run_id) => {
                let now = (self.context.clock)();
                planned = self.write(brief, run_id, planned, now).await?;
                Some(now)
            }
        };
        let Planned { look, plan, explained, .. } = planned;
        self.open.remove(&plan.scope);
        let row = ScopeReport {
            account_name: look.account_name,
            apis: look.apis.len() as u64,
            calls: look.calls,
            throttled: look.throttled,
            notes: look.notes,
            ..ScopeReport::of_scope(&plan.scope, &plan.settled, explained)
        };
        if committed.is_none() {
            self.counts.calls += row.calls;
            self.counts.throttled += row.throttled;
            self.count_scope(&row);
        }
        for entry in plan.entries.iter().filter(|entry| entry.decision.is_some()) {
            self.apis.push(document(entry, row.account_name.as_deref(), &self.connection.name, committed));
        }
        self.scopes.push(row);
        Ok(())
    }

    /// Writes a scope's plan. Where another connection changed one of its APIs since it was planned, it is planned anew first.
    async fn write(
        &mut self,
        brief: &Brief,
        run_id: RunId,
        mut planned: Planned,
        now: DateTime<Utc>,
    ) -> Result<Planned, Ending> {
        loop {
            let scope = ScopeCommit {
                run_id,
                connection: self.connection.name.clone(),
                known: std::mem::take(&mut planned.known),
                plan: planned.plan,
                account_name: planned.look.account_name.clone(),
                explained: planned.explained,
                calls: planned.look.calls,
                throttled: planned.look.throttled,
                notes: planned.look.notes.clone(),
            };
            let (scope, done) = self.book.commit(scope, now).await?;
            planned.plan = scope.plan;
            match done {
                Commit::Done(done) => {
                    self.counts += done.counts;
                    self.deliveries += done.deliveries;
                    return Ok(planned);
                }
                Commit::Repeated => return Ok(planned),
                Commit::Stale => {
                    let known = self.book.known(&self.connection.name, &planned.look.scope).await?;
                    planned.plan_again(brief, known);
                }
            }
        }
    }

    fn tally(&mut self, entry: &Entry) {
        self.counts.seen += u64::from(entry.seen);
        match entry.decision.map(|(decision, _)| decision) {
            Some(Decision::Onboard) => self.counts.onboard += 1,
            Some(Decision::AlreadyOnboarded) => self.counts.already_onboarded += 1,
            Some(Decision::Excluded) => self.counts.excluded += 1,
            Some(Decision::Held) => self.counts.held += 1,
            Some(Decision::Gone) => self.counts.gone += 1,
            None => {}
        }
    }

    fn count_scope(&mut self, row: &ScopeReport) {
        if row.state == ScopeState::Complete {
            self.counts.scopes_complete += 1;
        } else {
            self.counts.scopes_failed += 1;
        }
    }

    /// Scopes that an interrupted run did not come to, or whose commit it did not come to.
    async fn note_unreached(&mut self) -> Result<(), RegistryError> {
        let cause = "the run was interrupted before it was committed";
        let trouble = Trouble { state: ScopeState::NotReached, cause: cause.to_owned(), hint: None };
        let unreached: Vec<_> =
            std::mem::take(&mut self.open).into_iter().map(|scope| (scope, trouble.clone())).collect();
        for (scope, trouble) in &unreached {
            let row = ScopeReport::of_unreached(scope, trouble);
            self.count_scope(&row);
            self.scopes.push(row);
        }
        match self.claim.run_id {
            Some(run_id) => self.book.record_unreached(run_id, unreached, (self.context.clock)()).await,
            None => Ok(()),
        }
    }

    async fn finish(mut self, started_at: DateTime<Utc>, ending: Result<(), Ending>) -> RunReport {
        let noted = match ending {
            Err(Ending::Interrupted) => self.note_unreached().await,
            _ => Ok(()),
        };
        self.scopes.sort_by(|one, other| {
            // `Reverse`, so that `rest` comes before `http`.
            let key = |row: &ScopeReport| (row.account_id.clone(), row.region.clone(), Reverse(row.family));
            key(one).cmp(&key(other))
        });
        self.apis.sort_by(|one, other| {
            (&one.account_id, &one.region, &one.api_id).cmp(&(&other.account_id, &other.region, &other.api_id))
        });
        let (mut outcome, mut error) = match ending {
            Ok(()) => match outcome(&self.scopes, !self.claim.done.is_empty()) {
                Outcome::Failed => (Outcome::Failed, self.no_scope_complete()),
                outcome => (outcome, self.missing_api()),
            },
            Err(Ending::Interrupted) => (Outcome::Interrupted, noted.err().map(|error| registry_error(&error))),
            Err(Ending::Broken(error)) => (Outcome::Failed, Some(error)),
        };
        if error.is_some() {
            outcome = Outcome::Failed;
        }
        let awaiting = self.awaiting().await;
        let finished_at = (self.context.clock)();
        if let Some(run_id) = self.claim.run_id {
            let ended = Ended { outcome, counts: self.counts, error: error.clone() };
            let keep = self.context.config.registry.keep_runs;
            if let Err(failed) = self.book.finish(run_id, ended, keep, finished_at).await {
                outcome = Outcome::Failed;
                error = error.or_else(|| Some(registry_error(&failed)));
            }
        }
        self.log(outcome, error.as_ref());
        let notice = match outcome {
            // What it was about to do is no news.
            Outcome::Interrupted => None,
            _ => self.notice.take().or_else(|| self.left_waiting(awaiting)),
        };
        RunReport {
            connection: self.connection.name,
            run_id: self.claim.run_id,
            trigger: if self.claim.resumes.is_some() { Trigger::Resume } else { self.request.trigger },
            outcome,
            started_at,
            finished_at,
            error,
            counts: self.counts,
            scopes: self.scopes,
            apis: self.apis,
            resumes: self.claim.resumes,
            deliveries: self.deliveries,
            awaiting,
            notice,
        }
    }

    fn log(&self, outcome: Outcome, error: Option<&RunError>) {
        let (connection, run_id, counts) = (self.connection.name.as_str(), self.claim.run_id, &self.counts);
        for scope in &self.scopes {
            let (account, region, state) = (scope.account_id.as_deref(), scope.region.as_deref(), scope.state.as_str());
            tracing::debug!(
                connection,
                run_id,
                account,
                region,
                family = scope.family,
                state,
                apis = scope.apis,
                "scope over"
            );
        }
        tracing::info!(
            connection,
            run_id,
            outcome = outcome.as_str(),
            seen = counts.seen,
            onboarded = counts.onboard,
            calls = counts.calls,
            throttled = counts.throttled,
            error = error.map(|error| error.message.as_str()),
            "run over"
        );
    }

    /// How many APIs wait for approval. What a run held back that this one carries on is not in its rows, yet it waits as well.
    async fn awaiting(&self) -> u64 {
        let own = || self.apis.iter().filter(|api| api.reason == Some(Reason::AwaitingApproval)).count() as u64;
        if self.claim.run_id.is_none() || !self.request.apis.is_empty() {
            return own();
        }
        // A registry that cannot be read any more is what the end of the run complains about.
        self.book.awaiting_elsewhere(&self.connection.name, BTreeSet::new()).await.unwrap_or_else(|_| own())
    }

    /// What is said where a run held nothing back itself, but not everything is registered that could be.
    fn left_waiting(&self, awaiting: u64) -> Option<String> {
        let name = &self.connection.name;
        let them = match awaiting {
            0 => return None,
            1 => "1 API awaits approval".to_owned(),
            _ => format!("{awaiting} APIs await approval"),
        };
        Some(format!("{them} since an earlier run; `aboard approve {name}` registers them"))
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
        let missing = self.request.apis.iter().find(|api| !self.apis.iter().any(|row| row.api_id == api.api_id))?;
        let complete = self.scopes.iter().all(|scope| scope.state == ScopeState::Complete);
        let wherever = if complete { "" } else { " where it could be looked for" };
        Some(RunError {
            kind: "api_not_found".to_owned(),
            message: format!("no API {} in the scope of {}{wherever}", missing.api_id, self.connection.name),
            hint: Some("name it by id, region/id, account/region/id or ARN".to_owned()),
        })
    }
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

/// Asks a person which of the new APIs to register.
async fn picked(pick: Arc<dyn Pick>, waiting: &[Planned]) -> Result<BTreeSet<ApiId>, Ending> {
    let new = || waiting.iter().flat_map(|planned| planned.plan.entries.iter().filter(|entry| entry.onboards()));
    let candidate = |entry: &Entry| Candidate {
        id: entry.api.id.to_string(),
        name: entry.api.name.clone(),
        urls: entry.instances.keys().cloned().collect(),
    };
    let candidates: Vec<Candidate> = new().map(candidate).collect();
    let answer = match tokio::task::spawn_blocking(move || pick.pick(&candidates)).await {
        Ok(answer) => answer,
        Err(error) => Err(error.to_string()),
    };
    let chosen = answer.map_err(|message| Ending::Broken(RunError { kind: "pick".to_owned(), message, hint: None }))?;
    Ok(new().zip(chosen).filter(|(_, chosen)| *chosen).map(|(entry, _)| entry.api.id.clone()).collect())
}

/// Dates for what is about to be registered. They change no decision any more, so the plan is made again over them.
async fn with_dates(brief: &Brief, mut planned: Planned) -> Planned {
    if planned.dated {
        return planned;
    }
    let dates = looking::ask_dates(&brief.context, &planned.account, &planned.plan).await;
    dates.fill(&mut planned.look);
    planned.dated = true;
    let known = std::mem::take(&mut planned.known);
    planned.plan_again(brief, known);
    planned
}
