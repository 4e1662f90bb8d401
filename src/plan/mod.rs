//! What a run would do: inventory × registry × rules → [`Plan`]. Pure, total and ordered.
//!
//! The table below is the whole rule; [`plan`] decides nothing anywhere else. Filters and dates decide entry, never exit.
//!
//! | this look | registry | chosen by the rules today | decision (reason) |
//! |---|---|---|---|
//! | seen | not there, excluded, or only seen | yes | onboard (new, or selected) |
//! | seen | onboarded, by another connection only, and a target was never told | yes | onboard (`new_to_target`) |
//! | seen | onboarded | yes | `already_onboarded` |
//! | seen | onboarded | no | `already_onboarded` (`no_longer_matches`) |
//! | seen | not there, excluded, or only seen | no | excluded (with the reason) |
//! | seen | gone | yes | onboard (returned) |
//! | seen | gone | no | excluded (with the reason) |
//! | listed, stages unreadable | any | – | held (`details_unreadable`) |
//! | absent, scope complete, first time or less than an hour after it | onboarded | – | held (`not_seen_once`) |
//! | absent, scope complete, an hour or more after the first time | onboarded | – | gone (`not_seen`) |
//! | absent, scope complete | excluded, or only seen | – | dropped from the lists |
//! | absent, scope not complete | onboarded, excluded, or only seen | – | held (`scope_failed`) |
//! | absent | gone, or dropped | – | nothing |
//! | account closed for 30 days | onboarded | – | gone (`account_gone`) |
//!
//! `existing = "record"` and `max_new` are no branches of the planner: they are filters over a finished plan
//! ([`Plan::record_existing`], [`Plan::hold_new`]), for they speak of a whole run.

mod addresses;
mod decide;
mod explained;
mod known;
mod rules;
mod settle;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use decide::{closed_account, plan};
pub use explained::{expected, explained, is_past, names_failure};
pub use known::{Ignored, Known, KnownApi, KnownInstance, KnownScope, Told};
pub use rules::{Rules, Selection, StageChoice};
pub use settle::{Settled, settle};

use crate::config::Event;
use crate::inventory::{Api, ApiId, Details, Instance, Scope};

/// Where an API stands in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiState {
    /// Registered, and told or to be told to the targets.
    Onboarded,
    /// Looked at and left out.
    Excluded,
    /// It was onboarded and is not there any more.
    Gone,
    /// Listed, but not decided upon: its stages were not readable, or it awaits approval.
    Seen,
}

