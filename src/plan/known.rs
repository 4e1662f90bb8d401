//! What the registry remembers of one scope, as one connection's plan needs it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::{ApiState, Decision, Reason};
use crate::inventory::{Api, ApiId, Instance};

/// What the registry remembers of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Every API that it ever saw there, gone and dropped ones included.
    pub apis: BTreeMap<ApiId, KnownApi>,
    /// The scope itself.
    pub scope: KnownScope,
}

impl Known {
    /// The date of a deployment that was asked for in an earlier run, so that it is not asked for again.
    #[must_use]
    pub fn deployed_at(&self, id: &ApiId, deployment: &str) -> Option<DateTime<Utc>> {
        let stages = self.apis.get(id)?.api.stages();
        stages.iter().find(|stage| stage.deployment_id.as_deref() == Some(deployment))?.deployed_at
    }

    /// The APIs that a complete look should show again.
    pub fn present(&self) -> impl Iterator<Item = &KnownApi> {
        let present = |api: &&KnownApi| api.absent_since.is_none() && !matches!(api.state, None | Some(ApiState::Gone));
        self.apis.values().filter(present)
    }
}

/// What the registry remembers of a scope itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownScope {
    /// Since when its listings are suspiciously short.
    pub suspicious_since: Option<DateTime<Utc>>,
    /// Whether this connection's first complete look at it is still to come, so that `existing` speaks of it.
    pub first_look: bool,
    /// Counts what was changed there, so that a plan made from an older state is noticed.
    pub revision: u64,
}

/// What the registry remembers of one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownApi {
    /// As it was last seen.
    pub api: Api,
    /// Where it stands; absent = not in the lists.
    pub state: Option<ApiState>,
    /// Whether this connection's rules have ever chosen it.
    pub chosen: bool,
    /// Whether it waits for approval on this connection.
    pub awaiting: bool,
    /// What this connection last decided.
    pub last: Option<(Decision, Reason)>,
    /// Stages that a person left out when selecting others, on this connection.
    pub left_out: BTreeSet<String>,
    /// Registered addresses by URL.
    pub instances: BTreeMap<String, KnownInstance>,
    /// What each target was told of it, whichever connection caused it.
    pub told: BTreeMap<String, Told>,
    /// When a complete look first missed it.
    pub absent_since: Option<DateTime<Utc>>,
    /// Who keeps it out.
    pub ignored: Option<Ignored>,
    /// When it was onboarded.
    pub onboarded_at: Option<DateTime<Utc>>,
}

/// What a target was told of an API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The addresses that it has of it.
    pub urls: BTreeSet<String>,
    /// Whether the last word was that the API is gone.
    pub gone: bool,
}

/// A registered address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownInstance {
    /// As it was last seen.
    pub instance: Instance,
    /// When a complete look first missed it.
    pub absent_since: Option<DateTime<Utc>>,
}

/// A person's word that an API stays out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Why.
    pub reason: String,
    /// Last day on which it counts, in UTC.
    pub until: Option<NaiveDate>,
}

impl Ignored {
    /// Whether it still counts.
    #[must_use]
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now.date_naive() <= until)
    }
}
