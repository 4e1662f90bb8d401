//! Without a schedule file, in place of Gravitee's own agent: its variables and its `gravitee.yml`.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::gravitee::controller::{Controller, Rules};
use crate::support::compose::{environment, with};
use crate::support::web::ask;
use crate::support::{CANARY, Home, Running, Said};

const PROVIDER: &str = "gravitee_integration_providers_0_configuration_";

/// A home without a schedule file.
fn home() -> Home {
    let home = Home::new("http://127.0.0.1:9", "");
    fs::remove_file(home.path("schedules.toml")).unwrap();
    home
}

/// The values with which a person fills in `.env`.
fn filled_in<'a>() -> BTreeMap<&'static str, &'a str> {
    BTreeMap::from([
        ("WS_ENDPOINTS", "https://apim.example.com/integration-controller"),
        ("WS_AUTH_TOKEN", CANARY),
        ("INTEGRATION_ID", "8a7d4c2e"),
        ("WS_ORG_ID", "DEFAULT"),
        ("AWS_REGION", "us-west-2"),
        ("AWS_0_STAGE", "prod"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", CANARY),
    ])
}

fn said(mut command: Command) -> Said {
    let said = Said::of(command.output().unwrap());
    assert!(!said.stdout.contains(CANARY) && !said.stderr.contains(CANARY), "{said:?}");
    said
}

#[test]
fn the_documented_compose_file_is_understood_with_exactly_its_environment() {
    let variables = environment(&filled_in());
    assert_eq!(variables.len(), 10);
    let said = said(with(home().command(&["check"]), &variables));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    for line in [
        "there is no schedule file; the settings of Gravitee's agent (10 variables) are valid: 1 connection, 1 integration",
        "integration provider-0 (Gravitee API Management, 8a7d4c2e)",
        "  endpoints            https://apim.example.com/integration-controller",
        "  connection           provider-0: us-west-2, aws_user",
        "  stages               prod",
        "  without usage plan   left out",
        "  subscriptions        API keys are made and deleted in AWS",
    ] {
        assert!(said.stdout.lines().any(|said| said == line), "{line}\n{}", said.stdout);
    }
}

#[test]
fn a_compose_file_that_nobody_filled_in_is_refused_with_all_that_is_missing() {
    let said = said(with(home().command(&["check"]), &environment(&BTreeMap::new())));
    assert_eq!(said.code, Some(2));
    for part in [
        "gravitee_integration_connector_ws_endpoints_0 is missing",
        "gravitee_integration_connector_ws_headers_0_value: holds no token after the word bearer",
        "gravitee_integration_providers_0_integrationId is missing",
        "there is no schedule file, and the settings of Gravitee's agent (10 variables) have 3 mistakes",
    ] {
        assert!(said.stderr.contains(part), "{part}\n{}", said.stderr);
    }
}

#[test]
fn a_misspelt_variable_is_a_warning_with_the_right_name() {
    let mut variables = environment(&filled_in());
    variables.push((format!("{PROVIDER}acceptApiWithoutUsagePlans"), "true".to_owned()));
    let said = said(with(home().command(&["check"]), &variables));
    assert_eq!(said.code, Some(0), "{said:?}");
    let wanted = format!(
        "aboard: warning: {PROVIDER}acceptApiWithoutUsagePlans is not known here and was not read; did you mean \
         {PROVIDER}acceptApiWithoutUsagePlan?\n"
    );
    assert_eq!(said.stderr, wanted);
}

