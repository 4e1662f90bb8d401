//! One run of one connection, from its credentials to its last commit.
//!
//! ```text
//! begin ─► enter accounts ─► look and plan, scope by scope ─► commit ─► finish
//! ```
//!
//! A scope whose plan registers nothing commits as soon as it is planned. The others wait until the whole run is planned where
//! `max_new` speaks of all of them; then each commits by itself. Commits happen here and nowhere else, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream;
use tracing::Instrument;

use super::book::{Book, Claim, ScopeCommit, Shelf};
use super::closed::{Closed, Standing};
use super::context::{ByHand, Context, FailedPlace, Mode, Request};
use super::delivery::rename_targets;
use super::ending::{LOG, document};
use super::exporting::{self, Ways};
use super::looking::{self, Brief, Planned, Seen};
use super::report::{RunReport, ScopeReport};
use crate::config::{Connection, Credentials, Regions};
use crate::discovery::{self, Door, Entrance};
use crate::inventory::{AccountTrouble, Api, Scope, ScopeState};
use crate::plan::{Rules, explained};
use crate::registry::{ApiDocument, Commit, Counts, RegistryError, RunError, RunId, Trigger};

/// Runs a connection to its end, or to where it cannot go on. It does not fail by itself: the report says how it went.
pub async fn run(context: &Context, connection: &Connection, request: &Request) -> RunReport {
    let _place = ByHand::begin(context, request);
    // As an error, so that it is there whatever the log leaves out: a warning needs its run too.
    let span = tracing::error_span!("run", connection = connection.name, run_id = tracing::field::Empty);
    // On the heap: it holds everything that a run does.
    Box::pin(from_claim_to_end(context, connection, request)).instrument(span).await
}

async fn from_claim_to_end(context: &Context, connection: &Connection, request: &Request) -> RunReport {
    let started_at = (context.clock)();
    let book = Book::new(context.registry.clone());
    let claim = match request.mode {
        Mode::Look => Ok(Claim::none()),
        // What was told to stop before it began leaves no trace: there is nothing to carry on.
        Mode::Commit if context.cancel.is_cancelled() || context.wind_down.is_cancelled() => Ok(Claim::none()),
        Mode::Commit => book.claim(connection, request, started_at).await,
    };
    let claimed = claim.is_ok();
    let (claim, begun) = match claim {
        Ok(claim) => (claim, Ok(())),
        Err(error) => (Claim::none(), Err(Ending::Broken(error))),
    };
    if let Some(run_id) = claim.run_id {
        tracing::Span::current().record("run_id", run_id);
        tracing::debug!(trigger = request.trigger.as_str(), resumes = claim.resumes, "run begun");
    }
    let claim_saw_whole = !claim.done.is_empty();
    let mut run = Run {
        context: context.clone(),
        connection: connection.clone(),
        request: request.clone(),
        counts: Counts::default(),
        deliveries: 0,
        open: BTreeSet::new(),
        doors: BTreeMap::new(),
        exporting: BTreeSet::new(),
        ways: Ways::default(),
        failed_exports: None,
        notice: None,
        answered: BTreeMap::new(),
        scopes: Vec::new(),
        saw_whole: claim_saw_whole,
        apis: Vec::new(),
        book,
        claim,
    };
    let ending = if claimed { run.go_in_time().await } else { begun };
    run.finish(started_at, ending).await
}

