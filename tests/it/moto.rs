//! Against moto, which knows many accounts and regions: what is found and registered over several runs, as boto3 sees it.

use serde_json::{Value, json};

use crate::support::{Home, Server, add_connection, assert_same_facts, schedules};

/// One connection for each of these accounts of moto, each with a key that was made in the account.
fn home(regions: &[&str], accounts: &[(&str, &Value)]) -> Home {
    let user = |name: &str, key: &Value| {
        format!("aws_user]\naccess_key_id = {}\nsecret_access_key = \"file:{name}.secret\"\n", key["id"])
    };
    let mut accounts = accounts.iter();
    let (first, key) = accounts.next().unwrap();
    let mut text = schedules(first, regions, &user(first, key));
    let mut secrets = vec![(first, key)];
    for (name, key) in accounts {
        add_connection(&mut text, name, regions, &user(name, key));
        secrets.push((name, key));
    }
    let home = Home::new(&Server::moto().url(), &text);
    for (name, key) in secrets {
        home.write(&format!("{name}.secret"), key["secret"].as_str().unwrap());
    }
    home
}

/// `onboard --all`, one report a connection by name, with the exit code.
fn onboard_all(home: &Home) -> (Option<i32>, Vec<Value>) {
    let said = home.run(&["-o", "json", "onboard", "--all"]);
    let mut reports = said.json_lines();
    reports.sort_by_key(|report| report["connection"].to_string());
    (said.code, reports)
}

/// Every API of several reports as one list.
fn apis(reports: &[Value]) -> Value {
    Value::Array(reports.iter().flat_map(|report| report["apis"].as_array().unwrap().clone()).collect())
}

/// Name, decision and reason of every API, in order.
fn decisions(apis: &Value) -> Vec<String> {
    let word = |api: &Value, member: &str| api[member].as_str().unwrap_or("-").to_owned();
    let row = |api: &Value| format!("{} {} {}", word(api, "name"), word(api, "decision"), word(api, "reason"));
    let mut rows: Vec<String> = apis.as_array().unwrap().iter().map(row).collect();
    rows.sort();
    rows
}

