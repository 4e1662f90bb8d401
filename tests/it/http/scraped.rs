#![expect(clippy::float_cmp, reason = "counts are whole, and a float holds them exactly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use aboard_simulator::{RestApi, Simulator};

use super::{HTTP, Site, open, schedules};
use crate::support::promtool::promtool;
use crate::support::shop::{self, ACCOUNT, REGION};
use crate::support::{Home, LONG};
use crate::time::{OVER, Timed, at, file};

/// Samples by name and labels.
fn samples(site: &Site) -> BTreeMap<String, f64> {
    let text = site.get("/metrics").body;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    let all: Vec<(String, f64)> = lines.map(sample).collect();
    let unique: BTreeMap<String, f64> = all.iter().cloned().collect();
    assert_eq!(all.len(), unique.len(), "no sample is there twice: {text}");
    unique
}

/// Asks again until it is so.
fn until(site: &Site, what: &str, is: impl Fn(&BTreeMap<String, f64>) -> bool) -> BTreeMap<String, f64> {
    let begun = Instant::now();
    loop {
        let samples = samples(site);
        if is(&samples) {
            return samples;
        }
        assert!(begun.elapsed() < LONG, "{what} was not seen: {samples:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ok(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn prometheus_finds_nothing_wrong_with_what_a_worker_shows() {
    let (_sim, _home, site) = open();
    let answer = site.ask("GET", "/metrics", &["Accept: text/plain;version=0.0.4"], "");
    let mut check = promtool();
    let mut child = check
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answer.body.as_bytes()).unwrap();
    ok(&child.wait_with_output().unwrap());
    site.stop();
}

#[test]
fn every_metric_that_an_alert_names_is_shown_before_anything_has_happened() {
    let sim = Simulator::start(shop::stocked());
    let home = Home::new(&sim.url(), &schedules());
    let site = Site::start(&home);
    let shown: BTreeSet<String> =
        samples(&site).into_keys().map(|name| name.split('{').next().unwrap().to_owned()).collect();
    let rules = fs::read_to_string(packaging().join("alerts.yml")).unwrap();
    let words = rules.split(|c: char| !c.is_alphanumeric() && c != '_');
    let named: BTreeSet<&str> = words.filter(|word| word.starts_with("aboard_")).collect();
    assert!(named.len() > 8, "{named:?}");
    for name in named {
        assert!(shown.contains(name), "{name} is not among {shown:#?}");
    }
    site.stop();
}

fn packaging() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging"))
}

#[test]
fn the_alerts_fire_when_they_should_and_only_then() {
    ok(&promtool().args(["check", "rules", "alerts.yml"]).current_dir(packaging()).output().unwrap());
    ok(&promtool().args(["test", "rules", "alerts.test.yml"]).current_dir(packaging()).output().unwrap());
}

#[test]
fn runs_are_counted_as_they_come_and_a_scrape_waits_for_none() {
    let weekly = "day = \"monday\"\ntime = \"09:00\"\ntimezone = \"Europe/London\"";
    let timed = Timed::new("2026-11-21T15:00:00Z", &format!("{HTTP}{}", file(&[("shop", weekly)])));
    let mut site = Site::of(timed.start());
    let before = samples(&site);
    for (name, value) in [
        ("aboard_runs_total{connection=\"shop\",outcome=\"succeeded\"}", 0.0),
        ("aboard_runs_total{connection=\"shop\",outcome=\"failed\"}", 0.0),
        ("aboard_due_instants_total{connection=\"shop\",outcome=\"run\"}", 0.0),
        ("aboard_last_success_timestamp_seconds{connection=\"shop\"}", 0.0),
        ("aboard_scopes{connection=\"shop\",state=\"complete\"}", 0.0),
        ("aboard_apis{state=\"onboarded\"}", 0.0),
        ("aboard_schedule_interval_seconds{connection=\"shop\"}", 604_800.0),
        ("aboard_clock_steps_total", 0.0),
    ] {
        assert_eq!(before.get(name), Some(&value), "{name}");
    }
    let due = u32::try_from(at("2026-11-23T09:00:00Z").timestamp()).unwrap();
    assert_eq!(before["aboard_schedule_next_due_timestamp_seconds{connection=\"shop\"}"], f64::from(due));

    timed.sim.hold_at(3);
    timed.clock.set(at("2026-11-23T09:00:00Z"));
    assert!(timed.sim.wait_until_held(LONG));
    let during = samples(&site);
    assert_eq!(during["aboard_runs_in_flight"], 1.0);
    assert_eq!(during["aboard_runs_total{connection=\"shop\",outcome=\"succeeded\"}"], 0.0);
    assert_eq!(site.get("/api/v1/runs").json()[0]["outcome"], "running");
    timed.sim.release();
    site.running().wait_until_said(OVER);

    let run = "aboard_runs_total{connection=\"shop\",outcome=\"succeeded\"}";
    let after = until(&site, "the run's end", |samples| {
        samples[run] == 1.0 && samples["aboard_runs_in_flight"] == 0.0 && samples["aboard_clock_steps_total"] == 1.0
    });
    assert_eq!(after["aboard_due_instants_total{connection=\"shop\",outcome=\"run\"}"], 1.0);
    assert_eq!(after["aboard_apis{state=\"onboarded\"}"], 3.0);
    assert_eq!(after["aboard_scopes{connection=\"shop\",state=\"complete\"}"], 2.0);
    assert_eq!(after["aboard_run_duration_seconds_count"], 1.0);
    assert!(after["aboard_calls_total{connection=\"shop\"}"] >= 3.0, "{after:#?}");
    assert!(after["aboard_last_success_timestamp_seconds{connection=\"shop\"}"] >= f64::from(due));
    assert!((0.0..60.0).contains(&after["aboard_schedule_lateness_seconds{connection=\"shop\"}"]), "{after:#?}");
    let next = after["aboard_schedule_next_due_timestamp_seconds{connection=\"shop\"}"];
    assert_eq!(next, f64::from(due + 604_800));

    // A run by hand in another process counts as well.
    timed
        .sim
        .change(|world| world.region(ACCOUNT, REGION).add_rest(RestApi::new("new").id("newapi0001").stage("prod")));
    timed.home.ok(&["onboard", "shop"]);
    let after = until(&site, "the run by hand", |samples| samples[run] == 2.0);
    assert_eq!(after["aboard_apis{state=\"onboarded\"}"], 4.0);
    site.stop();
}

#[test]
fn what_was_there_before_is_known_after_a_restart() {
    let (_sim, home, site) = open();
    let first = samples(&site);
    site.stop();
    let site = Site::start(&home);
    let again = samples(&site);
    for name in [
        "aboard_last_success_timestamp_seconds{connection=\"shop\"}",
        "aboard_schedule_since_timestamp_seconds{connection=\"shop\"}",
        "aboard_apis{state=\"onboarded\"}",
        "aboard_deliveries{target=\"catalog\",state=\"delivered\"}",
    ] {
        assert!(first[name] > 0.0, "{name}");
        assert_eq!(again[name], first[name], "{name}");
    }
    assert_eq!(again["aboard_runs_total{connection=\"shop\",outcome=\"succeeded\"}"], 0.0, "counters begin anew");
    site.stop();
}
