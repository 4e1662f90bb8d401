//! Committing a scope.

use crate::inventory::{Details, ScopeState};
use crate::plan::{ApiState, Decision, Reason, plan};
use crate::registry::testing::*;
use crate::registry::*;

fn events(bench: &Bench, api: &str) -> Vec<&'static str> {
    bench.registry.history(&id(api)).unwrap().iter().map(|row| row.event.as_str()).collect()
}

#[test]
fn a_new_api_is_remembered_told_and_written_down() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));

    let known = bench.registry.known("payments", &scope()).unwrap();
    let a1 = &known.apis[&id("a1")];
    assert_eq!(a1.api, api("a1"));
    assert_eq!(a1.state, Some(ApiState::Onboarded));
    assert_eq!(a1.last, Some((Decision::Onboard, Reason::New)));
    assert_eq!(a1.onboarded_at, Some(hour(0)));
    assert_eq!(a1.told["catalog"].urls.len(), 1);
    assert_eq!(events(&bench, "a1"), ["onboarded"]);

    let deliveries = bench.registry.deliveries(&DeliveryFilter::default()).unwrap();
    let [delivery] = deliveries.as_slice() else { panic!("{deliveries:?}") };
    assert_eq!(delivery.state, DeliveryState::Queued);
    assert_eq!(delivery.next_attempt_at, Some(hour(0)));
    let payload: crate::notice::Notice = serde_json::from_str(&delivery.payload).unwrap();
    assert_eq!((payload.event.as_str(), payload.revision, payload.run_id), ("api.onboarded", 1, Some(1)));
    assert_eq!(payload.instances, api("a1").instances);
    assert_eq!(payload.api.as_ref().unwrap().account_name.as_deref(), Some("payments-prod"));
}

#[test]
fn committing_the_same_look_again_writes_only_the_scopes_own_rows() {
    let mut bench = Bench::new();
    let look = whole(vec![api("a1"), api("a2")]);
    bench.look("payments", &look, &rules(), hour(0));
    // The decision turns from onboard to already_onboarded once.
    bench.look("payments", &look, &rules(), hour(1));
    let run = bench.begin("payments", hour(2));
    let before = bench.number("SELECT total_changes()");
    bench.look_in(run, "payments", &look, &rules(), hour(2));
    let run_scope_status_and_account = 2;
    assert_eq!(bench.number("SELECT total_changes()") - before, run_scope_status_and_account);
    assert_eq!(events(&bench, "a1"), ["onboarded"]);
    assert_eq!(bench.number("SELECT count(*) FROM deliveries"), 2);
}

#[test]
fn a_scope_is_committed_once_in_a_run() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    let known = bench.registry.known("payments", &scope()).unwrap();
    let plan = plan(&whole(vec![api("a1")]), &known, &rules(), hour(0));
    bench.commit("payments", run, &plan, hour(0));
    let again = bench.registry.commit_scope(&commit("payments", run, &known, &plan), hour(0)).unwrap();
    assert_eq!(again, Commit::Repeated);
    assert_eq!(bench.number("SELECT count(*) FROM deliveries"), 1);
}

#[test]
fn what_another_connection_registered_meanwhile_is_not_registered_again() {
    let mut bench = Bench::new();
    let look = whole(vec![api("a1")]);
    let known = bench.registry.known("narrow", &scope()).unwrap();
    let stale = plan(&look, &known, &rules(), hour(0));
    bench.look("wide", &look, &rules(), hour(0));

    let run = bench.begin("narrow", hour(0));
    let refused = bench.registry.commit_scope(&commit("narrow", run, &known, &stale), hour(0)).unwrap();
    assert_eq!(refused, Commit::Stale);
    let fresh = bench.look_in(run, "narrow", &look, &rules(), hour(0));
    assert!(fresh.entries[0].messages.is_empty());
    assert_eq!(bench.number("SELECT count(*) FROM deliveries"), 1);
}

#[test]
fn a_plan_that_speaks_of_an_api_it_was_not_told_of_changes_nothing() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a2")]), &rules(), hour(0));
    let told = bench.registry.known("payments", &scope()).unwrap();
    let nothing = crate::plan::Known { scope: told.scope.clone(), ..crate::plan::Known::default() };
    let plan = plan(&whole(vec![api("a1"), api("a2")]), &nothing, &rules(), hour(1));
    let run = bench.begin("payments", hour(1));
    let refused = bench.registry.commit_scope(&commit("payments", run, &nothing, &plan), hour(1)).unwrap();
    assert_eq!(refused, Commit::Stale);
    assert_eq!(bench.registry.known("payments", &scope()).unwrap(), told);
}

#[test]
fn a_persons_word_between_look_and_commit_is_heeded() {
    let mut bench = Bench::new();
    let mut nothing = rules();
    nothing.include.ids = vec!["other".to_owned()];
    bench.look("payments", &whole(vec![api("a1")]), &nothing, hour(0));
    let known = bench.registry.known("payments", &scope()).unwrap();
    let plan = plan(&whole(vec![api("a1")]), &known, &rules(), hour(1));
    bench.registry.ignore(&id("a1"), "not this one", None, "ada", hour(1)).unwrap();
    let run = bench.begin("payments", hour(1));
    let refused = bench.registry.commit_scope(&commit("payments", run, &known, &plan), hour(1)).unwrap();
    assert_eq!(refused, Commit::Stale);
}

