use serde_json::{Value, json};

use super::{Site, open};
use crate::support::Home;

/// A list in parts of one, as the links lead through it.
fn walk(site: &Site, path: &str) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let mut next = Some(format!("{path}{join}limit=1"));
    let mut all = Vec::new();
    while let Some(path) = next.take() {
        let answer = site.get(&path);
        let part = answer.json();
        assert!(part.as_array().unwrap().len() <= 1, "{answer:?}");
        all.extend(part.as_array().unwrap().iter().cloned());
        next = answer.next();
    }
    all
}

fn same(site: &Site, home: &Home, path: &str, words: &[&str]) -> Value {
    let (answer, printed) = (site.get(path), home.json(words));
    assert_eq!(answer.json(), printed, "{path} and {words:?}");
    if printed.is_array() {
        assert_eq!(Value::Array(walk(site, path)), printed, "{path} in parts");
    }
    printed
}

#[test]
fn the_api_answers_what_the_commands_print() {
    let (_sim, home, site) = open();
    let check = same(&site, &home, "/api/v1/connections", &["check"]);
    assert_eq!((&check[1]["name"], &check[1]["paused"]), (&json!("shop"), &json!(false)));
    assert!(check[1]["next_due"].is_string() && check[0]["next_due"].is_null(), "{check}");
    assert_eq!(same(&site, &home, "/api/v1/runs", &["runs"]).as_array().unwrap().len(), 3);
    same(&site, &home, "/api/v1/runs/1", &["runs", "1"]);
    assert_eq!(same(&site, &home, "/api/v1/runs?connection=hand", &["runs", "--connection", "hand"])[0]["run_id"], 2);
    let apis = same(&site, &home, "/api/v1/apis", &["apis"]);
    assert_eq!(apis.as_array().unwrap().len(), 3);
    for (query, words, count) in [
        ("state=onboarded", &["--state", "onboarded"][..], 3),
        ("connection=hand", &["--connection", "hand"], 3),
        ("decision=already_onboarded", &["--decision", "already_onboarded"], 3),
        ("reason=no_longer_matches", &["--reason", "no_longer_matches"], 2),
        ("protocol=websocket", &["--protocol", "websocket"], 1),
        ("region=eu-west-2", &["--region", "eu-west-2"], 0),
        ("account=111122223333&name=*b*", &["--account", "111122223333", "--name", "*b*"], 1),
        ("tag=team%3Dpay*", &["--tag", "team=pay*"], 0),
    ] {
        let found = same(&site, &home, &format!("/api/v1/apis?{query}"), &[&["apis"], words].concat());
        assert_eq!(found.as_array().unwrap().len(), count, "{query}: {found}");
    }
    assert_eq!(same(&site, &home, "/api/v1/coverage", &["coverage"]).as_array().unwrap().len(), 4);
    for (query, words, count) in [
        ("region=eu-west-2", &["--region", "eu-west-2"][..], 2),
        ("account=111122223333&connection=hand", &["--account", "111122223333", "--connection", "hand"], 2),
        ("state=access_denied", &["--state", "access_denied"], 0),
        ("stale=8d", &["--stale", "8d"], 0),
        ("stale=1ms", &["--stale", "1ms"], 4),
    ] {
        let found = same(&site, &home, &format!("/api/v1/coverage?{query}"), &[&["coverage"], words].concat());
        assert_eq!(found.as_array().unwrap().len(), count, "{query}: {found}");
    }
    site.stop();
}

