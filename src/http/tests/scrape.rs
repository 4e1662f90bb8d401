use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Site;
use crate::http::{ConnectionFigures, Figures, IntegrationFigures, ReloadFigures};

fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
    of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn pairs(of: &[(&str, &str, u64)]) -> BTreeMap<(String, String), u64> {
    of.iter().map(|(one, two, count)| (((*one).to_owned(), (*two).to_owned()), *count)).collect()
}

fn figures() -> Figures {
    let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
    let payments = ConnectionFigures {
        enabled: true,
        next_due: at("2026-11-23T02:30:00Z"),
        since: at("2026-11-01T00:00:00Z"),
        interval: Some(604_800.0),
        last_success: at("2026-11-16T02:31:07.5Z"),
        last_duration: Some(67.5),
        lateness: Some(0.25),
        runs: counts(&[("succeeded", 2), ("failed", 0)]),
        fates: counts(&[("run", 2), ("missed", 0)]),
        scopes: counts(&[("complete", 3), ("access_denied", 1)]),
        unexplained: 1,
        unseen: 691_200.5,
        calls: 40,
        throttled: 2,
        awaiting: 7,
        ..ConnectionFigures::default()
    };
    let hand = ConnectionFigures { paused: true, runs: counts(&[("succeeded", 0)]), ..ConnectionFigures::default() };
    let mut figures = Figures {
        version: "1.2.3",
        tick_age: 0.5,
        clock_steps: 4,
        runs_in_flight: 1,
        tasks: 15,
        zone_data: ("system".to_owned(), "2026f".to_owned()),
        reload: ReloadFigures {
            successful: true,
            last_success: at("2026-11-20T00:00:00Z"),
            hash: "ab12".to_owned(),
            total: pairs(&[("watch", "applied", 3), ("signal", "rejected", 0)]),
        },
        connections: [("payments".to_owned(), payments), ("hand".to_owned(), hand)].into(),
        apis: counts(&[("onboarded", 12), ("gone", 0)]),
        deliveries: pairs(&[("catalog", "dead", 1)]),
        targets: [("catalog".to_owned(), false)].into(),
        integrations: [("apim".to_owned(), IntegrationFigures { connected: true, failed_attempts: 3 })].into(),
        ..Figures::default()
    };
    figures.durations.observe(67.5);
    figures.durations.observe(1e9);
    figures
}

#[tokio::test]
async fn a_scrape_shows_every_figure_once() {
    let site = Site::local().await;
    site.fake.script().figures = figures();
    let answer = site.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    for line in [
        "aboard_build_info{version=\"1.2.3\"} 1",
        "aboard_tzdb_info{source=\"system\",version=\"2026f\"} 1",
        "aboard_config_info{hash=\"ab12\"} 1",
        "aboard_config_last_reload_successful 1.0",
        "aboard_config_last_reload_success_timestamp_seconds 1795132800.0",
        "aboard_reloads_total{trigger=\"watch\",outcome=\"applied\"} 3",
        "aboard_reloads_total{trigger=\"signal\",outcome=\"rejected\"} 0",
        "aboard_worker_tick_age_seconds 0.5",
        "aboard_clock_steps_total 4",
        "aboard_runs_in_flight 1.0",
        "aboard_tasks 15.0",
        "aboard_apis{state=\"onboarded\"} 12.0",
        "aboard_deliveries{target=\"catalog\",state=\"dead\"} 1.0",
        "aboard_target_enabled{target=\"catalog\"} 0.0",
        "aboard_integration_connected{integration=\"apim\"} 1.0",
        "aboard_integration_failed_attempts{integration=\"apim\"} 3.0",
        "aboard_schedule_enabled{connection=\"payments\"} 1.0",
        "aboard_schedule_enabled{connection=\"hand\"} 0.0",
        "aboard_schedule_paused{connection=\"hand\"} 1.0",
        "aboard_schedule_next_due_timestamp_seconds{connection=\"payments\"} 1795401000.0",
        "aboard_schedule_since_timestamp_seconds{connection=\"payments\"} 1793491200.0",
        "aboard_schedule_interval_seconds{connection=\"payments\"} 604800.0",
        "aboard_schedule_lateness_seconds{connection=\"payments\"} 0.25",
        "aboard_due_instants_total{connection=\"payments\",outcome=\"run\"} 2",
        "aboard_runs_total{connection=\"payments\",outcome=\"succeeded\"} 2",
        "aboard_last_success_timestamp_seconds{connection=\"payments\"} 1794796267.5",
        "aboard_last_success_timestamp_seconds{connection=\"hand\"} 0.0",
        "aboard_last_run_duration_seconds{connection=\"payments\"} 67.5",
        "aboard_run_duration_seconds_count 2",
        "aboard_run_duration_seconds_bucket{le=\"300.0\"} 1",
        "aboard_run_duration_seconds_bucket{le=\"+Inf\"} 2",
        "aboard_scopes{connection=\"payments\",state=\"access_denied\"} 1.0",
        "aboard_scopes_unexplained{connection=\"payments\"} 1.0",
        "aboard_scopes_unseen_seconds{connection=\"payments\"} 691200.5",
        "aboard_scopes_unseen_seconds{connection=\"hand\"} 0.0",
        "aboard_calls_total{connection=\"payments\"} 40",
        "aboard_throttled_total{connection=\"payments\"} 2",
        "aboard_awaiting_approval{connection=\"payments\"} 7.0",
    ] {
        assert_eq!(answer.body.lines().filter(|found| *found == line).count(), 1, "{line} in {}", answer.body);
    }
    assert!(answer.body.ends_with("# EOF\n"));
    for name in
        ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds", "process_cpu_seconds_total"]
    {
        assert!(answer.body.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}");
    }
    assert!(!answer.body.contains("next_due_timestamp_seconds{connection=\"hand\"}"));
}

