//! An API as it is shown to people, printed as JSON and sent to targets.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::inventory::{Api, ApiId, Instance, Protocol, in_order};
use crate::plan::{ApiState, Decision, Entry, Reason};

/// An API with what was decided about it. The member names are part of the JSON output and of what targets receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiDocument {
    /// `aws`, `aws-cn`, ….
    pub partition: String,
    /// Twelve digits.
    pub account_id: String,
    /// The account's name, where Organizations told it.
    pub account_name: Option<String>,
    /// Region code.
    pub region: String,
    /// The id that API Gateway gave.
    pub api_id: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its name, which need not be unique.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its version label.
    pub version: Option<String>,
    /// `REGIONAL`, `EDGE`, `PRIVATE`, ….
    pub endpoint_type: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// The oldest creation among its deployed stages.
    pub first_published_at: Option<DateTime<Utc>>,
    /// The newest deployment among its deployed stages; null where nobody asked AWS for it.
    pub last_published_at: Option<DateTime<Utc>>,
    /// Its addresses, ordered by stage, kind and URL: the registered ones once it was onboarded, else those that were seen.
    pub instances: Vec<Instance>,
    /// What was decided; null where it was only dropped from the lists.
    pub decision: Option<Decision>,
    /// Why.
    pub reason: Option<Reason>,
    /// Where it stands; null = not in the lists.
    pub state: Option<ApiState>,
    /// When it was onboarded.
    pub onboarded_at: Option<DateTime<Utc>>,
    /// Whose decision this is.
    pub connection: Option<String>,
}

impl ApiDocument {
    /// What a plan's entry will leave behind, as this connection's decision.
    #[must_use]
    pub fn of_entry(
        entry: &Entry,
        account_name: Option<&str>,
        onboarded_at: Option<DateTime<Utc>>,
        connection: &str,
    ) -> Self {
        let registered = matches!(entry.after, Some(ApiState::Onboarded | ApiState::Gone));
        let mut instances: Vec<Instance> = if registered {
            entry.instances.values().map(|known| known.instance.clone()).collect()
        } else {
            entry.api.instances.clone()
        };
        in_order(&mut instances);
        let (decision, reason) = entry.decision.unzip();
        Self {
            account_name: account_name.map(str::to_owned),
            instances,
            decision,
            reason,
            state: entry.after,
            onboarded_at,
            connection: Some(connection.to_owned()),
            ..Self::of_api(&entry.api)
        }
    }

    /// Which API it is.
    #[must_use]
    pub fn id(&self) -> ApiId {
        ApiId {
            partition: self.partition.clone(),
            account_id: self.account_id.clone(),
            region: self.region.clone(),
            api_id: self.api_id.clone(),
        }
    }

    /// The facts of an API, undecided.
    #[must_use]
    pub fn of_api(api: &Api) -> Self {
        Self {
            partition: api.id.partition.clone(),
            account_id: api.id.account_id.clone(),
            account_name: None,
            region: api.id.region.clone(),
            api_id: api.id.api_id.clone(),
            protocol: api.protocol,
            name: api.name.clone(),
            description: api.description.clone(),
            version: api.version.clone(),
            endpoint_type: api.endpoint_type.clone(),
            tags: api.tags.clone(),
            created_at: api.created_at,
            first_published_at: api.first_published_at(|_| true),
            last_published_at: api.last_published_at(|_| true),
            instances: api.instances.clone(),
            decision: None,
            reason: None,
            state: None,
            onboarded_at: None,
            connection: None,
        }
    }
}
