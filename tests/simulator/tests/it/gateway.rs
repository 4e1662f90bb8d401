//! The wire forms of API Gateway's two families.

use aboard_simulator::{Deployment, DeploymentStatus, HttpApi, HttpStage, RestApi, RestStage, Simulator, World};
use serde_json::json;

use crate::client::{Client, names};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

fn serve(change: impl FnOnce(World) -> World) -> (Simulator, Client) {
    let simulator = Simulator::start(change(World::new().user("AKIA", ACCOUNT)));
    let client = Client::new(&simulator, "AKIA", REGION);
    (simulator, client)
}

#[test]
fn a_rest_api_has_camel_case_members_and_epoch_seconds() {
    let api = RestApi::new("orders")
        .id("a1b2c3d4e5")
        .description("Orders")
        .version("2")
        .created("2026-02-03T04:05:06Z")
        .tag("team", "pay")
        .vpc_endpoint("vpce-0123")
        .execute_api_disabled();
    let (_sim, client) = serve(|world| world.rest(ACCOUNT, REGION, api));
    let listed = client.get("/restapis").json()["item"][0].clone();
    assert_eq!(client.get("/restapis/a1b2c3d4e5").json(), listed);
    assert_eq!(listed["createdDate"], json!(1_770_091_506));
    assert_eq!(listed["endpointConfiguration"]["types"], json!(["PRIVATE"]));
    assert_eq!(listed["endpointConfiguration"]["vpcEndpointIds"], json!(["vpce-0123"]));
    assert_eq!(listed["tags"], json!({"team": "pay"}));
    assert_eq!(listed["disableExecuteApiEndpoint"], json!(true));
    assert_eq!((&listed["description"], &listed["version"]), (&json!("Orders"), &json!("2")));
}

#[test]
fn a_rest_stage_points_to_a_deployment_that_can_be_read() {
    let api = RestApi::new("orders")
        .id("api")
        .stage(RestStage::new("prod").deployment("dep1").created("2026-01-01").updated("2026-02-01").canary("dep2"))
        .deployment(Deployment::new("dep1").created("2026-01-15"));
    let (_sim, client) = serve(|world| world.rest(ACCOUNT, REGION, api));
    let stage = client.get("/restapis/api/stages").json()["item"][0].clone();
    assert_eq!(stage["stageName"], "prod");
    assert_eq!(stage["deploymentId"], "dep1");
    assert_eq!(stage["createdDate"], json!(1_767_225_600));
    assert_eq!(stage["lastUpdatedDate"], json!(1_769_904_000));
    assert_eq!(stage["canarySettings"]["deploymentId"], "dep2");
    assert_eq!(client.get("/restapis/api/deployments/dep1").json()["createdDate"], json!(1_768_435_200));
    assert_eq!(names(&client.get("/restapis/api/deployments").json()["item"], "id"), ["dep1", "dep2"]);
    assert!(client.get("/restapis/api/stages?deploymentId=dep2").json()["item"].as_array().expect("a list").is_empty());
}

#[test]
fn an_http_api_has_iso_dates_and_a_websocket_api_a_wss_endpoint() {
    let http = HttpApi::new("pay").id("h1").created("2026-02-03T04:05:06Z").tag("team", "pay");
    let (_sim, client) =
        serve(|world| world.http(ACCOUNT, REGION, http).http(ACCOUNT, REGION, HttpApi::websocket("chat").id("w1")));
    let apis = client.get("/v2/apis").json();
    assert_eq!(apis["items"][0]["createdDate"], "2026-02-03T04:05:06Z");
    assert_eq!(apis["items"][0]["protocolType"], "HTTP");
    assert_eq!(apis["items"][0]["apiEndpoint"], "https://h1.execute-api.eu-west-1.amazonaws.com");
    assert_eq!(apis["items"][1]["protocolType"], "WEBSOCKET");
    assert_eq!(apis["items"][1]["apiEndpoint"], "wss://w1.execute-api.eu-west-1.amazonaws.com");
    assert_eq!(client.get("/v2/apis/h1").json(), apis["items"][0]);
}

#[test]
fn an_http_stage_may_deploy_by_itself_or_not_be_deployed_at_all() {
    let api = HttpApi::new("pay")
        .id("h1")
        .stage("$default")
        .stage(HttpStage::undeployed("draft"))
        .stage(HttpStage::new("prod").deployment("dep1"))
        .deployment(Deployment::new("dep1").status(DeploymentStatus::Failed).created("2026-01-15"));
    let (_sim, client) = serve(|world| world.http(ACCOUNT, REGION, api));
    let stages = client.get("/v2/apis/h1/stages").json()["items"].clone();
    assert_eq!(names(&stages, "stageName"), ["$default", "draft", "prod"]);
    assert_eq!(stages[0]["autoDeploy"], true);
    assert!(stages[0]["deploymentId"].is_string());
    assert!(stages[1].get("deploymentId").is_none());
    assert_eq!(stages[1]["autoDeploy"], false);
    let deployment = client.get("/v2/apis/h1/deployments/dep1").json();
    assert_eq!(deployment["deploymentStatus"], "FAILED");
    assert_eq!(deployment["createdDate"], "2026-01-15T00:00:00Z");
    assert_eq!(client.get("/v2/apis/h1/deployments").json()["items"].as_array().expect("a list").len(), 2);
}

