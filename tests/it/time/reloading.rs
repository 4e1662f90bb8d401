//! The schedule file changes at the worst moments: right after a due instant, while an hour is passed for the second time, while
//! runs are in flight, and while the worker is down.

use aboard::registry::{Outcome, Trigger};
use chrono::{DateTime, TimeDelta, Utc};
use nix::sys::signal::Signal;

use super::{ARMED, OVER, Timed, at, file};
use crate::reload::{NEVER, hash};
use crate::support::{LONG, Running};

/// A worker that looks at its file only when it is told to.
fn start(timed: &Timed) -> Running {
    let mut command = timed.home.command(&["-v", "run"]);
    command.env("ABOARD_WATCH", NEVER);
    let mut worker = Running::start(timed.clock.given(command));
    worker.wait_until_said(ARMED);
    worker
}

/// Writes the file and has it taken over.
fn reload(timed: &Timed, worker: &mut Running, text: &str) {
    timed.home.write("schedules.toml", text);
    worker.signal(Signal::SIGHUP);
    worker.wait_until_said(&hash(text));
}

fn daily(time: &str, zone: &str) -> String {
    format!("frequency = \"daily\"\ntime = \"{time}\"\ntimezone = \"{zone}\"")
}

/// Just before an instant, so that it comes by itself.
fn come_to(timed: &Timed, instant: DateTime<Utc>) {
    timed.clock.set(instant - TimeDelta::milliseconds(300));
}

fn sorted(mut fates: Vec<String>) -> Vec<String> {
    fates.sort();
    fates
}

#[test]
fn a_reload_fifty_milliseconds_after_a_due_instant_loses_no_run_and_doubles_none() {
    let text = |first: &str, regions: &str, trial: i64| {
        let (first, nine) = (daily(first, "UTC"), daily("09:00", "UTC"));
        // Not due in these days.
        let other = "frequency = \"monthly\"\nday = 15\ntime = \"09:00\"\ntimezone = \"UTC\"";
        let text = file(&[("first", &first), ("other", other), ("second", &nine)]);
        let (before, other) = text.split_once("[connections.other]").unwrap();
        format!("{before}[connections.other]{}# {trial}\n", other.replacen("[\"eu-west-1\"]", regions, 1))
    };
    let one = "[\"eu-west-1\"]";
    let timed = Timed::new("2026-11-22T21:00:00Z", &text("09:00", one, -1));
    let mut worker = start(&timed);
    let mut expected = Vec::new();
    for trial in 0..10 {
        let due = at("2026-11-23T09:00:00Z") + TimeDelta::days(trial);
        let changed = match trial % 3 {
            0 => text("09:00", one, trial),
            // Its own schedule: what had come by the old one is served all the same, and what the new one names lies in the past.
            1 => text("08:59", one, trial),
            _ => text("09:00", "[\"eu-west-1\", \"eu-west-2\"]", trial),
        };
        timed.home.write("schedules.toml", &changed);
        worker.take_said();
        come_to(&timed, due);
        while timed.clock.now() < due + TimeDelta::milliseconds(50) {
            std::thread::yield_now();
        }
        worker.signal(Signal::SIGHUP);
        worker.wait_until_said(&hash(&changed));
        let taken = timed.clock.now();
        assert!(taken < due + TimeDelta::seconds(30), "trial {trial}: the reload took until {taken}");
        worker.wait_until_said_times(OVER, 2);
        expected.extend(["first", "second"].map(|name| format!("{name} {} run", due.format("%Y-%m-%dT%H:%M:%SZ"))));
        // As it was, for the next trial.
        reload(&timed, &mut worker, &text("09:00", one, trial + 100));
    }
    worker.stop();
    assert_eq!(sorted(timed.fates()), sorted(expected));
    timed.every_fate_run_has_one_run();
}

/// New York on 1 November 2026: half past one comes at 05:30 UTC and once more at 06:30. Between 01:10 and 01:30 of the second pass
/// something happens to the worker; nothing of that day runs again. `later` is the fates of the day after, once the clock has come to
/// `next`.
fn the_second_pass_runs_nothing(happens: impl FnOnce(&Timed, Running, &str) -> Running, next: &str, later: [&str; 2]) {
    let (zone, cron) = ("America/New_York", "cron = \"30 1 * * *\"\ntimezone = \"America/New_York\"");
    let (night, witness) = (daily("01:30", zone), daily("06:55", "UTC"));
    let text = file(&[("cron", cron), ("night", &night), ("witness", &witness)]);
    let timed = Timed::new("2026-11-01T05:00:00Z", &text);
    let mut worker = start(&timed);
    come_to(&timed, at("2026-11-01T05:30:00Z"));
    worker.wait_until_said_times(OVER, 2);
    timed.clock.set(at("2026-11-01T06:10:00Z"));
    let mut worker = happens(&timed, worker, &text);
    worker.take_said();
    come_to(&timed, at("2026-11-01T06:30:00Z"));
    worker.wait_until_said("the clock jumped by");
    // A quarter to two passes here as well.
    come_to(&timed, at("2026-11-01T06:55:00Z"));
    worker.wait_until_said(OVER);
    come_to(&timed, at(next));
    worker.wait_until_said_times(OVER, 3);
    worker.stop();
    let that_day =
        ["cron 2026-11-01T05:30:00Z run", "night 2026-11-01T05:30:00Z run", "witness 2026-11-01T06:55:00Z run"];
    let expected = that_day.into_iter().chain(later).map(str::to_owned).collect();
    assert_eq!(sorted(timed.fates()), sorted(expected));
    timed.every_fate_run_has_one_run();
}