#[tokio::test]
async fn the_series_of_a_connection_that_left_are_gone() {
    let site = Site::local().await;
    site.fake.script().figures = figures();
    assert!(site.get("/metrics").await.body.contains("connection=\"payments\""));
    site.fake.script().figures.connections.remove("payments");
    let body = site.get("/metrics").await.body;
    assert!(!body.contains("payments") && body.contains("connection=\"hand\""), "{body}");
}

#[tokio::test]
async fn every_state_in_which_the_worker_is_degraded_is_there_as_0_or_1() {
    let site = Site::local().await;
    site.fake.script().health.degraded = vec!["registry_trouble", "needs_restart"];
    let body = site.get("/metrics").await.body;
    let shown: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("aboard_worker_degraded")).collect();
    let expected = [
        ("waiting_for_clock", 0),
        ("registry_trouble", 1),
        ("file_rejected", 0),
        ("needs_accept", 0),
        ("file_detached", 0),
        ("needs_restart", 1),
    ];
    assert_eq!(shown, expected.map(|(state, is)| format!("{{state=\"{state}\"}} {is}.0")));
}

#[tokio::test]
async fn labels_are_never_an_account_or_an_api() {
    let site = Site::local().await;
    site.fake.script().figures = figures();
    let body = site.get("/metrics").await.body;
    let allowed = ["connection", "integration", "state", "target", "outcome", "trigger", "le"];
    for line in body.lines().filter(|line| !line.starts_with('#') && !line.contains("_info{")) {
        let Some((_, labels)) = line.split_once('{') else { continue };
        for label in labels.split_once('}').unwrap().0.split(',') {
            let name = label.split('=').next().unwrap();
            assert!(allowed.contains(&name), "{name} in {line}");
        }
    }
}

#[tokio::test]
async fn the_older_format_is_there_for_whoever_asks() {
    let site = Site::local().await;
    site.fake.script().figures = figures();
    let answer = site.ask("GET", "/metrics", &["Accept: text/plain;version=0.0.4"], "").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(answer.body.contains("# TYPE aboard_runs_total counter\n") && !answer.body.contains("# EOF"));
}

#[tokio::test]
async fn health_is_200_while_the_heart_beats_and_readiness_is_not_lost_by_a_bad_file() {
    let site = Site::local().await;
    let answer = site.get("/healthz").await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("ok")));
    let answer = site.get("/readyz").await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("ready")));

    site.fake.script().health.degraded = vec!["file_rejected"];
    let answer = site.get("/readyz").await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("degraded")));
    assert_eq!(answer.json()["degraded"][0], "file_rejected");
    assert_eq!(site.get("/healthz").await.status, 200);

    site.fake.script().health = crate::http::Health { tick_age: 90.0, ..Default::default() };
    let answer = site.get("/healthz").await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (503, Some("not_ticking")));
    let answer = site.get("/readyz").await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (503, Some("not_ready")));
}
