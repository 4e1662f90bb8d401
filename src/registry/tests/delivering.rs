//! The outbox while it is being delivered.

use crate::registry::testing::*;
use crate::registry::*;

/// A registry that has told `catalog` of these APIs, whose specifications have been exported.
fn told(apis: &[&str]) -> Bench {
    let mut bench = Bench::new();
    bench.look("payments", &whole(apis.iter().map(|id| api(id)).collect()), &rules(), hour(0));
    for api in apis {
        export(&mut bench, api, "{}");
    }
    bench
}

fn export(bench: &mut Bench, api: &str, text: &str) {
    let document = Ok(ExportedDocument { format: "openapi", text: text.to_owned() });
    let exported = Exported { stage: "prod".to_owned(), deployment_id: Some("prod-1".to_owned()), document };
    bench.registry.store_export(&id(api), &[exported], hour(0)).unwrap();
}

fn lease(bench: &mut Bench, hours: i64) -> Vec<Leased> {
    bench.registry.lease("catalog", 10, false, hour(hours), hour(hours)).unwrap()
}

fn record(bench: &mut Bench, leased: &Leased, hours: i64, outcome: Outgoing) {
    let (delivery_id, attempt_id) = (leased.delivery_id, leased.attempt_id);
    let attempted = Attempted { delivery_id, attempt_id, finished_at: hour(hours), status: None, outcome };
    bench.registry.record_attempts("catalog", &[attempted]).unwrap();
}

fn delivered() -> Outgoing {
    Outgoing::Delivered { note: None }
}

fn again(hours: i64) -> Outgoing {
    Outgoing::Again { at: hour(hours), error: "it is down".to_owned() }
}

fn dead() -> Outgoing {
    Outgoing::Dead { error: "it never came up".to_owned(), ambiguous: false }
}

/// The API goes: two looks that miss it, an hour or more apart.
fn goes(bench: &mut Bench, hours: i64) {
    for hours in [hours, hours + 1] {
        bench.look("payments", &whole(Vec::new()), &rules(), hour(hours));
    }
}

#[test]
fn a_delivery_is_leased_once_and_over_when_it_was_taken() {
    let mut bench = told(&["a1", "a2"]);
    let leased = lease(&mut bench, 0);
    assert_eq!(leased.iter().map(|leased| leased.attempt).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(lease(&mut bench, 0), []);
    record(&mut bench, &leased[0], 0, Outgoing::Delivered { note: Some("it is number 7 there".to_owned()) });
    record(&mut bench, &leased[1], 0, again(2));
    assert_eq!(lease(&mut bench, 1), []);
    let next = bench.registry.next_delivery("catalog", false, hour(1)).unwrap();
    assert_eq!(next, Some(hour(2)));
    let [second] = &lease(&mut bench, 2)[..] else { panic!("it is due") };
    assert_eq!((second.attempt, second.first_attempt_at, &second.key), (2, hour(0), &leased[1].key));
    let attempts = bench.registry.attempts(second.delivery_id).unwrap();
    assert_eq!(attempts[0].outcome.as_deref(), Some("failed"));
    assert_eq!(attempts[0].error.as_deref(), Some("it is down"));
    assert_eq!((attempts.len(), attempts[1].finished_at), (2, None));
}

#[test]
fn an_api_s_events_leave_one_after_the_other() {
    let mut bench = told(&["a1"]);
    goes(&mut bench, 1);
    let [onboarded] = &lease(&mut bench, 3)[..] else { panic!("only the oldest") };
    assert_eq!(onboarded.notice.event, "api.onboarded");
    assert_eq!(lease(&mut bench, 3), [], "it is on its way");
    record(&mut bench, onboarded, 3, again(5));
    assert_eq!(lease(&mut bench, 4), [], "it waits for its next attempt, and so does what follows");
    let [onboarded] = &lease(&mut bench, 5)[..] else { panic!("due") };
    record(&mut bench, onboarded, 5, delivered());
    let [gone] = &lease(&mut bench, 5)[..] else { panic!("its turn") };
    assert_eq!((gone.notice.event.as_str(), gone.undelivered_before), ("api.gone", 0));
}

#[test]
fn what_was_given_up_releases_the_next_event_of_its_api_which_says_so() {
    let mut bench = told(&["a1"]);
    goes(&mut bench, 1);
    let onboarded = lease(&mut bench, 3).remove(0);
    record(&mut bench, &onboarded, 3, dead());
    let gone = lease(&mut bench, 3).remove(0);
    assert_eq!((gone.notice.event.as_str(), gone.undelivered_before), ("api.gone", 1));
    record(&mut bench, &gone, 3, delivered());

    assert_eq!(bench.registry.retry_dead(Some("specs"), "ada", hour(4)).unwrap(), 0);
    assert_eq!(bench.registry.retry_dead(None, "ada", hour(4)).unwrap(), 1);
    let retried = lease(&mut bench, 4).remove(0);
    assert_eq!((retried.attempt, retried.first_attempt_at), (1, hour(4)), "a new series");
    assert_eq!(retried.key, onboarded.key, "under the same key");
    let unknown = bench.registry.retry_delivery(99, "ada", hour(4)).unwrap_err();
    assert!(unknown.to_string().contains("knows no delivery 99"), "{unknown}");
}

#[test]
fn gone_returned_and_gone_again_are_three_events_with_three_keys() {
    let mut bench = told(&["a1"]);
    goes(&mut bench, 1);
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(3));
    export(&mut bench, "a1", "{}");
    goes(&mut bench, 4);
    let mut keys = std::collections::BTreeSet::new();
    let mut events = Vec::new();
    while let Some(leased) = lease(&mut bench, 6).pop() {
        assert!(keys.insert(leased.key.clone()), "{leased:?}");
        events.push(leased.notice.event.clone());
        record(&mut bench, &leased, 6, delivered());
    }
    assert_eq!(events, ["api.onboarded", "api.gone", "api.returned", "api.gone"]);
}

