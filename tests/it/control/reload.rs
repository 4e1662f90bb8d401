//! `aboard reload`, and what health says of a file that is not in force.

use super::Beside;
use crate::reload::NEVER;
use crate::support::Running;
use crate::support::shop::{self, connection, schedules};

const REGION: &str = r#"regions = ["eu-west-1"]"#;

/// A worker that does not notice by itself that its file has changed.
fn inattentive(connections: usize) -> Beside {
    let more = (1..connections).map(|number| connection(&format!("more{number}"), REGION)).collect::<String>();
    let (sim, home) = shop::open_with(shop::stocked(), &(schedules(REGION) + &more));
    let mut command = home.command(&["-v", "run"]);
    command.env("ABOARD_WATCH", NEVER);
    let mut worker = Running::start(command);
    worker.wait_until_said("following");
    Beside { sim, home, worker }
}

#[test]
fn a_reload_says_what_changed_and_a_bad_file_what_is_wrong() {
    let beside = inattentive(1);
    let unchanged = beside.ok(&["reload", "--wait"]);
    assert!(unchanged.stdout.contains("in force already"), "{unchanged:?}");

    beside.home.write("schedules.toml", &(schedules(REGION) + &connection("twin", REGION)));
    let applied = beside.ok(&["reload", "--wait"]);
    assert!(applied.stdout.contains("added twin"), "{applied:?}");
    let rows = beside.ok(&["-o", "json", "audit", "--limit", "1"]).json();
    let me = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name;
    assert_eq!((&rows[0]["action"], &rows[0]["actor"]), (&"reloaded".into(), &me.into()), "{rows}");
    assert!(beside.ok(&["health"]).stdout.contains("2 connections"));

    beside.home.write("schedules.toml", &schedules("regoins = []"));
    let rejected = beside.run(&["reload", "--wait"]);
    assert_eq!((rejected.code, rejected.stdout.as_str()), (Some(2), ""), "{rejected:?}");
    assert!(rejected.stderr.contains("regoins") && rejected.stderr.contains("is not taken over"), "{rejected:?}");
    let report = beside.run(&["-o", "json", "reload", "--wait"]);
    assert_eq!((report.code, &report.json()["result"]), (Some(2), &"rejected".into()), "{report:?}");
    let health = beside.run(&["health"]);
    assert_eq!(health.code, Some(3), "{health:?}");
    assert!(health.stdout.starts_with("degraded: ") && health.stdout.contains("regoins"), "{health:?}");
    let registry = beside.home.registry();
    let registry = registry.to_str().unwrap();
    beside.ok(&["--registry", registry, "onboard", "twin"]);

    beside.home.write("schedules.toml", &schedules(REGION));
    assert_eq!(beside.ok(&["-q", "reload"]).stdout, "", "told, and not waited for");
    assert_eq!(beside.ok(&["-o", "json", "reload"]).json()["result"], "told");
    let cured = beside.ok(&["reload", "--wait"]);
    assert!(cured.stdout.contains("in force"), "{cured:?}");
    beside.stop();
}

#[test]
fn most_connections_go_only_where_that_is_meant() {
    let beside = inattentive(5);
    beside.home.write("schedules.toml", &schedules(REGION));
    let held = beside.run(&["reload", "--wait"]);
    assert_eq!(held.code, Some(2), "{held:?}");
    assert!(held.stderr.contains("--accept"), "{held:?}");
    let accepted = beside.ok(&["reload", "--wait", "--accept"]);
    assert!(accepted.stdout.contains("removed more1"), "{accepted:?}");
    beside.stop();
}

#[test]
fn a_command_right_after_an_edit_goes_by_the_edited_file() {
    let beside = inattentive(1);
    beside.home.write("schedules.toml", &(schedules(REGION) + &connection("twin", REGION)));
    let said = beside.ok(&["onboard", "twin"]);
    assert_eq!(said.stderr, "", "{said:?}");
    beside.stop();
}

#[test]
fn a_file_that_the_worker_does_not_take_over_is_said_before_its_command() {
    let beside = inattentive(5);
    beside.home.write("schedules.toml", &schedules(REGION));
    let said = beside.ok(&["onboard", "more1"]);
    assert!(said.stderr.contains("the worker goes on by what it had"), "{said:?}");
    assert_eq!(beside.run(&["health"]).code, Some(3));
    beside.ok(&["reload", "--wait", "--accept"]);
    beside.stop();
}

#[test]
fn there_is_nothing_to_reload_without_a_worker() {
    let (_sim, home) = shop::open(shop::stocked());
    let said = home.run(&["reload", "--wait"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("no worker is running on"), "{said:?}");
}