#[test]
fn each_telling_of_a_target_has_a_revision_and_a_key_of_its_own() {
    let mut bench = Bench::new();
    let here = whole(vec![api("a1")]);
    let empty = whole(Vec::new());
    for (hours, look) in [(0, &here), (1, &empty), (3, &empty), (4, &here), (5, &empty), (7, &empty)] {
        bench.look("payments", look, &rules(), hour(hours));
    }
    assert_eq!(events(&bench, "a1"), ["onboarded", "gone", "returned", "gone"]);
    let mut told = bench.registry.deliveries(&DeliveryFilter::default()).unwrap();
    told.reverse();
    let told: Vec<_> = told.iter().map(|row| (row.event.as_str(), row.revision)).collect();
    assert_eq!(told, [("api.onboarded", 1), ("api.gone", 2), ("api.returned", 3), ("api.gone", 4)]);
    assert_eq!(bench.number("SELECT count(DISTINCT key) FROM deliveries"), 4);
}

#[test]
fn what_is_recorded_as_existing_counts_as_onboarded_and_nobody_is_told() {
    let mut bench = Bench::new();
    let known = bench.registry.known("payments", &scope()).unwrap();
    assert!(known.scope.first_look);
    let mut plan = plan(&whole(vec![api("a1")]), &known, &rules(), hour(0));
    plan.record_existing();
    let run = bench.begin("payments", hour(0));
    let done = bench.commit("payments", run, &plan, hour(0));
    assert_eq!((done.deliveries, done.counts.already_onboarded), (0, 1));
    assert_eq!(events(&bench, "a1"), ["recorded_as_existing"]);
    let known = bench.registry.known("payments", &scope()).unwrap();
    assert_eq!(known.apis[&id("a1")].state, Some(ApiState::Onboarded));
}

#[test]
fn an_exclusion_is_written_down_when_its_reason_changes_and_not_after_a_failed_look() {
    let mut bench = Bench::new();
    let look = whole(vec![api("a1")]);
    let mut narrow = rules();
    narrow.include.ids = vec!["other".to_owned()];
    bench.look("payments", &look, &narrow, hour(0));
    bench.look("payments", &look, &narrow, hour(1));
    bench.look("payments", &denied_in("eu-west-1"), &narrow, hour(2));
    bench.look("payments", &look, &narrow, hour(3));
    assert_eq!(events(&bench, "a1"), ["excluded"]);

    narrow.include.ids.clear();
    narrow.exclude.ids = vec!["a1".to_owned()];
    bench.look("payments", &look, &narrow, hour(4));
    assert_eq!(events(&bench, "a1"), ["excluded", "excluded"]);
}

#[test]
fn stages_that_cannot_be_read_keep_what_was_read_before() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    let mut unreadable = api("a1");
    unreadable.name = "renamed".to_owned();
    unreadable.details = Details::Unreadable { cause: "denied".to_owned() };
    unreadable.instances.clear();
    bench.look("payments", &whole(vec![unreadable]), &rules(), hour(1));

    let known = bench.registry.known("payments", &scope()).unwrap();
    let a1 = &known.apis[&id("a1")];
    assert_eq!(a1.api.name, "renamed");
    assert_eq!(a1.api.details, api("a1").details);
    assert_eq!(a1.instances.len(), 1);
    assert_eq!(a1.last, Some((Decision::Held, Reason::DetailsUnreadable)));
}

#[test]
fn an_address_that_goes_is_forgotten_even_where_nobody_is_told() {
    let mut bench = Bench::new();
    let nobody = rules_for(&[]);
    bench.look("payments", &whole(vec![api_with("a1", &["dev", "prod"])]), &nobody, hour(0));
    bench.look("payments", &whole(vec![api("a1")]), &nobody, hour(1));
    let registered = |bench: &Bench| {
        let known = bench.registry.known("payments", &scope()).unwrap();
        known.apis[&id("a1")].instances.values().map(|known| known.absent_since).collect::<Vec<_>>()
    };
    assert_eq!(registered(&bench), [Some(hour(1)), None]);
    bench.look("payments", &whole(vec![api("a1")]), &nobody, hour(2));
    assert_eq!(registered(&bench), [None]);
    assert_eq!(events(&bench, "a1"), ["onboarded", "instance_removed"]);
    assert_eq!(bench.number("SELECT count(*) FROM instances"), 1);
}

#[test]
fn a_commit_that_breaks_off_in_the_middle_leaves_no_trace() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.id > 1 OR (SELECT count(*) FROM deliveries) > 0
                  BEGIN SELECT raise(ABORT, 'no more'); END";
    bench.registry.connection.execute_batch(refuse).unwrap();
    let known = bench.registry.known("payments", &scope()).unwrap();
    let plan = plan(&whole(vec![api("a1"), api("a2")]), &known, &rules(), hour(0));
    let result = bench.registry.commit_scope(&commit("payments", run, &known, &plan), hour(0));
    assert!(matches!(result, Err(RegistryError { kind: RegistryErrorKind::Sqlite(_), .. })), "{result:?}");
    for table in ["apis", "instances", "decisions", "told", "deliveries", "history", "run_scopes", "scope_status"] {
        assert_eq!(bench.number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }

    bench.registry.connection.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(bench.commit("payments", run, &plan, hour(0)).deliveries, 2);
}

#[test]
fn a_failed_scope_keeps_the_date_of_its_last_complete_look() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    bench.look("payments", &denied_in("eu-west-1"), &rules(), hour(1));
    bench.look("payments", &denied_in("eu-west-1"), &rules(), hour(2));
    let coverage = bench.registry.coverage(Some("payments")).unwrap();
    let [status] = coverage.as_slice() else { panic!("{coverage:?}") };
    assert_eq!(status.state, ScopeState::AccessDenied);
    assert_eq!(status.last_complete_at, Some(hour(0)));
    assert_eq!(status.since, hour(1));
    assert_eq!(status.last_look_at, hour(2));
    assert_eq!(status.apis, 1);
}