#[test]
fn several_accounts_and_regions_are_onboarded_once_and_followed_over_three_runs() {
    let moto = Server::moto();
    let made = moto.python(
        r#"
shop, bank, other = entered("300000000001"), entered("300000000002"), "us-east-2"
orders = rest(shop, "orders", ["prod", "dev"], description="what was bought", tags={"team": "shop"},
              endpointConfiguration={"types": ["REGIONAL"]})
rest(shop, "drafts", [])
rest(shop, "far", ["prod"], region=other)
basket = http(shop, "basket", Description="a basket", Tags={"team": "shop"})
stage(shop, basket, "$default", AutoDeploy=True)
stage(shop, basket, "manual")
prices = http(shop, "prices", "WEBSOCKET", region=other)
stage(shop, prices, "live", other, AutoDeploy=True)
# A deployment is told of a v2 stage neither by moto nor by AWS where there is none.
stage(shop, http(shop, "undeployed"), "prod")
ledger = rest(bank, "ledger", ["v1"], endpointConfiguration={"types": ["EDGE"]})
transfers = http(bank, "transfers", region=other)
stage(bank, transfers, "$default", other, AutoDeploy=True)

# moto keeps the domains of the two services apart.
edge_domain(bank, "edge.bank.example")
one = client(bank, "apigateway")
one.create_base_path_mapping(domainName="edge.bank.example", restApiId=ledger, stage="v1")
one.create_base_path_mapping(domainName="edge.bank.example", restApiId=ledger, stage="v1", basePath="ledger")
regional_domain(shop, "api.shop.example")
two = client(shop, "apigatewayv2")
two.create_api_mapping(DomainName="api.shop.example", ApiId=basket, Stage="$default", ApiMappingKey="basket/v1")
answer({"keys": [user(shop, "aboard"), user(bank, "aboard")], "basket": basket,
        "listing": listing(shop, REGION, other) + listing(bank, REGION, other)})
"#,
    );
    let home = home(&["eu-west-1", "us-east-2"], &[("shop", &made["keys"][0]), ("bank", &made["keys"][1])]);

    let discovered = home.run(&["-o", "json", "discover", "--all"]);
    assert_eq!(discovered.code, Some(0), "{discovered:?}");
    assert_same_facts(&apis(&discovered.json_lines()), &made["listing"]);

    let (code, first) = onboard_all(&home);
    assert_eq!(code, Some(0), "{first:?}");
    assert_eq!(
        decisions(&apis(&first)),
        [
            "basket onboard new",
            "drafts excluded unpublished",
            "far onboard new",
            "ledger onboard new",
            "orders onboard new",
            "prices onboard new",
            "transfers onboard new",
            "undeployed excluded unpublished",
        ]
    );
    let registered = home.json(&["apis"]);
    assert_same_facts(&registered, &without_stage(&made["listing"], "manual"));

    let (code, second) = onboard_all(&home);
    assert_eq!(code, Some(0), "{second:?}");
    assert!(second.iter().all(|report| report["counts"]["onboard"] == 0 && report["deliveries"] == 0), "{second:?}");
    assert_eq!(home.json(&["apis"]), as_already_onboarded(&registered));

    let changed = moto.python(&format!(
        r#"
shop, bank, other = entered("300000000001"), entered("300000000002"), "us-east-2"
client(shop, "apigatewayv2").delete_api(ApiId="{}")
rest(bank, "cards", ["v1"], region=other)
answer(listing(shop, REGION, other) + listing(bank, REGION, other))
"#,
        made["basket"].as_str().unwrap()
    ));
    let (code, third) = onboard_all(&home);
    // Something that was registered is not there: no failure, and told only when a second look agrees.
    assert_eq!(code, Some(0), "{third:?}");
    assert_eq!(
        decisions(&apis(&third)),
        [
            "basket held not_seen_once",
            "cards onboard new",
            "drafts excluded unpublished",
            "far already_onboarded already_onboarded",
            "ledger already_onboarded already_onboarded",
            "orders already_onboarded already_onboarded",
            "prices already_onboarded already_onboarded",
            "transfers already_onboarded already_onboarded",
            "undeployed excluded unpublished",
        ]
    );
    let there = third.iter().flat_map(|report| report["apis"].as_array().unwrap().clone());
    let there: Vec<Value> = there.filter(|api| api["name"] != "basket").collect();
    assert_same_facts(&Value::Array(there), &changed);
    assert_eq!(decisions(&home.json(&["apis", "--state", "onboarded"])).len(), 7);
}

fn without_stage(listing: &Value, stage: &str) -> Value {
    let mut listing = listing.clone();
    for api in listing.as_array_mut().unwrap() {
        api["instances"].as_array_mut().unwrap().retain(|instance| instance["stage"] != stage);
    }
    listing
}

/// The list after a run that changed nothing: `onboard` was yesterday's decision.
fn as_already_onboarded(apis: &Value) -> Value {
    let mut apis = apis.clone();
    for api in apis.as_array_mut().unwrap() {
        if api["decision"] == "onboard" {
            api["decision"] = json!("already_onboarded");
            api["reason"] = json!("already_onboarded");
        }
    }
    apis
}

