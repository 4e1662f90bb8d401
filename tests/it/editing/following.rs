//! A worker that is running follows what commands edit, at once and without a restart.

use std::fs;

use serde_json::json;

use crate::reload::NEVER;
use crate::support::shop::{self, connection, open_with};
use crate::support::{Home, Running, Said};
use crate::time::{ARMED, OVER, Timed, at, file};

const REGION: &str = "regions = [\"eu-west-1\"]";

/// Mondays at this time in London, which is UTC then.
fn mondays(time: &str) -> String {
    format!("day = \"monday\"\ntime = \"{time}\"\ntimezone = \"Europe/London\"\n")
}

/// A worker that does not notice by itself that its file has changed.
fn inattentive(home: &Home, words: &[&str]) -> Running {
    let mut command = home.command(words);
    command.env("ABOARD_WATCH", NEVER);
    let mut worker = Running::start(command);
    worker.wait_until_said(ARMED);
    worker
}

fn many(names: &[&str]) -> String {
    names.iter().map(|name| connection(name, REGION)).collect()
}

#[test]
fn a_schedule_that_is_switched_on_moved_and_switched_off_runs_by_what_it_says_then() {
    let off = format!("enabled = false\n{}", mondays("09:00"));
    let timed = Timed::new("2026-11-21T15:00:00Z", &file(&[("billing", &mondays("10:00")), ("shop", &off)]));
    let mut command = timed.home.command(&["-v", "run"]);
    command.env("ABOARD_WATCH", NEVER);
    let mut worker = Running::start(timed.clock.given(command));
    worker.wait_until_said(ARMED);
    let edit = |words: &[&str]| {
        let said = Said::of(timed.clock.given(timed.home.command(words)).output().unwrap());
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
        assert!(said.stdout.ends_with("the running worker follows it: +0 ~1 -0 =1\n"), "{said:?}");
    };
    edit(&["schedule", "enable", "shop"]);
    edit(&["schedule", "set", "shop", "--time", "09:30"]);
    timed.clock.set(at("2026-11-23T09:29:59.700Z"));
    worker.wait_until_said_times(OVER, 1);
    edit(&["schedule", "disable", "shop", "--yes"]);
    timed.clock.set(at("2026-11-23T09:59:59.700Z"));
    worker.wait_until_said_times(OVER, 2);
    timed.clock.set(at("2026-11-30T09:59:59.700Z"));
    worker.wait_until_said_times(OVER, 3);
    worker.stop();
    let ran: Vec<String> = timed.fates().into_iter().filter(|fate| fate.ends_with(" run")).collect();
    assert_eq!(
        ran,
        ["shop 2026-11-23T09:30:00Z run", "billing 2026-11-23T10:00:00Z run", "billing 2026-11-30T10:00:00Z run"]
    );
}

#[test]
fn a_connection_that_is_added_or_removed_counts_at_once() {
    let (_sim, home) = open_with(shop::stocked(), &shop::schedules(REGION));
    let worker = inattentive(&home, &["-v", "run"]);
    let add = ["--regions", "eu-west-1", "--access-key-id", shop::KEY, "--secret-access-key", "env:SECRET"];
    // From another folder, where the worker's name for its file leads nowhere.
    let path = home.path("schedules.toml");
    let mut command = home.command(&["--config", path.to_str().unwrap(), "connection", "add", "second"]);
    let said = Said::of(command.args(add).current_dir("/").output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.stdout.ends_with("the running worker follows it: +1 ~0 -0 =1\n"), "{said:?}");
    assert!(home.ok(&["health"]).stdout.contains("2 connections"));
    home.ok(&["onboard", "second"]);

    let removed = home.json(&["connection", "remove", "second", "--yes"]);
    let worker_said = &removed["worker"];
    assert_eq!((&worker_said["told"], &worker_said["result"]), (&json!(true), &json!("applied")), "{removed}");
    assert_eq!(worker_said["diff"]["removed"], json!(["second"]), "{removed}");
    assert!(home.ok(&["health"]).stdout.contains("1 connection,"));
    let gone = home.run(&["onboard", "second"]);
    assert!(gone.code == Some(2) && gone.stderr.contains("no connection named second"), "{gone:?}");

    let rows = home.json(&["audit", "--limit", "2"]);
    let me = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name;
    for (row, action) in rows.as_array().unwrap().iter().zip(["reloaded", "edited"]) {
        assert_eq!((&row["action"], &row["actor"]), (&json!(action), &json!(me)), "{rows}");
    }
    assert_eq!(rows[0]["detail"]["trigger"], "edit", "{rows}");
    assert_eq!(rows[0]["detail"]["hash"], rows[1]["detail"]["hash"], "{rows}");
    worker.stop();
}

