//! Killed in a first run that records what exists: nobody is told of it, then or later.

use aboard::registry::HistoryEvent;
use aboard_simulator::{RestApi, Simulator};

use super::{ACCOUNT, APIS, COMMITS, ONBOARD, SIDES, TARGETS, scheduled, small, walk};
use crate::support::{Ended, Home};

/// Kills the first run at each number in turn, starts it again, and has a new API published afterwards: only that one is told of.
fn record_small(kill: impl Fn(&Home, &Simulator, u64) -> Ended) -> u64 {
    let schedules = scheduled("existing = \"record\"");
    walk(0, |n| {
        let occasion = format!("killed at {n}");
        let sim = Simulator::start(small());
        let home = Home::new(&sim.url(), &schedules);
        let ended = kill(&home, &sim, n);
        if ended.was_killed() {
            home.ok(&ONBOARD);
        }
        let recorded = home.happened(HistoryEvent::RecordedAsExisting);
        assert_eq!(recorded.len(), APIS, "{occasion}");
        assert_eq!(home.happened(HistoryEvent::Onboarded), [], "{occasion}");
        assert_eq!(home.told().len(), 0, "{occasion}");
        home.must_be_sound(&occasion);
        home.must_have_resumed(&occasion);

        sim.change(|world| {
            world.region(ACCOUNT, "eu-west-2").add_rest(RestApi::new("new").id("newapi0001").stage("prod"))
        });
        home.ok(&ONBOARD);
        home.must_have_onboarded_once(1, &TARGETS, &occasion);
        assert_eq!(home.happened(HistoryEvent::RecordedAsExisting), recorded, "{occasion}");
        ended
    })
}

#[test]
fn killed_before_or_after_any_commit_of_a_recording_run_nothing_that_existed_is_told() {
    for side in SIDES {
        let killed = record_small(|home, _, commit| home.killed_at_commit(&format!("{side}:{commit}"), &ONBOARD));
        assert!(killed >= COMMITS, "{side}: killed {killed} times");
    }
}

#[test]
fn a_recording_run_that_is_begun_anew_instead_of_carried_on_still_records() {
    let sim = Simulator::start(small());
    let home = Home::new(&sim.url(), &scheduled("existing = \"record\""));
    assert!(home.killed_at_commit("after-commit:4", &ONBOARD).was_killed());
    // Another question makes it a run of its own; what existed still did.
    home.ok(&["onboard", "shop", "--region", "eu-west-2"]);
    assert_eq!(home.happened(HistoryEvent::Onboarded), []);
    assert_eq!(home.told().len(), 0);
}

#[test]
fn a_first_run_over_one_region_or_day_takes_nothing_from_what_exists_elsewhere() {
    for narrowed in [["--region", "eu-west-1"], ["--account", ACCOUNT], ["--published-after", "2030-01-01"]] {
        let occasion = narrowed.join(" ");
        let sim = Simulator::start(small());
        let home = Home::new(&sim.url(), &scheduled("existing = \"record\""));
        home.ok(&[&ONBOARD[..], &narrowed].concat());
        home.ok(&ONBOARD);
        assert_eq!(home.happened(HistoryEvent::RecordedAsExisting).len(), APIS, "{occasion}");
        assert_eq!(home.told().len(), 0, "{occasion}");
    }
}

#[test]
fn what_is_published_after_its_scope_was_seen_whole_is_new_although_the_first_run_was_interrupted() {
    let sim = Simulator::start(small());
    let home = Home::new(&sim.url(), &scheduled("existing = \"record\""));
    let ended = home.killed_at_commit(&format!("before-commit:{COMMITS}"), &ONBOARD);
    assert!(ended.was_killed(), "before the commit that ends the run");
    sim.change(|world| world.region(ACCOUNT, "eu-west-2").add_rest(RestApi::new("new").id("newapi0001").stage("prod")));
    // Another question makes it a run of its own, which looks at everything anew.
    home.ok(&["onboard", "shop", "--yes"]);
    assert_eq!(home.happened(HistoryEvent::RecordedAsExisting).len(), APIS);
    home.must_have_onboarded_once(1, &TARGETS, "carried on");
}