const DAY_AFTER: &str = "2026-11-02T06:30:00Z";
const BOTH_RUN: [&str; 2] = ["cron 2026-11-02T06:30:00Z run", "night 2026-11-02T06:30:00Z run"];

#[test]
fn a_reload_in_the_second_pass_of_an_hour_runs_nothing_again() {
    let another = |timed: &Timed, mut worker: Running, text: &str| {
        // Another connection changes, so that the file is swapped and not only read.
        reload(timed, &mut worker, &text.replace("timezone = \"UTC\"", "timezone = \"UTC\"\nretry_failed = [\"1h\"]"));
        worker
    };
    the_second_pass_runs_nothing(another, DAY_AFTER, BOTH_RUN);
}

#[test]
fn a_restart_in_the_second_pass_of_an_hour_runs_nothing_again() {
    let again = |timed: &Timed, worker: Running, _: &str| {
        worker.stop();
        start(timed)
    };
    the_second_pass_runs_nothing(again, DAY_AFTER, BOTH_RUN);
}

#[test]
fn a_schedule_that_is_changed_in_the_second_pass_to_a_time_of_that_hour_begins_the_day_after() {
    let changed = |timed: &Timed, mut worker: Running, text: &str| {
        reload(timed, &mut worker, &text.replace("time = \"01:30\"", "time = \"01:45\""));
        worker
    };
    let later = ["cron 2026-11-02T06:30:00Z caught_up", "night 2026-11-02T06:45:00Z run"];
    the_second_pass_runs_nothing(changed, "2026-11-02T06:45:00Z", later);
}

const MONDAY: &str = "2026-11-23T09:00:00Z";

/// Three are due at nine and one may run at a time: the first is in the middle of its run, the others wait.
fn in_the_middle_of_a_run(connections: &[(&str, &str)]) -> (Timed, Running) {
    let text = file(connections).replace("parallel_runs = 8", "parallel_runs = 1");
    let timed = Timed::new("2026-11-23T08:50:00Z", &text);
    let worker = start(&timed);
    // After some of the run's scopes.
    timed.sim.hold_at(6);
    come_to(&timed, at(MONDAY));
    assert!(timed.sim.wait_until_held(LONG));
    (timed, worker)
}

fn one_at_a_time(connections: &[(&str, &str)]) -> String {
    file(connections).replace("parallel_runs = 8", "parallel_runs = 1")
}

#[test]
fn a_worker_that_is_killed_and_finds_another_file_loses_nothing_and_runs_nothing_twice() {
    let (nine, ten) = (daily("09:00", "UTC"), daily("10:00", "UTC"));
    let (timed, worker) = in_the_middle_of_a_run(&[("changed", &nine), ("gone", &nine), ("stays", &nine)]);
    (worker.killer())();
    assert!(worker.end().was_killed());
    timed.sim.release();
    let new = one_at_a_time(&[("added", &nine), ("changed", &ten), ("stays", &nine)]);
    timed.home.write("schedules.toml", &new);
    // Two more days have passed at nine and at ten.
    timed.clock.set(at("2026-11-25T12:00:00Z"));
    let mut worker = start(&timed);
    worker.wait_until_said_times(OVER, 2);
    // What the new file says counts from now on.
    come_to(&timed, at("2026-11-26T09:00:00Z"));
    worker.wait_until_said_times(OVER, 4);
    come_to(&timed, at("2026-11-26T10:00:00Z"));
    worker.wait_until_said_times(OVER, 5);
    worker.stop();
    let expected = [
        "added 2026-11-26T09:00:00Z run",
        // By the old file it was due twice more, which is caught up once; by the new one nothing was due before it was there.
        "changed 2026-11-23T09:00:00Z run",
        "changed 2026-11-24T09:00:00Z missed (superseded)",
        "changed 2026-11-25T09:00:00Z caught_up",
        "changed 2026-11-26T10:00:00Z run",
        "gone 2026-11-23T09:00:00Z skipped (disabled)",
        "gone 2026-11-24T09:00:00Z skipped (disabled)",
        "gone 2026-11-25T09:00:00Z skipped (disabled)",
        "stays 2026-11-23T09:00:00Z missed (superseded)",
        "stays 2026-11-24T09:00:00Z missed (superseded)",
        "stays 2026-11-25T09:00:00Z caught_up",
        "stays 2026-11-26T09:00:00Z run",
    ];
    assert_eq!(sorted(timed.fates()), expected);
    timed.every_fate_run_has_one_run();
    assert!(timed.home.book().open_dues().unwrap().is_empty());
    let of_changed: Vec<_> = timed.home.runs().into_iter().filter(|run| run.connection == "changed").collect();
    let told: Vec<_> = of_changed.iter().map(|run| (run.trigger, run.outcome)).collect();
    let expected = [
        (Trigger::Schedule, Outcome::Interrupted),
        (Trigger::CatchUp, Outcome::Succeeded),
        (Trigger::Schedule, Outcome::Succeeded),
    ];
    assert_eq!(told, expected, "{of_changed:#?}");
    timed.home.must_have_onboarded_once(3, &[], "another file");
}