#[test]
fn what_a_person_removes_by_name_needs_no_accept_up_to_the_last() {
    let names = ["a", "b", "c", "d", "e"];
    let (_sim, home) = open_with(shop::stocked(), &many(&names));
    let worker = inattentive(&home, &["-v", "run"]);
    for (index, name) in names.iter().enumerate() {
        let said = home.ok(&["connection", "remove", name, "--yes"]);
        let left = names.len() - index - 1;
        assert!(said.stdout.ends_with(&format!("the running worker follows it: +0 ~0 -1 ={left}\n")), "{said:?}");
    }
    assert_eq!(fs::read_to_string(home.path("schedules.toml")).unwrap().trim(), "", "nothing is left in the file");
    assert!(home.ok(&["health"]).stdout.contains("0 connections"));
    worker.stop();
}

#[test]
fn an_edit_does_not_accept_what_somebody_else_removed() {
    let names = ["a", "b", "c", "d", "shop"];
    let (_sim, home) = open_with(shop::stocked(), &many(&names));
    let worker = inattentive(&home, &["-v", "run"]);
    home.write("schedules.toml", &many(&["shop"]));
    let set = ["schedule", "set", "shop", "--cron", "0 3 * * *", "--timezone", "UTC"];
    let held = home.run(&set);
    assert_eq!(held.code, Some(2), "{held:?}");
    for part in [
        "would remove 4 of 5 connections",
        "aboard reload --accept",
        "schedules.toml is written, and the running worker does not take it over",
    ] {
        assert!(held.stderr.contains(part), "`{part}` is not in {held:?}");
    }
    assert!(fs::read_to_string(home.path("schedules.toml")).unwrap().contains("cron = \"0 3 * * *\""));
    assert!(home.run(&["health"]).stdout.contains("5 connections"));
    let document = home.json(&["schedule", "disable", "shop", "--yes"]);
    assert_eq!(document["worker"]["result"], "needs_accept", "{document}");
    home.ok(&["reload", "--wait", "--accept"]);
    let said = home.ok(&["schedule", "enable", "shop"]);
    assert!(said.stdout.ends_with("the running worker follows it: +0 ~1 -0 =0\n"), "{said:?}");
    worker.stop();
}

#[test]
fn a_worker_of_another_file_is_not_told() {
    let (_sim, home) = open_with(shop::stocked(), &shop::schedules(REGION));
    let worker = inattentive(&home, &["-v", "run"]);
    home.write("other.toml", &shop::schedules(REGION));
    let words = ["--config", "other.toml", "schedule", "set", "shop", "--cron", "0 3 * * *", "--timezone", "UTC"];
    let said = home.ok(&words);
    assert!(said.stderr.contains("schedules.toml, not other.toml, and was not told"), "{said:?}");
    assert!(!said.stdout.contains("running worker"), "{said:?}");
    let document = home.json(&["--config", "other.toml", "schedule", "disable", "shop", "--yes"]);
    assert_eq!(document["worker"]["told"], json!(false), "{document}");
    assert!(document["worker"]["follows"].as_str().unwrap().ends_with("/schedules.toml"), "{document}");
    assert!(home.ok(&["health"]).stdout.contains("0 schedules"));
    worker.stop();
    let document = home.json(&["--config", "other.toml", "schedule", "enable", "shop"]);
    assert_eq!((&document["changed"], &document["worker"]), (&json!(true), &json!(null)), "{document}");
}

#[test]
fn a_worker_that_does_not_answer_keeps_no_edit_from_being_written() {
    let (_sim, home) = open_with(shop::stocked(), &shop::schedules(REGION));
    let worker = inattentive(&home, &["-v", "run"]);
    let socket = home.path("aboard.db-control.sock");
    fs::rename(&socket, home.path("elsewhere.sock")).unwrap();
    let said = home.ok(&["schedule", "set", "shop", "--cron", "0 3 * * *", "--timezone", "UTC"]);
    assert!(said.stderr.contains("schedules.toml is written, and whether the running worker follows it"), "{said:?}");
    fs::rename(home.path("elsewhere.sock"), &socket).unwrap();
    worker.stop();
}
