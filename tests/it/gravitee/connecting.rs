//! Connecting: upgrade, hello, status, and how often it is tried again.

use std::time::Duration;

use aboard::config::{SecretRef, Value};
use aboard::gravitee::channel::{Endpoint, State};
use serde_json::json;

use super::agent::{Agent, Dummy, settings};
use super::controller::{Controller, Hello, Order, Rules};
use super::record::Seen;

fn closed(code: u16) -> impl Fn(&Seen) -> bool {
    move |seen| matches!(seen, Seen::Closed { code: with } if *with == code)
}

#[test]
fn an_agent_says_which_integration_it_serves_and_answers_what_it_is_told() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::on(&controller.endpoint());
    let status = agent.wait("primary", |status| status.primary == Some(true));
    assert_eq!((status.state, status.attempts, status.last_error), (State::Connected, 0, None));
    assert_eq!(status.endpoint, Some(controller.endpoint()));
    let Seen::Upgrade { path, headers, .. } =
        controller.record().wait_for("an upgrade", 1, |seen| matches!(seen, Seen::Upgrade { .. }))
    else {
        panic!()
    };
    assert_eq!(path, "/integration-controller/exchange/controller");
    assert_eq!(headers["authorization"], "bearer test-token");
    assert_eq!(headers["host"], format!("127.0.0.1:{}", controller.port()));
    controller.record().wait_for("its hello", 1, |seen| {
        matches!(seen, Seen::Hello { payload, accepted: true }
            if *payload == json!({ "targetId": "c5537ce6-5746-4497-937c-e65746a4973e", "provider": "aws-api-gateway" }))
    });
    assert_eq!(controller.reply("primary-0").unwrap()["payload"], json!({}));
    assert_eq!(controller.reply("health-0-3").unwrap()["payload"], json!({ "healthy": true }));
    controller.record().wait_for("two pings of the agent's", 2, |seen| matches!(seen, Seen::Ping));
    controller.record().wait_for("two pongs", 2, |seen| matches!(seen, Seen::Pong));
    controller.send("PRIMARY", json!({ "primary": false }));
    agent.wait("not primary", |status| status.primary == Some(false));
    controller.record().assert_proper();
}

#[test]
fn what_is_unknown_or_unreadable_is_answered_and_the_connection_stays() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::on(&controller.endpoint());
    let unknown = controller.reply(&controller.send("SING", json!({ "song": 1 }))).unwrap();
    assert_eq!((&unknown["type"], &unknown["errorDetails"]), (&json!("UNKNOWN"), &json!("Command unknown")));
    let stranger = controller.reply(&controller.send("INGEST", json!({}))).unwrap();
    assert_eq!((&stranger["type"], &stranger["commandStatus"]), (&json!("NO_REPLY"), &json!("ERROR")));
    let broken = controller.reply(&controller.send("SUBSCRIBE", json!({ "apiId": 7 }))).unwrap();
    assert_eq!(broken["type"], "SUBSCRIBE");
    assert!(broken["errorDetails"].as_str().unwrap().contains("cannot be read"), "{broken}");
    for bytes in [&b""[..], b"t:COMMAND;;et:DISCOVER;;e:{\"id\":", b"t:REPLY;;e:{\"commandId\":\"nobody's\"}"] {
        controller.order(Order::Bytes(bytes.to_vec()));
    }
    // A large one comes in many frames.
    let large = json!({ "ingestJobId": "j".repeat(300_000), "unheard": "x;;y" });
    assert_eq!(controller.ask("START_INGEST", large)["total"], 3);
    assert_eq!(agent.wait_connected().attempts, 0);
    assert_eq!(controller.upgrades().len(), 1);
    controller.record().assert_proper();
}

#[test]
fn what_no_peer_may_send_ends_the_connection_with_its_code_and_it_is_made_anew() {
    let controller = Controller::start(Rules::default());
    let _agent = Agent::on(&controller.endpoint());
    let mut count = 0;
    for (order, code) in [
        (Order::Text("t:COMMAND;;e:{}"), 1003),
        (Order::Bytes(b"t:SHOUT;;e:{}".to_vec()), 1002),
        (Order::Bytes(b"primary: true".to_vec()), 1002),
        (Order::Bytes(b"t:COMMAND;;et:DISCOVER".to_vec()), 1002),
        (Order::Bytes(b"t:COMMAND;;e:\xff".to_vec()), 1002),
    ] {
        count += 1;
        controller.wait_for_agent(count);
        let before = controller.record().all().len();
        controller.order(order);
        controller
            .record()
            .wait("a close", |all| all[before..].iter().find(|(_, _, seen)| closed(code)(seen)).map(|_| ()));
    }
    controller.wait_for_agent(count + 1);
}

