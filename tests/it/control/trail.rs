//! Pauses, and who did what.

use chrono::TimeDelta;
use serde_json::Value;

use super::Beside;
use crate::support::Home;
use crate::support::shop;
use crate::time::{OVER, Timed, at, file};

fn trail(home: &Home, words: &[&str]) -> Vec<Value> {
    let words: Vec<&str> = ["-o", "json", "audit"].into_iter().chain(words.iter().copied()).collect();
    home.ok(&words).json().as_array().unwrap().clone()
}

fn deeds(rows: &[Value]) -> Vec<String> {
    let deed =
        |row: &Value| format!("{} {}", row["action"].as_str().unwrap(), row["connection"].as_str().unwrap_or("-"));
    rows.iter().rev().map(deed).filter(|deed| !deed.starts_with("started")).collect()
}

const DEEDS: [&[&str]; 7] = [
    &["discover", "shop"],
    &["onboard", "shop", "--region", "eu-west-1"],
    &["ignore", "ordersapi1", "--reason", "a sandbox"],
    &["unignore", "ordersapi1"],
    &["pause", "shop", "--note", "a move"],
    &["resume", "--all"],
    &["approve", "shop"],
];

#[test]
fn who_did_what_is_written_down_with_and_without_a_worker() {
    let (_sim, alone) = shop::open(shop::stocked());
    let beside = Beside::new(shop::stocked());
    for words in DEEDS {
        alone.ok(words);
        beside.ok(words);
    }
    let me = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name;
    for home in [&alone, &beside.home] {
        let rows = trail(home, &[]);
        assert_eq!(
            deeds(&rows),
            ["manual_run shop", "ignored -", "unignored -", "paused shop", "resumed -"],
            "what only looked, or changed nothing, is no deed"
        );
        assert!(rows.iter().all(|row| row["actor"] == *me || row["actor"] == "worker"), "{rows:#?}");
        let run = rows.iter().find(|row| row["action"] == "manual_run").unwrap();
        assert_eq!((&run["detail"]["asked"]["region"], &run["detail"]["run_id"]), (&"eu-west-1".into(), &1.into()));
        assert_eq!(deeds(&trail(home, &["--connection", "shop"])), ["manual_run shop", "paused shop"]);
        assert_eq!(deeds(&trail(home, &["--limit", "1"])), ["resumed -"]);
        assert_eq!(trail(home, &["--since", "2999-01-01"]), [] as [Value; 0]);
        let text = home.ok(&["audit", "--since", "1h"]).stdout;
        assert!(text.contains("note: a move") && text.contains("reason: a sandbox"), "{text}");
        let csv = home.ok(&["-o", "csv", "audit"]).stdout;
        assert_eq!(csv.lines().next(), Some("at,actor,action,connection,detail"));
    }
    beside.stop();
}

#[test]
fn an_approval_is_written_down_with_its_run() {
    let schedules = shop::schedules(r#"regions = ["eu-west-1"]"#) + &shop::auto_onboard("max_new = 1\nenabled = false");
    let (sim, home) = shop::open_with(shop::stocked(), &schedules);
    let beside = Beside::in_home(sim, home);
    assert_eq!(beside.run(&["onboard", "shop"]).code, Some(3));
    beside.ok(&["approve", "shop"]);
    let rows = trail(&beside.home, &["--limit", "1"]);
    assert_eq!((&rows[0]["action"], &rows[0]["detail"]["run_id"]), (&"approved".into(), &2.into()), "{rows:#?}");
    beside.stop();
}

#[test]
fn a_pause_holds_the_running_workers_schedule_and_resume_lets_it_go_on() {
    let weekly = "day = \"monday\"\ntime = \"09:00\"\ntimezone = \"Europe/London\"";
    let timed = Timed::new("2026-11-21T15:00:00Z", &file(&[("shop", weekly)]));
    let mut worker = timed.start();
    let said = |words: &[&str]| {
        let command = timed.home.command(words);
        crate::support::Said::of(timed.clock.given(command).output().unwrap())
    };
    let paused = said(&["pause", "shop", "--note", "freeze"]);
    assert_eq!(paused.stdout, "shop: paused until `aboard resume`: freeze\n", "{paused:?}");
    timed.clock.set(at("2026-11-23T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said("a due instant does not run");
    assert_eq!(said(&["resume", "shop"]).stdout, "shop: goes on with its next due instant\n");
    timed.clock.set(at("2026-11-30T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z skipped (paused)", "shop 2026-11-30T09:00:00Z run"]);
}
