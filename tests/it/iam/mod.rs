//! `aboard iam`: what AWS must allow, proven against a checker of templates, a server that judges policies, and the simulator.

mod documents;
mod minimal;
mod offered;
mod simulated;
mod templates;

use serde_json::Value;

use crate::support::Home;

/// A region of each partition.
const PARTITIONS: [(&str, &str); 4] =
    [("aws", "eu-west-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-eusc", "eusc-de-east-1")];

/// The paths that every reader of API Gateway needs, each with the account field of its ARN.
const READ: [(&str, &str); 7] = [
    ("", "/restapis"),
    ("", "/restapis/*"),
    ("", "/apis"),
    ("", "/apis/*"),
    ("", "/domainnames"),
    ("", "/domainnames/*"),
    ("*", "/domainnames/*+*"),
];

/// A home without an AWS: whoever asks it anything fails.
fn alone(schedules: &str) -> Home {
    Home::new("http://127.0.0.1:9", schedules)
}

/// A connection of this name that enters by `credentials`, which begins with the kind and `]`.
fn connection(name: &str, region: &str, credentials: &str) -> String {
    format!("[connections.{name}]\nregions = [\"{region}\"]\n[connections.{name}.credentials.{credentials}\n")
}

/// An integration that offers the APIs of every connection; `more` stands in its table.
fn integration(more: &str) -> String {
    format!(
        "[integrations.portal.gravitee]\nendpoints = [\"https://apim.example.com\"]\ntoken = \"env:NEVER_SET\"\n\
         integration_id = \"one\"\n{more}\n"
    )
}

const KEY: &str = "aws_user]\naccess_key_id = \"AKIAREADER\"\nsecret_access_key = \"env:NEVER_SET\"";
const SOURCE: &str =
    "source = { aws_user = { access_key_id = \"AKIASOURCE\", secret_access_key = \"env:NEVER_SET\" } }";

fn role(partition: &str, more: &str) -> String {
    format!("assume_role]\nrole_arn = \"arn:{partition}:iam::999988887777:role/team/Reader\"\n{SOURCE}\n{more}")
}

fn central_role(partition: &str, more: &str) -> String {
    format!(
        "central_role]\nrole_arn = \"arn:{partition}:iam::111122223333:role/Central\"\nchild_role_name = \"spokes/Child\"\n{SOURCE}\n{more}"
    )
}

/// The pairs of action and resource that a policy allows.
fn allowed(policy: &Value) -> Vec<(String, String)> {
    let texts = |value: &Value| match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    assert_eq!(policy["Version"], "2012-10-17", "{policy}");
    let mut pairs = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for action in texts(&statement["Action"]) {
            pairs.extend(texts(&statement["Resource"]).into_iter().map(|resource| (action.clone(), resource)));
        }
    }
    pairs
}

/// What reading API Gateway in a region takes.
fn reading(partition: &str, region: &str) -> Vec<(String, String)> {
    let arn = |account: &str, path: &str| format!("arn:{partition}:apigateway:{region}:{account}:{path}");
    let mut pairs: Vec<(String, String)> =
        READ.iter().map(|(account, path)| ("apigateway:GET".to_owned(), arn(account, path))).collect();
    pairs.push(("apigateway:ListRoutingRules".to_owned(), arn("*", "/domainnames/*/routingrules/*")));
    pairs
}