#[test]
fn a_message_that_is_too_large_ends_the_connection() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::on(&controller.endpoint());
    controller.order(Order::Bytes(vec![b' '; 13_107_201]));
    // The controller may be writing still when it is closed, and see no more than that.
    controller.wait_for_agent(2);
    let status = agent.wait_connected();
    assert_eq!(status.last_error.as_deref(), Some("closed with 1009 (by us: Message too big)"));
}

#[test]
fn every_refused_upgrade_is_tried_again_after_a_longer_wait() {
    let rules = Rules { answers: [401, 404, 410, 500].into(), ..Rules::default() };
    let controller = Controller::start(rules);
    let agent = Agent::on(&controller.endpoint());
    agent.wait_connected();
    let upgrades = controller.upgrades();
    assert_eq!(upgrades.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [401, 404, 410, 500, 101]);
    let gaps: Vec<Duration> = upgrades.windows(2).map(|pair| pair[1].0.checked_sub(pair[0].0).unwrap()).collect();
    for (gap, wait) in gaps.iter().zip([80, 120, 180, 270]) {
        assert!(*gap >= Duration::from_millis(wait), "{gaps:?}");
    }
    let waits: Vec<_> = agent.history().iter().filter_map(|status| status.wait_ms).collect();
    assert_eq!(waits, [80, 120, 180, 270]);
    let errors: Vec<_> = agent.history().iter().filter_map(|status| status.last_error.clone()).collect();
    let told = |text: &str| errors.iter().any(|error| error.contains(text));
    assert!(
        told("status 401: it does not know the token") && told("404: nothing listens") && told("410: it is starting"),
        "{errors:?}"
    );
}

#[test]
fn a_token_that_is_exchanged_is_read_anew_for_the_next_attempt_and_never_shown() {
    let controller = Controller::start(Rules::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hunter2").unwrap();
    let mut settings = settings(&[controller.endpoint()]);
    settings.headers[0].value = Value::Ref(SecretRef::File(file.clone()));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let agent = Agent::start(settings, Dummy::default());
    let refused = agent.wait("refused twice", |status| status.attempts >= 2);
    assert!(refused.last_error.as_ref().unwrap().contains("401"), "{refused:?}");
    std::fs::remove_file(&file).unwrap();
    agent.wait("unreadable", |status| status.last_error.as_ref().is_some_and(|error| error.contains("cannot be read")));
    std::fs::write(&file, "test-token\n").unwrap();
    agent.wait_connected();
    assert!(!format!("{:?}", agent.history()).contains("hunter2"));
}

#[test]
fn a_refused_hello_is_said_again_slowly() {
    let rules =
        Rules { hellos: [Hello::Refuse("the database is away\n"), Hello::Refuse("x")].into(), ..Rules::default() };
    let controller = Controller::start(rules);
    let agent = Agent::on(&controller.endpoint());
    agent.wait_connected();
    let waits: Vec<_> = agent.history().iter().filter_map(|status| status.wait_ms).collect();
    assert_eq!(waits, [300, 450]);
    let first = agent.history().into_iter().find(|status| status.state == State::Waiting).unwrap();
    assert_eq!(first.last_error.as_deref(), Some("the hello was refused: Gravitee refuses: the database is away"));
    let (second, third) = (controller.upgrades()[1].0, controller.upgrades()[2].0);
    assert!(second >= Duration::from_millis(300) && third.checked_sub(second).unwrap() >= Duration::from_millis(450));
    controller.record().wait_for("a close", 2, closed(1000));
    controller.record().assert_proper();
}

#[test]
fn an_unanswered_hello_and_another_integrations_are_told_apart() {
    let rules = Rules { hellos: [Hello::Silence].into(), ..Rules::default() };
    let controller = Controller::start(rules);
    let mut settings = settings(&[controller.endpoint()]);
    settings.provider = "solace".to_owned();
    settings.limits.reply = Duration::from_millis(200);
    let agent = Agent::start(settings, Dummy::default());
    agent.wait("no reply", |status| {
        status.last_error.as_deref() == Some("the server has not replied to the hello within 0.2 s")
    });
    agent.wait("refused", |status| {
        status.last_error.as_ref().is_some_and(|error| error.contains("Integration provider must be aws-api-gateway"))
    });
}

#[test]
fn endpoints_are_tried_in_turn_and_from_the_first_again_after_a_success() {
    let (first, second) = (Controller::start(Rules::default()), Controller::start(Rules::default()));
    first.rules(|rules| rules.answers = [410, 410].into());
    let agent = Agent::start(settings(&[first.endpoint(), second.endpoint()]), Dummy::default());
    assert_eq!(agent.wait_connected().endpoint, Some(second.endpoint()));
    // The first one's turn comes after the second went.
    second.order(Order::ResetInFrame);
    agent.wait("back on the second", |status| status.state == State::Connected && second.upgrades().len() == 2);
    assert_eq!(first.upgrades().len(), 2);
    second.order(Order::ResetInFrame);
    agent.wait("on the first", |status| status.state == State::Connected && status.endpoint == Some(first.endpoint()));
    assert_eq!((first.upgrades().len(), second.upgrades().len()), (3, 2));
    first.order(Order::ResetInFrame);
    agent.wait("on the first again", |status| status.state == State::Connected && first.upgrades().len() == 4);
    assert_eq!(second.upgrades().len(), 2);
}

#[test]
fn goodbye_with_reconnect_is_answered_by_a_close_with_1013_and_a_new_connection() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::on(&controller.endpoint());
    controller.wait_for_agent(1);
    let farewell = controller.send("GOOD_BYE", json!({ "targetId": "x", "reconnect": true }));
    controller.record().wait_for("a close", 1, closed(1013));
    controller.wait_for_agent(2);
    let status = agent.wait_connected();
    assert!(status.last_goodbye.unwrap().reconnect);
    let waits: Vec<_> = agent.history().iter().filter_map(|status| status.wait_ms).collect();
    assert_eq!(waits, [80]);
    assert!(
        !controller.record().all().iter().any(|(_, _, seen)| matches!(seen, Seen::LateReply { id } if *id == farewell))
    );
    controller.record().assert_proper();
}

