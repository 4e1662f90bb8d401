//! In place of Gravitee's own agent: nothing but the environment of the documented compose file and the rights of the documented policy,
//! under MiniStack, which judges policies.

mod policy;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::controller::{Controller, Rules};
use super::record::Seen;
use crate::support::{Home, Running, Said, Server, compose};

const REGION: &str = "eu-west-1";

/// Gravitee's page, "Minimum AWS permissions required by the agent".
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gravitee/minimum-policy.yaml");

/// Everything that the policy allows, in its order, but for `/restapis/*/stages/*`: `/restapis/*` holds that, for the star of a policy
/// stands for slashes too.
const PAIRS: [(&str, &str); 6] = [
    ("GET", "/restapis"),
    ("GET", "/restapis/*"),
    ("GET", "/usageplans"),
    ("POST", "/apikeys"),
    ("POST", "/usageplans/*/keys"),
    ("DELETE", "/apikeys/*"),
];

/// Makes `orders`, whose one method needs a key, with `prod` and `dev`, of which `prod` is in the plan `gold`; `lonely`, in no plan; and an
/// HTTP API. `agent` makes a user with the documented policy, or with one pair less.
const ACCOUNT: &str = r#"
import yaml

def keyed(account, name, stages):
    gateway = client(account, "apigateway")
    api_id = gateway.create_rest_api(name=name, description="All about it", version="2.1")["id"]
    place = {"restApiId": api_id, "resourceId": gateway.get_resources(restApiId=api_id)["items"][0]["id"], "httpMethod": "GET"}
    gateway.put_method(authorizationType="NONE", apiKeyRequired=True, **place)
    gateway.put_integration(type="MOCK", **place)
    for stage in stages:
        gateway.create_deployment(restApiId=api_id, stageName=stage)
    return api_id

def shop(account):
    orders = keyed(account, "orders", ["prod", "dev"])
    rest(account, "lonely")
    stage(account, http(account, "basket"), "$default", AutoDeploy=True)
    plan = client(account, "apigateway").create_usage_plan(
        name="gold", description="for many", apiStages=[{"apiId": orders, "stage": "prod"}],
        throttle={"rateLimit": 10.0, "burstLimit": 20}, quota={"limit": 1000, "period": "DAY"})
    return {"orders": orders, "plan": plan["id"]}

def agent(account, name, without=None):
    document = yaml.safe_load(open(POLICY))["PolicyDocument"]
    for statement in document["Statement"]:
        for resource in list(statement["Resource"]):
            pair = [statement["Action"][0].split(":")[1], resource.split("::")[1]]
            if without and (pair == without or without == ["GET", "/restapis/*"] and pair == ["GET", "/restapis/*/stages/*"]):
                statement["Resource"].remove(resource)
    document["Statement"] = [statement for statement in document["Statement"] if statement["Resource"]]
    key = user(account, name)
    client(account, "iam").put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps(document))
    return key

def keys(account):
    return client(account, "apigateway").get_api_keys(includeValues=True)["items"]
"#;

/// Runs a script in the account, of which `account` is the root.
fn python(account: &str, script: &str) -> Value {
    Server::ministack().python(&format!("POLICY = {POLICY:?}\n{ACCOUNT}\naccount = root(\"{account}\")\n{script}"))
}

/// The binary in place of the agent.
struct DropIn {
    controller: Controller,
    home: Home,
    variables: Vec<(String, String)>,
    worker: Running,
    secret: String,
}

impl DropIn {
    /// With a key of the test server, and `more` variables than the compose file has.
    fn start(key: &Value, more: &[(&str, &str)]) -> Self {
        let controller = Controller::start(Rules::default());
        let (endpoint, rules) = (controller.endpoint(), Rules::default());
        let secret = key["secret"].as_str().unwrap();
        let mut variables = compose::environment(&BTreeMap::from([
            ("WS_ENDPOINTS", endpoint.as_str()),
            ("WS_AUTH_TOKEN", &rules.token),
            ("INTEGRATION_ID", &rules.target_id),
            ("WS_ORG_ID", "DEFAULT"),
            ("AWS_REGION", REGION),
            ("AWS_0_STAGE", "prod"),
            ("AWS_ACCESS_KEY_ID", key["id"].as_str().unwrap()),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]));
        // The test's AWS is somewhere else.
        let url = Server::ministack().url();
        for (name, value) in [("AWS_ENDPOINT_URL", url.as_str())].iter().chain(more) {
            variables.push(((*name).to_owned(), (*value).to_owned()));
        }
        let home = bare();
        let worker = Running::start(compose::with(home.command(&["run"]), &variables));
        controller.wait_for_agent(1);
        Self { controller, home, variables, worker, secret: secret.to_owned() }
    }

