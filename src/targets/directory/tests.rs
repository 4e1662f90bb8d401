//! Events in, files and commits out; git is the real one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::*;
use crate::config::Author;
use crate::targets::fixtures::{Kept, api, assert_delivered, event, failure, instance, specification, unspecified};
use crate::targets::{Delivery, Effect};

struct Site {
    folder: tempfile::TempDir,
    directory: Directory,
    memory: Kept,
}

impl Site {
    fn with(prune: bool, git: Option<Git>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if git.is_some() {
            run(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
        }
        let settings = DirectoryTarget { path: folder.path().join("specs"), prune, git };
        Self { folder, directory: Directory::new("specs", &settings), memory: Kept::default() }
    }

    fn plain() -> Self {
        Self::with(false, None)
    }

    fn committed() -> Self {
        Self::with(false, Some(Git::default()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("specs").join(name)
    }

    async fn deliver(&self, deliveries: &[Delivery]) -> Vec<Verdict> {
        self.directory.deliver(deliveries, &self.memory).await
    }

    async fn delivered(&self, deliveries: &[Delivery]) {
        assert_delivered(&self.deliver(deliveries).await);
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("index.json")).unwrap()).unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file below the path with its content and when it was changed.
    fn files(&self) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
        fn walk(folder: &Path, found: &mut Vec<(String, Vec<u8>, std::time::SystemTime)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found);
                } else {
                    let changed = path.metadata().unwrap().modified().unwrap();
                    found.push((path.display().to_string(), fs::read(&path).unwrap(), changed));
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path(""), &mut found);
        found.sort();
        found
    }

    fn git(&self, words: &[&str]) -> String {
        run(self.folder.path(), words)
    }

    /// Every commit, the newest first, as its subject.
    fn log(&self) -> Vec<String> {
        self.git(&["log", "--format=%s"]).lines().map(str::to_owned).collect()
    }
}

