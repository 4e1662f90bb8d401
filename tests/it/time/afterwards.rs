//! What follows a run that fell short, and what a schedule may take or leave.

use std::time::Duration;

use aboard::inventory::ScopeState;
use aboard::registry::{Outcome, Registry, RunRow, Trigger};
use aboard_simulator::{Failure, Fault, Operation};
use chrono::TimeDelta;

use super::{OVER, Timed, at, file};
use crate::support::{LONG, shop};

const NINE: &str = "2026-11-23T09:00:00Z";

fn timed(keys: &str) -> Timed {
    let keys = format!("frequency = \"daily\"\ntime = \"09:00\"\ntimezone = \"UTC\"\n{keys}");
    let file =
        file(&[("shop", &keys)]).replace("regions = [\"eu-west-1\"]", "regions = [\"eu-west-1\", \"eu-west-2\"]");
    Timed::new("2026-11-23T08:50:00Z", &file)
}

/// Just before an instant, so that it comes by itself.
fn to(timed: &Timed, instant: &str) {
    timed.clock.set(at(instant) - TimeDelta::milliseconds(300));
}

fn told(runs: &[RunRow]) -> Vec<(Trigger, Outcome, u64, u64)> {
    let of = |run: &RunRow| (run.trigger, run.outcome, run.counts.scopes_complete, run.counts.scopes_failed);
    runs.iter().map(of).collect()
}

#[test]
fn scopes_that_failed_in_passing_are_looked_at_again_and_no_others() {
    let timed = timed("retry_failed = [\"15m\", \"2h\"]");
    let broken = || Fault::new(Failure::ServerError(500)).on(Operation::GetRestApis).region("eu-west-2");
    timed.sim.fault(broken());
    // A denied one does not come right by asking again.
    timed.sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetApis).region("eu-west-2"));
    let mut worker = timed.start();
    to(&timed, NINE);
    worker.wait_until_said(OVER);
    timed.sim.reset_counts();
    timed.clock.set(at("2026-11-23T09:16:00Z"));
    worker.wait_until_said_times(OVER, 2);
    assert_eq!(timed.sim.calls_of(Operation::GetApis), 0, "of the other family");
    let lists = timed.sim.log().into_iter().filter(|call| call.operation == Some(Operation::GetRestApis));
    assert!(lists.map(|call| call.region).all(|region| region == "eu-west-2"), "{:#?}", timed.sim.log());
    // The second wait counts from the second failure; then it is well.
    timed.sim.clear_faults();
    timed.clock.set(at("2026-11-23T11:20:00Z"));
    worker.wait_until_said_times(OVER, 3);
    worker.stop();
    assert!(timed.home.book().retries().unwrap().is_empty());
    let expected = [
        (Trigger::Schedule, Outcome::Partial, 2, 2),
        (Trigger::Retry, Outcome::Failed, 0, 1),
        (Trigger::Retry, Outcome::Succeeded, 1, 0),
    ];
    assert_eq!(told(&timed.home.runs()), expected);
}

#[test]
fn second_looks_survive_a_restart_and_end_after_the_last_wait() {
    let timed = timed("retry_failed = [\"15m\"]");
    timed.sim.fault(Fault::new(Failure::ServerError(500)).on(Operation::GetRestApis).region("eu-west-2"));
    let mut worker = timed.start();
    to(&timed, NINE);
    worker.wait_until_said(OVER);
    worker.stop();
    timed.clock.set(at("2026-11-23T09:20:00Z"));
    let mut worker = timed.start();
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.home.runs().len(), 2);
    assert!(timed.home.book().retries().unwrap().is_empty(), "there is no second wait");
}

#[test]
fn a_run_whose_time_is_up_says_what_it_did_not_reach() {
    let timed = timed("timeout = \"2s\"\nretry_failed = [\"1h\"]");
    timed.sim.hold_at(1);
    let mut worker = timed.start();
    to(&timed, NINE);
    worker.wait_until_said(OVER);
    timed.sim.release();
    let (run, _) = timed.home.book().run(1).unwrap();
    assert_eq!(run.outcome, Outcome::Failed);
    let error = run.error.unwrap();
    assert_eq!((error.kind.as_str(), error.message.as_str()), ("timeout", "the run's time was up (2s)"));
    worker.stop();
}

#[test]
fn what_a_run_whose_time_was_up_did_not_reach_is_looked_at_again() {
    let timed = timed("timeout = \"2s\"\nretry_failed = [\"15m\"]");
    timed.sim.hold_at(2);
    let mut worker = timed.start();
    to(&timed, NINE);
    worker.wait_until_said(OVER);
    timed.sim.release();
    timed.clock.set(at("2026-11-23T09:20:00Z"));
    worker.wait_until_said_times(OVER, 2);
    worker.stop();
    let (_, scopes) = timed.home.book().run(1).unwrap();
    assert!(scopes.iter().all(|scope| scope.state == ScopeState::NotReached) && scopes.len() == 4, "{scopes:#?}");
    let expected = [(Trigger::Schedule, Outcome::Failed, 0, 4), (Trigger::Retry, Outcome::Succeeded, 4, 0)];
    assert_eq!(told(&timed.home.runs()), expected);
}

