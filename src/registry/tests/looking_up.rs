//! Finding APIs for people.

use std::ops::ControlFlow;

use crate::config::Pattern;
use crate::inventory::{Instance, InstanceKind, Protocol};
use crate::plan::{ApiState, Decision, Reason};
use crate::registry::testing::*;
use crate::registry::*;

fn bench() -> Bench {
    let mut bench = Bench::new();
    let mut named = api_with("a1", &["prod", "dev"]);
    named.name = "orders".to_owned();
    named.instances.push(Instance {
        stage: "prod".to_owned(),
        url: "https://api.example.com/orders".to_owned(),
        kind: InstanceKind::CustomDomain,
        callable: true,
        created_at: None,
        deployed_at: None,
    });
    let mut untagged = api("a2");
    untagged.tags.clear();
    let mut wide = rules();
    wide.exclude.ids = vec!["a2".to_owned()];
    bench.look("wide", &whole(vec![named, untagged]), &wide, hour(0));
    bench.look("wide", &whole_in("eu-west-2", vec![api_in("eu-west-2", "a1", &["prod"])]), &wide, hour(0));
    bench
}

fn found(bench: &Bench, name: &str) -> Vec<String> {
    let apis = bench.registry.find(&ApiRef::parse(name).unwrap()).unwrap();
    apis.iter().map(|api| format!("{}/{}", api.region, api.api_id)).collect()
}

#[test]
fn an_api_is_found_by_id_region_account_arn_and_any_address() {
    let bench = bench();
    assert_eq!(found(&bench, "a1"), ["eu-west-1/a1", "eu-west-2/a1"]);
    for name in [
        "eu-west-1/a1",
        "111122223333/eu-west-1/a1",
        "arn:aws:apigateway:eu-west-1::/restapis/a1",
        "https://a1.execute-api.eu-west-1.amazonaws.com/prod",
        "a1.execute-api.eu-west-1.amazonaws.com/dev/",
        "https://API.example.com/orders",
    ] {
        assert_eq!(found(&bench, name), ["eu-west-1/a1"], "{name}");
    }
    for name in ["zz", "eu-west-3/a1", "https://a1.execute-api.eu-west-1.amazonaws.com/test", "api.example.com"] {
        assert_eq!(found(&bench, name), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn apis_are_listed_by_what_is_asked() {
    let bench = bench();
    let list = |filter: ApiFilter| -> Vec<String> {
        bench.registry.apis(&filter).unwrap().iter().map(|api| format!("{}/{}", api.region, api.api_id)).collect()
    };
    let any = ApiFilter::default;
    let pattern = |text: &str| Some(Pattern::new(text).unwrap());
    let all = ["eu-west-1/a1", "eu-west-1/a2", "eu-west-2/a1"];
    assert_eq!(list(any()), all);
    assert_eq!(list(ApiFilter { state: Some(ApiState::Excluded), ..any() }), all[1..2]);
    assert_eq!(list(ApiFilter { decision: Some(Decision::Onboard), ..any() }), ["eu-west-1/a1", "eu-west-2/a1"]);
    assert_eq!(list(ApiFilter { reason: Some(Reason::ExcludedByFilter), ..any() }), all[1..2]);
    assert_eq!(list(ApiFilter { connection: Some("narrow".to_owned()), ..any() }), Vec::<String>::new());
    assert_eq!(list(ApiFilter { region: Some("eu-west-2".to_owned()), ..any() }), all[2..]);
    assert_eq!(list(ApiFilter { account_id: Some("999988887777".to_owned()), ..any() }), Vec::<String>::new());
    assert_eq!(list(ApiFilter { protocol: Some(Protocol::Http), ..any() }), Vec::<String>::new());
    assert_eq!(list(ApiFilter { name: pattern("ord*"), ..any() }), all[..1]);
    let tag = pattern("pay*").map(|value| ("team".to_owned(), value));
    assert_eq!(list(ApiFilter { tag, ..any() }), ["eu-west-1/a1", "eu-west-2/a1"]);
    assert_eq!(list(ApiFilter { limit: Some(2), ..any() }), all[..2]);
}

#[test]
fn a_list_goes_on_where_it_was_left_whatever_came_and_went() {
    let mut bench = bench();
    let list = |bench: &Bench, after: Option<ApiPlace>| {
        bench.registry.apis(&ApiFilter { after, limit: Some(1), ..ApiFilter::default() }).unwrap().pop()
    };
    let mut after = None;
    let mut seen = Vec::new();
    while let Some(api) = list(&bench, after.take()) {
        after = Some(ApiPlace::of(&api));
        seen.push(format!("{}/{}", api.region, api.api_id));
    }
    assert_eq!(seen, ["eu-west-1/a1", "eu-west-1/a2", "eu-west-2/a1"]);

    let first = list(&bench, None).map(|api| ApiPlace::of(&api));
    bench.look("wide", &whole(vec![api("a0"), api("a1"), api("a3")]), &rules(), hour(2));
    let next = list(&bench, first).unwrap();
    assert_eq!(next.api_id, "a3", "a0 comes before the place, and a2 was dropped");
    let plan = bench.plan_of(
        "SELECT 1 FROM apis a WHERE (a.partition, a.account_id, a.region, a.family, a.api_id) > ('a','b','c','d','e')",
    );
    assert!(plan.contains("SEARCH a USING COVERING INDEX sqlite_autoindex_apis_1"), "{plan}");
}

#[test]
fn a_listing_can_be_broken_off() {
    let bench = bench();
    let mut seen = 0;
    let first = |_| {
        seen += 1;
        ControlFlow::Break(())
    };
    bench.registry.for_each_api(&ApiFilter::default(), first).unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn a_narrow_connection_does_not_hide_what_a_wider_one_decided() {
    let mut bench = bench();
    let mut narrow = rules();
    narrow.include.ids = vec!["other".to_owned()];
    bench.look("narrow", &whole(vec![api("a1"), api("a2")]), &narrow, hour(1));
    let a1 = bench.registry.find(&ApiRef::from(&id("a1"))).unwrap().remove(0);
    assert_eq!((a1.connection.as_deref(), a1.state), (Some("wide"), Some(ApiState::Onboarded)));
    let filter = ApiFilter { connection: Some("narrow".to_owned()), ..ApiFilter::default() };
    let shown = bench.registry.apis(&filter).unwrap();
    assert_eq!((shown[0].connection.as_deref(), shown[0].reason), (Some("narrow"), Some(Reason::NoLongerMatches)));
    let decisions = bench.registry.decisions(&id("a1")).unwrap();
    let decisions: Vec<_> = decisions.iter().map(|decision| decision.connection.as_str()).collect();
    assert_eq!(decisions, ["wide", "narrow"]);
}

#[test]
fn dropped_apis_are_listed_only_when_asked_for_and_can_always_be_named() {
    let mut bench = bench();
    bench.look("wide", &whole(vec![api("a1")]), &rules(), hour(2));
    let dropped = |dropped| {
        let filter = ApiFilter { dropped, ..ApiFilter::default() };
        bench.registry.apis(&filter).unwrap().iter().any(|api| api.api_id == "a2")
    };
    assert!(!dropped(false) && dropped(true));
    assert_eq!(found(&bench, "a2"), ["eu-west-1/a2"]);
}
