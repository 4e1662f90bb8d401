//! `onboard --api … --stage …`: exactly those, whatever filters and dates say, and nothing else is looked at.

use aboard_simulator::{Call, Domain, HttpApi, Operation, RestApi, Simulator, World};
use serde_json::Value;

use crate::support::Home;
use crate::support::shop::{self, ACCOUNT, REGION, auto_onboard, connection, count, open, open_with, rest, schedules};

/// Lists everything: what a run over named APIs must not ask for. Custom domains are none of these: they say where an API answers.
const LISTINGS: [Operation; 2] = [Operation::GetRestApis, Operation::GetApis];

/// A shop whose rules choose nothing: old, unmatched and excluded.
fn unchosen(world: World) -> (Simulator, Home) {
    let keys = "regions = [\"eu-west-1\", \"eu-west-2\"]\nstages = [\"never\"]\nexclude = { names = [\"*\"] }";
    open_with(world, &(schedules(keys) + &auto_onboard("published_after = 2030-01-01")))
}

fn onboarded(home: &Home) -> Vec<String> {
    let apis = home.json(&["apis", "--state", "onboarded"]);
    apis.as_array().unwrap().iter().map(|api| api["api_id"].as_str().unwrap().to_owned()).collect()
}

fn stages(api: &Value) -> Vec<&str> {
    api["instances"].as_array().unwrap().iter().map(|instance| instance["stage"].as_str().unwrap()).collect()
}

fn listings(log: &[Call]) -> Vec<&Call> {
    log.iter().filter(|call| call.operation.is_some_and(|operation| LISTINGS.contains(&operation))).collect()
}

#[test]
fn an_api_is_named_by_id_place_arn_and_aws_address_before_anybody_has_seen_it() {
    for name in [
        "ordersapi1",
        "eu-west-1/ordersapi1",
        "111122223333/eu-west-1/ordersapi1",
        "arn:aws:apigateway:eu-west-1::/restapis/ordersapi1",
        "arn:aws:apigateway:eu-west-1::/restapis/ordersapi1/stages/prod",
        "arn:aws:execute-api:eu-west-1:111122223333:ordersapi1/prod/GET/orders",
        "https://ordersapi1.execute-api.eu-west-1.amazonaws.com/prod",
        "https://ordersapi1.execute-api.eu-west-1.amazonaws.com/prod/orders/17?page=2",
        "ordersapi1-vpce-0123456789abcdef0.execute-api.eu-west-1.amazonaws.com/prod",
    ] {
        let (sim, home) = unchosen(shop::stocked());
        let said = home.ok(&["onboard", "shop", "--api", name]);
        assert!(said.stdout.contains("onboard") && said.stdout.contains("selected"), "{name}: {}", said.stdout);
        assert_eq!(onboarded(&home), ["ordersapi1"], "{name}");
        assert!(listings(&sim.log()).is_empty(), "{name}: nothing else is looked at: {:?}", sim.log());
        let elsewhere = sim.log().iter().filter(|call| call.path.contains("basketapi1")).count();
        assert_eq!(elsewhere, 0, "{name}");
        let regions = sim.counts().of_region(ACCOUNT, "eu-west-2");
        assert_eq!(regions == 0, name.contains("eu-west-1"), "{name}: a named region is the only one asked");
    }
}

#[test]
fn http_and_websocket_apis_are_named_by_their_addresses_too() {
    let (_sim, home) = unchosen(shop::stocked());
    home.ok(&["onboard", "shop", "--api", "wss://pricesapi1.execute-api.eu-west-1.amazonaws.com/live"]);
    home.ok(&["onboard", "shop", "--api", "arn:aws:apigateway:eu-west-1::/apis/basketapi1"]);
    assert_eq!(onboarded(&home), ["basketapi1", "pricesapi1"]);
}

#[test]
fn a_custom_domain_names_an_api_once_the_registry_knows_it() {
    let world = shop::stocked().domain(
        ACCOUNT,
        REGION,
        Domain::new("api.shop.example").mapping("orders", "ordersapi1", "prod"),
    );
    let (_sim, home) = unchosen(world);
    let url = "https://api.shop.example/orders/";

    let said = home.run(&["onboard", "shop", "--api", url]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains(&format!("no API in the registry answers at {url}")), "{}", said.stderr);

    home.ok(&["onboard", "shop", "--api", "ordersapi1"]);
    let known = home.ok(&["onboard", "shop", "--api", url]);
    assert!(known.stdout.contains("already_onboarded"), "{}", known.stdout);
    let why = home.ok(&["explain", url]);
    assert!(why.stdout.starts_with("orders (111122223333/eu-west-1/ordersapi1)"), "{}", why.stdout);
}

