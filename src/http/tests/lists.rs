use super::{RefusalKind, Site};
use crate::http::answer::KINDS;

#[tokio::test]
async fn a_list_leads_to_its_next_part_with_everything_that_was_asked() {
    let site = Site::local().await;
    assert_eq!(site.get("/api/v1/apis").await.header("link"), None);
    site.fake.script().next = Some("aws~1~eu-west-1~rest~a1".to_owned());
    let answer = site.get("/api/v1/apis?tag=team%3Dpay%2A&limit=2&cursor=old&name=%C3%A9*").await;
    let link =
        "</api/v1/apis?tag=team%3Dpay*&limit=2&name=%C3%A9*&cursor=aws%7E1%7Eeu-west-1%7Erest%7Ea1>; rel=\"next\"";
    assert_eq!(answer.header("link"), Some(link));
    assert_eq!(answer.json(), serde_json::json!([{ "name": "payments" }]));
    site.fake.asked();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    assert_eq!(site.get(next).await.status, 200);
    let asked = site.fake.asked().concat();
    for part in ["limit: 2", "Some(\"aws~1~eu-west-1~rest~a1\")", "\"team\", \"pay*\"", "Some(\"é*\")"] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
}

#[tokio::test]
async fn every_filter_reaches_the_backend() {
    let site = Site::local().await;
    let all = "connection=shop&state=seen&decision=held&reason=details_unreadable&account=1&region=r&protocol=rest&name=n*\
               &tag=k%3Dv&limit=7&cursor=c";
    assert_eq!(site.get(&format!("/api/v1/apis?{all}")).await.status, 200);
    let asked = site.fake.asked().concat();
    assert_eq!(
        asked,
        "ApisQuery { paging: Paging { limit: 7, cursor: Some(\"c\") }, connection: Some(\"shop\"), state: Some(Seen), \
         decision: Some(Held), reason: Some(DetailsUnreadable), account: Some(\"1\"), region: Some(\"r\"), \
         protocol: Some(Rest), name: Some(\"n*\"), tag: Some((\"k\", \"v\")) }"
    );
    assert_eq!(site.get("/api/v1/runs?connection=shop").await.status, 200);
    let asked = site.fake.asked().concat();
    assert_eq!(asked, "RunsQuery { paging: Paging { limit: 100, cursor: None }, connection: Some(\"shop\") }");
    let all = "connection=shop&account=1&region=r&state=access_denied&stale=1d12h&limit=7&cursor=c";
    assert_eq!(site.get(&format!("/api/v1/coverage?{all}")).await.status, 200);
    let asked = site.fake.asked().concat();
    assert_eq!(
        asked,
        "CoverageQuery { paging: Paging { limit: 7, cursor: Some(\"c\") }, connection: Some(\"shop\"), account: Some(\"1\"), \
         region: Some(\"r\"), state: Some(AccessDenied), stale: Some(TimeDelta { secs: 129600, nanos: 0 }) }"
    );
}