/// git as a person has it who set nothing up.
fn run(folder: &Path, words: &[&str]) -> String {
    let identity = ["-c", "user.name=Person", "-c", "user.email=person@example.com"];
    let output = Command::new("git").args(identity).args(words).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

const ORDERS: &str = "111122223333/eu-west-1/orders1";

fn orders(revision: u64, text: &str) -> Delivery {
    let specifications = vec![specification("prod", text), specification("$default", "{}")];
    event("api.onboarded", revision, api("orders1", "orders", &["$default", "prod"]), specifications)
}

fn basket(revision: u64) -> Delivery {
    event("api.onboarded", revision, api("basket1", "basket", &["live"]), vec![specification("live", "{\"b\":1}")])
}

#[tokio::test]
async fn a_new_api_gets_a_file_for_each_stage_and_an_entry() {
    let site = Site::plain();
    let without = event(
        "api.onboarded",
        1,
        api("prices1", "prices", &["live"]),
        vec![unspecified("live", "AWS refuses the export")],
    );
    site.delivered(&[orders(1, "{\"a\":1}"), without]).await;
    assert_eq!(site.read(&format!("{ORDERS}/prod.openapi.json")), "{\"a\":1}", "as it was exported");
    assert_eq!(site.read(&format!("{ORDERS}/@default.openapi.json")), "{}");
    let index = site.index();
    assert_eq!(index["version"], 1);
    let [orders, prices] = index["apis"].as_array().unwrap().as_slice() else { panic!("{index}") };
    assert_eq!((&orders["api_id"], &orders["state"]), (&"orders1".into(), &"onboarded".into()));
    assert_eq!(orders["instances"].as_array().unwrap().len(), 2);
    let prod = &orders["stages"]["prod"];
    assert_eq!(prod["file"], format!("{ORDERS}/prod.openapi.json"));
    assert_eq!((&prod["format"], &prod["bytes"], &prod["cause"]), (&"openapi".into(), &7.into(), &Value::Null));
    assert_eq!(prod["digest"], "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
    let live = &prices["stages"]["live"];
    assert_eq!((&live["file"], &live["cause"]), (&Value::Null, &"AWS refuses the export".into()));
    assert_eq!(site.files().len(), 3, "no file where there is no document");
}

#[tokio::test]
async fn the_same_event_again_writes_nothing() {
    let site = Site::plain();
    site.delivered(&[orders(1, "{}")]).await;
    let before = site.files();
    site.delivered(&[orders(1, "{}")]).await;
    assert_eq!(site.files(), before);
}

#[tokio::test]
async fn the_index_is_the_same_whatever_the_order_of_arrival() {
    let (one, other) = (Site::plain(), Site::plain());
    one.delivered(&[orders(1, "{}"), basket(2)]).await;
    other.delivered(&[basket(2)]).await;
    other.delivered(&[orders(1, "{}")]).await;
    assert_eq!(one.read("index.json"), other.read("index.json"));
}

#[tokio::test]
async fn a_changed_specification_replaces_its_file_and_a_failed_export_leaves_it() {
    let site = Site::plain();
    site.delivered(&[orders(1, "{\"a\":1}")]).await;
    let changed =
        event("api.changed", 2, api("orders1", "orders", &["$default", "prod"]), orders(2, "{\"a\":2}").specifications);
    site.delivered(&[changed]).await;
    assert_eq!(site.read(&format!("{ORDERS}/prod.openapi.json")), "{\"a\":2}");
    let failed = vec![unspecified("prod", "AWS refuses the export"), specification("$default", "{}")];
    site.delivered(&[event("api.changed", 3, api("orders1", "orders", &["$default", "prod"]), failed)]).await;
    assert_eq!(site.read(&format!("{ORDERS}/prod.openapi.json")), "{\"a\":2}");
    let prod = &site.index()["apis"][0]["stages"]["prod"];
    assert_eq!(prod["cause"], "AWS refuses the export");
    assert_eq!(prod["file"], format!("{ORDERS}/prod.openapi.json"), "the earlier one is still there");
}

fn gone(revision: u64) -> Delivery {
    event("api.gone", revision, api("orders1", "orders", &["$default", "prod"]), Vec::new())
}

#[tokio::test]
async fn what_is_gone_is_marked_and_its_files_stay() {
    let site = Site::plain();
    site.delivered(&[orders(1, "{}")]).await;
    site.delivered(&[gone(2)]).await;
    let index = site.index();
    assert_eq!(index["apis"][0]["state"], "gone");
    assert_eq!(index["apis"][0]["stages"]["prod"]["state"], "gone");
    assert!(site.path(ORDERS).join("prod.openapi.json").exists());
    let back = event("api.returned", 3, api("orders1", "orders", &["prod"]), vec![specification("prod", "{}")]);
    site.delivered(&[back]).await;
    let index = site.index();
    assert_eq!(index["apis"][0]["state"], "onboarded");
    assert_eq!(index["apis"][0]["stages"]["prod"]["state"], "onboarded");
    assert_eq!(index["apis"][0]["stages"]["$default"]["state"], "gone", "that stage did not come back");
}

#[tokio::test]
async fn what_is_gone_is_removed_where_that_is_asked() {
    let site = Site::with(true, None);
    site.delivered(&[orders(1, "{}"), basket(1)]).await;
    let own = site.path(ORDERS).join("notes.md");
    fs::write(&own, "somebody's").unwrap();
    site.delivered(&[gone(2)]).await;
    assert_eq!(site.index()["apis"].as_array().unwrap().len(), 1);
    assert!(!site.path(ORDERS).join("prod.openapi.json").exists());
    assert!(own.exists(), "what is not ours stays");
    // Killed after the index was written and before the files were removed.
    fs::write(site.path(ORDERS).join("prod.openapi.json"), "{}").unwrap();
    fs::remove_file(own).unwrap();
    site.delivered(&[gone(2)]).await;
    assert!(!site.path(ORDERS).exists(), "nor is an empty folder left");
}

#[tokio::test]
async fn a_stage_without_an_address_goes_as_an_api_goes() {
    for prune in [false, true] {
        let site = Site::with(prune, None);
        site.delivered(&[orders(1, "{}")]).await;
        let removed = event("api.instance_removed", 2, api("orders1", "orders", &["prod"]), Vec::new());
        site.delivered(&[removed]).await;
        let stages = &site.index()["apis"][0]["stages"];
        assert_eq!(stages["prod"]["state"], "onboarded");
        let file = site.path(ORDERS).join("@default.openapi.json");
        if prune {
            assert!(stages.get("$default").is_none() && !file.exists());
        } else {
            assert!(stages["$default"]["state"] == "gone" && file.exists());
        }
    }
}

#[tokio::test]
async fn a_stage_stays_that_has_only_addresses_which_the_target_did_not_ask_for() {
    let site = Site::with(true, None);
    site.delivered(&[orders(1, "{}")]).await;
    let mut removed = event("api.instance_removed", 2, api("orders1", "orders", &["$default"]), Vec::new());
    removed.addresses.push(instance("orders1", "prod"));
    site.delivered(&[removed]).await;
    assert_eq!(site.index()["apis"][0]["stages"]["prod"]["state"], "onboarded");
    assert!(site.path(ORDERS).join("prod.openapi.json").exists());
}

#[tokio::test]
async fn an_older_event_that_is_sent_again_by_hand_does_not_turn_things_back() {
    let site = Site::plain();
    site.delivered(&[orders(1, "{}")]).await;
    site.delivered(&[gone(3)]).await;
    site.delivered(&[orders(2, "{\"old\":1}")]).await;
    assert_eq!(site.index()["apis"][0]["state"], "gone");
    assert_eq!(site.read(&format!("{ORDERS}/prod.openapi.json")), "{}");
    // A registry that was lost counts anew, at a later time.
    let mut anew = orders(1, "{\"new\":1}");
    anew.notice.occurred_at = gone(4).notice.occurred_at;
    site.delivered(&[anew]).await;
    assert_eq!(site.index()["apis"][0]["state"], "onboarded");
}

#[tokio::test]
async fn a_run_is_nothing_that_a_directory_holds() {
    let site = Site::plain();
    let mut finished = orders(1, "{}");
    finished.notice.event = "run.finished".to_owned();
    finished.notice.api = None;
    assert_eq!(site.deliver(&[finished]).await, [Verdict::Unchanged]);
}

#[tokio::test]
async fn an_index_that_is_gone_or_spoilt_is_not_begun_anew_by_itself() {
    let site = Site::plain();
    site.delivered(&[orders(1, "{}"), basket(1)]).await;
    fs::remove_file(site.path("index.json")).unwrap();
    let verdicts = site.deliver(&[basket(2)]).await;
    let message = &failure(&verdicts[0]).message;
    assert!(message.contains("index.json is gone, which held 2 APIs"), "{message}");
    fs::write(site.path("index.json"), "<<<<<<< ours").unwrap();
    let verdicts = site.deliver(&[basket(2)]).await;
    let message = &failure(&verdicts[0]).message;
    assert!(message.contains("index.json: it is not as it was written"), "{message}");
    fs::write(site.path("index.json"), "").unwrap();
    site.delivered(&[basket(2)]).await;
    assert_eq!(site.index()["apis"].as_array().unwrap().len(), 1, "an empty file says that this is meant");
}

#[tokio::test]
async fn one_api_that_cannot_be_kept_holds_up_no_other() {
    let site = Site::plain();
    let astray = event("api.onboarded", 1, api("../../x", "x", &["prod"]), vec![specification("prod", "{}")]);
    let verdicts = site.deliver(&[astray, basket(1)]).await;
    assert_eq!(failure(&verdicts[0]).effect, Effect::GiveUp);
    assert_delivered(&verdicts[1..]);
    assert_eq!(site.files().len(), 2);
}

#[tokio::test]
async fn a_file_in_the_way_fails_its_api_with_a_sentence() {
    let site = Site::plain();
    fs::create_dir_all(site.path("")).unwrap();
    fs::write(site.path("111122223333"), "in the way").unwrap();
    let verdicts = site.deliver(&[basket(1)]).await;
    let failure = failure(&verdicts[0]);
    assert_eq!(failure.effect, Effect::Retry);
    assert!(failure.message.contains("in the way"), "{}", failure.message);
}

#[tokio::test]
async fn a_run_is_one_commit_and_the_same_again_is_none() {
    let site = Site::committed();
    let mut also = basket(1);
    also.notice.connection = "billing".to_owned();
    also.notice.run_id = Some(7);
    let run = [orders(1, "{}"), also];
    site.delivered(&run).await;
    assert_eq!(site.log(), ["specs: 2 onboarded"]);
    let message = site.git(&["log", "-1", "--format=%B"]);
    assert!(
        message.contains("Connection billing, run 7: 1 onboarded\nConnection shop, run 1: 1 onboarded"),
        "{message}"
    );
    let held = site.git(&["ls-tree", "-r", "--name-only", "HEAD"]);
    assert_eq!(held.lines().count(), 4, "{held}");
    assert!(held.lines().all(|name| name.starts_with("specs/")), "{held}");
    site.delivered(&run).await;
    site.delivered(&[gone(2)]).await;
    assert_eq!(site.log(), ["specs: 1 gone", "specs: 2 onboarded"]);
    assert_eq!(site.git(&["status", "--porcelain"]), "");
}

#[tokio::test]
async fn what_is_pruned_leaves_the_work_tree_with_the_commit() {
    let site = Site::with(true, Some(Git::default()));
    site.delivered(&[orders(1, "{}"), basket(1)]).await;
    site.delivered(&[gone(2)]).await;
    let held = site.git(&["ls-tree", "-r", "--name-only", "HEAD"]);
    assert!(!held.contains("orders1") && held.contains("basket1"), "{held}");
}

#[tokio::test]
async fn what_others_changed_and_staged_in_the_work_tree_is_left_alone() {
    let site = Site::committed();
    let file = |name: &str| site.folder.path().join(name);
    fs::write(file("app.rs"), "fn main() {}").unwrap();
    site.git(&["add", "app.rs"]);
    site.git(&["commit", "--quiet", "-m", "app"]);
    fs::write(file("app.rs"), "fn main() { todo() }").unwrap();
    fs::write(file("staged.rs"), "staged").unwrap();
    fs::write(file("new.rs"), "new").unwrap();
    site.git(&["add", "staged.rs"]);
    site.delivered(&[orders(1, "{}")]).await;
    let held = site.git(&["show", "--name-only", "--format=", "HEAD"]);
    assert!(held.lines().count() == 3 && held.lines().all(|name| name.starts_with("specs/")), "{held}");
    let status = site.git(&["status", "--porcelain"]);
    assert_eq!(status, " M app.rs\nA  staged.rs\n?? new.rs");
}

#[tokio::test]
async fn a_commit_has_an_author_whatever_git_knows() {
    let author = Some(Author { name: "Catalog Bot".to_owned(), email: "bot@example.com".to_owned() });
    let site = Site::with(false, Some(Git { author, push: false }));
    site.delivered(&[basket(1)]).await;
    let who = site.git(&["log", "-1", "--format=%an <%ae> %cn <%ce>"]);
    assert_eq!(who, "Catalog Bot <bot@example.com> Catalog Bot <bot@example.com>");

    let site = Site::committed();
    site.git(&["config", "user.name", "Set Up"]);
    site.git(&["config", "user.email", "set@up.example"]);
    site.delivered(&[basket(1)]).await;
    assert_eq!(site.git(&["log", "-1", "--format=%an <%ae>"]), "Set Up <set@up.example>");
}

#[tokio::test]
async fn hooks_of_the_work_tree_do_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::committed();
    for hook in ["pre-commit", "commit-msg", "post-commit"] {
        let path = site.folder.path().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\ntouch \"$(git rev-parse --show-toplevel)/ran\"\nexit 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    site.delivered(&[basket(1)]).await;
    assert!(!site.folder.path().join("ran").exists());
    assert_eq!(site.log().len(), 1);
}

#[tokio::test]
async fn another_git_at_work_fails_what_came_and_the_next_attempt_commits_it() {
    let site = Site::committed();
    let lock = site.folder.path().join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    let verdicts = site.deliver(&[orders(1, "{}"), basket(1)]).await;
    for verdict in &verdicts {
        let failure = failure(verdict);
        assert_eq!(failure.effect, Effect::Retry);
        assert!(failure.message.contains("index.lock") && failure.message.contains("remove that file"), "{failure:?}");
    }
    assert!(site.path("index.json").exists(), "the files stay");
    fs::remove_file(lock).unwrap();
    site.delivered(&[orders(1, "{}"), basket(1)]).await;
    assert_eq!(site.log(), ["specs: 2 onboarded"]);
}

#[tokio::test]
async fn a_folder_outside_any_work_tree_and_one_that_git_ignores_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let settings = DirectoryTarget { path: folder.path().join("specs"), prune: false, git: Some(Git::default()) };
    let directory = Directory::new("specs", &settings);
    let verdicts = directory.deliver(&[basket(1)], &Kept::default()).await;
    let message = &failure(&verdicts[0]).message;
    assert!(message.contains("is in no git work tree: make one with git init"), "{message}");

    let site = Site::committed();
    fs::write(site.folder.path().join(".gitignore"), "*.openapi.json\n").unwrap();
    let verdicts = site.deliver(&[basket(1)]).await;
    let message = &failure(&verdicts[0]).message;
    assert!(message.starts_with("git ignores ") && message.contains("live.openapi.json"), "{message}");
}

#[tokio::test]
async fn what_is_pushed_arrives_and_what_could_not_be_is_pushed_later() {
    let site = Site::with(false, Some(Git { author: None, push: true }));
    let verdicts = site.deliver(&[basket(1)]).await;
    assert!(failure(&verdicts[0]).message.contains("no upstream"), "{verdicts:?}");
    let far = tempfile::tempdir().unwrap();
    let bare = far.path().join("far.git");
    run(far.path(), &["init", "--quiet", "--bare", "far.git"]);
    site.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    site.git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
    site.delivered(&[basket(1)]).await;
    site.delivered(&[orders(1, "{}")]).await;
    assert_eq!(run(&bare, &["log", "--format=%s", "main"]), "specs: 1 onboarded\nspecs: 1 onboarded");

    fs::rename(&bare, far.path().join("away.git")).unwrap();
    let verdicts = site.deliver(&[gone(2)]).await;
    let message = &failure(&verdicts[0]).message;
    assert!(message.starts_with("the commit stands, but git push ended with 128"), "{message}");
    fs::rename(far.path().join("away.git"), &bare).unwrap();
    site.delivered(&[gone(2)]).await;
    assert_eq!(run(&bare, &["log", "-1", "--format=%s", "main"]), "specs: 1 gone");
}

#[tokio::test]
async fn a_test_says_where_files_and_commits_go() {
    let site = Site::committed();
    let notice = basket(1).notice;
    let said = site.directory.test(&notice).await.unwrap();
    assert!(said.contains("can be written to and holds 0 APIs, in the git work tree "), "{said}");
    assert!(said.ends_with(" on branch main"), "{said}");
    assert_eq!(site.files(), [], "it leaves nothing behind");
}

#[tokio::test]
async fn whoever_stops_waiting_leaves_a_whole_commit_behind() {
    let site = Site::committed();
    drop(tokio::time::timeout(std::time::Duration::ZERO, site.deliver(&[orders(1, "{}")])).await);
    // What was begun takes its turn now.
    tokio::task::yield_now().await;
    drop(site.directory.turn.lock().await);
    assert_eq!(site.log(), ["specs: 1 onboarded"]);
    assert_eq!(site.git(&["status", "--porcelain"]), "");
}
