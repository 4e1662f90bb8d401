//! The description against the routes and the words of the program; the answers of the real worker are held against it by `tests/it`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Site;
use crate::http::answer::KINDS;
use crate::http::routes::ROUTES;
use crate::http::{openapi, query};
use crate::inventory::{Protocol, ScopeState};
use crate::plan::{ApiState, Decision, Reason};

fn operations() -> Vec<(String, String, &'static Value)> {
    let paths = openapi()["paths"].as_object().unwrap().iter();
    let methods = |(path, item): (&String, &'static Value)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(|(method, operation)| (method.clone(), path.clone(), operation)).collect::<Vec<_>>()
    };
    paths.flat_map(methods).collect()
}

fn strings(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let described: BTreeSet<_> = operations().into_iter().map(|(method, path, _)| (method, path)).collect();
    let routes = ROUTES.map(|(method, path)| (method.to_owned(), path.to_owned()));
    assert_eq!(described, BTreeSet::from(routes));
}

#[tokio::test]
async fn every_route_is_there_and_answers_what_is_described() {
    let site = Site::local().await;
    let _folder = site.token("t");
    for (method, path, operation) in operations() {
        let path = path.replace("{name}", "payments").replace("{id}", "1");
        let body = if path.ends_with("reload") { "{\"accept\":true}" } else { "" };
        let answer = site.ask(&method.to_uppercase(), &path, &["Authorization: Bearer t"], body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        let content = operation["responses"]["200"]["content"].as_object().unwrap();
        let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
        assert!(content.contains_key(kind), "{path}: {kind}");
        let refused = site.ask(&method.to_uppercase(), &path, &["Authorization: Bearer x"], "").await;
        if refused.status != 200 {
            assert!(operation["responses"].get(refused.status.to_string()).is_some(), "{path}: {refused:?}");
        }
        let open = operation["security"].as_array().unwrap().iter().any(|way| way == &serde_json::json!({}));
        assert_eq!(open, method == "get", "{method} {path}: only reading is done without a token");
    }
}

#[test]
fn the_parameters_are_those_that_are_understood() {
    for (path, known) in [
        ("/api/v1/connections", &query::OF_CONNECTIONS[..]),
        ("/api/v1/integrations", &query::OF_INTEGRATIONS),
        ("/api/v1/apis", &query::OF_APIS),
        ("/api/v1/runs", &query::OF_RUNS),
        ("/api/v1/coverage", &query::OF_COVERAGE),
    ] {
        let parameters = openapi()["paths"][path]["get"]["parameters"].as_array().unwrap();
        let names: Vec<&str> = parameters.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, known, "{path}");
        let limit = &parameters[names.iter().position(|name| *name == "limit").unwrap()]["schema"];
        assert_eq!((&limit["default"], &limit["maximum"]), (&query::LIMIT.into(), &query::MOST.into()));
    }
}

#[test]
fn the_words_are_those_of_the_program() {
    let schemas = &openapi()["components"]["schemas"];
    let of = |schema: &str, member: &str| strings(&schemas[schema]["properties"][member]["enum"]);
    assert_eq!(of("Api", "state"), ApiState::ALL.map(ApiState::as_str).into());
    assert_eq!(of("Api", "decision"), Decision::ALL.map(Decision::as_str).into());
    assert_eq!(of("Api", "reason"), Reason::ALL.map(Reason::as_str).into());
    assert_eq!(of("Api", "protocol"), Protocol::ALL.map(Protocol::as_str).into());
    assert_eq!(of("Coverage", "state"), ScopeState::ALL.map(ScopeState::as_str).into());
    assert_eq!(of("RunScope", "state"), ScopeState::ALL.map(ScopeState::as_str).into());
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_and_problem_is_used() {
    let text = openapi().to_string();
    let mut used = BTreeSet::new();
    for (_, after) in text.match_indices("\"$ref\":\"#").map(|(at, found)| text.split_at(at + found.len())) {
        let pointer = after.split('"').next().unwrap();
        assert!(openapi().pointer(pointer).is_some(), "{pointer}");
        used.insert(pointer.to_owned());
    }
    for name in openapi()["components"]["schemas"].as_object().unwrap().keys() {
        assert!(used.contains(&format!("/components/schemas/{name}")), "{name} is used by nothing");
    }
    // These two come from every path, or from none that exists.
    for (kind, status) in
        KINDS.into_iter().filter(|(kind, _)| !["method_not_allowed", "token_unreadable"].contains(kind))
    {
        assert!(used.contains(&format!("/components/responses/{kind}")), "{kind} {status} is answered by nothing");
    }
}

#[test]
fn objects_are_closed_and_name_what_is_always_there() {
    for (name, schema) in openapi()["components"]["schemas"].as_object().unwrap() {
        assert_eq!(schema["additionalProperties"], false, "{name}");
        let members: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let required = strings(&schema["required"]);
        assert!(required == members || ["Pause", "Reload"].contains(&name.as_str()), "{name}");
    }
}
