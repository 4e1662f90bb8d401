//! Ctrl-C and SIGTERM: a run ends at once, keeps what it committed, and the next one goes on from there.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use aboard::inventory::ScopeState;
use aboard::registry::{Outcome, Trigger};
use aboard_simulator::{Operation, Simulator};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::Connection;

use crate::support::{Home, LONG, Running, shop};

const APIS: usize = 8;
const ONBOARD: [&str; 4] = ["-o", "json", "onboard", "shop"];

/// Less than any request or lock is waited for.
const PROMPT: Duration = Duration::from_secs(8);

/// Two scopes ask for dates at a time, so that the first one is committed before the third asks.
const SCHEDULES: &str = r#"
[limits]
requests_per_second = 0
accounts_in_flight = 1

[targets.catalog.webhook]
url = "http://127.0.0.1:9/hooks/apis"

[connections.shop]
regions = ["eu-west-1", "eu-west-2"]

[connections.shop.credentials.aws_user]
access_key_id = "AKIASHOP"
secret_access_key = "env:SECRET"
"#;

/// The number of the first call that can only come after a scope was committed.
fn call_after_a_commit() -> u64 {
    let sim = Simulator::start(shop::in_two_regions());
    Home::new(&sim.url(), SCHEDULES).ok(&ONBOARD);
    let log = sim.log();
    let dates = |call: &&aboard_simulator::Call| {
        let asks = [
            Operation::RestGetDeployments,
            Operation::RestGetDeployment,
            Operation::HttpGetDeployments,
            Operation::HttpGetDeployment,
        ];
        call.region == "eu-west-2" && call.operation.is_some_and(|operation| asks.contains(&operation))
    };
    assert!(log.iter().filter(dates).count() > 1, "{log:#?}");
    log.iter().position(|call| dates(&call)).unwrap() as u64 + 1
}

/// A run that waits for an answer which does not come, with something committed.
fn waiting(home: &Home, sim: &Simulator) -> Running {
    sim.hold_at(call_after_a_commit());
    let running = home.start(&ONBOARD);
    assert!(sim.wait_until_held(LONG), "the run asks for dates");
    running
}

#[test]
fn an_interrupted_run_ends_promptly_keeps_what_it_committed_and_is_carried_on() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let sim = Simulator::start(shop::in_two_regions());
        let home = Home::new(&sim.url(), SCHEDULES);
        let running = waiting(&home, &sim);
        let sent = Instant::now();
        running.signal(signal);
        let ended = running.end();
        assert!(sent.elapsed() < PROMPT, "{signal}: {:?}", sent.elapsed());
        assert_eq!((ended.said.code, ended.signal), (Some(130), None), "{signal}: {ended:?}");
        assert!(ended.said.stderr.contains("interrupted"), "{signal}: {ended:?}");

        let report = ended.said.json();
        assert_eq!((&report["outcome"], &report["error"]), (&"interrupted".into(), &().into()), "{signal}: {report}");
        let committed = report["counts"]["scopes_complete"].as_u64().unwrap();
        assert!((1..4).contains(&committed), "{signal}: {report}");
        let states: Vec<&str> =
            report["scopes"].as_array().unwrap().iter().map(|scope| scope["state"].as_str().unwrap()).collect();
        let complete = states.iter().filter(|state| **state == "complete").count() as u64;
        assert_eq!((states.len(), complete), (4, committed), "{signal}: {report}");
        assert!(states.iter().all(|state| ["complete", "not_reached"].contains(state)), "{signal}: {report}");
        let onboarded = report["counts"]["onboard"].as_u64().unwrap();
        assert_eq!(report["apis"].as_array().unwrap().len() as u64, onboarded, "{signal}: {report}");
        assert_eq!(home.told().len() as u64, onboarded, "{signal}: what was committed stays");
        assert_eq!(home.runs().last().unwrap().outcome, Outcome::Interrupted, "{signal}");

        sim.release();
        let report = home.ok(&ONBOARD).json();
        assert_eq!(report["trigger"], "resume", "{signal}: {report}");
        assert_eq!(report["counts"]["scopes_complete"], 4 - committed, "{signal}: {report}");
        home.must_have_onboarded_once(APIS, &["catalog"], signal.as_str());
        home.must_have_resumed(signal.as_str());
    }
}

#[test]
fn what_is_interrupted_while_its_result_is_shown_has_it_whole_and_is_done() {
    let (_sim, home) = shop::open_with(shop::wordy(), &shop::connection("shop", "regions = [\"eu-west-1\"]"));
    let mut shown = home.command(&["-o", "json", "discover", "shop"]);
    let mut shown = shown.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = shown.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    // The pipe is full now, so that the command stands in the middle of its words.
    kill(Pid::from_raw(i32::try_from(shown.id()).unwrap()), Signal::SIGINT).unwrap();
    let mut said = BufReader::new(shown.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("interrupted: ending cleanly")), "the signal arrives");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(shown.wait().unwrap().code(), Some(0));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&format!("{{{rest}")).unwrap()["counts"]["seen"], 150);
}

