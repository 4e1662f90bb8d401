//! The looking half of a run: every account and region in parallel, each scope planned as soon as it was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::book::Book;
use super::context::{Context, FailedPlace, NamedApi};
use crate::config::{Connection, Existing, PublishedBy};
use crate::discovery::{self, Account, DeploymentAsk, Wanted};
use crate::inventory::{ApiId, Family, Listing, Protocol, Scope, ScopeLook, ScopeState};
use crate::plan::{Known, Plan, Rules, Selection, StageChoice, explained, fill_dates, plan};
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
    /// The way back to the account, for dates.
    pub(super) account: Arc<Account>,
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
        self.plan = planned(brief, &self.look, &self.known, now);
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
    /// Scopes that an interrupted run committed before.
    pub(super) done: BTreeSet<Scope>,
}

impl Brief {
    /// Whether this run is to look at a scope.
    fn wants(&self, scope: &Scope) -> bool {
        let failed = |places: &Arc<BTreeSet<FailedPlace>>| places.iter().any(|place| place.holds(scope));
        !self.done.contains(scope) && self.only.as_ref().is_none_or(failed)
    }
}

/// Sets out to every account and region; planned scopes arrive in the channel, which ends after the last one.
///
/// Dropping the set stops the lookers.
pub(super) fn set_out(
    brief: &Arc<Brief>,
    accounts: Vec<Account>,
) -> (JoinSet<()>, mpsc::Receiver<Result<Planned, RegistryError>>) {
    let (sender, receiver) = mpsc::channel(PLANNED_AHEAD);
    let in_flight = Arc::new(Semaphore::new(brief.context.config.limits.accounts_in_flight));
    let mut lookers = JoinSet::new();
    for account in accounts {
        let (brief, sender, in_flight) = (Arc::clone(brief), sender.clone(), Arc::clone(&in_flight));
        let look = async move {
            let Ok(_permit) = in_flight.acquire().await else { return };
            look_at_account(&brief, Arc::new(account), &sender).await;
        };
        lookers.spawn(look.in_current_span());
    }
    (lookers, receiver)
}

/// The scopes of an account that this run looks at.
pub(super) fn scopes(brief: &Brief, account: &Account) -> Vec<Scope> {
    let scopes = |region| Family::ALL.map(|family| scope(account, region, family));
    let regions = regions(brief, account);
    regions.iter().flat_map(|region| scopes(region)).filter(|scope| brief.wants(scope)).collect()
}

/// The regions of an account that this run looks at.
fn regions(brief: &Brief, account: &Account) -> Vec<String> {
    let open = |region: &str| Family::ALL.into_iter().any(|family| brief.wants(&scope(account, region, family)));
    let chosen = |region: &&String| {
        let asked = brief.region.as_ref().is_none_or(|only| only == *region);
        let named = brief.apis.is_empty() || brief.apis.iter().any(|api| names_place(api, account, region));
        asked && named && open(region)
    };
    account.regions.iter().filter(chosen).cloned().collect()
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

async fn look_at_account(
    brief: &Arc<Brief>,
    account: Arc<Account>,
    sender: &mpsc::Sender<Result<Planned, RegistryError>>,
) {
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
}

async fn look_at_region(
    brief: &Brief,
    account: &Arc<Account>,
    region: &str,
    sender: &mpsc::Sender<Result<Planned, RegistryError>>,
) {
    for look in looks(brief, account, region).await {
        let planned = plan_look(brief, account, look).await;
        if sender.send(planned).await.is_err() {
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

async fn plan_look(brief: &Brief, account: &Arc<Account>, mut look: ScopeLook) -> Result<Planned, RegistryError> {
    let known = brief.book.known(&brief.connection.name, &look.scope).await?;
    fill_dates(&mut look.apis, |id, deployment| known.deployed_at(id, deployment));
    let now = (brief.context.clock)();
    let mut plan = planned(brief, &look, &known, now);
    // Where the newest deployment decides, dates are needed before the decision; a date that AWS does not give passes. What registers
    // nothing is committed right away, so the dates of what was deployed anew are asked for here too. The others wait for `max_new`.
    let decisive = brief.rules.published_after.is_some() && brief.rules.published_by == PublishedBy::LastPublished;
    let dated = decisive || plan.onboards() == 0;
    if dated && let Some(dates) = ask_dates(&brief.context, account, &plan).await {
        dates.fill(&mut look);
        plan = planned(brief, &look, &known, now);
    }
    let (state, scope) = (plan.settled.state, &look.scope);
    let meant = explained(&brief.connection, Some(&scope.account_id), Some(&scope.region), state, now.date_naive());
    let explained = meant && state != ScopeState::Complete;
    Ok(Planned { look, known, plan, explained, hold: Hold::Nothing, dated, account: Arc::clone(account) })
}

fn planned(brief: &Brief, look: &ScopeLook, known: &Known, now: DateTime<Utc>) -> Plan {
    let mut plan = plan(look, known, &rules_for(brief, &look.scope), now);
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