impl ApiState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Onboarded, Self::Excluded, Self::Gone, Self::Seen];

    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Onboarded => "onboarded",
            Self::Excluded => "excluded",
            Self::Gone => "gone",
            Self::Seen => "seen",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What is done about an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is registered now.
    Onboard,
    /// It is registered already.
    AlreadyOnboarded,
    /// It is left out.
    Excluded,
    /// It is not there any more.
    Gone,
    /// Nothing can be said yet.
    Held,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Self; 5] = [Self::Onboard, Self::AlreadyOnboarded, Self::Excluded, Self::Gone, Self::Held];

    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Onboard => "onboard",
            Self::AlreadyOnboarded => "already_onboarded",
            Self::Excluded => "excluded",
            Self::Gone => "gone",
            Self::Held => "held",
        }
    }

    /// The decision of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.as_str() == text)
    }
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not registered before.
    New,
    /// A person named it.
    Selected,
    /// Another connection onboarded it; a target of this one was never told.
    NewToTarget,
    /// It was gone.
    Returned,
    /// Its stages could not be read.
    DetailsUnreadable,
    /// Onboarded, but the rules would not choose it today.
    NoLongerMatches,
    /// No stage has a deployment.
    Unpublished,
    /// Published before `published_after`.
    PublishedBefore,
    /// No deployed stage passes `stages`.
    NoMatchingStage,
    /// It does not match `include`.
    NotIncluded,
    /// It matches `exclude`.
    ExcludedByFilter,
    /// A person keeps it out.
    Ignored,
    /// The first complete look found it and `existing` is `record`.
    RecordedAsExisting,
    /// `max_new` held it back, or a person did not pick it.
    AwaitingApproval,
    /// Absent from two complete looks.
    NotSeen,
    /// Absent from one complete look.
    NotSeenOnce,
    /// Its scope could not be read whole.
    ScopeFailed,
    /// Its account is closed.
    AccountGone,
    /// Nothing more is to be said.
    AlreadyOnboarded,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 19] = [
        Self::New,
        Self::Selected,
        Self::NewToTarget,
        Self::Returned,
        Self::DetailsUnreadable,
        Self::NoLongerMatches,
        Self::Unpublished,
        Self::PublishedBefore,
        Self::NoMatchingStage,
        Self::NotIncluded,
        Self::ExcludedByFilter,
        Self::Ignored,
        Self::RecordedAsExisting,
        Self::AwaitingApproval,
        Self::NotSeen,
        Self::NotSeenOnce,
        Self::ScopeFailed,
        Self::AccountGone,
        Self::AlreadyOnboarded,
    ];

    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Selected => "selected",
            Self::NewToTarget => "new_to_target",
            Self::Returned => "returned",
            Self::DetailsUnreadable => "details_unreadable",
            Self::NoLongerMatches => "no_longer_matches",
            Self::Unpublished => "unpublished",
            Self::PublishedBefore => "published_before",
            Self::NoMatchingStage => "no_matching_stage",
            Self::NotIncluded => "not_included",
            Self::ExcludedByFilter => "excluded_by_filter",
            Self::Ignored => "ignored",
            Self::RecordedAsExisting => "recorded_as_existing",
            Self::AwaitingApproval => "awaiting_approval",
            Self::NotSeen => "not_seen",
            Self::NotSeenOnce => "not_seen_once",
            Self::ScopeFailed => "scope_failed",
            Self::AccountGone => "account_gone",
            Self::AlreadyOnboarded => "already_onboarded",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// One event for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The target's name.
    pub target: String,
    /// What it is told.
    pub event: Event,
    /// The addresses that the event is about.
    pub urls: BTreeSet<String>,
}

/// What is to be done about one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The API as this look saw it, or as the registry remembers it where it was absent.
    pub api: Api,
    /// What is done; absent where it is only dropped from the lists.
    pub decision: Option<(Decision, Reason)>,
    /// Where it stood; absent = not in the lists.
    pub before: Option<ApiState>,
    /// Where it stands after; absent = not in the lists.
    pub after: Option<ApiState>,
    /// Whether it was in this look.
    pub seen: bool,
    /// Whether this connection's rules have ever chosen it, this time included.
    pub chosen: bool,
    /// Whether it waits for a person's approval.
    pub awaiting: bool,
    /// Whether `published_after` had no date to compare with, so that it passed.
    pub date_unknown: bool,
    /// When a complete look first missed it.
    pub absent_since: Option<DateTime<Utc>>,
    /// When it was onboarded before this; absent where it was not.
    pub onboarded_at: Option<DateTime<Utc>>,
    /// Stages that a person left out.
    pub left_out: BTreeSet<String>,
    /// Registered addresses after this, by URL.
    pub instances: BTreeMap<String, KnownInstance>,
    /// Addresses that become registered.
    pub added: Vec<Instance>,
    /// Addresses that are registered no more.
    pub removed: Vec<Instance>,
    /// Stages that serve another deployment than before.
    pub redeployed: Vec<String>,
    /// What targets have been told of the API once the messages are on their way; only what changes.
    pub told: BTreeMap<String, Told>,
    /// What the targets are told.
    pub messages: Vec<Message>,
}

impl Entry {
    /// Whether applying it would register, tell or take away anything.
    #[must_use]
    pub fn acts(&self) -> bool {
        let decided = matches!(self.decision, Some((Decision::Onboard | Decision::Gone, _)));
        decided
            || self.before != self.after
            || !self.added.is_empty()
            || !self.removed.is_empty()
            || !self.messages.is_empty()
    }

    /// Whether it registers the API.
    #[must_use]
    pub fn onboards(&self) -> bool {
        matches!(self.decision, Some((Decision::Onboard, _)))
    }

    /// Whether a message tells a target of the API itself or of further addresses, and not of what happened to what it has.
    fn introduces(message: &Message) -> bool {
        matches!(message.event, Event::Onboarded | Event::Returned | Event::InstanceAdded)
    }

