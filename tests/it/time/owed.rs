//! What is owed and what is not, when something comes between an instant and its run.

use std::time::{Duration, Instant};

use aboard::registry::{Outcome, Registry, Trigger};
use chrono::TimeDelta;
use nix::sys::signal::Signal;

use super::{OVER, Timed, at, file};
use crate::support::LONG;

const NINE: &str = "2026-11-23T09:00:00Z";
const DAILY: &str = "frequency = \"daily\"\ntime = \"09:00\"\ntimezone = \"UTC\"";

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONG, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn less_jitter_lets_what_waited_for_it_run_at_once() {
    let schedules = |jitter: &str| file(&[("shop", &format!("{DAILY}\njitter = \"{jitter}\""))]);
    let timed = Timed::new("2026-11-23T08:50:00Z", &schedules("11h"));
    let mut worker = timed.start();
    timed.clock.set(at("2026-11-23T09:00:05Z"));
    worker.wait_until_said("the clock jumped");
    timed.home.write("schedules.toml", &schedules("0s"));
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z run"]);
}

#[test]
fn an_instant_that_finds_a_small_run_by_hand_waits_for_its_end() {
    let timed = Timed::new("2026-11-23T08:50:00Z", &file(&[("shop", DAILY)]));
    let mut worker = timed.start();
    timed.sim.hold_at(1);
    let by_hand = timed.home.start(&["onboard", "shop", "--region", "eu-west-1"]);
    assert!(timed.sim.wait_until_held(Duration::from_secs(30)));
    timed.clock.set(at(NINE) - TimeDelta::milliseconds(300));
    until("the instant has its fate", || !timed.dues().is_empty());
    timed.sim.release();
    assert_eq!(by_hand.end().said.code, Some(0));
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    let told: Vec<_> = timed.home.runs().iter().map(|run| (run.trigger, run.outcome)).collect();
    assert_eq!(told, [(Trigger::Manual, Outcome::Succeeded), (Trigger::Schedule, Outcome::Succeeded)]);
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z run"]);
}

