//! What waits for a person: approvals, ignored APIs, targets told again.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Event;
use crate::inventory::Listing;
use crate::plan::{ApiState, Reason, StageChoice, plan};
use crate::registry::testing::*;
use crate::registry::*;

fn hold(bench: &mut Bench, connection: &str, apis: &[&str]) {
    let run = bench.begin(connection, hour(0));
    let known = bench.registry.known(connection, &scope()).unwrap();
    let mut plan = plan(&whole(apis.iter().map(|id| api(id)).collect()), &known, &rules(), hour(0));
    plan.hold_new(&known, |_| false);
    bench.commit(connection, run, &plan, hour(0));
}

fn events(bench: &Bench, api: &str) -> Vec<&'static str> {
    bench.registry.history(&id(api)).unwrap().iter().map(|row| row.event.as_str()).collect()
}

#[test]
fn what_was_held_back_waits_and_is_registered_on_approval() {
    let mut bench = Bench::new();
    hold(&mut bench, "payments", &["a1", "a2"]);
    assert_eq!(bench.registry.awaiting_scopes("payments").unwrap(), BTreeMap::from([(scope(), 2)]));

    assert_eq!(bench.registry.awaiting_scopes("billing").unwrap(), BTreeMap::new());
    assert_eq!(events(&bench, "a1"), ["awaiting_approval"]);

    let awaiting = bench.registry.awaiting("payments").unwrap();
    let known = &awaiting[&scope()];
    let mut look = whole(known.apis.values().map(|known| known.api.clone()).collect());
    look.listing = Listing::Selected;
    let mut rules = rules();
    rules.selection = Some(known.apis.keys().map(|id| (id.clone(), StageChoice::All)).collect());
    let plan = plan(&look, known, &rules, hour(1));
    let run = bench.begin_as("payments", None, true, hour(1));
    let commit = CommitScope { approved_by: Some("ada"), ..commit("payments", run, known, &plan) };
    let done = bench.registry.commit_scope(&commit, hour(1)).unwrap();
    assert!(matches!(done, Commit::Done(Committed { deliveries: 2, .. })), "{done:?}");
    assert_eq!(events(&bench, "a1"), ["awaiting_approval", "approved", "onboarded"]);
    assert!(bench.registry.awaiting("payments").unwrap().is_empty());
}

#[test]
fn waiting_is_written_down_once() {
    let mut bench = Bench::new();
    hold(&mut bench, "payments", &["a1"]);
    hold(&mut bench, "payments", &["a1"]);
    assert_eq!(events(&bench, "a1"), ["awaiting_approval"]);
}

#[test]
fn an_ignored_api_stays_out_until_it_is_let_in_again() {
    let mut bench = Bench::new();
    hold(&mut bench, "payments", &["a1"]);
    let until = chrono::NaiveDate::from_ymd_opt(2027, 3, 31);
    bench.registry.ignore(&id("a1"), "a sandbox", until, "ada", hour(1)).unwrap();
    let ignored = bench.registry.ignored().unwrap();
    assert_eq!((ignored[0].api.clone(), ignored[0].until, ignored[0].by.as_str()), (id("a1"), until, "ada"));
    let plan = bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(2));
    assert_eq!(plan.entries[0].decision.map(|(_, reason)| reason), Some(Reason::Ignored));

    assert!(bench.registry.unignore(&id("a1"), "ada", hour(3)).unwrap());
    assert!(!bench.registry.unignore(&id("a1"), "ada", hour(3)).unwrap());
    let plan = bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(4));
    assert!(plan.entries[0].onboards());
    assert_eq!(events(&bench, "a1"), ["awaiting_approval", "ignored", "excluded", "unignored", "onboarded"]);
    let unknown = bench.registry.ignore(&id("zz"), "", None, "ada", hour(5)).unwrap_err();
    assert!(matches!(unknown.kind, RegistryErrorKind::UnknownApi(_)), "{unknown}");
}

#[test]
fn a_target_that_was_never_told_gets_a_first_message_and_only_once() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1"), api("a2")]), &rules(), hour(0));
    let expected = Redelivered { first: 2, again: 0, underway: 0, unwanted: 0 };
    assert_eq!(bench.registry.redeliver("specs", &every_event(), "payments", false, "ada", hour(1)).unwrap(), expected);
    let expected = Redelivered { first: 0, again: 0, underway: 2, unwanted: 0 };
    assert_eq!(bench.registry.redeliver("specs", &every_event(), "payments", false, "ada", hour(2)).unwrap(), expected);
    assert_eq!(
        bench.registry.redeliver("specs", &every_event(), "billing", false, "ada", hour(2)).unwrap(),
        Redelivered::default()
    );

    let filter = DeliveryFilter { target: Some("specs".to_owned()), api: Some(id("a1")), ..DeliveryFilter::default() };
    let rows = bench.registry.deliveries(&filter).unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.event.as_str(), row.revision, row.run_id), ("api.onboarded", 1, None));
    assert_eq!(row.key, hex_key("specs", "a1", "api.onboarded", 1));
    let payload: crate::notice::Notice = serde_json::from_str(&row.payload).unwrap();
    assert_eq!(payload.instances, api("a1").instances);
    let known = bench.registry.known("payments", &scope()).unwrap();
    assert_eq!(known.apis[&id("a1")].told["specs"].urls.len(), 1);
}

