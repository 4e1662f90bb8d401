//! Programs that take events, through the real binary.

use serde_json::{Value, json};

use crate::support::CANARY;
use crate::support::shop::{self, connection, open_with};

#[test]
fn onboarding_runs_the_program_once_for_each_api_with_the_event_and_without_keys() {
    let text = format!(
        r#"
[limits]
requests_per_second = 0
[targets.script.command]
command = ["/bin/sh", "register.sh"]
environment = {{ PORTAL_TOKEN = "file:token" }}
{}"#,
        connection("shop", "regions = [\"eu-west-1\"]")
    );
    let (_sim, home) = open_with(shop::stocked(), &text);
    home.write("token", "portal-token");
    home.write("register.sh", "cat >> events; echo >> events; env >> variables; echo registered $ABOARD_API_NAME\n");
    home.ok(&["onboard", "shop"]);
    home.ok(&["onboard", "shop"]);
    let events = std::fs::read_to_string(home.path("events")).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut names: Vec<&str> = events.iter().map(|event| event["data"]["api"]["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["basket", "orders", "prices"]);
    assert!(events.iter().all(|event| event["specversion"] == "1.0" && event["type"] == "aboard.api.onboarded"));

    let variables = std::fs::read_to_string(home.path("variables")).unwrap();
    assert_eq!(variables.matches("PORTAL_TOKEN=portal-token\n").count(), 3, "{variables}");
    // The connection's own key is in SECRET.
    assert!(!variables.contains(CANARY) && !variables.contains("AWS_ENDPOINT_URL"), "{variables}");
    let deliveries = home.json(&["deliveries"]);
    assert!(
        deliveries.as_array().unwrap().iter().all(|delivery| delivery["state"] == json!("delivered")),
        "{deliveries}"
    );

    let said = home.ok(&["targets", "test", "script"]).stdout;
    assert_eq!(said, "script: works: sh took a test event: registered\n");
    home.write("register.sh", "echo no route to the portal >&2; exit 75\n");
    let said = home.run(&["targets", "test", "script"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(1), "script: failed: sh ended with exit code 75: no route to the portal\n")
    );
}