#[test]
fn a_stage_that_was_not_selected_stays_out_until_it_is() {
    let api = RestApi::new("orders").id("ordersapi1").stage("dev").stage("prod").stage("test");
    let (sim, home) = open(shop::world().rest(ACCOUNT, REGION, api));
    home.ok(&["onboard", "shop", "--api", "ordersapi1", "--stage", "prod"]);
    assert_eq!(stages(&home.json(&["apis"])[0]), ["prod"]);

    home.ok(&["onboard", "shop"]);
    assert_eq!(stages(&home.json(&["apis"])[0]), ["prod"], "the schedule's own run leaves it so");
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM deliveries"), 2);
    let why = home.ok(&["explain", "ordersapi1"]).stdout;
    assert!(why.contains("stages left out: dev, test"), "{why}");

    sim.reset_counts();
    home.ok(&["onboard", "shop", "--api", "ordersapi1", "--stage", "dev", "--stage", "prod"]);
    assert_eq!(stages(&home.json(&["apis"])[0]), ["dev", "prod"]);
    assert!(listings(&sim.log()).is_empty());
    let added = count(&home.registry(), "SELECT count(*) FROM deliveries WHERE event = 'api.instance_added'");
    assert_eq!(added, 2, "each target hears of the new address, and of nothing else");
}