#[test]
fn a_second_look_that_finds_another_run_waits_without_a_word() {
    let timed = Timed::new("2026-11-23T08:50:00Z", &file(&[("shop", &format!("{DAILY}\nretry_failed = [\"15m\"]"))]));
    timed.sim.fault(aboard_simulator::Fault::new(aboard_simulator::Failure::ServerError(500)));
    let mut worker = timed.start();
    timed.clock.set(at(NINE) - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    timed.sim.clear_faults();
    timed.sim.reset_counts();
    timed.sim.hold_at(1);
    let by_hand = timed.home.start(&["onboard", "shop"]);
    assert!(timed.sim.wait_until_held(Duration::from_secs(30)));
    timed.clock.set(at("2026-11-23T09:20:00Z"));
    worker.wait_until_said("the clock jumped");
    // Long enough for a loop without rest to fill a log.
    worker.wait_until_said_or(Duration::from_secs(3), "no such line");
    timed.sim.release();
    assert_eq!(by_hand.end().said.code, Some(0));
    worker.signal(Signal::SIGTERM);
    let said = worker.end().said.stderr;
    assert!(said.lines().count() < 60, "{said}");
}

#[test]
fn what_waits_for_its_turn_rests_while_it_is_paused() {
    let names = ["one", "other", "third"];
    let text = file(&names.map(|name| (name, DAILY))).replace("parallel_runs = 8", "parallel_runs = 1");
    let timed = Timed::new("2026-11-23T08:50:00Z", &text);
    timed.sim.hold_at(1);
    let mut worker = timed.start();
    timed.clock.set(at(NINE) - TimeDelta::milliseconds(300));
    assert!(timed.sim.wait_until_held(Duration::from_secs(30)));
    timed.home.ok(&["pause", "--all"]);
    timed.sim.release();
    worker.wait_until_said(OVER);
    worker.wait_until_said_or(Duration::from_secs(3), "no such line");
    assert_eq!(timed.home.runs().len(), 1, "nobody else begins");
    timed.home.ok(&["resume", "--all"]);
    worker.wait_until_said_times(OVER, 3);
    worker.stop();
    assert!(timed.dues().iter().all(|due| due.fate.as_str() == "run" && due.run_id.is_some()), "{:#?}", timed.dues());
}

#[test]
fn a_restart_judges_what_waited_by_how_late_it_is_now() {
    let (grace, never) = (format!("{DAILY}\nmisfire_grace = \"10m\""), format!("{DAILY}\ncatch_up = \"none\""));
    let text = file(&[("first", DAILY), ("grace", &grace), ("late", DAILY), ("never", &never)]);
    let timed = Timed::new("2026-11-23T08:50:00Z", &text.replace("parallel_runs = 8", "parallel_runs = 1"));
    timed.sim.hold_at(1);
    let worker = timed.start();
    timed.clock.set(at(NINE) - TimeDelta::milliseconds(300));
    assert!(timed.sim.wait_until_held(Duration::from_secs(30)));
    until("every instant has its fate", || timed.dues().len() == 4);
    (worker.killer())();
    timed.sim.release();
    timed.clock.set(at("2026-11-23T12:00:00Z"));
    let mut worker = timed.start();
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    let mut fates = timed.fates();
    fates.sort();
    assert_eq!(
        fates,
        [
            "first 2026-11-23T09:00:00Z run",
            "grace 2026-11-23T09:00:00Z missed (too_late)",
            "late 2026-11-23T09:00:00Z caught_up",
            "never 2026-11-23T09:00:00Z missed (catch_up_off)",
        ]
    );
}

#[test]
fn a_pause_that_began_after_an_instant_does_not_swallow_it() {
    let timed = Timed::new("2026-11-23T08:50:00Z", &file(&[("shop", DAILY)]));
    timed.start().stop();
    timed.clock.set(at("2026-11-23T15:00:00Z"));
    let mut book = Registry::open(&timed.home.registry()).unwrap();
    book.pause(Some("shop"), None, None, "ann", timed.clock.now()).unwrap();
    let mut worker = timed.start();
    until("the instant has its fate", || !timed.dues().is_empty());
    timed.home.ok(&["resume", "shop"]);
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z caught_up"]);
}

#[test]
fn what_came_due_in_a_pause_is_not_owed_when_the_pause_is_over() {
    let timed = Timed::new("2026-11-23T08:00:00Z", &file(&[("all", DAILY), ("shop", DAILY), ("twice", DAILY)]));
    timed.start().stop();
    let mut book = Registry::open(&timed.home.registry()).unwrap();
    book.pause(Some("shop"), None, None, "ann", timed.clock.now()).unwrap();
    book.pause(Some("twice"), None, None, "ann", timed.clock.now()).unwrap();
    book.pause(None, None, None, "ann", timed.clock.now()).unwrap();
    timed.clock.set(at("2026-11-23T10:00:00Z"));
    book.pause(Some("twice"), None, Some("for longer"), "ann", timed.clock.now()).unwrap();
    book.resume(None, "ann", timed.clock.now()).unwrap();
    let worker = timed.start();
    until("the instants have their fates", || timed.dues().len() == 3);
    worker.stop();
    let mut fates = timed.fates();
    fates.sort();
    let skipped = |name: &str| format!("{name} 2026-11-23T09:00:00Z skipped (paused)");
    assert_eq!(fates, [skipped("all"), skipped("shop"), skipped("twice")]);
}

#[test]
fn what_came_due_by_a_schedule_that_was_changed_meanwhile_is_caught_up_once() {
    let timed = Timed::new("2026-11-23T08:50:00Z", &file(&[("gone", DAILY), ("shop", DAILY)]));
    let worker = timed.start();
    (worker.killer())();
    timed.clock.set(at("2026-11-23T15:00:00Z"));
    timed.home.write("schedules.toml", &file(&[("shop", &DAILY.replace("09:00", "09:30"))]));
    let mut worker = timed.start();
    worker.wait_until_said(OVER);
    worker.stop();
    let mut fates = timed.fates();
    fates.sort();
    assert_eq!(fates, ["gone 2026-11-23T09:00:00Z skipped (disabled)", "shop 2026-11-23T09:00:00Z caught_up"]);
    assert_eq!(timed.home.runs().len(), 1);
}

#[test]
fn a_clock_that_was_months_behind_runs_nothing_twice() {
    let timed = Timed::new("2026-11-23T08:50:00Z", &file(&[("shop", DAILY)]));
    let mut worker = timed.start();
    timed.clock.set(at(NINE) - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    timed.clock.set(at("2026-09-01T12:00:00Z"));
    worker.wait_until_said("the clock jumped by -");
    timed.clock.set(at("2026-11-23T12:00:00Z"));
    worker.wait_until_said_times("the clock jumped", 2);
    timed.clock.set(at("2026-11-24T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z run", "shop 2026-11-24T09:00:00Z run"]);
}

#[test]
fn a_run_whose_time_is_up_before_any_account_was_entered_is_looked_at_again() {
    let keys = format!("{DAILY}\ntimeout = \"1s\"\nretry_failed = [\"15m\"]");
    let timed = Timed::new("2026-11-23T08:50:00Z", &file(&[("shop", &keys)]));
    timed.sim.hold_at(1);
    let mut worker = timed.start();
    timed.clock.set(at(NINE) - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    timed.sim.release();
    timed.clock.set(at("2026-11-23T09:20:00Z"));
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    let told: Vec<_> = timed.home.runs().iter().map(|run| (run.trigger, run.outcome)).collect();
    assert_eq!(told, [(Trigger::Schedule, Outcome::Failed), (Trigger::Retry, Outcome::Succeeded)]);
}

#[test]
fn a_registry_that_was_busy_for_long_loses_no_instant() {
    let text = file(&[("one", DAILY), ("other", DAILY)]).replace("parallel_runs = 8", "parallel_runs = 1");
    let timed = Timed::new("2026-11-23T08:50:00Z", &text);
    timed.sim.hold_at(1);
    let mut worker = timed.start();
    timed.clock.set(at(NINE) - TimeDelta::milliseconds(300));
    assert!(timed.sim.wait_until_held(Duration::from_secs(30)));
    until("both have their fate", || timed.dues().len() == 2);
    let other = rusqlite::Connection::open(timed.home.registry()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    timed.sim.release();
    worker.wait_until_said("was kept locked");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    until("both ran to their end", || {
        let runs = timed.home.runs();
        let done = |name: &str| runs.iter().any(|run| run.connection == name && run.outcome == Outcome::Succeeded);
        done("one") && done("other") && runs.iter().all(|run| run.outcome != Outcome::Running)
    });
    worker.stop();
    assert!(timed.home.book().open_dues().unwrap().is_empty());
}
