//! The worker is told to stop while runs are in flight: each comes to its next commit, and the next start carries it on.

use std::time::Instant;

use aboard::registry::{Outcome, Trigger};
use chrono::TimeDelta;
use nix::sys::signal::Signal;

use super::{OVER, Timed, at, file};
use crate::support::{LONG, Running};

const NINE: &str = "2026-11-23T09:00:00Z";
const DAILY: &str = "frequency = \"daily\"\ntime = \"09:00\"\ntimezone = \"UTC\"";

/// In milliseconds, what runs in flight have at the end where no test waits for it.
const AN_HOUR: &str = "3600000";

/// Four scopes a connection.
fn timed(names: &[&str], keys: &str) -> Timed {
    let keys = format!("{DAILY}\n{keys}");
    let connections: Vec<(&str, &str)> = names.iter().map(|name| (*name, keys.as_str())).collect();
    let file = file(&connections)
        .replace("regions = [\"eu-west-1\"]", "regions = [\"eu-west-1\", \"eu-west-2\"]")
        .replace("parallel_runs = 8", "parallel_runs = 1");
    Timed::new("2026-11-23T08:50:00Z", &file)
}

/// A worker with a run in flight that waits for the first answer after that which says who it is.
fn in_flight(timed: &Timed, farewell: &str) -> Running {
    timed.sim.hold_at(2);
    let mut worker = timed.home.command(&["-v", "run"]);
    worker.env("ABOARD_FAREWELL", farewell);
    let mut worker = Running::start(timed.clock.given(worker));
    worker.wait_until_said(super::ARMED);
    timed.clock.set(at(NINE) - TimeDelta::milliseconds(300));
    assert!(timed.sim.wait_until_held(LONG));
    worker
}

fn told(timed: &Timed) -> Vec<(String, Trigger, Outcome, u64)> {
    let runs = timed.home.runs().into_iter();
    runs.map(|run| (run.connection, run.trigger, run.outcome, run.counts.scopes_complete)).collect()
}

#[test]
fn a_run_in_flight_comes_to_its_next_commit_and_is_carried_on_by_the_next_start() {
    // Committed scope by scope, and all planned first.
    for keys in ["max_new = 0", "max_new = 500"] {
        let timed = timed(&["shop"], keys);
        let mut worker = in_flight(&timed, AN_HOUR);
        worker.signal(Signal::SIGTERM);
        worker.wait_until_said("have 20 s to come to their next commit");
        timed.sim.release();
        let ended = worker.end();
        assert_eq!(ended.said.code, Some(0), "{ended:?}");
        let cut = ("shop".to_owned(), Trigger::Schedule, Outcome::Interrupted, 1);
        assert_eq!(told(&timed), std::slice::from_ref(&cut), "{keys}");
        let mut worker = timed.start();
        worker.wait_until_said(OVER);
        worker.stop();
        assert_eq!(told(&timed), [cut, ("shop".to_owned(), Trigger::Resume, Outcome::Succeeded, 3)], "{keys}");
        assert!(timed.home.runs().iter().all(|run| run.due_at == Some(at(NINE))));
        assert_eq!(timed.fates(), [format!("shop {NINE} run")]);
        timed.home.must_have_resumed(keys);
    }
}

#[test]
fn what_waits_for_its_turn_does_not_begin_and_is_begun_by_the_next_start() {
    let timed = timed(&["one", "other"], "");
    let mut worker = in_flight(&timed, AN_HOUR);
    let begun = Instant::now();
    while timed.dues().len() < 2 {
        assert!(begun.elapsed() < LONG, "both have their fate");
        std::thread::yield_now();
    }
    worker.signal(Signal::SIGTERM);
    worker.wait_until_said("stopping");
    timed.sim.release();
    assert_eq!(worker.end().said.code, Some(0));
    let runs = told(&timed);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let mut worker = timed.start();
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    let ended = told(&timed).into_iter().filter(|(_, _, outcome, _)| *outcome == Outcome::Succeeded);
    let mut names: Vec<String> = ended.map(|(name, ..)| name).collect();
    names.sort();
    assert_eq!(names, ["one", "other"]);
}

#[test]
fn a_run_that_takes_too_long_to_its_next_commit_ends_where_it_is() {
    let timed = timed(&["shop"], "");
    let mut worker = in_flight(&timed, "0");
    worker.signal(Signal::SIGTERM);
    worker.wait_until_said("took too long to their next commit");
    let ended = worker.end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
    assert_eq!(told(&timed), [("shop".to_owned(), Trigger::Schedule, Outcome::Interrupted, 0)]);
    timed.sim.release();
    let mut worker = timed.start();
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(told(&timed)[1..], [("shop".to_owned(), Trigger::Resume, Outcome::Succeeded, 4)]);
}

#[test]
fn a_second_signal_stops_the_worker_now() {
    let timed = timed(&["shop"], "");
    let mut worker = in_flight(&timed, AN_HOUR);
    worker.signal(Signal::SIGTERM);
    worker.wait_until_said("stopping");
    worker.signal(Signal::SIGTERM);
    let ended = worker.end();
    assert_eq!((ended.said.code, ended.signal), (Some(130), None), "{ended:?}");
    timed.sim.release();
    let mut worker = timed.start();
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(told(&timed).last().map(|run| (run.1, run.2)), Some((Trigger::Resume, Outcome::Succeeded)));
}
