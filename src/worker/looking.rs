//! The looking half of a run: every account and region in parallel, each scope planned as soon as it was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::book::Book;
use super::closed::{Closed, Standing};
use super::context::{Context, FailedPlace, NamedApi};
use crate::config::regions::partition_of;
use crate::config::{Connection, Existing, PublishedBy, Regions};
use crate::discovery::{self, Account, DeploymentAsk, Door, Wanted};
use crate::inventory::{AccountTrouble, ApiId, Family, Listing, Protocol, Scope, ScopeLook, ScopeState, Trouble};
use crate::plan::{Known, Plan, Rules, Selection, StageChoice, closed_account, explained, fill_dates, plan};
use crate::registry::RegistryError;

/// Scopes that may wait for their commit before lookers have to wait.
const PLANNED_AHEAD: usize = 64;

/// One scope, looked at and planned.
#[derive(Debug)]
pub(super) struct Planned {
    /// What was seen.
    pub(super) look: ScopeLook,
    /// What was remembered when it was planned.
    pub(super) known: Known,
    /// What is to be done.
    pub(super) plan: Plan,
    /// Whether a failure is meant.
    pub(super) explained: bool,
    /// What a person or `max_new` holds back.
    pub(super) hold: Hold,
    /// Whether the dates that it is worth asking for were asked for.
    pub(super) dated: bool,
    /// The way back to the account, for dates; none where it was not entered.
    pub(super) account: Option<Arc<Account>>,
    /// Since when the account is closed, where it is.
    pub(super) closed_since: Option<DateTime<Utc>>,
}

/// Which of the APIs that a plan would register wait for approval instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// None.
    #[default]
    Nothing,
    /// Every one.
    All,
    /// Every one but these.
    AllBut(Arc<BTreeSet<ApiId>>),
}

impl Planned {
    /// Plans what was seen against what is remembered now.
    pub(super) fn plan_again(&mut self, brief: &Brief, known: Known) {
        let now = (brief.context.clock)();
        self.known = known;
        self.plan = planned(brief, &self.look, &self.known, self.closed_since, now);
        self.apply_hold();
    }

    /// Holds back what is to be held back.
    pub(super) fn hold(&mut self, hold: Hold) {
        self.hold = hold;
        self.apply_hold();
    }

    fn apply_hold(&mut self) {
        match &self.hold {
            Hold::Nothing => {}
            Hold::All => self.plan.hold_new(&self.known, |_| false),
            Hold::AllBut(spared) => self.plan.hold_new(&self.known, |id| spared.contains(id)),
        }
    }
}

/// What every looker of a run is given.
#[derive(Debug)]
pub(super) struct Brief {
    pub(super) context: Context,
    pub(super) connection: Connection,
    pub(super) rules: Rules,
    pub(super) book: Book,
    pub(super) region: Option<String>,
    pub(super) only: Option<Arc<BTreeSet<FailedPlace>>>,
    pub(super) apis: Vec<NamedApi>,
    pub(super) stages: BTreeSet<String>,
    /// Whether what would be registered waits until everything is planned, as it may be too much or is chosen from.
    pub(super) waits: bool,
    /// Targets that get the run's events in one message.
    pub(super) digests: Arc<BTreeSet<String>>,
    /// Scopes that an interrupted run committed before.
    pub(super) done: BTreeSet<Scope>,
    /// What was known of the connection's accounts before.
    pub(super) standing: Standing,
}

impl Brief {
    /// Whether this run is to look at a scope.
    pub(super) fn wants(&self, scope: &Scope) -> bool {
        !self.done.contains(scope) && self.only.as_ref().is_none_or(|places| FailedPlace::any_holds(places, scope))
    }

    /// Whether a region is one that was asked for.
    pub(super) fn is_asked_for(&self, region: &str) -> bool {
        self.region.as_ref().is_none_or(|only| only == region)
    }

    /// Whether an interrupted run has dealt with all of an account, as far as the file says what that is.
    pub(super) fn has_done(&self, account_id: &str) -> bool {
        let Regions::Named(regions) = &self.connection.regions else { return false };
        let done = |region: &String, family: Family| {
            partition_of(region).is_some_and(|partition| {
                let (partition, account_id) = (partition.to_owned(), account_id.to_owned());
                self.done.contains(&Scope { partition, account_id, region: region.clone(), family })
            })
        };
        regions.iter().all(|region| Family::ALL.into_iter().all(|family| done(region, family)))
    }

