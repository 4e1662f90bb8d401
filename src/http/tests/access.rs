use super::Site;

const READS: [&str; 5] =
    ["/api/v1/connections", "/api/v1/apis", "/api/v1/runs", "/api/v1/runs/1", "/api/v1/openapi.json"];
const WRITES: [&str; 3] =
    ["/api/v1/reload", "/api/v1/connections/payments/pause", "/api/v1/connections/payments/resume"];
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

#[tokio::test]
async fn on_loopback_reading_needs_no_token_and_changing_does() {
    let site = Site::local().await;
    for path in OPEN.into_iter().chain(READS) {
        assert_eq!(site.get(path).await.status, 200, "{path}");
    }
    for path in WRITES {
        let (status, kind, message) = site.ask("POST", path, &[], "").await.problem();
        assert_eq!((status, kind.as_str()), (403, "forbidden"), "{path}");
        assert_eq!(message, "changes need a token, and none is configured");
    }
    let _folder = site.token("s3cret\n");
    site.fake.asked();
    for path in WRITES {
        assert_eq!(site.ask("POST", path, &[], "").await.kind(), (401, "unauthorized".to_owned()), "{path}");
    }
    assert_eq!(site.fake.asked(), Vec::<String>::new());
    for path in WRITES {
        let answer = site.ask("POST", path, &["Authorization: Bearer s3cret"], "").await;
        assert!(answer.status == 200 || answer.kind() == (422, "file_rejected".to_owned()), "{path}: {answer:?}");
    }
    let by = |asked: &str| format!("{asked} by http token");
    let nothing = "PauseRequest { until: None, note: None }";
    let expected = [by("reload false"), by(&format!("pause payments {nothing}")), by("resume payments")];
    assert_eq!(site.fake.asked(), expected);
}

#[tokio::test]
async fn beyond_loopback_only_health_and_metrics_are_open() {
    let site = Site::public().await;
    for path in READS.into_iter().chain(["/nowhere", "/"]) {
        assert_eq!(site.get(path).await.kind(), (403, "forbidden".to_owned()), "{path}");
    }
    let _folder = site.token("s3cret");
    for path in OPEN {
        assert_eq!(site.get(path).await.status, 200, "{path}");
        assert_eq!(site.ask("GET", path, &["Authorization: Bearer old"], "").await.status, 200, "{path}");
    }
    for path in READS.into_iter().chain(["/nowhere", "/healthz/"]) {
        let answer = site.get(path).await;
        assert_eq!(answer.kind(), (401, "unauthorized".to_owned()), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"aboard\""));
        for wrong in ["Bearer s3cre", "Bearer s3crets", "Bearer S3CRET", "Bearer", "Basic s3cret", "s3cret", "Bearer "]
        {
            let answer = site.ask("GET", path, &[&format!("Authorization: {wrong}")], "").await;
            assert_eq!(answer.kind(), (401, "unauthorized".to_owned()), "{path} with {wrong}");
        }
        let right = site.ask("GET", path, &["authorization: bearer s3cret"], "").await;
        assert_eq!(right.status, if READS.contains(&path) { 200 } else { 404 }, "{path}");
    }
    assert_eq!(site.ask("POST", "/api/v1/reload", &[], "{\"accept\":true}").await.status, 401);
}

#[tokio::test]
async fn a_token_that_changed_counts_at_once_and_the_old_one_no_more() {
    let site = Site::public().await;
    let folder = site.token("old");
    let with = async |token: &str| {
        site.ask("GET", "/api/v1/runs", &[&format!("Authorization: Bearer {token}")], "").await.status
    };
    assert_eq!((with("old").await, with("new").await), (200, 401));
    std::fs::write(folder.path().join("token"), "new\n").unwrap();
    assert_eq!((with("old").await, with("new").await), (401, 200));
    std::fs::remove_file(folder.path().join("token")).unwrap();
    let answer = site.ask("GET", "/api/v1/runs", &["Authorization: Bearer new"], "").await;
    assert_eq!(answer.kind(), (503, "token_unreadable".to_owned()));
    assert!(!answer.body.contains(folder.path().to_str().unwrap()), "no path is shown: {answer:?}");
}

#[tokio::test]
async fn a_page_under_a_name_of_its_own_is_refused_on_loopback() {
    let site = Site::local().await;
    let _folder = site.token("s3cret");
    for path in OPEN.into_iter().chain(READS) {
        let rebound = site.ask("GET", path, &["Host: evil.example:9847"], "").await;
        assert_eq!(rebound.kind(), (421, "misdirected".to_owned()), "{path}");
        for good in ["localhost:9847", "127.0.0.1", "[::1]:1", "10.1.2.3"] {
            assert_eq!(site.ask("GET", path, &[&format!("Host: {good}")], "").await.status, 200, "{path} as {good}");
        }
    }
    let proxy = ["Host: aboard.example.com", "Authorization: Bearer s3cret"];
    for path in OPEN.into_iter().chain(READS) {
        assert_eq!(site.ask("GET", path, &proxy, "").await.status, 200, "a proxy with the token may pass: {path}");
    }
    for path in OPEN {
        for wrong in ["Bearer old", "Basic s3cret", "Bearer "] {
            let wrong = format!("Authorization: {wrong}");
            let answer = site.ask("GET", path, &["Host: aboard.example.com", &wrong], "").await;
            assert_eq!(answer.kind(), (421, "misdirected".to_owned()), "{path} with {wrong}");
            assert_eq!(site.ask("GET", path, &[&wrong], "").await.status, 200, "{path} with {wrong}");
        }
    }
    let site = Site::public().await;
    assert_eq!(site.ask("GET", "/healthz", &["Host: aboard.example.com"], "").await.status, 200);
}

#[tokio::test]
async fn a_wrong_token_is_refused_also_where_none_is_needed() {
    let site = Site::local().await;
    let _folder = site.token("s3cret");
    assert_eq!(site.ask("GET", "/api/v1/runs", &["Authorization: Bearer x"], "").await.status, 401);
}

#[tokio::test]
async fn no_page_of_another_site_is_told_anything() {
    let site = Site::local().await;
    for path in ["/healthz", "/api/v1/runs", "/nowhere"] {
        let answer = site.ask("GET", path, &["Origin: https://evil.example"], "").await;
        assert!(!answer.head.contains("access-control"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    }
    let preflight = site.ask("OPTIONS", "/api/v1/reload", &["Origin: https://evil.example"], "").await;
    assert_eq!(preflight.status, 403, "{preflight:?}");
    assert_eq!(site.fake.asked().len(), 1, "one list was read and nothing was changed");
}
