//! Custom domains as the two families show them.

use aboard_simulator::{Domain, HttpApi, RoutingRule, Simulator, World};
use serde_json::json;

use crate::client::{Client, names};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

fn serve() -> (Simulator, Client) {
    let rules = Domain::new("rules.example.com")
        .routing_mode("ROUTING_RULE_ONLY")
        .rule(RoutingRule::new(20, "r1", "prod").base_path("orders").header("x-version", "2*").strip_base_path());
    let public = Domain::new("api.example.com")
        .mapping("", "r1", "prod")
        .mapping("orders/v1/items", "r1", "prod")
        .mapping("pay", "h1", "$default")
        .mapping_of_every_stage("all", "r1");
    let world = World::new()
        .user("AKIA", ACCOUNT)
        .http(ACCOUNT, REGION, HttpApi::new("pay").id("h1"))
        .domain(ACCOUNT, REGION, public)
        .domain(ACCOUNT, REGION, Domain::edge("edge.example.com").status("UPDATING"))
        .domain(ACCOUNT, REGION, Domain::private("in.example.com", "abc123").mapping("", "r1", "prod"))
        .domain(ACCOUNT, REGION, rules.rule(RoutingRule::new(10, "r2", "live")));
    let simulator = Simulator::start(world);
    let client = Client::new(&simulator, "AKIA", REGION);
    (simulator, client)
}

#[test]
fn only_v1_lists_private_domains() {
    let (_sim, client) = serve();
    let v1 = client.get("/domainnames?limit=500").json()["item"].clone();
    assert_eq!(
        names(&v1, "domainName"),
        ["api.example.com", "edge.example.com", "in.example.com", "rules.example.com"]
    );
    assert_eq!(v1[2]["domainNameId"], "abc123");
    assert_eq!(v1[2]["endpointConfiguration"]["types"], json!(["PRIVATE"]));
    assert_eq!(v1[2]["domainNameArn"], "arn:aws:apigateway:eu-west-1:111122223333:/domainnames/in.example.com+abc123");
    assert_eq!(v1[1]["domainNameStatus"], "UPDATING");
    assert!(v1[0].get("domainNameId").is_none());
    let v2 = client.get("/v2/domainnames?maxResults=500").json()["items"].clone();
    assert_eq!(names(&v2, "domainName"), ["api.example.com", "edge.example.com", "rules.example.com"]);
    assert_eq!(v2[1]["domainNameConfigurations"][0]["endpointType"], "EDGE");
    assert!(
        client.get("/domainnames?resourceOwner=OTHER_ACCOUNTS").json()["item"].as_array().expect("a list").is_empty()
    );
}

#[test]
fn each_family_spells_the_routing_mode_its_own_way() {
    let (_sim, client) = serve();
    assert_eq!(client.get("/domainnames").json()["item"][0]["routingMode"], "BASE_PATH_MAPPING_ONLY");
    assert_eq!(client.get("/v2/domainnames").json()["items"][0]["routingMode"], "API_MAPPING_ONLY");
    assert_eq!(client.get("/v2/domainnames").json()["items"][2]["routingMode"], "ROUTING_RULE_ONLY");
}

#[test]
fn v1_shows_single_level_mappings_of_rest_apis_and_v2_shows_all() {
    let (_sim, client) = serve();
    let v1 = client.get("/domainnames/api.example.com/basepathmappings").json()["item"].clone();
    assert_eq!(names(&v1, "basePath"), ["(none)", "all"]);
    assert_eq!(v1[0], json!({"basePath": "(none)", "restApiId": "r1", "stage": "prod"}));
    assert!(v1[1].get("stage").is_none());
    let v2 = client.get("/v2/domainnames/api.example.com/apimappings").json()["items"].clone();
    assert_eq!(names(&v2, "apiMappingKey"), ["", "all", "orders/v1/items", "pay"]);
    assert_eq!(names(&v2, "apiId"), ["r1", "r1", "r1", "h1"]);
}

#[test]
fn mappings_are_paged() {
    let (_sim, client) = serve();
    let first = client.get("/v2/domainnames/api.example.com/apimappings?maxResults=3").json();
    assert_eq!(names(&first["items"], "apiMappingKey"), ["", "all", "orders/v1/items"]);
    let token = first["nextToken"].as_str().expect("a token");
    let second =
        client.get(&format!("/v2/domainnames/api.example.com/apimappings?maxResults=3&nextToken={token}")).json();
    assert_eq!(names(&second["items"], "apiMappingKey"), ["pay"]);
    assert!(second.get("nextToken").is_none());
}

#[test]
fn a_private_domain_is_found_by_its_id_only() {
    let (_sim, client) = serve();
    assert_eq!(client.get("/domainnames/in.example.com/basepathmappings").status, 404);
    let mappings = client.get("/domainnames/in.example.com/basepathmappings?domainNameId=abc123").json();
    assert_eq!(names(&mappings["item"], "restApiId"), ["r1"]);
}

#[test]
fn routing_rules_come_by_priority_with_conditions_and_action() {
    let (_sim, client) = serve();
    let rules = client.get("/v2/domainnames/rules.example.com/routingrules").json()["routingRules"].clone();
    assert_eq!(rules[0]["priority"], 10);
    assert_eq!(rules[0]["conditions"], json!([]));
    assert_eq!(rules[1]["actions"], json!([{"invokeApi": {"apiId": "r1", "stage": "prod", "stripBasePath": true}}]));
    assert_eq!(rules[1]["conditions"][0], json!({"matchBasePaths": {"anyOf": ["orders"]}}));
    assert_eq!(
        rules[1]["conditions"][1],
        json!({"matchHeaders": {"anyOf": [{"header": "x-version", "valueGlob": "2*"}]}})
    );
}
