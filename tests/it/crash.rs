//! Killed by SIGKILL wherever it may be, and started again: nothing is lost, and nothing is registered twice.

use aboard_simulator::{HttpApi, RestApi, Simulator, World};

use crate::support::{Ended, Home};

const ACCOUNT: &str = "111122223333";
const REGIONS: [&str; 2] = ["eu-west-1", "eu-west-2"];
const TARGETS: [&str; 2] = ["catalog", "specs"];
/// What [`small`] holds.
const APIS: usize = 10;

const SCHEDULES: &str = r#"
[limits]
requests_per_second = 0

[targets.catalog.webhook]
url = "https://catalog.example.com/hooks/apis"

[targets.specs.directory]
path = "specs"

[connections.shop]
regions = ["eu-west-1", "eu-west-2"]

[connections.shop.credentials.aws_user]
access_key_id = "AKIASHOP"
secret_access_key = "env:SECRET"
"#;

/// One account, two regions, all three protocols.
fn small() -> World {
    REGIONS.into_iter().fold(World::new().user("AKIASHOP", ACCOUNT), |world, region| {
        world
            .rest(ACCOUNT, region, RestApi::new("orders").stage("prod").stage("test"))
            .rest(ACCOUNT, region, RestApi::new("returns").stage("prod"))
            .rest(ACCOUNT, region, RestApi::new("payments").stage("prod"))
            .http(ACCOUNT, region, HttpApi::new("basket").stage("$default"))
            .http(ACCOUNT, region, HttpApi::websocket("prices").stage("prod"))
    })
}

/// Runs it until it succeeds, which the first time should.
fn to_the_end(home: &Home, words: &[&str], occasion: &str) {
    let said = home.run(words);
    assert_eq!(said.code, Some(0), "{occasion}: {said:?}");
}

/// Calls `attempt` with 1, 2, 3, … until what it started survives, and answers how often it was killed. Each process must end in
/// one of the two ways.
fn walk(mut attempt: impl FnMut(u64) -> Ended) -> u64 {
    for n in 1.. {
        let ended = attempt(n);
        if !ended.was_killed() {
            assert_eq!(ended.said.code, Some(0), "at {n}: {ended:?}");
            return n - 1;
        }
    }
    unreachable!("one of them survives")
}

#[test]
fn killed_at_any_answer_a_run_is_carried_on_and_registers_everything_once() {
    let killed = walk(|answer| {
        let occasion = format!("killed at answer {answer}");
        let sim = Simulator::start(small());
        let home = Home::new(&sim.url(), SCHEDULES);
        let ended = home.killed_at(&sim, answer, &["onboard", "shop"]);
        if ended.was_killed() {
            to_the_end(&home, &["onboard", "shop"], &occasion);
        }
        home.must_have_onboarded_once(APIS, &TARGETS, &occasion);
        ended
    });
    assert!(killed >= 25, "a run of {killed} answers");
}

#[test]
fn killed_before_or_after_any_commit_a_run_is_carried_on_and_registers_everything_once() {
    for side in ["before", "after"] {
        let killed = walk(|commit| {
            let occasion = format!("{side}-commit:{commit}");
            let sim = Simulator::start(small());
            let home = Home::new(&sim.url(), SCHEDULES);
            let ended = home.killed_at_commit(&occasion, &["onboard", "shop"]);
            if ended.was_killed() {
                to_the_end(&home, &["onboard", "shop"], &occasion);
            }
            home.must_have_onboarded_once(APIS, &TARGETS, &occasion);
            ended
        });
        // Marking dead runs, beginning, four scopes, ending, forgetting old runs.
        assert_eq!(killed, 8, "commits of a run");
    }
}

#[test]
fn an_api_says_in_json_that_it_was_onboarded_once_after_a_crash() {
    let sim =
        Simulator::start(small().rest(ACCOUNT, "eu-west-1", RestApi::new("crash").id("crashapi01").stage("prod")));
    let home = Home::new(&sim.url(), SCHEDULES);
    assert!(home.killed_at_commit("after-commit:5", &["onboard", "shop"]).was_killed());
    home.ok(&["onboard", "shop"]);
    let explained = home.json(&["explain", "crashapi01"]);
    let events: Vec<&str> =
        explained["history"].as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["onboarded"]);
    let runs = home.json(&["runs"]);
    let outcomes: Vec<&str> = runs.as_array().unwrap().iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["succeeded", "interrupted"]);
    home.ok(&["registry", "check"]);
}
