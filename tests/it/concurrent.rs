//! Several processes on one registry: a connection runs once at a time, and an API that several connections see is registered once.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::fmt::Write;

use aboard::registry::{HistoryEvent, Outcome};
use aboard_simulator::{Operation, Simulator};
use serde_json::Value;

use crate::support::shop::{self, meddle};
use crate::support::{Home, LONG, Running};

const APIS: usize = 8;

/// Two connections that see the same account, and share one of their two targets.
const SCHEDULES: &str = r#"
[limits]
requests_per_second = 0

[targets.catalog.webhook]
url = "http://127.0.0.1:9/hooks/apis"

[targets.specs.directory]
path = "specs"

[targets.portal.webhook]
url = "http://127.0.0.1:9/hooks/apis"

[connections.shop]
regions = ["eu-west-1", "eu-west-2"]
targets = ["catalog", "specs"]

[connections.shop.credentials.aws_user]
access_key_id = "AKIASHOP"
secret_access_key = "env:SECRET"

[connections.audit]
regions = ["eu-west-1", "eu-west-2"]
targets = ["specs", "portal"]

[connections.audit.credentials.aws_user]
access_key_id = "AKIASHOP"
secret_access_key = "env:SECRET"
"#;

/// Starts a run of a connection with an AWS of its own.
fn start(home: &Home, sim: &Simulator, connection: &str) -> Running {
    let mut command = home.command(&["-o", "json", "onboard", connection]);
    command.env("AWS_ENDPOINT_URL", sim.url());
    Running::start(command)
}

/// The first call for a date: by then every scope is planned, and none that registers something is committed.
fn first_call_for_dates() -> u64 {
    let sim = Simulator::start(shop::in_two_regions());
    Home::new(&sim.url(), SCHEDULES).ok(&["onboard", "shop"]);
    let log = sim.log();
    let dates = [
        Operation::RestGetDeployments,
        Operation::RestGetDeployment,
        Operation::HttpGetDeployments,
        Operation::HttpGetDeployment,
    ];
    let first = log.iter().position(|call| call.operation.is_some_and(|operation| dates.contains(&operation)));
    first.unwrap() as u64 + 1
}

fn end(running: Running) -> Value {
    let ended = running.end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
    ended.said.json()
}

fn must_have_told_each_target_once(home: &Home) {
    assert_eq!(home.happened(HistoryEvent::Onboarded).len(), APIS);
    let told = home.told();
    for target in ["catalog", "specs", "portal"] {
        assert_eq!(told.keys().filter(|(told, _)| told == target).count(), APIS, "{target}: {told:?}");
    }
    assert!(told.values().all(|times| *times == 1), "{told:?}");
    home.must_be_sound("two connections");
}

