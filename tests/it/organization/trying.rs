//! `test` of a central role: every account, with failures grouped by cause.

use aboard_simulator::{Failure, Fault, Operation, Service};

use super::{MANAGEMENT, MEMBERS, child, open, organization};

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
