//! What is created, and when nothing is.

use std::collections::BTreeSet;

use aboard::inventory::Protocol;
use aboard::targets::Verdict;
use futures_util::future::join_all;
use serde_json::json;

use super::{Desk, ORDERS_NAME, api, event, instance, onboarded, orders, specification, unexported, url};
use crate::support::apisec::Shape;

#[tokio::test]
async fn a_new_api_becomes_an_application_with_an_instance_for_each_address() {
    let desk = Desk::new();
    let api = api("orders", "a1b2c3d4e5", &["live", "prod"]);
    let said = desk.delivered(&onboarded(&api)).await;
    let application = desk.stub.only();
    assert_eq!((application.name.as_str(), application.origin.as_str()), (ORDERS_NAME, "CLI"));
    assert_eq!(application.specification["info"]["title"], "a1b2c3d4e5 live");
    assert_eq!(application.urls(), [url("a1b2c3d4e5", "live"), url("a1b2c3d4e5", "prod")]);
    assert_eq!(application.instances[0].name, "live (a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/live)");
    // The second stage has a specification of its own.
    assert!(application.instances[0].loaded.is_none());
    assert_eq!(application.instances[1].loaded.as_ref().unwrap()["info"]["title"], "a1b2c3d4e5 prod");
    assert!(
        said.starts_with(&format!("created application \"{ORDERS_NAME}\" (app-0001); created 2 instances")),
        "{said}"
    );
    desk.stub.assert_sane();
}

#[tokio::test]
async fn a_delivery_that_comes_again_changes_nothing() {
    let desk = Desk::new();
    let delivery = onboarded(&api("orders", "a1b2c3d4e5", &["live", "prod"]));
    desk.delivered(&delivery).await;
    desk.stub.forget_calls();
    desk.delivered(&delivery).await;
    assert_eq!(desk.stub.calls(), ["GET /v1/applications/app-0001"]);
}

#[tokio::test]
async fn whatever_the_creation_of_instances_answers_their_ids_are_read_back() {
    for shape in Shape::ALL {
        let desk = Desk::new();
        desk.stub.answers_in(shape);
        desk.stub.hides_instances_for(2);
        desk.delivered(&onboarded(&orders())).await;
        let id = &desk.stub.only().instances[0].id;
        assert_eq!(&desk.book.of(&orders())["instances"][url("a1b2c3d4e5", "prod")]["id"], id, "{shape:?}");
        assert_eq!(desk.stub.count("POST /v1/applications/app-0001/instances/batch"), 1, "{shape:?}");
    }
}

#[tokio::test]
async fn a_further_address_becomes_a_further_instance_of_the_same_application() {
    let desk = Desk::new();
    desk.delivered(&onboarded(&orders())).await;
    let both = api("orders renamed", "a1b2c3d4e5", &["live", "prod"]);
    let mut added = event("api.instance_added", &both);
    added.notice.instances = vec![instance("a1b2c3d4e5", "live")];
    desk.delivered(&added).await;
    assert_eq!(desk.stub.only().urls(), [url("a1b2c3d4e5", "live"), url("a1b2c3d4e5", "prod")]);
    assert_eq!(desk.stub.only().name, ORDERS_NAME, "it keeps the name that it was given");
}

#[tokio::test]
async fn what_is_gone_is_written_down_and_stays_there() {
    let desk = Desk::new();
    let both = api("orders", "a1b2c3d4e5", &["live", "prod"]);
    desk.delivered(&onboarded(&both)).await;
    desk.stub.forget_calls();
    let mut removed = event("api.instance_removed", &orders());
    removed.notice.instances = vec![instance("a1b2c3d4e5", "live")];
    let said = desk.delivered(&removed).await;
    assert!(said.starts_with("recorded; its instances in application app-0001 stay"), "{said}");
    assert_eq!(desk.book.of(&both)["instances"][url("a1b2c3d4e5", "live")]["removed"], true);
    desk.delivered(&event("api.gone", &orders())).await;
    assert_eq!(desk.book.of(&both)["gone"], true);
    assert_eq!(desk.stub.calls(), Vec::<String>::new(), "nothing is asked");
    assert_eq!(desk.stub.only().instances.len(), 2);
    // It returns with both addresses.
    desk.delivered(&event("api.returned", &both)).await;
    assert_eq!(desk.book.of(&both)["gone"], false);
    assert_eq!(desk.book.of(&both)["instances"][url("a1b2c3d4e5", "live")]["removed"], false);
    assert_eq!(desk.stub.only().instances.len(), 2);
    desk.stub.assert_sane();
}

