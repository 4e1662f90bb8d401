//! Carried on in a world that has changed since the crash.

use aboard::registry::{HistoryEvent, Trigger};
use aboard_simulator::{RestApi, Simulator};

use super::{ACCOUNT, APIS, COMMITS, ONBOARD, SCHEDULES, TARGETS, small};
use crate::support::Home;

/// How often something happened to the API with this id.
fn times(home: &Home, event: HistoryEvent, api: &str) -> usize {
    home.happened(event).iter().filter(|id| id.api_id == api).count()
}

#[test]
fn a_run_that_is_carried_on_sees_what_changed_where_it_had_not_looked_and_the_next_one_the_rest() {
    // Scopes are committed in order: both families of the first region, then the second region.
    let [committed, open] = ["eu-west-1", "eu-west-2"];
    let api = |id: &str| RestApi::new(id).id(id).stage("prod");
    let world = [(committed, "goneearly1"), (open, "gonelater1")];
    let world = world.into_iter().fold(small(), |world, (region, id)| world.rest(ACCOUNT, region, api(id)));
    let sim = Simulator::start(world);
    let home = Home::new(&sim.url(), SCHEDULES);
    // After the beginning and two scopes.
    assert!(home.killed_at_commit("after-commit:4", &ONBOARD).was_killed());
    sim.change(|world| {
        world.region(ACCOUNT, committed).remove("goneearly1");
        world.region(ACCOUNT, committed).add_rest(api("newearly01"));
        world.region(ACCOUNT, open).remove("gonelater1");
        world.region(ACCOUNT, open).add_rest(api("newlater01"));
    });

    home.ok(&ONBOARD);
    assert_eq!(home.runs().last().unwrap().trigger, Trigger::Resume);
    for (api, onboarded) in [("goneearly1", 1), ("newearly01", 0), ("gonelater1", 0), ("newlater01", 1)] {
        assert_eq!(times(&home, HistoryEvent::Onboarded, api), onboarded, "{api}");
    }
    home.must_have_onboarded_once(APIS + 2, &TARGETS, "carried on");
    home.must_have_resumed("carried on");

    let report = home.json(&["onboard", "shop"]);
    assert_eq!(report["trigger"], "manual", "{report}");
    let of = |id: &str| report["apis"].as_array().unwrap().iter().find(|api| api["api_id"] == id).unwrap();
    assert_eq!(of("goneearly1")["reason"], "not_seen_once", "{report}");
    assert_eq!(of("newearly01")["reason"], "new", "{report}");
    home.must_have_onboarded_once(APIS + 3, &TARGETS, "the next run");
}

#[test]
fn a_run_that_had_committed_everything_but_its_end_is_ended_without_another_look() {
    let sim = Simulator::start(small());
    let home = Home::new(&sim.url(), SCHEDULES);
    // Each API's export is a commit too.
    let end = COMMITS + APIS as u64;
    assert!(home.killed_at_commit(&format!("before-commit:{end}"), &ONBOARD).was_killed());
    sim.reset_counts();
    home.ok(&ONBOARD);
    assert!(sim.counts().by_region.is_empty(), "API Gateway is not asked again: {:?}", sim.counts());
    home.must_have_onboarded_once(APIS, &TARGETS, "ended");
}

#[test]
fn a_run_that_is_asked_for_something_else_does_not_carry_on_what_was_interrupted() {
    let sim = Simulator::start(small());
    let home = Home::new(&sim.url(), SCHEDULES);
    assert!(home.killed_at_commit("after-commit:4", &ONBOARD).was_killed());
    home.ok(&["onboard", "shop", "--region", "eu-west-2"]);
    assert_eq!(home.runs().last().unwrap().trigger, Trigger::Manual);
    home.must_have_onboarded_once(APIS, &TARGETS, "the other region");
    home.ok(&ONBOARD);
    home.must_have_onboarded_once(APIS, &TARGETS, "everything");
}
