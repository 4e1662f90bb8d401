//! Many APIs, and many connections.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;
use std::time::Instant;

use aboard_simulator::{Fleet, Operation, Simulator, World};
use serde_json::Value;

use crate::support::shop::{self, count};
use crate::support::{Home, Said};

fn fleet_schedules(connections: &str) -> String {
    format!("{}{connections}", shop::targets())
}

/// A connection with the first fleet account's own key.
pub(crate) fn fleet_connection(keys: &str) -> String {
    format!(
        r#"
[connections.shop]
regions = ["eu-west-1"]
[connections.shop.credentials.aws_user]
access_key_id = "{}"
secret_access_key = "env:SECRET"
{keys}
"#,
        Fleet::access_key(0)
    )
}

#[test]
fn twelve_hundred_apis_of_each_family_in_one_region_are_found_each_once() {
    let sim = Simulator::start(World::fleet(1, 1, 1_200, 1_200, 1));
    let home = Home::new(&sim.url(), &fleet_schedules(&fleet_connection("")));

    let report = home.json(&["onboard", "shop", "--yes"]);

    assert_eq!(report["outcome"], "succeeded", "{}", report["error"]);
    let found: BTreeSet<&str> =
        report["apis"].as_array().unwrap().iter().map(|api| api["api_id"].as_str().unwrap()).collect();
    assert_eq!((found.len(), report["apis"].as_array().unwrap().len()), (2_400, 2_400));
    let there: BTreeSet<String> = sim.change(|world| {
        let region = world.region(&Fleet::account_id(0), "eu-west-1");
        let rest = region.rest_apis().map(|api| api.id.clone());
        rest.chain(region.http_apis().map(|api| api.id.clone())).collect()
    });
    assert!(there.iter().map(String::as_str).eq(found.iter().copied()), "what was found is what is there");
    for scope in report["scopes"].as_array().unwrap() {
        assert_eq!((&scope["state"], &scope["apis"]), (&"complete".into(), &1_200.into()), "{scope}");
    }
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'"), 2_400);
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM deliveries"), 4_800, "each API once with each target");
    assert_eq!(sim.counts().unknown, 0);
}

/// Runs a command line under a small process of its own, so that the peak it reports is not that of these tests.
fn measured(home: &Home, words: &[&str]) -> (Said, u64) {
    const PROGRAM: &str = "import resource, subprocess, sys\n\
        code = subprocess.run(sys.argv[2:]).returncode\n\
        open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n\
        sys.exit(code)";
    let aboard = home.command(words);
    let mut command = Command::new("python3");
    command.args(["-c", PROGRAM]).arg(home.path("peak")).arg(aboard.get_program()).args(aboard.get_args());
    command.current_dir(aboard.get_current_dir().unwrap());
    for (key, value) in aboard.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    let said = Said::of(command.output().unwrap());
    let peak = std::fs::read_to_string(home.path("peak")).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    (said, peak.parse().unwrap())
}

#[test]
fn a_hundred_roles_in_four_regions_are_onboarded_with_one_session_each() {
    let sim = Simulator::start(World::fleet(101, 4, 1, 1, 1));
    let role = |index: usize| {
        format!(
            r#"
[connections.team-{index:03}]
regions = ["eu-west-1", "eu-west-2", "eu-central-1", "us-east-1"]
[connections.team-{index:03}.credentials.assume_role]
role_arn = "arn:aws:iam::{}:role/{}"
source = {{ aws_user = {{ access_key_id = "{}", secret_access_key = "env:SECRET" }} }}
"#,
            Fleet::account_id(index),
            Fleet::CHILD_ROLE,
            Fleet::access_key(0),
        )
    };
    let home = Home::new(&sim.url(), &fleet_schedules(&(1..=100).map(role).collect::<String>()));

    let begun = Instant::now();
    let (said, peak) = measured(&home, &["-o", "json", "onboard", "--all"]);
    let took = begun.elapsed();

    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let reports = said.json_lines();
    assert_eq!(reports.len(), 100);
    let sum = |count: &str| reports.iter().map(|report| report["counts"][count].as_u64().unwrap()).sum::<u64>();
    assert!(reports.iter().all(|report| report["outcome"] == "succeeded"));
    assert_eq!((sum("onboard"), sum("scopes_complete"), sum("scopes_failed")), (800, 800, 0));
    let names: Vec<&Value> = reports.iter().map(|report| &report["connection"]).collect();
    assert!(names.is_sorted_by_key(|name| name.as_str().unwrap()), "reports come in the file's order: {names:?}");
    assert_eq!(sim.calls_of(Operation::AssumeRole), 100, "one session for each role");
    assert_eq!(sim.counts().by_region.values().sum::<u64>(), sum("calls"), "every call is counted, and once");
    assert_eq!(sim.counts().unknown, 0);
    // Straight to standard error: what the macros print, a test that passes keeps to itself.
    writeln!(
        std::io::stderr().lock(),
        "100 roles in 4 regions: {} calls to AWS, {} of them to API Gateway, {:.1} s, peak {} KiB",
        sim.counts().calls,
        sum("calls"),
        took.as_secs_f64(),
        peak,
    )
    .unwrap();
}
