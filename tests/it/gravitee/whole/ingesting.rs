//! INGEST: plans, pages and metadata, and what never happens.

use aboard_simulator::{Failure, Fault, Operation, RestApi, UsagePlan};
use serde_json::{Value, json};

use super::{MOMENT, Site, connection, identity, keyed, planned};
use crate::gravitee::controller::Rules;
use crate::gravitee::record::Seen;
use crate::support::shop::{ACCOUNT, REGION, world};

/// An API's page, as JSON.
fn document(api: &Value) -> Value {
    serde_json::from_str(api["pages"][0]["content"].as_str().unwrap()).unwrap()
}

#[test]
fn an_api_comes_with_its_plans_its_document_and_its_metadata() {
    let site = Site::open(planned(), "");
    assert_eq!(site.start_ingest("job-1", &[]), 2);
    site.wait_ingested("job-1");
    let apis = site.controller.apis();
    let orders = &apis[&identity("ordersapi1")];
    let gold = json!([{
        "id": "up1",
        "name": "Gold",
        "description": "for many",
        "planSecurityType": "API_KEY",
        "characteristics": ["Rate: 10.0 requests per second", "Burst: 20 requests", "Quota: 1000 requests per day"],
    }]);
    assert_eq!(orders["plans"], gold);
    assert_eq!(orders["pages"][0]["pageType"], "SWAGGER");
    assert_eq!(orders["pages"][0]["filename"], "ordersapi1-prod.json");
    let document = document(orders);
    assert_eq!((&document["info"]["title"], &document["info"]["version"]), (&json!("orders"), &json!("2.1")));
    assert_eq!(document["servers"][0]["url"], "https://ordersapi1.execute-api.eu-west-1.amazonaws.com/prod");
    let metadata = |name: &str, value: &str| json!({ "name": format!("aws-api-gateway-{name}"), "value": value, "format": "STRING" });
    let expected = json!([
        metadata("account-id", ACCOUNT),
        metadata("api-id", "ordersapi1"),
        metadata("endpoint-type", "REGIONAL"),
        metadata("partition", "aws"),
        metadata("protocol", "REST"),
        metadata("region", REGION),
        metadata("stage", "prod"),
    ]);
    assert_eq!(orders["metadata"], expected);
    // No method of it needs a key, so there is nothing to subscribe to.
    assert_eq!(apis[&identity("returnsap1")]["plans"], json!([]));
    assert_eq!(site.sim.calls_of(Operation::GetResources), 2);
    assert_eq!(site.sim.calls_of(Operation::GetExport), 2);
    site.stop();
}

#[test]
fn only_what_was_chosen_is_ingested() {
    let site = Site::open(planned(), "");
    assert_eq!(site.start_ingest("job-1", &[&identity("returnsap1"), "nobody"]), 1);
    site.wait_ingested("job-1");
    assert_eq!(site.controller.apis().keys().collect::<Vec<_>>(), [&identity("returnsap1")]);
    assert_eq!(site.start_ingest("job-2", &["nobody"]), 0);
    site.stop();
}

#[test]
fn without_plans_http_and_web_socket_apis_come_too() {
    let world =
        planned().http(ACCOUNT, REGION, aboard_simulator::HttpApi::websocket("prices").id("pricesapi1").stage("live"));
    let site = Site::open(world, "accept_api_without_usage_plan = true");
    assert_eq!(site.start_ingest("job-1", &[]), 5);
    site.wait_ingested("job-1");
    let apis = site.controller.apis();
    let of = |api: &str, stage: &str| &apis[&format!("{ACCOUNT}:{REGION}:{api}:{stage}")];
    let basket = of("basketapi1", "$default");
    assert_eq!((&basket["pages"][0]["pageType"], &basket["type"]), (&json!("SWAGGER"), &json!("PROXY")));
    let prices = of("pricesapi1", "live");
    assert_eq!((&prices["pages"][0]["pageType"], &prices["type"]), (&json!("ASYNCAPI"), &json!("MESSAGE")));
    // Plans are read for the ingest, where they count.
    assert_eq!(of("ordersapi1", "prod")["plans"][0]["id"], "up1");
    assert_eq!(of("internalp1", "prod")["plans"], json!([]));
    assert_eq!(site.sim.calls_of(Operation::GetResources), 2, "what is in no plan needs no look at its methods");
    site.stop();
}