    /// Takes the registration out again, as if nobody had decided upon the API yet. What happened to an API that others
    /// onboarded stays, for they will not see it happen again.
    fn hold(&mut self, known: Option<&KnownApi>) {
        self.decision = Some((Decision::Held, Reason::AwaitingApproval));
        self.after =
            self.before.filter(|state| matches!(state, ApiState::Onboarded | ApiState::Gone)).or(Some(ApiState::Seen));
        self.chosen = known.is_some_and(|known| known.chosen);
        self.awaiting = true;
        self.left_out = known.map(|known| known.left_out.clone()).unwrap_or_default();
        self.messages.retain(|message| !Self::introduces(message));
        if self.before == Some(ApiState::Onboarded) {
            for added in self.added.drain(..) {
                self.instances.remove(&added.url);
            }
        } else {
            self.instances = known.map(|known| known.instances.clone()).unwrap_or_default();
        }
        let told = std::mem::take(&mut self.told);
        for (target, told) in told {
            let Some(before) = known.and_then(|known| known.told.get(&target)).filter(|before| !before.gone) else {
                continue;
            };
            let kept = Told { urls: told.urls.intersection(&before.urls).cloned().collect(), gone: told.gone };
            if kept != *before {
                self.told.insert(target, kept);
            }
        }
    }
}

/// What a run would do in one scope, one entry an API, ordered by identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where.
    pub scope: Scope,
    /// How the look ended.
    pub settled: Settled,
    /// What is done about each API.
    pub entries: Vec<Entry>,
}

impl Plan {
    /// How many APIs it registers.
    #[must_use]
    pub fn onboards(&self) -> usize {
        self.entries.iter().filter(|entry| entry.onboards()).count()
    }

    /// Whether applying it would register, tell or take away nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.entries.iter().any(Entry::acts)
    }

    /// `existing = "record"`: what it would register counts as onboarded instead, and no target is told.
    ///
    /// An API that had been gone is none of what exists at a first look: it stays a return.
    pub fn record_existing(&mut self) {
        for entry in &mut self.entries {
            if matches!(entry.decision, Some((Decision::Onboard, Reason::New | Reason::NewToTarget))) {
                entry.decision = Some((Decision::AlreadyOnboarded, Reason::RecordedAsExisting));
                entry.messages.retain(|message| !Entry::introduces(message));
            }
        }
    }

    /// `max_new`, or a person's choice: what it would register and `spare` does not name waits for approval instead.
    pub fn hold_new(&mut self, known: &Known, spare: impl Fn(&ApiId) -> bool) {
        for entry in &mut self.entries {
            if entry.onboards() && !spare(&entry.api.id) {
                entry.hold(known.apis.get(&entry.api.id));
            }
        }
    }

    /// The deployments whose dates are worth a call: of APIs that it registers, and of stages that serve a new one.
    #[must_use]
    pub fn wanted_deployments(&self) -> BTreeMap<ApiId, BTreeSet<String>> {
        let mut wanted: BTreeMap<ApiId, BTreeSet<String>> = BTreeMap::new();
        for entry in &self.entries {
            for stage in entry.api.stages() {
                let asked = entry.onboards() || entry.redeployed.contains(&stage.name);
                if let (true, None, Some(deployment)) = (asked, stage.deployed_at, &stage.deployment_id) {
                    wanted.entry(entry.api.id.clone()).or_default().insert(deployment.clone());
                }
            }
        }
        wanted
    }
}

/// Fills in the deployment dates that `date_of` knows, in the stages and in their addresses.
pub fn fill_dates(apis: &mut [Api], date_of: impl Fn(&ApiId, &str) -> Option<DateTime<Utc>>) {
    for api in apis {
        let Details::Read(stages) = &mut api.details else { continue };
        for stage in stages {
            if let (None, Some(deployment)) = (stage.deployed_at, &stage.deployment_id) {
                stage.deployed_at = date_of(&api.id, deployment);
            }
            for instance in api.instances.iter_mut().filter(|instance| instance.stage == stage.name) {
                instance.deployed_at = stage.deployed_at;
            }
        }
    }
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod table;
