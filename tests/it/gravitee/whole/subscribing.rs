//! Subscriptions: keys that are really there, and really gone.

use std::time::Duration;

use aboard_simulator::{ApiKey, Failure, Fault, Operation, Policy, Simulator};
use serde_json::{Value, json};

use super::{Site, connection, identity, kill, planned, reload, start};
use crate::gravitee::controller::{Ingesting, Order, Rules};
use crate::gravitee::record::Seen;
use crate::support::LONG;
use crate::support::shop::{ACCOUNT, REGION, count};

const ON: &str = "subscriptions = true";

/// What SUBSCRIBE says of a subscription to the plan of `orders`, with the metadata that its ingest gave.
fn subscription(id: &str) -> Value {
    let metadata = json!({
        "planId": "up1",
        "url": "https://ordersapi1.execute-api.eu-west-1.amazonaws.com/prod",
        "aws-api-gateway-partition": "aws",
        "aws-api-gateway-account-id": ACCOUNT,
        "aws-api-gateway-region": REGION,
        "aws-api-gateway-api-id": "ordersapi1",
        "aws-api-gateway-stage": "prod",
    });
    json!({
        "apiId": identity("ordersapi1"),
        "subscription": {
            "graviteeSubscriptionId": id, "graviteeApplicationId": "app1", "graviteeApplicationName": "Web shop",
            "type": "API_KEY", "metadata": metadata,
        },
    })
}

fn unsubscription(id: &str, metadata: &Value) -> Value {
    json!({ "apiId": identity("ordersapi1"), "subscription": { "graviteeSubscriptionId": id, "metadata": metadata } })
}

/// The keys that AWS has, and those of them in the plan.
fn keys(sim: &Simulator) -> (Vec<ApiKey>, usize) {
    sim.change(|world| {
        let region = world.region(ACCOUNT, REGION);
        (region.api_keys().cloned().collect(), region.keys_in_plan("up1").len())
    })
}