#[test]
fn a_second_run_of_a_connection_is_refused_by_naming_the_first_and_disturbs_nothing() {
    let sim = Simulator::start(shop::in_two_regions());
    let home = Home::new(&sim.url(), SCHEDULES);
    sim.hold_at(10);
    let first = home.start(&["onboard", "shop"]);
    assert!(sim.wait_until_held(LONG));

    let second = home.run(&["-o", "json", "onboard", "shop"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    let report = second.json();
    assert_eq!(report["outcome"], "failed", "{report}");
    assert_eq!(report["run_id"], Value::Null, "{report}");
    assert_eq!(report["error"]["kind"], "already_running", "{report}");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("a run of shop is under way, run 1, process "), "{message}");
    assert!(message.contains(&format!("process {}", first.pid())), "{message}");
    let text = home.run(&["onboard", "shop"]);
    assert!(text.stdout.contains(message) && text.code == Some(1), "{text:?}");
    let approve = home.run(&["approve", "shop"]);
    assert!(approve.stderr.contains(message) && approve.code == Some(1), "{approve:?}");
    assert_eq!(home.runs().iter().map(|run| run.outcome).collect::<Vec<_>>(), [Outcome::Running]);
    // What needs no run of its own goes on.
    home.ok(&["runs"]);
    home.ok(&["apis"]);

    sim.release();
    assert_eq!(first.end().said.code, Some(0));
    home.must_have_onboarded_once(APIS, &["catalog", "specs"], "beside a second run");
    assert_eq!(home.runs().len(), 1);
}

#[test]
fn of_two_connections_that_see_the_same_apis_the_later_one_tells_only_its_other_target() {
    let call = first_call_for_dates();
    let sims = [Simulator::start(shop::in_two_regions()), Simulator::start(shop::in_two_regions())];
    let home = Home::new(&sims[0].url(), SCHEDULES);
    let [shop, audit] = [("shop", &sims[0]), ("audit", &sims[1])].map(|(connection, sim)| {
        sim.hold_at(call);
        let running = start(&home, sim, connection);
        assert!(sim.wait_until_held(LONG));
        running
    });
    // Both have planned to register everything; one of them is first with every scope.
    sims[0].release();
    let first = end(shop);
    assert_eq!((&first["counts"]["onboard"], &first["deliveries"]), (&APIS.into(), &(2 * APIS).into()), "{first}");
    sims[1].release();
    let second = end(audit);
    assert_eq!((&second["counts"]["onboard"], &second["deliveries"]), (&APIS.into(), &APIS.into()), "{second}");
    for api in second["apis"].as_array().unwrap() {
        assert_eq!((&api["decision"], &api["reason"]), (&"onboard".into(), &"new_to_target".into()), "{api}");
    }
    must_have_told_each_target_once(&home);
}

#[test]
fn two_connections_that_commit_the_same_apis_side_by_side_tell_each_target_once() {
    let call = first_call_for_dates();
    for _ in 0..3 {
        let sims = [Simulator::start(shop::in_two_regions()), Simulator::start(shop::in_two_regions())];
        let home = Home::new(&sims[0].url(), SCHEDULES);
        let running = [("shop", &sims[0]), ("audit", &sims[1])].map(|(connection, sim)| {
            sim.hold_at(call);
            let running = start(&home, sim, connection);
            assert!(sim.wait_until_held(LONG));
            running
        });
        for sim in &sims {
            sim.release();
        }
        let deliveries: u64 = running.map(|running| end(running)["deliveries"].as_u64().unwrap()).iter().sum();
        assert_eq!(deliveries, 3 * APIS as u64);
        must_have_told_each_target_once(&home);
    }
}

#[test]
fn processes_that_start_at_once_make_one_registry() {
    let connections: Vec<String> = (0..6).map(|n| format!("c{n}")).collect();
    let mut schedules = SCHEDULES.split_once("[connections.shop]").unwrap().0.to_owned();
    for name in &connections {
        write!(
            schedules,
            "[connections.{name}]\nregions = [\"eu-west-1\"]\ntargets = [\"catalog\"]\n\
             credentials.aws_user = {{ access_key_id = \"AKIASHOP\", secret_access_key = \"env:SECRET\" }}\n"
        )
        .unwrap();
    }
    let sim = Simulator::start(shop::in_two_regions());
    for _ in 0..3 {
        let home = Home::new(&sim.url(), &schedules);
        let running: Vec<Running> = connections.iter().map(|name| start(&home, &sim, name)).collect();
        for running in running {
            end(running);
        }
        home.must_have_onboarded_once(APIS / 2, &["catalog"], "six at once");
    }
}

#[test]
fn a_registry_that_is_reached_through_a_link_has_the_same_locks() {
    let sim = Simulator::start(shop::in_two_regions());
    let home = Home::new(&sim.url(), SCHEDULES);
    home.ok(&["onboard", "shop"]);
    std::fs::create_dir(home.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(home.registry(), home.path("elsewhere/link.db")).unwrap();
    sim.hold_at(1);
    let running = home.start(&["onboard", "shop"]);
    assert!(sim.wait_until_held(LONG));

    let second = home.run(&["--registry", "elsewhere/link.db", "-o", "json", "onboard", "shop"]);
    assert_eq!(second.json()["error"]["kind"], "already_running", "{second:?}");
    sim.release();
    assert_eq!(running.end().said.code, Some(0));
    let beside: Vec<_> =
        std::fs::read_dir(home.path("elsewhere")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(beside, [home.path("elsewhere/link.db")], "nothing is put beside a link");
}

#[test]
fn a_run_that_somebody_else_ended_as_if_it_were_dead_does_not_end_well() {
    let sim = Simulator::start(shop::in_two_regions());
    let home = Home::new(&sim.url(), SCHEDULES);
    sim.hold_at(2);
    let running = start(&home, &sim, "shop");
    assert!(sim.wait_until_held(LONG));
    meddle(&home.registry(), "UPDATE runs SET outcome = 'interrupted', finished_at = started_at;");
    sim.release();

    let ended = running.end();
    assert_eq!(ended.said.code, Some(1), "{ended:?}");
    let report = ended.said.json();
    assert_eq!((&report["outcome"], &report["error"]["kind"]), (&"failed".into(), &"registry".into()), "{report}");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("another process ended run 1 "), "{message}");
}
