//! What is logged: each run in a line, each cause of a failure once, everything with the run that it belongs to.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::fd::AsFd;

use aboard_simulator::{Failure, Fault, Operation, Simulator};
use serde_json::Value;

use crate::support::{Home, Said, shop};

const KEYS: &str = r#"regions = ["eu-west-1", "eu-west-2"]"#;

/// A shop that may list its REST APIs in no region.
fn denied() -> (Simulator, Home) {
    let fault = Fault::new(Failure::AccessDenied).on(Operation::GetRestApis);
    let world = shop::in_two_regions().user(shop::KEY, shop::ACCOUNT).fault(fault);
    let sim = Simulator::start(world);
    let home = Home::new(&sim.url(), &shop::schedules(KEYS));
    (sim, home)
}

fn lines(said: &Said) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    said.stderr.lines().map(parse).collect()
}

fn saying<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

#[test]
fn a_run_is_one_line_and_each_cause_of_a_failure_is_one_more() {
    let (_sim, home) = denied();
    let said = home.run(&["-v", "--log-format", "json", "-o", "json", "onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let report = said.json();
    let scopes = report["scopes"].as_array().unwrap();
    let failed: Vec<&Value> = scopes.iter().filter(|scope| scope["state"] != "complete").collect();
    assert_eq!(failed.len(), 2, "one family in two regions: {report:#}");
    let causes: BTreeSet<String> = failed.iter().map(|scope| scope["cause"].to_string()).collect();

    let lines = lines(&said);
    let told = saying(&lines, "scopes failed");
    assert_eq!(told.len(), causes.len(), "{lines:#?}");
    assert_eq!(told.iter().map(|line| line["cause"].to_string()).collect::<BTreeSet<_>>(), causes);
    let regions: BTreeSet<&str> = told.iter().flat_map(|line| line["regions"].as_str().unwrap().split(' ')).collect();
    assert_eq!(regions, BTreeSet::from(["eu-west-1", "eu-west-2"]));
    for line in &told {
        assert_eq!((&line["account"], &line["level"]), (&shop::ACCOUNT.into(), &"WARN".into()), "{line}");
    }
    let over = saying(&lines, "run over");
    assert_eq!(over.len(), 1, "{lines:#?}");
    let member = |name: &str| over[0][name].clone();
    assert_eq!(member("outcome"), "partial");
    assert_eq!((member("seen"), member("onboarded")), (report["counts"]["seen"].clone(), 4.into()), "{report:#}");
    assert_eq!(lines.len(), told.len() + 1, "and nothing else: {lines:#?}");
}

#[test]
fn every_line_of_a_run_tells_its_connection_and_its_number() {
    let (_sim, home) = denied();
    let said = home.run(&["-vv", "--log-format", "json", "-o", "json", "onboard", "shop"]);
    let lines = lines(&said);
    assert_eq!(saying(&lines, "scope over").len(), 4, "{lines:#?}");
    assert_eq!(saying(&lines, "run begun").len(), 1, "{lines:#?}");
    for line in &lines {
        assert_eq!((&line["connection"], &line["run_id"]), (&"shop".into(), &1.into()), "{line}");
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    }

    let text = home.run(&["-vv", "-o", "json", "onboard", "shop"]).stderr;
    // The first run exported what it registered.
    let of_both = lines.iter().filter(|line| line["message"] != "specifications exported");
    assert_eq!(text.lines().count(), of_both.count(), "{text}");
    for line in text.lines() {
        assert!(line.contains(r#"run{connection="shop" run_id=2}: "#), "{line}");
        assert_eq!(line.find('\u{1b}'), None, "no colours but on a terminal: {line:?}");
    }

    let mut quieter = home.command(&["-o", "json", "onboard", "shop"]);
    let text = Said::of(quieter.env("ABOARD_LOG", "warn").output().unwrap()).stderr;
    assert!(
        !text.is_empty() && text.lines().all(|line| line.contains(r#"run{connection="shop" run_id=3}: "#)),
        "{text}"
    );
}

#[test]
fn a_failure_that_ends_a_run_is_logged_once() {
    let world = shop::in_two_regions().user(shop::KEY, shop::ACCOUNT).fault(Fault::new(Failure::AccessDenied));
    let sim = Simulator::start(world);
    let home = Home::new(&sim.url(), &shop::schedules(KEYS));
    let said = home.run(&["-v", "--log-format", "json", "-o", "json", "onboard", "shop"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let report = said.json();
    let error = report["error"]["message"].as_str().unwrap();
    let lines = lines(&said);
    let telling = lines.iter().filter(|line| line.to_string().contains(&Value::from(error).to_string()));
    assert_eq!(telling.count(), 1, "{error}: {lines:#?}");
    let over = saying(&lines, "run over");
    assert_eq!((over.len(), &over[0]["level"]), (1, &"ERROR".into()), "{lines:#?}");
}

#[test]
fn a_command_in_the_foreground_leaves_its_runs_to_its_result() {
    let (_sim, home) = denied();
    let said = home.run(&["-o", "json", "onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(said.stderr, "", "the result tells");
}

/// What a command line says on a standard error that is the journal's, or is not.
fn said_to_the_journal(home: &Home, is_journal: bool) -> String {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (_other, elsewhere) = std::io::pipe().unwrap();
    let named = if is_journal { writer.as_fd() } else { elsewhere.as_fd() };
    let named = nix::sys::stat::fstat(named).unwrap();
    let mut command = home.command(&["-v", "-o", "json", "onboard", "shop"]);
    command.env("JOURNAL_STREAM", format!("{}:{}", named.st_dev, named.st_ino)).stderr(writer);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    // The command holds the writing end.
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_journal_is_left_the_time_and_told_the_level() {
    let (_sim, home) = denied();
    let text = said_to_the_journal(&home, true);
    assert!(!text.is_empty());
    for line in text.lines() {
        assert!(line.starts_with("<4>run{connection=\"shop\" run_id=1}: "), "{line}");
        assert_eq!(line.find('\u{1b}'), None, "{line:?}");
    }
    // A terminal of a session that systemd started has the variable too.
    let text = said_to_the_journal(&home, false);
    assert!(!text.is_empty() && text.lines().all(|line| line.starts_with("20")), "each begins with its date: {text}");
}
