//! What targets are told of runs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::notice::{Notice, RunNotice};
use crate::registry::testing::*;
use crate::registry::*;

fn run_notice(started_at: DateTime<Utc>) -> RunNotice {
    RunNotice {
        trigger: "schedule".to_owned(),
        started_at,
        finished_at: started_at,
        outcome: "succeeded".to_owned(),
        error: None,
        counts: BTreeMap::new(),
        failures: Vec::new(),
        failures_in_all: 0,
        events: Vec::new(),
        events_in_all: BTreeMap::new(),
    }
}

/// Looks and commits for a target that gets summaries.
fn look_in_one_message(bench: &mut Bench, run_id: RunId, apis: &[&str], hours: i64) {
    let look = whole(apis.iter().map(|id| api(id)).collect());
    let known = bench.registry.known("payments", &scope()).unwrap();
    let plan = crate::plan::plan(&look, &known, &rules(), hour(hours));
    let digests = BTreeSet::from(["catalog".to_owned()]);
    let commit = CommitScope { digests: &digests, ..commit("payments", run_id, &known, &plan) };
    let done = bench.registry.commit_scope(&commit, hour(hours)).unwrap();
    assert!(matches!(done, Commit::Done(_)), "{done:?}");
}

fn announce(
    bench: &mut Bench,
    run_id: RunId,
    digests: &[&str],
    summaries: &[&str],
    failures: Option<&[&str]>,
    hours: i64,
) -> u64 {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let (digests, summaries, finished) = (names(digests), names(summaries), names(&["catalog"]));
    let failures: Option<BTreeSet<String>> = failures.map(|failures| names(failures).into_iter().collect());
    let announcement = Announcement {
        run_id,
        resumes: None,
        connection: "payments",
        run: &run_notice(hour(hours)),
        digests: &digests,
        summaries: &summaries,
        failures: failures.as_ref().map(|failures| (finished.as_slice(), failures)),
    };
    bench.registry.announce_run(&announcement, hour(hours)).unwrap()
}

fn notices(bench: &Bench, event: &str) -> Vec<Notice> {
    let rows = bench.registry.deliveries(&DeliveryFilter::default()).unwrap();
    rows.iter().filter(|row| row.event == event).map(|row| serde_json::from_str(&row.payload).unwrap()).collect()
}

#[test]
fn a_target_that_wants_one_message_a_run_gets_one_with_what_happened() {
    let mut bench = Bench::new();
    let run_id = bench.begin("payments", hour(0));
    look_in_one_message(&mut bench, run_id, &["a1", "a2"], 0);
    assert_eq!(bench.registry.lease("catalog", 10, false, hour(9), hour(9)).unwrap(), [], "nothing one by one");
    assert_eq!(announce(&mut bench, run_id, &["catalog"], &[], None, 0), 1);
    let [summary] = &notices(&bench, "run.summary")[..] else { panic!("one message") };
    let run = summary.run.clone().unwrap();
    assert_eq!(run.events_in_all, BTreeMap::from([("api.onboarded".to_owned(), 2)]));
    assert_eq!(run.events[0].name, "api a1");
    assert_eq!(run.events[0].urls, ["https://a1.execute-api.eu-west-1.amazonaws.com/prod"]);
    let leased = bench.registry.lease("catalog", 10, false, hour(9), hour(9)).unwrap();
    assert_eq!(leased.iter().map(|leased| leased.notice.event.as_str()).collect::<Vec<_>>(), ["run.summary"]);
    assert_eq!(announce(&mut bench, run_id, &["catalog"], &[], None, 1), 0, "nothing is summed up twice");
}

#[test]
fn a_summary_names_fifty_and_counts_all() {
    let mut bench = Bench::new();
    let run_id = bench.begin("payments", hour(0));
    let names: Vec<String> = (0..60).map(|number| format!("a{number}")).collect();
    look_in_one_message(&mut bench, run_id, &names.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    announce(&mut bench, run_id, &["catalog"], &[], None, 0);
    let run = notices(&bench, "run.summary")[0].run.clone().unwrap();
    assert_eq!((run.events.len(), run.events_in_all["api.onboarded"]), (50, 60));
}

#[test]
fn what_a_killed_run_collected_stands_in_the_next_summary() {
    let mut bench = Bench::new();
    let killed = bench.begin("payments", hour(0));
    look_in_one_message(&mut bench, killed, &["a1"], 0);
    let next = bench.begin("payments", hour(1));
    look_in_one_message(&mut bench, next, &["a1", "a2"], 1);
    assert_eq!(announce(&mut bench, next, &["catalog"], &[], None, 1), 1);
    let run = notices(&bench, "run.summary")[0].run.clone().unwrap();
    assert_eq!(run.events.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["api a1", "api a2"]);
}

#[test]
fn who_gets_summaries_besides_is_told_what_happened_in_the_run() {
    let mut bench = Bench::new();
    let run_id = bench.begin("payments", hour(0));
    bench.look_in(run_id, "payments", &whole(vec![api("a1")]), &rules_for(&[]), hour(0));
    assert_eq!(announce(&mut bench, run_id, &[], &["specs"], None, 0), 1);
    let run = notices(&bench, "run.summary")[0].run.clone().unwrap();
    assert_eq!(run.events_in_all["api.onboarded"], 1);
    let idle = bench.begin("payments", hour(1));
    assert_eq!(announce(&mut bench, idle, &[], &["specs"], None, 1), 0, "nothing happened");
}

#[test]
fn a_change_in_what_fails_is_told_once_and_again_after_thirty_days() {
    let mut bench = Bench::new();
    let told = |bench: &mut Bench, failures: &[&str], hours: i64| {
        let run_id = bench.begin("payments", hour(hours));
        announce(bench, run_id, &[], &[], Some(failures), hours) == 1
    };
    assert!(!told(&mut bench, &[], 0), "nothing fails");
    assert!(told(&mut bench, &["a"], 1));
    assert!(!told(&mut bench, &["a"], 2), "the same");
    assert!(told(&mut bench, &["a", "b"], 3));
    assert!(!told(&mut bench, &["a", "b"], 3 + 30 * 24 - 1));
    assert!(told(&mut bench, &["a", "b"], 3 + 30 * 24));
    assert!(told(&mut bench, &[], 2000), "it is cured");
    assert!(!told(&mut bench, &[], 5000), "and stays so");
    assert_eq!(notices(&bench, "run.finished").len(), 4);
}

#[test]
fn a_run_that_ends_twice_is_told_of_once() {
    let mut bench = Bench::new();
    let run_id = bench.begin("payments", hour(0));
    announce(&mut bench, run_id, &[], &[], Some(&["a"]), 0);
    announce(&mut bench, run_id, &[], &[], Some(&["a", "b"]), 0);
    assert_eq!(notices(&bench, "run.finished").len(), 1);
}
