//! A registry in a temporary directory, and a small AWS to look at.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Commit, CommitScope, Committed, NewRun, Registry, RunId, Trigger};
use crate::config::{Event, Filter, Patterns, PublishedBy};
use crate::inventory::{
    Api, ApiId, Details, Family, Instance, InstanceKind, Listing, Protocol, Scope, ScopeLook, ScopeState, Stage,
    Trouble,
};
use crate::plan::{Plan, Rules, plan};

pub(super) static NO_DIGESTS: BTreeSet<String> = BTreeSet::new();
pub(super) const ACCOUNT: &str = "111122223333";

/// A registry that vanishes with the test.
pub(super) struct Bench {
    pub(super) directory: TempDir,
    pub(super) registry: Registry,
}

impl Bench {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let registry = Registry::create_or_open(&directory.path().join("aboard.db")).unwrap();
        Self { directory, registry }
    }

    /// Begins a run of a connection.
    pub(super) fn begin(&mut self, connection: &str, now: DateTime<Utc>) -> RunId {
        self.begin_as(connection, None, false, now)
    }

    pub(super) fn begin_as(
        &mut self,
        connection: &str,
        resumes: Option<RunId>,
        selected: bool,
        now: DateTime<Utc>,
    ) -> RunId {
        self.begin_asked(connection, resumes, selected, &json!({}), now)
    }

    /// Begins a run that was asked for something.
    pub(super) fn begin_asked(
        &mut self,
        connection: &str,
        resumes: Option<RunId>,
        selected: bool,
        request: &Value,
        now: DateTime<Utc>,
    ) -> RunId {
        let trigger = Trigger::Manual;
        let new = NewRun { connection, trigger, due_at: None, due: None, resumes, selected, request, host: None };
        self.registry.begin_run(&new, now).unwrap()
    }

    /// Commits a plan that was made from what the registry knows now.
    pub(super) fn commit(&mut self, connection: &str, run_id: RunId, plan: &Plan, now: DateTime<Utc>) -> Committed {
        let known = self.registry.known(connection, &plan.scope).unwrap();
        match self.registry.commit_scope(&commit(connection, run_id, &known, plan), now).unwrap() {
            Commit::Done(done) => done,
            other => panic!("{other:?}"),
        }
    }

    /// Looks, plans and commits in a run of its own, which is left unfinished.
    pub(super) fn look(&mut self, connection: &str, look: &ScopeLook, rules: &Rules, now: DateTime<Utc>) -> Plan {
        let run_id = self.begin(connection, now);
        self.look_in(run_id, connection, look, rules, now)
    }

    pub(super) fn look_in(
        &mut self,
        run_id: RunId,
        connection: &str,
        look: &ScopeLook,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Plan {
        let known = self.registry.known(connection, &look.scope).unwrap();
        let plan = plan(look, &known, rules, now);
        self.commit(connection, run_id, &plan, now);
        plan
    }

    /// How SQLite goes about a query.
    pub(super) fn plan_of(&self, query: &str) -> String {
        let sql = &self.registry.connection;
        let mut statement = sql.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let steps = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
        steps.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    }

    /// One number of the tables.
    pub(super) fn number(&self, query: &str) -> i64 {
        self.registry.connection.query_row(query, [], |row| row.get(0)).unwrap()
    }
}

pub(super) fn commit<'a>(
    connection: &'a str,
    run_id: RunId,
    known: &'a crate::plan::Known,
    plan: &'a Plan,
) -> CommitScope<'a> {
    CommitScope {
        run_id,
        connection,
        known,
        plan,
        account_name: Some("payments-prod"),
        explained: false,
        calls: 3,
        throttled: 0,
        notes: &[],
        digests: &NO_DIGESTS,
        approved_by: None,
    }
}

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A Monday morning, and the given number of hours later.
pub(super) fn hour(hours: i64) -> DateTime<Utc> {
    at("2026-11-23T02:30:00Z") + TimeDelta::hours(hours)
}

pub(super) fn scope() -> Scope {
    scope_in("eu-west-1")
}

pub(super) fn scope_in(region: &str) -> Scope {
    Scope {
        partition: "aws".to_owned(),
        account_id: ACCOUNT.to_owned(),
        region: region.to_owned(),
        family: Family::Rest,
    }
}

pub(super) fn id(api_id: &str) -> ApiId {
    id_in("eu-west-1", api_id)
}

pub(super) fn id_in(region: &str, api_id: &str) -> ApiId {
    ApiId {
        partition: "aws".to_owned(),
        account_id: ACCOUNT.to_owned(),
        region: region.to_owned(),
        api_id: api_id.to_owned(),
    }
}

/// A deployed REST API with one stage.
pub(super) fn api(api_id: &str) -> Api {
    api_with(api_id, &["prod"])
}

/// A deployed REST API with these stages.
pub(super) fn api_with(api_id: &str, stages: &[&str]) -> Api {
    api_in("eu-west-1", api_id, stages)
}

pub(super) fn api_in(region: &str, api_id: &str, stages: &[&str]) -> Api {
    let made = at("2026-03-01T00:00:00Z");
    let stage = |name: &&str| Stage {
        name: (*name).to_owned(),
        deployment_id: Some(format!("{name}-1")),
        auto_deploy: false,
        created_at: Some(made),
        deployed_at: None,
    };
    let instance = |name: &&str| Instance {
        stage: (*name).to_owned(),
        url: format!("https://{api_id}.execute-api.{region}.amazonaws.com/{name}"),
        kind: InstanceKind::ExecuteApi,
        callable: true,
        created_at: Some(made),
        deployed_at: None,
    };
    Api {
        id: id_in(region, api_id),
        protocol: Protocol::Rest,
        name: format!("api {api_id}"),
        description: Some("it's an API".to_owned()),
        version: None,
        endpoint_type: Some("REGIONAL".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "payments".to_owned())]),
        created_at: Some(made),
        details: Details::Read(stages.iter().map(stage).collect()),
        instances: stages.iter().map(instance).collect(),
    }
}

/// A whole listing of `eu-west-1`.
pub(super) fn whole(apis: Vec<Api>) -> ScopeLook {
    whole_in("eu-west-1", apis)
}

pub(super) fn whole_in(region: &str, apis: Vec<Api>) -> ScopeLook {
    ScopeLook {
        scope: scope_in(region),
        account_name: None,
        listing: Listing::Whole { without_list: false },
        apis,
        domains_read: true,
        notes: Vec::new(),
        calls: 3,
        throttled: 0,
    }
}

/// A listing that was refused.
pub(super) fn denied_in(region: &str) -> ScopeLook {
    ScopeLook { listing: Listing::Failed(trouble(ScopeState::AccessDenied)), ..whole_in(region, Vec::new()) }
}

pub(super) fn trouble(state: ScopeState) -> Trouble {
    Trouble { state, cause: format!("it is {state}"), hint: Some("ask somebody".to_owned()) }
}

/// Rules that choose everything and tell `catalog`.
pub(super) fn rules() -> Rules {
    rules_for(&["catalog"])
}

pub(super) fn rules_for(targets: &[&str]) -> Rules {
    let events: BTreeSet<Event> = Event::ALL.into_iter().collect();
    Rules {
        stages: Patterns::default(),
        include: Filter::default(),
        exclude: Filter::default(),
        published_after: None,
        published_by: PublishedBy::FirstPublished,
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        events: ["catalog", "specs"].into_iter().map(|target| (target.to_owned(), events.clone())).collect(),
        selection: None,
    }
}
