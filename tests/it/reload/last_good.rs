//! A start without its schedule file: refused, or, where a person allows it, from the last file that was good.

use std::fs;

use nix::sys::signal::Signal;

use super::{AGAIN, Followed, OFTEN, SATURDAY, mondays, schedules, started};
use crate::support::{Home, Running};
use crate::time::{ARMED, OVER, Timed, at, file};

/// A worker that had a good file and was stopped.
fn stopped() -> Timed {
    Followed::new(&schedules("10:00"), OFTEN).stop().0
}

fn allowed(timed: &Timed) -> Running {
    let mut command = timed.home.command(&["-v", "run", "--allow-last-good"]);
    command.env("ABOARD_WATCH", OFTEN);
    let mut worker = started(timed, command);
    worker.wait_until_said("schedules.toml does not count: starting from the last good one, ");
    worker
}

/// The start is refused, and the refusal says what would start it.
fn refused(home: &Home, why: &str) {
    let refused = home.run(&["run"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for part in [why, "`aboard run --allow-last-good`", "aboard.db.last-good.toml"] {
        assert!(refused.stderr.contains(part), "`{part}` is not in {refused:?}");
    }
}

#[test]
fn a_bad_file_is_stood_in_for_by_the_last_good_one_until_it_is_cured() {
    let timed = stopped();
    timed.home.write("schedules.toml", &schedules("25:00"));
    refused(&timed.home, "auto_onboard.time");
    let mut worker = allowed(&timed);
    worker.wait_until_said("auto_onboard.time: \"25:00\"");
    let health = timed.home.run(&["health"]);
    assert_eq!(health.code, Some(3), "{health:?}");
    assert!(health.stdout.contains("rejected since") && health.stdout.contains("3 schedules"), "{health:?}");
    assert_eq!(timed.home.ok(&["health", "--live"]).stderr, "");
    timed.clock.set(at("2026-11-23T08:59:59.700Z"));
    worker.wait_until_said_times(OVER, 2);

    timed.home.write("schedules.toml", &schedules("11:00"));
    worker.wait_until_said("changed other (auto_onboard.time)");
    assert!(timed.home.ok(&["health"]).stdout.starts_with("healthy"));
    worker.stop();
    assert_eq!(timed.fates(), ["billing 2026-11-23T09:00:00Z run", "shop 2026-11-23T09:00:00Z run"]);
}

#[test]
fn a_missing_file_is_stood_in_for_until_it_is_back() {
    let timed = stopped();
    let path = timed.home.path("schedules.toml");
    fs::remove_file(&path).unwrap();
    refused(&timed.home, "No such file");
    let mut worker = allowed(&timed);
    assert_eq!(timed.home.run(&["health"]).code, Some(3));
    timed.home.write("schedules.toml", &schedules("10:00"));
    worker.wait_until_said(AGAIN);
    timed.home.ok(&["health"]);
    worker.stop();
}

#[test]
fn nothing_stands_in_where_no_good_file_was_kept_and_a_good_file_needs_none() {
    let timed = Timed::new(SATURDAY, "[connections.shop]\n");
    for (words, said) in [
        (&["run"][..], "connections.shop.credentials: is missing"),
        (&["run", "--allow-last-good"], "no good file of an earlier start lies beside the registry"),
    ] {
        let refused = timed.home.run(words);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(said) && !refused.stderr.contains("starts from the last"), "{refused:?}");
    }
    timed.home.write("schedules.toml", &schedules("10:00"));
    let worker = started(&timed, timed.home.command(&["-v", "run", "--allow-last-good"]));
    timed.home.ok(&["health"]);
    worker.signal(Signal::SIGTERM);
    let ended = worker.end();
    assert!(!ended.said.stderr.contains("does not count"), "{ended:?}");
}

#[test]
fn a_worker_is_live_whatever_becomes_of_its_file_and_not_when_it_hangs() {
    let elsewhere = format!("[registry]\npath = \"state/ours.db\"\n{}", file(&[("shop", &mondays("09:00"))]));
    let timed = Timed::new(SATURDAY, &elsewhere);
    for folder in ["state", "run"] {
        fs::create_dir(timed.home.path(folder)).unwrap();
    }
    let command = |words: &[&str]| {
        let mut command = timed.home.command(words);
        command.env("RUNTIME_DIRECTORY", timed.home.path("run")).env("ABOARD_WATCH", OFTEN);
        command
    };
    let code = |words: &[&str]| command(words).output().unwrap().status.code();
    let mut worker = Running::start(command(&["-v", "run"]));
    worker.wait_until_said(ARMED);
    // Not even where the registry is can be read from this.
    timed.home.write("schedules.toml", "[[[\n");
    worker.wait_until_said(super::REJECTED);
    assert_eq!(code(&["health", "--live"]), Some(0));
    assert_eq!(code(&["health"]), Some(3));
    assert_eq!(code(&["reload", "--wait"]), Some(2));

    worker.signal(Signal::SIGSTOP);
    assert_eq!(code(&["health", "--live"]), Some(1));
    worker.signal(Signal::SIGCONT);
    worker.stop();
    assert_eq!(code(&["health", "--live"]), Some(1));
}
