//! DISCOVER: which APIs there are, in time and at what cost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aboard_simulator::{Failure, Fault, HttpApi, Operation, Policy, RestApi, UsagePlan};
use serde_json::json;

use super::{Site, connection, identity, keyed, planned};
use crate::gravitee::controller::Rules;
use crate::support::shop::{ACCOUNT, REGION, world};

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn apis_in_a_usage_plan_are_shown_and_none_costs_a_call_of_its_own() {
    let site = Site::open(planned(), "");
    let answer = site.discover();
    let orders = json!({
        "uniqueId": identity("ordersapi1"),
        "id": identity("ordersapi1"),
        "name": "orders",
        "version": "2.1",
        "description": "All about it",
        "connectionDetails": { "url": "https://ordersapi1.execute-api.eu-west-1.amazonaws.com/prod" },
        "type": "PROXY",
        "pages": [],
        "plans": [],
        "metadata": [],
    });
    assert_eq!(answer["isPartialDiscovery"], json!(false));
    assert_eq!(answer["apis"].as_array().unwrap().len(), 2, "{answer}");
    assert_eq!(answer["apis"][0], orders, "light: no pages and no plans");
    let counts = site.sim.counts();
    let asked: Vec<_> = counts.by_operation.into_iter().collect();
    assert_eq!(
        asked,
        [(Operation::GetCallerIdentity, 1), (Operation::GetRestApis, 1), (Operation::GetUsagePlans, 1)],
        "no call for each API"
    );
    site.stop();
}

#[test]
fn six_hundred_apis_at_the_usual_limits_are_not_partial() {
    let mut plan = UsagePlan::new("up1", "Gold");
    let mut world = world();
    for number in 0..600 {
        let id = format!("api{number:07}");
        plan = plan.stage(&id, "prod");
        world = world.rest(ACCOUNT, REGION, RestApi::new(format!("api {number}")).id(&id).stage("prod"));
    }
    let connection = connection("").replace("requests_per_second = 0", "");
    let site = Site::with(world.usage_plan(ACCOUNT, REGION, plan), Rules::default(), &connection, "");
    let begun = Instant::now();
    assert_eq!(site.discovered().len(), 600);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(site.sim.calls_of(Operation::GetRestApis), 2);
    assert_eq!(site.sim.calls_of(Operation::RestGetStages), 0);
    site.stop();
}

#[test]
fn stages_pass_the_globs_of_the_connection_and_of_the_integration_and_filters_leave_apis_out() {
    let plan = ["prod", "live-eu", "live-us", "test"]
        .iter()
        .fold(UsagePlan::new("up1", "Gold"), |plan, stage| plan.stage("manystage1", *stage));
    let many = ["prod", "live-eu", "live-us", "test"]
        .iter()
        .fold(RestApi::new("many").id("manystage1"), |api, stage| api.stage(*stage));
    let world =
        planned().rest(ACCOUNT, REGION, many).usage_plan(ACCOUNT, REGION, UsagePlan { id: "up2".into(), ..plan });
    let connection = connection("stages = [\"prod\", \"live-*\"]\nexclude = { names = [\"returns\"] }");
    let site = Site::with(world, Rules::default(), &connection, "stages = [\"prod\", \"*-eu\"]");
    let answer = site.discover();
    let ids: BTreeSet<&str> =
        answer["apis"].as_array().unwrap().iter().map(|api| api["id"].as_str().unwrap()).collect();
    let stage = |api: &str, stage: &str| format!("{ACCOUNT}:{REGION}:{api}:{stage}");
    let expected = [stage("ordersapi1", "prod"), stage("manystage1", "prod"), stage("manystage1", "live-eu")];
    assert_eq!(ids, expected.iter().map(String::as_str).collect());
    site.stop();
}

