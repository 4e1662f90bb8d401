//! Killed or told to stop between a commit and its exports: the next run exports, and nothing is lost.

use aboard_simulator::{Operation, Simulator};
use nix::sys::signal::Signal;

use super::{ONBOARD, listed, pinned, waiting, world};
use crate::support::shop::{count, open, schedules};
use crate::support::{Home, LONG, Running};

const APIS: [&str; 3] = ["restorders", "httpbasket", "wschat0001"];

fn assert_all_exported_once(home: &Home, occasion: &str) {
    assert_eq!(waiting(home), 0, "{occasion}");
    for api in APIS {
        let digest = &listed(home, api)[0]["digest"];
        assert!(digest.is_string(), "{occasion}: {api}");
        let events = pinned(home, api);
        let [(_, pinned)] = &events[..] else { panic!("{occasion}: {events:?}") };
        assert!(pinned.to_string().contains(digest.as_str().unwrap()), "{occasion}: {pinned}");
    }
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM deliveries"), 6, "{occasion}");
}

#[test]
fn killed_after_any_commit_the_next_run_exports_what_is_left() {
    let mut between = 0;
    for n in 1.. {
        let sim = Simulator::start(world());
        let home = Home::new(&sim.url(), &schedules(r#"regions = ["eu-west-1"]"#));
        let occasion = format!("killed after commit {n}");
        let killed = home.killed_at_commit(&format!("after-commit:{n}"), &ONBOARD).was_killed();
        between += u64::from(killed && waiting(&home) > 0);
        if killed {
            home.ok(&ONBOARD);
        }
        assert_all_exported_once(&home, &occasion);
        if !killed {
            break;
        }
    }
    assert!(between >= 4, "two scopes and two of three exports leave something to be exported: {between}");
}

#[test]
fn killed_while_aws_exports_the_next_run_asks_once_more_and_for_nothing_else() {
    let (sim, home) = open(world());
    let before: u64 = {
        let (sim, home) = open(world());
        home.ok(&ONBOARD);
        sim.log().iter().position(|call| call.operation == Some(Operation::GetExport)).unwrap() as u64
    };
    let ended = home.killed_at(&sim, before + 1, &ONBOARD);
    assert!(ended.was_killed() && waiting(&home) > 0, "{ended:?}");
    sim.reset_counts();
    home.ok(&ONBOARD);
    assert_all_exported_once(&home, "killed while it was exported");
    assert_eq!(sim.calls_of(Operation::RestGetStages), 0, "its scopes were committed");
    assert_eq!(sim.calls_of(Operation::GetCallerIdentity), 1);
}

#[test]
fn interrupted_while_it_exports_a_run_ends_and_leaves_the_rest_wanted() {
    let (sim, home) = open(world());
    let calls = {
        let (sim, home) = open(world());
        home.ok(&ONBOARD);
        sim.log().iter().position(|call| call.operation == Some(Operation::GetExport)).unwrap() as u64
    };
    sim.hold_at(calls + 1);
    let running = Running::start(home.command(&ONBOARD));
    assert!(sim.wait_until_held(LONG));
    running.signal(Signal::SIGINT);
    let ended = running.end();
    sim.release();
    assert_eq!(ended.signal, None, "{ended:?}");
    assert!(waiting(&home) > 0, "{ended:?}");
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'"), 3);
    home.ok(&ONBOARD);
    assert_all_exported_once(&home, "interrupted while it was exported");
}
