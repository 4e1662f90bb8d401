//! The documented policy is enough for all that the agent does, and each pair of it is needed. boto3 looks at what becomes of the keys.

use serde_json::{Value, json};

use super::{DropIn, PAIRS, python};

impl DropIn {
    /// The reply to SUBSCRIBE, which carries what the server gives back of an API and of its first plan.
    fn subscribe(&self, api: &Value) -> Value {
        let mut metadata = json!({ "planId": api["plans"][0]["id"] });
        for entry in api["metadata"].as_array().unwrap() {
            let name = entry["name"].as_str().unwrap();
            if name.contains("aws-api-gateway") {
                metadata[name] = entry["value"].clone();
            }
        }
        for (name, value) in api["connectionDetails"].as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let subscription = json!({
            "graviteeSubscriptionId": "s1",
            "graviteeApplicationId": "app1",
            "graviteeApplicationName": "Shop front",
            "type": "API_KEY",
            "metadata": metadata,
        });
        let asked = self.controller.send("SUBSCRIBE", json!({ "apiId": api["id"], "subscription": subscription }));
        self.controller.reply(&asked).unwrap()
    }

    /// The reply to UNSUBSCRIBE, which carries what the answer to SUBSCRIBE gave, and nothing of the API but its details.
    fn unsubscribe(&self, api: &Value, given: &Value) -> Value {
        let mut metadata = given["payload"]["subscription"]["metadata"].clone();
        for (name, value) in api["connectionDetails"].as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let subscription = json!({ "graviteeSubscriptionId": "s1", "metadata": metadata });
        let asked = self.controller.send("UNSUBSCRIBE", json!({ "apiId": api["id"], "subscription": subscription }));
        self.controller.reply(&asked).unwrap()
    }
}

fn status(reply: &Value) -> &str {
    reply["commandStatus"].as_str().unwrap()
}

#[test]
fn the_documented_policy_is_enough_to_discover_to_ingest_to_subscribe_and_to_unsubscribe() {
    let made = python("100000000151", r#"answer(shop(account) | {"key": agent(account, "agent")})"#);
    let agent = DropIn::start(&made["key"], &[]);
    let found = agent.discovered();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["orders"], "in the plan, and of the stage that was asked for");
    let orders = agent.ingested(&found["orders"]);
    let plan = json!([{
        "id": made["plan"],
        "name": "gold",
        "description": "for many",
        "planSecurityType": "API_KEY",
        "characteristics": ["Rate: 10.0 requests per second", "Burst: 20 requests", "Quota: 1000 requests per day"],
    }]);
    assert_eq!(orders["plans"], plan);
    let document: Value = serde_json::from_str(orders["pages"][0]["content"].as_str().unwrap()).unwrap();
    assert_eq!(document["openapi"], "3.0.1");

    let given = agent.subscribe(&orders);
    assert_eq!(status(&given), "SUCCEEDED", "{given}");
    let subscription = &given["payload"]["subscription"];
    let value = subscription["apiKey"].as_str().unwrap();
    let script = r#"
gateway = client(account, "apigateway")
plan = gateway.get_usage_plans()["items"][0]["id"]
inside = gateway.get_usage_plan_keys(usagePlanId=plan)["items"]
key = gateway.get_api_key(apiKey=inside[0]["id"], includeValue=True)
answer({"inside": len(inside), "id": key["id"], "value": key["value"], "enabled": key["enabled"], "all": len(keys(account))})
"#;
    let key = python("100000000151", script);
    let expected = json!({ "inside": 1, "id": key["id"], "value": value, "enabled": true, "all": 1 });
    assert_eq!(key, expected);
    assert_eq!(subscription["metadata"]["aws-api-key-id"], key["id"]);

    assert_eq!(status(&agent.unsubscribe(&orders, &given)), "SUCCEEDED");
    let status_of = |key: &Value| {
        let script = format!(
            r#"
from botocore.exceptions import ClientError
try:
    client(account, "apigateway").get_api_key(apiKey={key})
    answer("still there")
except ClientError as error:
    answer(error.response["Error"]["Code"])
"#
        );
        python("100000000151", &script)
    };
    assert_eq!(status_of(&key["id"]), "NotFoundException");
    assert_eq!(status(&agent.unsubscribe(&orders, &given)), "SUCCEEDED", "what is gone already has ended");

    // The original says no more of a key than its id.
    let other = python("100000000151", r#"answer(client(account, "apigateway").create_api_key(name="shop")["id"])"#);
    assert_eq!(status_of(&other), "still there");
    let given = json!({ "payload": { "subscription": { "metadata": { "aws-api-key-id": other } } } });
    assert_eq!(status(&agent.unsubscribe(&orders, &given)), "SUCCEEDED");
    assert_eq!(status_of(&other), "NotFoundException");
    let said = agent.stop(&[value]);
    assert!(!said.stderr.contains("AccessDenied"), "nothing was asked that is not allowed: {}", said.stderr);
}

/// Each pair is needed: without it what stands on it fails and says so, and a subscription that fails leaves no key behind.
#[test]
fn without_one_pair_of_the_policy_something_fails_and_leaves_nothing_half_done() {
    const ACCOUNT: &str = "100000000154";
    let without = json!(PAIRS).to_string();
    let made = python(
        ACCOUNT,
        &format!(
            r#"answer(shop(account) | {{"keys": [agent(account, f"agent{{n}}", pair) for n, pair in enumerate({without})]}})"#
        ),
    );
    for (number, (action, path)) in PAIRS.into_iter().enumerate() {
        let mut agent = DropIn::start(&made["keys"][number], &[]);
        let denied = |reply: &Value| {
            assert_eq!(status(reply), "ERROR", "without {action} {path}: {reply}");
            let why = reply["errorDetails"].as_str().unwrap();
            assert!(why.contains("AccessDenied") || why.contains("not authorized") || why.contains("allow "), "{why}");
        };
        if action == "GET" && path != "/restapis/*" {
            denied(&agent.controller.reply(&agent.controller.send("DISCOVER", json!({}))).unwrap());
            agent.stop(&[]);
            continue;
        }
        let orders = agent.ingested(&agent.discovered()["orders"]);
        if action == "GET" {
            // What cannot be read is said; a plan that went missing would end its subscriptions, so it stays.
            assert_eq!((&orders["pages"], &orders["plans"][0]["name"]), (&json!([]), &json!("gold")));
            agent.worker.wait_until_said("were sent and taken");
            let said = agent.stop(&[]).stderr;
            for resource in ["/resources", "/stages/prod/exports/oas30"] {
                assert!(
                    said.lines().any(|line| line.contains("allow apigateway:GET") && line.contains(resource)),
                    "{said}"
                );
            }
            continue;
        }
        let given = agent.subscribe(&orders);
        if action == "POST" {
            denied(&given);
            assert_eq!(python(ACCOUNT, "answer(keys(account))"), json!([]), "without {path} no key is left");
        } else {
            assert_eq!(status(&given), "SUCCEEDED");
            denied(&agent.unsubscribe(&orders, &given));
            assert_eq!(python(ACCOUNT, "answer(len(keys(account)))"), 1);
        }
        agent.stop(&[]);
    }
}
