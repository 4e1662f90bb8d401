use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::inventory::{ApiId, InstanceKind};
use crate::notice::FailedScope;
use crate::targets::{Document, SpecificationFormat};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn api() -> ApiDocument {
    serde_json::from_value(json!({
        "partition": "aws", "account_id": "111122223333", "account_name": null, "region": "eu-west-1", "api_id": "a1b2c3d4e5",
        "protocol": "REST", "name": "orders", "description": null, "version": null, "endpoint_type": "REGIONAL", "tags": {"team": "pay"},
        "created_at": null, "first_published_at": null, "last_published_at": null, "instances": [],
        "decision": "onboard", "reason": "new", "state": "onboarded", "onboarded_at": null, "connection": "payments",
    }))
    .unwrap()
}

fn delivery() -> Delivery {
    let instance = Instance {
        stage: "prod".to_owned(),
        url: "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/prod".to_owned(),
        kind: InstanceKind::ExecuteApi,
        callable: true,
        created_at: None,
        deployed_at: None,
    };
    let document = Document { digest: "0a".repeat(32), bytes: 4711, text: None };
    let specification = |stage: &str, document: Result<Document, String>| Specification {
        stage: stage.to_owned(),
        format: SpecificationFormat::OpenApi,
        document,
    };
    Delivery {
        delivery_id: 7,
        key: "5e".repeat(32),
        attempt: 3,
        notice: Notice {
            event: "api.onboarded".to_owned(),
            occurred_at: at("2026-11-06T08:49:37.123Z"),
            target: "catalog".to_owned(),
            connection: "payments".to_owned(),
            run_id: Some(12),
            revision: 2,
            api: Some(api()),
            instances: vec![instance],
            run: None,
        },
        specifications: vec![
            specification("prod", Ok(document)),
            specification("test", Err("the export is larger than 10 MiB".to_owned())),
        ],
        undelivered_before: 0,
        addresses: Vec::new(),
    }
}

fn written(delivery: &Delivery) -> Value {
    serde_json::from_slice(&body(delivery).unwrap()).unwrap()
}

#[test]
fn an_event_about_an_api_names_it_its_addresses_and_its_specifications() {
    let delivery = delivery();
    let instances = serde_json::to_value(&delivery.notice.instances).unwrap();
    let expected = json!({
        "specversion": "1.0",
        "id": "5e".repeat(32),
        "source": "/aboard/connections/payments",
        "type": "aboard.api.onboarded",
        "subject": "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3d4e5",
        "time": "2026-11-06T08:49:37.123Z",
        "datacontenttype": "application/json",
        "partitionkey": "111122223333/eu-west-1/a1b2c3d4e5",
        "sequence": "0000000002",
        "data": {
            "event": "api.onboarded", "target": "catalog", "connection": "payments", "run_id": 12, "revision": 2,
            "api": serde_json::to_value(api()).unwrap(),
            "instances": instances,
            "specifications": [
                {"stage": "prod", "format": "openapi", "digest": format!("sha256:{}", "0a".repeat(32)), "bytes": 4711, "cause": null},
                {"stage": "test", "format": "openapi", "digest": null, "bytes": null, "cause": "the export is larger than 10 MiB"},
            ],
        },
    });
    assert_eq!(written(&delivery), expected);
}

#[test]
fn each_attempt_says_the_same() {
    let again = Delivery { attempt: 4, delivery_id: 8, ..delivery() };
    assert_eq!(body(&delivery()).unwrap(), body(&again).unwrap());
}

#[test]
fn the_subject_is_the_apis_arn_by_family_and_partition() {
    for (protocol, partition, arn) in [
        (Protocol::Http, "aws-cn", "arn:aws-cn:apigateway:eu-west-1::/apis/a1b2c3d4e5"),
        (Protocol::WebSocket, "aws", "arn:aws:apigateway:eu-west-1::/apis/a1b2c3d4e5"),
    ] {
        let mut delivery = delivery();
        delivery.notice.api = Some(ApiDocument { protocol, partition: partition.to_owned(), ..api() });
        assert_eq!(written(&delivery)["subject"], arn);
    }
    let id = ApiId { partition: "aws".to_owned(), ..api().id() };
    assert_eq!(written(&delivery())["partitionkey"], id.to_string());
}

#[test]
fn events_that_were_given_up_before_are_counted_where_there_are_any() {
    assert_eq!(written(&Delivery { undelivered_before: 3, ..delivery() })["data"]["undelivered_before"], 3);
    assert!(written(&delivery())["data"].get("undelivered_before").is_none());
}

#[test]
fn an_event_about_a_run_names_the_run_and_no_api() {
    let run = RunNotice {
        trigger: "schedule".to_owned(),
        started_at: at("2026-11-06T08:00:00Z"),
        finished_at: at("2026-11-06T08:49:37Z"),
        outcome: "partial".to_owned(),
        error: None,
        counts: BTreeMap::from([("seen".to_owned(), 40)]),
        failures: vec![FailedScope {
            account_id: Some("111122223333".to_owned()),
            account_name: None,
            region: Some("eu-west-1".to_owned()),
            family: Some("rest".to_owned()),
            state: "access_denied".to_owned(),
            cause: None,
        }],
        failures_in_all: 1,
        events: Vec::new(),
        events_in_all: BTreeMap::new(),
    };
    let mut delivery = delivery();
    delivery.specifications.clear();
    let notice = &mut delivery.notice;
    (notice.event, notice.api, notice.run) = ("run.finished".to_owned(), None, Some(run.clone()));
    notice.instances.clear();
    let written = written(&delivery);
    assert_eq!((&written["type"], &written["subject"]), (&json!("aboard.run.finished"), &json!("runs/12")));
    assert_eq!(written["data"]["run"], serde_json::to_value(run).unwrap());
    for absent in ["api", "instances", "revision", "specifications", "test"] {
        assert!(written["data"].get(absent).is_none(), "{absent}");
    }
    assert!(written.get("sequence").is_none() && written.get("partitionkey").is_none());
}

#[test]
fn an_event_that_only_tries_a_target_is_marked_and_has_an_id_of_its_own() {
    let mut notice = delivery().notice;
    (notice.event, notice.connection, notice.api, notice.run_id) = (TRIAL.to_owned(), String::new(), None, None);
    let written = written(&trial(&notice));
    assert_eq!(written["type"], "aboard.test");
    assert_eq!(written["source"], "/aboard");
    assert_eq!(written["id"], "test_1793954977123");
    assert_eq!(written["data"]["test"], true);
    assert!(written.get("subject").is_none());
}

/// What Standard Webhooks asks for is below 20 kB ("Payload size").
#[test]
fn an_api_with_everything_aws_allows_stays_below_twenty_kilobytes() {
    let mut delivery = delivery();
    let instance = delivery.notice.instances[0].clone();
    // Ten stages and fifty tags are AWS's own limits; fifty tags of average length, not of the longest.
    let instances: Vec<Instance> =
        (0..10).map(|stage| Instance { stage: format!("stage-{stage}"), ..instance.clone() }).collect();
    let mut api = api();
    api.tags = (0..50).map(|tag| (format!("cost-centre-{tag:02}"), "x".repeat(40))).collect();
    api.description = Some("x".repeat(1024));
    api.instances.clone_from(&instances);
    (delivery.notice.api, delivery.notice.instances) = (Some(api), instances);
    delivery.specifications = vec![delivery.specifications[0].clone(); 10];
    let length = body(&delivery).unwrap().len();
    assert!(length < 20_000, "{length}");
}
