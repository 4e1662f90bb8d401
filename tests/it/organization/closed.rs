//! Accounts that are closed or leave: what is known there is held, and gone after 30 days.

use aboard_simulator::{Account, AccountState, Simulator};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{MEMBERS, organization, rows_of, schedules};
use crate::support::clock::Clock;
use crate::support::shop::count;
use crate::support::{Home, Said};

const KEYS: &str = "regions = [\"eu-west-1\"]";
const SKIP: &str = "management_account = \"skip\"";

struct Watched {
    sim: Simulator,
    home: Home,
    clock: Clock,
}

impl Watched {
    /// An organization that was onboarded on the first of December.
    fn new() -> Self {
        let sim = Simulator::start(organization());
        let home = Home::new(&sim.url(), &schedules(KEYS, SKIP));
        let watched = Self { sim, home, clock: Clock::at("2026-12-01T00:00:00Z") };
        assert_eq!(watched.look(0).0["counts"]["onboard"], 3);
        watched
    }

    /// Looks so many days after the first of December.
    fn look(&self, days: i64) -> (Value, Option<i32>) {
        let first: DateTime<Utc> = "2026-12-01T00:00:00Z".parse().unwrap();
        self.clock.set(first + TimeDelta::days(days));
        let command = self.home.command(&["-o", "json", "onboard", "org"]);
        let said = Said::of(self.clock.given(command).output().unwrap());
        (said.json(), said.code)
    }

    fn gone(&self) -> i64 {
        count(&self.home.registry(), "SELECT count(*) FROM apis WHERE state = 'gone'")
    }

    fn reason(&self) -> String {
        let why = self.home.json(&["apis", "--account", MEMBERS[0]]);
        why[0]["reason"].as_str().unwrap().to_owned()
    }
}

#[test]
fn the_apis_of_a_closed_account_are_held_and_gone_after_thirty_days() {
    let watched = Watched::new();
    watched.sim.change(|world| world.set_account_state(MEMBERS[0], AccountState::Closed));
    for days in [7, 14, 36] {
        let (report, code) = watched.look(days);
        assert_eq!((&report["outcome"], code), (&"succeeded".into(), Some(0)), "{report}");
        assert!(rows_of(&report, MEMBERS[0]).contains(&"eu-west-1 rest account_suspended *".to_owned()), "{report}");
        assert_eq!((watched.gone(), watched.reason()), (0, "scope_failed".to_owned()), "day {days}");
    }
    let (report, _) = watched.look(38);
    assert_eq!((watched.gone(), &report["counts"]["gone"]), (1, &1.into()), "{report}");
    assert_eq!(watched.reason(), "account_gone");
    let told = "SELECT count(*) FROM deliveries WHERE event = 'api.gone'";
    assert_eq!(count(&watched.home.registry(), told), 2, "each of the two targets once");
    watched.look(45);
    assert_eq!(count(&watched.home.registry(), told), 2);
}

#[test]
fn an_account_that_left_the_organization_is_treated_like_a_closed_one_and_may_come_back() {
    let watched = Watched::new();
    watched.sim.change(|world| world.remove_account(MEMBERS[0]));
    let (report, code) = watched.look(7);
    assert_eq!(code, Some(0), "{report}");
    let rows = report["scopes"].as_array().unwrap();
    let row = rows.iter().find(|row| row["account_id"] == MEMBERS[0] && row["region"].is_null()).unwrap();
    assert_eq!((&row["state"], &row["explained"]), (&"account_suspended".into(), &true.into()));
    assert_eq!(row["cause"], "the account is not in the organization any more");
    watched.sim.change(|world| world.add_account(Account::new(MEMBERS[0])));
    let (report, _) = watched.look(14);
    assert_eq!(report["counts"]["already_onboarded"], 3, "{report}");
    watched.sim.change(|world| world.remove_account(MEMBERS[0]));
    // It counts from when it left again.
    watched.look(21);
    watched.look(50);
    assert_eq!(watched.gone(), 0);
    watched.look(52);
    assert_eq!(watched.gone(), 1);
}

#[test]
fn an_account_that_the_file_leaves_out_is_no_closed_one() {
    let watched = Watched::new();
    let excluding = format!("{SKIP}\naccounts = {{ exclude = [\"{}\"] }}", MEMBERS[0]);
    watched.home.write("schedules.toml", &schedules(KEYS, &excluding));
    let (report, _) = watched.look(7);
    assert!(rows_of(&report, MEMBERS[0]).is_empty(), "{report}");
    watched.look(60);
    assert_eq!(watched.gone(), 0, "nothing changes for what is in no connection's scope");
}