    /// The region outside of which nothing is asked for, if there is one.
    fn only_region(&self) -> Option<String> {
        let of_apis = || {
            let regions: BTreeSet<Option<&String>> = self.apis.iter().map(|api| api.region.as_ref()).collect();
            let [Some(region)] = regions.into_iter().collect::<Vec<_>>()[..] else { return None };
            Some(region.clone())
        };
        self.region.clone().or_else(of_apis)
    }
}

/// What lookers tell, in this order for each account.
#[derive(Debug)]
pub(super) enum Seen {
    /// An account was entered; these of its scopes are being looked at.
    Entered { account_id: String, scopes: Vec<Scope> },
    /// It could not be entered.
    Shut(AccountTrouble),
    /// A scope was looked at, or stands as it is because it cannot be.
    Planned(Box<Planned>),
}

type Sender = mpsc::Sender<Result<Seen, RegistryError>>;

/// Sets out to every account and region; what is seen arrives in the channel, which ends after the last of it.
///
/// Dropping the set stops the lookers.
pub(super) fn set_out(
    brief: &Arc<Brief>,
    doors: Vec<Door>,
    closed: Vec<Closed>,
) -> (JoinSet<()>, mpsc::Receiver<Result<Seen, RegistryError>>) {
    let (sender, receiver) = mpsc::channel(PLANNED_AHEAD);
    let side_by_side = brief.context.config.limits.accounts_in_flight.min(doors.len());
    // As many lookers as accounts may be in flight, each going to the next door when it is done: a task for every account would weigh
    // kilobytes from the run's beginning to its end.
    let doors = Arc::new(Mutex::new(doors.into_iter()));
    let mut lookers = JoinSet::new();
    for _ in 0..side_by_side {
        let (brief, sender, doors) = (Arc::clone(brief), sender.clone(), Arc::clone(&doors));
        let next = move || doors.lock().unwrap_or_else(PoisonError::into_inner).next();
        let look = async move {
            while let Some(door) = next() {
                if !look_at_account(&brief, door, &sender).await {
                    return;
                }
            }
        };
        lookers.spawn(look.in_current_span());
    }
    if !closed.is_empty() {
        let (brief, sender) = (Arc::clone(brief), sender.clone());
        lookers.spawn(
            async move {
                for scope in closed {
                    if let Some(planned) = plan_closed(&brief, scope).await.transpose()
                        && !tell(&sender, planned).await
                    {
                        return;
                    }
                }
            }
            .in_current_span(),
        );
    }
    (lookers, receiver)
}

/// The scopes of an account that this run looks at.
fn scopes(brief: &Brief, account: &Account) -> Vec<Scope> {
    let scopes = |region| Family::ALL.map(|family| scope(account, region, family));
    let regions = regions(brief, account);
    regions.iter().flat_map(|region| scopes(region)).filter(|scope| brief.wants(scope)).collect()
}

/// The regions of an account that this run looks at.
fn regions(brief: &Brief, account: &Account) -> Vec<String> {
    let open = |region: &str| Family::ALL.into_iter().any(|family| brief.wants(&scope(account, region, family)));
    let chosen = |region: &&String| {
        let asked = brief.is_asked_for(region);
        let named = brief.apis.is_empty() || brief.apis.iter().any(|api| names_place(api, account, region));
        asked && named && open(region)
    };
    account.regions.iter().filter(chosen).cloned().collect()
}

/// What was known of an account in regions that it has switched off since.
fn switched_off(brief: &Brief, account: &Account) -> Vec<Scope> {
    let known = brief.standing.scopes.get(&account.account_id).into_iter().flatten();
    let off = |scope: &&Scope| {
        account.disabled.contains(&scope.region) && brief.wants(scope) && brief.is_asked_for(&scope.region)
    };
    known.filter(off).filter(|_| brief.apis.is_empty()).cloned().collect()
}

fn scope(account: &Account, region: &str, family: Family) -> Scope {
    Scope {
        partition: account.partition.clone(),
        account_id: account.account_id.clone(),
        region: region.to_owned(),
        family,
    }
}

fn names_place(api: &NamedApi, account: &Account, region: &str) -> bool {
    let account = api.account.as_ref().is_none_or(|named| *named == account.account_id);
    account && api.region.as_ref().is_none_or(|named| named == region)
}

/// Hands a planned scope over; answers whether anybody listens still.
async fn tell(sender: &Sender, planned: Result<Planned, RegistryError>) -> bool {
    sender.send(planned.map(|planned| Seen::Planned(Box::new(planned)))).await.is_ok()
}