#[test]
fn a_schedule_that_was_changed_while_the_worker_was_down_owes_nothing_by_its_new_time_from_before() {
    let (nine, ten) = (daily("09:00", "UTC"), daily("10:00", "UTC"));
    let timed = Timed::new("2026-11-23T08:50:00Z", &file(&[("changed", &nine), ("stays", &nine)]));
    start(&timed).stop();
    timed.home.write("schedules.toml", &file(&[("added", &nine), ("changed", &ten), ("stays", &nine)]));
    timed.clock.set(at("2026-11-25T12:00:00Z"));
    let mut worker = start(&timed);
    worker.wait_until_said_times(OVER, 2);
    come_to(&timed, at("2026-11-26T09:00:00Z"));
    worker.wait_until_said_times(OVER, 4);
    worker.stop();
    let expected = [
        "added 2026-11-26T09:00:00Z run",
        // What the old one made due is caught up once.
        "changed 2026-11-23T09:00:00Z missed (superseded)",
        "changed 2026-11-24T09:00:00Z missed (superseded)",
        "changed 2026-11-25T09:00:00Z caught_up",
        "stays 2026-11-23T09:00:00Z missed (superseded)",
        "stays 2026-11-24T09:00:00Z missed (superseded)",
        "stays 2026-11-25T09:00:00Z caught_up",
        "stays 2026-11-26T09:00:00Z run",
    ];
    assert_eq!(sorted(timed.fates()), expected);
}

#[test]
fn a_connection_that_is_removed_in_the_middle_of_its_run_finishes_it_and_keeps_its_history() {
    let nine = daily("09:00", "UTC");
    let all = file(&[("first", &nine), ("gone", &nine), ("last", &nine)]);
    let without = file(&[("first", &nine), ("last", &nine)]);
    let timed = Timed::new("2026-11-23T08:50:00Z", &all);
    let mut worker = start(&timed);
    timed.sim.hold_at(1);
    come_to(&timed, at(MONDAY));
    assert!(timed.sim.wait_until_held(LONG));
    timed.home.write("schedules.toml", &without);
    let said = timed.home.ok(&["reload", "--wait"]);
    assert!(said.stdout.contains("removed gone"), "{said:?}");
    let health = timed.home.json(&["health"]);
    let running: Vec<&str> =
        health["running"].as_array().unwrap().iter().filter_map(|run| run["connection"].as_str()).collect();
    assert_eq!(running, ["first", "gone", "last"], "{health}");
    timed.sim.release();
    worker.wait_until_said_times(OVER, 3);
    come_to(&timed, at("2026-11-24T09:00:00Z"));
    worker.wait_until_said_times(OVER, 5);
    // Back again, it owes nothing for the time in which it was not there.
    timed.home.write("schedules.toml", &all);
    timed.home.ok(&["reload", "--wait"]);
    come_to(&timed, at("2026-11-25T09:00:00Z"));
    worker.wait_until_said_times(OVER, 8);
    worker.stop();
    let expected = [
        "first 2026-11-23T09:00:00Z run",
        "first 2026-11-24T09:00:00Z run",
        "first 2026-11-25T09:00:00Z run",
        "gone 2026-11-23T09:00:00Z run",
        "gone 2026-11-25T09:00:00Z run",
        "last 2026-11-23T09:00:00Z run",
        "last 2026-11-24T09:00:00Z run",
        "last 2026-11-25T09:00:00Z run",
    ];
    assert_eq!(sorted(timed.fates()), expected);
    timed.every_fate_run_has_one_run();
    let runs = timed.home.runs();
    assert!(runs.iter().all(|run| run.outcome == Outcome::Succeeded), "{runs:#?}");
    timed.home.must_have_onboarded_once(3, &[], "removed in flight");
}

#[test]
fn a_connection_that_is_removed_while_its_run_waits_for_its_turn_is_skipped() {
    let nine = daily("09:00", "UTC");
    let (timed, mut worker) = in_the_middle_of_a_run(&[("first", &nine), ("gone", &nine), ("last", &nine)]);
    timed.home.write("schedules.toml", &one_at_a_time(&[("first", &nine), ("last", &nine)]));
    timed.home.ok(&["reload", "--wait"]);
    timed.sim.release();
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    let expected = [
        "first 2026-11-23T09:00:00Z run",
        "gone 2026-11-23T09:00:00Z skipped (disabled)",
        "last 2026-11-23T09:00:00Z run",
    ];
    assert_eq!(sorted(timed.fates()), expected);
    timed.every_fate_run_has_one_run();
}
