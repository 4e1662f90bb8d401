//! `regions = ["all"]`: the regions that each account has switched on.

use aboard_simulator::{Failure, Fault, Operation, RestApi, Service, World};

use super::{MEMBERS, open, organization, rows_of};
use crate::support::shop::{self, ACCOUNT, KEY, connection, open_with, rest};

const SKIP: &str = "management_account = \"skip\"";

#[test]
fn a_central_role_looks_everywhere_by_default_and_each_account_has_regions_of_its_own() {
    let world = organization().disabled_region(MEMBERS[0], "eu-west-2");
    let (sim, home) = open(world, "", SKIP);
    let report = home.json(&["onboard", "org"]);
    assert_eq!(rows_of(&report, MEMBERS[0]), ["eu-west-1 rest complete", "eu-west-1 http complete"]);
    assert_eq!(rows_of(&report, MEMBERS[1]).len(), 4);
    assert_eq!(sim.counts().of(Operation::ListRegions), 3, "once an account");
}

#[test]
fn regions_are_left_out_by_glob() {
    let (_sim, home) = open(organization(), "regions = [\"all\", \"!eu-west-2\", \"!us-*\"]", SKIP);
    let report = home.json(&["discover", "org"]);
    assert_eq!(rows_of(&report, MEMBERS[0]), ["eu-west-1 rest complete", "eu-west-1 http complete"]);
}

fn everywhere() -> String {
    format!("{}{}", shop::targets(), connection("shop", "regions = [\"all\"]"))
}

/// Two regions with an API each, in an account that has no more of them switched on.
fn world() -> World {
    let world = shop::world().enabled_regions(["eu-west-1", "us-east-1"]);
    let world = world.rest(ACCOUNT, "eu-west-1", rest("orders", "ordersapi1"));
    world.rest(ACCOUNT, "us-east-1", RestApi::new("returns").id("returnsapi").stage("prod"))
}

#[test]
fn where_regions_may_not_be_listed_each_is_tried_and_one_that_is_off_is_told_from_one_that_denies() {
    let off: Vec<String> =
        aboard::config::regions::known("aws").iter().filter(|region| region.starts_with("ap-")).cloned().collect();
    let world = off.iter().fold(world().list_regions_denied(), |world, region| world.disabled_region(ACCOUNT, region));
    let denied = |service| Fault::new(Failure::AccessDenied).service(service).region("eu-west-2");
    let (sim, home) = open_with(world.fault(denied(Service::Rest)).fault(denied(Service::Http)), &everywhere());
    let report = home.json(&["onboard", "shop"]);
    let rows = rows_of(&report, ACCOUNT);
    assert!(!rows.iter().any(|row| row.starts_with("ap-")), "{rows:?}");
    assert!(rows.contains(&"eu-west-2 rest access_denied".to_owned()), "{rows:?}");
    let known = aboard::config::regions::known("aws").len();
    assert_eq!(rows.len(), 2 * (known - off.len()), "{rows:?}");
    assert_eq!(report["counts"]["onboard"], 2);
    // Who the caller is, and each region once.
    assert_eq!(sim.counts().of(Operation::GetCallerIdentity), 1 + known as u64);
    let said = home.run(&["test", "shop"]).stdout;
    assert!(said.contains("note  list the account's regions: ListRegions"), "{said}");
}

#[test]
fn what_was_known_in_a_region_that_was_switched_off_since_is_held_and_explained() {
    let (sim, home) = open_with(world(), &everywhere());
    home.ok(&["onboard", "shop"]);
    sim.change(|world| world.set_region_disabled(ACCOUNT, "us-east-1", true));
    let said = home.run(&["-o", "json", "onboard", "shop"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let rows = rows_of(&said.json(), ACCOUNT);
    assert!(rows.contains(&"us-east-1 rest region_disabled *".to_owned()), "{rows:?}");
    let why = home.json(&["explain", "returnsapi"]);
    assert_eq!((&why["api"]["state"], &why["api"]["reason"]), (&"onboarded".into(), &"scope_failed".into()), "{why}");
    sim.change(|world| world.set_region_disabled(ACCOUNT, "us-east-1", false));
    assert_eq!(home.json(&["onboard", "shop"])["counts"]["already_onboarded"], 2);
}

#[test]
fn a_region_without_the_http_family_is_unsupported_and_no_alarm_whichever_way_it_says_so() {
    for failure in [Failure::MalformedBadRequest, Failure::HttpApisNotAvailable] {
        let fault = Fault::new(failure).service(Service::Http).region("us-east-1");
        let (_sim, home) = open_with(world().fault(fault), &everywhere());
        let said = home.run(&["-o", "json", "onboard", "shop"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let rows = rows_of(&said.json(), ACCOUNT);
        assert!(rows.contains(&"us-east-1 http unsupported *".to_owned()), "{rows:?}");
    }
}

#[test]
fn the_regions_are_those_of_the_partition_that_the_key_is_of() {
    let world = World::new().partition("aws-cn").user(KEY, ACCOUNT).enabled_regions(["cn-north-1"]);
    let (_sim, home) = open_with(world.rest(ACCOUNT, "cn-north-1", rest("orders", "ordersapi1")), &everywhere());
    let report = home.json(&["onboard", "shop"]);
    assert_eq!(rows_of(&report, ACCOUNT), ["cn-north-1 rest complete", "cn-north-1 http complete"]);
    assert_eq!(
        report["apis"][0]["instances"][0]["url"],
        "https://ordersapi1.execute-api.cn-north-1.amazonaws.com.cn/prod"
    );
    // Account Management is not everywhere: there the regions are tried one by one.
    let world = World::new().partition("aws-us-gov").user(KEY, ACCOUNT).disabled_region(ACCOUNT, "us-gov-east-1");
    let (sim, home) = open_with(world, &everywhere());
    let report = home.json(&["discover", "shop"]);
    assert_eq!(rows_of(&report, ACCOUNT), ["us-gov-west-1 rest complete", "us-gov-west-1 http complete"]);
    assert_eq!(sim.counts().of(Operation::ListRegions), 0);
}

#[test]
fn a_region_that_no_list_names_yet_is_looked_at_again_when_regions_cannot_be_listed_for_once() {
    let world = shop::world().enabled_regions(["eu-west-1", "eu-north-9"]);
    let world = world.rest(ACCOUNT, "eu-north-9", rest("orders", "ordersapi1"));
    let (sim, home) = open_with(world, &everywhere());
    assert_eq!(home.json(&["onboard", "shop"])["counts"]["onboard"], 1);
    sim.fault(Fault::new(Failure::ServerError(500)).on(Operation::ListRegions));
    let report = home.json(&["onboard", "shop"]);
    assert_eq!((&report["outcome"], &report["counts"]["already_onboarded"]), (&"succeeded".into(), &1.into()));
    let notes = report["scopes"].to_string();
    assert!(notes.contains("the account's regions could not be listed, so those known by name were tried"), "{notes}");
}

#[test]
fn a_service_that_does_not_answer_is_not_asked_by_each_account_anew() {
    let (sim, home) = open(organization(), "", SKIP);
    let text = std::fs::read_to_string(home.path("schedules.toml")).unwrap();
    home.write("schedules.toml", &text.replace("[limits]", "[limits]\naccounts_in_flight = 1"));
    sim.fault(Fault::new(Failure::ServerError(500)).on(Operation::ListRegions));
    let report = home.json(&["discover", "org"]);
    assert_eq!(report["outcome"], "succeeded", "{report}");
    assert_eq!(sim.counts().of(Operation::ListRegions), 5, "the attempts of one account");
}
