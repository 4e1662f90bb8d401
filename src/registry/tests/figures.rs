//! What metrics are made of.

use std::collections::BTreeSet;

use serde_json::json;

use crate::plan::ApiState;
use crate::registry::testing::*;
use crate::registry::*;

fn end(bench: &mut Bench, run: RunId, outcome: Outcome, hours: i64) {
    bench.registry.finish_run(run, outcome, &Counts { calls: 3, ..Counts::default() }, None, hour(hours)).unwrap();
}

#[test]
fn runs_are_followed_from_one_look_to_the_next_until_they_end() {
    let mut bench = Bench::new();
    let (first, second) = (bench.begin("payments", hour(0)), bench.begin("billing", hour(0)));
    end(&mut bench, first, Outcome::Succeeded, 1);
    assert_eq!(bench.registry.newest().unwrap(), (second, 0));
    assert_eq!(bench.registry.under_way().unwrap(), [second].into());
    let third = bench.begin("payments", hour(2));
    let since = |bench: &Bench, after, open: &[RunId]| -> Vec<(RunId, Outcome)> {
        let runs = bench.registry.runs_since(after, &open.iter().copied().collect::<BTreeSet<_>>()).unwrap();
        runs.iter().map(|run| (run.run_id, run.outcome)).collect()
    };
    assert_eq!(since(&bench, second, &[]), [(third, Outcome::Running)]);
    end(&mut bench, second, Outcome::Failed, 3);
    assert_eq!(since(&bench, third, &[second, third]), [(second, Outcome::Failed), (third, Outcome::Running)]);
    assert_eq!(bench.registry.runs_since(0, &BTreeSet::new()).unwrap()[0].counts.calls, 3);
}

#[test]
fn only_a_success_over_everything_in_scope_counts_as_one() {
    let mut bench = Bench::new();
    let success = |bench: &Bench| bench.registry.last_success("payments").unwrap();
    assert_eq!(success(&bench), None);
    for (hours, selected, request, outcome) in [
        (0, false, json!({ "account": null, "region": null }), Outcome::Succeeded),
        (1, true, json!({ "account": null, "region": null }), Outcome::Succeeded),
        (2, false, json!({ "account": "111122223333", "region": null }), Outcome::Succeeded),
        (3, false, json!({ "account": null, "region": "eu-west-1" }), Outcome::Succeeded),
        (4, false, json!({ "account": null, "region": null }), Outcome::Partial),
    ] {
        let run = bench.begin_asked("payments", None, selected, &request, hour(hours));
        end(&mut bench, run, outcome, hours);
    }
    assert_eq!(success(&bench), Some(hour(0)));
    let narrowed: Vec<bool> =
        bench.registry.runs_since(0, &BTreeSet::new()).unwrap().iter().map(|run| run.narrowed).collect();
    assert_eq!(narrowed, [false, true, true, true, false]);
}

#[test]
fn what_stands_in_the_registry_is_counted_from_indexes_alone() {
    let mut bench = Bench::new();
    let rules = rules();
    bench.look("payments", &whole(vec![api("a1"), api("a2")]), &rules, hour(0));
    let backlog = bench.registry.backlog().unwrap();
    assert_eq!(backlog.apis[ApiState::Onboarded.as_str()], 2);
    let queued: u64 = backlog.deliveries.values().sum();
    assert_eq!(queued, 2 * rules.targets.len() as u64);
    assert!(backlog.awaiting.is_empty());
    for query in [
        "SELECT state, count(*) FROM apis WHERE state IS NOT NULL GROUP BY state",
        "SELECT target, state, count(*) FROM deliveries GROUP BY target, state",
    ] {
        let plan = bench.plan_of(query);
        assert!(plan.contains("COVERING INDEX") && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
    }
}

#[test]
fn the_version_changes_with_every_commit_of_somebody_else() {
    let mut bench = Bench::new();
    let reader = Registry::open_read(bench.registry.path()).unwrap();
    let before = reader.data_version().unwrap();
    assert_eq!(reader.data_version().unwrap(), before);
    bench.begin("payments", hour(0));
    assert_ne!(reader.data_version().unwrap(), before);
}
