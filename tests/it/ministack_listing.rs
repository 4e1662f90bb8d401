//! Against MiniStack: what is found, field by field, as boto3 finds it.

use serde_json::{Value, json};

use crate::support::{Home, Server, assert_same_facts, schedules};

fn as_root(account_id: &str) -> Home {
    let user = format!("aws_user]\naccess_key_id = \"{account_id}\"\nsecret_access_key = \"file:secret\"\n");
    let home = Home::new(&Server::ministack().url(), &schedules("own", &["eu-west-1", "eu-central-1"], &user));
    home.write("secret", "test");
    home
}

#[test]
fn every_field_of_every_api_is_what_an_independent_listing_says() {
    let mut expected = Server::ministack().python(
        r#"
account, other = root("200000000001"), "eu-central-1"
orders = rest(account, "orders", ["prod", "dev"], description="what was bought", version="1.2",
              tags={"team": "shop", "env": "live"}, endpointConfiguration={"types": ["REGIONAL"]})
rest(account, "drafts", [])
rest(account, "hidden", ["prod"], disableExecuteApiEndpoint=True)
ledger = rest(account, "ledger", ["v1"], region=other, endpointConfiguration={"types": ["EDGE"]})

basket = http(account, "basket", Description="a basket", Version="7", Tags={"team": "shop"})
stage(account, basket, "$default", AutoDeploy=True)
deployment = client(account, "apigatewayv2").create_deployment(ApiId=basket)["DeploymentId"]
stage(account, basket, "beta", DeploymentId=deployment)
stage(account, basket, "empty")
prices = http(account, "prices", "WEBSOCKET", region=other)
deployment = client(account, "apigatewayv2", other).create_deployment(ApiId=prices)["DeploymentId"]
stage(account, prices, "live", other, DeploymentId=deployment)
# The same name twice is two APIs.
stage(account, http(account, "basket"), "$default", AutoDeploy=True)

regional_domain(account, "api.shop.example")
two = client(account, "apigatewayv2")
for api_id, named, path in ((orders, "prod", "orders"), (orders, "dev", "orders/next/v2"), (basket, "$default", "")):
    two.create_api_mapping(DomainName="api.shop.example", ApiId=api_id, Stage=named, ApiMappingKey=path)
edge_domain(account, "edge.shop.example", other)
one = client(account, "apigateway", other)
one.create_base_path_mapping(domainName="edge.shop.example", restApiId=ledger, stage="v1")
one.create_base_path_mapping(domainName="edge.shop.example", restApiId=ledger, stage="v1", basePath="ledger")
answer(listing(account, REGION, other))
"#,
    );
    let home = as_root("200000000001");
    let discovered = home.json(&["discover", "own"]);
    assert_eq!(discovered["outcome"], "succeeded", "{discovered}");
    assert_eq!(expected.as_array().unwrap().len(), 7);
    assert_same_facts(&discovered["apis"], &expected);

    let onboarded = home.json(&["onboard", "own"]);
    assert_eq!(onboarded["counts"]["onboard"], 6, "{onboarded}");
    // From here on the registered addresses are shown, and a stage that nothing was deployed to is none.
    for api in expected.as_array_mut().unwrap() {
        api["instances"].as_array_mut().unwrap().retain(|instance| instance["stage"] != "empty");
    }
    assert_same_facts(&onboarded["apis"], &expected);
    // The registry remembers all of it.
    assert_same_facts(&home.json(&["apis"]), &expected);
    let drafts = onboarded["apis"].as_array().unwrap().iter().find(|api| api["name"] == "drafts").unwrap();
    assert_eq!((&drafts["decision"], &drafts["reason"]), (&json!("excluded"), &json!("unpublished")));
    // A second run asks for no date again and knows them all the same.
    let again = home.json(&["onboard", "own"]);
    assert_eq!(again["counts"]["already_onboarded"], 6, "{again}");
    assert_same_facts(&again["apis"], &expected);
}

#[test]
fn five_hundred_and_twenty_apis_are_found_once_each_over_two_pages() {
    let expected = Server::ministack().python(
        r#"
account = root("200000000002")
gateway = client(account, "apigateway")
ids = [gateway.create_rest_api(name=f"api-{number}")["id"] for number in range(520)]
first = gateway.get_rest_apis(limit=500)
assert len(first["items"]) == 500 and first["position"], "it pages as AWS does"
for api_id in ids[::100] + ids[-1:]:
    gateway.create_deployment(restApiId=api_id, stageName="prod")
answer({"ids": sorted(ids), "published": sorted(ids[::100] + ids[-1:])})
"#,
    );
    let home = as_root("200000000002");
    let report = home.json(&["onboard", "own", "--region", "eu-west-1"]);
    assert_eq!(report["outcome"], "succeeded", "{}", report["scopes"]);
    let ids = |decision: Option<&str>| {
        let apis = report["apis"].as_array().unwrap().iter();
        let chosen = apis.filter(|api| decision.is_none_or(|decision| api["decision"] == decision));
        let mut ids: Vec<Value> = chosen.map(|api| api["api_id"].clone()).collect();
        ids.sort_by_key(Value::to_string);
        Value::Array(ids)
    };
    assert_eq!(ids(None), expected["ids"]);
    assert_eq!(ids(Some("onboard")), expected["published"]);
    assert_eq!(report["counts"]["seen"], 520);
    assert_eq!(home.json(&["apis"]).as_array().unwrap().len(), 520);
    // Two pages, one call for the stages of each API, one for each date; custom domains once by each service.
    let rest = report["scopes"].as_array().unwrap().iter().find(|row| row["family"] == "rest").unwrap();
    assert_eq!(rest["calls"], 2 + 520 + 7 + 1, "{rest}");
}
