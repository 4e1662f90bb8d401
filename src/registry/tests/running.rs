//! Runs, the scopes that they saw, and first looks.

use serde_json::json;

use crate::inventory::{AccountTrouble, ScopeState};
use crate::plan::plan;
use crate::registry::testing::*;
use crate::registry::*;

fn first_look(bench: &Bench, region: &str) -> bool {
    bench.registry.known("payments", &scope_in(region)).unwrap().scope.first_look
}

fn finish(bench: &mut Bench, run: RunId, outcome: Outcome, hours: i64) {
    let counts = bench.registry.counts(run).unwrap();
    bench.registry.finish_run(run, outcome, &counts, None, hour(hours)).unwrap();
}

#[test]
fn a_run_tells_what_it_counted_while_it_runs_and_afterwards() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    bench.look_in(run, "payments", &whole(vec![api("a1"), api("a2")]), &rules(), hour(0));
    bench.look_in(run, "payments", &denied_in("eu-west-2"), &rules(), hour(0));
    let expected = Counts { seen: 2, onboard: 2, scopes_complete: 1, scopes_failed: 1, calls: 6, ..Counts::default() };
    let running = bench.registry.runs(&RunFilter::default()).unwrap();
    assert_eq!((running[0].outcome, running[0].counts), (Outcome::Running, expected));

    finish(&mut bench, run, Outcome::Partial, 1);
    let (row, scopes) = bench.registry.run(run).unwrap();
    assert_eq!((row.outcome, row.counts, row.finished_at), (Outcome::Partial, expected, Some(hour(1))));
    let states: Vec<_> = scopes.iter().map(|scope| (scope.region.as_deref(), scope.state)).collect();
    assert_eq!(states, [(Some("eu-west-1"), ScopeState::Complete), (Some("eu-west-2"), ScopeState::AccessDenied)]);
}

#[test]
fn a_run_ends_once() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    finish(&mut bench, run, Outcome::Succeeded, 1);
    let error = RunError { kind: "late".to_owned(), message: "too late".to_owned(), hint: None };
    let again = bench.registry.finish_run(run, Outcome::Failed, &Counts::default(), Some(&error), hour(2)).unwrap_err();
    assert!(matches!(again.kind, RegistryErrorKind::RunOver(ended) if ended == run), "{again}");
    assert_eq!(bench.registry.run(run).unwrap().0.outcome, Outcome::Succeeded);
    assert!(matches!(bench.registry.run(99).unwrap_err().kind, RegistryErrorKind::UnknownRun(99)));
}

#[test]
fn an_account_that_cannot_be_entered_is_a_row_without_region_until_it_can() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    let account = AccountTrouble {
        account_id: Some(ACCOUNT.to_owned()),
        account_name: Some("payments-prod".to_owned()),
        trouble: trouble(ScopeState::CredentialsFailed),
        meant: false,
    };
    bench.registry.record_account(run, &account, false, hour(0)).unwrap();
    let (_, scopes) = bench.registry.run(run).unwrap();
    assert_eq!((scopes[0].account_id.as_deref(), &scopes[0].region, scopes[0].family), (Some(ACCOUNT), &None, None));
    let coverage = bench.registry.coverage(None).unwrap();
    assert_eq!((coverage.len(), coverage[0].state), (1, ScopeState::CredentialsFailed));

    bench.look("payments", &whole(Vec::new()), &rules(), hour(1));
    let coverage = bench.registry.coverage(None).unwrap();
    assert_eq!((coverage.len(), coverage[0].state), (1, ScopeState::Complete));
    assert_eq!(coverage[0].region.as_deref(), Some("eu-west-1"));
}