#[test]
fn an_api_that_does_not_exist_fails_with_a_sentence() {
    let (_sim, home) = open(shop::stocked());
    let said = home.run(&["onboard", "shop", "--api", "nosuchapi1"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("no API nosuchapi1 in the scope of shop"), "{}", said.stdout);

    let report = home.json(&["onboard", "shop", "--api", "nosuchapi1", "--api", "ordersapi1"]);
    assert_eq!((&report["outcome"], &report["error"]["kind"]), (&"failed".into(), &"api_not_found".into()), "{report}");
    assert_eq!(onboarded(&home), ["ordersapi1"], "the one that exists goes all the same");
}

#[test]
fn a_stage_that_does_not_exist_leaves_the_api_out_and_says_so() {
    let (_sim, home) = open(shop::stocked());
    let said = home.run(&["onboard", "shop", "--api", "ordersapi1", "--stage", "prdo"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("excluded") && said.stdout.contains("no_matching_stage"), "{}", said.stdout);
    assert_eq!(onboarded(&home), [""; 0]);
}

#[test]
fn an_ignored_api_stays_out_even_when_it_is_named_and_says_so() {
    let (_sim, home) = unchosen(shop::stocked());
    home.ok(&["onboard", "shop"]);
    home.ok(&["ignore", "ordersapi1", "--reason", "a test"]);
    let said = home.ok(&["onboard", "shop", "--api", "ordersapi1"]);
    assert!(said.stdout.contains("ignored"), "{}", said.stdout);
    assert!(
        said.stdout.contains("ordersapi1 stays out because it is ignored; `aboard unignore"),
        "it says what would let it in: {}",
        said.stdout
    );
    assert_eq!(onboarded(&home), [""; 0]);
    home.ok(&["unignore", "ordersapi1"]);
    home.ok(&["onboard", "shop", "--api", "ordersapi1"]);
    assert_eq!(onboarded(&home), ["ordersapi1"]);
}

#[test]
fn an_account_or_region_outside_of_the_scope_is_refused_by_name() {
    let (sim, home) = open(shop::stocked());
    for (words, expected) in [
        (&["--account", "999988887777"][..], "account 999988887777 is not in the scope of shop"),
        (&["--api", "us-east-1/ordersapi1"], "region us-east-1 is not in the scope of shop"),
        (&["--api", "999988887777/eu-west-1/ordersapi1"], "account 999988887777 is not in the scope of shop"),
    ] {
        let said = home.run(&[&["onboard", "shop"], words].concat());
        assert_eq!(said.code, Some(1), "{words:?}: {said:?}");
        assert!(said.stdout.contains(expected), "{words:?}: {}", said.stdout);
    }
    assert_eq!(sim.counts().of_region(ACCOUNT, "us-east-1"), 0);
    assert_eq!(onboarded(&home), [""; 0]);
}

#[test]
fn a_region_that_the_file_does_not_name_is_refused_before_a_run_begins() {
    let (sim, home) = open(shop::stocked());
    let said = home.run(&["onboard", "shop", "--region", "us-east-1"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("shop does not look at region us-east-1, only at eu-west-1"), "{said:?}");
    assert_eq!(home.run(&["onboard", "--all", "--region", "us-east-1"]).code, Some(2));
    assert_eq!(sim.counts().calls, 0);
    assert!(!home.registry().exists());
}

#[test]
fn one_account_and_region_can_be_looked_at_alone() {
    let world = shop::stocked().rest(ACCOUNT, "eu-west-2", rest("reports", "reportsap1"));
    let (sim, home) = open_with(world, &schedules(r#"regions = ["eu-west-1", "eu-west-2"]"#));
    home.ok(&["onboard", "shop", "--account", ACCOUNT, "--region", "eu-west-2"]);
    assert_eq!(onboarded(&home), ["reportsap1"]);
    assert_eq!(sim.counts().of_region(ACCOUNT, REGION), 0);
}

#[test]
fn an_ambiguous_name_lists_what_it_could_be_and_does_nothing() {
    let world = shop::stocked().rest(ACCOUNT, "eu-west-2", rest("orders-two", "ordersapi1"));
    let (sim, home) = open_with(world, &schedules(r#"regions = ["eu-west-1", "eu-west-2"]"#));
    home.ok(&["onboard", "shop"]);
    sim.reset_counts();
    for words in [
        &["explain", "ordersapi1"][..],
        &["ignore", "ordersapi1", "--reason", "a test"],
        &["onboard", "shop", "--api", "ordersapi1"],
    ] {
        let said = home.run(words);
        assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
        for expected in [
            "ordersapi1 names 2 APIs",
            "111122223333/eu-west-1/ordersapi1  orders\n",
            "eu-west-2/ordersapi1  orders-two\n",
        ] {
            assert!(said.stderr.contains(expected), "{words:?}: {}", said.stderr);
        }
    }
    assert_eq!(sim.counts().calls, 0);
    home.ok(&["ignore", "eu-west-2/ordersapi1", "--reason", "a test"]);
    home.ok(&["onboard", "shop", "--api", "ordersapi1", "--region", "eu-west-2"]);
}

#[test]
fn the_same_api_named_twice_is_onboarded_once() {
    let (_sim, home) = unchosen(shop::stocked());
    let twice = [
        "onboard",
        "shop",
        "--api",
        "ordersapi1",
        "--api",
        "https://ordersapi1.execute-api.eu-west-1.amazonaws.com/prod",
    ];
    home.ok(&twice);
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM deliveries"), 2);
}

#[test]
fn a_name_that_is_none_is_refused_before_anything_is_asked() {
    let (sim, home) = open(shop::stocked());
    for name in ["orders-api", "a/b/c/d", "arn:aws:s3:::bucket", ""] {
        let said = home.run(&["onboard", "shop", "--api", name]);
        assert_eq!(said.code, Some(2), "{name}: {said:?}");
        assert!(said.stderr.contains("ARN"), "{name}: {}", said.stderr);
    }
    assert_eq!(sim.counts().calls, 0);
}

#[test]
fn several_connections_may_be_asked_for_one_api() {
    let world = shop::stocked().http(ACCOUNT, "eu-west-2", HttpApi::new("reports").id("reportsap1").stage("$default"));
    let file = format!(
        "{}{}{}",
        shop::targets(),
        connection("one", r#"regions = ["eu-west-1"]"#),
        connection("two", r#"regions = ["eu-west-2"]"#)
    );
    let (_sim, home) = open_with(world, &file);
    let said = home.run(&["onboard", "--all", "--api", "reportsap1"]);
    assert_eq!(said.code, Some(3), "it is with one of them only: {said:?}");
    assert_eq!(onboarded(&home), ["reportsap1"]);
}

#[test]
fn a_stage_that_is_not_there_is_said_and_changes_nothing() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    let said = home.run(&["onboard", "shop", "--api", "ordersapi1", "--stage", "nope"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("no deployed stage named nope") && said.stdout.contains("prod"), "{said:?}");
    let why = home.ok(&["explain", "ordersapi1"]).stdout;
    assert!(!why.contains("today's rules"), "{why}");
}

#[test]
fn a_named_api_that_was_deleted_in_aws_is_not_reported_as_done() {
    let (sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    sim.change(|world| world.region(ACCOUNT, REGION).remove("ordersapi1"));
    let said = home.run(&["onboard", "shop", "--api", "ordersapi1"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("no API ordersapi1"), "{said:?}");
    let why = home.ok(&["explain", "ordersapi1"]).stdout;
    assert!(!why.contains("could not look at its scope"), "{why}");
}
