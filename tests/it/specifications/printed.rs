//! What `spec` prints, and how it refuses.

use aboard_simulator::RestApi;
use serde_json::json;

use super::{ONBOARD, document, listed, rest_export, world};
use crate::support::shop::{self, ACCOUNT, REGION, open};

#[test]
fn a_document_is_printed_as_it_is_stored_whatever_form_is_asked_for() {
    let (_sim, home) = open(world());
    home.ok(&ONBOARD);
    let text = home.ok(&["spec", "restorders"]).stdout;
    assert_eq!(home.ok(&["-o", "json", "spec", "eu-west-1/restorders", "--stage", "prod"]).stdout, text);
    assert_eq!(home.ok(&["spec", "https://api.shop.example/orders"]).stdout, text);
    let row = listed(&home, "restorders")[0].clone();
    assert_eq!((&row["bytes"], &row["format"], &row["cause"]), (&json!(text.len()), &json!("openapi"), &json!(null)));
    assert_eq!(row["digest"].as_str().unwrap().len(), 64);
    chrono::DateTime::parse_from_rfc3339(row["exported_at"].as_str().unwrap()).unwrap();
    let table = home.ok(&["spec", "restorders", "--list"]).stdout;
    assert!(table.starts_with("STAGE  FORMAT") && table.contains("prod   openapi"), "{table}");
}

#[test]
fn of_several_stages_one_must_be_named() {
    let orders = RestApi::new("orders").id("restorders").stage("prod").stage("test").specification(rest_export());
    let (_sim, home) = open(shop::world().rest(ACCOUNT, REGION, orders));
    home.ok(&ONBOARD);
    let said = home.run(&["spec", "restorders"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
    assert!(said.stderr.contains("2 stages:\n  prod\n  test\n") && said.stderr.contains("--stage"), "{said:?}");
    let url = |stage: &str| document(&home, &["restorders", "--stage", stage])["servers"][0]["url"].clone();
    assert_eq!(url("test"), "https://restorders.execute-api.eu-west-1.amazonaws.com/test");
    assert_eq!(url("prod"), "https://restorders.execute-api.eu-west-1.amazonaws.com/prod");
    let said = home.run(&["spec", "restorders", "--stage", "prd"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("no stage named prd") && said.stderr.contains("did you mean prod?"), "{said:?}");
}

#[test]
fn an_api_that_is_left_out_has_none_and_says_so() {
    let (_sim, home) = open(shop::world().rest(ACCOUNT, REGION, RestApi::new("bare").id("bareapi001")));
    assert_eq!(home.run(&["spec", "bareapi001"]).code, Some(1), "there is no registry");
    home.ok(&ONBOARD);
    let said = home.run(&["spec", "bareapi001"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("only APIs that were onboarded are exported"), "{said:?}");
    assert_eq!(listed(&home, "bareapi001"), json!([]));
}
