//! What was there before us.

use aboard::inventory::Protocol;
use aboard::targets::{Adopted, Effect, Entry};
use serde_json::Value;

use super::{Desk, ORDERS_NAME, api, instance, onboarded, orders, url};

#[tokio::test]
async fn an_application_with_the_api_s_address_on_the_third_page_is_adopted() {
    let desk = Desk::new();
    desk.stub.page_of(2);
    for n in 0..5 {
        desk.stub.add(&format!("other {n}"), &[&format!("https://other-{n}.example.com")]);
    }
    let id = desk.stub.add("Orders, by hand", &["https://A1B2C3D4E5.execute-api.eu-west-1.amazonaws.com:443/prod/"]);
    let said = desk.delivered(&onboarded(&orders())).await;
    assert_eq!(said, format!("adopted application \"Orders, by hand\" ({id})"));
    assert_eq!(desk.stub.applications().len(), 6);
    assert_eq!(desk.stub.count("GET /v1/applications"), 3);
    assert_eq!(desk.book.of(&orders())["application_id"], id);
    assert!(desk.stub.calls().iter().all(|call| call.starts_with("GET ")), "nothing was sent: it has the instance");
}

#[tokio::test]
async fn an_address_that_the_target_did_not_choose_is_one_to_know_it_by() {
    let desk = Desk::new();
    let id = desk.stub.add("by hand", &["https://api.example.com/orders"]);
    let mut delivery = onboarded(&orders());
    let mut other = instance("a1b2c3d4e5", "prod");
    other.url = "https://api.example.com/orders".to_owned();
    delivery.addresses.push(other);
    desk.delivered(&delivery).await;
    let application = desk.stub.only();
    assert_eq!(application.id, id);
    assert_eq!(
        application.urls(),
        ["https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/prod", "https://api.example.com/orders"]
    );
}

#[tokio::test]
async fn two_applications_with_its_addresses_are_named_and_nothing_is_created() {
    let desk = Desk::new();
    let both = api("orders", "a1b2c3d4e5", &["live", "prod"]);
    desk.stub.add("one", &[&url("a1b2c3d4e5", "live")]);
    desk.stub.add("two", &[&url("a1b2c3d4e5", "prod")]);
    let failure = desk.failed(&onboarded(&both)).await;
    assert_eq!(failure.effect, Effect::Ambiguous);
    assert!(failure.message.contains("\"one\" (app-0001), \"two\" (app-0003)"), "{}", failure.message);
    assert_eq!((desk.stub.applications().len(), desk.book.of(&both)), (2, Value::Null));
    // A person decides, and retries it in a later run or some minutes after.
    desk.stub.remove("app-0003");
    let mut again = onboarded(&both);
    again.notice.run_id = Some(2);
    desk.delivered(&again).await;
    assert_eq!(desk.stub.only().urls().len(), 2);
}

#[tokio::test]
async fn only_adopting_tells_of_each_api_and_creates_nothing() {
    let desk = Desk::new();
    let [known, there, nowhere, twice, mut socket] =
        ["known", "there", "nowhere", "twice", "socket"].map(|it| api(it, it, &["prod"]));
    socket.protocol = Protocol::WebSocket;
    desk.delivered(&onboarded(&known)).await;
    let id = desk.stub.add("by hand", &[&url("there", "prod")]);
    desk.stub.add("one", &[&url("twice", "prod")]);
    desk.stub.add("two", &[&format!("{}/", url("twice", "prod"))]);
    let apis = [known, there.clone(), nowhere, twice, socket];
    let before = desk.stub.calls().len();
    for dry_run in [true, false] {
        let adoptions = desk.target.adopt(&apis, dry_run, &desk.book).await.unwrap();
        assert!(adoptions.iter().map(|it| it.api.clone()).eq(apis.iter().map(aboard::document::ApiDocument::id)));
        let outcomes: Vec<_> = adoptions.into_iter().map(|adoption| adoption.outcome).collect();
        let name = "known (111122223333/eu-west-1/known)".to_owned();
        assert_eq!(outcomes[0], Adopted::Already(Entry { id: "app-0001".to_owned(), name }));
        assert_eq!(outcomes[1], Adopted::Now(Entry { id: id.clone(), name: "by hand".to_owned() }));
        let Adopted::Ambiguous { entries, .. } = &outcomes[3] else { panic!("{outcomes:?}") };
        assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!((&outcomes[2], &outcomes[4]), (&Adopted::NotThere, &Adopted::NotThere));
        assert_eq!(desk.book.of(&there).is_null(), dry_run);
    }
    assert_eq!(desk.stub.calls()[before..], ["GET /v1/applications", "GET /v1/applications"]);
    // What was adopted is used.
    desk.delivered(&onboarded(&there)).await;
    assert_eq!(desk.stub.applications().len(), 4);
}

#[tokio::test]
async fn a_lost_memory_finds_its_own_applications_again() {
    let mut desk = Desk::new();
    desk.delivered(&onboarded(&orders())).await;
    let empty = api("empty", "empty00000", &[]);
    desk.delivered(&onboarded(&empty)).await;
    desk.book = super::Book::default();
    desk.restart();
    let said = desk.delivered(&onboarded(&orders())).await;
    assert_eq!(said, format!("adopted application \"{ORDERS_NAME}\" (app-0001)"));
    desk.delivered(&onboarded(&empty)).await;
    assert_eq!(desk.stub.applications().len(), 2, "the one without instances is known by its name");
    desk.stub.assert_sane();
}

#[tokio::test]
async fn what_was_created_in_a_run_is_found_in_the_run_s_listing() {
    let mut desk = Desk::new();
    desk.delivered(&onboarded(&orders())).await;
    desk.book = super::Book::default();
    let said = desk.delivered(&onboarded(&orders())).await;
    assert!(said.starts_with("adopted application"), "{said}");
    assert_eq!((desk.stub.applications().len(), desk.stub.count("GET /v1/applications")), (1, 1));
}