fn every_event() -> BTreeSet<Event> {
    Event::ALL.into_iter().collect()
}

fn hex_key(target: &str, api: &str, action: &str, revision: u64) -> String {
    crate::hex::hex(&delivery_key(target, &id(api), action, revision))
}

#[test]
fn a_target_that_was_told_is_sent_the_registration_again_under_the_same_key() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    let before = bench.registry.deliveries(&DeliveryFilter::default()).unwrap();
    bench
        .registry
        .connection
        .execute("UPDATE deliveries SET state = 'dead', attempts = 9, last_error = 'gone'", [])
        .unwrap();
    let expected = Redelivered { first: 0, again: 1, underway: 0, unwanted: 0 };
    assert_eq!(
        bench.registry.redeliver("catalog", &every_event(), "payments", false, "ada", hour(5)).unwrap(),
        expected
    );
    let after = bench.registry.deliveries(&DeliveryFilter::default()).unwrap();
    let mut wanted = before;
    wanted[0].next_attempt_at = Some(hour(5));
    // Its specifications are looked at again.
    wanted[0].export_until = Some(hour(11));
    assert_eq!(after, wanted);
    assert_eq!(bench.registry.check().unwrap(), Vec::<String>::new());
}

#[test]
fn what_was_recorded_as_existing_can_be_told_later_as_a_first_registration() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    let known = bench.registry.known("payments", &scope()).unwrap();
    let mut plan = plan(&whole(vec![api("a1")]), &known, &rules(), hour(0));
    plan.record_existing();
    bench.commit("payments", run, &plan, hour(0));
    let told = bench.registry.redeliver("catalog", &every_event(), "payments", false, "ada", hour(1)).unwrap();
    assert_eq!(told, Redelivered { first: 1, again: 0, underway: 0, unwanted: 0 });
    assert_eq!(bench.registry.deliveries(&DeliveryFilter::default()).unwrap()[0].revision, 1);
}

#[test]
fn the_figures_count_what_waits_once_and_not_what_another_connection_saw_vanish() {
    let mut bench = Bench::new();
    hold(&mut bench, "payments", &["a1", "a2"]);
    hold(&mut bench, "billing", &["a1", "a2"]);
    assert_eq!(bench.registry.info().unwrap().awaiting, 2);
    bench.look("payments", &whole(Vec::new()), &rules(), hour(1));
    assert_eq!(bench.registry.awaiting_scopes("billing").unwrap(), BTreeMap::new());
    assert_eq!(bench.registry.info().unwrap().awaiting, 0);
}

#[test]
fn an_api_that_vanished_no_longer_waits() {
    let mut bench = Bench::new();
    hold(&mut bench, "payments", &["a1"]);
    bench.look("payments", &whole(Vec::new()), &rules(), hour(1));
    let known = bench.registry.known("payments", &scope()).unwrap();
    assert_eq!(known.apis[&id("a1")].state, None::<ApiState>);
    assert_eq!(bench.registry.awaiting_scopes("payments").unwrap(), BTreeMap::new());
    assert_eq!(events(&bench, "a1"), ["awaiting_approval", "dropped"]);
}

#[test]
fn what_is_sent_again_is_the_last_registration_and_not_what_came_after_it() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    bench.look("payments", &whole(Vec::new()), &rules(), hour(1));
    bench.look("payments", &whole(Vec::new()), &rules(), hour(3));
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(4));
    bench.look("payments", &whole(vec![api_with("a1", &["prod", "test"])]), &rules(), hour(5));
    bench.registry.connection.execute("UPDATE deliveries SET state = 'delivered'", []).unwrap();

    let told = bench.registry.redeliver("catalog", &every_event(), "payments", false, "ada", hour(6)).unwrap();
    assert_eq!(told, Redelivered { again: 1, ..Redelivered::default() });
    let rows = bench.registry.deliveries(&DeliveryFilter::default()).unwrap();
    let states: Vec<_> = rows.iter().rev().map(|row| (row.event.as_str(), row.state)).collect();
    assert_eq!(
        states,
        [
            ("api.onboarded", DeliveryState::Delivered),
            ("api.gone", DeliveryState::Delivered),
            ("api.returned", DeliveryState::Queued),
            ("api.instance_added", DeliveryState::Delivered),
        ]
    );
    assert_eq!(rows[1].key, hex_key("catalog", "a1", "api.returned", 3));
}

#[test]
fn a_target_is_sent_no_event_again_that_it_does_not_get() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    bench.registry.connection.execute("UPDATE deliveries SET state = 'delivered'", []).unwrap();
    let gone = BTreeSet::from([Event::Gone, Event::Returned]);
    for target in ["catalog", "specs"] {
        let told = bench.registry.redeliver(target, &gone, "payments", false, "ada", hour(1)).unwrap();
        assert_eq!(told, Redelivered { unwanted: 1, ..Redelivered::default() }, "{target}");
    }
    assert_eq!(bench.number("SELECT count(*) FROM deliveries WHERE state = 'delivered'"), 1);
    assert_eq!(bench.number("SELECT count(*) FROM deliveries"), 1);
    assert_eq!(events(&bench, "a1"), ["onboarded"]);
}