#[test]
fn another_organization_under_the_same_name_takes_nothing_away() {
    let watched = Watched::new();
    // The central role's account is a delegated administrator of it.
    watched.sim.change(|world| {
        for id in MEMBERS {
            world.remove_account(id);
        }
        world.apply(|world| world.organization("888899990000").delegated_administrator(super::MANAGEMENT));
        world.add_account(Account::new("777788889999"));
    });
    for days in [7, 14, 50, 60] {
        let (report, _) = watched.look(days);
        assert!(rows_of(&report, MEMBERS[0]).is_empty(), "day {days}: {report}");
        assert_eq!(watched.gone(), 0, "day {days}");
    }
}

#[test]
fn the_thirty_days_begin_anew_when_an_account_was_open_in_between_even_if_it_could_not_be_entered() {
    let watched = Watched::new();
    let state = |state| watched.sim.change(|world| world.set_account_state(MEMBERS[0], state));
    state(AccountState::Suspended);
    watched.look(1);
    state(AccountState::Active);
    watched.sim.change(|world| world.remove_role(&super::child(MEMBERS[0])));
    watched.look(2);
    watched.look(40);
    state(AccountState::Suspended);
    watched.look(41);
    assert_eq!(watched.gone(), 0, "it has been closed for a moment");
    watched.look(72);
    assert_eq!(watched.gone(), 1);
}

#[test]
fn what_the_file_left_out_before_it_left_the_organization_stays_as_it_is() {
    let watched = Watched::new();
    let excluding = format!("{SKIP}\naccounts = {{ exclude = [\"{}\"] }}", MEMBERS[0]);
    watched.home.write("schedules.toml", &schedules(KEYS, &excluding));
    watched.look(1);
    watched.sim.change(|world| world.remove_account(MEMBERS[0]));
    for days in [2, 40, 60] {
        let (report, _) = watched.look(days);
        assert!(rows_of(&report, MEMBERS[0]).is_empty(), "{report}");
    }
    assert_eq!(watched.gone(), 0);
}

#[test]
fn an_account_that_another_connection_sees_is_not_gone_whatever_this_ones_organization_says() {
    let watched = Watched::new();
    let other = format!(
        "{}\n[connections.other]\nregions = [\"eu-west-1\"]\n[connections.other.credentials.assume_role]\nrole_arn = \"{}\"\n\
         source = {{ aws_user = {{ access_key_id = \"{}\", secret_access_key = \"env:SECRET\" }} }}\n",
        schedules(KEYS, SKIP),
        super::child(MEMBERS[0]),
        super::KEY
    );
    watched.home.write("schedules.toml", &other);
    watched.sim.change(|world| {
        world.remove_account(MEMBERS[0]);
        world.add_role(aboard_simulator::Role::new(super::child(MEMBERS[0])));
    });
    for days in [1, 20, 32, 33, 40] {
        watched.look(days);
        let command = watched.home.command(&["-o", "json", "onboard", "other"]);
        let said = Said::of(watched.clock.given(command).output().unwrap()).json();
        assert_eq!(
            (&said["outcome"], &said["counts"]["onboard"]),
            (&"succeeded".into(), &0.into()),
            "day {days}: {said}"
        );
    }
    assert_eq!(watched.gone(), 0);
    assert_eq!(count(&watched.home.registry(), "SELECT count(*) FROM deliveries WHERE event <> 'api.onboarded'"), 0);
}

#[test]
fn a_run_that_is_asked_for_one_region_leaves_the_others_of_a_closed_account_alone() {
    let sim = Simulator::start(organization());
    let home = Home::new(&sim.url(), &schedules("regions = [\"eu-west-1\", \"eu-west-2\"]", SKIP));
    home.ok(&["onboard", "org"]);
    sim.change(|world| world.set_account_state(MEMBERS[0], AccountState::Closed));
    let report = home.json(&["onboard", "org", "--region", "eu-west-1"]);
    assert_eq!(rows_of(&report, MEMBERS[0]), ["- - account_suspended *", "eu-west-1 rest account_suspended *"]);
}
