//! What each kind of answer leads to.

use std::fs;
use std::time::Duration;

use aboard::targets::Effect;

use super::{Desk, onboarded, orders};
use crate::support::CANARY;
use crate::support::apisec::Fault;

#[tokio::test]
async fn a_token_that_is_refused_is_tried_again_and_its_scopes_are_named() {
    let desk = Desk::new();
    fs::write(desk.folder.path().join("token"), "hunter2").unwrap();
    let failure = desk.failed(&onboarded(&orders())).await;
    assert_eq!((failure.effect, failure.status), (Effect::Retry, Some(401)));
    assert!(failure.message.contains("the token needs the scopes Create App and Get App"), "{}", failure.message);
    assert!(failure.message.contains("[token]") && !failure.message.contains("hunter2"), "{}", failure.message);
    // It is read anew for each delivery.
    fs::write(desk.folder.path().join("token"), CANARY).unwrap();
    desk.delivered(&onboarded(&orders())).await;
    fs::remove_file(desk.folder.path().join("token")).unwrap();
    let failure = desk.failed(&onboarded(&orders())).await;
    assert!(failure.message.starts_with("the token cannot be read: secret file"), "{}", failure.message);
}

#[tokio::test]
async fn a_service_that_is_too_busy_is_left_alone_for_as_long_as_it_asks() {
    let desk = Desk::new();
    // The listing; after it the creation; after the listing that is held the instances; and the look at what is kept.
    for (number, applications) in [(1, 0), (2, 0), (3, 1), (1, 1)] {
        desk.stub.fail(number, Fault::Busy(7));
        let failure = desk.failed(&onboarded(&orders())).await;
        assert_eq!((failure.effect, failure.status), (Effect::Pause, Some(429)), "{}", failure.message);
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)), "{}", failure.message);
        assert_eq!(desk.stub.applications().len(), applications, "{}", failure.message);
    }
    desk.delivered(&onboarded(&orders())).await;
    desk.stub.assert_sane();
}

#[tokio::test]
async fn a_specification_that_is_refused_needs_a_person() {
    for (status, effect) in [
        (400, Effect::GiveUp),
        (413, Effect::GiveUp),
        (422, Effect::GiveUp),
        (404, Effect::Retry),
        (500, Effect::Retry),
        (503, Effect::Pause),
    ] {
        let desk = Desk::new();
        desk.stub.fail(2, Fault::RefusedBefore(status));
        let failure = desk.failed(&onboarded(&orders())).await;
        assert_eq!((failure.effect, failure.status), (effect, Some(status)));
        assert!(failure.message.starts_with("creating the application: http://127.0.0.1:"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_listing_that_is_none_is_no_proof_that_nothing_is_there() {
    let desk = Desk::new();
    desk.stub.fail(1, Fault::RefusedBefore(200));
    let failure = desk.failed(&onboarded(&orders())).await;
    assert_eq!(failure.effect, Effect::Retry);
    assert!(failure.message.contains("is not what APIsec answers"), "{}", failure.message);
    assert_eq!(desk.stub.calls().len(), 1);
    desk.stub.fail(1, Fault::RefusedBefore(302));
    let failure = desk.failed(&onboarded(&orders())).await;
    assert!(failure.message.contains("redirects are not followed"), "{}", failure.message);
    assert_eq!(desk.stub.applications().len(), 0);
}
