//! Finding the worker and its registry while the schedule file is bad, gone, or another's.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Instant;

use aboard::registry::locks::{self, Locking};
use nix::sys::signal::Signal;

use super::{Beside, bare};
use crate::support::shop::{self, schedules};
use crate::support::{LONG, Running, Said};

const REGION: &str = r#"regions = ["eu-west-1"]"#;
const BROKEN: &str = "[connections.shop]\nregoins = [\n";

/// A worker whose file names its registry, with what of the environment a service has.
fn elsewhere(registry: &str, runtime: bool) -> Beside {
    let schedules = format!("[registry]\npath = \"{registry}\"\n{}", schedules(REGION));
    let (sim, home) = shop::open_with(shop::stocked(), &schedules);
    for folder in ["state", "run"] {
        fs::create_dir(home.path(folder)).unwrap();
    }
    let mut command = home.command(&["-v", "run"]);
    if runtime {
        command.env("RUNTIME_DIRECTORY", home.path("run"));
    }
    let mut worker = Running::start(command);
    worker.wait_until_said("following");
    // Which it keeps a moment after it says so.
    let begun = Instant::now();
    while !home.path(&format!("{registry}.last-good.toml")).exists() {
        assert!(begun.elapsed() < LONG, "a copy of the good file is kept");
        std::thread::yield_now();
    }
    Beside { sim, home, worker }
}

fn end(beside: Beside) {
    beside.worker.signal(Signal::SIGTERM);
    let ended = beside.worker.end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
}

#[test]
fn commands_reach_the_worker_while_its_file_is_bad() {
    let beside = Beside::new(shop::stocked());
    beside.home.write("schedules.toml", BROKEN);
    for words in [
        "test shop",
        "discover shop",
        "onboard shop",
        "approve shop",
        "ignore ordersapi1 --reason why",
        "unignore ordersapi1",
        "pause shop",
        "resume shop",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let said = beside.ok(&words);
        let warning = "aboard: warning: schedules.toml:2:";
        assert!(said.stderr.starts_with(warning), "{words:?}: {said:?}");
        assert!(said.stderr.contains("; the running worker goes on by what it had"), "{words:?}: {said:?}");
    }
    assert_eq!(beside.ok(&["-q", "resume", "shop"]).stderr, "");
    for words in [&["runs"][..], &["apis"], &["explain", "ordersapi1"], &["audit"], &["registry", "info"]] {
        beside.ok(words);
    }
    let pid = beside.worker.pid();
    fs::remove_file(beside.home.path("schedules.toml")).unwrap();
    assert!(beside.ok(&["runs"]).stdout.contains("shop"));
    assert!(beside.ok(&["pause", "shop"]).stderr.contains("cannot read the schedule file"));
    let health = beside.run(&["-o", "json", "health"]);
    assert_eq!(health.json()["pid"], pid, "{health:?}");
    end(beside);
}

#[test]
fn without_a_worker_a_bad_file_still_ends_what_needs_it() {
    let (_sim, home) = shop::open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    home.write("schedules.toml", BROKEN);
    assert_eq!(home.run(&["onboard", "shop"]).code, Some(2));
    assert!(home.ok(&["runs"]).stdout.contains("shop"));
}

#[test]
fn a_registry_that_a_bad_file_names_is_found_with_its_worker() {
    for (registry, text, runtime) in [
        ("state/x.db", Some("[registry]\npath = \"state/x.db\"\n[connections.shop\n"), false),
        ("state/x.db", Some(BROKEN), true),
        ("state/x.db", None, true),
        ("x.db", Some(BROKEN), false),
        ("x.db", None, false),
    ] {
        let beside = elsewhere(registry, runtime);
        match text {
            Some(text) => beside.home.write("schedules.toml", text),
            None => fs::remove_file(beside.home.path("schedules.toml")).unwrap(),
        }
        let said = |words: &[&str]| {
            let mut command = bare(&beside.home, words);
            if runtime {
                command.env("RUNTIME_DIRECTORY", beside.home.path("run"));
            }
            Said::of(command.output().unwrap())
        };
        let health = said(&["-o", "json", "health"]);
        assert_eq!(health.json()["pid"], beside.worker.pid(), "{registry} {text:?}: {health:?}");
        let reload = said(&["-o", "json", "reload", "--wait"]);
        assert_eq!(reload.json()["result"], "rejected", "{registry} {text:?}: {reload:?}");
        end(beside);
    }
}

#[test]
fn a_bad_file_does_not_lead_to_the_worker_of_another() {
    let beside = Beside::new(shop::stocked());
    beside.home.write("other.toml", BROKEN);
    for words in [&["--config", "other.toml", "pause", "--all"], &["--config", "gone.toml", "pause", "--all"]] {
        assert_eq!(beside.run(words).code, Some(2), "{words:?}");
    }
    let health = beside.run(&["--config", "other.toml", "health"]);
    assert_eq!(health.code, Some(1), "{health:?}");
    assert!(health.stderr.contains("no worker is running"), "{health:?}");
    assert!(!beside.ok(&["health"]).stdout.contains("paused"));
    beside.stop();
}

#[test]
fn a_worker_refuses_what_is_meant_for_another_registry() {
    let beside = Beside::new(shop::stocked());
    let other = beside.home.path("other.db");
    fs::copy(beside.home.registry(), &other).unwrap();
    // As a socket's place that changed hands leaves it.
    let now = chrono::DateTime::default();
    let Ok(Locking::Taken(mut lock)) = locks::lock_worker(&other, now) else { panic!("it is free") };
    lock.set_socket(Some(beside.socket())).unwrap();
    for words in [&["onboard", "shop"][..], &["pause", "shop"], &["health"], &["reload"], &["reload", "--wait"]] {
        let words = [&["--registry", "other.db"], words].concat();
        let said = beside.run(&words);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{words:?}: {said:?}");
        let sentence = format!("this is the worker of {}", beside.home.registry().canonicalize().unwrap().display());
        assert!(said.stderr.contains(&sentence), "{words:?}: {said:?}");
    }
    assert!(beside.home.runs().is_empty());
    beside.ok(&["onboard", "shop"]);
    beside.stop();
}

#[test]
fn a_worker_leaves_a_socket_that_is_not_its_own() {
    let beside = Beside::new(shop::stocked());
    let socket = beside.socket();
    fs::remove_file(&socket).unwrap();
    let _others = UnixListener::bind(&socket).unwrap();
    let Beside { home: _folder, worker, .. } = beside;
    worker.stop();
    assert!(socket.exists());
}

#[test]
fn a_worker_says_its_files_by_their_whole_names() {
    let beside = Beside::new(shop::stocked());
    let (file, registry) = (beside.home.path("schedules.toml"), beside.home.registry());
    let status = beside.ok(&["-o", "json", "health"]).json();
    assert_eq!(status["file"], file.to_str().unwrap(), "{status}");
    assert_eq!(status["registry"], registry.canonicalize().unwrap().to_str().unwrap(), "{status}");
    beside.stop();
}
