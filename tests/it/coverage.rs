//! `coverage`: when each account and region was last seen whole, and what stands in the way.

use std::time::Instant;

use aboard_simulator::{Failure, Fault, Operation, World};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::clock::Clock;
use crate::support::shop::{self, ACCOUNT, KEY, connection, count, meddle, open_with, schedules};
use crate::support::{Home, Said};

const OTHER: &str = "444455556666";

/// The shop in two regions, and a connection whose role is in another account.
fn file(more: &str) -> String {
    let role = format!(
        "\n[connections.other]\nregions = [\"eu-west-1\"]\n[connections.other.credentials.assume_role]\n\
         role_arn = \"arn:aws:iam::{OTHER}:role/Reader\"\n\
         source = {{ aws_user = {{ access_key_id = \"{KEY}\", secret_access_key = \"env:SECRET\" }} }}\n"
    );
    schedules("regions = [\"eu-west-1\", \"eu-west-2\"]") + &role + more
}

fn hole(connection: &str, rest: &str) -> String {
    format!("[[connections.{connection}.expected]]\nreason = \"sandbox, closes in March\"\n{rest}\n")
}

/// One region denies the shop REST APIs, and the other account's role is not there.
fn troubled(more: &str) -> (aboard_simulator::Simulator, Home) {
    let (sim, home) = open_with(shop::stocked(), &file(more));
    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetRestApis).region("eu-west-2"));
    (sim, home)
}

/// Each entry as account, region, family, state, and whether it is explained.
fn told(list: &Value) -> Vec<Value> {
    let members = ["account_id", "region", "family", "state", "explained"];
    list.as_array().unwrap().iter().map(|entry| members.map(|member| entry[member].clone()).into()).collect()
}

#[test]
fn each_scope_and_each_account_that_cannot_be_entered_is_one_entry_with_what_stands_in_the_way() {
    let (_sim, home) = troubled("");
    assert_eq!(home.run(&["onboard", "--all"]).code, Some(3));
    let list = home.json(&["coverage"]);
    let is = [
        json!([ACCOUNT, "eu-west-1", "rest", "complete", false]),
        json!([ACCOUNT, "eu-west-1", "http", "complete", false]),
        json!([ACCOUNT, "eu-west-2", "rest", "access_denied", false]),
        json!([ACCOUNT, "eu-west-2", "http", "complete", false]),
        json!([OTHER, null, null, "credentials_failed", false]),
    ];
    assert_eq!(told(&list), is);
    assert_eq!((&list[0]["apis"], &list[1]["apis"], &list[2]["apis"]), (&json!(1), &json!(2), &json!(0)));
    assert!(list[0]["last_complete_at"].is_string() && list[0]["cause"].is_null());
    assert!(list[2]["last_complete_at"].is_null() && list[2]["since"].is_string());
    assert!(list[2]["cause"].as_str().unwrap().contains("AccessDenied"), "{}", list[2]);
    assert!(list[2]["hint"].is_string() && list[4]["hint"].is_string(), "{list}");
    assert_eq!((&list[4]["connections"], &list[4]["unwatched"]), (&json!(["other"]), &json!(false)));

    let chosen = |words: &[&str]| home.json(&[&["coverage"], words].concat()).as_array().unwrap().len();
    assert_eq!(chosen(&["--account", OTHER]), 1);
    assert_eq!(chosen(&["--region", "eu-west-2", "--connection", "shop"]), 2);
    assert_eq!(chosen(&["--state", "access_denied"]), 1);
    assert_eq!(home.run(&["coverage", "--state", "denied"]).code, Some(2));
    assert_eq!(home.run(&["coverage", "--stale", "8 moons"]).code, Some(2));
}

#[test]
fn a_key_that_no_longer_works_stands_for_the_account_that_it_opened_with_what_is_known_there() {
    let (sim, home) = open_with(shop::stocked(), &schedules("regions = [\"eu-west-1\", \"eu-west-2\"]"));
    home.ok(&["onboard", "shop"]);
    sim.fault(Fault::new(Failure::ExpiredToken));
    assert_eq!(home.run(&["onboard", "shop"]).code, Some(1));
    let list = home.json(&["coverage"]);
    assert_eq!(told(&list), [json!([ACCOUNT, null, null, "credentials_failed", false])]);
    assert_eq!(list[0]["apis"], 3);
    assert!(list[0]["last_complete_at"].is_string() && list[0]["hint"].is_string(), "{list}");
}

