//! A registry of a million APIs, made by committing looks as runs do.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a benchmark that fails may panic, and reports on its terminal"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use aboard::config::{Event, Filter, Patterns, PublishedBy};
use aboard::environment;
use aboard::inventory::{
    Api, ApiId, Details, Family, Instance, InstanceKind, Listing, Protocol, Scope, ScopeLook, Stage,
};
use aboard::plan::{Rules, plan};
use aboard::registry::{Commit, CommitScope, NewRun, Registry, RunId, Trigger};
use chrono::{DateTime, TimeDelta, Utc};

/// APIs of one scope: the default quota of REST APIs per account and region (AWS API Gateway quotas page).
pub(crate) const PER_SCOPE: u64 = 600;

/// Every how many scopes one has been looked at twice; only those are measured as unchanged.
pub(crate) const SETTLED: usize = 8;

pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_400_000, 0).unwrap_or_default()
}

pub(crate) fn scope(number: u64) -> Scope {
    Scope {
        partition: "aws".to_owned(),
        account_id: format!("{:012}", 100_000_000_000 + number / 16),
        region: format!("xx-west-{}", number % 16),
        family: Family::Rest,
    }
}

/// Ten letters and digits that look as random as AWS's.
pub(crate) fn api_id(number: u64) -> String {
    let mut state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let letters = std::iter::repeat_with(|| {
        state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        char::from_digit(u32::try_from((state >> 40) % 36).unwrap_or(0), 36).unwrap_or('a')
    });
    letters.take(10).collect()
}

pub(crate) fn look(number: u64) -> ScopeLook {
    let scope = scope(number);
    let apis = (0..PER_SCOPE).map(|index| {
        let api_id = api_id(number * PER_SCOPE + index);
        let stage = |name: &str| Stage {
            name: name.to_owned(),
            deployment_id: Some(format!("d{index}")),
            auto_deploy: false,
            created_at: Some(start()),
            deployed_at: Some(start()),
        };
        let instance = |name: &str| Instance {
            stage: name.to_owned(),
            url: format!("https://{api_id}.execute-api.{}.amazonaws.com/{name}", scope.region),
            kind: InstanceKind::ExecuteApi,
            callable: true,
            created_at: Some(start()),
            deployed_at: Some(start()),
        };
        Api {
            id: ApiId {
                partition: scope.partition.clone(),
                account_id: scope.account_id.clone(),
                region: scope.region.clone(),
                api_id: api_id.clone(),
            },
            protocol: Protocol::Rest,
            name: format!("orders-{index}"),
            description: Some("Takes orders".to_owned()),
            version: None,
            endpoint_type: Some("REGIONAL".to_owned()),
            tags: BTreeMap::from([("team".to_owned(), "payments".to_owned())]),
            created_at: Some(start()),
            details: Details::Read(vec![stage("live"), stage("test")]),
            instances: vec![instance("live"), instance("test")],
        }
    });
    let mut apis: Vec<Api> = apis.collect();
    apis.sort_by(|a, b| a.id.cmp(&b.id));
    ScopeLook {
        scope,
        account_name: None,
        listing: Listing::Whole { without_list: false },
        apis,
        domains_read: true,
        notes: Vec::new(),
        calls: 603,
        throttled: 0,
    }
}

pub(crate) fn rules(targets: &[&str]) -> Rules {
    let events: BTreeSet<Event> = Event::DEFAULT.into_iter().collect();
    Rules {
        stages: Patterns::default(),
        include: Filter::default(),
        exclude: Filter::default(),
        published_after: None,
        published_by: PublishedBy::FirstPublished,
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        events: targets.iter().map(|target| ((*target).to_owned(), events.clone())).collect(),
        selection: None,
    }
}

pub(crate) fn begin(registry: &mut Registry, now: DateTime<Utc>) -> RunId {
    let request = serde_json::json!({});
    let new = NewRun {
        connection: "bench",
        trigger: Trigger::Manual,
        due_at: None,
        due: None,
        resumes: None,
        selected: false,
        request: &request,
        host: None,
    };
    registry.begin_run(&new, now).unwrap()
}

/// What is measured: loading what is known, planning, and committing.
pub(crate) fn look_into(
    registry: &mut Registry,
    run_id: RunId,
    look: &ScopeLook,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Duration {
    let begun = Instant::now();
    let known = registry.known("bench", &look.scope).unwrap();
    let plan = plan(look, &known, rules, now);
    let commit = CommitScope {
        run_id,
        connection: "bench",
        known: &known,
        plan: &plan,
        account_name: None,
        explained: false,
        calls: look.calls,
        throttled: look.throttled,
        notes: &look.notes,
        digests: &BTreeSet::new(),
        approved_by: None,
    };
    let done = registry.commit_scope(&commit, now).unwrap();
    let taken = begun.elapsed();
    assert!(matches!(done, Commit::Done(_)), "{done:?}");
    black_box((known, plan));
    taken
}

pub(crate) fn seed(path: &Path, scopes: u64) -> Registry {
    let mut registry = Registry::create_or_open(path).unwrap();
    let rules = rules(&[]);
    let begun = Instant::now();
    let run_id = begin(&mut registry, start());
    for number in 0..scopes {
        look_into(&mut registry, run_id, &look(number), &rules, start());
    }
    // A second look turns `onboard` into `already_onboarded`, which later ones leave as it is.
    let later = start() + TimeDelta::hours(1);
    let run_id = begin(&mut registry, later);
    for number in (0..scopes).step_by(SETTLED) {
        look_into(&mut registry, run_id, &look(number), &rules, later);
    }
    let size = path.metadata().unwrap().len() >> 20;
    eprintln!("seeded {} APIs in {:.1} s, {size} MiB", scopes * PER_SCOPE, begun.elapsed().as_secs_f64());
    registry
}

/// How many scopes make the registry: a million APIs, or as many as `ABOARD_BENCH_APIS` says.
pub(crate) fn scopes() -> u64 {
    let wanted = environment::text("ABOARD_BENCH_APIS").ok().flatten().and_then(|text| text.parse().ok());
    wanted.unwrap_or(1_000_000_u64).div_ceil(PER_SCOPE)
}
