//! The directory target through the real binary, with the real git.

use std::collections::BTreeSet;
use std::process::Command;

use aboard_simulator::Simulator;
use serde_json::Value;

use crate::support::shop::{self, ACCOUNT, REGION, count, meddle};
use crate::support::{Home, tools};

const ONBOARD: [&str; 2] = ["onboard", "shop"];

/// A file with one directory target that is committed; `keys` are more of its keys.
fn schedules(keys: &str) -> String {
    let target = format!("[targets.specs.directory]\npath = \"specs\"\ngit = true\n{keys}\n");
    let limits = "[limits]\nrequests_per_second = 0\n";
    format!("{limits}{target}{}", shop::connection("shop", "regions = [\"eu-west-1\"]"))
}

/// A home in a work tree, with somebody else's changes in it.
fn open(keys: &str) -> (Simulator, Home) {
    tools::debian("git", "git");
    let (sim, home) = shop::open_with(shop::stocked(), &schedules(keys));
    git(&home, &["init", "--quiet", "--initial-branch=main"]);
    home.write("staged.txt", "somebody's");
    git(&home, &["add", "staged.txt"]);
    (sim, home)
}

fn git(home: &Home, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(words).current_dir(home.path("")).env("HOME", home.path("")).env_remove("GIT_DIR");
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn subjects(home: &Home) -> Vec<String> {
    git(home, &["log", "--format=%s"]).lines().map(str::to_owned).collect()
}

/// Nothing waits for an export any more, whatever came of it.
fn release(home: &Home) {
    meddle(&home.registry(), "UPDATE deliveries SET export_until = NULL");
}

/// Runs until everything was told.
fn onboard(home: &Home) {
    home.ok(&ONBOARD);
    release(home);
    home.ok(&ONBOARD);
    let waiting = count(&home.registry(), "SELECT count(*) FROM deliveries WHERE state <> 'delivered'");
    assert_eq!(waiting, 0, "{:?}", home.json(&["deliveries"]));
}

fn index(home: &Home) -> Value {
    serde_json::from_slice(&std::fs::read(home.path("specs/index.json")).unwrap()).unwrap()
}

/// The APIs of the index by state.
fn apis(home: &Home) -> BTreeSet<(String, String)> {
    let index = index(home);
    let apis = index["apis"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    apis.map(|api| (text(&api["api_id"]), text(&api["state"]))).collect()
}

fn onboarded(ids: &[&str]) -> BTreeSet<(String, String)> {
    ids.iter().map(|id| ((*id).to_owned(), "onboarded".to_owned())).collect()
}

const STOCK: [&str; 3] = ["basketapi1", "ordersapi1", "pricesapi1"];

/// Two whole looks without the API, an hour apart.
fn goes(sim: &Simulator, home: &Home, api: &str) {
    sim.change(|world| assert!(world.region(ACCOUNT, REGION).remove(api)));
    home.ok(&ONBOARD);
    meddle(&home.registry(), "UPDATE apis SET absent_since = absent_since - 7200000");
    onboard(home);
}

#[test]
fn a_run_is_one_commit_and_one_that_finds_nothing_new_is_none() {
    let (_sim, home) = open("");
    onboard(&home);
    assert_eq!(apis(&home), onboarded(&STOCK));
    assert_eq!(subjects(&home), ["specs: 3 onboarded"]);
    let message = git(&home, &["log", "-1", "--format=%an%n%B"]);
    assert!(message.starts_with("aboard\n") && message.contains("Connection shop, run 1: 3 onboarded"), "{message}");
    let held = git(&home, &["ls-tree", "-r", "--name-only", "HEAD"]);
    assert!(held.lines().all(|name| name.starts_with("specs/")), "{held}");
    assert!(held.contains("specs/index.json"), "{held}");
    for name in ["basketapi1/@default.openapi.json", "ordersapi1/prod.openapi.json", "pricesapi1/live.asyncapi.json"] {
        assert!(held.contains(&format!("specs/{ACCOUNT}/{REGION}/{name}")), "{held}");
    }
    onboard(&home);
    assert_eq!(subjects(&home).len(), 1);
    assert!(git(&home, &["status", "--porcelain"]).contains("A  staged.txt"), "it is staged as before");
}

#[test]
fn what_is_gone_is_marked_or_removed() {
    for prune in [false, true] {
        let (sim, home) = open(if prune { "prune = true" } else { "" });
        onboard(&home);
        goes(&sim, &home, "ordersapi1");
        assert_eq!(subjects(&home), ["specs: 1 gone", "specs: 3 onboarded"]);
        let mut left = onboarded(&["basketapi1", "pricesapi1"]);
        if !prune {
            left.insert(("ordersapi1".to_owned(), "gone".to_owned()));
        }
        assert_eq!(apis(&home), left, "prune = {prune}");
    }
}

#[test]
fn killed_at_any_commit_of_the_registry_it_catches_up_and_commits_once() {
    for side in ["before-commit", "after-commit"] {
        let mut killed = 0;
        for n in 1.. {
            let (_sim, home) = open("");
            let ended = home.killed_at_commit(&format!("{side}:{n}"), &ONBOARD);
            if !ended.was_killed() {
                break;
            }
            killed += 1;
            onboard(&home);
            assert_eq!(apis(&home), onboarded(&STOCK), "{side}:{n}");
            assert_eq!(subjects(&home), ["specs: 3 onboarded"], "{side}:{n}");
            assert_eq!(git(&home, &["status", "--porcelain", "specs"]), "", "{side}:{n}");
        }
        // A run's scopes, its exports, and the lease and the record of a hand-over.
        assert!(killed >= 8, "{side}: {killed}");
    }
}

#[test]
fn a_place_that_is_no_work_tree_is_a_sentence_and_what_waits_is_told_later() {
    let (_sim, home) = shop::open_with(shop::stocked(), &schedules(""));
    home.ok(&ONBOARD);
    release(&home);
    home.run(&ONBOARD);
    let waiting = home.json(&["deliveries"]);
    let error = waiting[0]["last_error"].as_str().unwrap();
    assert!(error.contains("is in no git work tree: make one with git init"), "{error}");
    git(&home, &["init", "--quiet", "--initial-branch=main"]);
    meddle(&home.registry(), "UPDATE deliveries SET next_attempt_at = 0");
    onboard(&home);
    assert_eq!(subjects(&home), ["specs: 3 onboarded"]);
}

#[test]
fn while_somebody_merges_nothing_is_staged_and_what_waits_is_committed_later() {
    let (_sim, home) = open("");
    git(&home, &["config", "user.name", "Somebody"]);
    git(&home, &["config", "user.email", "somebody@example.com"]);
    git(&home, &["commit", "--quiet", "--message=first"]);
    for (branch, text) in [("theirs", "theirs"), ("main", "ours")] {
        git(&home, &["checkout", "--quiet", "-B", branch, "HEAD"]);
        home.write("both.txt", text);
        git(&home, &["add", "both.txt"]);
        git(&home, &["commit", "--quiet", "--message", branch]);
        if branch == "theirs" {
            git(&home, &["checkout", "--quiet", "main"]);
        }
    }
    let mut merge = Command::new("git");
    let merge = merge.args(["merge", "--quiet", "theirs"]).current_dir(home.path("")).env("HOME", home.path(""));
    assert!(!merge.output().unwrap().status.success(), "both changed the same line");
    home.ok(&ONBOARD);
    release(&home);
    let said = home.ok(&ONBOARD).stdout;
    assert!(said.contains("a merge is under way in the git work tree"), "{said}");
    assert!(!git(&home, &["diff", "--cached", "--name-only"]).contains("specs/"), "nothing of ours is staged");
    git(&home, &["merge", "--abort"]);
    let sent = home.ok(&["targets", "test", "specs"]);
    assert!(sent.stdout.contains("works"), "{sent:?}");
}