#[test]
fn a_run_whose_process_died_is_carried_on_for_what_it_had_not_committed() {
    let mut bench = Bench::new();
    let first = bench.begin("payments", hour(0));
    bench.look_in(first, "payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(0));
    let not_reached = trouble(ScopeState::NotReached);
    bench.registry.record_scope(first, &scope_in("eu-west-3"), None, &not_reached, false, hour(0)).unwrap();
    assert_eq!(bench.registry.resumable("payments").unwrap(), None, "it may still be running");
    assert!(bench.registry.interrupt_dead_runs("billing", hour(1)).unwrap().is_empty());
    assert_eq!(bench.registry.interrupt_dead_runs("payments", hour(1)).unwrap(), [first]);

    let second = bench.begin_as("payments", Some(first), false, hour(1));
    bench.look_in(second, "payments", &denied_in("eu-west-2"), &rules(), hour(1));
    bench.registry.interrupt_dead_runs("payments", hour(2)).unwrap();

    let resumable = bench.registry.resumable("payments").unwrap().unwrap();
    assert_eq!((resumable.run_id, resumable.started_at), (second, hour(0)));
    let committed: Vec<_> = resumable.committed.iter().map(|(scope, state)| (scope.region.as_str(), *state)).collect();
    assert_eq!(committed, [("eu-west-1", ScopeState::Complete), ("eu-west-2", ScopeState::AccessDenied)]);

    let third = bench.begin_as("payments", Some(second), false, hour(2));
    finish(&mut bench, third, Outcome::Partial, 3);
    assert_eq!(bench.registry.resumable("payments").unwrap(), None);
}

#[test]
fn a_scope_that_was_not_reached_can_still_be_committed_in_the_same_run() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    bench.registry.record_scope(run, &scope(), None, &trouble(ScopeState::NotReached), false, hour(0)).unwrap();
    bench.look_in(run, "payments", &whole(Vec::new()), &rules(), hour(0));
    bench.registry.record_scope(run, &scope(), None, &trouble(ScopeState::NotReached), false, hour(0)).unwrap();
    assert_eq!(bench.registry.run(run).unwrap().1[0].state, ScopeState::Complete);
    assert_eq!(bench.registry.coverage(None).unwrap()[0].state, ScopeState::Complete);
}

