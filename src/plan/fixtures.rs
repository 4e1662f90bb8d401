//! Small inventories, memories and rules for the tests of the plan.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeZone, Utc};

use super::{ApiState, Known, KnownApi, KnownInstance, Plan, Rules, Told};
use crate::config::{Event, Filter, Patterns, PublishedBy};
use crate::inventory::{
    Api, ApiId, Details, Family, Instance, InstanceKind, Listing, Protocol, Scope, ScopeLook, ScopeState, Stage,
    Trouble,
};

pub(super) fn at(hour: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 0, 0, 0).unwrap() + chrono::TimeDelta::hours(hour)
}

pub(super) fn scope() -> Scope {
    Scope {
        partition: "aws".to_owned(),
        account_id: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        family: Family::Rest,
    }
}

pub(super) fn id(name: &str) -> ApiId {
    let Scope { partition, account_id, region, .. } = scope();
    ApiId { partition, account_id, region, api_id: name.to_owned() }
}

/// An API with these deployed stages, each with its invoke URL.
pub(super) fn api(name: &str, stages: &[&str]) -> Api {
    let stage = |name: &&str| Stage {
        name: (*name).to_owned(),
        deployment_id: Some(format!("{name}-1")),
        auto_deploy: false,
        created_at: Some(at(-100)),
        deployed_at: None,
    };
    let instance = |stage: &&str| Instance {
        stage: (*stage).to_owned(),
        url: format!("https://{name}.execute-api.eu-west-1.amazonaws.com/{stage}"),
        kind: InstanceKind::ExecuteApi,
        callable: true,
        created_at: Some(at(-100)),
        deployed_at: None,
    };
    Api {
        id: id(name),
        protocol: Protocol::Rest,
        name: format!("{name}-api"),
        description: None,
        version: None,
        endpoint_type: Some("REGIONAL".to_owned()),
        tags: BTreeMap::new(),
        created_at: Some(at(-200)),
        details: Details::Read(stages.iter().map(stage).collect()),
        instances: stages.iter().map(instance).collect(),
    }
}

pub(super) fn url(name: &str, stage: &str) -> String {
    format!("https://{name}.execute-api.eu-west-1.amazonaws.com/{stage}")
}

pub(super) fn look(apis: Vec<Api>) -> ScopeLook {
    ScopeLook {
        scope: scope(),
        account_name: None,
        listing: Listing::Whole { without_list: false },
        apis,
        domains_read: true,
        notes: Vec::new(),
        calls: 1,
        throttled: 0,
    }
}

pub(super) fn failed(apis: Vec<Api>) -> ScopeLook {
    let trouble = Trouble { state: ScopeState::AccessDenied, cause: "denied".to_owned(), hint: None };
    ScopeLook { listing: Listing::Failed(trouble), ..look(apis) }
}

pub(super) fn rules(targets: &[&str]) -> Rules {
    let events: BTreeSet<Event> = Event::DEFAULT.into_iter().collect();
    let configured = ["catalog", "specs", "other"];
    Rules {
        stages: Patterns::default(),
        include: Filter::default(),
        exclude: Filter::default(),
        published_after: None,
        published_by: PublishedBy::FirstPublished,
        targets: targets.iter().map(|&target| target.to_owned()).collect(),
        events: configured.iter().map(|&target| (target.to_owned(), events.clone())).collect(),
        selection: None,
    }
}

pub(super) fn remembered(api: Api, state: Option<ApiState>) -> KnownApi {
    KnownApi {
        api,
        state,
        chosen: false,
        awaiting: false,
        last: None,
        left_out: BTreeSet::new(),
        instances: BTreeMap::new(),
        told: BTreeMap::new(),
        absent_since: None,
        ignored: None,
        onboarded_at: None,
    }
}

/// A registered API whose every address is registered and told to these targets.
pub(super) fn onboarded(api: Api, targets: &[&str]) -> KnownApi {
    let urls: BTreeSet<String> = api.instances.iter().map(|instance| instance.url.clone()).collect();
    let registered = |instance: &Instance| KnownInstance { instance: instance.clone(), absent_since: None };
    let instances = api.instances.iter().map(|instance| (instance.url.clone(), registered(instance))).collect();
    let told = targets.iter().map(|&target| (target.to_owned(), Told { urls: urls.clone(), gone: false })).collect();
    KnownApi { chosen: true, instances, told, ..remembered(api, Some(ApiState::Onboarded)) }
}

pub(super) fn known(apis: impl IntoIterator<Item = KnownApi>) -> Known {
    let apis = apis.into_iter().map(|known| (known.api.id.clone(), known)).collect();
    Known { apis, ..Known::default() }
}

/// What the registry remembers once a plan was applied: the model that the SQL must agree with.
pub(super) fn apply(known: &Known, plan: &Plan) -> Known {
    let mut after = known.clone();
    after.scope.suspicious_since = plan.settled.suspicious_since;
    for entry in &plan.entries {
        let memory = after.apis.entry(entry.api.id.clone()).or_insert_with(|| remembered(entry.api.clone(), None));
        if entry.seen {
            memory.api = entry.api.clone();
        }
        memory.state = entry.after;
        memory.chosen = entry.chosen;
        memory.awaiting = entry.awaiting;
        memory.last = entry.decision;
        memory.left_out.clone_from(&entry.left_out);
        memory.instances.clone_from(&entry.instances);
        memory.absent_since = entry.absent_since;
        memory.told.extend(entry.told.clone());
    }
    after
}
