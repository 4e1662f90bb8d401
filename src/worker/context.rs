//! What a run is given: the file, AWS, the registry, and what was asked for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::book::Shelf;
use super::delivery::Courier;
use crate::config::{Config, Connection};
use crate::discovery::{Aws, Progress};
use crate::inventory::{Family, Scope};
use crate::registry::{DueId, Trigger};

/// What every run of a process shares. Clones share it too.
#[derive(Clone, Debug)]
pub struct Context {
    /// The checked schedule file.
    pub config: Arc<Config>,
    /// The way to AWS, with its limiter.
    pub aws: Arc<Aws>,
    /// The registry.
    pub registry: Shelf,
    /// Counters for a progress bar.
    pub progress: Progress,
    /// Ends runs where they are: what was committed stays.
    pub cancel: CancellationToken,
    /// Ends runs when they come to their next commit of a scope, and lets none begin.
    pub wind_down: CancellationToken,
    /// The wall clock.
    pub clock: fn() -> DateTime<Utc>,
    /// Who delivers what is queued.
    pub courier: Courier,
    /// How many runs by hand are under way. They wait for nobody, but take the places of scheduled ones.
    pub by_hand: Arc<AtomicUsize>,
}

/// A run by hand that is under way, until it is dropped.
#[derive(Debug)]
pub(super) struct ByHand(Arc<AtomicUsize>);

impl ByHand {
    pub(super) fn begin(context: &Context, request: &Request) -> Option<Self> {
        (request.trigger == Trigger::Manual).then(|| {
            context.by_hand.fetch_add(1, Relaxed);
            Self(Arc::clone(&context.by_hand))
        })
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Request {
    /// What set it off.
    pub trigger: Trigger,
    /// Whether it writes.
    pub mode: Mode,
    /// The due instant that it serves.
    pub due: Option<DueRun>,
    /// Only what failed in passing before; absent = everything in scope.
    pub only: Option<Arc<BTreeSet<FailedPlace>>>,
    /// How long it may take; what it does not come to counts as not reached.
    pub timeout: Option<Duration>,
    /// Only this account.
    pub account: Option<String>,
    /// Only this region.
    pub region: Option<String>,
    /// Exactly these APIs, whatever filters and dates say; empty = everything in scope.
    pub apis: Vec<NamedApi>,
    /// Only these stages of them; empty = all.
    pub stages: BTreeSet<String>,
    /// Instead of the file's `published_after`.
    pub published_after: Option<DateTime<Utc>>,
    /// Register however many there are.
    pub past_max_new: bool,
    /// Asked which of the new APIs to register.
    pub pick: Option<Arc<dyn Pick>>,
    /// A target to which everything onboarded goes again.
    pub redeliver: Option<String>,
    /// Who asked, for the history.
    pub by: String,
}

impl Request {
    /// A run by a person over everything in scope.
    #[must_use]
    pub fn manual(mode: Mode) -> Self {
        Self {
            trigger: Trigger::Manual,
            mode,
            due: None,
            only: None,
            timeout: None,
            account: None,
            region: None,
            apis: Vec::new(),
            stages: BTreeSet::new(),
            published_after: None,
            past_max_new: false,
            pick: None,
            redeliver: None,
            by: String::new(),
        }
    }

    /// Whether it may carry on what an interrupted run left that was asked for the same. What is due on time looks everywhere.
    #[must_use]
    pub fn may_resume(&self) -> bool {
        self.apis.is_empty() && self.pick.is_none() && self.trigger != Trigger::Schedule
    }

    /// What was asked for, so that a later run can tell whether it was asked for the same by the same rules.
    #[must_use]
    pub fn document(&self, connection: &Connection) -> Value {
        let Self {
            trigger: _,
            mode: _,
            due: _,
            only,
            timeout: _,
            account,
            region,
            apis,
            stages,
            published_after,
            past_max_new,
            pick,
            redeliver: _,
            by: _,
        } = self;
        let apis: Vec<&str> = apis.iter().map(|api| api.api_id.as_str()).collect();
        json!({
            "only": only.as_ref().map(|places| places.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "account": account,
            "region": region,
            "apis": apis,
            "stages": stages,
            "published_after": published_after,
            "past_max_new": past_max_new,
            "pick": pick.is_some(),
            "rules": fingerprint(connection),
        })
    }
}

/// Tells apart what a connection looks at and chooses; when it does so is no part of it.
fn fingerprint(connection: &Connection) -> String {
    let Connection {
        name: _,
        credentials,
        regions,
        stages,
        include,
        exclude,
        targets,
        entry,
        auto_onboard: _,
        expected: _,
    } = connection;
    let rules = format!("{:?}", (credentials, regions, stages, include, exclude, targets, entry));
    crate::hex::hex(&Sha256::digest(rules))
}

/// The due instant that a run serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRun {
    /// Its row, unless the run carries on one that was tied to it before.
    pub due_id: Option<DueId>,
    /// The instant.
    pub due_at: DateTime<Utc>,
}

/// A scope, or all of an account, or where not even the account is known everything, that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailedPlace {
    /// Twelve digits; absent = any.
    pub account_id: Option<String>,
    /// Region code; absent = any.
    pub region: Option<String>,
    /// Absent = both.
    pub family: Option<Family>,
}

impl FailedPlace {
    /// Whether one of these is, or holds, this scope. Looked up rather than gone through: an outage may leave as many as there are scopes.
    #[must_use]
    pub fn any_holds(places: &BTreeSet<Self>, scope: &Scope) -> bool {
        let (account, region) = (Some(scope.account_id.clone()), Some(scope.region.clone()));
        [
            (account.clone(), region.clone(), Some(scope.family)),
            (account.clone(), region.clone(), None),
            (account, None, None),
            (None, None, None),
        ]
        .into_iter()
        .any(|(account_id, region, family)| places.contains(&Self { account_id, region, family }))
    }

    /// Whether some of these are in this account.
    #[must_use]
    pub fn any_is_in(places: &BTreeSet<Self>, account_id: &str) -> bool {
        let least = |account_id| Self { account_id, region: None, family: None };
        let first = places.range(least(Some(account_id.to_owned()))..).next();
        places.contains(&least(None)) || first.is_some_and(|place| place.account_id.as_deref() == Some(account_id))
    }
}

impl fmt::Display for FailedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".to_owned());
        write!(f, "{}/{}/{}", any(&self.account_id), any(&self.region), self.family.map_or("*", Family::as_str))
    }
}

/// Whether a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It shows what it would do.
    Look,
    /// It does it.
    Commit,
}

/// An API that a person named, as far as the name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedApi {
    /// The id that API Gateway gave.
    pub api_id: String,
    /// Only in this account.
    pub account: Option<String>,
    /// Only in this region.
    pub region: Option<String>,
    /// In this family, where it is known.
    pub family: Option<Family>,
}

/// Chooses among the APIs that a run would register.
pub trait Pick: std::fmt::Debug + Send + Sync {
    /// For each candidate, in order, whether it is registered; the others wait for approval.
    ///
    /// # Errors
    /// One sentence, where nobody can be asked.
    fn pick(&self, candidates: &[Candidate]) -> Result<Vec<bool>, String>;
}

/// An API that a run would register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// `account/region/id`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The addresses that would be registered.
    pub urls: Vec<String>,
}