#[test]
fn scopes_that_an_interrupted_run_did_not_come_to_stand_as_before() {
    let sim = Simulator::start(shop::in_two_regions());
    let home = Home::new(&sim.url(), SCHEDULES);
    let standing = || home.book().coverage(None).unwrap();
    let running = waiting(&home, &sim);
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().said.code, Some(130));
    let states: Vec<ScopeState> = standing().iter().map(|scope| scope.state).collect();
    assert!((1..4).contains(&states.len()), "{states:?}");
    assert!(states.iter().all(|state| *state == ScopeState::Complete), "{states:?}");
    sim.release();
    home.ok(&ONBOARD);
    let before = standing();
    assert_eq!(before.len(), 4);

    // The first of it says whose the credentials are.
    sim.reset_counts();
    sim.hold_at(2);
    let running = home.start(&ONBOARD);
    assert!(sim.wait_until_held(LONG));
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().said.code, Some(130));
    let (run, scopes) = home.book().run(home.runs().last().unwrap().run_id).unwrap();
    assert_eq!(run.outcome, Outcome::Interrupted);
    assert_eq!(scopes.iter().map(|scope| scope.state).collect::<Vec<_>>(), [ScopeState::NotReached; 4]);
    assert_eq!(standing(), before);
}

#[test]
fn a_second_interrupt_ends_a_run_that_cannot_end_cleanly() {
    let sim = Simulator::start(shop::in_two_regions());
    let home = Home::new(&sim.url(), SCHEDULES);
    let mut running = waiting(&home, &sim);
    // Somebody else writes to the registry for long, so that the end of the run cannot be written.
    let writer = Connection::open(home.registry()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    running.signal(Signal::SIGINT);
    running.wait_until_said("interrupted");
    let sent = Instant::now();
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert!(sent.elapsed() < PROMPT, "{:?}", sent.elapsed());
    assert_eq!((ended.said.code, ended.signal), (Some(130), None), "{ended:?}");
    assert_eq!(ended.said.stdout, "");
    writer.execute_batch("ROLLBACK").unwrap();

    sim.release();
    home.ok(&ONBOARD);
    home.must_have_onboarded_once(APIS, &["catalog"], "interrupted twice");
    home.must_have_resumed("interrupted twice");
}

#[test]
fn an_interrupted_run_over_several_connections_reports_each_and_begins_no_further_one() {
    let second = SCHEDULES.split_once("[connections.shop]").unwrap().1.replace("connections.shop", "connections.twin");
    let schedules = format!("{SCHEDULES}\n[connections.twin]{second}")
        .replace("_in_flight = 1", "_in_flight = 1\nparallel_runs = 1");
    let sim = Simulator::start(shop::in_two_regions());
    let home = Home::new(&sim.url(), &schedules);
    sim.hold_at(1);
    let running = home.start(&["-o", "json", "onboard", "--all"]);
    assert!(sim.wait_until_held(LONG));
    running.signal(Signal::SIGTERM);
    let ended = running.end();
    assert_eq!(ended.said.code, Some(130), "{ended:?}");
    let reports = ended.said.json_lines();
    let outcomes: Vec<_> = reports.iter().map(|report| (&report["connection"], &report["outcome"])).collect();
    let interrupted = "interrupted".into();
    assert_eq!(outcomes, [(&"shop".into(), &interrupted), (&"twin".into(), &interrupted)]);
    let begun: Vec<String> = home.runs().into_iter().map(|run| run.connection).collect();
    assert_eq!(begun, ["shop"], "the second one was not begun");

    sim.release();
    home.ok(&["onboard", "--all"]);
    let triggers: Vec<_> = home.runs().into_iter().map(|run| (run.connection, run.trigger)).collect();
    let expected = [("shop", Trigger::Manual), ("shop", Trigger::Resume), ("twin", Trigger::Manual)];
    assert_eq!(triggers, expected.map(|(connection, trigger)| (connection.to_owned(), trigger)));
}

#[test]
fn an_interrupted_discover_says_what_it_saw_and_writes_nothing() {
    let sim = Simulator::start(shop::in_two_regions());
    let home = Home::new(&sim.url(), SCHEDULES);
    sim.hold_at(5);
    let running = home.start(&["-o", "json", "discover", "shop"]);
    assert!(sim.wait_until_held(LONG));
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert_eq!(ended.said.code, Some(130), "{ended:?}");
    assert_eq!(ended.said.json()["outcome"], "interrupted");
    assert!(!home.registry().exists());
}
