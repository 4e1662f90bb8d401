//! What an integration adds to the policies: the reads under MiniStack, which judges them, and the writes as they are printed.

use serde_json::Value;

use super::{KEY, PARTITIONS, allowed, alone, central_role, connection, integration, reading};
use crate::support::{Home, Server};

const REGION: &str = "eu-west-1";

fn on(partition: &str, region: &str, action: &str, path: &str) -> (String, String) {
    (format!("apigateway:{action}"), format!("arn:{partition}:apigateway:{region}::{path}"))
}

#[test]
fn an_integration_adds_its_reads_and_with_subscriptions_exactly_three_writes_in_each_partition() {
    for (partition, region) in PARTITIONS {
        let pairs = |more: &str| {
            let home = alone(&(connection("own", region, KEY) + &integration(more)));
            allowed(&home.ok(&["iam", "policy", "own"]).json())
        };
        let plans = on(partition, region, "GET", "/usageplans");
        let keys = on(partition, region, "GET", "/apikeys");
        let writes = [
            on(partition, region, "POST", "/apikeys"),
            on(partition, region, "POST", "/usageplans/*/keys"),
            on(partition, region, "DELETE", "/apikeys/*"),
        ];
        let read = reading(partition, region);
        assert_eq!(pairs(""), [read.clone(), vec![plans.clone()]].concat());
        assert_eq!(pairs("read_api_keys = true"), [read.clone(), vec![plans.clone(), keys]].concat());
        assert_eq!(pairs("subscriptions = true"), [read, vec![plans], writes.to_vec()].concat());
    }
}

#[test]
fn the_role_in_every_account_may_write_only_where_its_connection_is_offered_with_subscriptions() {
    for (more, expected) in [("", false), ("subscriptions = true", true)] {
        let home = alone(&(connection("org", REGION, &central_role("aws", "")) + &integration(more)));
        let child = home.ok(&["iam", "child-role"]).stdout;
        assert_eq!(child.contains("apigateway:DELETE") && child.contains("keep API keys"), expected, "{child}");
        assert!(child.contains("arn:aws:apigateway:eu-west-1::/usageplans"), "{child}");
    }
}

/// A home whose connection `own` has this key and is offered.
fn offered(key: &Value, more: &str) -> Home {
    let user = format!("aws_user]\naccess_key_id = {}\nsecret_access_key = \"file:secret\"", key["id"]);
    let home = Home::new(&Server::ministack().url(), &(connection("own", REGION, &user) + &integration(more)));
    home.write("secret", key["secret"].as_str().unwrap());
    home
}

fn steps(home: &Home) -> (Option<i32>, Vec<String>) {
    let said = home.run(&["-o", "json", "test", "own"]);
    let report = said.json();
    let word = |step: &Value, member: &str| step[member].as_str().unwrap().to_owned();
    let steps = report["steps"].as_array().unwrap().iter();
    (said.code, steps.map(|step| format!("{} {}", word(step, "outcome"), word(step, "step"))).collect())
}

#[test]
fn the_reads_of_an_integration_are_tried_and_its_writes_are_said_not_to_be() {
    let more = "subscriptions = true\nread_api_keys = true";
    let policy = alone(&(connection("own", REGION, KEY) + &integration(more))).ok(&["iam", "policy", "own"]).json();
    let without = |sid: &str| {
        let mut policy = policy.clone();
        policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != sid);
        policy.to_string()
    };
    let policies = [policy.to_string(), without("ReadUsagePlans"), without("ListApiKeys")];
    let keys = Server::ministack().python(&format!(
        r#"
account = root("100000000141")
rest(account, "orders")
client(account, "apigateway").create_usage_plan(name="gold")
found = []
for number, document in enumerate({policies:?}):
    found.append(user(account, f"user{{number}}"))
    client(account, "iam").put_user_policy(UserName=f"user{{number}}", PolicyName="may", PolicyDocument=document)
answer(found)
"#
    ));
    let (code, said) = steps(&offered(&keys[0], more));
    assert_eq!(code, Some(0), "{said:?}");
    let own = &said[said.len() - 4..];
    let expected = [
        "passed read methods of REST APIs",
        "passed list usage plans",
        "passed list API keys",
        "not_tried make and delete API keys",
    ];
    assert_eq!(own, expected);
    for (number, step) in [(1, "failed list usage plans"), (2, "failed list API keys")] {
        let (code, said) = steps(&offered(&keys[number], more));
        assert_eq!(
            (code, said.iter().filter(|said| said.starts_with("failed")).collect::<Vec<_>>()),
            (Some(1), vec![&step.to_owned()])
        );
    }
    let said = offered(&keys[0], more).ok(&["test", "own"]);
    let line = said.stdout.lines().find(|line| line.contains("make and delete API keys")).unwrap();
    assert!(line.contains("not tried, it would change something"), "{line}");
    assert_eq!(
        Server::ministack().python(r#"answer(client(root("100000000141"), "apigateway").get_api_keys()["items"])"#),
        serde_json::json!([])
    );
}