#[test]
fn a_paused_schedule_skips_and_owes_nothing_afterwards() {
    let timed = timed("");
    let mut worker = timed.start();
    let mut book = Registry::open(&timed.home.registry()).unwrap();
    book.pause(None, None, Some("change freeze"), "ann", timed.clock.now()).unwrap();
    let check = timed.home.ok(&["check"]).stdout;
    assert!(check.contains("daily at 09:00 UTC (paused)"), "{check}");
    to(&timed, NINE);
    worker.wait_until_said("a due instant does not run");
    book.resume(None, "ann", timed.clock.now()).unwrap();
    to(&timed, "2026-11-24T09:00:00Z");
    worker.wait_until_said(OVER);
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z skipped (paused)", "shop 2026-11-24T09:00:00Z run"]);
}

#[test]
fn a_disabled_schedule_skips_and_says_so() {
    let timed = timed("enabled = false");
    let mut worker = timed.start();
    to(&timed, NINE);
    worker.wait_until_said("a due instant does not run");
    worker.stop();
    assert_eq!(timed.fates(), ["shop 2026-11-23T09:00:00Z skipped (disabled)"]);
}

#[test]
fn the_second_worker_names_the_first_and_ends() {
    let timed = timed("");
    let worker = timed.start();
    let second = timed.home.run(&["run"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    let sentence = format!("a worker is running on {}", timed.home.registry().canonicalize().unwrap().display());
    assert!(
        second.stderr.contains("aboard.db already, process ") && !second.stderr.contains("panicked"),
        "{sentence}: {}",
        second.stderr
    );
    assert!(second.stderr.contains(&format!("process {}", worker.pid())), "{}", second.stderr);
    worker.stop();
    // Its lock went with it.
    let worker = timed.start();
    worker.stop();
}

#[test]
fn runs_lists_the_due_instants_that_did_not_run_with_their_fate() {
    let timed = timed("");
    let mut worker = timed.start();
    to(&timed, NINE);
    worker.wait_until_said(OVER);
    worker.stop();
    let mut book = Registry::open(&timed.home.registry()).unwrap();
    book.pause(Some("shop"), None, None, "ann", timed.clock.now()).unwrap();
    let mut worker = timed.start();
    to(&timed, "2026-11-24T09:00:00Z");
    worker.wait_until_said("a due instant does not run");
    worker.stop();
    let listed = timed.home.json(&["runs"]);
    let told: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["due_at"], &row["outcome"], &row["fate"], &row["reason"]))
        .collect();
    let null = &serde_json::Value::Null;
    let expected = [
        (&"2026-11-24T09:00:00Z".into(), null, &"skipped".into(), &"paused".into()),
        (&NINE.into(), &"succeeded".into(), &"run".into(), null),
    ];
    assert_eq!(told, expected);
    let text = timed.home.ok(&["runs"]).stdout;
    assert!(text.contains("2026-11-24 09:00:00 UTC  skipped (paused)"), "{text}");
    let csv = timed.home.ok(&["-o", "csv", "runs"]).stdout;
    let row = csv.lines().nth(1).unwrap();
    assert!(row.starts_with(",shop,,2026-11-24T09:00:00Z,") && row.ends_with(",skipped,paused"), "{csv}");
    assert_eq!(row.matches(',').count(), csv.lines().next().unwrap().matches(',').count());
}

#[test]
fn a_run_by_hand_takes_the_place_of_a_scheduled_one_but_never_the_last() {
    let daily = "frequency = \"daily\"\ntime = \"09:00\"\ntimezone = \"UTC\"";
    let hand = shop::connection("hand", "regions = [\"eu-west-1\"]");
    let file = file(&[("one", daily), ("other", daily)]).replace("parallel_runs = 8", "parallel_runs = 2") + &hand;
    let timed = Timed::new("2026-11-23T08:50:00Z", &file);
    let mut worker = timed.start();
    timed.sim.hold_at(1);
    let by_hand = timed.home.start(&["onboard", "hand"]);
    assert!(timed.sim.wait_until_held(Duration::from_secs(30)));
    to(&timed, NINE);
    let begun = std::time::Instant::now();
    while (timed.dues().len(), timed.home.runs().len()) != (2, 2) {
        assert!(begun.elapsed() < LONG, "both get their fate, one begins: {:#?}", timed.home.runs());
        std::thread::yield_now();
    }
    timed.sim.release();
    assert_eq!(by_hand.end().said.code, Some(0));
    worker.wait_until_said_times(OVER, 3);
    worker.stop();
    let runs = timed.home.runs();
    let triggers: Vec<Trigger> = runs.iter().map(|run| run.trigger).collect();
    assert_eq!(triggers, [Trigger::Manual, Trigger::Schedule, Trigger::Schedule]);
    let first_end = runs[..2].iter().filter_map(|run| run.finished_at).min().unwrap();
    assert!(runs[2].started_at >= first_end, "{runs:#?}");
}
