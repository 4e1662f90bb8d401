//! Receivers of webhooks that do not do as they should.

use std::time::{Duration, Instant};

use aboard::clock;
use aboard::targets::{Effect, Target, Verdict};
use chrono::TimeDelta;

use super::{deliver, delivery, failure, target};
use crate::support::receiver::{Does, Receiver};

fn webhook(receiver: &Receiver, timeout: &str) -> Box<dyn Target> {
    target("webhook", &format!("url = \"{}\"\ntimeout = \"{timeout}\"", receiver.url()))
}

/// A receiver that always does the same, and the target of it.
fn always(does: &Does, timeout: &str) -> (Receiver, Box<dyn Target>) {
    let does = does.clone();
    let receiver = Receiver::that(move |_, _| does.clone());
    let target = webhook(&receiver, timeout);
    (receiver, target)
}

#[tokio::test]
async fn an_error_with_a_huge_body_is_quoted_shortly_and_tried_again() {
    let (receiver, target) = always(&Does::Answers("500 x".to_owned(), vec![b'x'; 100 << 20]), "1m");
    let failed = failure(&*target).await;
    let place = receiver.url().replace("/hooks", "");
    assert_eq!(failed.message, format!("{place} answered 500 Internal Server Error: {}…", "x".repeat(200)));
    assert_eq!((failed.status, failed.effect), (Some(500), Effect::Retry));
}

#[tokio::test]
async fn a_receiver_that_is_too_busy_is_left_alone_for_as_long_as_it_asks() {
    let (_receiver, target) = always(&Does::answers("429 x\r\nretry-after: 120"), "1m");
    let failed = failure(&*target).await;
    assert_eq!((failed.effect, failed.retry_after), (Effect::Pause, Some(Duration::from_mins(2))));

    let date = (clock::now() + TimeDelta::hours(1)).format("%a, %d %b %Y %H:%M:%S GMT");
    let (_receiver, target) = always(&Does::answers(&format!("503 x\r\nretry-after: {date}")), "1m");
    let failed = failure(&*target).await;
    assert_eq!(failed.effect, Effect::Pause);
    let wait = failed.retry_after.unwrap().as_secs();
    assert!((3500..=3600).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_receiver_that_says_410_switches_the_target_off() {
    let (_receiver, target) = always(&Does::Answers("410 x".to_owned(), b"moved to the new portal".to_vec()), "1m");
    let failed = failure(&*target).await;
    assert_eq!((failed.status, failed.effect), (Some(410), Effect::Disable));
    assert!(failed.message.ends_with(" answered 410 Gone: moved to the new portal"), "{failed:?}");
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_given_up_at_the_time_limit() {
    let (_receiver, target) = always(&Does::Hangs, "200ms");
    let failed = failure(&*target).await;
    assert!(failed.message.ends_with(" did not answer within 200ms"), "{failed:?}");
    assert_eq!((failed.status, failed.effect), (None, Effect::Retry));
}

#[tokio::test]
async fn a_connection_that_is_cut_within_the_head_of_the_answer_is_tried_again() {
    let (_receiver, target) = always(&Does::Cuts("HTTP/1.1 200 OK\r\ncontent-len".to_owned()), "1m");
    let failed = failure(&*target).await;
    assert!(failed.message.contains(" gave no answer: "), "{failed:?}");
    assert_eq!((failed.status, failed.effect), (None, Effect::Retry));
}

#[tokio::test]
async fn what_was_taken_stays_taken_however_the_rest_of_the_answer_comes() {
    let cut = Does::Cuts("HTTP/1.1 202 Accepted\r\ncontent-length: 1000\r\n\r\nthank".to_owned());
    let (_receiver, target) = always(&cut, "1m");
    assert_eq!(deliver(&*target).await, Verdict::Delivered(None));

    let begun = Instant::now();
    let (_receiver, target) = always(&Does::Drips("200 OK".to_owned()), "10m");
    assert_eq!(deliver(&*target).await, Verdict::Delivered(None));
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_refusal_that_drips_ends_at_the_time_limit_and_keeps_its_status() {
    let (_receiver, target) = always(&Does::Drips("500 x".to_owned()), "500ms");
    let failed = failure(&*target).await;
    assert_eq!((failed.status, failed.effect), (Some(500), Effect::Retry));
    assert!(failed.message.contains("500 Internal Server Error: drip"), "{failed:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::that(|_, _| Does::answers("200 OK"));
    let (_receiver, target) = always(&Does::answers(&format!("308 x\r\nlocation: {}", elsewhere.url())), "1m");
    let failed = failure(&*target).await;
    assert_eq!((failed.status, failed.effect), (Some(308), Effect::Retry));
    let to = elsewhere.url().replace("/hooks", "");
    assert!(failed.message.contains(&format!("leads to {to}; redirects are not followed")), "{failed:?}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_receiver_that_recovers_gets_the_same_request_with_a_new_time_over_the_same_connection() {
    let receiver = Receiver::that(|before, _| Does::answers(if before < 2 { "500 x" } else { "204 x" }));
    let target = webhook(&receiver, "1m");
    failure(&*target).await;
    let first = delivery("ordersapi1");
    let verdicts = target.deliver(std::slice::from_ref(&first), &super::Forgetful).await;
    assert!(matches!(verdicts[..], [Verdict::Failed(_)]), "{verdicts:?}");
    assert_eq!(target.deliver(&[first], &super::Forgetful).await, [Verdict::Delivered(None)]);
    let asked = receiver.asked();
    assert_eq!(asked[1].body, asked[2].body);
    let header = |asked: &crate::support::receiver::Asked, name: &str| {
        asked.head.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned()
    };
    assert_eq!(header(&asked[1], "webhook-id: "), header(&asked[2], "webhook-id: "));
    assert_eq!(asked.iter().map(|asked| asked.connection).collect::<Vec<_>>(), [0, 0, 0]);
}