#[tokio::test]
async fn what_is_not_understood_is_named_with_the_nearest_right_thing() {
    let site = Site::local().await;
    for (path, message, hint) in [
        ("/api/v1/apis?stat=gone", "no parameter is named stat", "did you mean state?"),
        ("/api/v1/apis?state=onboarde", "no state is named onboarde", "did you mean onboarded?"),
        ("/api/v1/apis?decision=x", "no decision is named x", "known are onboard, already_onboarded"),
        ("/api/v1/apis?protocol=soap", "no protocol is named soap", "known are REST, HTTP, WEBSOCKET"),
        ("/api/v1/apis?tag=team", "tag=team is not of the form KEY=GLOB", ""),
        ("/api/v1/apis?name=%5B", "[ is no glob", ""),
        ("/api/v1/coverage?state=denied", "no state is named denied", "known are complete, access_denied"),
        ("/api/v1/coverage?stale=8", "stale=8 is no span", "write one such as 8d or 12h"),
        ("/api/v1/coverage?stale=999999999999y", "stale=999999999999y is no span", ""),
        ("/api/v1/apis?limit=0", "limit=0 is not a number from 1 to 1000", ""),
        ("/api/v1/apis?limit=1001", "limit=1001 is not a number from 1 to 1000", ""),
        ("/api/v1/connections?limit=-1", "limit=-1 is not", ""),
        ("/api/v1/connections?name=x", "no parameter is named name", "parameters here are limit, cursor"),
        ("/api/v1/runs?connection=a&connection=b", "connection is given twice", ""),
        ("/api/v1/runs?cursor=bad", "bad is no cursor", ""),
        ("/api/v1/runs/1?x=1", "no parameter is named x", "there is none here"),
        ("/api/v1/runs/first", "first is no number of a run", ""),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.kind(), (400, "bad_request".to_owned()), "{path}");
        let error = &answer.json()["error"];
        let of = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
        assert!(of("message").starts_with(message) && of("hint").starts_with(hint), "{path}: {error}");
    }
    assert_eq!(site.fake.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let site = Site::local().await;
    assert_eq!(site.get("/api/v1/runs/2").await.problem(), (404, "not_found".into(), "there is no run 2".into()));
    let answer = site.get("/api/v1/connection").await;
    assert_eq!(answer.problem(), (404, "not_found".into(), "there is nothing at /api/v1/connection".into()));
    assert_eq!(answer.json()["error"]["hint"], "did you mean /api/v1/connections?");
    let answer = site.ask("HEAD", "/api/v1/runs", &[], "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let _folder = site.token("t");
    let answer = site.ask("DELETE", "/api/v1/runs", &["Authorization: Bearer t"], "").await;
    assert_eq!(answer.kind(), (405, "method_not_allowed".to_owned()));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    for (method, path) in crate::http::routes::ROUTES {
        let path = path.replace("{name}", "payments").replace("{id}", "1");
        let answer = site.ask("DELETE", &path, &["Authorization: Bearer t"], "").await;
        let expected = if method == "get" { ["GET,HEAD", "GET, HEAD"] } else { ["POST", "POST"] };
        assert_eq!((answer.status, answer.header("allow")), (405, Some(expected[0])), "{path}");
        assert_eq!(answer.json()["error"]["hint"], format!("what does: {}", expected[1]), "{path}");
    }
}

#[tokio::test]
async fn what_a_change_carries_must_be_understood_whole() {
    let site = Site::local().await;
    let _folder = site.token("t");
    let post = async |path: &str, body: &str| site.ask("POST", path, &["Authorization: Bearer t"], body).await;
    let pause = "/api/v1/connections/pay%20ments/pause";
    let answer = post(pause, r#"{"until":"2027-01-01T00:00:00+01:00","note":"migration"}"#).await;
    assert_eq!(answer.json()["name"], "pay ments");
    let asked = site.fake.asked().concat();
    assert!(asked.contains("until: Some(2026-12-31T23:00:00Z), note: Some(\"migration\")"), "{asked}");
    for bad in [r#"{"unti":null}"#, "[]", "{", r#"{"until":"tomorrow"}"#, "null "] {
        assert_eq!(post(pause, bad).await.kind(), (400, "bad_request".to_owned()), "{bad}");
    }
    assert_eq!(post("/api/v1/reload?accept=true", "").await.kind(), (400, "bad_request".to_owned()));
    assert_eq!(post("/api/v1/reload", r#"{"accept":true}"#).await.json()["added"], 1);
    let rejected = post("/api/v1/reload", "").await;
    assert_eq!(rejected.problem(), (422, "file_rejected".into(), "schedules.toml has 1 mistake".into()));
    assert_eq!(rejected.json()["error"]["hint"], "mend it");
}

#[test]
fn every_kind_of_problem_has_a_status() {
    use RefusalKind as Kind;
    for kind in [Kind::BadRequest, Kind::NotFound, Kind::Conflict, Kind::FileRejected, Kind::Unavailable, Kind::Failed]
    {
        let problem = crate::http::answer::Problem::from(super::Refusal::new(kind, "x"));
        let debug = format!("{problem:?}");
        assert!(KINDS.iter().any(|(name, _)| debug.contains(&format!("{name:?}"))), "{debug}");
    }
}

#[tokio::test]
async fn whatever_is_refused_is_refused_in_one_form() {
    let site = Site::local().await;
    let _folder = site.token("t");
    let right = ["Authorization: Bearer t"];
    for (method, path) in [
        ("GET", "/api/v1/runs/%ff"),
        ("POST", "/api/v1/connections/%ff/pause"),
        ("POST", "/api/v1/connections/%C3%28/resume"),
    ] {
        let answer = site.ask(method, path, &right, "").await;
        assert_eq!(answer.kind(), (400, "bad_request".to_owned()), "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}
