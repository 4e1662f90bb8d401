//! The binary, as another program uses it: where it listens, and what it says in the end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use aboard_simulator::Fleet;
use serde_json::{Value, json};

use crate::client::Client;

#[test]
fn the_binary_tells_its_counts_as_json_when_its_input_ends() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aboard-simulator"));
    command.args(["--accounts", "1", "--regions", "1", "--rest", "2", "--http", "1", "--latency-ms", "0"]);
    command.args(["--rate", "1", "--burst", "2"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    let address = first.trim().strip_prefix("url http://").unwrap().parse().unwrap();

    let client = Client::at(address, &Fleet::access_key(0), "eu-west-1");
    assert_eq!(client.sts("Action=GetCallerIdentity").status, 200);
    let statuses = ["/restapis", "/v2/apis", "/restapis"].map(|path| client.get(path).status);
    assert_eq!(statuses, [200, 200, 429], "a burst of two");
    assert_eq!(client.get("/nothing-of-the-kind").status, 404);

    drop(child.stdin.take());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let told: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((&told["calls"], &told["throttled"], &told["unknown"]), (&json!(5), &json!(1), &json!(1)));
    assert_eq!(told["unknown_paths"], json!(["/nothing-of-the-kind"]));
    let bucket = json!({"account": Fleet::account_id(0), "region": "eu-west-1", "calls": 3, "throttled": 1});
    assert_eq!(told["buckets"], json!([bucket]));
    let operations = told["operations"].as_array().unwrap();
    let listings = operations.iter().find(|operation| operation["operation"] == "apigateway:GetRestApis").unwrap();
    assert_eq!(listings["calls"], 2);
    let per_second = listings["per_second"].as_array().unwrap().iter().map(|calls| calls.as_u64().unwrap());
    assert_eq!(per_second.sum::<u64>(), 2);
    assert!(listings["first_ms"].as_u64() <= listings["last_ms"].as_u64());
}