#[test]
fn a_template_without_the_stage_makes_one_api_of_all_its_stages() {
    let many = RestApi::new("many").id("manystage1").stage("test").stage("prod").needs_key();
    let world = world()
        .rest(ACCOUNT, REGION, many)
        .usage_plan(ACCOUNT, REGION, UsagePlan::new("up1", "Gold").stage("manystage1", "test"))
        .usage_plan(ACCOUNT, REGION, UsagePlan::new("up2", "Silver").stage("manystage1", "prod"));
    let site = Site::open(world, "identity = \"{api_id}\"");
    let answer = site.discover();
    assert_eq!(answer["apis"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["apis"][0]["uniqueId"], "manystage1");
    assert_eq!(
        answer["apis"][0]["connectionDetails"]["url"],
        "https://manystage1.execute-api.eu-west-1.amazonaws.com/prod"
    );
    assert_eq!(site.start_ingest("job-1", &["manystage1"]), 1);
    site.wait_ingested("job-1");
    let api = &site.controller.apis()["manystage1"];
    let plans: Vec<&str> = api["plans"].as_array().unwrap().iter().map(|plan| plan["id"].as_str().unwrap()).collect();
    assert_eq!(plans, ["up1", "up2"], "the plans of all its stages");
    let stages = json!({ "name": "aws-api-gateway-stage", "value": "prod,test", "format": "STRING" });
    assert!(api["metadata"].as_array().unwrap().contains(&stages), "{api}");
    site.stop();
}

#[test]
fn without_plans_every_published_api_is_shown_and_the_second_time_from_memory() {
    let world = planned().rest(ACCOUNT, REGION, RestApi::new("unpublished").id("unpublish1"));
    let site = Site::open(world, "accept_api_without_usage_plan = true");
    let all = names(&["orders", "returns", "internal", "basket"]);
    assert_eq!(site.discovered(), all);
    assert_eq!(site.sim.calls_of(Operation::GetUsagePlans), 0, "plans are of no interest here");
    site.sim.change(|world| world.region(ACCOUNT, REGION).remove("internalp1"));
    site.sim.reset_counts();
    // AWS answers nothing: what is shown is what was seen before, and it is read anew behind that.
    site.sim.hold_at(2);
    assert_eq!(site.discovered(), all);
    site.sim.release();
    let mut shown = site.discovered();
    for _ in 0..200 {
        if shown.len() == 3 {
            break;
        }
        shown = site.discovered();
    }
    assert_eq!(shown, names(&["orders", "returns", "basket"]), "it was read anew");
    site.stop();
}

#[test]
fn without_plans_a_scope_that_a_run_saw_whole_comes_from_the_registry() {
    let site = Site::open(planned(), "accept_api_without_usage_plan = true");
    site.home.ok(&["onboard", "shop"]);
    site.sim.reset_counts();
    site.sim.hold_at(2);
    assert_eq!(site.discovered(), names(&["orders", "returns", "internal", "basket"]));
    site.sim.release();
    site.stop();
}

#[test]
fn time_that_runs_out_makes_it_partial_and_the_next_one_knows_the_rest() {
    let mut world = world();
    for number in 0..30 {
        world = world.rest(
            ACCOUNT,
            REGION,
            RestApi::new(format!("api {number}")).id(format!("api{number:07}")).stage("prod"),
        );
    }
    let connection = connection("").replace("requests_per_second = 0", "requests_per_second = 20\nburst = 5");
    let limits = "accept_api_without_usage_plan = true\n---discover = \"700ms\"";
    let file = Site::with(world, Rules::default(), &connection, limits);
    let first = file.discover();
    let shown = first["apis"].as_array().unwrap().len();
    assert_eq!(first["isPartialDiscovery"], json!(true));
    assert!(shown > 0 && shown < 30, "{shown} of 30 APIs in 0.7 s");
    let whole = (0..50).map(|_| file.discover()).find(|answer| answer["isPartialDiscovery"] == json!(false));
    assert_eq!(whole.expect("a whole one").as_object().unwrap()["apis"].as_array().unwrap().len(), 30);
    file.stop();
}

#[test]
fn plans_that_cannot_be_listed_are_an_error_and_no_apis_without_plans() {
    let site = Site::open(planned(), "");
    site.sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetUsagePlans));
    let reply = site.controller.reply(&site.controller.send("DISCOVER", json!({}))).unwrap();
    assert_eq!(reply["commandStatus"], "ERROR");
    let details = reply["errorDetails"].as_str().unwrap();
    assert!(
        details.starts_with("shop, 111122223333/eu-west-1: GetUsagePlans: ")
            && details.contains("allow apigateway:GET on arn:aws:apigateway:eu-west-1::/usageplans"),
        "{details}"
    );
    site.stop();
}

#[test]
fn one_region_that_fails_leaves_the_others() {
    let world = planned().rest(ACCOUNT, "eu-west-2", keyed("second", "secondapi1")).usage_plan(
        ACCOUNT,
        "eu-west-2",
        UsagePlan::new("up9", "Gold").stage("secondapi1", "prod"),
    );
    let connection = connection("").replace("[\"eu-west-1\"]", "[\"eu-west-1\", \"eu-west-2\"]");
    let mut site = Site::with(world, Rules::default(), &connection, "");
    site.sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetUsagePlans).region(REGION));
    assert_eq!(site.discovered(), names(&["second"]));
    site.worker.wait_until_said("not every API was found: shop, 111122223333/eu-west-1: GetUsagePlans");
    site.stop();
}

#[test]
fn under_the_original_agents_policy_rest_apis_go_on_and_what_is_denied_is_said_once() {
    let policy = Policy::of(ACCOUNT).allow("GET", "/restapis").allow("GET", "/restapis/*").allow("GET", "/usageplans");
    let world = planned().http(ACCOUNT, REGION, HttpApi::new("more").stage("$default")).policy(policy.clone());
    let site = Site::open(world, "");
    assert_eq!(site.discovered(), names(&["orders", "returns"]));
    site.stop();
    let mut site = Site::open(planned().policy(policy), "accept_api_without_usage_plan = true");
    for _ in 0..3 {
        assert_eq!(site.discovered(), names(&["orders", "returns", "internal"]));
    }
    site.worker.wait_until_said("HTTP and WebSocket APIs are left out where they may not be listed, REST APIs go on");
    let said = site.stop().stderr;
    assert_eq!(said.matches("are left out").count(), 1, "{said}");
    assert!(!said.contains("domainnames"), "{said}");
}
