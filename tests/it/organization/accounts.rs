//! Which accounts of an organization are looked at.

use aboard_simulator::{Account, AccountFields, AccountState, Operation, RestApi};

use super::{MANAGEMENT, MEMBERS, child, open, organization, rows, rows_of, schedules};
use crate::support::Home;
use crate::support::shop::count;

const REGION: &str = "regions = [\"eu-west-1\"]";
const SKIP: &str = "management_account = \"skip\"";

/// The accounts that a report has rows of.
fn accounts(report: &serde_json::Value) -> Vec<String> {
    let mut accounts: Vec<String> = rows(report).iter().map(|row| row.split_once(' ').unwrap().0.to_owned()).collect();
    accounts.dedup();
    accounts
}

#[test]
fn every_account_is_entered_and_named_and_each_api_is_registered_once() {
    let (_sim, home) = open(organization(), "regions = [\"eu-west-1\", \"eu-west-2\"]", SKIP);
    let report = home.json(&["onboard", "org"]);
    assert_eq!(report["outcome"], "succeeded", "{report}");
    assert_eq!(accounts(&report), MEMBERS);
    assert_eq!(report["scopes"][0]["account_name"], "account-444455556666");
    assert_eq!(report["apis"][0]["account_name"], "account-444455556666");
    assert_eq!(report["counts"]["onboard"], 6);
    assert_eq!(home.json(&["onboard", "org"])["counts"]["onboard"], 0);
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'"), 6);
}

#[test]
fn the_state_is_read_from_whichever_member_tells_it_and_an_account_without_one_is_tried() {
    for (fields, not_tried) in [
        (AccountFields::StateAndStatus, 1),
        (AccountFields::State, 1),
        (AccountFields::Status, 1),
        (AccountFields::Neither, 0),
    ] {
        let world =
            organization().account(Account::new(MEMBERS[1]).state(AccountState::Suspended)).account_fields(fields);
        let (sim, home) = open(world, REGION, SKIP);
        let report = home.json(&["discover", "org"]);
        let suspended = rows(&report).iter().filter(|row| row.ends_with("- - account_suspended *")).count();
        assert_eq!(suspended, not_tried, "{fields:?}: {report}");
        let tried = sim.counts().of(Operation::AssumeRole);
        assert_eq!(tried, 1 + 3 - not_tried as u64, "{fields:?}: what is suspended is not tried");
    }
}

#[test]
fn suspended_and_pending_accounts_are_told_and_make_no_run_less_than_succeeded() {
    let world = organization()
        .account(Account::new(MEMBERS[0]).state(AccountState::PendingActivation))
        .account(Account::new(MEMBERS[1]).state(AccountState::PendingClosure));
    let (_sim, home) = open(world, REGION, SKIP);
    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let report = said.json();
    assert_eq!(rows_of(&report, MEMBERS[0]), ["- - account_suspended *"]);
    assert!(report["scopes"][0]["cause"].as_str().unwrap().contains("PENDING_ACTIVATION"), "{report}");
    assert_eq!(rows_of(&report, MEMBERS[1]), ["- - account_suspended *"]);
}

#[test]
fn accounts_are_chosen_by_id() {
    let keys = format!("{SKIP}\naccounts = {{ include = [\"444455556666\", \"5555*\"], exclude = [\"*7777\"] }}");
    let (_sim, home) = open(organization(), REGION, &keys);
    assert_eq!(accounts(&home.json(&["discover", "org"])), [MEMBERS[0]]);
}

#[test]
fn an_organizational_unit_means_all_that_is_below_it() {
    let world = organization().account(Account::new(MEMBERS[0]).organizational_unit("ou-abcd-11112222")).account(
        Account::new(MEMBERS[1]).organizational_unit("ou-abcd-11112222").organizational_unit("ou-abcd-33334444"),
    );
    let keys = "accounts = { organizational_units = [\"ou-abcd-11112222\"] }";
    let (_sim, home) = open(world, REGION, keys);
    assert_eq!(accounts(&home.json(&["discover", "org"])), [MEMBERS[0], MEMBERS[1]]);
}