#[test]
fn what_does_not_exist_is_not_found_and_an_unknown_operation_is_counted() {
    let (sim, client) = serve(|world| world.rest(ACCOUNT, REGION, RestApi::new("orders").id("api").stage("prod")));
    for path in [
        "/restapis/none/stages",
        "/restapis/api/deployments/none",
        "/restapis/api/stages/none/exports/oas30",
        "/v2/apis/api",
        "/v2/apis/none/stages",
        "/domainnames/none/basepathmappings",
        "/v2/domainnames/none/apimappings",
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.error_type()), (404, "NotFoundException"), "{path}");
    }
    assert_eq!(sim.counts().unknown, 0);
    assert_eq!(client.get("/restapis/api/models").status, 404);
    assert_eq!(sim.counts().unknown, 1);
}

#[test]
fn an_export_is_a_document_and_a_stage_name_may_be_escaped() {
    let document = json!({"openapi": "3.0.1", "info": {"title": "mine", "version": "1"}, "paths": {}});
    let (_sim, client) = serve(|world| {
        world
            .rest(ACCOUNT, REGION, RestApi::new("orders").id("r1").stage("prod").specification(document.clone()))
            .http(ACCOUNT, REGION, HttpApi::new("pay").id("h1").stage("$default"))
            .http(ACCOUNT, REGION, HttpApi::new("empty").id("h2").stage("prod").specification(json!(null)))
            .http(ACCOUNT, REGION, HttpApi::websocket("chat").id("w1").stage("prod").route("$connect"))
    });
    let export = client.get("/restapis/r1/stages/prod/exports/oas30");
    assert_eq!(export.json(), document);
    assert_eq!(export.headers["content-type"], "application/json");
    let v2 =
        |id: &str, stage: &str| client.get(&format!("/v2/apis/{id}/exports/OAS30?outputType=JSON&stageName={stage}"));
    assert_eq!(v2("h1", "%24default").json()["info"]["title"], "pay");
    assert_eq!(v2("h1", "none").status, 404);
    assert_eq!(v2("h2", "prod").error_type(), "BadRequestException");
    assert_eq!(v2("w1", "prod").error_type(), "BadRequestException");
    assert_eq!(names(&client.get("/v2/apis/w1/routes").json()["items"], "routeKey"), ["$connect"]);
}

#[test]
fn names_may_repeat_and_ids_do_not_and_both_are_the_same_in_every_run() {
    let ids = || {
        let api = || RestApi::new("orders");
        let (_sim, client) = serve(|world| world.rest(ACCOUNT, REGION, api()).rest(ACCOUNT, REGION, api()));
        names(&client.get("/restapis").json()["item"], "id")
    };
    let first = ids();
    assert_ne!(first[0], first[1]);
    assert_eq!(first, ids());
}

#[test]
fn a_deployment_moves_the_stage_and_its_date() {
    let (sim, client) = serve(|world| world.rest(ACCOUNT, REGION, RestApi::new("orders").id("r1").stage("prod")));
    sim.change(|world| world.region(ACCOUNT, REGION).edit_rest("r1", |api| api.deploy("prod", "new", "2026-03-01")));
    let stage = client.get("/restapis/r1/stages").json()["item"][0].clone();
    assert_eq!(stage["deploymentId"], "new");
    assert_eq!(stage["lastUpdatedDate"], json!(1_772_323_200));
    assert_eq!(client.get("/restapis/r1/deployments/new").json()["createdDate"], json!(1_772_323_200));
}

#[test]
fn a_fleet_is_there_when_asked_for_and_nowhere_else() {
    let sim = Simulator::start(World::fleet(2000, 17, 40, 7, 2));
    let last = aboard_simulator::Fleet::access_key(1999);
    let client = Client::new(&sim, &last, "sa-east-1");
    let apis = client.get("/restapis?limit=500").json();
    assert_eq!(apis["item"].as_array().expect("a list").len(), 40);
    let http = client.get("/v2/apis?maxResults=500").json();
    assert_eq!(http["items"].as_array().expect("a list").len(), 7);
    let id = apis["item"][0]["id"].as_str().expect("an id");
    assert_eq!(client.get(&format!("/restapis/{id}/stages")).json()["item"].as_array().expect("a list").len(), 2);
    assert!(
        Client::new(&sim, &last, "af-south-1").get("/restapis").json()["item"].as_array().expect("a list").is_empty()
    );
}