#[test]
fn what_an_interrupted_run_did_not_come_to_stands_as_before() {
    let mut bench = Bench::new();
    bench.look("payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(0));
    let before = bench.registry.coverage(None).unwrap();
    let run = bench.begin("payments", hour(1));
    for region in ["eu-west-1", "eu-west-2"] {
        let not_reached = trouble(ScopeState::NotReached);
        bench.registry.record_untouched(run, &scope_in(region), &not_reached, hour(1)).unwrap();
    }
    assert_eq!(bench.registry.coverage(None).unwrap(), before);
    let (_, scopes) = bench.registry.run(run).unwrap();
    assert_eq!(scopes.iter().map(|scope| scope.state).collect::<Vec<_>>(), [ScopeState::NotReached; 2]);
}

#[test]
fn until_a_run_has_finished_the_look_at_what_was_not_seen_whole_is_a_first_one() {
    let mut bench = Bench::new();
    assert!(first_look(&bench, "eu-west-1"));
    let run = bench.begin("payments", hour(0));
    bench.look_in(run, "payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(0));
    assert!(!first_look(&bench, "eu-west-1"), "what is found there from now on is new, however this run ends");
    assert!(first_look(&bench, "eu-west-2"));
    finish(&mut bench, run, Outcome::Succeeded, 1);
    assert!(!first_look(&bench, "eu-west-1"));
    assert!(!first_look(&bench, "eu-west-2"), "a region that turns up later has nothing that was there before");
}

#[test]
fn a_scope_that_the_first_run_tried_in_vain_has_its_first_look_still_to_come() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    bench.look_in(run, "payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(0));
    bench.look_in(run, "payments", &denied_in("eu-west-2"), &rules(), hour(0));
    finish(&mut bench, run, Outcome::Partial, 1);
    assert!(first_look(&bench, "eu-west-2"));

    bench.look("payments", &denied_in("eu-west-2"), &rules(), hour(2));
    assert!(first_look(&bench, "eu-west-2"));
    bench.look("payments", &whole_in("eu-west-2", Vec::new()), &rules(), hour(3));
    assert!(!first_look(&bench, "eu-west-2"));
}

#[test]
fn an_account_that_the_first_run_could_not_enter_has_all_its_first_looks_still_to_come() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    let mut elsewhere = whole_in("eu-west-1", Vec::new());
    elsewhere.scope.account_id = "999988887777".to_owned();
    bench.look_in(run, "payments", &elsewhere, &rules(), hour(0));
    let trouble = trouble(ScopeState::CredentialsFailed);
    let account = AccountTrouble { account_id: Some(ACCOUNT.to_owned()), account_name: None, trouble, meant: false };
    bench.registry.record_account(run, &account, false, hour(0)).unwrap();
    finish(&mut bench, run, Outcome::Partial, 1);
    assert!(first_look(&bench, "eu-west-1") && first_look(&bench, "eu-west-2"));

    bench.look("payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(2));
    assert!(!first_look(&bench, "eu-west-1") && first_look(&bench, "eu-west-2"));
}

#[test]
fn a_first_run_that_was_interrupted_is_judged_with_the_run_that_carries_it_on() {
    let mut bench = Bench::new();
    let first = bench.begin("payments", hour(0));
    bench.look_in(first, "payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(0));
    bench.look_in(first, "payments", &denied_in("eu-west-2"), &rules(), hour(0));
    bench.registry.interrupt_dead_runs("payments", hour(1)).unwrap();
    assert!(!first_look(&bench, "eu-west-1") && first_look(&bench, "eu-west-2") && first_look(&bench, "eu-west-3"));
    let second = bench.begin_as("payments", Some(first), false, hour(1));
    finish(&mut bench, second, Outcome::Partial, 2);
    assert!(!first_look(&bench, "eu-west-1") && first_look(&bench, "eu-west-2") && !first_look(&bench, "eu-west-3"));
}

#[test]
fn a_run_that_was_asked_for_less_than_everything_makes_no_baseline() {
    for asked in ["account", "region", "published_after"] {
        let mut bench = Bench::new();
        let run = bench.begin_asked("payments", None, false, &json!({ asked: "something" }), hour(0));
        bench.look_in(run, "payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(0));
        finish(&mut bench, run, Outcome::Succeeded, 1);
        assert!(first_look(&bench, "eu-west-2"), "{asked}: what it did not look at existed all the same");
        // Of what another day leaves out it recorded nothing.
        assert_eq!(first_look(&bench, "eu-west-1"), asked == "published_after", "{asked}");

        let run = bench.begin("payments", hour(2));
        bench.look_in(run, "payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(2));
        finish(&mut bench, run, Outcome::Succeeded, 3);
        assert!(!first_look(&bench, "eu-west-1") && !first_look(&bench, "eu-west-2"), "{asked}");
    }
}

#[test]
fn a_run_that_saw_nothing_whole_makes_no_baseline_and_neither_does_a_look_at_named_apis() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    bench.look_in(run, "payments", &denied_in("eu-west-1"), &rules(), hour(0));
    finish(&mut bench, run, Outcome::Failed, 1);
    assert!(first_look(&bench, "eu-west-1"));

    let run = bench.begin_as("payments", None, true, hour(2));
    let mut look = whole(vec![api("a1")]);
    look.listing = crate::inventory::Listing::Selected;
    let known = bench.registry.known("payments", &scope()).unwrap();
    let plan = plan(&look, &known, &rules(), hour(2));
    bench.commit("payments", run, &plan, hour(2));
    finish(&mut bench, run, Outcome::Succeeded, 3);
    assert!(first_look(&bench, "eu-west-1"));
    let coverage = bench.registry.coverage(None).unwrap();
    assert_eq!(coverage[0].last_complete_at, None, "named APIs say nothing about their scope");
}

#[test]
fn runs_are_listed_newest_first_by_connection_and_outcome() {
    let mut bench = Bench::new();
    let first = bench.begin("payments", hour(0));
    finish(&mut bench, first, Outcome::Succeeded, 0);
    let second = bench.begin("payments", hour(1));
    bench.begin("billing", hour(2));
    let ids = |filter: RunFilter| -> Vec<RunId> {
        bench.registry.runs(&filter).unwrap().iter().map(|run| run.run_id).collect()
    };
    let of = |outcome, limit| RunFilter { connection: Some("payments".to_owned()), outcome, limit };
    assert_eq!(ids(of(None, None)), [second, first]);
    assert_eq!(ids(of(Some(Outcome::Succeeded), None)), [first]);
    assert_eq!(ids(of(None, Some(1))), [second]);
    assert_eq!(ids(RunFilter::default()).len(), 3);
    let timeline = |after| bench.registry.timeline(&TimelineFilter { after, ..TimelineFilter::default() }).unwrap();
    let marks: Vec<Mark> = timeline(None).iter().map(Happening::mark).collect();
    assert_eq!(marks[1].id, second);
    let older: Vec<RunId> = timeline(Some(marks[1])).iter().map(|happening| happening.mark().id).collect();
    assert_eq!(older, [first]);
}

#[test]
fn forgetting_keeps_each_scopes_last_run_and_what_history_needs() {
    let mut bench = Bench::new();
    let empty = whole_in("eu-west-2", Vec::new());
    for (hours, look) in [(0, &whole(vec![api("a1")])), (1, &empty), (2, &empty), (3, &empty)] {
        let run = bench.begin("payments", hour(hours));
        bench.look_in(run, "payments", look, &rules(), hour(hours));
        finish(&mut bench, run, Outcome::Succeeded, hours);
    }
    let pruned = bench.registry.prune(chrono::TimeDelta::days(400), hour(400 * 24 + 100)).unwrap();
    assert_eq!(pruned, Pruned { runs: 2, scopes: 2, ..Pruned::default() });
    let left: Vec<_> = bench.registry.runs(&RunFilter::default()).unwrap().iter().map(|run| run.run_id).collect();
    assert_eq!(left, [4, 1]);
    assert_eq!(bench.registry.coverage(None).unwrap().len(), 2);
    assert_eq!(bench.registry.check().unwrap(), Vec::<String>::new());
}

#[test]
fn rows_come_account_by_account_and_an_accounts_own_row_first() {
    let mut bench = Bench::new();
    let run = bench.begin("payments", hour(0));
    for account_id in [Some(ACCOUNT.to_owned()), None] {
        let account = AccountTrouble {
            account_id,
            account_name: None,
            trouble: trouble(ScopeState::CredentialsFailed),
            meant: false,
        };
        bench.registry.record_account(run, &account, false, hour(0)).unwrap();
    }
    let mut elsewhere = whole_in("eu-west-2", Vec::new());
    elsewhere.scope.account_id = "999988887777".to_owned();
    for look in [&elsewhere, &whole_in("eu-west-2", Vec::new()), &whole_in("eu-west-1", Vec::new())] {
        bench.look_in(run, "payments", look, &rules(), hour(1));
    }
    for connection in ["billing", "hand"] {
        bench.look(connection, &whole_in("eu-west-1", Vec::new()), &rules(), hour(2));
    }
    let mut accounts = Vec::new();
    let each = |rows: Vec<ScopeStatus>| {
        let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let regions: Vec<String> = rows.iter().map(|row| word(&row.region)).collect();
        accounts.push(format!("{} {} {}", rows[0].connection, word(&rows[0].account_id), regions.join(" ")));
    };
    bench.registry.for_each_account(None, each).unwrap();
    let expected = [
        format!("billing {ACCOUNT} eu-west-1"),
        format!("hand {ACCOUNT} eu-west-1"),
        "payments - -".to_owned(),
        format!("payments {ACCOUNT} - eu-west-1 eu-west-2"),
        "payments 999988887777 eu-west-2".to_owned(),
    ];
    assert_eq!(accounts, expected);
    assert_eq!(bench.registry.coverage(None).unwrap().len(), 5, "accounts that were entered since say nothing");
}

#[test]
fn the_first_look_at_a_scope_is_kept() {
    let mut bench = Bench::new();
    bench.look("payments", &denied_in("eu-west-1"), &rules(), hour(0));
    bench.look("payments", &whole_in("eu-west-1", Vec::new()), &rules(), hour(1));
    let row = bench.registry.coverage(None).unwrap().remove(0);
    assert_eq!((row.first_look_at, row.since, row.last_look_at), (hour(0), hour(1), hour(1)));
}

#[test]
fn the_newest_run_that_came_to_everything_is_found_with_the_first_that_it_carries_on() {
    let mut bench = Bench::new();
    let look = |bench: &Bench| bench.registry.whole_looks().unwrap().remove("payments");
    let run = |bench: &mut Bench, resumes, request, state: ScopeState, outcome| {
        let run = bench.begin_asked("payments", resumes, false, &request, hour(0));
        bench.registry.record_scope(run, &scope(), None, &trouble(state), false, hour(0)).unwrap();
        finish(bench, run, outcome, 1);
        run
    };
    let denied = ScopeState::AccessDenied;
    run(&mut bench, None, json!({}), denied, Outcome::Failed);
    assert_eq!(look(&bench), None);
    let first = run(&mut bench, None, json!({}), denied, Outcome::Partial);
    assert_eq!(look(&bench), Some(WholeLook { run_id: first, first, started_at: hour(0) }));
    for (request, state, outcome) in [
        (json!({ "account": ACCOUNT }), denied, Outcome::Partial),
        (json!({ "region": "eu-west-1" }), denied, Outcome::Succeeded),
        (json!({ "only": [] }), denied, Outcome::Succeeded),
        (json!({}), ScopeState::NotReached, Outcome::Partial),
        (json!({}), denied, Outcome::Interrupted),
    ] {
        run(&mut bench, None, request.clone(), state, outcome);
        assert_eq!(look(&bench).unwrap().run_id, first, "{request} {state} {outcome:?}");
    }
    let cut = run(&mut bench, None, json!({}), denied, Outcome::Interrupted);
    let last = run(&mut bench, Some(cut), json!({}), denied, Outcome::Succeeded);
    assert_eq!(look(&bench), Some(WholeLook { run_id: last, first: cut, started_at: hour(0) }));
}
