//! The management account, into which StackSets deploy no role.

use aboard_simulator::{Failure, Fault, RestApi, Role, Service, World};

use super::{MANAGEMENT, MEMBERS, child, open, organization, row_of, rows_of};

const REGION: &str = "regions = [\"eu-west-1\"]";

/// The management account has an API too.
fn world() -> World {
    organization().rest(MANAGEMENT, "eu-west-1", RestApi::new("billing").stage("prod"))
}

/// The central role may do what the usual template lets it: list accounts and assume roles, but read no API Gateway.
fn bare(world: World) -> World {
    let denied =
        |service| Fault::new(Failure::AccessDenied).service(service).principal("assumed-role/AboardCentralRole/");
    world.fault(denied(Service::Rest)).fault(denied(Service::Http))
}

fn setting(word: &str) -> String {
    format!("management_account = \"{word}\"")
}

#[test]
fn the_two_roles_of_the_usual_templates_make_a_run_that_succeeds() {
    let (_sim, home) = open(bare(world()), REGION, "");
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let report = said.json();
    assert_eq!(report["outcome"], "succeeded");
    assert_eq!(rows_of(&report, MANAGEMENT), ["eu-west-1 rest access_denied *", "eu-west-1 http access_denied *"]);
    assert_eq!(report["counts"]["onboard"], 3);
}

#[test]
fn by_default_the_central_role_stands_in_where_it_may_read() {
    let (_sim, home) = open(world(), REGION, &setting("auto"));
    let report = home.json(&["onboard", "org"]);
    assert_eq!(rows_of(&report, MANAGEMENT), ["eu-west-1 rest complete", "eu-west-1 http complete"]);
    assert_eq!(report["counts"]["onboard"], 4);
}

#[test]
fn by_default_the_child_role_is_used_where_somebody_made_it_by_hand() {
    let (_sim, home) = open(bare(world().role(Role::new(child(MANAGEMENT)))), REGION, "");
    let report = home.json(&["onboard", "org"]);
    assert_eq!(rows_of(&report, MANAGEMENT), ["eu-west-1 rest complete", "eu-west-1 http complete"]);
}

#[test]
fn by_default_a_management_account_that_neither_role_leads_to_is_left_out_and_explained() {
    // The central role lives in a delegated administrator's account.
    let central = format!("arn:aws:iam::{}:role/AboardCentralRole", MEMBERS[0]);
    let world = world().role(Role::new(&central)).delegated_administrator(MEMBERS[0]);
    let (_sim, home) = open(world, REGION, "");
    let text = std::fs::read_to_string(home.path("schedules.toml")).unwrap();
    home.write("schedules.toml", &text.replace(super::CENTRAL, &central));
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let report = said.json();
    assert_eq!(rows_of(&report, MANAGEMENT), ["- - credentials_failed *"]);
    let hint = row_of(&report, MANAGEMENT)["hint"].as_str().unwrap();
    assert!(hint.contains("StackSets never deploy into the management account"), "{hint}");

    home.write("schedules.toml", &(text.replace(super::CENTRAL, &central) + &setting("central_role")));
    let said = home.run(&["-o", "json", "discover", "org"]);
    assert_eq!(said.code, Some(3), "what the file asks for and cannot be is no hole that is meant: {said:?}");
    let row = row_of(&said.json(), MANAGEMENT).clone();
    assert!(row["cause"].as_str().unwrap().contains("is not in the management account"), "{row}");
}

#[test]
fn it_is_entered_by_the_central_role_where_the_file_says_so() {
    let (_sim, home) = open(world(), REGION, &setting("central_role"));
    let report = home.json(&["onboard", "org"]);
    assert_eq!(rows_of(&report, MANAGEMENT), ["eu-west-1 rest complete", "eu-west-1 http complete"]);
    let (_sim, home) = open(bare(world()), REGION, &setting("central_role"));
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(rows_of(&said.json(), MANAGEMENT), ["eu-west-1 rest access_denied", "eu-west-1 http access_denied"]);
}

#[test]
fn it_is_entered_by_the_child_role_or_not_at_all_where_the_file_says_so() {
    let (_sim, home) = open(world(), REGION, &setting("child_role"));
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(rows_of(&said.json(), MANAGEMENT), ["- - credentials_failed"]);
    let (_sim, home) = open(world().role(Role::new(child(MANAGEMENT))), REGION, &setting("child_role"));
    assert_eq!(home.json(&["onboard", "org"])["counts"]["onboard"], 4);
}

#[test]
fn it_is_left_out_where_the_file_says_so() {
    let (_sim, home) = open(world(), REGION, &setting("skip"));
    let report = home.json(&["onboard", "org"]);
    assert_eq!((&report["outcome"], rows_of(&report, MANAGEMENT).len()), (&"succeeded".into(), 0));
}