#[test]
fn a_mounted_file_is_read_where_the_variable_says_and_the_environment_goes_before_it() {
    let home = home();
    home.write(
        "gravitee.yml",
        &format!(
            "integration:\n  connector:\n    ws:\n      endpoints: ['https://apim.example.com']\n      headers:\n      - name: \
             Authorization\n        value: bearer {CANARY}\n  providers:\n  - type: aws-api-gateway\n    integrationId: one\n    \
             configuration:\n      region: us-east-1\n      secretAccessKey: {CANARY}\n      accessKeyId: AKIAEXAMPLE\n"
        ),
    );
    let variables =
        [("gravitee_conf", "gravitee.yml"), ("GRAVITEE_INTEGRATION_PROVIDERS_0_CONFIGURATION_REGION", "eu-west-1")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let read = said(with(home.command(&["check"]), &variables));
    assert_eq!((read.code, read.stderr.as_str()), (Some(0), ""), "{read:?}");
    assert!(read.stdout.contains("(gravitee.yml and 2 variables)"), "{}", read.stdout);
    assert!(read.stdout.contains("provider-0: eu-west-1, aws_user"), "{}", read.stdout);
    home.write("gravitee.yml", &format!("integration: [{CANARY}"));
    let broken = said(with(home.command(&["check"]), &variables));
    assert_eq!(broken.code, Some(2));
    assert!(broken.stderr.starts_with("aboard: gravitee.yml: line "), "{}", broken.stderr);
}

#[test]
fn a_schedule_file_goes_before_the_variables_and_says_so() {
    let home = home();
    home.write("schedules.toml", "[connections.a]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {}\n");
    let said = said(with(home.command(&["check"]), &environment(&filled_in())));
    assert_eq!(said.code, Some(0));
    assert!(said.stdout.starts_with("schedules.toml is valid: 1 connection, 0 targets\n"), "{}", said.stdout);
    assert!(said.stderr.contains("are set and not read, since there is a schedule file"), "{}", said.stderr);
}

#[test]
fn run_follows_the_variables_answers_probes_and_says_what_no_volume_costs() {
    let home = home();
    let rules = Rules { token: CANARY.to_owned(), target_id: "8a7d4c2e".to_owned(), ..Rules::default() };
    let controller = Controller::start(rules);
    let endpoint = controller.endpoint();
    let mut values = filled_in();
    values.insert("WS_ENDPOINTS", &endpoint);
    let mut variables = environment(&values);
    for (name, value) in [
        ("gravitee_services_core_http_enabled", "true"),
        ("gravitee_services_core_http_port", "0"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ] {
        variables.push((name.to_owned(), value.to_owned()));
    }
    let mut worker = Running::start(with(home.command(&["run"]), &variables));
    let address = worker.word_after("listening on ").parse().unwrap();
    worker.wait_until_said("following what was set at the start");
    controller.wait_for_agent(1);
    worker.wait_until_said("connected to ");
    let answer = ask(address, "GET", "/_node/health", &[], "");
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({ "worker": { "healthy": true } })));
    assert_eq!(ask(address, "GET", "/api/v1/apis", &[], "").status, 404);
    let health = said(with(home.command(&["health", "--live"]), &variables));
    assert_eq!(health.code, Some(0), "{health:?}");
    let followed = said(with(home.command(&["health"]), &variables)).stdout;
    assert!(followed.contains("  follows the settings of Gravitee's agent, read "), "{followed}");
    let reload = said(with(home.command(&["reload"]), &variables));
    assert!(reload.code != Some(0) && reload.stderr.contains("there is no schedule file"), "{reload:?}");
    let reload = said(with(home.command(&["reload", "--wait"]), &variables));
    assert_eq!(reload.code, Some(2), "{reload:?}");
    assert!(reload.stderr.contains("there is no schedule file"), "{reload:?}");
    worker.signal(Signal::SIGHUP);
    worker.wait_until_said_times("nothing is reloaded", 2);
    let health = said(with(home.command(&["health"]), &variables));
    let reasons: Vec<&str> = health.stdout.lines().skip(1).take_while(|line| !line.starts_with("  follows")).collect();
    assert!(reasons.is_empty(), "a worker that has no file to reload is not degraded by that: {health:?}");
    let ended = worker.stop();
    let first = ended.stderr.lines().next().unwrap();
    assert!(first.contains("(12 variables); the registry is aboard.db: where it is on no volume"), "{first}");
    assert!(!ended.stderr.contains(CANARY) && home.registry().exists());
    for (path, content) in home.files() {
        let found = content.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "{}", path.display());
    }
    assert!(!home.path("aboard.db.last-good.toml").exists(), "there is no file to keep");
}
