//! An API, or one stage of it, as the server knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::brief::Brief;
use super::names;
use crate::config::Connection;
use crate::discovery::UsagePlan;
use crate::gravitee::model::{self, ApiType, Metadata, MetadataFormat};
use crate::inventory::{Api, Instance, InstanceKind, Protocol};

/// An API, or one stage of it where the identity tells stages apart.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// What the server calls it.
    pub(super) identity: String,
    /// Whose it is.
    pub(super) connection: String,
    /// The API with all of its stages.
    pub(super) api: Arc<Api>,
    /// The stages that are offered, by name; at least one.
    pub(super) stages: Vec<String>,
    /// The usage plans that hold one of these; absent where they have not been read.
    pub(super) plans: Option<Vec<Arc<UsagePlan>>>,
}

/// Whether a stage of that name passes both filters.
fn is_offered(brief: &Brief, connection: &Connection, stage: &str) -> bool {
    connection.stages.none_or_any(stage) && brief.gravitee.stages.none_or_any(stage)
}

/// What is offered of an API: nothing where the connection's filters leave it out, or no stage is left.
///
/// `plans` are all of the API's region. Where an API has to be in one, only the stages that are count.
pub(super) fn offers(brief: &Brief, connection: &Connection, api: Api, plans: Option<&[Arc<UsagePlan>]>) -> Vec<Offer> {
    let gravitee = &brief.gravitee;
    let holding = |stage: &str| {
        let plans = plans.into_iter().flatten();
        plans.filter(|plan| plan.holds(&api.id.api_id, stage)).map(Arc::clone).collect::<Vec<_>>()
    };
    let needs_plan = !gravitee.accept_api_without_usage_plan;
    let stages: Vec<(String, Vec<Arc<UsagePlan>>)> = api
        .stages()
        .iter()
        .filter(|stage| stage.is_deployed() && is_offered(brief, connection, &stage.name))
        .map(|stage| (stage.name.clone(), holding(&stage.name)))
        .filter(|(_, plans)| !needs_plan || !plans.is_empty())
        .collect();
    if stages.is_empty() || !connection.include.includes(&api) || connection.exclude.excludes(&api) {
        return Vec::new();
    }
    let api = Arc::new(api);
    let offer = |stages: Vec<(String, Vec<Arc<UsagePlan>>)>| {
        let mut held: Vec<Arc<UsagePlan>> = stages.iter().flat_map(|(_, plans)| plans.iter().map(Arc::clone)).collect();
        held.sort_by(|one, other| one.id.cmp(&other.id));
        held.dedup_by(|one, other| one.id == other.id);
        let stages: Vec<String> = stages.into_iter().map(|(stage, _)| stage).collect();
        Offer {
            identity: gravitee.identity.of(&api.id, &stages[0]),
            connection: connection.name.clone(),
            api: Arc::clone(&api),
            stages,
            plans: plans.map(|_| held),
        }
    };
    if gravitee.identity.tells_stages_apart() {
        stages.into_iter().map(|stage| offer(vec![stage])).collect()
    } else {
        vec![offer(stages)]
    }
}

impl Offer {
    /// The stage that its address and its documentation are of.
    pub(super) fn stage(&self) -> &str {
        self.stages.first().map_or("", String::as_str)
    }

    /// Whether a usage plan is one of it: it holds one of its stages. Where the stages are one API together, every stage that the plan
    /// names counts, for the API may have been seen before there was that one.
    pub(super) fn is_held(&self, plan: &UsagePlan, brief: &Brief, connection: &Connection) -> bool {
        let id = &self.api.id.api_id;
        if brief.gravitee.identity.tells_stages_apart() {
            return self.stages.iter().any(|stage| plan.holds(id, stage));
        }
        plan.stages.iter().any(|(api, stage)| api == id && is_offered(brief, connection, stage))
    }

    /// Where it answers; none where the partition's addresses are not known.
    pub(super) fn url(&self) -> Option<&str> {
        let of_stage = || self.api.instances.iter().filter(|instance| instance.stage == self.stage());
        // What can be called, then AWS's own name before those of VPC endpoints. Custom domains are not read for the server.
        let rank = |instance: &&Instance| (!instance.callable, instance.kind != InstanceKind::ExecuteApi);
        of_stage().min_by_key(rank).map(|instance| instance.url.as_str())
    }

    /// As a discovery shows it: the server looks at identity, name and version only.
    pub(super) fn light(&self) -> model::Api {
        let Api { protocol, name, description, version, .. } = &*self.api;
        model::Api {
            unique_id: self.identity.clone(),
            id: self.identity.clone(),
            name: name.clone(),
            version: version.clone(),
            description: description.clone(),
            connection_details: self.url().map(|url| (names::URL.to_owned(), url.to_owned())).into_iter().collect(),
            kind: Some(if *protocol == Protocol::WebSocket { ApiType::Message } else { ApiType::Proxy }),
            ..model::Api::default()
        }
    }

    /// What is known of it besides, and comes back with each subscription.
    pub(super) fn metadata(&self) -> Vec<Metadata> {
        let Api { id, protocol, endpoint_type, .. } = &*self.api;
        let stages = self.stages.join(",");
        let known = BTreeMap::from([
            (names::PARTITION, Some(id.partition.as_str())),
            (names::ACCOUNT, Some(&id.account_id)),
            (names::REGION, Some(&id.region)),
            (names::API_ID, Some(&id.api_id)),
            (names::STAGE, Some(&stages)),
            (names::PROTOCOL, Some(protocol.as_str())),
            (names::ENDPOINT_TYPE, endpoint_type.as_deref()),
        ]);
        let entry = |(name, value): (&str, Option<&str>)| {
            let (name, value) = (name.to_owned(), value?.to_owned());
            Some(Metadata { name, value, format: MetadataFormat::String })
        };
        known.into_iter().filter_map(entry).collect()
    }
}
