//! The JSON that other programs rely on: every member is always there, null where unknown, and times are RFC 3339 in UTC.

use std::collections::BTreeSet;

use aboard_simulator::{Domain, Failure, Fault, Operation, RestApi, World};
use serde_json::Value;

use crate::support::shop::{self, ACCOUNT, REGION, auto_onboard, connection, open, open_with, schedules};
use crate::support::{Home, Said};

const RUN: &str = "connection run_id trigger outcome started_at finished_at error counts scopes apis";
const COUNTS: &str = "seen onboard already_onboarded excluded held gone scopes_complete scopes_failed calls throttled";
const SCOPE: &str = "account_id account_name region family state explained cause hint apis calls throttled";
const API: &str = "partition account_id account_name region api_id protocol name description version endpoint_type tags \
                   created_at first_published_at last_published_at instances decision reason state onboarded_at connection";
const INSTANCE: &str = "stage url kind callable created_at deployed_at";
const ERROR: &str = "kind message hint";

/// Every member of this list is there.
fn has(value: &Value, members: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let missing: Vec<&str> = members.split_whitespace().filter(|member| !object.contains_key(*member)).collect();
    assert!(missing.is_empty(), "{missing:?} are missing in {value}");
}

/// The same members in every element.
fn all_have<'a>(list: &'a Value, members: &str) -> &'a Vec<Value> {
    let list = list.as_array().unwrap();
    list.iter().for_each(|value| has(value, members));
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert!(
        list.windows(2).all(|pair| names(&pair[0]) == names(&pair[1])),
        "elements differ in their members: {list:?}"
    );
    list
}

/// Each member whose name ends so is null or an instant in UTC.
fn times_are_utc(value: &Value) {
    match value {
        Value::Array(list) => list.iter().for_each(times_are_utc),
        Value::Object(object) => {
            for (name, value) in object {
                if (name.ends_with("_at") || name == "at" || name == "next_due" || name == "last_run")
                    && !value.is_null()
                {
                    let text = value.as_str().unwrap_or_else(|| panic!("{name} is {value}"));
                    assert!(text.ends_with('Z'), "{name} is {text}");
                    chrono::DateTime::parse_from_rfc3339(text).unwrap();
                }
                times_are_utc(value);
            }
        }
        _ => {}
    }
}

fn is_run(run: &Value) {
    has(run, RUN);
    has(&run["counts"], COUNTS);
    all_have(&run["scopes"], SCOPE);
    for api in all_have(&run["apis"], API) {
        all_have(&api["instances"], INSTANCE);
    }
    if !run["error"].is_null() {
        has(&run["error"], ERROR);
    }
    times_are_utc(run);
}

fn json_lines(home: &Home, words: &[&str]) -> Vec<Value> {
    let words = [&["-o", "json"], words].concat();
    Said::of(home.command(&words).output().unwrap()).json_lines()
}

/// An API of which everything is known, one of which nothing more than must be, and one that cannot be read.
fn uneven() -> World {
    let full =
        RestApi::new("full").id("fullapi001").description("all of it").version("v1").tag("team", "shop").stage("prod");
    shop::stocked()
        .rest(ACCOUNT, REGION, full)
        .rest(ACCOUNT, REGION, RestApi::new("bare").id("bareapi001"))
        .rest(ACCOUNT, REGION, shop::rest("hidden", "hiddenapi1"))
        .domain(ACCOUNT, REGION, Domain::new("api.shop.example").mapping("", "fullapi001", "prod"))
        .fault(Fault::new(Failure::AccessDenied).on(Operation::RestGetStages).about("hiddenapi1"))
        .fault(Fault::new(Failure::AccessDenied).on(Operation::GetApis).region("eu-west-2"))
}