#[test]
fn what_is_asked_wrongly_is_explained() {
    let (_sim, _home, site) = open();
    for (path, status, message, hint) in [
        ("/api/v1/runs/99", 404, "no run 99", ""),
        ("/api/v1/runs?cursor=x", 400, "x is no cursor of this list", "take it from the Link header"),
        ("/api/v1/apis?cursor=a~b", 400, "a~b is no cursor of this list", "take it from the Link header"),
        ("/api/v1/apis?cursor=aws~1~r~soap~x", 400, "aws~1~r~soap~x is no cursor", "take it from the Link header"),
        ("/api/v1/coverage?cursor=a~b", 400, "a~b is no cursor of this list", "take it from the Link header"),
        ("/api/v1/coverage?cursor=1~r~soap~", 400, "1~r~soap~ is no cursor", "take it from the Link header"),
        ("/api/v1/apis?conection=shop", 400, "no parameter is named conection", "did you mean connection?"),
        ("/api/v1/deliveries?cursor=x", 400, "x is no cursor of this list", "take it from the Link header"),
        ("/api/v1/deliveries?target=catlog", 404, "no target is named catlog", "did you mean catalog?"),
        ("/api/v1/deliveries?state=dread", 400, "no state is named dread", "did you mean dead?"),
        ("/api/v1/nothing", 404, "there is nothing at /api/v1/nothing", ""),
        ("/api/v1/apis?connection=shpo", 404, "no connection is named shpo", "did you mean shop?"),
        ("/api/v1/runs?connection=shpo", 404, "no connection is named shpo", "did you mean shop?"),
        ("/api/v1/coverage?connection=shpo", 404, "no connection is named shpo", "did you mean shop?"),
        ("/api/v1/coverage?connection=elsewhere", 404, "no connection is named elsewhere", "/api/v1/connections lists"),
        ("/api/v1/coverage?stale=8d&account=111122223334", 404, "account 111122223334", "did you mean 111122223333?"),
        ("/api/v1/coverage?region=eu-wst-1", 404, "nobody ever looked at region eu-wst-1", "did you mean eu-west-1?"),
    ] {
        let answer = site.get(path);
        let error = &answer.json()["error"];
        let of = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(of("message").contains(message) && of("hint").starts_with(hint), "{path}: {error}");
    }
    let answer = site.post("/api/v1/connections/shp/pause", "");
    assert_eq!((answer.status, &answer.json()["error"]["hint"]), (404, &json!("did you mean shop?")));
    let answer = site.post("/api/v1/connections/shop/pause", r#"{"until":"2020-01-01T00:00:00Z"}"#);
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!("until is in the past")));
    site.stop();
}

#[test]
fn a_reload_answers_what_changed_or_why_it_was_refused_and_shows_in_health_and_metrics() {
    let (_sim, home, site) = open();
    assert_eq!(site.post("/api/v1/reload", "").json()["result"], "unchanged");
    let good = std::fs::read_to_string(home.path("schedules.toml")).unwrap();
    home.write("schedules.toml", &good.replace("time = \"02:30\"", "tim = \"02:30\""));
    let answer = site.post("/api/v1/reload", "");
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["kind"]), (422, &json!("file_rejected")));
    assert!(error["message"].as_str().unwrap().contains("did you mean \"time\"?"), "{error}");
    let ready = site.get("/readyz");
    assert_eq!((ready.status, ready.json()), (200, json!({ "status": "degraded", "degraded": ["file_rejected"] })));
    assert_eq!(site.get("/healthz").status, 200);
    assert!(site.get("/metrics").body.contains("aboard_config_last_reload_successful 0.0"));
    assert!(site.get("/metrics").body.contains("aboard_worker_degraded{state=\"file_rejected\"} 1.0"));

    home.write("schedules.toml", &good.replace("time = \"02:30\"", "time = \"03:30\""));
    let answer = site.post("/api/v1/reload", "");
    assert_eq!(answer.json()["diff"]["changed"][0]["fields"], json!(["auto_onboard.time"]), "{answer:?}");
    assert_eq!(site.get("/readyz").json()["status"], "ready");
    let metrics = site.get("/metrics").body;
    for line in [
        "aboard_config_last_reload_successful 1.0",
        "aboard_reloads_total{trigger=\"command\",outcome=\"applied\"} 1",
        "aboard_reloads_total{trigger=\"command\",outcome=\"rejected\"} 1",
        "aboard_reloads_total{trigger=\"signal\",outcome=\"applied\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    site.stop();
}

