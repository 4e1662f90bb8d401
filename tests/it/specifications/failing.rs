//! Exports that fail: named, kept with their cause, and the API is registered all the same.

use aboard_simulator::{Domain, Failure, Fault, HttpApi, Operation, RestApi, World};
use serde_json::{Value, json};

use super::{ONBOARD, listed, pinned, rest_export, waiting, world};
use crate::support::shop::{ACCOUNT, REGION, count, open};

fn denied(operation: Operation) -> Fault {
    Fault::new(Failure::AccessDenied).on(operation)
}

/// Three APIs of which none can be exported: one has nothing, and the others may not be read.
fn unexportable() -> World {
    World::new()
        .user(crate::support::shop::KEY, ACCOUNT)
        .rest(ACCOUNT, REGION, RestApi::new("orders").id("restorders").stage("prod").specification(Value::Null))
        .http(ACCOUNT, REGION, HttpApi::new("basket").id("httpbasket").stage("$default"))
        .http(ACCOUNT, REGION, HttpApi::websocket("chat").id("wschat0001").stage("live"))
        .fault(denied(Operation::ExportApi))
        .fault(denied(Operation::GetRoutes))
}

#[test]
fn what_cannot_be_exported_is_registered_and_its_cause_is_said() {
    let (_sim, home) = open(unexportable());
    let said = home.ok(&ONBOARD);
    assert!(said.stdout.contains("specifications of 3 stages could not be exported"), "{said:?}");
    assert_eq!(waiting(&home), 0);
    for (api, stage, cause) in [
        ("restorders", "prod", "GetExport: Unable to build exports: the API has no methods"),
        ("httpbasket", "$default", "ExportApi: "),
        ("wschat0001", "live", "GetRoutes: "),
    ] {
        let spec = home.run(&["spec", api]);
        assert_eq!((spec.code, spec.stdout.as_str()), (Some(1), ""), "{spec:?}");
        assert!(
            spec.stderr.contains(&format!("no specification of {ACCOUNT}/{REGION}/{api} {stage} is stored: {cause}"))
        );
        let row = listed(&home, api)[0].clone();
        assert_eq!((&row["digest"], &row["format"]), (&Value::Null, &Value::Null));
        let [(event, pinned)] = &pinned(&home, api)[..] else { panic!("one event") };
        assert_eq!((event.as_str(), pinned), ("api.onboarded", &json!({ stage: { "cause": row["cause"] } })));
    }
    let denied = home.run(&["spec", "httpbasket"]).stderr;
    assert!(denied.contains("; allow apigateway:GET on arn:aws:apigateway:eu-west-1::/apis/httpbasket/exports/OAS30"));
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'"), 3);
}

#[test]
fn what_aws_refuses_for_good_is_not_asked_again_and_what_may_pass_is() {
    let (sim, home) = open(unexportable());
    home.ok(&ONBOARD);
    let domain = Domain::new("shop.example").mapping("o", "restorders", "prod").mapping("b", "httpbasket", "$default");
    sim.change(|world| world.region(ACCOUNT, REGION).add_domain(domain));
    sim.clear_faults();
    sim.reset_counts();
    home.ok(&ONBOARD);
    assert_eq!((sim.calls_of(Operation::GetExport), sim.calls_of(Operation::ExportApi)), (0, 1));
    home.ok(&["spec", "httpbasket"]);
    assert!(pinned(&home, "restorders")[1].1["prod"]["cause"].is_string());
    assert_eq!(waiting(&home), 0);
}

#[test]
fn a_specification_that_is_too_long_is_a_failed_export() {
    let mut export = rest_export();
    export["info"]["description"] = json!("x".repeat(7 << 20));
    let orders = RestApi::new("orders").id("restorders").stage("prod").specification(export);
    let (_sim, home) = open(World::new().user(crate::support::shop::KEY, ACCOUNT).rest(ACCOUNT, REGION, orders));
    home.ok(&ONBOARD);
    let said = home.run(&["spec", "restorders"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("bytes, more than the 6291456 that are stored"), "{said:?}");
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM documents"), 0);
}

#[test]
fn after_a_failed_export_the_document_of_before_is_printed_with_a_warning() {
    let (sim, home) = open(world());
    home.ok(&ONBOARD);
    let before = home.ok(&["spec", "restorders"]).stdout;
    sim.fault(denied(Operation::GetExport));
    sim.change(|world| {
        let region = world.region(ACCOUNT, REGION);
        region.edit_rest("restorders", |api| api.deploy("prod", "deploy2", "2026-03-01T10:00:00Z"));
        region.add_domain(Domain::new("a.shop.example").mapping("", "restorders", "prod"));
    });
    home.ok(&ONBOARD);
    let said = home.ok(&["spec", "restorders"]);
    assert_eq!(said.stdout, before);
    assert!(said.stderr.contains("the last export failed: GetExport: "), "{said:?}");
    assert!(
        pinned(&home, "restorders")[1].1["prod"]["digest"].is_string(),
        "what was known before goes with an address"
    );
}

#[test]
fn an_account_that_cannot_be_entered_any_more_holds_no_event_back() {
    let (sim, home) = open(world());
    home.killed_at_commit("after-commit:4", &ONBOARD);
    assert!(waiting(&home) > 0, "else nothing was tried here");
    sim.change(|world| world.remove_user(crate::support::shop::KEY));
    assert_eq!(home.run(&ONBOARD).code, Some(3));
    assert_eq!(waiting(&home), 0);
    let events = pinned(&home, "restorders").into_iter().chain(pinned(&home, "httpbasket"));
    let causes: Vec<Value> = events.map(|(_, pinned)| pinned).collect();
    assert!(causes.iter().any(|pinned| pinned.to_string().contains("GetCallerIdentity: ")), "{causes:?}");
}
