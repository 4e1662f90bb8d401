//! What goes wrong in one account, and what the others make of it.

use aboard_simulator::{Failure, Fault, Fleet, Operation, Role, Service, Simulator, World};
use std::time::Duration;

use super::{MEMBERS, child, open, organization, row_of, rows, rows_of};
use crate::support::{Home, shop};

const REGION: &str = "regions = [\"eu-west-1\"]";
const SKIP: &str = "management_account = \"skip\"";

#[test]
fn an_account_without_the_role_and_one_that_wants_another_external_id_fail_alone() {
    let world = organization()
        .without_role(&child(MEMBERS[0]))
        .role(Role::new(child(MEMBERS[1])).external_id("another"))
        .role(Role::new(child(MEMBERS[2])).external_id("ours"));
    let (_sim, home) = open(world, REGION, &format!("{SKIP}\nchild_external_id = \"ours\""));
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let report = said.json();
    assert_eq!(report["outcome"], "partial");
    for account in &MEMBERS[..2] {
        let row = row_of(&report, account);
        assert_eq!(
            (&row["region"], &row["family"], &row["state"]),
            (&().into(), &().into(), &"credentials_failed".into())
        );
        let hint = row["hint"].as_str().unwrap();
        assert!(hint.contains(&child(account)) && hint.contains("external id"), "{hint}");
    }
    assert_eq!(rows_of(&report, MEMBERS[2]), ["eu-west-1 rest complete", "eu-west-1 http complete"]);
    assert_eq!(report["counts"]["onboard"], 1);
}

#[test]
fn what_a_service_control_policy_denies_is_explained_in_all_regions_and_an_alarm_where_the_region_was_named() {
    let denied =
        |service| Fault::new(Failure::AccessDeniedByScp).service(service).account(MEMBERS[0]).region("eu-west-2");
    let world = || organization().fault(denied(Service::Rest)).fault(denied(Service::Http));
    let (_sim, home) = open(world(), "", SKIP);
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let expected = [
        "eu-west-1 rest complete",
        "eu-west-1 http complete",
        "eu-west-2 rest denied_by_scp *",
        "eu-west-2 http denied_by_scp *",
    ];
    assert_eq!(rows_of(&said.json(), MEMBERS[0]), expected);
    let (_sim, home) = open(world(), "regions = [\"eu-west-2\"]", SKIP);
    assert_eq!(home.run(&["onboard", "org"]).code, Some(3));
}

#[test]
fn a_known_hole_is_no_alarm_until_its_last_day() {
    let hole = |until: &str| {
        format!(
            "{SKIP}\n[[connections.org.expected]]\naccounts = [\"{}\"]\nstates = [\"credentials_failed\"]\nreason = \"a sandbox\"\nuntil = {until}",
            MEMBERS[0]
        )
    };
    for (until, code, row) in
        [("2999-01-01", 0, "- - credentials_failed *"), ("2026-01-01", 3, "- - credentials_failed")]
    {
        let (_sim, home) = open(organization().without_role(&child(MEMBERS[0])), REGION, &hole(until));
        let said = home.run(&["-o", "json", "onboard", "org"]);
        assert_eq!(said.code, Some(code), "{said:?}");
        assert_eq!(rows_of(&said.json(), MEMBERS[0]), [row]);
    }
}

#[test]
fn of_five_hundred_accounts_thirty_that_deny_make_a_run_partial_and_nothing_less_than_that() {
    let denied = |world: World, index: usize| {
        world.fault(Fault::new(Failure::AccessDenied).service(Service::Rest).account(Fleet::account_id(index)))
    };
    let world = (100..130).fold(World::fleet(500, 1, 1, 0, 1), denied);
    let sim = Simulator::start(world);
    let fleet = |more: &str| {
        format!(
            r#"{}
[connections.org]
regions = ["eu-west-1"]
[connections.org.credentials.central_role]
role_arn = "{}"
child_role_name = "{}"
source = {{ aws_user = {{ access_key_id = "{}", secret_access_key = "env:SECRET" }} }}
{more}
"#,
            shop::targets(),
            Fleet::central_role_arn(),
            Fleet::CHILD_ROLE,
            Fleet::access_key(0)
        )
    };
    let home = Home::new(&sim.url(), &fleet(""));
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(3), "{:?}", said.stderr);
    let report = said.json();
    assert_eq!(report["outcome"], "partial");
    let count = |state: &str| rows(&report).iter().filter(|row| row.contains(state)).count();
    assert_eq!((count("rest complete"), count("rest access_denied"), count("http complete")), (470, 30, 500));
    assert_eq!(report["counts"]["onboard"], 470);

    home.write(
        "schedules.toml",
        &fleet(
            "[[connections.org.expected]]\naccounts = [\"10000000010?\", \"10000000011?\", \"10000000012?\"]\n\
             states = [\"access_denied\"]\nreason = \"not ours\"\nuntil = 2999-01-01",
        ),
    );
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!((said.code, &said.json()["outcome"]), (Some(0), &"succeeded".into()), "{:?}", said.stderr);
}