/// Looks at one account; answers whether anybody listens still.
async fn look_at_account(brief: &Arc<Brief>, door: Door, sender: &Sender) -> bool {
    let (account_id, named) = (door.account_id.clone(), brief.only_region());
    let before = brief.standing.regions(&account_id);
    let account = match door.open(&brief.context.aws, named.as_deref(), before).await {
        Ok(account) => Arc::new(account),
        Err(trouble) => {
            return sender.send(Ok(Seen::Shut(trouble))).await.is_ok();
        }
    };
    let (open, off) = (scopes(brief, &account), switched_off(brief, &account));
    let scopes = open.iter().chain(&off).cloned().collect();
    if sender.send(Ok(Seen::Entered { account_id, scopes })).await.is_err() {
        return false;
    }
    for scope in off {
        let planned = plan_look(brief, Some(Arc::clone(&account)), is_off(&account, scope), None).await;
        if !tell(sender, planned).await {
            return false;
        }
    }
    let mut places = JoinSet::new();
    for region in regions(brief, &account) {
        let (brief, account, sender) = (Arc::clone(brief), Arc::clone(&account), sender.clone());
        let look = async move { look_at_region(&brief, &account, &region, &sender).await };
        places.spawn(look.in_current_span());
    }
    while let Some(ended) = places.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
    account.rest();
    !sender.is_closed()
}

/// What is known of a region that the account has switched off stands, and says so.
fn is_off(account: &Account, scope: Scope) -> ScopeLook {
    let cause = format!("the region is not switched on in account {}", scope.account_id);
    let hint = format!("enable {} in the account's settings, or leave the region out", scope.region);
    unseen(scope, account.account_name.clone(), Trouble { state: ScopeState::RegionDisabled, cause, hint: Some(hint) })
}

/// The look of a scope that nobody looked at.
fn unseen(scope: Scope, account_name: Option<String>, trouble: Trouble) -> ScopeLook {
    ScopeLook {
        scope,
        account_name,
        listing: Listing::Failed(trouble),
        apis: Vec::new(),
        domains_read: false,
        notes: Vec::new(),
        calls: 0,
        throttled: 0,
    }
}

/// A closed account keeps its APIs for a while; nothing where none is known.
async fn plan_closed(brief: &Brief, closed: Closed) -> Result<Option<Planned>, RegistryError> {
    let Closed { scope, account_name, since, trouble } = closed;
    let connection = &brief.connection.name;
    if brief.book.known(connection, &scope).await?.apis.is_empty() {
        return Ok(None);
    }
    // Who still sees the account's APIs knows better than this connection's organization.
    let elsewhere = brief.book.is_seen_by_others(connection, &scope, since).await?;
    let since = Some(since).filter(|_| !elsewhere);
    plan_look(brief, None, unseen(scope, account_name, trouble), since).await.map(Some)
}

/// Where regions may not be listed that is a choice; where they could not be, a new one may have been missed.
fn tried_one_by_one(trouble: &Trouble) -> Option<String> {
    let denied = matches!(trouble.state, ScopeState::AccessDenied | ScopeState::DeniedByScp);
    let cause = &trouble.cause;
    (!denied).then(|| format!("the account's regions could not be listed, so those known by name were tried: {cause}"))
}

async fn look_at_region(brief: &Brief, account: &Arc<Account>, region: &str, sender: &Sender) {
    let first = account.regions.first().is_some_and(|first| first == region);
    let mut note = account.regions_probed.as_ref().filter(|_| first).and_then(tried_one_by_one);
    for mut look in looks(brief, account, region).await {
        look.notes.extend(note.take());
        let planned = plan_look(brief, Some(Arc::clone(account)), look, None).await;
        if !tell(sender, planned).await {
            return;
        }
    }
}

async fn looks(brief: &Brief, account: &Account, region: &str) -> Vec<ScopeLook> {
    let Context { aws, progress, .. } = &brief.context;
    if brief.apis.is_empty() {
        let open: Vec<Family> =
            Family::ALL.into_iter().filter(|family| brief.wants(&scope(account, region, *family))).collect();
        let wanted = match open[..] {
            [family] => Wanted::Family(family),
            _ => Wanted::Everything,
        };
        return discovery::look(aws, account, region, &wanted, progress).await;
    }
    let mut by_scope: BTreeMap<Scope, ScopeLook> = BTreeMap::new();
    for api in brief.apis.iter().filter(|api| names_place(api, account, region)) {
        let wanted = Wanted::Api { api_id: api.api_id.clone(), family: api.family };
        for look in discovery::look(aws, account, region, &wanted, progress).await {
            match by_scope.get_mut(&look.scope) {
                Some(first) => join(first, look),
                None => {
                    by_scope.insert(look.scope.clone(), look);
                }
            }
        }
    }
    by_scope.into_values().collect()
}

