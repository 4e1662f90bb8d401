//! What a person reads where the server does not do as it is asked.

use serde_json::json;

use super::{SHOP, deliveries, id, integration, open, shop_of, wait_until_all_are};
use crate::support::management::{INTEGRATION, Management};
use crate::support::shop::{connection, open_with};
use crate::support::{CANARY, Home};

/// What `targets test` says, without where.
fn tested(home: &Home, management: &Management) -> (Option<i32>, String) {
    let said = home.run(&["targets", "test", "apim"]);
    assert!(!format!("{said:?}").contains(CANARY), "{said:?}");
    (said.code, said.stdout.replace(&format!("http://127.0.0.1:{}", management.port()), "SERVER"))
}

#[test]
fn a_test_reads_the_integration_and_says_what_that_does_not_show() {
    let management = Management::start();
    let (_sim, home) = open(shop_of(1), &management, "");
    let shows = |agent: &str| {
        let said = format!(
            "apim: works: SERVER knows the integration AWS production, and {agent}; nothing was ingested, so it was not tried whether \
             the token may create APIs\n"
        );
        (Some(0), said)
    };
    assert_eq!(tested(&home, &management), shows("its agent is connected"));
    management.agent_is_connected(false);
    assert_eq!(tested(&home, &management), shows("no agent is connected now"));
    assert_eq!(management.taken(), Vec::<Vec<String>>::new());
}

#[test]
fn each_refusal_has_a_sentence_on_what_to_do() {
    let management = Management::start();
    let (_sim, home) = open(shop_of(1), &management, "");
    for (status, body, said) in [
        ("401 Unauthorized", "", "answered 401 Unauthorized; the token is not known there, or has expired"),
        (
            "403 Forbidden",
            r#"{"httpStatus":403,"message":"not allowed"}"#,
            "answered 403 Forbidden: {\"httpStatus\":403,\"message\":\"not allowed\"}; the token's user needs a role in the environment test that \
             may read integrations and create APIs, which that of an agent may not; or the licence has no federation",
        ),
        (
            "404 Not Found",
            r#"{"message":"Integration not found"}"#,
            "answered 404 Not Found: {\"message\":\"Integration not found\"}; are url, organization, environment and integration_id right? The \
             integration may have been deleted",
        ),
        ("500 Internal Server Error", "canary-5f1b0c9e7d2a", "answered 500 Internal Server Error: ***"),
        (
            "301 Moved\r\nlocation: /x",
            "",
            "answered 301 Moved Permanently; redirects are not followed: name the address that it leads to as url",
        ),
    ] {
        management.falls_ill(status, body);
        let wanted = format!("apim: failed: reading the integration: SERVER {said}\n");
        assert_eq!(tested(&home, &management), (Some(1), wanted));
    }
    management.falls_ill("200 OK", "<html>the console</html>");
    let (code, said) = tested(&home, &management);
    assert_eq!(code, Some(1));
    assert!(said.contains("is the url that of the API, and not of the console?"), "{said}");
    home.write("schedules.toml", &super::schedules(&management, "").replace(INTEGRATION, "another"));
    management.recovers();
    assert!(tested(&home, &management).1.contains("integration_id right?"));
}

#[test]
fn nothing_is_asked_for_without_an_agent_or_beside_another_ingest() {
    let management = Management::start();
    let (_sim, home) = open(shop_of(2), &management, "");
    management.agent_is_connected(false);
    home.ok(&["onboard", "shop"]);
    let waiting = |said: &str| {
        let rows = deliveries(&home);
        assert!(rows.len() == 2 && rows.iter().all(|(state, why)| state == "queued" && why.contains(said)), "{rows:?}");
        assert_eq!(management.taken(), Vec::<Vec<String>>::new());
    };
    waiting("says that no agent is connected for the integration, so nothing can be ingested");
    management.agent_is_connected(true);
    management.is_busy(true);
    home.ok(&["onboard", "shop"]);
    waiting("another ingest of the integration is under way; this one is asked for after it");
    management.is_busy(false);
    for (status, body, said) in [
        ("409 Conflict", json!({ "message": "busy" }), "asking for the ingest: "),
        ("403 Forbidden", json!({}), "may read integrations and create APIs"),
        ("200 OK", json!({ "status": "ERROR", "message": "no luck" }), "answered with the status ERROR: no luck"),
    ] {
        management.says_to_an_ingest(status, body);
        home.ok(&["onboard", "shop"]);
        let rows = deliveries(&home);
        assert!(rows.iter().all(|(state, why)| state == "queued" && why.contains(said)), "{rows:?}");
    }
    management.says_to_an_ingest("200 OK", json!({ "status": "SUCCESS" }));
    home.ok(&["onboard", "shop"]);
    let both = [id("shopapi0000", "prod"), id("shopapi0001", "prod")];
    assert_eq!(management.taken().last().unwrap(), &both);
    assert!(deliveries(&home).iter().all(|(state, _)| state == "delivered"));
}

#[test]
fn a_token_is_read_anew_for_each_attempt() {
    let management = Management::start();
    let apim = integration(&management, "", "").replace(
        "organization = \"acme\"\nenvironment = \"test\"\ntoken = \"env:SECRET\"",
        "organization = \"acme\"\nenvironment = \"test\"\ntoken = \"file:token\"",
    );
    let file = format!("[limits]\nrequests_per_second = 0\n{apim}{}", connection("shop", SHOP));
    let (_sim, home) = open_with(shop_of(1), &file);
    home.write("token", "of-yesterday");
    let mut worker = home.start(&["-v", "run"]);
    worker.wait_until_said("following");
    home.ok(&["onboard", "shop"]);
    worker.wait_until_said("401 Unauthorized");
    home.write("token", CANARY);
    wait_until_all_are(&home, "delivered", 1);
    worker.stop();
    assert_eq!(management.taken(), [[id("shopapi0000", "prod")]]);
}

#[test]
fn what_was_refused_is_asked_for_together_whatever_each_waits_for() {
    let management = Management::start();
    let (_sim, home) = open(shop_of(5), &management, "");
    let patient =
        super::schedules(&management, "").replace("first = \"1ms\", max = \"20ms\"", "first = \"1h\", max = \"1h\"");
    home.write("schedules.toml", &patient);
    management.agent_is_connected(false);
    home.ok(&["onboard", "shop"]);
    management.agent_is_connected(true);
    home.ok(&["onboard", "shop"]);
    assert_eq!(management.taken(), Vec::<Vec<String>>::new(), "an hour is not over");
    home.ok(&["deliveries", "retry", "3"]);
    let taken = management.taken();
    assert_eq!((taken.len(), taken[0].len()), (1, 5), "{taken:?}");
}
