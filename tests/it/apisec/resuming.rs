//! Whatever fails or dies between the two steps, an API is one application.

use super::{Book, Desk, LONG, ORDERS_NAME, api, onboarded, orders, url};
use crate::support::apisec::Fault;
use aboard::targets::{Delivery, Verdict};

/// Two stages, so that there are a listing, a creation, reads, instances, and a specification to load.
fn delivery() -> Delivery {
    onboarded(&api("orders", "a1b2c3d4e5", &["live", "prod"]))
}

/// What has to be there in the end, whatever happened.
fn assert_registered_once(desk: &Desk, what: &str) {
    let application = desk.stub.only();
    assert_eq!(application.name, ORDERS_NAME, "{what}");
    assert_eq!(application.urls(), [url("a1b2c3d4e5", "live"), url("a1b2c3d4e5", "prod")], "{what}");
    assert_eq!(desk.book.of(&api("", "a1b2c3d4e5", &[]))["application_id"], application.id, "{what}");
    let prod = application.instances.iter().find(|it| it.url == url("a1b2c3d4e5", "prod")).unwrap();
    assert_eq!(prod.loaded.as_ref().unwrap()["info"]["title"], "a1b2c3d4e5 prod", "{what}");
    desk.stub.assert_sane();
}

/// How many requests it takes where nothing fails.
async fn requests() -> usize {
    let desk = Desk::new();
    desk.delivered(&delivery()).await;
    assert_registered_once(&desk, "nothing failed");
    desk.stub.calls().len()
}

#[tokio::test]
async fn a_process_that_dies_at_any_request_is_gone_on_with_by_the_next() {
    let requests = requests().await;
    assert_eq!(requests, 7, "listing, creation, look, instances, look, specification, look");
    for number in 1..=requests {
        for fault in [Fault::StuckBefore, Fault::StuckAfter] {
            let (mut desk, delivery) = (Desk::new(), delivery());
            desk.stub.fail(number, fault);
            tokio::select! {
                verdict = desk.deliver(&delivery) => panic!("{verdict:?}"),
                () = desk.stub.stuck() => {}
            }
            desk.restart();
            desk.book.age();
            desk.delivered_in_the_end(&delivery).await;
            assert_registered_once(&desk, &format!("{fault:?} {number}"));
        }
    }
}

#[tokio::test]
async fn any_two_failures_leave_one_application() {
    let requests = requests().await;
    let faults = [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::RefusedBefore(500),
        Fault::RefusedAfter(500),
        Fault::RefusedAfter(504),
        Fault::Busy(1),
    ];
    // One target for all of them, as setting one up takes long; each has a run and with it a listing of its own.
    let mut desk = Desk::new();
    let mut tried = 0;
    for first in 1..=requests {
        for second in first + 1..=requests + 4 {
            for one in faults {
                for other in faults {
                    tried += 1;
                    desk.stub.clear();
                    desk.book = Book::default();
                    desk.stub.fail(first, one);
                    desk.stub.fail(second, other);
                    let mut delivery = delivery();
                    delivery.notice.run_id = Some(tried);
                    desk.delivered_in_the_end(&delivery).await;
                    assert_registered_once(&desk, &format!("{one:?} {first}, {other:?} {second}"));
                }
            }
        }
    }
    assert!(tried > 1000, "only {tried}");
}

#[tokio::test]
async fn what_was_created_is_gone_on_with_although_the_api_was_renamed_meanwhile() {
    let desk = Desk::new();
    desk.stub.fail(2, Fault::CutAfter);
    desk.failed(&onboarded(&orders())).await;
    desk.book.age();
    let renamed = onboarded(&api("purchases", "a1b2c3d4e5", &["prod"]));
    let said = desk.delivered(&renamed).await;
    assert!(said.starts_with(&format!("went on with application \"{ORDERS_NAME}\"")), "{said}");
    assert_eq!(desk.stub.only().urls(), [url("a1b2c3d4e5", "prod")]);
    assert_eq!(desk.stub.reloads().len(), 0, "it is known what it was created from");
}

#[tokio::test]
async fn a_creation_that_is_carried_out_after_its_connection_was_cut_is_waited_for() {
    let desk = Desk::with("timeout = \"1s\"");
    // The next request is the listing of the second attempt, the one after that belongs to a third.
    desk.stub.fail(2, Fault::DoneLater(2));
    desk.failed(&onboarded(&orders())).await;
    let failure = desk.failed(&onboarded(&orders())).await;
    assert!(failure.message.contains("no answer came when application"), "{}", failure.message);
    assert!(failure.retry_after.is_some());
    assert_eq!(desk.stub.applications().len(), 0);
    // As the courier does it: not before the time that was asked for.
    let deadline = tokio::time::Instant::now() + LONG;
    let mut wait = failure.retry_after;
    loop {
        tokio::time::sleep(wait.unwrap_or_default()).await;
        match desk.deliver(&onboarded(&orders())).await {
            Verdict::Delivered(_) => break,
            Verdict::Failed(failure) => wait = failure.retry_after,
            Verdict::Unchanged => panic!(),
        }
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert_eq!(desk.stub.only().urls(), [url("a1b2c3d4e5", "prod")]);
}

#[tokio::test]
async fn a_delivery_that_is_dropped_while_it_creates_trusts_no_listing_from_before() {
    let desk = Desk::with("timeout = \"1s\"");
    desk.stub.fail(2, Fault::StuckAfter);
    let delivery = onboarded(&orders());
    tokio::select! {
        verdict = desk.deliver(&delivery) => panic!("{verdict:?}"),
        () = desk.stub.stuck() => {}
    }
    // The same process, the same run: the listing that it holds does not have the application.
    let said = desk.delivered(&onboarded(&orders())).await;
    assert!(said.starts_with("went on with application"), "{said}");
    assert_eq!(desk.stub.only().urls(), [url("a1b2c3d4e5", "prod")]);
}

#[tokio::test]
async fn instances_that_appear_late_are_not_asked_for_twice() {
    let desk = Desk::new();
    desk.stub.hides_instances_for(6);
    let failure = desk.failed(&onboarded(&orders())).await;
    assert!(failure.message.contains("and does not show it yet"), "{}", failure.message);
    let failure = desk.failed(&onboarded(&orders())).await;
    assert!(failure.message.contains("it is looked for again before anything is sent"), "{}", failure.message);
    assert!(failure.retry_after.is_some());
    desk.delivered(&onboarded(&orders())).await;
    assert_eq!(desk.stub.only().instances.len(), 1);
    assert_eq!(desk.stub.count("POST /v1/applications/app-0001/instances/batch"), 1);
}

#[tokio::test]
async fn an_application_that_is_deleted_between_the_steps_is_created_again() {
    let desk = Desk::new();
    desk.stub.fail(4, Fault::RefusedBefore(500));
    desk.failed(&onboarded(&orders())).await;
    let id = desk.stub.only().id;
    desk.stub.remove(&id);
    // It may only not be shown yet, at first.
    let failure = desk.failed(&onboarded(&orders())).await;
    assert!(failure.message.contains("is not shown yet"), "{}", failure.message);
    desk.book.age();
    desk.delivered(&onboarded(&orders())).await;
    assert_ne!(desk.stub.only().id, id);
}