#[test]
fn the_table_folds_what_is_alike_and_ends_with_sums() {
    let (_sim, home) = troubled("");
    home.run(&["onboard", "--all"]);
    let said = home.ok(&["coverage"]).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 6, "{said}");
    let row = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((row(ACCOUNT), row(OTHER)), (3, 1), "{said}");
    let last = "2 accounts, 5 scopes: 3 complete, 0 explained, 2 unexplained; 3 APIs";
    assert_eq!(lines.last(), Some(&last), "{said}");
}

#[test]
fn csv_has_a_row_an_entry() {
    let (_sim, home) = troubled("");
    home.run(&["onboard", "--all"]);
    let said = home.ok(&["-o", "csv", "coverage"]).stdout;
    let mut reader = csv::Reader::from_reader(said.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let list = home.json(&["coverage"]);
    assert_eq!(rows.len(), list.as_array().unwrap().len());
    for (row, entry) in rows.iter().zip(list.as_array().unwrap()) {
        for (name, cell) in header.iter().zip(row) {
            let text = match &entry[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
                other => other.to_string(),
            };
            assert_eq!(cell, text, "{name} of {entry}");
        }
        assert_eq!(entry.as_object().unwrap().len(), header.len(), "every member has a column");
    }
}

/// Runs a command line at a time of the test's own.
fn at(home: &Home, clock: &Clock, time: DateTime<Utc>, words: &[&str]) -> Said {
    clock.set(time);
    Said::of(clock.given(home.command(words)).output().unwrap())
}

#[test]
fn what_nothing_explains_is_stale_after_a_while_and_what_is_expected_never() {
    const BEGIN: &str = "2026-11-23T02:30:00Z";
    let begin: DateTime<Utc> = BEGIN.parse().unwrap();
    let days = |days| begin + TimeDelta::days(days);
    let clock = Clock::at(BEGIN);
    let (_sim, home) = troubled("");
    at(&home, &clock, begin, &["onboard", "--all"]);
    let stale = |time, words: &[&str]| {
        let said = at(&home, &clock, time, &[&["-o", "json", "coverage", "--stale", "8d"], words].concat());
        (said.code, told(&said.json()).len())
    };
    assert_eq!(stale(days(7), &[]), (Some(0), 0));
    at(&home, &clock, days(7), &["onboard", "shop"]);
    assert_eq!(stale(days(9), &[]), (Some(3), 2), "the denied region and the account; the rest was seen again");
    assert_eq!(stale(days(9), &["--connection", "shop"]), (Some(3), 1));
    let said = at(&home, &clock, days(9), &["coverage", "--stale", "8d"]);
    assert!(
        said.stdout.contains("2 scopes have not been seen whole for 8days, unexplained\n2 accounts, 5 scopes"),
        "{said:?}"
    );

    let holes = hole("shop", "regions = [\"eu-west-2\"]\nstates = [\"access_denied\"]\nuntil = 2026-12-10")
        + &hole("other", "states = [\"credentials_failed\"]");
    home.write("schedules.toml", &file(&holes));
    assert_eq!(stale(days(9), &[]), (Some(0), 0), "the file is read, no run is needed");
    let said = at(&home, &clock, days(9), &["coverage"]);
    assert!(said.stdout.contains("access_denied (explained: sandbox, closes in March)"), "{said:?}");
    assert!(said.stdout.contains("3 complete, 2 explained, 0 unexplained"), "{said:?}");
    assert_eq!(at(&home, &clock, days(10), &["onboard", "shop"]).code, Some(0));
    assert_eq!(
        stale(days(19), &[]),
        (Some(3), 4),
        "past its last day it explains no more, and nothing was looked at since"
    );
    assert_eq!(at(&home, &clock, days(19), &["onboard", "shop"]).code, Some(3));
}

#[test]
fn what_nobody_looks_at_any_more_says_so_and_is_no_alarm() {
    let clock = Clock::at("2026-11-23T02:30:00Z");
    let (_sim, home) = troubled("");
    at(&home, &clock, clock.now(), &["onboard", "--all"]);
    home.write("schedules.toml", &schedules("regions = [\"eu-west-1\"]"));
    let list = home.json(&["coverage"]);
    let unwatched: Vec<&Value> = list.as_array().unwrap().iter().filter(|entry| entry["unwatched"] == true).collect();
    assert_eq!(unwatched.len(), 3, "{list}");
    assert_eq!(unwatched[0]["cause"], "shop looks there no more: the schedule file leaves this account or region out");
    assert_eq!(unwatched[2]["cause"], "other looks there no more: it is not in the schedule file");
    let later = clock.now() + TimeDelta::days(30);
    at(&home, &clock, later, &["onboard", "shop"]);
    let said = at(&home, &clock, later, &["coverage", "--stale", "8d"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.starts_with("everything was seen whole within 8days, or is explained"), "{said:?}");
    assert!(
        said.stdout.ends_with(
            "1 account, 2 scopes: 2 complete, 0 explained, 0 unexplained; 3 APIs; 3 not looked at any more\n"
        )
    );
}

#[test]
fn what_is_asked_about_must_be_there_or_a_slip_of_the_pen_would_never_be_stale() {
    let (_sim, home) = troubled("");
    home.run(&["onboard", "shop"]);
    for (words, expected) in [
        (
            &["--connection", "shpo"][..],
            "no connection named shpo in the schedule file or the registry\n  did you mean shop?",
        ),
        (&["--account", "111122223334"], "no account named 111122223334 in coverage\n  did you mean 111122223333?"),
        (&["--region", "eu-wset-1"], "no region named eu-wset-1 in coverage\n  did you mean eu-west-1?"),
        (
            &["--connection", "other", "--account", ACCOUNT],
            "no account named 111122223333 in coverage of other\n  it has none",
        ),
    ] {
        for more in [&[][..], &["--stale", "8d"], &["-o", "json"]] {
            let said = home.run(&[&["coverage"], words, more].concat());
            assert_eq!(said.code, Some(2), "{words:?} {more:?} {said:?}");
            assert!(said.stderr.contains(expected), "{expected} {said:?}");
        }
    }
    let said = home.run(&["apis", "--connection", "shpo"]);
    assert!(said.code == Some(2) && said.stderr.contains("did you mean shop?"), "{said:?}");
    // What is there and has nothing to say is as well as before.
    for words in [
        &["--account", ACCOUNT, "--stale", "8d"][..],
        &["--region", "eu-west-1", "--state", "throttled"],
        &["--connection", "other", "--stale", "8d"],
    ] {
        assert_eq!(home.run(&[&["coverage"], words].concat()).code, Some(0), "{words:?}");
    }
    // An account that could not be entered is about each of its regions, whichever they are.
    home.run(&["onboard", "other"]);
    assert_eq!(home.run(&["coverage", "--account", OTHER, "--region", "sa-east-1", "--stale", "8d"]).code, Some(0));
}

#[test]
fn coverage_needs_no_schedule_file_where_the_registry_is_named() {
    let (_sim, home) = troubled("");
    home.run(&["onboard", "--all"]);
    let list = home.json(&["--config", "none.toml", "--registry", "aboard.db", "coverage"]);
    assert_eq!(list.as_array().unwrap().len(), 5);
    assert!(list.as_array().unwrap().iter().all(|entry| entry["unwatched"].is_null()), "{list}");
    let none = home.run(&["--config", "none.toml", "--registry", "none.db", "coverage"]);
    assert!(none.code == Some(1) && none.stderr.contains("no registry at"), "{none:?}");
}

#[test]
fn a_known_hole_that_nothing_fell_into_or_that_is_past_is_a_warning() {
    let holes = hole("shop", "states = [\"throttled\"]")
        + &hole("shop", "states = [\"access_denied\"]")
        + &hole("shop", "states = [\"failed\"]\nuntil = 2020-03-31");
    let (sim, home) = troubled(&holes);
    let past = "connections.shop.expected[2] (sandbox, closes in March) counted until 2020-03-31 and explains nothing any more";
    let unmatched = "connections.shop.expected[0] (sandbox, closes in March) matches nothing";
    let check = home.ok(&["check"]);
    assert!(check.stderr.contains(&format!("warning: {past}")) && !check.stderr.contains(unmatched), "{check:?}");

    let said = home.ok(&["onboard", "shop"]);
    assert!(said.stdout.contains(&format!("  warning: {past}")), "{said:?}");
    assert!(said.stdout.contains(&format!("  warning: {unmatched}")), "{said:?}");
    assert!(!said.stdout.contains("expected[1]"), "{said:?}");
    let warnings = |words: &[&str]| home.json(words)["warnings"].as_array().unwrap().len();
    assert_eq!((warnings(&["onboard", "shop"]), warnings(&["discover", "shop"])), (2, 2));
    let narrowed = ["discover", "shop", "--region", "eu-west-1"];
    assert_eq!(warnings(&narrowed), 1, "what was asked for less than everything says nothing of holes elsewhere");
    sim.clear_faults();
    assert_eq!(warnings(&["onboard", "shop"]), 3);
    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetRestApis).on(Operation::GetApis));
    assert_eq!(warnings(&["onboard", "shop"]), 1, "a run in which nothing was complete judges nothing");
}