#[test]
fn a_session_that_ends_in_the_middle_of_a_listing_is_renewed_and_the_listing_goes_on_where_it_was() {
    let sim = Simulator::start(
        World::fleet(30, 1, 1_100, 0, 0)
            .fault(
                Fault::new(Failure::ExpiredToken)
                    .on(Operation::GetRestApis)
                    .account(Fleet::account_id(3))
                    .skip(1)
                    .times(1),
            )
            .fault(Fault::new(Failure::ExpiredToken).on(Operation::ListAccounts).skip(1).times(1))
            .fault(
                Fault::new(Failure::ExpiredToken)
                    .on(Operation::AssumeRole)
                    .about(format!("arn:aws:iam::{}:role/{}", Fleet::account_id(7), Fleet::CHILD_ROLE))
                    .times(1),
            ),
    );
    let accounts = format!("accounts = {{ include = [\"{}\", \"{}\"] }}", Fleet::account_id(3), Fleet::account_id(7));
    let text = super::schedules(REGION, &accounts)
        .replace(super::CENTRAL, &Fleet::central_role_arn())
        .replace(super::KEY, &Fleet::access_key(0));
    let home = Home::new(&sim.url(), &text);
    let report = home.json(&["discover", "org"]);
    assert_eq!(report["outcome"], "succeeded", "{}", report["scopes"]);
    assert_eq!(report["counts"]["seen"], 2_200);
    let counts = sim.counts();
    // The first page is not asked for again.
    assert_eq!(counts.of(Operation::GetRestApis), 2 * 3 + 1);
    assert_eq!(counts.of(Operation::ListAccounts), 2 + 1);
    // Once each, and once more for the central role (twice), for account 3, and for account 7.
    assert_eq!(counts.of(Operation::AssumeRole), 3 + 2 + 1 + 1);
}

/// Dates and specifications of what is registered.
fn comes_after_the_looks(operation: Option<Operation>) -> bool {
    matches!(operation, Some(Operation::RestGetDeployment | Operation::GetExport | Operation::ExportApi))
}

#[test]
fn an_account_whose_quota_others_use_up_holds_up_no_other() {
    let world = organization().fault(Fault::new(Failure::TooManyRequests).service(Service::Rest).account(MEMBERS[1]));
    let (sim, home) = open(world, REGION, SKIP);
    let begun = std::time::Instant::now();
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let report = said.json();
    assert_eq!(rows_of(&report, MEMBERS[1]), ["eu-west-1 rest throttled", "eu-west-1 http complete"]);
    assert_eq!(report["counts"]["onboard"], 2);
    let log: Vec<_> = sim.log().into_iter().filter(|call| !comes_after_the_looks(call.operation)).collect();
    let last = |account: &str| log.iter().rposition(|call| call.account == account).unwrap();
    assert!(
        last(MEMBERS[0]) < last(MEMBERS[1]) && last(MEMBERS[2]) < last(MEMBERS[1]),
        "the others were done before it"
    );
    assert!(begun.elapsed() < Duration::from_mins(2));
}

#[test]
fn an_organization_that_cannot_be_listed_fails_the_run_and_takes_nothing_away() {
    let (sim, home) = open(organization(), REGION, SKIP);
    home.ok(&["onboard", "org"]);
    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::ListAccounts));
    let said = home.run(&["onboard", "org"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("organizations:ListAccounts"), "{said:?}");
    assert_eq!(shop::count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'"), 3);
}

#[test]
fn an_empty_page_with_a_token_is_not_the_end_of_the_accounts() {
    let sim = Simulator::start(World::fleet(45, 1, 0, 0, 0));
    let text = super::schedules(REGION, SKIP)
        .replace(super::CENTRAL, &Fleet::central_role_arn())
        .replace(super::KEY, &Fleet::access_key(0));
    let home = Home::new(&sim.url(), &text);
    sim.fault(Fault::new(Failure::EmptyPageWithToken).on(Operation::ListAccounts).skip(1).times(1));
    let report = home.json(&["discover", "org"]);
    assert_eq!(report["scopes"].as_array().unwrap().len(), 2 * 44, "{}", report["error"]);
    sim.fault(Fault::new(Failure::RepeatedToken).on(Operation::ListAccounts));
    let said = home.run(&["discover", "org"]);
    assert!(said.stdout.contains("the same page token came twice"), "{said:?}");
}