#[test]
fn a_date_that_is_not_given_passes_published_after_and_is_flagged() {
    let made = Server::moto().python(
        r#"
account = entered("300000000011")
rest_api = rest(account, "orders")
http_api = http(account, "basket")
stage(account, http_api, "$default", AutoDeploy=True)
answer({"key": user(account, "aboard"), "rest": rest_api, "http": http_api})
"#,
    );
    let home = home(&["eu-west-1"], &[("own", &made["key"])]);
    let after = |date: &str| home.json(&["onboard", "own", "--published-after", date]);
    // The stage of the HTTP API has a date, which lies before; the stage of the REST API has none.
    let report = after("2999-01-01");
    assert_eq!(decisions(&report["apis"]), ["basket excluded published_before", "orders onboard new"], "{report}");
    let of = |id: &Value| {
        let explained = home.json(&["explain", id.as_str().unwrap()]);
        explained["decisions"][0]["date_unknown"].clone()
    };
    assert_eq!((of(&made["rest"]), of(&made["http"])), (json!(true), json!(false)));
    let said = home.ok(&["explain", made["rest"].as_str().unwrap()]);
    assert!(said.stdout.contains("AWS gave no date"), "{said:?}");
    // A date that it passes lets the other in too.
    let report = after("2020-01-01");
    assert_eq!(report["counts"]["onboard"], 1, "{report}");
    assert_eq!(of(&made["http"]), json!(false));
}

#[test]
fn sixty_accounts_of_an_organization_are_listed_in_pages_and_each_is_entered_or_told() {
    let made = Server::moto().python(
        r#"
management = entered("300000000021")
key = user(management, "organizer")
organizations = client(management, "organizations", "us-east-1")
organizations.create_organization(FeatureSet="ALL")
ids = []
for number in range(60):
    status = organizations.create_account(AccountName=f"member-{number:02}", Email=f"m{number}@example.com")
    ids.append(status["CreateAccountStatus"]["AccountId"])
for account_id in ids[:5]:
    organizations.close_account(AccountId=account_id)
apis = {}
for account_id in ids[5:]:
    member = assumed(management, f"arn:aws:iam::{account_id}:role/OrganizationAccountAccessRole")
    apis[account_id] = rest(member, f"orders-{account_id}")
answer({"key": key, "closed": ids[:5], "apis": apis})
"#,
    );
    let role = "central_role]\nrole_arn = \"arn:aws:iam::300000000021:role/Central\"\n\
                child_role_name = \"OrganizationAccountAccessRole\"\nmanagement_account = \"skip\"\n";
    let source = format!(
        "source = {{ aws_user = {{ access_key_id = {}, secret_access_key = \"file:org.secret\" }} }}\n",
        made["key"]["id"]
    );
    let home = Home::new(&Server::moto().url(), &schedules("org", &["eu-west-1"], &format!("{role}{source}")));
    home.write("org.secret", made["key"]["secret"].as_str().unwrap());

    let said = home.run(&["-o", "json", "onboard", "org"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let report = said.json();
    let scopes = report["scopes"].as_array().unwrap();
    let mut closed: Vec<&Value> = scopes.iter().filter(|scope| scope["region"].is_null()).collect();
    closed.sort_by_key(|scope| scope["account_id"].to_string());
    assert!(closed.iter().all(|scope| scope["state"] == "account_suspended" && scope["explained"] == true), "{report}");
    let mut expected: Vec<&Value> = made["closed"].as_array().unwrap().iter().collect();
    expected.sort_by_key(ToString::to_string);
    assert_eq!(closed.iter().map(|scope| &scope["account_id"]).collect::<Vec<_>>(), expected);
    assert_eq!(scopes.iter().filter(|scope| scope["state"] == "complete").count(), 2 * 55);
    let registered = home.json(&["apis"]);
    let found: std::collections::BTreeMap<&str, &str> = registered
        .as_array()
        .unwrap()
        .iter()
        .map(|api| (api["account_id"].as_str().unwrap(), api["api_id"].as_str().unwrap()))
        .collect();
    let there = made["apis"].as_object().unwrap().iter().map(|(account, id)| (account.as_str(), id.as_str().unwrap()));
    assert_eq!(found, there.collect(), "each account's API, once");
    assert!(registered[0]["account_name"].as_str().unwrap().starts_with("member-"), "{registered}");
}