#[test]
fn what_a_process_left_half_way_goes_out_again_at_once() {
    let mut bench = told(&["a1"]);
    let before = lease(&mut bench, 0).remove(0);
    assert_eq!(bench.registry.take_over_lane("specs", true, hour(1)).unwrap(), 0);
    assert_eq!(bench.registry.take_over_lane("catalog", true, hour(1)).unwrap(), 1);
    let after = lease(&mut bench, 1).remove(0);
    assert_eq!((after.delivery_id, after.attempt, &after.key), (before.delivery_id, 2, &before.key));
    let attempts = bench.registry.attempts(after.delivery_id).unwrap();
    assert_eq!(attempts[0].outcome.as_deref(), Some("cut_off"));
}

#[test]
fn an_event_waits_for_its_specification_but_not_for_ever() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    assert_eq!(lease(&mut bench, 1), []);
    let wanted = bench.registry.wanted_exports("payments").unwrap();
    let [wanted] = &wanted[..] else { panic!("{wanted:?}") };
    assert_eq!(wanted.stages.get("prod"), Some(&Some("prod-1".to_owned())));
    assert_eq!(bench.registry.next_delivery("catalog", false, hour(1)).unwrap(), Some(hour(6)));
    let late = lease(&mut bench, 6);
    assert!(late[0].specifications.is_empty());
}

#[test]
fn an_event_carries_the_specification_that_was_exported_for_it_whatever_comes_later() {
    let mut bench = told(&["a1"]);
    let mut redeployed = api("a1");
    if let crate::inventory::Details::Read(stages) = &mut redeployed.details {
        stages[0].deployment_id = Some("prod-2".to_owned());
    }
    bench.look("payments", &whole(vec![redeployed]), &rules(), hour(1));
    export(&mut bench, "a1", r#"{"second":true}"#);
    let digest = |leased: &Leased| match &leased.specifications["prod"] {
        Pinned::Digest(digest) => digest.clone(),
        Pinned::Cause(cause) => panic!("{cause}"),
    };
    let first = lease(&mut bench, 1).remove(0);
    let stored = bench.registry.stored_document(&digest(&first)).unwrap().unwrap();
    assert_eq!((stored.format.as_str(), stored.text.as_str()), ("openapi", "{}"));
    assert!(first.told_specifications.is_empty());
    record(&mut bench, &first, 1, delivered());
    let changed = lease(&mut bench, 1).remove(0);
    assert_eq!(changed.notice.event, "api.changed");
    assert_ne!(digest(&changed), digest(&first));
    assert_eq!(changed.told_specifications["prod"], digest(&first), "what the target has now");
}

#[test]
fn a_failed_export_lets_its_event_go_with_the_cause() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    let document = Err(FailedExport { cause: "it has no methods".to_owned(), passing: false });
    let exported = Exported { stage: "prod".to_owned(), deployment_id: None, document };
    bench.registry.store_export(&id("a1"), &[exported], hour(0)).unwrap();
    let leased = lease(&mut bench, 0).remove(0);
    assert_eq!(leased.specifications["prod"], Pinned::Cause("it has no methods".to_owned()));
}