#[test]
fn runs_print_one_object_a_connection_and_line_with_every_member() {
    let bad = connection("bad", r#"regions = ["eu-west-1"]"#).replace("env:SECRET", "env:NO_SUCH_SECRET");
    let (_sim, home) = open_with(uneven(), &(schedules(r#"regions = ["eu-west-1", "eu-west-2"]"#) + &bad));
    for words in [
        &["discover", "--all"][..],
        &["onboard", "--all", "--dry-run"],
        &["onboard", "--all"],
        &["onboard", "--all"],
        &["onboard", "--all", "--api", "fullapi001"],
        &["discover", "--all"],
    ] {
        let runs = json_lines(&home, words);
        assert_eq!(runs.len(), 2, "{words:?}");
        runs.iter().for_each(is_run);
        let [bad, shop] = runs.as_slice() else { unreachable!() };
        assert_eq!((&bad["outcome"], &bad["error"]["kind"]), (&"failed".into(), &"credentials_failed".into()));
        let entered = &bad["scopes"][0];
        assert_eq!((&entered["region"], &entered["family"]), (&Value::Null, &Value::Null), "{entered}");
        let writes = words[0] == "onboard" && !words.contains(&"--dry-run");
        assert_eq!(shop["run_id"].is_i64(), writes, "{words:?}: {}", shop["run_id"]);
        assert_eq!(shop["trigger"], "manual");
    }
    let shop = &json_lines(&home, &["onboard", "shop"])[0];
    assert_eq!(shop["outcome"], "partial");
    let api = |id: &str| shop["apis"].as_array().unwrap().iter().find(|api| api["api_id"] == id).unwrap();
    assert_eq!(
        (&api("fullapi001")["description"], &api("fullapi001")["tags"]["team"]),
        (&"all of it".into(), &"shop".into())
    );
    assert_eq!((&api("bareapi001")["description"], &api("bareapi001")["onboarded_at"]), (&Value::Null, &Value::Null));
    assert_eq!(api("bareapi001")["reason"], "unpublished");
    assert_eq!(api("hiddenapi1")["decision"], "held");
    let kinds: Vec<&Value> =
        api("fullapi001")["instances"].as_array().unwrap().iter().map(|instance| &instance["kind"]).collect();
    assert_eq!(kinds, ["custom-domain", "execute-api"]);
}

#[test]
fn the_registry_is_printed_with_every_member_too() {
    let (_sim, home) = open(uneven());
    assert_eq!(home.run(&["onboard", "shop"]).code, Some(0), "what cannot be read is held, and its scope is complete");
    let apis = home.json(&["apis"]);
    for api in all_have(&apis, &format!("{API} unwatched")) {
        all_have(&api["instances"], INSTANCE);
    }
    times_are_utc(&apis);

    let runs = home.json(&["runs"]);
    for run in all_have(&runs, "run_id connection trigger due_at started_at finished_at outcome error counts") {
        has(&run["counts"], COUNTS);
    }
    let run = home.json(&["runs", "1"]);
    all_have(&run["scopes"], SCOPE);
    times_are_utc(&run);

    let why = home.json(&["explain", "fullapi001"]);
    has(&why["api"], API);
    all_have(&why["decisions"], "connection decision reason chosen awaiting date_unknown left_out run_id at");
    all_have(&why["history"], "at run_id connection event sentence detail");
    times_are_utc(&why);

    let info = home.json(&["registry", "info"]);
    has(
        &info,
        "path schema_version sqlite_version size_bytes apis awaiting runs oldest_run_at newest_run_at deliveries",
    );
    times_are_utc(&info);
    assert_eq!(home.json(&["registry", "check"])["problems"], serde_json::json!([]));
    let ignored = home.json(&["ignore", "fullapi001", "--reason", "a test"]);
    has(&ignored, "api name ignored");
}

#[test]
fn checks_tests_and_approvals_print_their_members() {
    let file = schedules(r#"regions = ["eu-west-1"]"#)
        + &auto_onboard("max_new = 2")
        + &connection("hand", r#"regions = ["eu-west-2"]"#);
    let (_sim, home) = open_with(shop::stocked(), &file);
    let check = home.json(&["check"]);
    let connections = all_have(&check, "name enabled paused next_due timezone last_run last_outcome");
    assert_eq!(
        (&connections[1]["name"], &connections[1]["enabled"], &connections[1]["timezone"]),
        (&"shop".into(), &true.into(), &"Europe/London".into())
    );
    assert_eq!((&connections[0]["enabled"], &connections[0]["timezone"]), (&false.into(), &Value::Null));

    let tests = json_lines(&home, &["test", "--all"]);
    assert_eq!(tests.len(), 2, "one object a connection and line");
    for test in &tests {
        has(test, "connection passed steps");
        all_have(&test["steps"], "step account_id region needed outcome detail state hint");
    }

    assert_eq!(home.run(&["onboard", "shop"]).code, Some(3));
    let approved = home.json(&["approve", "shop"]);
    has(&approved, "connection run_id counts deliveries apis");
    has(&approved["counts"], COUNTS);
    all_have(&approved["apis"], API);
    times_are_utc(&approved);
    let nothing = home.json(&["approve", "shop"]);
    has(&nothing, "connection run_id counts deliveries apis");
    assert_eq!(nothing["run_id"], Value::Null);
}

#[test]
fn lists_are_printed_as_csv_with_a_header_and_whole_rows() {
    let world = shop::stocked().rest(ACCOUNT, REGION, RestApi::new("a \"b\", c\nd").id("oddname001").stage("prod"));
    let (_sim, home) = open(world);
    home.ok(&["onboard", "shop"]);
    for (words, header, rows) in
        [(&["-o", "csv", "apis"][..], "partition,account_id,", 4), (&["-o", "csv", "runs"], "run_id,connection,", 1)]
    {
        let text = home.ok(words).stdout;
        assert!(text.starts_with(header), "{text}");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let width = reader.headers().unwrap().len();
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), rows, "{text}");
        assert!(records.iter().all(|record| record.len() == width));
    }
    let text = home.ok(&["-o", "csv", "apis"]).stdout;
    assert!(text.contains("\"a \"\"b\"\", c\nd\""), "a name is quoted as it is: {text}");
}