/// Why the middle of a run ended early.
#[derive(Debug)]
pub(super) enum Ending {
    Interrupted,
    TimedOut,
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

pub(super) struct Run {
    pub(super) context: Context,
    pub(super) connection: Connection,
    pub(super) request: Request,
    pub(super) book: Book,
    pub(super) claim: Claim,
    pub(super) counts: Counts,
    pub(super) deliveries: u64,
    /// Scopes that it set out to look at and has not dealt with yet.
    pub(super) open: BTreeSet<Scope>,
    /// Accounts that it set out to enter and has not entered yet, with their names.
    pub(super) doors: BTreeMap<String, Option<String>>,
    /// Accounts in which something is to be exported still that runs before this one queued.
    exporting: BTreeSet<String>,
    /// The way to the accounts in which something is to be exported.
    ways: Ways,
    /// What is to be said of specifications that could not be exported.
    pub(super) failed_exports: Option<String>,
    /// What a person should know besides, one sentence.
    pub(super) notice: Option<String>,
    /// The rows that are still to be told; see [`Run::tell`].
    pub(super) scopes: Vec<ScopeReport>,
    /// Whether any scope was complete, a run that it carries on included.
    pub(super) saw_whole: bool,
    pub(super) apis: Vec<ApiDocument>,
    /// The named APIs that AWS knew, each with its deployed stages.
    pub(super) answered: BTreeMap<String, BTreeSet<String>>,
}

impl Run {
    /// Goes on until the end, or until the time that the run may take is up. It is told to stop rather than dropped: a commit that is
    /// under way has to be counted.
    async fn go_in_time(&mut self) -> Result<(), Ending> {
        let Some(timeout) = self.request.timeout else { return self.go().await };
        let told = self.context.cancel.clone();
        let stop = told.child_token();
        self.context.cancel = stop.clone();
        let (time_is_up, timed) = (stop.clone(), stop);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(timeout).await;
            timed.cancel();
        });
        let ended = self.go().await;
        timer.abort();
        match ended {
            Err(Ending::Interrupted) if time_is_up.is_cancelled() && !told.is_cancelled() => Err(Ending::TimedOut),
            ended => ended,
        }
    }

    async fn go(&mut self) -> Result<(), Ending> {
        if self.request.mode == Mode::Commit && self.claim.run_id.is_none() {
            // It was told to stop before it began.
            return Err(Ending::Interrupted);
        }
        if let Shelf::Write(registry) = &self.context.registry {
            rename_targets(registry, &self.context.config).await?;
        }
        let entered = tokio::select! {
            biased;
            () = self.context.cancel.cancelled() => return Err(Ending::Interrupted),
            entered = discovery::enter(&self.context.aws, &self.connection) => entered,
        };
        let brief = Arc::new(self.brief().await?);
        if self.claim.run_id.is_some() {
            self.exporting = self.book.exporting_accounts(&self.connection.name).await?;
        }
        let entered_at_all = entered.is_ok();
        let mut entrance = match entered {
            Ok(entrance) => entrance,
            Err(trouble) => {
                self.note_account(trouble).await?;
                Entrance::default()
            }
        };
        let mut shut = std::mem::take(&mut entrance.shut);
        shut.extend(brief.standing.departed(&self.connection, &entrance));
        if self.claim.run_id.is_some() && entrance.organization.is_some() {
            let now = (self.context.clock)();
            let members = brief.standing.members(&entrance, &shut, now);
            self.book.note_members(&self.connection.name, members, now).await?;
        }
        shut.retain(|account| account.account_id.as_deref().is_none_or(|id| self.is_asked_for(id)));
        entrance.doors.retain(|door| self.is_asked_for(&door.account_id));
        if entered_at_all && entrance.doors.is_empty() && shut.is_empty() {
            let of_api = || self.request.apis.iter().find_map(|api| api.account.as_deref());
            let account = self.request.account.as_deref().or_else(of_api).unwrap_or("that was asked for");
            return Err(self.not_in_scope(&format!("account {account}")));
        }
        let mut closed = Vec::new();
        for account in shut {
            if self.request.apis.is_empty() {
                closed.extend(brief.standing.closed(&account, (self.context.clock)()));
            }
            self.note_account(account).await?;
        }
        closed.retain(|closed| brief.wants(&closed.scope) && brief.is_asked_for(&closed.scope.region));
        let (done, doors): (Vec<Door>, Vec<Door>) =
            entrance.doors.into_iter().partition(|door| brief.has_done(&door.account_id));
        for door in done.into_iter().filter(|door| self.exports_from(&door.account_id)).collect::<Vec<_>>() {
            self.ways.doors.insert(door.account_id.clone(), door);
        }
        let waiting = self.look(&brief, doors, closed).await?;
        self.settle(&brief, waiting).await?;
        if let Some(target) = self.request.redeliver.clone().filter(|_| self.claim.run_id.is_some()) {
            let events = brief.rules.events.get(&target).cloned().unwrap_or_default();
            let digest = self.context.config.targets.get(&target).is_some_and(|target| target.digest);
            let (name, by, now) = (&self.connection.name, &self.request.by, (self.context.clock)());
            self.deliveries += self.book.redeliver(&target, &events, name, digest, by, now).await?;
        }
        self.export().await
    }

    /// Exports the specifications that the events of this run, and what is left of those before it, wait for.
    async fn export(&mut self) -> Result<(), Ending> {
        if self.claim.run_id.is_none() {
            return Ok(());
        }
        let mut ways = std::mem::take(&mut self.ways);
        // Whoever asks for a part looks at nothing else.
        let otherwise = ways.otherwise.take().unwrap_or_else(|| exporting::not_in_scope(&self.connection));
        ways.otherwise = Some(otherwise).filter(|_| self.is_everywhere());
        let exports = exporting::export(&self.context, &self.connection.name, &self.book, ways).await?;
        self.counts.calls += exports.calls;
        self.counts.throttled += exports.throttled;
        self.failed_exports = exports.warning();
        Ok(())
    }

    /// Whether it was asked for all of the connection.
    pub(super) fn is_everywhere(&self) -> bool {
        self.looked_everywhere() && self.request.only.is_none()
    }

    fn is_asked_for(&self, account_id: &str) -> bool {
        let named = self.request.apis.is_empty()
            || self.request.apis.iter().any(|api| api.account.as_ref().is_none_or(|only| *only == account_id));
        let failed = |places: &Arc<BTreeSet<FailedPlace>>| FailedPlace::any_is_in(places, account_id);
        named
            && self.request.account.as_ref().is_none_or(|only| *only == account_id)
            && self.request.only.as_ref().is_none_or(failed)
    }

    fn not_in_scope(&self, what: &str) -> Ending {
        let message = format!("{what} is not in the scope of {}", self.connection.name);
        Ending::Broken(RunError { kind: "nothing_in_scope".to_owned(), message, hint: None })
    }

    pub(super) async fn note_account(&mut self, trouble: AccountTrouble) -> Result<(), RegistryError> {
        // An organization's closed accounts are many.
        if trouble.account_id.as_deref().is_none_or(|id| self.exports_from(id)) {
            self.ways.note_shut([&trouble]);
        }
        let now = (self.context.clock)();
        let state = trouble.trouble.state;
        let meant =
            trouble.meant || explained(&self.connection, trouble.account_id.as_deref(), None, state, now.date_naive());
        let row = ScopeReport::of_account(&trouble, meant);
        if let Some(run_id) = self.claim.run_id {
            self.book.record_account(run_id, trouble, meant, now).await?;
        }
        self.count_scope(&row);
        self.tell(row);
        Ok(())
    }

    async fn brief(&self) -> Result<Brief, RegistryError> {
        let mut rules = Rules::of(&self.connection, &self.context.config.targets);
        rules.published_after = self.request.published_after.or(rules.published_after);
        // Only who is not told which accounts and regions there are compares them with those of before.
        let finds_out = matches!(self.connection.credentials, Credentials::CentralRole(_))
            || matches!(self.connection.regions, Regions::All { .. });
        let standing = if finds_out { self.book.standing(&self.connection.name).await? } else { Standing::default() };
        Ok(Brief {
            context: self.context.clone(),
            connection: self.connection.clone(),
            rules,
            book: self.book.clone(),
            region: self.request.region.clone(),
            only: self.request.only.clone(),
            apis: self.request.apis.clone(),
            stages: self.request.stages.clone(),
            waits: self.waits(),
            digests: Arc::new(super::book::digests(&self.context.config)),
            done: self.claim.done.clone(),
            standing,
        })
    }

    /// Looks everywhere. What waits for nothing is committed at once; the rest is returned.
    async fn look(
        &mut self,
        brief: &Arc<Brief>,
        doors: Vec<Door>,
        closed: Vec<Closed>,
    ) -> Result<Vec<Planned>, Ending> {
        let mut in_scope = doors.is_empty() || !self.claim.done.is_empty();
        self.doors = doors.iter().map(|door| (door.account_id.clone(), door.account_name.clone())).collect();
        self.open = closed.iter().map(|closed| closed.scope.clone()).collect();
        let (mut lookers, mut seen) = looking::set_out(brief, doors, closed);
        let mut waiting = Vec::new();
        loop {
            let next = tokio::select! {
                biased;
                () = self.context.cancel.cancelled() => return Err(Ending::Interrupted),
                next = seen.recv() => next,
            };
            match next.transpose()? {
                None => break,
                Some(Seen::Entered { account_id, scopes }) => {
                    in_scope |= !scopes.is_empty();
                    self.doors.remove(&account_id);
                    self.context.progress.expect_scopes(scopes.len() as u64);
                    self.open.extend(scopes);
                }
                Some(Seen::Shut(trouble)) => {
                    in_scope = true;
                    self.doors.remove(trouble.account_id.as_deref().unwrap_or_default());
                    self.note_account(trouble).await?;
                }
                Some(Seen::Planned(planned)) if brief.waits && planned.plan.onboards() > 0 => waiting.push(*planned),
                Some(Seen::Planned(planned)) => {
                    waiting.extend(self.commit(brief, *planned).await?);
                    self.may_go_on()?;
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
        if !in_scope {
            let named = brief.region.as_deref().or_else(|| brief.apis.iter().find_map(|api| api.region.as_deref()));
            return Err(self.not_in_scope(&format!("region {}", named.unwrap_or("that was asked for"))));
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
                Some(planned) => {
                    let mut planned = Some(planned);
                    while let Some(again) = planned {
                        planned = self.commit(brief, again).await?;
                    }
                    self.may_go_on()?;
                }
            }
        }
    }

    /// After a commit: whether the run is wanted any longer. One that has dealt with everything comes to its end.
    fn may_go_on(&self) -> Result<(), Ending> {
        let is_done = self.open.is_empty() && self.doors.is_empty();
        if self.context.wind_down.is_cancelled() && !is_done { Err(Ending::Interrupted) } else { Ok(()) }
    }

    /// Commits a scope. Where another connection changed one of its APIs since it was planned, it is planned anew first; if it then
    /// would register something without having been asked whether it may, it is given back.
    async fn commit(&mut self, brief: &Brief, mut planned: Planned) -> Result<Option<Planned>, Ending> {
        let committed = match self.claim.run_id {
            None => {
                for entry in &planned.plan.entries {
                    self.counts.count(entry);
                }
                None
            }
            Some(run_id) => {
                let (now, queued) = ((self.context.clock)(), self.deliveries);
                let (written, committed) = self.write(brief, run_id, planned, now).await?;
                if !committed {
                    return Ok(Some(written));
                }
                planned = written;
                self.keep_way(&planned, self.deliveries > queued);
                Some(now)
            }
        };
        let Planned { look, plan, explained, .. } = planned;
        self.open.remove(&plan.scope);
        if !self.request.apis.is_empty() {
            let deployed = |api: &Api| {
                api.stages().iter().filter(|stage| stage.is_deployed()).map(|stage| stage.name.clone()).collect()
            };
            self.answered.extend(look.apis.iter().map(|api| (api.id.api_id.clone(), deployed(api))));
        }
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
        let told = self.is_told();
        for entry in plan.entries.iter().filter(|entry| told && entry.decision.is_some()) {
            self.apis.push(document(entry, row.account_name.as_deref(), &self.connection.name, committed));
        }
        self.tell(row);
        Ok(None)
    }

    /// Whether something is to be exported in an account whatever this run finds there: it was queued before, or is queued again.
    fn exports_from(&self, account_id: &str) -> bool {
        self.request.redeliver.is_some() || self.exporting.contains(account_id)
    }

    /// Keeps the way back to an account in which something is to be exported; its clients are dropped when it was looked at.
    fn keep_way(&mut self, planned: &Planned, queued: bool) {
        let account_id = &planned.plan.scope.account_id;
        if let Some(account) = &planned.account
            && (queued || self.exports_from(account_id))
        {
            self.ways.accounts.entry(account_id.clone()).or_insert_with(|| Arc::clone(account));
        }
    }

    /// Writes a scope's plan; answers whether it did.
    async fn write(
        &mut self,
        brief: &Brief,
        run_id: RunId,
        mut planned: Planned,
        now: DateTime<Utc>,
    ) -> Result<(Planned, bool), Ending> {
        let registers = planned.plan.onboards() > 0;
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
                digests: Arc::clone(&brief.digests),
            };
            let (scope, done) = self.book.commit(scope, now).await?;
            planned.plan = scope.plan;
            match done {
                Commit::Done(done) => {
                    self.counts += done.counts;
                    self.deliveries += done.deliveries;
                    if done.deliveries > 0 {
                        self.context.courier.kick();
                    }
                    return Ok((planned, true));
                }
                Commit::Repeated => return Ok((planned, true)),
                Commit::Stale => {
                    let known = self.book.known(&self.connection.name, &planned.look.scope).await?;
                    planned.plan_again(brief, known);
                    if !registers && planned.plan.onboards() > 0 {
                        return Ok((planned, false));
                    }
                }
            }
        }
    }

    /// Whether a person reads what it found. What a run by itself found is read in the registry alone, and an organization's scopes and
    /// APIs are many.
    fn is_told(&self) -> bool {
        self.request.trigger == Trigger::Manual
    }

    /// Says how a scope went to those who look closely, and keeps its row for the end of the run: where a person reads it, or where
    /// something is to be said about its failure. So a run by itself does not grow with what it has done.
    pub(super) fn tell(&mut self, row: ScopeReport) {
        let (account, region, state) = (row.account_id.as_deref(), row.region.as_deref(), row.state.as_str());
        let ScopeReport { family, apis, calls, throttled, .. } = row;
        tracing::debug!(target: LOG, account, region, family, state, apis, calls, throttled, "scope over");
        let complete = row.state == ScopeState::Complete;
        self.saw_whole |= complete;
        if self.is_told() || !complete {
            self.scopes.push(row);
        }
    }

    pub(super) fn count_scope(&mut self, row: &ScopeReport) {
        if row.state == ScopeState::Complete {
            self.counts.scopes_complete += 1;
        } else {
            self.counts.scopes_failed += 1;
        }
    }
}

/// Dates for what is about to be registered. They change no decision any more, so the plan is made again over them.
async fn with_dates(brief: &Brief, mut planned: Planned) -> Planned {
    if planned.dated {
        return planned;
    }
    let Some(account) = planned.account.clone() else { return planned };
    let asked = looking::ask_dates(&brief.context, &account, &planned.plan).await;
    account.rest();
    let Some(dates) = asked else { return planned };
    dates.fill(&mut planned.look);
    planned.dated = true;
    let known = std::mem::take(&mut planned.known);
    planned.plan_again(brief, known);
    planned
}

#[cfg(test)]
mod tests;