#[test]
fn a_connection_that_leaves_the_file_takes_its_series_with_it() {
    let (_sim, home, site) = open();
    assert!(site.get("/metrics").body.contains("connection=\"hand\""));
    let text = std::fs::read_to_string(home.path("schedules.toml")).unwrap();
    home.write("schedules.toml", text.split("\n[connections.hand]").next().unwrap());
    assert_eq!(site.post("/api/v1/reload", "").json()["diff"]["removed"], json!(["hand"]));
    let metrics = site.get("/metrics").body;
    assert!(!metrics.contains("\"hand\"") && metrics.contains("connection=\"shop\""), "{metrics}");
    site.stop();
}

#[test]
fn a_connection_is_paused_and_resumed_and_who_did_it_is_written_down() {
    let (_sim, home, site) = open();
    let paused = |site: &Site| site.get("/api/v1/connections").json()[1]["paused"].clone();
    let since = |site: &Site| -> f64 {
        let metrics = site.get("/metrics").body;
        let of = |line: &str| {
            line.strip_prefix("aboard_schedule_since_timestamp_seconds{connection=\"shop\"} ").map(str::to_owned)
        };
        metrics.lines().find_map(of).unwrap().parse().unwrap()
    };
    assert_eq!(paused(&site), json!(false));
    let begun = since(&site);
    let answer = site.post("/api/v1/connections/shop/pause", r#"{"note":"migration"}"#);
    assert_eq!((answer.status, answer.json()), (200, site.get("/api/v1/connections").json()[1].clone()));
    assert_eq!(paused(&site), json!(true));
    assert!(site.get("/metrics").body.contains("aboard_schedule_paused{connection=\"shop\"} 1.0"));
    let book = home.book();
    let pause = book.pauses().unwrap().remove(0);
    assert_eq!((pause.by.as_str(), pause.note.as_deref()), ("http token", Some("migration")));
    assert!((since(&site) - begun).abs() < f64::EPSILON);

    assert_eq!(site.post("/api/v1/connections/shop/resume", "").json()["paused"], json!(false));
    assert_eq!((paused(&site), book.pauses().unwrap().len()), (json!(false), 0));
    let resumed = since(&site);
    assert!(resumed > begun, "it is stale no sooner than two intervals after the pause");
    let now = aboard::clock::now();
    let mut book = aboard::registry::Registry::open(&home.registry()).unwrap();
    book.pause(Some("shop"), Some(now), None, "ann", now).unwrap();
    assert!(since(&site) > resumed, "a pause ends by itself as well");
    let audit = book.audit_trail(&aboard::registry::AuditFilter::default()).unwrap();
    let actions: Vec<(&str, &str)> =
        audit.iter().map(|row| (row.actor.as_str(), row.action.as_str())).filter(|row| row.0 == "http token").collect();
    assert_eq!(actions, [("http token", "resumed"), ("http token", "paused")]);
    site.stop();
}

#[test]
fn a_connection_is_resumed_as_by_command_while_every_one_is_paused() {
    let (_sim, home, site) = open();
    for name in ["hand", "shop"] {
        home.ok(&["pause", name]);
    }
    home.ok(&["pause", "--all"]);
    let answer = site.post("/api/v1/connections/shop/resume", "");
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["kind"]), (409, &json!("conflict")));
    let said = home.run(&["resume", "hand"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("its own pause is over, but it is still paused with every other"), "{said:?}");
    assert_eq!(error["message"], json!(said.stdout.trim().replace("hand", "shop")));
    let left: Vec<_> = home.book().pauses().unwrap().into_iter().map(|pause| pause.connection).collect();
    assert_eq!(left, [None], "each has ended its own");
    site.stop();
}
