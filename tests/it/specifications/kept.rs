//! What is exported when, and what is stored of it.

use aboard_simulator::{Domain, Failure, Fault, Operation};
use serde_json::{Value, json};

use super::{ONBOARD, document, listed, pinned, rest_export, waiting, world};
use crate::support::shop::{self, ACCOUNT, REGION, open, open_with, schedules};

fn servers(document: &Value) -> Vec<&str> {
    document["servers"].as_array().unwrap().iter().map(|server| server["url"].as_str().unwrap()).collect()
}

/// Schedules whose webhook wants changes too.
fn with_changes() -> String {
    let events = r#"events = ["api.onboarded", "api.instance_added", "api.instance_removed", "api.changed"]"#;
    schedules(r#"regions = ["eu-west-1"]"#).replace("[targets.specs", &format!("{events}\n[targets.specs"))
}

#[test]
fn what_is_onboarded_is_exported_before_its_events_leave() {
    let (sim, home) = open(world());
    let report = home.json(&ONBOARD);
    assert_eq!((&report["outcome"], waiting(&home)), (&json!("succeeded"), 0));
    let counts = sim.counts();
    let asked = [Operation::GetExport, Operation::ExportApi, Operation::GetRoutes, Operation::GetApi];
    assert_eq!(asked.map(|operation| sim.calls_of(operation)), [1; 4]);
    assert_eq!(report["counts"]["calls"], json!(counts.calls - counts.of(Operation::GetCallerIdentity)));

    let orders = document(&home, &["restorders"]);
    assert_eq!(
        servers(&orders),
        ["https://api.shop.example/orders", "https://restorders.execute-api.eu-west-1.amazonaws.com/prod"]
    );
    assert_eq!(servers(&document(&home, &["httpbasket"])), ["https://httpbasket.execute-api.eu-west-1.amazonaws.com"]);
    let chat = document(&home, &["wschat0001"]);
    assert_eq!(chat["servers"]["execute-api"]["pathname"], "/live");
    assert_eq!(
        chat["operations"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["connect", "default", "leave-room", "send"]
    );
    for (api, stage) in [("restorders", "prod"), ("httpbasket", "$default"), ("wschat0001", "live")] {
        let digest = &listed(&home, api)[0]["digest"];
        assert_eq!(pinned(&home, api), [("api.onboarded".to_owned(), json!({ stage: { "digest": digest } }))]);
    }
}

#[test]
fn nothing_is_exported_that_no_target_waits_for() {
    let recorded = schedules(r#"regions = ["eu-west-1"]"#) + &shop::auto_onboard(r#"existing = "record""#);
    let untold = schedules("regions = [\"eu-west-1\"]\ntargets = []");
    for file in [recorded, untold] {
        let (sim, home) = open_with(world(), &file);
        home.ok(&ONBOARD);
        home.ok(&["discover", "shop"]);
        assert_eq!(sim.calls_of(Operation::GetExport) + sim.calls_of(Operation::ExportApi), 0);
        let said = home.run(&["spec", "restorders"]);
        assert_eq!(said.code, Some(1));
        assert!(said.stderr.contains("none has waited for it yet"), "{said:?}");
    }
}

#[test]
fn a_deployment_that_changes_nothing_is_exported_and_gives_the_same_digest() {
    let (sim, home) = open_with(world(), &with_changes());
    home.ok(&ONBOARD);
    let before = listed(&home, "restorders")[0].clone();
    let deploy = |id: &str, version: &str, description: &str| {
        let mut export = rest_export();
        export["info"]["version"] = json!(version);
        export["info"]["description"] = json!(description);
        sim.change(|world| {
            world.region(ACCOUNT, REGION).edit_rest("restorders", |api| {
                api.deploy("prod", id, "2026-03-01T10:00:00Z");
                api.specification = Some(export);
            });
        });
        home.ok(&ONBOARD);
        listed(&home, "restorders")[0].clone()
    };
    let same = deploy("deploy2", "2026-03-01T10:00:00Z", "Orders of the shop");
    assert_eq!((&same["digest"], &same["deployment_id"]), (&before["digest"], &json!("deploy2")));
    let other = deploy("deploy3", "2026-03-01T11:00:00Z", "All orders");
    assert_ne!(other["digest"], before["digest"]);
    assert_eq!(sim.calls_of(Operation::GetExport), 3);
    let of = |stage: &Value| json!({ "prod": { "digest": stage["digest"] } });
    let expected = [("api.onboarded", of(&before)), ("api.changed", of(&same)), ("api.changed", of(&other))];
    assert_eq!(pinned(&home, "restorders"), expected.map(|(event, pinned)| (event.to_owned(), pinned)));
}

#[test]
fn a_new_address_is_written_into_the_stored_document_without_a_call() {
    let (sim, home) = open(world());
    home.ok(&ONBOARD);
    let before = listed(&home, "restorders");
    let domain = Domain::new("a.shop.example").mapping("", "restorders", "prod");
    sim.change(|world| world.region(ACCOUNT, REGION).add_domain(domain));
    sim.reset_counts();
    home.ok(&ONBOARD);
    assert_eq!(sim.calls_of(Operation::GetExport), 0);
    assert_eq!(
        servers(&document(&home, &["restorders"]))[..2],
        ["https://a.shop.example", "https://api.shop.example/orders"]
    );
    let after = listed(&home, "restorders");
    assert_ne!(after[0]["digest"], before[0]["digest"]);
    assert_eq!(pinned(&home, "restorders")[1].1, json!({ "prod": { "digest": after[0]["digest"] } }));
}

#[test]
fn what_an_approval_queued_is_exported_at_once_and_else_by_the_next_run() {
    let file = schedules(r#"regions = ["eu-west-1"]"#) + &shop::auto_onboard("max_new = 2");
    for reachable in [true, false] {
        let (sim, home) = open_with(world(), &file);
        assert_eq!(home.run(&ONBOARD).code, Some(3));
        assert_eq!((sim.calls_of(Operation::GetExport), waiting(&home)), (0, 0));
        if !reachable {
            sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetCallerIdentity));
        }
        let said = home.ok(&["approve", "shop"]);
        assert_eq!(said.stderr.contains("specifications wait"), !reachable, "{said:?}");
        assert_eq!(waiting(&home), if reachable { 0 } else { 6 });
        sim.clear_faults();
        sim.reset_counts();
        home.run(&ONBOARD);
        assert_eq!((sim.calls_of(Operation::GetExport), waiting(&home)), (u64::from(!reachable), 0));
        assert_eq!(sim.calls_of(Operation::GetCallerIdentity), 1, "a run enters an account once");
    }
}

#[test]
fn a_target_that_comes_later_is_told_again_with_what_is_stored() {
    let file = |targets: &str| schedules(&format!("regions = [\"eu-west-1\"]\ntargets = [{targets}]"));
    let (sim, home) = open_with(world(), &file(r#""specs""#));
    home.ok(&ONBOARD);
    home.write("schedules.toml", &file(r#""specs", "catalog""#));
    home.ok(&["onboard", "shop", "--redeliver", "catalog"]);
    assert_eq!((sim.calls_of(Operation::GetExport), waiting(&home)), (1, 0));
    let expected = json!({ "prod": { "digest": listed(&home, "restorders")[0]["digest"] } });
    assert_eq!(pinned(&home, "restorders"), [("api.onboarded".to_owned(), expected)]);
}