#[test]
fn a_scheduled_run_logs_what_is_wrong_with_known_holes() {
    use crate::time::{OVER, Timed};
    let schedule = "\n[connections.shop.auto_onboard]\nfrequency = \"daily\"\ntime = \"09:00\"\ntimezone = \"UTC\"\n";
    let connection = connection("shop", "regions = [\"eu-west-1\"]");
    let file = connection + &hole("shop", "states = [\"throttled\"]") + schedule;
    let timed = Timed::new("2026-11-23T08:50:00Z", &file);
    let mut worker = timed.start();
    timed.clock.set("2026-11-23T08:59:59.700Z".parse().unwrap());
    worker.wait_until_said(OVER);
    let said = worker.stop();
    let line = said.stderr.lines().find(|line| line.contains("matches nothing")).unwrap_or_default();
    assert!(line.contains("WARN") && line.contains("expected[0]") && line.contains("shop"), "{said:?}");
}

#[test]
fn an_organization_of_34_000_scopes_is_listed_quickly_and_folded() {
    let (_sim, home) = open_with(World::new().user(KEY, ACCOUNT), &schedules("regions = [\"eu-west-1\"]"));
    home.ok(&["onboard", "shop"]);
    let rows = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 33999)
        INSERT INTO scope_status (connection, partition, account_id, region, family, account_name, state, explained, cause, hint, since,
            first_look_at, last_look_at, last_run_id, first_complete_at, last_complete_at, apis)
        SELECT 'shop', 'aws', printf('%012d', 500000000000 + i / 34), printf('eu-west-%d', 1 + i / 2 % 17),
            iif(i % 2, 'http', 'rest'), printf('account %d', i / 34), iif(i / 34 % 33 = 0, 'access_denied', 'complete'), 0,
            iif(i / 34 % 33 = 0, printf('GetApis: denied in %012d (AccessDenied, status 403, request r%d)', 500000000000 + i / 34, i), NULL),
            iif(i / 34 % 33 = 0, 'allow it', NULL), 1795401000000, 1795401000000, 1795401000000, 1, NULL,
            iif(i / 34 % 33 = 0, NULL, 1795401000000), 3 FROM n;";
    meddle(&home.registry(), rows);
    let regions = (1..=17).map(|number| format!("\"eu-west-{number}\"")).collect::<Vec<_>>().join(", ");
    home.write("schedules.toml", &schedules(&format!("regions = [{regions}]")));
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM scope_status"), 34_002);
    let begun = Instant::now();
    let said = home.ok(&["coverage"]).stdout;
    let took = begun.elapsed();
    eprintln!("34,000 scopes were listed and folded in {took:?}");
    assert!(said.lines().count() < 8 && said.len() < 4_096, "{said}");
    assert!(said.contains(" and 965 more") && said.contains(" and 27 more"), "{said}");
    assert!(said.contains("1001 accounts, 34002 scopes: 32948 complete, 0 explained, 1054 unexplained"), "{said}");
    assert_eq!(home.json(&["coverage"]).as_array().unwrap().len(), 34_002);
}