    /// The names of what a discovery finds, with its ids.
    fn discovered(&self) -> BTreeMap<String, String> {
        let answer = self.controller.ask("DISCOVER", json!({}));
        assert_eq!(answer["isPartialDiscovery"], false, "{answer}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        answer["apis"].as_array().unwrap().iter().map(|api| (text(&api["name"]), text(&api["id"]))).collect()
    }

    /// Ingests one API and gives it as the server gets it.
    fn ingested(&self, id: &str) -> Value {
        let started = self.controller.ask("START_INGEST", json!({ "ingestJobId": "job-1", "apiIds": [id] }));
        assert_eq!(started["total"], 1, "{started}");
        let last = |seen: &Seen| matches!(seen, Seen::Ingest(chunk) if chunk.done);
        self.controller.record().wait_for("the last chunk", 1, last);
        self.controller.apis()[id].clone()
    }

    /// Ends it; no secret is in what it said or kept, and no rule of the protocol was broken.
    fn stop(self, secrets: &[&str]) -> Said {
        self.controller.record().assert_proper();
        let said = self.worker.stop();
        let kept: String =
            self.home.files().iter().map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect();
        for secret in secrets.iter().chain(&[self.secret.as_str(), &Rules::default().token]) {
            assert!(!format!("{said:?}{kept}").contains(secret), "{secret} is in {said:?}");
        }
        said
    }
}

/// A folder without a schedule file.
fn bare() -> Home {
    let home = Home::new("", "");
    std::fs::remove_file(home.path("schedules.toml")).unwrap();
    home
}

#[test]
fn the_compose_file_with_the_image_changed_connects_with_exactly_its_environment() {
    let controller = Controller::start(Rules::default());
    let (endpoint, rules) = (controller.endpoint(), Rules::default());
    let variables = compose::environment(&BTreeMap::from([
        ("WS_ENDPOINTS", endpoint.as_str()),
        ("WS_AUTH_TOKEN", &rules.token),
        ("INTEGRATION_ID", &rules.target_id),
        ("AWS_REGION", REGION),
    ]));
    assert_eq!(variables.len(), 10);
    let home = bare();
    let worker = Running::start(compose::with(home.command(&["run"]), &variables));
    controller.wait_for_agent(1);
    controller.reply("health-0-2").unwrap();
    controller.record().assert_proper();
    let said = worker.stop();
    assert!(said.stderr.contains("the settings of Gravitee's agent count (10 variables)"), "{}", said.stderr);
}

#[test]
fn test_connection_passes_with_the_documented_policy_and_says_what_it_did_not_try() {
    let made = python("100000000152", r#"answer(shop(account) | {"key": agent(account, "agent")})"#);
    let agent = DropIn::start(&made["key"], &[]);
    let tested =
        |words: &[&str]| Said::of(compose::with(agent.home.command(words), &agent.variables).output().unwrap());
    let said = tested(&["test", "--all"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let says = |text: &str| said.stdout.lines().any(|line| line.trim_start().starts_with(text));
    assert!(says("pass  list usage plans in eu-west-1: saw ") && says("pass  read methods of REST APIs"), "{said:?}");
    assert!(says("note  list HTTP and WebSocket APIs"), "{said:?}");
    assert!(says("--    make and delete API keys in eu-west-1: not tried, it would change something"), "{said:?}");
    let policy = tested(&["-o", "json", "iam", "policy"]).json().to_string();
    for (action, path) in PAIRS {
        let (action, resource) = (format!("\"apigateway:{action}\""), format!("arn:aws:apigateway:{REGION}::{path}\""));
        assert!(policy.contains(&action) && policy.contains(&resource), "{action} {resource} in {policy}");
    }
    agent.stop(&[]);
}

#[test]
fn apis_without_a_plan_come_too_and_what_the_policy_keeps_back_is_explained_once() {
    let made = python("100000000153", r#"answer(shop(account) | {"key": agent(account, "agent")})"#);
    let accept = "gravitee_integration_providers_0_configuration_acceptApiWithoutUsagePlan";
    let agent = DropIn::start(&made["key"], &[(accept, "true")]);
    for _ in 0..3 {
        assert_eq!(agent.discovered().keys().collect::<Vec<_>>(), ["lonely", "orders"]);
    }
    let said = agent.stop(&[]);
    assert_eq!(said.stderr.matches("::/apis").count(), 1, "{}", said.stderr);
}