#[test]
fn plans_that_cannot_be_listed_end_an_ingest_before_anything_is_sent() {
    let mut site = Site::open(planned(), "accept_api_without_usage_plan = true");
    assert_eq!(site.discovered().len(), 4);
    site.sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetUsagePlans));
    assert_eq!(site.start_ingest("job-1", &[]), 4);
    site.worker.wait_until_said("ingest job-1 stops, and Gravitee will call it timed out: ");
    // Nor does it come later.
    std::thread::sleep(MOMENT);
    assert_eq!(site.controller.record().ingested(), []);
    // Where an API has to be in a plan, it does not even begin.
    let site_of_plans = Site::open(planned(), "");
    site_of_plans.sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetUsagePlans));
    let asked = site_of_plans.controller.send("START_INGEST", json!({ "ingestJobId": "job-2" }));
    let reply = site_of_plans.controller.reply(&asked).unwrap();
    assert_eq!(reply["commandStatus"], "ERROR", "{reply}");
    assert!(reply["errorDetails"].as_str().unwrap().contains("GetUsagePlans"), "{reply}");
    let said = site.stop().stderr;
    assert!(said.contains("GetUsagePlans"), "{said}");
    site_of_plans.stop();
}

#[test]
fn an_api_of_all_its_stages_has_the_plans_of_those_too_that_came_after_it_was_seen() {
    let keys = "accept_api_without_usage_plan = true\nidentity = \"{api_id}\"\nstages = [\"prod\", \"live\"]";
    let site = Site::open(planned(), keys);
    // What is ingested is what this run saw.
    site.home.ok(&["onboard", "shop"]);
    site.sim.change(|world| {
        let region = world.region(ACCOUNT, REGION);
        region.edit_rest("ordersapi1", |api| *api = api.clone().stage("live").stage("test"));
        region.add_usage_plan(UsagePlan::new("up2", "Silver").stage("ordersapi1", "live"));
        region.add_usage_plan(UsagePlan::new("up3", "Left out").stage("ordersapi1", "test"));
    });
    assert_eq!(site.start_ingest("job-1", &["ordersapi1"]), 1);
    site.wait_ingested("job-1");
    let api = &site.controller.apis()["ordersapi1"];
    let plans: Vec<&str> = api["plans"].as_array().unwrap().iter().map(|plan| plan["id"].as_str().unwrap()).collect();
    assert_eq!(plans, ["up1", "up2"], "Gravitee closes the subscriptions of a plan that is missing");
    site.stop();
}

#[test]
fn methods_that_were_not_listed_take_no_plan_away() {
    let site = Site::open(planned(), "");
    let body = Failure::Raw { status: 200, content_type: "application/json", body: "{}".to_owned() };
    site.sim.fault(Fault::new(body).on(Operation::GetResources));
    site.start_ingest("job-1", &[]);
    site.wait_ingested("job-1");
    assert_eq!(site.controller.apis()[&identity("ordersapi1")]["plans"][0]["id"], "up1");
    site.stop();
}

#[test]
fn a_draft_without_keys_takes_no_plan_from_a_deployed_stage_with_them() {
    let deployed = json!({
        "openapi": "3.0.1",
        "info": { "title": "orders", "version": "1" },
        "paths": { "/": { "get": { "responses": {}, "security": [{ "api_key": [] }] } } },
        "components": { "securitySchemes": { "api_key": { "type": "apiKey", "name": "x-api-key", "in": "header" } } },
    });
    let orders =
        RestApi::new("orders").id("ordersapi1").stage("prod").specification(deployed).method("/", "GET", false);
    let gold = UsagePlan::new("up1", "Gold").stage("ordersapi1", "prod");
    let site = Site::open(world().rest(ACCOUNT, REGION, orders).usage_plan(ACCOUNT, REGION, gold), "");
    site.start_ingest("job-1", &[]);
    site.wait_ingested("job-1");
    assert_eq!(site.controller.apis()[&identity("ordersapi1")]["plans"][0]["id"], "up1");
    site.stop();
}

