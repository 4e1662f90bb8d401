use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;
use crate::config::NetworkConfig;

/// Answers every request with the same; hands over what was asked, head and body.
fn receiver(answer: &'static str) -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            connection.read_exact(&mut body).unwrap();
            write!(connection, "HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
            if sender.send((head, body)).is_err() {
                return;
            }
        }
    });
    (place, asked)
}

fn at() -> DateTime<Utc> {
    "2026-11-06T08:49:37.999Z".parse().unwrap()
}

fn settings(place: &str) -> WebhookTarget {
    WebhookTarget {
        url: format!("{place}/hooks/hunter2?key=hunter2").parse().unwrap(),
        secrets: Vec::new(),
        headers: BTreeMap::new(),
        timeout: Duration::from_mins(1),
        in_flight: 8,
    }
}

fn open(settings: &WebhookTarget) -> Webhook {
    Webhook { now: at, ..Webhook::new(settings, &Setup { network: NetworkConfig::default() }).unwrap() }
}

fn delivery() -> Delivery {
    let notice = Notice {
        event: "run.finished".to_owned(),
        occurred_at: at(),
        target: "catalog".to_owned(),
        connection: "payments".to_owned(),
        run_id: Some(1),
        revision: 1,
        api: None,
        instances: Vec::new(),
        run: None,
    };
    Delivery { key: "5e".repeat(32), ..event::trial(&notice) }
}

async fn failure(settings: &WebhookTarget) -> Failure {
    let Verdict::Failed(failure) = open(settings).deliver_one(&delivery()).await else { panic!("delivered") };
    assert!(!failure.message.contains("hunter2") && !failure.message.contains("hooks"), "{failure:?}");
    failure
}

