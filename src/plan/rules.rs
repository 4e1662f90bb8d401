//! Whether a connection's rules choose an API today.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{KnownApi, Reason};
use crate::config::{Connection, Event, Filter, Patterns, PublishedBy, Target};
use crate::inventory::{Api, ApiId, Stage};

/// One connection's rules as a plan needs them.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which stages count; empty = every one.
    pub stages: Patterns,
    /// What an API must be.
    pub include: Filter,
    /// What it must not be.
    pub exclude: Filter,
    /// Only what was published at or after this.
    pub published_after: Option<DateTime<Utc>>,
    /// By which date.
    pub published_by: PublishedBy,
    /// Who this connection tells.
    pub targets: Vec<String>,
    /// Which events each configured target gets, those of other connections included: whoever was told of an API
    /// hears that it is gone, whichever connection notices.
    pub events: BTreeMap<String, BTreeSet<Event>>,
    /// What a person named; absent = everything that the rules choose.
    pub selection: Option<Selection>,
}

/// What a person named with `--api` and `--stage`: exactly that, whatever filters and dates say.
pub type Selection = BTreeMap<ApiId, StageChoice>;

/// Which stages of a named API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageChoice {
    /// Every one.
    All,
    /// These; the others stay out until they are named.
    Only(BTreeSet<String>),
}

impl Rules {
    /// The rules of a connection and of the targets that it tells.
    #[must_use]
    pub fn of(connection: &Connection, targets: &BTreeMap<String, Target>) -> Self {
        let events = |target: &Target| target.events.iter().copied().collect();
        Self {
            stages: connection.stages.clone(),
            include: connection.include.clone(),
            exclude: connection.exclude.clone(),
            published_after: connection.entry.published_after,
            published_by: connection.entry.published_by,
            targets: connection.targets.clone(),
            events: targets.iter().map(|(name, target)| (name.clone(), events(target))).collect(),
            selection: None,
        }
    }

    /// Whether a stage of this API counts.
    pub(super) fn wants(&self, id: &ApiId, left_out: &BTreeSet<String>, stage: &str) -> bool {
        match self.selection.as_ref().and_then(|selection| selection.get(id)) {
            Some(StageChoice::All) => true,
            Some(StageChoice::Only(stages)) => stages.contains(stage),
            None => self.stages.none_or_any(stage) && !left_out.contains(stage),
        }
    }

    /// Which stages stay out from now on.
    pub(super) fn left_out(&self, api: &Api, known: Option<&KnownApi>) -> BTreeSet<String> {
        let before = known.map(|known| known.left_out.clone()).unwrap_or_default();
        match self.selection.as_ref().and_then(|selection| selection.get(&api.id)) {
            None => before,
            Some(StageChoice::All) => BTreeSet::new(),
            Some(StageChoice::Only(chosen)) => {
                // An address that is registered already was selected, or let in by the rules, before this.
                let registered = |stage: &str| known.is_some_and(|known| known.has_stage(stage));
                let stages = api.stages().iter().map(|stage| stage.name.clone());
                stages.filter(|stage| !chosen.contains(stage) && !registered(stage)).collect()
            }
        }
    }

    /// Whether they choose the API, and if not, the first of the reasons in their fixed order.
    pub(super) fn verdict(&self, api: &Api, known: Option<&KnownApi>, now: DateTime<Utc>) -> Verdict {
        let nothing = BTreeSet::new();
        let left_out = known.map_or(&nothing, |known| &known.left_out);
        let wants = |stage: &Stage| self.wants(&api.id, left_out, &stage.name);
        let deployed = || api.stages().iter().filter(|stage| stage.is_deployed());
        let selected = self.selection.as_ref().is_some_and(|selection| selection.contains_key(&api.id));

        if deployed().next().is_none() {
            Verdict::Out(Reason::Unpublished)
        } else if !deployed().any(wants) {
            Verdict::Out(Reason::NoMatchingStage)
        } else if known.and_then(|known| known.ignored.as_ref()).is_some_and(|ignored| ignored.holds(now)) {
            Verdict::Out(Reason::Ignored)
        } else if selected {
            Verdict::In { date_unknown: false, selected: true }
        } else if !self.include.includes(api) {
            Verdict::Out(Reason::NotIncluded)
        } else if self.exclude.excludes(api) {
            Verdict::Out(Reason::ExcludedByFilter)
        } else {
            let published = match self.published_by {
                PublishedBy::Created => api.created_at,
                PublishedBy::FirstPublished => api.first_published_at(wants),
                PublishedBy::LastPublished => api.last_published_at(wants),
            };
            match (self.published_after, published) {
                (Some(after), Some(at)) if at < after => Verdict::Out(Reason::PublishedBefore),
                (after, at) => Verdict::In { date_unknown: after.is_some() && at.is_none(), selected: false },
            }
        }
    }
}

impl KnownApi {
    /// Whether an address of this stage is registered.
    pub(super) fn has_stage(&self, stage: &str) -> bool {
        self.instances.values().any(|known| known.instance.stage == stage)
    }
}

/// What the rules say of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is chosen.
    In {
        /// `published_after` had no date to compare with.
        date_unknown: bool,
        /// A person named it.
        selected: bool,
    },
    /// It is not, for this reason.
    Out(Reason),
}
