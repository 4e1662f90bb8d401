//! Clocks that jump, stand still, or are not set.

use std::time::Duration;

use chrono::TimeDelta;
use nix::sys::signal::Signal;

use super::{ARMED, OVER, Timed, at, file};

const MONDAYS: &str = "day = \"monday\"\ntime = \"09:00\"\ntimezone = \"Europe/London\"";

/// 15:00 on a Saturday; the next due instant is Monday, 23 November, 09:00 UTC.
const SATURDAY: &str = "2026-11-21T15:00:00Z";

fn mondays() -> String {
    file(&[("shop", MONDAYS)])
}

#[test]
fn a_clock_set_forward_past_three_due_instants_catches_up_once() {
    let timed = Timed::new(SATURDAY, &mondays());
    let mut worker = timed.start();
    timed.clock.set(at("2026-12-08T12:00:00Z"));
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(
        timed.fates(),
        [
            "shop 2026-11-23T09:00:00Z missed (superseded)",
            "shop 2026-11-30T09:00:00Z missed (superseded)",
            "shop 2026-12-07T09:00:00Z caught_up",
        ]
    );
    timed.every_fate_run_has_one_run();
}

#[test]
fn a_clock_set_back_over_a_due_instant_does_not_fire_it_again() {
    let timed = Timed::new(SATURDAY, &mondays());
    let mut worker = timed.start();
    timed.clock.set(at("2026-11-23T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    timed.clock.set(at("2026-11-23T08:59:57Z"));
    worker.wait_until_said("the clock jumped by -");
    // Through 09:00 once more, and on to the next week.
    timed.clock.set(at("2026-11-23T09:00:05Z"));
    worker.wait_until_said_times("the clock jumped by", 2);
    timed.clock.set(at("2026-11-30T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z run", "shop 2026-11-30T09:00:00Z run"]);
}

#[test]
fn a_clock_that_was_years_ahead_does_not_swallow_what_is_still_to_come() {
    let timed = Timed::new(SATURDAY, &mondays());
    let mut worker = timed.start();
    timed.clock.set(at("2031-01-01T00:00:00Z"));
    worker.wait_until_said(OVER);
    timed.clock.set(at("2026-11-22T10:00:00Z"));
    worker.wait_until_said("are still to come");
    timed.clock.set(at("2026-11-23T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z run"]);
}

#[test]
fn a_start_under_a_clock_that_was_years_ahead_is_mended_by_the_next_start() {
    let timed = Timed::new("2031-01-01T00:00:00Z", &mondays());
    let worker = timed.start();
    worker.stop();
    timed.clock.set(at(SATURDAY));
    let mut worker = timed.start();
    timed.clock.set(at("2026-11-23T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z run"]);
}

#[test]
fn a_schedule_that_is_edited_after_the_clock_was_set_back_is_due_by_its_own_time() {
    let daily =
        |time: &str| file(&[("shop", &format!("frequency = \"daily\"\ntime = \"{time}\"\ntimezone = \"UTC\""))]);
    let timed = Timed::new("2026-11-23T08:50:00Z", &daily("09:00"));
    let mut worker = timed.start();
    timed.clock.set(at("2026-11-23T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    worker.stop();
    timed.clock.set(at("2026-11-23T08:30:00Z"));
    let mut worker = timed.start();
    timed.home.write("schedules.toml", &daily("08:45"));
    worker.wait_until_said("reloaded");
    timed.clock.set(at("2026-11-23T08:45:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    // Back to what it was: nine o'clock has been served.
    timed.home.write("schedules.toml", &daily("09:00"));
    worker.wait_until_said_times("reloaded", 2);
    timed.clock.set(at("2026-11-24T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    let ran = ["2026-11-23T08:45:00Z", "2026-11-23T09:00:00Z", "2026-11-24T09:00:00Z"];
    assert_eq!(timed.fates(), ran.map(|at| format!("shop {at} run")));
    timed.every_fate_run_has_one_run();
}

#[test]
fn nothing_is_planned_before_the_clock_was_set() {
    let timed = Timed::new("1970-01-01T00:01:00Z", &mondays());
    let mut worker = timed.start_unarmed();
    worker.wait_until_said("which cannot be");
    worker.wait_until_said(ARMED);
    timed.clock.set(at("2026-11-23T08:50:00Z"));
    worker.wait_until_said("the clock jumped by");
    timed.clock.set(at("2026-11-23T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z run"]);
}

#[test]
fn a_machine_that_slept_over_a_due_instant_catches_up_once_when_it_wakes() {
    let timed = Timed::new("2026-11-23T08:50:00Z", &mondays());
    let mut worker = timed.start();
    // A suspended machine: the process stands still and the wall clock goes on.
    worker.signal(Signal::SIGSTOP);
    timed.clock.set(at("2026-11-23T17:00:00Z"));
    worker.signal(Signal::SIGCONT);
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z caught_up"]);
}

#[test]
fn a_worker_that_was_down_over_due_instants_catches_up_once() {
    let timed = Timed::new(SATURDAY, &mondays());
    let worker = timed.start();
    worker.stop();
    timed.clock.set(at("2026-12-01T00:00:00Z"));
    let mut worker = timed.start();
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z missed (superseded)", "shop 2026-11-30T09:00:00Z caught_up"]);
    timed.every_fate_run_has_one_run();
}

#[test]
fn what_is_too_late_or_not_to_be_caught_up_is_missed_and_says_so() {
    let keys = |more: &str| format!("{MONDAYS}\n{more}");
    let (grace, never) = (keys("misfire_grace = \"30m\""), keys("catch_up = \"none\""));
    let timed = Timed::new(SATURDAY, &file(&[("grace", &grace), ("never", &never), ("plain", MONDAYS)]));
    let worker = timed.start();
    worker.stop();
    timed.clock.set(at("2026-11-23T10:00:00Z"));
    let mut worker = timed.start();
    worker.wait_until_said(OVER);
    worker.stop();
    let mut fates = timed.fates();
    fates.sort();
    assert_eq!(
        fates,
        [
            "grace 2026-11-23T09:00:00Z missed (too_late)",
            "never 2026-11-23T09:00:00Z missed (catch_up_off)",
            "plain 2026-11-23T09:00:00Z caught_up",
        ]
    );
}

#[test]
fn a_due_instant_that_finds_a_run_under_way_is_skipped_and_says_so() {
    let timed = Timed::new("2026-11-23T08:59:59Z", &file(&[("shop", "cron = \"* * * * *\"\ntimezone = \"UTC\"")]));
    timed.sim.hold_at(1);
    let mut worker = timed.start();
    assert!(timed.sim.wait_until_held(Duration::from_secs(30)), "the run of 09:00");
    timed.clock.set(at("2026-11-23T09:01:00Z"));
    worker.wait_until_said("a due instant does not run");
    timed.sim.release();
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z run", "shop 2026-11-23T09:01:00Z skipped (still_running)"]);
}