#[test]
fn a_target_that_is_switched_off_keeps_what_waits_and_begins_anew_when_it_is_on_again() {
    let mut bench = told(&["a1"]);
    let leased = lease(&mut bench, 0).remove(0);
    bench.registry.disable_target("catalog", "410 Gone", hour(0)).unwrap();
    record(&mut bench, &leased, 0, Outgoing::Back { error: Some("410 Gone".to_owned()) });
    assert_eq!(lease(&mut bench, 100), []);
    assert_eq!(bench.registry.next_delivery("catalog", false, hour(100)).unwrap(), None);
    let off = bench.registry.disabled_targets().unwrap();
    assert_eq!(off["catalog"], Disabled { reason: "410 Gone".to_owned(), at: hour(0) });

    assert!(bench.registry.enable_target("catalog", "ada", hour(100)).unwrap());
    assert!(!bench.registry.enable_target("catalog", "ada", hour(100)).unwrap());
    let leased = lease(&mut bench, 100).remove(0);
    assert_eq!((leased.attempt, leased.first_attempt_at), (1, hour(100)));
}

#[test]
fn who_waits_for_the_end_of_runs_gets_what_came_of_ended_ones_only() {
    let mut bench = told(&["a1"]);
    let settled = |bench: &mut Bench| bench.registry.lease("catalog", 10, true, hour(1), hour(1)).unwrap().len();
    assert_eq!(settled(&mut bench), 0);
    assert_eq!(bench.registry.next_delivery("catalog", true, hour(1)).unwrap(), None);
    bench.registry.finish_run(1, Outcome::Succeeded, &Counts::default(), None, hour(1)).unwrap();
    assert_eq!(settled(&mut bench), 1);
}

#[test]
fn under_a_new_name_a_target_is_told_nothing_twice_and_nothing_is_lost() {
    let mut bench = told(&["a1", "a2"]);
    let leased = lease(&mut bench, 0).remove(0);
    record(&mut bench, &leased, 0, delivered());
    bench.registry.keep("catalog", Some(&id("a1")), Some(&serde_json::json!({ "id": 7 }))).unwrap();
    bench.registry.take_over_lane("catalog", true, hour(0)).unwrap();
    assert!(bench.registry.rename_target("catalog", "specs").unwrap());
    assert!(!bench.registry.rename_target("catalog", "specs").unwrap());
    assert_eq!(bench.registry.kept("specs", Some(&id("a1"))).unwrap(), Some(serde_json::json!({ "id": 7 })));
    let plan = bench.look("payments", &whole(vec![api("a1"), api("a2")]), &rules_for(&["specs"]), hour(1));
    assert!(plan.entries.iter().all(|entry| entry.messages.is_empty()), "{plan:?}");
    assert_eq!(bench.registry.lease("specs", 10, false, hour(1), hour(1)).unwrap().len(), 1);
}

