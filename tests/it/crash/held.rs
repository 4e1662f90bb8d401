//! Killed while `max_new` holds APIs back, and while a person's approval releases them.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use aboard::registry::{HistoryEvent, Outcome};
use aboard_simulator::{Simulator, World};

use super::{APIS, COMMITS, ONBOARD, SIDES, TARGETS, scheduled, small, walk};
use crate::support::Home;

const APPROVE: [&str; 2] = ["approve", "shop"];

/// Asserts that `apis` APIs await approval, once each, and that nobody was told anything.
fn must_await(home: &Home, apis: usize, occasion: &str) {
    assert_eq!(home.happened(HistoryEvent::AwaitingApproval).len(), apis, "{occasion}");
    assert_eq!(home.happened(HistoryEvent::Onboarded), [], "{occasion}");
    assert_eq!(home.told().len(), 0, "{occasion}");
    assert_eq!(home.book().info().unwrap().awaiting, apis as u64, "{occasion}");
    home.must_be_sound(occasion);
}

#[test]
fn killed_at_any_commit_of_a_run_that_holds_back_too_many_nothing_is_registered() {
    let schedules = scheduled(&format!("max_new = {}", APIS - 1));
    for side in SIDES {
        let killed = walk(3, |commit| {
            let occasion = format!("{side}:{commit}");
            let sim = Simulator::start(small());
            let home = Home::new(&sim.url(), &schedules);
            let ended = home.killed_at_commit(&occasion, &ONBOARD);
            if ended.was_killed() {
                // What waits from before the crash counts as well, though this run may have seen no more than the limit.
                let said = home.run(&ONBOARD);
                assert_eq!(said.code, Some(3), "{occasion}: {said:?}");
                let release = format!("{APIS} APIs await approval");
                assert!(said.stdout.contains(&release), "{occasion}: {said:?}");
            }
            must_await(&home, APIS, &occasion);
            home.must_have_resumed(&occasion);
            ended
        });
        assert!(killed >= COMMITS, "{side}: killed {killed} times");
    }
}

#[test]
fn killed_while_six_hundred_are_held_back_by_a_limit_of_five_hundred_the_rest_is_held_back_too() {
    let world = World::fleet(1, 2, 200, 100, 1).user("AKIASHOP", "100000000000");
    let sim = Simulator::start(world);
    let home = Home::new(&sim.url(), &scheduled("max_new = 500"));
    // After the beginning and two scopes of four: 300 are held back, and 300 are not decided upon.
    assert!(home.killed_at_commit("after-commit:4", &ONBOARD).was_killed());
    assert_eq!(home.happened(HistoryEvent::AwaitingApproval).len(), 300);
    let said = home.run(&["-o", "json", "onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let report = said.json();
    assert_eq!((&report["trigger"], &report["counts"]["held"]), (&"resume".into(), &300.into()));
    must_await(&home, 600, "carried on");
}

#[test]
fn killed_at_any_commit_of_an_approval_the_next_one_releases_the_rest_and_everything_once() {
    let schedules = scheduled(&format!("max_new = {}", APIS - 1));
    for side in SIDES {
        // Marking dead runs, beginning, four scopes, ending.
        let killed = walk(0, |commit| {
            let occasion = format!("{side}:{commit}");
            let sim = Simulator::start(small());
            let home = Home::new(&sim.url(), &schedules);
            assert_eq!(home.run(&ONBOARD).code, Some(3), "{occasion}");
            let ended = home.killed_at_commit(&occasion, &APPROVE);
            if ended.was_killed() {
                home.ok(&APPROVE);
            }
            home.must_have_onboarded_once(APIS, &TARGETS, &occasion);
            assert_eq!(home.happened(HistoryEvent::Approved).len(), APIS, "{occasion}");
            assert_eq!(home.book().info().unwrap().awaiting, 0, "{occasion}");
            ended
        });
        assert!(killed >= COMMITS, "{side}: killed {killed} times");
    }
}

#[test]
fn after_a_killed_approval_a_run_finds_nothing_that_it_would_tell_again() {
    let sim = Simulator::start(small());
    let home = Home::new(&sim.url(), &scheduled("max_new = 3"));
    assert_eq!(home.run(&ONBOARD).code, Some(3));
    assert!(home.killed_at_commit("after-commit:4", &APPROVE).was_killed());
    let approved = home.happened(HistoryEvent::Onboarded).len();
    assert!((1..APIS).contains(&approved), "{approved} were approved before the crash");
    // The rest is still too much for a run without a person's word.
    assert_eq!(home.run(&ONBOARD).code, Some(3));
    assert_eq!(home.happened(HistoryEvent::Onboarded).len(), approved);
    home.ok(&APPROVE);
    home.must_have_onboarded_once(APIS, &TARGETS, "approved again");
    let outcomes: Vec<Outcome> = home.runs().iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Outcome::Succeeded, Outcome::Interrupted, Outcome::Succeeded, Outcome::Succeeded]);
}

#[test]
fn a_run_that_goes_past_the_limit_on_a_persons_word_does_not_leave_that_word_to_the_next_one() {
    let sim = Simulator::start(small());
    let home = Home::new(&sim.url(), &scheduled("max_new = 3"));
    assert!(home.killed_at_commit("after-commit:3", &["onboard", "shop", "--yes"]).was_killed());
    let registered = home.happened(HistoryEvent::Onboarded).len();
    assert!((1..APIS).contains(&registered), "{registered} were registered before the crash");
    assert_eq!(home.run(&ONBOARD).code, Some(3));
    assert_eq!(home.happened(HistoryEvent::Onboarded).len(), registered);
    home.ok(&["onboard", "shop", "--yes"]);
    home.must_have_onboarded_once(APIS, &TARGETS, "on a person's word again");
}
