//! Webhooks as the libraries of Standard Webhooks and `CloudEvents` see them.

use std::collections::BTreeSet;
use std::fmt::Write;

use aboard::targets::{Effect, Verdict};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Forgetful, deliver, delivery, failure, target};
use crate::support::Home;
use crate::support::receiver::Verifier;
use crate::support::shop::{self, connection, open_with};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[tokio::test]
async fn an_event_is_verified_and_parsed_by_other_peoples_libraries() {
    let verifier = Verifier::knowing(&[OLD]);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, OLD).unwrap();
    let target = target("webhook", &format!("url = \"{}\"\nsecret = \"file:{}\"", verifier.url(), secret.display()));
    assert_eq!(deliver(&*target).await, Verdict::Delivered(None));

    let sent = delivery("ordersapi1");
    let event = verifier.seen(1).remove(0);
    assert_eq!((&event["verified"], &event["error"]), (&json!([true]), &Value::Null), "{event}");
    assert_eq!(event["headers"]["content-type"], "application/cloudevents+json; charset=utf-8");
    assert_eq!(event["headers"]["webhook-id"], sent.key);
    let attributes = &event["attributes"];
    for (name, value) in [
        ("specversion", "1.0"),
        ("id", sent.key.as_str()),
        ("source", "/aboard/connections/payments"),
        ("type", "aboard.api.onboarded"),
        ("subject", "arn:aws:apigateway:eu-west-1::/restapis/ordersapi1"),
        ("datacontenttype", "application/json"),
        ("partitionkey", "111122223333/eu-west-1/ordersapi1"),
        ("sequence", "0000000001"),
    ] {
        assert_eq!(attributes[name], value, "{attributes}");
    }
    assert_eq!(event["data"]["api"], serde_json::to_value(&sent.notice.api).unwrap());
}

#[tokio::test]
async fn while_a_secret_is_rotated_receivers_with_the_old_and_with_the_new_one_both_verify() {
    let (old, new) = (Verifier::knowing(&[OLD]), Verifier::knowing(&[NEW]));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, secret: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, secret).unwrap();
        path.display().to_string()
    };
    let secrets = format!("secret = [\"file:{}\", \"file:{}\"]", write("new", NEW), write("old", OLD));
    for verifier in [&old, &new] {
        let target = target("webhook", &format!("url = \"{}\"\n{secrets}", verifier.url()));
        assert_eq!(deliver(&*target).await, Verdict::Delivered(None));
        assert_eq!(verifier.seen(1)[0]["verified"], json!([true]));
    }

    // The same target, without being opened anew.
    let one = target("webhook", &format!("url = \"{}\"\nsecret = \"file:{}\"", new.url(), write("one", OLD)));
    let refused = failure(&*one).await;
    assert_eq!((refused.status, refused.effect), (Some(400), Effect::Retry));
    write("one", NEW);
    assert_eq!(deliver(&*one).await, Verdict::Delivered(None));
}

#[tokio::test]
async fn deliveries_side_by_side_are_each_signed_for_themselves() {
    let verifier = Verifier::knowing(&[OLD]);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, OLD).unwrap();
    let target = target("webhook", &format!("url = \"{}\"\nsecret = \"file:{}\"", verifier.url(), secret.display()));
    let deliveries: Vec<_> = (0..40).map(|number| delivery(&format!("api{number}"))).collect();
    let verdicts = target.deliver(&deliveries, &Forgetful).await;
    assert_eq!(verdicts, vec![Verdict::Delivered(None); 40]);
    let keys: BTreeSet<String> = verifier.seen(40).iter().map(|event| event["attributes"]["id"].to_string()).collect();
    assert_eq!(keys.len(), 40);
}

fn home_of(verifier: &Verifier) -> (aboard_simulator::Simulator, Home) {
    let text = format!(
        "[limits]\nrequests_per_second = 0\n[targets.catalog.webhook]\nurl = \"{}\"\nsecret = \"file:secret\"\n{}",
        verifier.url(),
        connection("shop", "regions = [\"eu-west-1\"]")
    );
    let (sim, home) = open_with(shop::stocked(), &text);
    home.write("secret", OLD);
    (sim, home)
}

#[test]
fn onboarding_sends_one_verified_event_for_each_api_and_none_again() {
    let verifier = Verifier::knowing(&[OLD]);
    let (_sim, home) = home_of(&verifier);
    home.ok(&["onboard", "shop"]);
    home.ok(&["onboard", "shop"]);
    let seen = verifier.seen(3);
    let mut ids: Vec<&str> = seen.iter().map(|event| event["data"]["api"]["api_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["basketapi1", "ordersapi1", "pricesapi1"], "{seen:#?}");
    for event in &seen {
        assert_eq!((&event["verified"], &event["error"]), (&json!([true]), &Value::Null), "{event}");
        assert_eq!(event["attributes"]["type"], "aboard.api.onboarded");
        assert_eq!(event["data"]["target"], "catalog");
        assert!(!event["data"]["instances"].as_array().unwrap().is_empty(), "{event}");
        assert!(event["bytes"].as_u64().unwrap() < 3_000, "{event}");
        let specification = &event["data"]["specifications"][0];
        let (api, stage) = (&event["data"]["api"]["api_id"], &specification["stage"]);
        let document = home.ok(&["spec", api.as_str().unwrap(), "--stage", stage.as_str().unwrap()]).stdout;
        let digest = Sha256::digest(&document).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        assert_eq!(specification["digest"], format!("sha256:{digest}"), "{event}");
        assert_eq!(specification["bytes"], document.len(), "{event}");
    }
    let states = home.json(&["deliveries"]);
    let states: Vec<&Value> = states.as_array().unwrap().iter().map(|delivery| &delivery["state"]).collect();
    assert_eq!(states, ["delivered"; 3]);
}

#[test]
fn a_test_sends_a_signed_event_that_is_marked_and_takes_a_new_secret_at_once() {
    let verifier = Verifier::knowing(&[OLD, NEW]);
    let (_sim, home) = home_of(&verifier);
    let said = home.ok(&["targets", "test", "catalog"]).stdout;
    let place = verifier.url().replace("/hooks", "");
    assert_eq!(said, format!("catalog: works: {place} answered 204 No Content to a signed test event\n"));
    home.write("secret", NEW);
    home.ok(&["targets", "test", "catalog"]);
    let seen = verifier.seen(2);
    assert_eq!([&seen[0]["verified"], &seen[1]["verified"]], [&json!([true, false]), &json!([false, true])]);
    for event in &seen {
        assert_eq!(
            (&event["attributes"]["type"], &event["data"]["test"]),
            (&json!("aboard.test"), &json!(true)),
            "{event}"
        );
    }
    home.write("secret", "hunter2");
    let said = home.run(&["targets", "test", "catalog"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("secret holds no webhook secret, which is whsec_"), "{said:?}");
    assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
}
