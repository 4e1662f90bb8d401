//! Killed at every answer and on both sides of every commit of a small run.

use aboard_simulator::{RestApi, Simulator};

use super::{ACCOUNT, APIS, COMMITS, ONBOARD, SCHEDULES, SIDES, TARGETS, small, walk};
use crate::support::{Ended, Home};

/// Kills `onboard shop` at each number in turn, in a new home each time, and starts it again: everything of [`small`] must have
/// been registered once. Answers how often it was killed, and how often something, but not everything, was committed by then.
fn register_small(kill: impl Fn(&Home, &Simulator, u64) -> Ended) -> (u64, u64) {
    let mut midway = 0;
    let killed = walk(0, |n| {
        let occasion = format!("killed at {n}");
        let sim = Simulator::start(small());
        let home = Home::new(&sim.url(), SCHEDULES);
        let ended = kill(&home, &sim, n);
        if ended.was_killed() {
            let committed = home.must_have_told_as_it_onboarded(TARGETS.len(), &occasion);
            midway += u64::from((1..APIS).contains(&committed));
            home.ok(&ONBOARD);
        }
        home.must_have_onboarded_once(APIS, &TARGETS, &occasion);
        home.must_have_resumed(&occasion);
        ended
    });
    (killed, midway)
}

#[test]
fn killed_at_any_answer_a_run_is_carried_on_and_registers_everything_once() {
    let (killed, midway) = register_small(|home, sim, answer| home.killed_at(sim, answer, &ONBOARD));
    assert!(killed >= 30, "a run of {killed} answers");
    assert!(midway > 0, "some answers come between commits");
}

#[test]
fn killed_before_or_after_any_commit_a_run_is_carried_on_and_registers_everything_once() {
    for side in SIDES {
        let (killed, midway) =
            register_small(|home, _, commit| home.killed_at_commit(&format!("{side}:{commit}"), &ONBOARD));
        assert!(killed >= COMMITS, "{side}: killed {killed} times");
        // Four scopes are committed, so that three commits leave something and are not the last.
        assert_eq!(midway, 3, "{side}");
    }
}

#[test]
fn an_api_says_in_json_that_it_was_onboarded_once_after_a_crash() {
    let sim =
        Simulator::start(small().rest(ACCOUNT, "eu-west-1", RestApi::new("crash").id("crashapi01").stage("prod")));
    let home = Home::new(&sim.url(), SCHEDULES);
    assert!(home.killed_at_commit("after-commit:5", &ONBOARD).was_killed());
    home.ok(&ONBOARD);
    let explained = home.json(&["explain", "crashapi01"]);
    let events: Vec<&str> =
        explained["history"].as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["onboarded"]);
    let runs = home.json(&["runs"]);
    let outcomes: Vec<&str> = runs.as_array().unwrap().iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["succeeded", "interrupted"]);
    home.ok(&["registry", "check"]);
}
