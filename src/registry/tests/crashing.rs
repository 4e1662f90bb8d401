//! Dying at a commit: each child process is this test binary again, told by its environment to look once and to be killed on the way.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use crate::environment;
use crate::plan::plan;
use crate::registry::testing::*;
use crate::registry::*;

const REGISTRY: &str = "ABOARD_TEST_REGISTRY";
const CRASH_AT: &str = "ABOARD_CRASH_AT";

/// Looks once at one API, in a run that carries on whichever was interrupted; answers how many deliveries were written.
fn one_run(path: &Path) -> u64 {
    let mut registry = Registry::create_or_open(path).unwrap();
    registry.interrupt_dead_runs("payments", hour(0)).unwrap();
    let resumes = registry.resumable("payments").unwrap();
    let done = resumes.as_ref().is_some_and(|left| left.committed.contains_key(&scope()));
    let request = serde_json::json!({});
    let new = NewRun {
        connection: "payments",
        trigger: Trigger::Manual,
        due_at: None,
        due: None,
        resumes: resumes.map(|left| left.run_id),
        selected: false,
        request: &request,
        host: None,
    };
    let run = registry.begin_run(&new, hour(0)).unwrap();
    let mut deliveries = 0;
    if !done {
        let known = registry.known("payments", &scope()).unwrap();
        let plan = plan(&whole(vec![api("a1")]), &known, &rules(), hour(0));
        match registry.commit_scope(&commit("payments", run, &known, &plan), hour(0)).unwrap() {
            Commit::Done(done) => deliveries = done.deliveries,
            other => panic!("{other:?}"),
        }
    }
    let counts = registry.counts(run).unwrap();
    registry.finish_run(run, Outcome::Succeeded, &counts, None, hour(1)).unwrap();
    deliveries
}

/// What a child process does; nothing where this is not one.
#[test]
fn a_child_process_looks_once() {
    if let Some(path) = environment::path(REGISTRY) {
        if let Some(point) = environment::text(CRASH_AT).unwrap() {
            arm_crash(&point).unwrap();
        }
        one_run(Path::new(&path));
    }
}

#[test]
fn killed_at_any_commit_nothing_is_lost_and_nothing_is_registered_twice() {
    for side in ["before", "after"] {
        // Marking dead runs, beginning, committing the scope, ending.
        for commit in 1..=4 {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("aboard.db");
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "registry::tests::crashing::a_child_process_looks_once"])
                .env(REGISTRY, &path)
                .env(CRASH_AT, format!("{side}-commit:{commit}"))
                .output()
                .unwrap();
            assert_eq!(child.status.signal(), Some(9), "{side} {commit}: {child:?}");

            one_run(&path);
            let registry = Registry::open(&path).unwrap();
            let told = registry.deliveries(&DeliveryFilter::default()).unwrap();
            assert_eq!(told.len(), 1, "{side} {commit}");
            assert_eq!(registry.history(&id("a1")).unwrap().len(), 1, "{side} {commit}");
            assert_eq!(registry.check().unwrap(), Vec::<String>::new(), "{side} {commit}");
        }
    }
}
