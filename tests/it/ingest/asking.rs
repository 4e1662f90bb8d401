//! What is asked for, by runs that a person makes.

use aboard_simulator::{HttpApi, RestApi};

use super::{SHOP, deliveries, id, integration, open, schedules, shop_of};
use crate::support::management::Management;
use crate::support::shop::{self, connection, meddle, open_with};

#[test]
fn a_run_by_hand_asks_too_and_a_second_one_does_not() {
    let management = Management::start();
    let (_sim, home) = open(shop_of(2), &management, "");
    let said = home.ok(&["onboard", "shop"]).stdout;
    assert!(said.contains("apim: 2 delivered"), "{said}");
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken(), [[id("shopapi0000", "prod"), id("shopapi0001", "prod")]]);
    home.ok(&["onboard", "shop", "--redeliver", "apim"]);
    assert_eq!(management.taken().len(), 2, "an ingest may be asked for again");

    let listed = home.ok(&["targets", "list"]).stdout;
    assert!(listed.contains("apim") && listed.contains("gravitee"), "{listed}");
    for (path, content) in home.files().iter().filter(|(path, _)| path.extension().is_some_and(|it| it != "toml")) {
        let content = String::from_utf8_lossy(content);
        assert!(!content.contains(crate::support::CANARY), "{}", path.display());
    }
}

#[test]
fn only_stages_that_are_offered_are_asked_for_by_the_identity_of_the_file() {
    let management = Management::start();
    let world = || {
        let account = (shop::ACCOUNT, shop::REGION);
        shop::world()
            .rest(
                account.0,
                account.1,
                RestApi::new("orders").id("ordersapi1").stage("prod").stage("live-2").stage("test"),
            )
            .rest(account.0, account.1, RestApi::new("drafts").id("draftsapi1").stage("test"))
            .http(account.0, account.1, HttpApi::new("basket").id("basketapi1").stage("prod"))
    };
    let (_sim, home) = open(world(), &management, "stages = [\"prod\", \"live-*\"]");
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken(), [[id("ordersapi1", "live-2"), id("ordersapi1", "prod")]]);
    let notes: Vec<String> = deliveries(&home).into_iter().map(|(_, note)| note).collect();
    for said in [
        "not asked for: none of its stages passes the integration's stages",
        "not asked for: only REST APIs are, while accept_api_without_usage_plan is off",
    ] {
        assert!(notes.iter().any(|note| note == said), "{notes:?}");
    }

    let (_sim, home) = open(world(), &management, "identity = \"{region}/{api_id}\"");
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken()[1..], [["eu-west-1/draftsapi1", "eu-west-1/ordersapi1"]]);
}

#[test]
fn a_new_stage_is_asked_for_by_itself_and_what_is_gone_not_at_all() {
    let management = Management::start();
    let (sim, home) = open(shop_of(2), &management, "");
    home.ok(&["onboard", "shop"]);
    let (account, region) = (shop::ACCOUNT, shop::REGION);
    sim.change(|world| {
        *world = shop::world().rest(account, region, shop::rest("api 0", "shopapi0000").stage("live"));
    });
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken()[1..], [[id("shopapi0000", "live")]]);
    let requests = management.requests();

    sim.change(|world| *world = shop::world().rest(account, region, shop::rest("api 0", "shopapi0000")));
    for _ in 0..2 {
        // As if more than an hour lay between two looks.
        meddle(&home.registry(), "UPDATE apis SET absent_since = absent_since - 4000000");
        meddle(&home.registry(), "UPDATE instances SET absent_since = absent_since - 4000000");
        home.ok(&["onboard", "shop"]);
    }
    let last = deliveries(&home);
    let nothing =
        ("delivered".to_owned(), "Gravitee takes nothing away by an ingest; nothing was asked for".to_owned());
    assert_eq!(last[3..], [nothing.clone(), nothing], "{last:?}");
    assert_eq!(management.requests(), requests);

    sim.change(|world| *world = shop_of(2));
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken()[2..], [[id("shopapi0001", "prod")]], "it is back");
}

#[test]
fn only_connections_that_the_integration_names_ask_whatever_targets_they_have() {
    let management = Management::start();
    let file = format!(
        "[limits]\nrequests_per_second = 0\n[targets.specs.directory]\npath = \"specs\"\n{}{}{}",
        integration(&management, "connections = [\"shop\"]", ""),
        connection("shop", &format!("{SHOP}\ntargets = []")),
        connection("other", SHOP)
    );
    let (_sim, home) = open_with(shop_of(1), &file);
    home.ok(&["onboard", "other"]);
    assert_eq!(management.requests(), 0);
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken(), [[id("shopapi0000", "prod")]]);
}

#[test]
fn changes_are_asked_for_where_the_file_wants_them() {
    let management = Management::start();
    let more = "events = [\"api.onboarded\", \"api.changed\"]";
    let file = format!(
        "[limits]\nrequests_per_second = 0\n{}{}",
        integration(&management, "", more),
        connection("shop", SHOP)
    );
    let (sim, home) = open_with(shop_of(2), &file);
    home.ok(&["onboard", "shop"]);
    sim.change(|world| {
        let document = serde_json::json!({ "openapi": "3.0.1", "info": { "title": "api 1", "version": "2" },
            "paths": { "/": { "get": { "summary": "new", "responses": {} } } } });
        let mut changed = shop::rest("api 1", "shopapi0001").specification(document);
        changed.deploy("prod", "deploy2", "2026-11-01T00:00:00Z");
        *world = shop_of(1).rest(shop::ACCOUNT, shop::REGION, changed);
    });
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken()[1..], [[id("shopapi0001", "prod")]]);
}

#[test]
fn what_waits_for_an_integration_that_left_the_file_waits_until_it_is_back() {
    let management = Management::start();
    management.agent_is_connected(false);
    let (_sim, home) = open(shop_of(1), &management, "");
    home.ok(&["onboard", "shop"]);
    management.agent_is_connected(true);
    home.write("schedules.toml", &format!("[limits]\nrequests_per_second = 0\n{}", connection("shop", SHOP)));
    home.ok(&["onboard", "shop"]);
    assert_eq!(deliveries(&home)[0].0, "queued");
    home.write("schedules.toml", &schedules(&management, ""));
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken(), [[id("shopapi0000", "prod")]]);
}