#[test]
fn where_aws_tells_no_paths_the_run_fails_and_says_so_rather_than_look_at_nothing() {
    let keys = "accounts = { organizational_units = [\"ou-abcd-11112222\"] }";
    let (_sim, home) = open(organization().without_paths(), REGION, keys);
    let said = home.run(&["onboard", "org"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("organizational_units cannot be applied: AWS gave no Paths for 4 of 4"), "{said:?}");
    assert!(said.stdout.contains("accounts.include"), "{said:?}");
}

#[test]
fn one_account_or_region_may_be_asked_for_and_nothing_else_is_entered() {
    let (sim, home) = open(organization(), "", SKIP);
    let report = home.json(&["onboard", "org", "--account", MEMBERS[1], "--region", "eu-west-2"]);
    assert_eq!(
        rows(&report),
        [format!("{} eu-west-2 rest complete", MEMBERS[1]), format!("{} eu-west-2 http complete", MEMBERS[1]),]
    );
    let counts = sim.counts();
    assert_eq!((counts.of(Operation::AssumeRole), counts.of(Operation::ListRegions)), (2, 0));
    let said = home.run(&["onboard", "org", "--account", "999999999999"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("account 999999999999 is not in the scope of org"), "{said:?}");
}

#[test]
fn one_api_of_an_organization_is_onboarded_by_name_without_entering_the_others() {
    let world = organization().rest(MEMBERS[2], "eu-west-2", RestApi::new("named").id("namedapi01").stage("prod"));
    let (sim, home) = open(world, "", "");
    let named = format!("{}/eu-west-2/namedapi01", MEMBERS[2]);
    let report = home.json(&["onboard", "org", "--api", &named]);
    assert_eq!((&report["outcome"], &report["counts"]["onboard"]), (&"succeeded".into(), &1.into()), "{report}");
    assert_eq!(sim.counts().of(Operation::AssumeRole), 2);
}

#[test]
fn a_delegated_administrator_may_list_and_another_account_may_not() {
    let member = MEMBERS[0];
    let central = format!("arn:aws:iam::{member}:role/AboardCentralRole");
    let world = || organization().role(aboard_simulator::Role::new(&central)).user("AKIAMEMBERMEMBERMEMB", member);
    for (world, code) in [(world().delegated_administrator(member), 0), (world(), 1)] {
        let (_sim, home) = open(world, REGION, SKIP);
        let text = std::fs::read_to_string(home.path("schedules.toml")).unwrap();
        home.write("schedules.toml", &text.replace(super::CENTRAL, &central));
        let said = home.run(&["onboard", "org"]);
        assert_eq!(said.code, Some(code), "{said:?}");
        assert_eq!(said.stdout.contains("delegated administrators may list accounts"), code == 1, "{said:?}");
    }
    let (_sim, home) = open(
        aboard_simulator::World::new().user(super::KEY, MANAGEMENT).role(aboard_simulator::Role::new(super::CENTRAL)),
        REGION,
        "",
    );
    let said = home.run(&["onboard", "org"]);
    assert!(said.stdout.contains("in no organization; use assume_role"), "{said:?}");
}

#[test]
fn a_choice_that_no_account_meets_is_said_as_such_by_runs_and_by_the_test() {
    for keys in
        ["accounts = { include = [\"999999999999\"] }", "accounts = { organizational_units = [\"ou-abcd-99999999\"] }"]
    {
        let (_sim, home) = open(organization(), REGION, keys);
        for command in ["onboard", "test"] {
            let said = home.run(&[command, "org"]);
            assert_eq!(said.code, Some(1), "{said:?}");
            let sentence = "no account is in scope: of the organization's 4 accounts the file chooses none";
            assert!(said.stdout.contains(sentence) && said.stdout.contains("accounts.include"), "{said:?}");
        }
    }
}

#[test]
fn an_only_account_that_left_is_told_and_its_apis_are_held() {
    let keys = format!("{SKIP}\naccounts = {{ include = [\"{}\", \"{MANAGEMENT}\"] }}", MEMBERS[0]);
    let (sim, home) = open(organization(), REGION, &keys.replace(SKIP, ""));
    home.run(&["onboard", "org"]);
    sim.change(|world| world.remove_account(MEMBERS[0]));
    let report = home.json(&["onboard", "org"]);
    let rows = rows_of(&report, MEMBERS[0]);
    assert_eq!(rows, ["- - account_suspended *", "eu-west-1 rest account_suspended *"], "{report}");
}

/// Whether `apis` and `coverage` call an account unwatched, which they do alike.
fn unwatched(home: &Home, account: &str) -> bool {
    let marks = |command: &str| {
        let list = home.json(&[command, "--account", account]);
        let marks: Vec<bool> = list.as_array().unwrap().iter().map(|one| one["unwatched"].as_bool().unwrap()).collect();
        assert!(!marks.is_empty() && marks.iter().all(|mark| *mark == marks[0]), "{command} {list}");
        marks[0]
    };
    let (apis, coverage) = (marks("apis"), marks("coverage"));
    assert_eq!(apis, coverage, "of {account}");
    apis
}

#[test]
fn an_account_that_is_left_out_is_unwatched_in_apis_as_in_coverage() {
    let unit = |account: &str, unit: &str| Account::new(account).organizational_unit(unit);
    let world = MEMBERS.iter().fold(organization(), |world, member| {
        world.account(unit(member, if *member == MEMBERS[0] { "ou-abcd-11112222" } else { "ou-abcd-33334444" }))
    });
    let (_sim, home) = open(world, REGION, SKIP);
    home.ok(&["onboard", "org"]);
    let marks = |role: &str, keys: &str| {
        home.write("schedules.toml", &schedules(keys, &format!("{SKIP}\n{role}")));
        MEMBERS.map(|member| unwatched(&home, member))
    };
    assert_eq!(marks("", REGION), [false; 3]);
    let excluded = format!("accounts = {{ exclude = [\"{}\"] }}", MEMBERS[0]);
    assert_eq!(marks(&excluded, REGION), [true, false, false]);
    let included = format!("accounts = {{ include = [\"{}\"] }}", MEMBERS[0]);
    assert_eq!(marks(&included, REGION), [false, true, true]);
    assert_eq!(marks("", "regions = [\"all\", \"!eu-*\"]"), [true; 3]);
    // What is in a unit only AWS knows, so a run must have been there.
    let units = "accounts = { organizational_units = [\"ou-abcd-11112222\"] }";
    assert_eq!(marks(units, REGION), [false; 3]);
    home.ok(&["onboard", "org"]);
    assert_eq!(marks(units, REGION), [false, true, true]);
    home.write("schedules.toml", &schedules(REGION, SKIP));
    home.ok(&["onboard", "org"]);
    assert_eq!(marks("", REGION), [false; 3]);
}

#[test]
fn an_account_that_cannot_be_entered_is_watched_all_the_same() {
    let (sim, home) = open(organization(), REGION, SKIP);
    home.ok(&["onboard", "org"]);
    sim.change(|world| world.remove_role(&child(MEMBERS[0])));
    assert_eq!(home.run(&["onboard", "org"]).code, Some(3));
    assert!(!unwatched(&home, MEMBERS[0]));
}