/// Joins two looks for named APIs at one scope.
fn join(first: &mut ScopeLook, second: ScopeLook) {
    if let Listing::Failed(_) = second.listing {
        first.listing = second.listing;
    }
    first.apis.extend(second.apis);
    first.apis.sort_by(|one, other| one.id.cmp(&other.id));
    first.apis.dedup_by(|one, other| one.id == other.id);
    first.domains_read &= second.domains_read;
    first.notes.extend(second.notes);
    first.calls += second.calls;
    first.throttled += second.throttled;
}

async fn plan_look(
    brief: &Brief,
    account: Option<Arc<Account>>,
    mut look: ScopeLook,
    closed_since: Option<DateTime<Utc>>,
) -> Result<Planned, RegistryError> {
    let known = brief.book.known(&brief.connection.name, &look.scope).await?;
    fill_dates(&mut look.apis, |id, deployment| known.deployed_at(id, deployment));
    let now = (brief.context.clock)();
    let mut plan = planned(brief, &look, &known, closed_since, now);
    // Where the newest deployment decides, dates are needed before the decision; a date that AWS does not give passes. What waits for
    // nothing is committed right away, so the dates of what was deployed anew are asked for here too.
    let decisive = brief.rules.published_after.is_some() && brief.rules.published_by == PublishedBy::LastPublished;
    let dated = decisive || !brief.waits || plan.onboards() == 0;
    if dated
        && let Some(account) = &account
        && let Some(dates) = ask_dates(&brief.context, account, &plan).await
    {
        dates.fill(&mut look);
        plan = planned(brief, &look, &known, closed_since, now);
    }
    let (state, scope) = (plan.settled.state, &look.scope);
    let meant = explained(&brief.connection, Some(&scope.account_id), Some(&scope.region), state, now.date_naive());
    // The central role has no need to read in the management account where the child role was not rolled out there.
    let stands_in = account.as_ref().is_some_and(|account| account.stands_in) && state == ScopeState::AccessDenied;
    let explained = (meant || stands_in) && state != ScopeState::Complete;
    Ok(Planned { look, known, plan, explained, hold: Hold::Nothing, dated, account, closed_since })
}

fn planned(
    brief: &Brief,
    look: &ScopeLook,
    known: &Known,
    closed_since: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Plan {
    let rules = rules_for(brief, &look.scope);
    if let (Some(since), Listing::Failed(trouble)) = (closed_since, &look.listing) {
        return closed_account(&look.scope, known, &rules, trouble, since, now);
    }
    let mut plan = plan(look, known, &rules, now);
    if known.scope.first_look && brief.connection.entry.existing == Existing::Record {
        plan.record_existing();
    }
    plan
}

/// The connection's rules, with what a person named resolved to identities of this scope.
fn rules_for(brief: &Brief, scope: &Scope) -> Rules {
    let mut rules = brief.rules.clone();
    if !brief.apis.is_empty() {
        let choice = if brief.stages.is_empty() { StageChoice::All } else { StageChoice::Only(brief.stages.clone()) };
        let id = |api: &NamedApi| ApiId {
            partition: scope.partition.clone(),
            account_id: scope.account_id.clone(),
            region: scope.region.clone(),
            api_id: api.api_id.clone(),
        };
        rules.selection = Some(brief.apis.iter().map(|api| (id(api), choice.clone())).collect::<Selection>());
    }
    rules
}

/// Dates of deployments, and what it took to get them.
#[derive(Debug)]
pub(super) struct Dates(discovery::DeploymentDates);

impl Dates {
    /// Writes the dates, and what they cost, into a look.
    pub(super) fn fill(self, look: &mut ScopeLook) {
        let discovery::DeploymentDates { dates, notes, calls, throttled } = self.0;
        fill_dates(&mut look.apis, |id, deployment| dates.get(&(id.clone(), deployment.to_owned())).copied());
        look.notes.extend(notes);
        look.calls += calls;
        look.throttled += throttled;
    }
}

/// Asks for the deployment dates that a plan is worth a call for; `None` where there is none.
pub(super) async fn ask_dates(context: &Context, account: &Account, plan: &Plan) -> Option<Dates> {
    let wanted = plan.wanted_deployments();
    if wanted.is_empty() {
        return None;
    }
    let protocols: BTreeMap<&ApiId, Protocol> =
        plan.entries.iter().map(|entry| (&entry.api.id, entry.api.protocol)).collect();
    let ask = |(api, deployment_ids): (ApiId, BTreeSet<String>)| {
        let protocol = *protocols.get(&api)?;
        Some(DeploymentAsk { api, protocol, deployment_ids })
    };
    let asks = wanted.into_iter().filter_map(ask).collect();
    Some(Dates(discovery::deployment_dates(&context.aws, account, &plan.scope.region, asks, &context.progress).await))
}
