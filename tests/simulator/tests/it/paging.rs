//! Pages are as long as AWS's and lead through everything once.

use std::collections::BTreeSet;

use aboard_simulator::{Account, HttpApi, Operation, RestApi, Simulator, World};

use crate::client::{Client, names};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

fn many(rest: usize, http: usize) -> (Simulator, Client) {
    let mut world = World::new().user("AKIA", ACCOUNT);
    let region = world.region(ACCOUNT, REGION);
    for n in 0..rest {
        region.add_rest(RestApi::new(format!("rest-{n}")));
    }
    for n in 0..http {
        region.add_http(HttpApi::new(format!("http-{n}")));
    }
    let simulator = Simulator::start(world);
    let client = Client::new(&simulator, "AKIA", REGION);
    (simulator, client)
}

/// Follows the pages of a list; returns their lengths and every item's `key`.
fn follow(client: &Client, path: &str, list: &str, key: &str, token: (&str, &str)) -> (Vec<usize>, Vec<String>) {
    let (mut lengths, mut keys) = (Vec::new(), Vec::new());
    let mut next = String::new();
    loop {
        let answer = client.get(&format!("{path}{next}")).json();
        let page = names(&answer[list], key);
        lengths.push(page.len());
        assert!(lengths.len() < 100, "the pages do not end");
        keys.extend(page);
        match answer.get(token.1) {
            Some(position) => next = format!("&{}={}", token.0, position.as_str().expect("a token")),
            None => return (lengths, keys),
        }
    }
}

#[test]
fn rest_apis_come_in_pages_of_500_and_each_comes_once() {
    let (sim, client) = many(1201, 0);
    let (lengths, ids) = follow(&client, "/restapis?limit=500", "item", "id", ("position", "position"));
    assert_eq!(lengths, [500, 500, 201]);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1201);
    assert_eq!(sim.calls_of(Operation::GetRestApis), 3);
}

#[test]
fn a_page_is_25_long_by_default_and_never_longer_than_500() {
    let (_sim, client) = many(600, 30);
    assert_eq!(names(&client.get("/restapis").json()["item"], "id").len(), 25);
    assert_eq!(names(&client.get("/restapis?limit=9999").json()["item"], "id").len(), 500);
    assert_eq!(names(&client.get("/v2/apis").json()["items"], "apiId").len(), 25);
}

#[test]
fn http_apis_come_in_pages_by_next_token() {
    let (_sim, client) = many(0, 501);
    let (lengths, ids) = follow(&client, "/v2/apis?maxResults=500", "items", "apiId", ("nextToken", "nextToken"));
    assert_eq!(lengths, [500, 1]);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 501);
}

#[test]
fn a_full_last_page_has_no_token() {
    let (_sim, client) = many(500, 0);
    assert!(client.get("/restapis?limit=500").json().get("position").is_none());
    assert!(client.get("/restapis?limit=499").json().get("position").is_some());
}

#[test]
fn v2_stages_are_paged_and_v1_stages_are_not() {
    let api = (0..7).fold(HttpApi::new("many").id("v2"), |api, n| api.stage(format!("s{n}")));
    let rest = (0..7).fold(RestApi::new("many").id("v1"), |api, n| api.stage(format!("s{n}")));
    let world = World::new().user("AKIA", ACCOUNT).http(ACCOUNT, REGION, api).rest(ACCOUNT, REGION, rest);
    let sim = Simulator::start(world);
    let client = Client::new(&sim, "AKIA", REGION);
    let path = "/v2/apis/v2/stages?maxResults=3";
    let (lengths, stages) = follow(&client, path, "items", "stageName", ("nextToken", "nextToken"));
    assert_eq!(lengths, [3, 3, 1]);
    assert_eq!(stages, ["s0", "s1", "s2", "s3", "s4", "s5", "s6"]);
    let v1 = client.get("/restapis/v1/stages?limit=3").json();
    assert_eq!(names(&v1["item"], "stageName").len(), 7);
    assert!(v1.get("position").is_none());
}

#[test]
fn an_api_that_goes_away_between_two_pages_hides_no_other() {
    let (sim, client) = many(10, 0);
    let first = client.get("/restapis?limit=5").json();
    let seen = names(&first["item"], "id");
    sim.change(|world| assert!(world.region(ACCOUNT, REGION).remove(&seen[4])));
    let position = first["position"].as_str().expect("a second page");
    let second = client.get(&format!("/restapis?limit=5&position={position}")).json();
    let all: BTreeSet<String> = seen.into_iter().chain(names(&second["item"], "id")).collect();
    assert_eq!(all.len(), 10);
}

#[test]
fn a_token_that_was_never_given_is_a_bad_request() {
    let (_sim, client) = many(1, 1);
    for path in ["/restapis?position=garbage", "/v2/apis?nextToken=garbage", "/restapis?limit=0", "/restapis?limit=x"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.error_type()), (400, "BadRequestException"), "{path}");
    }
}

#[test]
fn accounts_come_in_pages_of_20() {
    let accounts = (0..45).map(|n| Account::new(format!("{n:012}")));
    let world = accounts.fold(World::new().user("AKIA", "000000000000"), World::account);
    let sim = Simulator::start(world.organization("000000000000"));
    let client = Client::new(&sim, "AKIA", "us-east-1");
    let (mut lengths, mut token) = (Vec::new(), String::new());
    loop {
        let answer = client.organizations("ListAccounts", &format!("{{\"MaxResults\":20{token}}}")).json();
        lengths.push(names(&answer["Accounts"], "Id").len());
        assert!(lengths.len() < 100, "the pages do not end");
        match answer["NextToken"].as_str() {
            Some(next) => token = format!(",\"NextToken\":\"{next}\""),
            None => break,
        }
    }
    assert_eq!(lengths, [20, 20, 5]);
    assert_eq!(names(&client.organizations("ListAccounts", "{}").json()["Accounts"], "Id").len(), 20);
    let refused = client.organizations("ListAccounts", "{\"MaxResults\":21}");
    assert_eq!((refused.status, refused.json()["__type"].as_str()), (400, Some("InvalidInputException")));
}
