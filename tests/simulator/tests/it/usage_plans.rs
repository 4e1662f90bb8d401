//! Usage plans, API keys, the methods that need them, and who may touch them.

use aboard_simulator::{Failure, Fault, Operation, Policy, RestApi, Simulator, UsagePlan, User, World};
use serde_json::{Value, json};

use crate::client::{Client, names};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

fn serve(change: impl FnOnce(World) -> World) -> (Simulator, Client) {
    let world = World::new()
        .user("AKIA", ACCOUNT)
        .rest(ACCOUNT, REGION, RestApi::new("orders").id("r1").stage("prod").needs_key())
        .usage_plan(ACCOUNT, REGION, UsagePlan::new("p1", "gold").stage("r1", "prod"))
        .usage_plan(ACCOUNT, REGION, UsagePlan::new("p2", "free").description("for all").stage("r1", "prod"))
        .usage_plan(ACCOUNT, REGION, UsagePlan::new("p3", "other").throttle(10.5, 20).quota(1000, "DAY"));
    let simulator = Simulator::start(change(world));
    let client = Client::new(&simulator, "AKIA", REGION);
    (simulator, client)
}

fn new_key(client: &Client, name: &str) -> Value {
    let answer = client.write("POST", "/apikeys", &json!({"name": name, "description": "d", "enabled": true}));
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

fn keys_in(simulator: &Simulator, plan: &str) -> Vec<String> {
    simulator
        .change(|world| world.region(ACCOUNT, REGION).keys_in_plan(plan).iter().map(|key| key.id.clone()).collect())
}

#[test]
fn usage_plans_are_paged_and_say_their_stages_and_limits() {
    let (_sim, client) = serve(|world| world);
    let first = client.get("/usageplans?limit=2").json();
    assert_eq!(first["item"][0], json!({"id": "p1", "name": "gold", "apiStages": [{"apiId": "r1", "stage": "prod"}]}));
    assert_eq!(first["item"][1]["description"], "for all");
    let token = first["position"].as_str().expect("a token");
    let second = client.get(&format!("/usageplans?limit=2&position={token}")).json();
    let limits = json!({
        "id": "p3", "name": "other", "apiStages": [],
        "throttle": {"rateLimit": 10.5, "burstLimit": 20}, "quota": {"limit": 1000, "offset": 0, "period": "DAY"},
    });
    assert_eq!(second, json!({"item": [limits]}));
    assert_eq!(client.get("/usageplans?position=garbage").error_type(), "BadRequestException");
}

#[test]
fn a_key_is_made_put_into_a_plan_and_deleted() {
    let (sim, client) = serve(|world| world);
    let key = new_key(&client, "shop");
    let (id, value) = (key["id"].as_str().expect("an id"), key["value"].as_str().expect("a value"));
    assert_ne!(id, value);
    assert_eq!((id.len(), value.len(), &key["enabled"], &key["name"]), (10, 40, &json!(true), &json!("shop")));
    let attach = |plan: &str, id: &str| {
        client.write("POST", &format!("/usageplans/{plan}/keys"), &json!({"keyId": id, "keyType": "API_KEY"}))
    };
    let attached = attach("p1", id);
    assert_eq!((attached.status, attached.json()["id"].as_str()), (201, Some(id)));
    assert_eq!(keys_in(&sim, "p1"), [id]);
    assert_eq!(names(&client.get(&format!("/usageplans?keyId={id}")).json()["item"], "id"), ["p1"]);
    for (plan, id, error) in
        [("p1", id, "Conflict"), ("p2", id, "Conflict"), ("none", id, "NotFound"), ("p1", "none", "NotFound")]
    {
        assert_eq!(attach(plan, id).error_type(), format!("{error}Exception"), "{plan} {id}");
    }
    assert_eq!(attach("p3", id).status, 201);
    let gone = client.write("DELETE", &format!("/apikeys/{id}"), &Value::Null);
    assert_eq!((gone.status, gone.body.as_str()), (202, ""));
    assert!(keys_in(&sim, "p1").is_empty() && keys_in(&sim, "p3").is_empty());
    assert_eq!(client.get(&format!("/usageplans?keyId={id}")).json(), json!({"item": []}));
    assert_eq!(client.write("DELETE", &format!("/apikeys/{id}"), &Value::Null).error_type(), "NotFoundException");
    let answer = client.get(&format!("/apikeys/{id}"));
    assert_eq!((answer.status, answer.error_type()), (404, "NotFoundException"));
    assert_eq!(sim.calls_of(Operation::CreateUsagePlanKey), 6);
    assert_eq!((sim.calls_of(Operation::DeleteApiKey), sim.counts().unknown), (2, 0));
}

#[test]
fn no_key_is_made_twice_and_none_is_enabled_unasked() {
    let (sim, client) = serve(|world| world);
    let first = new_key(&client, "shop");
    client.write("DELETE", &format!("/apikeys/{}", first["id"].as_str().expect("an id")), &Value::Null);
    let second = new_key(&client, "shop");
    assert_ne!((&first["id"], &first["value"]), (&second["id"], &second["value"]));
    let own = json!({"value": "a value of more than 20 letters", "generateDistinctId": true});
    assert_eq!(client.write("POST", "/apikeys", &own).json()["enabled"], false);
    assert!(sim.change(|world| world.region(ACCOUNT, REGION).api_keys().any(|key| key.generate_distinct_id)));
    assert_eq!(client.write("POST", "/apikeys", &own).error_type(), "ConflictException");
    assert_eq!(client.write("POST", "/apikeys", &json!({"value": "short"})).error_type(), "BadRequestException");
}

#[test]
fn keys_are_found_by_the_beginning_of_their_name_and_tell_their_value_only_when_asked() {
    let (_sim, client) = serve(|world| world);
    for name in ["shop-1", "shop-2", "bank-1"] {
        new_key(&client, name);
    }
    let mut found = names(&client.get("/apikeys?name=shop&includeValues=false").json()["item"], "name");
    found.sort();
    assert_eq!(found, ["shop-1", "shop-2"]);
    let first = client.get("/apikeys?limit=2").json();
    assert!(first["item"][0].get("value").is_none());
    let token = first["position"].as_str().expect("a token");
    let second = client.get(&format!("/apikeys?limit=2&position={token}&includeValues=true")).json();
    assert_eq!(second["item"].as_array().map(Vec::len), Some(1));
    assert_eq!(second["item"][0]["value"].as_str().map(str::len), Some(40));
    let id = second["item"][0]["id"].as_str().expect("an id");
    assert!(client.get(&format!("/apikeys/{id}")).json().get("value").is_none());
    assert!(client.get(&format!("/apikeys/{id}?includeValue=true")).json()["value"].is_string());
}

#[test]
fn resources_say_of_each_method_whether_it_needs_a_key() {
    let api = RestApi::new("mixed").id("r2").method("/orders/{id}", "GET", true).method("/orders", "POST", false);
    let (_sim, client) = serve(|world| world.rest(ACCOUNT, REGION, api));
    let needs = |answer: &Value, path: &str, method: &str| {
        let items = answer["item"].as_array().expect("a list");
        let resource = items.iter().find(|item| item["path"] == path).expect("the path");
        resource["resourceMethods"][method]["apiKeyRequired"].clone()
    };
    assert_eq!(needs(&client.get("/restapis/r1/resources?embed=methods").json(), "/orders", "GET"), json!(true));
    let mixed = client.get("/restapis/r2/resources?embed=methods&limit=500").json();
    assert_eq!(needs(&mixed, "/orders/{id}", "GET"), json!(true));
    assert_eq!(needs(&mixed, "/orders", "POST"), json!(false));
    let paths = names(&mixed["item"], "path");
    assert!(paths.len() == 3 && paths.contains(&"/".to_owned()), "{paths:?}");
    assert!(needs(&client.get("/restapis/r2/resources").json(), "/orders", "POST").is_null());
    let page = client.get("/restapis/r2/resources?limit=2").json();
    assert_eq!(page["item"].as_array().map(Vec::len), Some(2));
    assert!(page["position"].is_string());
    assert_eq!(client.get("/restapis/none/resources").error_type(), "NotFoundException");
}

#[test]
fn a_policy_lets_its_principals_do_what_it_says_and_nothing_else() {
    let policy = Policy::of("user/agent").allow("GET", "/restapis/*").allow("POST", "/usageplans/*/keys");
    let (sim, all) = serve(|world| world.user_with(User::new("AKIAAGENT", ACCOUNT).name("agent")).policy(policy));
    let agent = Client::new(&sim, "AKIAAGENT", REGION);
    let key = new_key(&all, "shop");
    let attach = json!({"keyId": key["id"], "keyType": "API_KEY"});
    assert_eq!(agent.get("/restapis/r1/resources?embed=methods").status, 200);
    assert_eq!(agent.write("POST", "/usageplans/p1/keys", &attach).status, 201);
    for (method, path, resource) in [
        ("GET", "/restapis?limit=500", "/restapis"),
        ("GET", "/v2/apis", "/apis"),
        ("GET", "/apikeys", "/apikeys"),
        ("POST", "/apikeys", "/apikeys"),
        ("DELETE", "/apikeys/k1", "/apikeys/k1"),
    ] {
        let answer = agent.write(method, path, &Value::Null);
        assert_eq!((answer.status, answer.error_type()), (403, "AccessDeniedException"), "{method} {path}");
        let message = answer.json()["message"].as_str().expect("a message").to_owned();
        let expected = format!("apigateway:{method} on resource: arn:aws:apigateway:eu-west-1::{resource} because");
        assert!(message.contains(&expected), "{message}");
    }
    assert_eq!(all.get("/restapis").status, 200);
}

#[test]
fn faults_strike_what_writes_as_they_strike_what_reads() {
    let (sim, client) = serve(|world| world);
    sim.fault(Fault::new(Failure::TooManyRequests).on(Operation::CreateApiKey).times(1));
    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::CreateUsagePlanKey).about("p1").times(1));
    assert_eq!(client.write("POST", "/apikeys", &json!({"name": "shop"})).status, 429);
    let denied = client.write("POST", "/usageplans/p1/keys", &json!({}));
    assert!(denied.body.contains("apigateway:POST on resource: arn:aws:apigateway:eu-west-1::/usageplans/p1/keys"));
    assert_eq!((sim.counts().throttled, sim.counts().of_region(ACCOUNT, REGION)), (1, 2));
}