#[tokio::test]
async fn an_application_that_a_person_deleted_is_created_again_and_an_instance_only_with_news_of_it() {
    let desk = Desk::new();
    desk.delivered(&onboarded(&orders())).await;
    desk.stub.remove("app-0001");
    // The memory is not young any more, or else it might only not be shown yet.
    desk.book.age();
    desk.delivered(&event("api.returned", &orders())).await;
    assert_eq!(desk.stub.only().id, "app-0003");
    desk.stub.remove_instance(&url("a1b2c3d4e5", "prod"));
    let mut added = event("api.instance_added", &api("orders", "a1b2c3d4e5", &["live", "prod"]));
    added.notice.instances = vec![instance("a1b2c3d4e5", "live")];
    desk.delivered(&added).await;
    assert_eq!(desk.stub.only().urls(), [url("a1b2c3d4e5", "live")], "the other address was none of this event's");
    desk.delivered(&event("api.returned", &orders())).await;
    assert_eq!(desk.stub.only().instances.len(), 2);
}

#[tokio::test]
async fn a_hundred_apis_of_one_run_share_one_listing() {
    let desk = Desk::with("in_flight = 8");
    desk.stub.page_of(10);
    for n in 0..35 {
        desk.stub.add(&format!("other {n}"), &[&format!("https://other-{n}.example.com")]);
    }
    let apis: Vec<_> = (0..100).map(|n| api("same name", &format!("api{n:07}"), &["prod"])).collect();
    let deliveries: Vec<_> = apis.iter().map(onboarded).collect();
    for said in join_all(deliveries.iter().map(|delivery| desk.delivered(delivery))).await {
        assert!(said.contains("created application"), "{said}");
    }
    assert_eq!(desk.stub.count("GET /v1/applications"), 4, "35 applications on pages of 10");
    assert_eq!(desk.stub.applications().len(), 135);
    let names: BTreeSet<_> = desk.stub.applications().into_iter().map(|it| it.name).collect();
    assert_eq!(names.len(), 135, "one name of theirs, a hundred of ours");
    desk.stub.assert_sane();
    // What was created since belongs to it too; another run has one of its own.
    let mut later = onboarded(&api("late", "late000000", &["prod"]));
    desk.delivered(&later).await;
    assert_eq!(desk.stub.count("GET /v1/applications"), 4);
    later = onboarded(&api("later", "later00000", &["prod"]));
    later.notice.run_id = Some(2);
    desk.delivered(&later).await;
    assert_eq!(desk.stub.count("GET /v1/applications"), 4 + 14);
}

#[tokio::test]
async fn an_api_whose_specification_could_not_be_exported_is_registered_without_and_gets_it_later() {
    let desk = Desk::new();
    let mut delivery = onboarded(&orders());
    delivery.specifications = vec![unexported("prod")];
    let said = desk.delivered(&delivery).await;
    assert!(
        said.contains("without a specification, which is loaded when an event brings it (stage prod: AWS would"),
        "{said}"
    );
    let stood_in = desk.stub.only().specification;
    assert_eq!((&stood_in["info"]["title"], &stood_in["paths"]), (&json!("orders"), &json!({})));
    assert_eq!(stood_in["servers"][0]["url"], url("a1b2c3d4e5", "prod"));
    assert!(stood_in["info"]["description"].as_str().unwrap().contains("AWS would not export it"));
    // Any later event that brings one.
    let both = api("orders", "a1b2c3d4e5", &["live", "prod"]);
    let mut added = event("api.instance_added", &both);
    added.notice.instances = vec![instance("a1b2c3d4e5", "live")];
    desk.delivered(&added).await;
    let loaded: BTreeSet<_> = desk.stub.only().instances.into_iter().map(|it| it.loaded.unwrap().to_string()).collect();
    let wanted = ["live", "prod"].map(|stage| specification("a1b2c3d4e5", stage, "1").document.unwrap().text.unwrap());
    assert_eq!(loaded, wanted.iter().map(ToString::to_string).collect());
}

#[tokio::test]
async fn web_socket_apis_and_messages_about_runs_are_not_sent() {
    let desk = Desk::new();
    let mut prices = orders();
    prices.protocol = Protocol::WebSocket;
    let said = desk.delivered(&onboarded(&prices)).await;
    assert_eq!(said, "APIsec takes no WebSocket APIs; nothing was sent");
    let mut summary = event("run.summary", &orders());
    assert_eq!(desk.deliver(&summary).await, Verdict::Unchanged);
    summary.notice.api = None;
    assert_eq!(desk.deliver(&summary).await, Verdict::Unchanged);
    assert_eq!(desk.stub.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn an_api_without_an_address_becomes_an_application_without_instances() {
    let desk = Desk::new();
    desk.delivered(&onboarded(&api("orders", "a1b2c3d4e5", &[]))).await;
    assert_eq!(desk.stub.only().urls(), Vec::<String>::new());
    assert_eq!(desk.stub.count("POST /v1/applications/app-0001/instances/batch"), 0);
}

#[tokio::test]
async fn a_test_reads_and_creates_nothing() {
    let desk = Desk::new();
    desk.stub.page_of(2);
    for n in 0..3 {
        desk.stub.add(&format!("other {n}"), &[]);
    }
    let notice = event("aboard.test", &orders()).notice;
    let said = desk.target.test(&notice).await.unwrap();
    assert!(said.starts_with("the token may read: 2 applications on the first page; nothing was created"), "{said}");
    assert_eq!(desk.stub.calls(), ["GET /v1/applications"]);
}
