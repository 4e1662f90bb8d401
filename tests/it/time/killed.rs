//! The worker killed by SIGKILL around a due instant, and started again: one run to its end, nothing lost, nothing twice.

use nix::sys::signal::Signal;

use super::{OVER, Timed, at, file};
use crate::support::Running;

const KEYS: &str = "frequency = \"daily\"\ntime = \"09:00\"\ntimezone = \"UTC\"";

/// What a start that has something due commits at least: the definition of the schedule, the fate, the run's beginning, two scopes, its end.
const COMMITS: usize = 6;

fn timed() -> Timed {
    let targets = "[targets.catalog.webhook]\nurl = \"http://127.0.0.1:9/hooks\"\n";
    Timed::new("2026-11-23T08:50:00Z", &format!("{}{targets}", file(&[("shop", KEYS)])))
}

/// What must be true once a worker has come to the end of what was due.
fn must_be_whole(timed: &Timed, occasion: &str) {
    timed.home.must_have_onboarded_once(3, &["catalog"], occasion);
    let fates: Vec<String> = timed.fates();
    assert_eq!(fates.len(), 1, "{occasion}: {fates:?}");
    assert!(["run", "caught_up"].iter().any(|fate| fates[0].ends_with(fate)), "{occasion}: {fates:?}");
    assert!(timed.home.book().open_dues().unwrap().is_empty(), "{occasion}");
}

/// Starts the worker and waits until it has served what was due.
fn serve(timed: &Timed) {
    let mut worker = timed.start();
    worker.wait_until_said(OVER);
    worker.stop();
}

/// Starts a worker that kills itself at a commit; answers false where it lives on.
fn dies_at(timed: &Timed, point: &str) -> bool {
    let mut command = timed.home.command(&["-v", "run"]);
    command.env("ABOARD_CRASH_AT", point);
    let mut worker = Running::start(timed.clock.given(command));
    if worker.says_before_it_ends(OVER) {
        // What it delivers after the run is committed too.
        worker.signal(Signal::SIGTERM);
        let ended = worker.end();
        assert!(ended.was_killed() || ended.said.code == Some(0), "{point}: {ended:?}");
        return ended.was_killed();
    }
    assert!(worker.end().was_killed(), "{point}");
    true
}

fn killed_around_every_commit(side: &str) {
    let mut killed = 0;
    for n in 1.. {
        let timed = timed();
        // The schedule stands before the instant comes.
        let worker = timed.start();
        worker.stop();
        timed.clock.set(at("2026-11-23T09:00:05Z"));
        let point = format!("{side}:{n}");
        if !dies_at(&timed, &point) {
            break;
        }
        killed += 1;
        timed.clock.set(at("2026-11-23T09:05:00Z"));
        // Killed after the last commit, there is nothing left to be done.
        let over = timed.home.runs().iter().any(|run| run.outcome.as_str() == "succeeded");
        if !over {
            serve(&timed);
        }
        must_be_whole(&timed, &point);
    }
    assert!(killed >= COMMITS, "{killed} commits");
}

#[test]
fn a_worker_killed_before_any_commit_serves_the_due_instant_once() {
    killed_around_every_commit("before-commit");
}

#[test]
fn a_worker_killed_after_any_commit_serves_the_due_instant_once() {
    killed_around_every_commit("after-commit");
}

#[test]
fn a_worker_killed_while_aws_is_asked_carries_on() {
    let timed = timed();
    let worker = timed.start();
    worker.stop();
    timed.clock.set(at("2026-11-23T09:00:05Z"));
    let mut answer = 1;
    loop {
        timed.sim.reset_counts();
        timed.sim.hold_at(1);
        let mut worker = timed.start_unarmed();
        timed.sim.at_answer(answer, worker.killer());
        timed.sim.release();
        if worker.says_before_it_ends(OVER) {
            worker.stop();
            break;
        }
        assert!(worker.end().was_killed(), "answer {answer}");
        answer += 2;
    }
    assert!(answer > 5, "it was killed at {answer} answers");
    must_be_whole(&timed, "killed again and again");
}