#[test]
fn goodbye_without_reconnect_and_a_close_with_1000_are_followed_by_a_slow_return() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::on(&controller.endpoint());
    controller.send("GOOD_BYE", json!({ "targetId": "x", "reconnect": false }));
    controller.record().wait_for("a close", 1, closed(1000));
    controller.wait_for_agent(2);
    assert!(!agent.wait_connected().last_goodbye.unwrap().reconnect);
    controller.order(Order::Close(1000, "maintenance"));
    controller.wait_for_agent(3);
    agent.wait_connected();
    let told: Vec<_> = agent.history().into_iter().filter(|status| status.state == State::Waiting).collect();
    assert_eq!(told[0].wait_ms, Some(300));
    assert_eq!((told[1].wait_ms, told[1].last_error.as_deref()), (Some(450), Some("closed with 1000 (maintenance)")));
    controller.order(Order::Close(1011, ""));
    controller.wait_for_agent(4);
    agent.wait_connected();
    assert_eq!(agent.history().iter().filter_map(|status| status.wait_ms).next_back(), Some(80));
}

#[test]
fn the_end_of_the_process_is_a_close_with_1000_after_what_is_under_way() {
    let controller = Controller::start(Rules::default());
    let dummy = Dummy { subscribe_gate: tokio::sync::Semaphore::new(0), ..Dummy::default() };
    let mut agent = Agent::start(settings(&[controller.endpoint()]), dummy);
    let subscription = json!({ "graviteeSubscriptionId": "s1", "metadata": { "planId": "p" } });
    let asked = controller.send("SUBSCRIBE", json!({ "apiId": "a", "subscription": subscription }));
    agent.handler.wait_for("subscribe s1");
    agent.cancel();
    let late = controller.reply(&controller.send("DISCOVER", json!({}))).unwrap();
    assert_eq!(late["errorDetails"], "the agent is ending");
    agent.handler.subscribe_gate.add_permits(1);
    agent.end();
    assert_eq!(controller.reply(&asked).unwrap()["payload"]["subscription"]["apiKey"], "key of s1");
    controller.record().wait_for("a close", 1, closed(1000));
    assert_eq!(agent.channel.status().borrow().state, State::Stopped);
    assert_eq!(agent.handler.asked(), ["subscribe s1"]);
}

#[test]
fn without_an_endpoint_the_agent_says_so() {
    let mut agent = Agent::start(settings(&[]), Dummy::default());
    agent.wait("told", |status| status.last_error.as_deref() == Some("no endpoint is configured"));
    agent.end();
}

#[test]
fn a_host_that_does_not_answer_is_given_up_in_time() {
    // A listener that never accepts: the handshake of the upgrade is never answered.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("ws://localhost:{}", listener.local_addr().unwrap().port());
    assert!(Endpoint::parse(&endpoint).is_ok());
    let mut settings = settings(&[endpoint]);
    settings.limits.connect = Duration::from_millis(200);
    let agent = Agent::start(settings, Dummy::default());
    agent.wait("given up", |status| {
        status.last_error.as_deref() == Some("no connection within 0.2 s") && status.attempts >= 2
    });
}