/// Waits until AWS has so many keys.
fn wait_for_keys(sim: &Simulator, many: usize) {
    let begun = std::time::Instant::now();
    while keys(sim).0.len() != many {
        assert!(begun.elapsed() < LONG, "{:?}", keys(sim));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn open_rows(site_home: &crate::support::Home) -> i64 {
    count(&site_home.registry(), "SELECT count(*) FROM subscriptions")
}

#[test]
fn a_key_is_made_put_into_the_plan_and_deleted_at_the_end_of_the_subscription() {
    let site = Site::open(planned(), ON);
    let given = site.controller.ask("SUBSCRIBE", subscription("s1"));
    let given = &given["subscription"];
    let (made, in_plan) = keys(&site.sim);
    assert_eq!((made.len(), in_plan), (1, 1));
    let key = &made[0];
    assert!(key.enabled);
    assert!(key.name.as_ref().is_some_and(|name| name.starts_with("aboard-s1-")), "{key:?}");
    let description = format!("Gravitee (apim): Web shop, subscription s1 to {}", identity("ordersapi1"));
    assert_eq!(key.description.as_ref(), Some(&description));
    let expected = json!({
        "graviteeSubscriptionId": "s1",
        "metadata": {
            "aws-api-key-id": key.id,
            "planId": "up1",
            "aws-api-gateway-partition": "aws",
            "aws-api-gateway-account-id": ACCOUNT,
            "aws-api-gateway-region": REGION,
            "aws-api-gateway-api-id": "ordersapi1",
            "aws-api-gateway-stage": "prod",
        },
        "apiKey": key.value,
    });
    assert_eq!(given, &expected);
    assert_eq!(open_rows(&site.home), 0);
    let end = unsubscription("s1", &given["metadata"]);
    assert_eq!(site.controller.ask("UNSUBSCRIBE", end.clone()), json!({}));
    assert_eq!(keys(&site.sim).0.len(), 0);
    // A person may have deleted it before; the subscription ends all the same.
    assert_eq!(site.controller.ask("UNSUBSCRIBE", end), json!({}));
    let value = key.value.clone();
    for (path, content) in site.home.files() {
        assert!(!content.windows(value.len()).any(|part| part == value.as_bytes()), "{}", path.display());
    }
    let said = site.stop().stderr;
    assert!(!said.contains(&value), "{said}");
    assert!(said.contains(&format!("subscription s1: API key {} was gone already", key.id)), "{said}");
}

#[test]
fn the_original_agents_policy_is_enough() {
    let policy = Policy::of(ACCOUNT)
        .allow("GET", "/restapis")
        .allow("GET", "/restapis/*")
        .allow("GET", "/usageplans")
        .allow("POST", "/apikeys")
        .allow("POST", "/usageplans/*/keys")
        .allow("DELETE", "/apikeys/*");
    let site = Site::open(planned().policy(policy), ON);
    assert_eq!(site.discovered().len(), 2);
    assert_eq!(site.start_ingest("job-1", &[]), 2);
    site.wait_ingested("job-1");
    let given = site.controller.ask("SUBSCRIBE", subscription("s1"));
    assert_eq!(keys(&site.sim).1, 1);
    site.controller.ask("UNSUBSCRIBE", unsubscription("s1", &given["subscription"]["metadata"]));
    assert_eq!(keys(&site.sim).0.len(), 0);
    let said = site.stop().stderr;
    assert!(!said.contains("denied") && !said.contains("WARN"), "{said}");
}

#[test]
fn switched_off_they_are_refused_with_what_to_do() {
    let site = Site::open(planned(), "");
    for (kind, payload) in [("SUBSCRIBE", subscription("s1")), ("UNSUBSCRIBE", unsubscription("s1", &json!({})))] {
        let reply = site.controller.reply(&site.controller.send(kind, payload)).unwrap();
        let why = "subscriptions are switched off here: set subscriptions = true in [integrations.apim.gravitee]";
        assert_eq!((&reply["commandStatus"], &reply["errorDetails"]), (&json!("ERROR"), &json!(why)));
    }
    assert_eq!(site.sim.counts().calls, 0);
    site.stop();
}

#[test]
fn a_server_that_gives_no_metadata_back_is_served_by_the_apis_identity() {
    let site = Site::open(planned(), ON);
    let mut asked = subscription("s1");
    asked["subscription"]["metadata"] = json!({ "planId": "up1" });
    let given = site.controller.ask("SUBSCRIBE", asked.clone());
    assert_eq!(given["subscription"]["metadata"]["aws-api-gateway-account-id"], ACCOUNT);
    assert_eq!(keys(&site.sim).1, 1);
    asked["apiId"] = json!("nobody");
    let reply = site.controller.reply(&site.controller.send("SUBSCRIBE", asked)).unwrap();
    assert_eq!(reply["errorDetails"], "the API nobody is not offered any more");
    site.stop();
}

#[test]
fn a_place_that_no_connection_leads_to_is_refused_whatever_the_server_says() {
    let site = Site::open(planned(), ON);
    for (name, value) in [("account-id", "999988887777"), ("region", "us-east-1"), ("partition", "aws-cn")] {
        let mut asked = subscription("s1");
        asked["subscription"]["metadata"][format!("aws-api-gateway-{name}")] = json!(value);
        let reply = site.controller.reply(&site.controller.send("SUBSCRIBE", asked)).unwrap();
        let why = reply["errorDetails"].as_str().unwrap();
        assert!(why.starts_with("no connection of the integration apim leads to region"), "{why}");
    }
    assert_eq!(keys(&site.sim).0.len(), 0);
    site.stop();
}

#[test]
fn an_old_subscription_with_only_a_key_id_ends_wherever_its_key_is() {
    let connection = connection("").replace("[\"eu-west-1\"]", "[\"eu-west-2\", \"eu-west-1\"]");
    let site = Site::with(planned(), Rules::default(), &connection, ON);
    let old = |id: &str| unsubscription("s0", &json!({ "aws-api-key-id": id, "url": "https://x" }));
    let key = ApiKey {
        id: "oldkey0001".into(),
        value: "x".repeat(40),
        name: Some("App".into()),
        description: None,
        enabled: true,
        generate_distinct_id: false,
    };
    let id = site.sim.change(|world| world.region(ACCOUNT, REGION).add_api_key(key));
    assert_eq!(site.controller.ask("UNSUBSCRIBE", old(&id)), json!({}));
    assert_eq!(keys(&site.sim).0.len(), 0);
    assert_eq!(site.controller.ask("UNSUBSCRIBE", old(&id)), json!({}), "it is nowhere any more");
    // Where one region cannot be asked, it may be there.
    site.sim.fault(Fault::new(Failure::AccessDenied).on(Operation::DeleteApiKey).region("eu-west-2"));
    let reply = site.controller.reply(&site.controller.send("UNSUBSCRIBE", old(&id))).unwrap();
    assert_eq!(reply["commandStatus"], "ERROR", "{reply}");
    site.stop();
}

#[test]
fn a_key_that_cannot_be_put_into_its_plan_is_deleted_again() {
    let site = Site::open(planned(), ON);
    let mut asked = subscription("s1");
    asked["subscription"]["metadata"]["planId"] = json!("nobody");
    let reply = site.controller.reply(&site.controller.send("SUBSCRIBE", asked)).unwrap();
    assert!(reply["errorDetails"].as_str().unwrap().starts_with("CreateUsagePlanKey: "), "{reply}");
    assert_eq!((keys(&site.sim).0.len(), open_rows(&site.home)), (0, 0));
    assert_eq!(site.sim.calls_of(Operation::DeleteApiKey), 1);
    site.stop();
}

#[test]
fn a_subscription_that_takes_too_long_is_undone() {
    let site = Site::open(planned(), "subscriptions = true\n---\nsubscribe = \"800ms\"");
    site.sim.fault(Fault::new(Failure::Delay(Duration::from_secs(3))).on(Operation::CreateUsagePlanKey));
    let reply = site.controller.reply(&site.controller.send("SUBSCRIBE", subscription("s1"))).unwrap();
    assert_eq!(reply["errorDetails"], "AWS did not do it within 0.8 s, so the subscription is not made");
    assert_eq!((keys(&site.sim).0.len(), open_rows(&site.home)), (0, 0));
    site.stop();
}

#[test]
fn what_the_server_never_heard_of_is_taken_back() {
    let site = Site::open(planned(), ON);
    site.sim.reset_counts();
    site.sim.hold_at(3);
    site.controller.send("SUBSCRIBE", subscription("s1"));
    assert!(site.sim.wait_until_held(LONG));
    assert_eq!(keys(&site.sim), (keys(&site.sim).0, 0), "it is made and in no plan yet");
    site.controller.order(Order::ResetInFrame);
    site.controller.wait_for_agent(2);
    site.sim.release();
    wait_for_keys(&site.sim, 0);
    let deleted = || site.sim.calls_of(Operation::DeleteApiKey);
    assert_eq!((site.sim.calls_of(Operation::CreateUsagePlanKey), deleted()), (1, 1));
    site.worker.stop();
}

#[test]
fn a_subscription_ends_while_an_ingest_waits_for_that() {
    let mut site = Site::open(planned(), ON);
    let given = site.controller.ask("SUBSCRIBE", subscription("s1"));
    let end = unsubscription("s1", &given["subscription"]["metadata"]);
    site.controller.rules(|rules| rules.ingests.push_back(Ingesting::UnsubscribeFirst(end)));
    site.start_ingest("job-1", &[]);
    site.controller.record().wait_for("the end of the subscription", 1, |seen| {
        matches!(seen, Seen::Reply { id, reply } if id == "server-unsubscribe" && reply["commandStatus"] == "SUCCEEDED")
    });
    assert_eq!(keys(&site.sim).0.len(), 0);
    site.worker.wait_until_said("ingest job-1: 2 of 2 APIs were sent and taken");
    site.stop();
}

#[test]
fn a_key_that_nobody_heard_of_is_taken_back_also_where_its_integration_has_left_the_file() {
    let mut site = Site::open(planned(), "subscriptions = true\n---\ndrain = \"50ms\"");
    site.sim.reset_counts();
    site.sim.hold_at(3);
    site.controller.send("SUBSCRIBE", subscription("s1"));
    assert!(site.sim.wait_until_held(LONG));
    reload(&site.home, &connection(""));
    site.controller.record().wait_for("the close", 1, |seen| matches!(seen, Seen::Closed { .. }));
    site.sim.release();
    site.worker.wait_until_said("deleted again");
    assert_eq!(keys(&site.sim).0.len(), 0);
    site.worker.stop();
}

#[test]
fn clearing_up_after_one_attempt_leaves_the_key_of_the_next() {
    let site = Site::open(planned(), "subscriptions = true\nread_api_keys = true");
    site.sim.fault(Fault::new(Failure::ServerError(500)).on(Operation::CreateApiKey).times(1));
    let reply = site.controller.reply(&site.controller.send("SUBSCRIBE", subscription("s1"))).unwrap();
    assert!(reply["errorDetails"].as_str().unwrap().starts_with("CreateApiKey: "), "{reply}");
    assert_eq!(open_rows(&site.home), 1, "AWS did not say whether it made one");
    site.controller.ask("SUBSCRIBE", subscription("s1"));
    site.worker.stop();
    let mut worker = start(&site.home);
    worker.wait_until_said("the last worker ended while it made a key: 0 named aboard-s1-");
    assert_eq!(keys(&site.sim).1, 1, "somebody has that one");
    worker.stop();
}

/// Has a worker killed while AWS has call number `call` of a subscription.
fn killed_at(call: u64, keys: &str) -> Site {
    let site = Site::open(planned(), keys);
    site.sim.reset_counts();
    site.sim.hold_at(call);
    site.controller.send("SUBSCRIBE", subscription("s1"));
    assert!(site.sim.wait_until_held(LONG));
    let Site { sim, controller, home, worker } = site;
    kill(worker);
    sim.release();
    let worker = start(&home);
    controller.wait_for_agent(2);
    Site { sim, controller, home, worker }
}

#[test]
fn a_key_that_was_made_when_the_process_died_is_deleted_by_the_next() {
    // 1 is who we are, 2 makes the key, 3 puts it into the plan.
    let mut site = killed_at(3, ON);
    site.worker.wait_until_said("is deleted: the last worker ended before anybody got it");
    assert_eq!((keys(&site.sim).0.len(), open_rows(&site.home)), (0, 0));
    site.worker.stop();
}

#[test]
fn a_key_that_may_have_been_made_when_the_process_died_is_named() {
    let mut site = killed_at(2, ON);
    site.worker.wait_until_said("the last worker ended while it made a key: an API key named aboard-s1-");
    site.worker.stop();
    assert_eq!(open_rows(&site.home), 0, "it is told once");
    assert_eq!(site.sim.calls_of(Operation::GetApiKeys), 0);
}

#[test]
fn or_looked_for_by_its_name_where_that_is_allowed() {
    let mut site = killed_at(2, "subscriptions = true\nread_api_keys = true");
    site.worker.wait_until_said("named aboard-s1-");
    assert_eq!(keys(&site.sim).0.len(), 0);
    assert_eq!(site.sim.calls_of(Operation::GetApiKeys), 1);
    site.worker.stop();
}

#[test]
fn a_key_of_which_aws_did_not_say_whether_it_was_made_is_named_at_once() {
    let mut site = Site::open(planned(), ON);
    site.sim.fault(Fault::new(Failure::CutBeforeAnswer).on(Operation::CreateApiKey));
    let reply = site.controller.reply(&site.controller.send("SUBSCRIBE", subscription("s1"))).unwrap();
    assert!(reply["errorDetails"].as_str().unwrap().starts_with("CreateApiKey: "), "{reply}");
    site.worker.wait_until_said("may be left in 111122223333/eu-west-1; it is in no usage plan");
    assert_eq!(site.sim.calls_of(Operation::CreateApiKey), 1, "another try could make a second one");
    assert_eq!(open_rows(&site.home), 0);
    site.stop();
}
