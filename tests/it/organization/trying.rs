//! `test` of a central role: every account, with failures grouped by cause.

use aboard_simulator::{Failure, Fault, Operation, Service, World};

use super::{MANAGEMENT, MEMBERS, child, open, organization};
use crate::support::Home;

const REGION: &str = "regions = [\"eu-west-1\"]";

#[test]
fn every_account_is_tried_and_what_fails_alike_is_one_line() {
    let world = organization()
        .without_role(&child(MEMBERS[0]))
        .without_role(&child(MEMBERS[1]))
        .fault(Fault::new(Failure::AccessDenied).service(Service::Http).account(MEMBERS[2]));
    let (_sim, home) = open(world, REGION, "management_account = \"skip\"");
    let said = home.run(&["test", "org"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let out = &said.stdout;
    for line in [
        "  pass  assume the central role: arn:aws:iam::111122223333:role/AboardCentralRole\n",
        "  pass  list the organization's accounts: 4 accounts, 3 to be looked at\n",
        "  pass  enter the account: 1 account\n",
        "  FAIL  enter the account: 2 accounts: AssumeRole: ",
        "role/AboardChildRole does not exist; its trust policy",
        "        444455556666, 555566667777\n",
        "  pass  list REST APIs in eu-west-1: 1 account\n",
        "  FAIL  list HTTP and WebSocket APIs in eu-west-1: 1 account: GetApis: ",
    ] {
        assert!(out.contains(line), "must say `{line}`:\n{out}");
    }
    let steps = home.json(&["test", "org"])["steps"].as_array().unwrap().clone();
    let entered = steps.iter().filter(|step| step["step"] == "enter the account");
    assert_eq!(entered.count(), 3, "JSON names each account");
}

#[test]
fn holes_that_are_meant_fail_no_test() {
    let hole = format!(
        "[[connections.org.expected]]\naccounts = [\"{}\"]\nstates = [\"credentials_failed\"]\nreason = \"sandbox\"",
        MEMBERS[0]
    );
    let denied =
        |service| Fault::new(Failure::AccessDenied).service(service).principal("assumed-role/AboardCentralRole/");
    let world =
        organization().without_role(&child(MEMBERS[0])).fault(denied(Service::Rest)).fault(denied(Service::Http));
    let (_sim, home) = open(world, REGION, &hole);
    let said = home.run(&["test", "org"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("note  enter the account: 1 account: AssumeRole"), "{said:?}");
    let steps = home.json(&["test", "org"])["steps"].as_array().unwrap().clone();
    let management = steps.iter().find(|step| step["account_id"] == MANAGEMENT && step["step"] == "enter the account");
    assert!(management.unwrap()["detail"].as_str().unwrap().contains("by the central role"), "{management:?}");
}

#[test]
fn where_all_regions_are_meant_each_account_is_tried_in_one() {
    let (sim, home) = open(organization(), "", "management_account = \"skip\"");
    let said = home.ok(&["test", "org"]).stdout;
    assert!(said.contains("pass  list the account's regions: 3 accounts\n"), "{said}");
    assert_eq!(sim.counts().of(Operation::GetRestApis), 3);
}

#[test]
fn an_organization_that_cannot_be_listed_or_entered_is_said_at_that_step() {
    let (sim, home) = open(organization(), REGION, "");
    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::ListAccounts));
    let said = home.run(&["test", "org"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("FAIL  list the organization's accounts: ListAccounts: User: "), "{said:?}");
    sim.clear_faults();
    sim.change(|world| world.remove_role(super::CENTRAL));
    let said = home.run(&["test", "org"]);
    assert!(said.stdout.contains("FAIL  assume the central role: AssumeRole: User: "), "{said:?}");
}

/// An organization in which both families fail alike, in one account or in all, in one region or in each.
fn failing(failure: &Failure, account: Option<&str>, region: Option<&str>) -> World {
    [Service::Rest, Service::Http].into_iter().fold(organization(), |world, service| {
        let fault = Fault::new(failure.clone()).service(service);
        let fault = account.into_iter().fold(fault, Fault::account);
        world.fault(region.into_iter().fold(fault, Fault::region))
    })
}

/// The exit codes of a run and of `test`.
fn both(home: &Home) -> (Option<i32>, Option<i32>) {
    (home.run(&["discover", "org"]).code, home.run(&["test", "org"]).code)
}

const SKIP: &str = "management_account = \"skip\"";

#[test]
fn a_region_that_a_policy_denies_as_is_meant_gives_way_to_the_next() {
    let world = failing(&Failure::AccessDeniedByScp, Some(MEMBERS[0]), Some("eu-west-1"));
    let (sim, home) = open(world, "", SKIP);
    assert_eq!(both(&home), (Some(0), Some(0)));
    let before = sim.counts().of(Operation::GetRestApis);
    let steps = home.json(&["test", "org"])["steps"].as_array().unwrap().clone();
    assert!(sim.counts().of(Operation::GetRestApis) - before <= 4, "one call for the region that is passed over");
    let of = |region: &str| {
        let of = steps.iter().filter(|step| step["account_id"] == MEMBERS[0] && step["region"] == region);
        of.map(|step| step["outcome"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of("eu-west-2")[0], "passed", "the permissions are tried all the same");
    let failed = steps.iter().filter(|step| step["outcome"] == "failed").collect::<Vec<_>>();
    assert!(failed.iter().all(|step| step["explained"] == true && step["needed"] == false), "{failed:?}");
    // What the file names is not explained by itself.
    let world = failing(&Failure::AccessDeniedByScp, Some(MEMBERS[0]), Some("eu-west-1"));
    let (_sim, home) = open(world, "regions = [\"eu-west-1\", \"eu-west-2\"]", SKIP);
    assert_eq!(both(&home), (Some(3), Some(1)));
}

#[test]
fn what_the_file_expects_of_a_region_fails_neither_a_run_nor_a_test() {
    let hole = |state: &str| {
        format!(
            "{SKIP}\n[[connections.org.expected]]\naccounts = [\"{}\"]\nstates = [\"{state}\"]\nreason = \"sandbox\"",
            MEMBERS[0]
        )
    };
    for regions in [REGION, ""] {
        let world = failing(&Failure::AccessDenied, Some(MEMBERS[0]), None);
        let (_sim, home) = open(world, regions, &hole("access_denied"));
        assert_eq!(both(&home), (Some(0), Some(0)), "{regions}");
        let said = home.ok(&["test", "org"]).stdout;
        assert!(said.contains("  note  list REST APIs in eu-west-1: 1 account: GetRestApis: "), "{said}");
        assert!(said.contains(" explained"), "{said}");
        // A hole of another kind, and the same failure elsewhere, are as bad as ever.
        let world = failing(&Failure::AccessDenied, Some(MEMBERS[0]), None);
        let (_sim, home) = open(world, regions, &hole("throttled"));
        assert_eq!(both(&home), (Some(3), Some(1)), "{regions}");
        let world = failing(&Failure::AccessDenied, Some(MEMBERS[1]), None);
        let (_sim, home) = open(world, regions, &hole("access_denied"));
        assert_eq!(both(&home), (Some(3), Some(1)), "{regions}");
    }
}

#[test]
fn where_nothing_at_all_can_be_seen_no_explanation_makes_it_well() {
    let (_sim, home) = open(failing(&Failure::AccessDeniedByScp, None, None), "", SKIP);
    assert_eq!(both(&home), (Some(1), Some(1)));
    let said = home.run(&["test", "org"]).stdout;
    let last = "  FAIL  see any account and region whole: every account and region failed, though each as is meant\n";
    assert!(said.find(last) > said.find("  note  list REST APIs in eu-west-2: 3 accounts"), "{said}");
}

#[test]
fn a_central_role_that_stands_in_may_lack_rights_and_nothing_else() {
    let fault = |failure| Fault::new(failure).service(Service::Rest).principal("assumed-role/AboardCentralRole/");
    let (_sim, home) = open(organization().fault(fault(Failure::AccessDenied)), REGION, "");
    assert_eq!(both(&home), (Some(0), Some(0)));
    let (_sim, home) = open(organization().fault(fault(Failure::AccessDeniedByScp)), REGION, "");
    assert_eq!(both(&home), (Some(3), Some(1)));
}