fn file(folder: &tempfile::TempDir, name: &str, content: &str) -> SecretRef {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    SecretRef::File(path)
}

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[tokio::test]
async fn a_request_carries_the_event_its_key_the_time_of_the_attempt_and_a_signature_by_each_secret() {
    let (place, asked) = receiver("204 No Content");
    let folder = tempfile::tempdir().unwrap();
    let (new, old) = (file(&folder, "new", NEW), file(&folder, "old", OLD));
    let header = BTreeMap::from([("X-Api-Key".to_owned(), file(&folder, "key", "s3cret"))]);
    let webhook = open(&WebhookTarget { secrets: vec![new, old], headers: header, ..settings(&place) });
    assert_eq!(webhook.deliver_one(&delivery()).await, Verdict::Delivered(None));

    let (head, body) = asked.recv().unwrap();
    assert_eq!(body, event::body(&delivery()).unwrap());
    let sign = |secret: &str| Key::parse(&secret.into()).unwrap().sign(&"5e".repeat(32), 1_793_954_977, &body);
    let mut lines: Vec<&str> = head.trim_end().lines().collect();
    lines.sort_unstable();
    let expected = [
        "POST /hooks/hunter2?key=hunter2 HTTP/1.1".to_owned(),
        "accept: */*".to_owned(),
        format!("content-length: {}", body.len()),
        "content-type: application/cloudevents+json; charset=utf-8".to_owned(),
        format!("host: {}", place.strip_prefix("http://").unwrap()),
        format!("user-agent: aboard/{}", env!("CARGO_PKG_VERSION")),
        format!("webhook-id: {}", "5e".repeat(32)),
        format!("webhook-signature: {} {}", sign(NEW), sign(OLD)),
        "webhook-timestamp: 1793954977".to_owned(),
        "x-api-key: s3cret".to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed_and_a_test_says_so() {
    let (place, asked) = receiver("200 OK");
    let webhook = open(&settings(&place));
    let said = webhook.test(&delivery().notice).await.unwrap();
    assert_eq!(said, format!("{place} answered 200 OK to an unsigned test event (no secret is set)"));
    assert!(!asked.recv().unwrap().0.contains("webhook-signature"));
}

#[tokio::test]
async fn a_secret_in_a_file_is_read_anew_for_each_request() {
    let (place, asked) = receiver("200 OK");
    let folder = tempfile::tempdir().unwrap();
    let secret = file(&folder, "secret", OLD);
    let webhook = open(&WebhookTarget { secrets: vec![secret], ..settings(&place) });
    for secret in [OLD, NEW] {
        file(&folder, "secret", &format!("{secret}\n"));
        let said = webhook.test(&delivery().notice).await.unwrap();
        assert!(said.ends_with("to a signed test event"), "{said}");
        let (head, body) = asked.recv().unwrap();
        let id = head.lines().find_map(|line| line.strip_prefix("webhook-id: ")).unwrap();
        let signature = Key::parse(&secret.into()).unwrap().sign(id, at().timestamp(), &body);
        assert!(head.contains(&format!("webhook-signature: {signature}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_said_and_nothing_is_sent() {
    let (place, asked) = receiver("200 OK");
    let folder = tempfile::tempdir().unwrap();
    let bad = file(&folder, "bad", "whsec_hunter2");
    let settings = WebhookTarget { secrets: vec![bad], ..settings(&place) };
    let failed = failure(&settings).await;
    assert!(
        failed.message.starts_with("secret file ") && failed.message.contains("bad holds no webhook secret"),
        "{failed:?}"
    );
    assert_eq!(failed.effect, Effect::Retry);
    let missing = SecretRef::Env("ABOARD_TEST_NEVER_SET".to_owned());
    let headers = BTreeMap::from([("X-Api-Key".to_owned(), missing)]);
    let failed = failure(&WebhookTarget { secrets: Vec::new(), headers, ..settings }).await;
    assert_eq!(failed.message, "environment variable ABOARD_TEST_NEVER_SET is not set");
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn each_status_has_the_effect_that_standard_webhooks_gives_it() {
    for (answer, status, effect) in [
        ("400 x", 400, Effect::Retry),
        ("404 x", 404, Effect::Retry),
        ("410 x", 410, Effect::Disable),
        ("429 x", 429, Effect::Pause),
        ("500 x", 500, Effect::Retry),
        ("502 x", 502, Effect::Pause),
        ("503 x", 503, Effect::Pause),
        ("504 x", 504, Effect::Pause),
        ("304 x", 304, Effect::Retry),
    ] {
        let failed = failure(&settings(&receiver(answer).0)).await;
        assert_eq!((failed.status, failed.effect, failed.retry_after), (Some(status), effect, None), "{answer}");
    }
    for answer in ["200 x", "201 x", "202 x", "204 x", "299 x"] {
        let verdict = open(&settings(&receiver(answer).0)).deliver_one(&delivery()).await;
        assert_eq!(verdict, Verdict::Delivered(None), "{answer}");
    }
}

#[tokio::test]
async fn retry_after_is_handed_on_in_both_forms() {
    for answer in ["429 x\r\nretry-after: 23", "503 x\r\nRetry-After: Fri, 06 Nov 2026 08:50:01 GMT"] {
        let failed = failure(&settings(&receiver(answer).0)).await;
        // The clock stands a millisecond before the next second.
        assert_eq!(failed.retry_after.unwrap().as_secs(), 23, "{answer}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_host_is_named() {
    let (elsewhere, asked) = receiver("200 OK");
    let (place, _) = receiver(Box::leak(format!("307 x\r\nlocation: {elsewhere}/hunter2").into_boxed_str()));
    let failed = failure(&settings(&place)).await;
    let expected = format!(
        "{place} answered 307 Temporary Redirect and leads to {elsewhere}; redirects are not followed, so put the final address into url"
    );
    assert_eq!((failed.message, failed.status, failed.effect), (expected, Some(307), Effect::Retry));
    assert!(asked.try_recv().is_err());
    let (place, _) = receiver("301 x\r\nlocation: /elsewhere");
    assert!(failure(&settings(&place)).await.message.contains(&format!("and leads to {place};")));
}
