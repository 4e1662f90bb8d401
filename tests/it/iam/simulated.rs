//! Pairs that no third-party server judges, denied one by one in the simulator.

use aboard_simulator::{Domain, Failure, Fault, Operation, Simulator};
use serde_json::Value;

use crate::organization;
use crate::support::Home;
use crate::support::shop::{self, ACCOUNT, REGION, schedules};

/// The shop with a public and a private custom domain, both of which lead to its REST API.
fn with_domains() -> Simulator {
    let mapped = |domain: Domain| domain.mapping("shop", "ordersapi1", "prod");
    Simulator::start(
        shop::stocked()
            .domain(
                ACCOUNT,
                REGION,
                mapped(Domain::new("a.example.com").routing_mode("ROUTING_RULE_THEN_BASE_PATH_MAPPING")),
            )
            .domain(ACCOUNT, REGION, mapped(Domain::private("p.example.com", "private001"))),
    )
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["step"] == name)
        .unwrap_or_else(|| panic!("{name} in {report}"))
}

/// Test Connection's exit code and report.
fn tested(sim: &Simulator) -> (Option<i32>, Value) {
    let home = Home::new(&sim.url(), &schedules(r#"regions = ["eu-west-1"]"#));
    let said = home.run(&["-o", "json", "test", "shop"]);
    (said.code, said.json())
}

#[test]
fn without_the_pair_of_private_domains_a_needed_step_fails_and_names_it() {
    let sim = with_domains();
    let (code, report) = tested(&sim);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(step(&report, "read mappings of private custom domains")["outcome"], "passed");

    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetBasePathMappings).about("p.example.com"));
    let (code, report) = tested(&sim);
    assert_eq!(code, Some(1), "{report}");
    let denied = step(&report, "read mappings of private custom domains");
    assert_eq!((&denied["outcome"], &denied["needed"]), (&"failed".into(), &true.into()));
    let resource = "arn:aws:apigateway:eu-west-1:*:/domainnames/p.example.com+private001/basepathmappings";
    assert_eq!(denied["hint"], format!("allow apigateway:GET on {resource}"));
    // What the policy says of it covers that resource.
    let home = Home::new(&sim.url(), &schedules(r#"regions = ["eu-west-1"]"#));
    let policy = home.ok(&["iam", "policy", "shop"]).json();
    let pair = ("apigateway:GET".to_owned(), "arn:aws:apigateway:eu-west-1:*:/domainnames/*+*".to_owned());
    assert!(super::allowed(&policy).contains(&pair), "{policy}");
    assert_eq!(step(&report, "read mappings of custom domains")["outcome"], "passed");
}

#[test]
fn without_the_right_to_list_routing_rules_only_a_capability_is_missing() {
    let sim = with_domains();
    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::ListRoutingRules));
    let (code, report) = tested(&sim);
    assert_eq!(code, Some(0), "{report}");
    let denied = step(&report, "read routing rules of custom domains");
    assert_eq!((&denied["outcome"], &denied["needed"]), (&"failed".into(), &false.into()));
    assert!(denied["hint"].as_str().unwrap().starts_with("allow apigateway:ListRoutingRules on "), "{denied}");
    // A run goes on, and says what it may have missed.
    let home = Home::new(&sim.url(), &schedules(r#"regions = ["eu-west-1"]"#));
    let report = home.json(&["discover", "shop"]);
    assert_eq!(report["outcome"], "succeeded", "{report}");
    assert!(report["scopes"].to_string().contains("addresses of 1 custom domain may be missing"), "{report}");
}

/// What `aboard test` says of one account of an organization, whose role may or may not do something.
fn tested_organization(fault: Fault) -> (Option<i32>, Value) {
    let (sim, home) = organization::open(organization::organization(), "", "management_account = \"skip\"");
    sim.fault(fault);
    let said = home.run(&["-o", "json", "test", "org"]);
    (said.code, said.json())
}

#[test]
fn without_the_right_to_list_accounts_the_step_of_that_name_fails() {
    let (code, report) = tested_organization(Fault::new(Failure::AccessDenied).on(Operation::ListAccounts));
    assert_eq!(code, Some(1), "{report}");
    let denied = step(&report, "list the organization's accounts");
    assert_eq!((&denied["outcome"], &denied["needed"]), (&"failed".into(), &true.into()));
    assert!(denied["hint"].as_str().unwrap().starts_with("allow organizations:ListAccounts on *"), "{denied}");
}

#[test]
fn without_the_right_to_assume_the_child_role_an_account_cannot_be_entered() {
    let role = organization::child(organization::MEMBERS[0]);
    let denied = Fault::new(Failure::AccessDenied).on(Operation::AssumeRole).about(role.as_str());
    let (code, report) = tested_organization(denied);
    assert_eq!(code, Some(1), "{report}");
    let denied = step(&report, "enter the account");
    assert_eq!((&denied["outcome"], &denied["needed"]), (&"failed".into(), &true.into()));
    assert!(denied["hint"].as_str().unwrap().contains(&role), "{denied}");
}

#[test]
fn without_the_right_to_list_regions_each_is_tried_and_nothing_is_missing() {
    let (code, report) = tested_organization(Fault::new(Failure::AccessDenied).on(Operation::ListRegions));
    assert_eq!(code, Some(0), "{report}");
    let denied = step(&report, "list the account's regions");
    assert_eq!((&denied["outcome"], &denied["needed"]), (&"failed".into(), &false.into()));
    assert_eq!(denied["hint"], "allow account:ListRegions on *");
}