#[test]
fn the_second_page_of_plans_that_fails_ends_it_too() {
    let plans = (0..30).map(|number| UsagePlan::new(format!("more{number:02}"), "More"));
    let world = plans.fold(planned(), |world, plan| world.usage_plan(ACCOUNT, REGION, plan));
    let mut site = Site::open(world, "accept_api_without_usage_plan = true");
    site.sim.fault(Fault::new(Failure::RepeatedToken).on(Operation::GetUsagePlans));
    assert_eq!(site.start_ingest("job-1", &[]), 4);
    site.worker.wait_until_said("ingest job-1 stops");
    assert_eq!(site.controller.record().ingested(), []);
    site.stop();
}

#[test]
fn an_api_whose_methods_cannot_be_read_keeps_its_plans() {
    let mut site = Site::open(planned(), "");
    site.sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetResources).about("returnsap1"));
    site.start_ingest("job-1", &[]);
    site.wait_ingested("job-1");
    assert_eq!(site.controller.apis()[&identity("returnsap1")]["plans"][0]["id"], "up1");
    site.worker.wait_until_said("whether methods need keys is not known, so their plans stay, of 1 APIs");
    site.stop();
}

#[test]
fn what_aws_does_not_export_now_comes_from_the_registry_or_not_at_all() {
    let connection =
        format!("{}[targets.specs.directory]\npath = \"specs\"\n", connection("include = { names = [\"orders\"] }"));
    let world = planned().rest(ACCOUNT, REGION, RestApi::new("other").id("otherapi01").stage("prod"));
    let mut site = Site::with(world, Rules::default(), &connection, "");
    site.home.ok(&["onboard", "shop"]);
    site.sim.fault(Fault::new(Failure::ServerError(500)).on(Operation::GetExport));
    site.start_ingest("job-1", &[]);
    site.wait_ingested("job-1");
    assert_eq!(document(&site.controller.apis()[&identity("ordersapi1")])["info"]["title"], "orders");
    site.worker.wait_until_said("AWS gives no document of 1 APIs; the first, ");
    site.stop();
    let site = Site::open(planned(), "");
    site.sim.fault(Fault::new(Failure::BadRequest("no methods".into())).on(Operation::GetExport));
    site.start_ingest("job-2", &[]);
    site.wait_ingested("job-2");
    assert_eq!(site.controller.apis()[&identity("ordersapi1")]["pages"], json!([]));
    site.stop();
}

#[test]
fn chunks_go_out_one_after_the_other_and_only_the_last_ends_the_job() {
    let mut plan = UsagePlan::new("up1", "Gold");
    let mut world = world();
    for number in 0..120 {
        let id = format!("api{number:07}");
        plan = plan.stage(&id, "prod");
        world = world.rest(ACCOUNT, REGION, keyed(&format!("api {number}"), &id));
    }
    let site = Site::open(world.usage_plan(ACCOUNT, REGION, plan), "");
    assert_eq!(site.start_ingest("job-1", &[]), 120);
    site.wait_ingested("job-1");
    let chunks: Vec<(usize, bool)> =
        site.controller.record().ingested().iter().map(|chunk| (chunk.ids.len(), chunk.done)).collect();
    assert_eq!(chunks, [(50, false), (50, false), (20, true)]);
    assert_eq!(site.controller.stored(), 120);
    site.stop();
}

#[test]
fn an_ingest_goes_on_after_the_connection_broke() {
    let site = Site::open(planned(), "");
    site.controller.rules(|rules| rules.ingests.push_back(crate::gravitee::controller::Ingesting::TakeAndReset));
    site.start_ingest("job-1", &[]);
    let is_last = |seen: &Seen| matches!(seen, Seen::Ingest(chunk) if chunk.done);
    site.controller.record().wait_for("the last chunk, again", 2, is_last);
    assert_eq!(site.controller.stored(), 2);
    site.controller.record().assert_proper();
    site.worker.stop();
}