#[test]
fn a_tally_tells_what_was_tried_since_and_what_waits() {
    let mut bench = told(&["a1", "a2", "a3", "a4"]);
    let leased = lease(&mut bench, 0);
    record(&mut bench, &leased[0], 0, delivered());
    let before = bench.registry.newest_attempt().unwrap();
    record(&mut bench, &leased[1], 0, again(1));
    record(&mut bench, &leased[2], 0, again(1));
    record(&mut bench, &leased[3], 0, again(1));
    let leased = lease(&mut bench, 1);
    record(&mut bench, &leased[0], 1, delivered());
    record(&mut bench, &leased[1], 1, dead());
    record(&mut bench, &leased[2], 1, again(9));
    let tally = bench.registry.tally("payments", before).unwrap();
    let Tally { delivered, failed, waiting, dead, next_attempt_at, .. } = tally["catalog"].clone();
    assert_eq!((delivered, failed, waiting, dead, next_attempt_at), (1, 1, 0, 1, Some(hour(9))));
    assert!(bench.registry.tally("billing", before).unwrap().is_empty());
    let pending = |bench: &Bench, hours: i64| {
        bench.registry.first_attempts_pending("payments", &["catalog".to_owned()], hour(hours)).unwrap()
    };
    assert!(!pending(&bench, 8));
    assert!(pending(&bench, 9));
}

#[test]
fn what_is_due_is_found_by_an_index_however_much_was_delivered_before() {
    let bench = Bench::new();
    let due = "SELECT id FROM deliveries d WHERE state = 'queued' AND target = 'a' AND next_attempt_at <= 5
               AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.api = d.api AND e.target = d.target
                               AND e.revision < d.revision AND e.state IN ('queued', 'leased'))
               ORDER BY next_attempt_at, id LIMIT 10";
    let plan = bench.plan_of(due);
    assert!(plan.contains("deliveries_queued") && plan.contains("deliveries_by_api"), "{plan}");
    assert!(!plan.contains("SCAN"), "{plan}");
}

#[test]
fn a_delivery_that_cannot_be_read_back_is_given_up_and_keeps_no_other_waiting() {
    let mut bench = told(&["a1", "a2"]);
    bench.registry.connection.execute("UPDATE deliveries SET payload = '{}' WHERE id = 1", []).unwrap();
    assert_eq!(lease(&mut bench, 0).len(), 1);
    let dead = DeliveryFilter { state: Some(DeliveryState::Dead), ..DeliveryFilter::default() };
    let [row] = &bench.registry.deliveries(&dead).unwrap()[..] else { panic!("one") };
    assert!(row.last_error.as_deref().unwrap().contains("cannot be read back"), "{row:?}");
}

#[test]
fn a_target_that_takes_over_a_name_that_was_given_up_has_keys_of_its_own() {
    let mut bench = told(&["a1"]);
    let first = lease(&mut bench, 0).remove(0);
    record(&mut bench, &first, 0, delivered());
    bench.registry.rename_target("catalog", "specs").unwrap();
    let events = rules().events["catalog"].clone();
    bench.registry.redeliver("catalog", &events, "payments", false, "ada", hour(1)).unwrap();
    export(&mut bench, "a1", "{}");
    let again = lease(&mut bench, 1).remove(0);
    assert_ne!(again.key, first.key);
    assert_eq!(bench.registry.check().unwrap(), Vec::<String>::new());
}

#[test]
fn what_was_collected_goes_out_one_by_one_where_nobody_sums_it_up_any_more() {
    let mut bench = told(&["a1"]);
    bench.registry.connection.execute("UPDATE deliveries SET state = 'collected'", []).unwrap();
    bench.registry.take_over_lane("catalog", true, hour(1)).unwrap();
    assert_eq!(lease(&mut bench, 1), []);
    bench.registry.take_over_lane("catalog", false, hour(1)).unwrap();
    assert_eq!(lease(&mut bench, 1).len(), 1);
}

#[test]
fn what_a_clock_that_was_ahead_put_off_too_far_is_due_again() {
    let mut bench = told(&["a1", "a2"]);
    let leased = lease(&mut bench, 0);
    record(&mut bench, &leased[0], 0, again(5));
    record(&mut bench, &leased[1], 0, again(24 * 365 * 40));
    let ten_hours = chrono::TimeDelta::hours(10);
    assert_eq!(bench.registry.bring_back("catalog", ten_hours, hour(1)).unwrap(), 1);
    assert_eq!(bench.registry.bring_back("catalog", ten_hours, hour(1)).unwrap(), 0);
    let due: Vec<_> = lease(&mut bench, 1).into_iter().map(|leased| leased.notice.api.unwrap().api_id).collect();
    assert_eq!(due, ["a2"], "what waits for no longer than it may still does");
}
