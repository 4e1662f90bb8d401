//! Subscriptions: what is given, and what becomes of it when nobody hears of it.

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::agent::{Agent, Dummy, settings};
use super::controller::{Controller, Order, Rules};

fn subscribe(api: &str, id: &str) -> Value {
    let metadata = json!({ "planId": "up1", "url": "https://x", "gone": null });
    let subscription = json!({
        "graviteeSubscriptionId": id, "graviteeApplicationId": "app1", "graviteeApplicationName": "App", "type": "API_KEY", "metadata": metadata
    });
    json!({ "apiId": api, "subscription": subscription })
}

#[test]
fn a_subscription_is_made_and_ended() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::on(&controller.endpoint());
    let given = controller.ask("SUBSCRIBE", subscribe("api-0001", "s1"));
    let expected =
        json!({ "graviteeSubscriptionId": "s1", "metadata": { "aws-api-key-id": "k1" }, "apiKey": "key of s1" });
    assert_eq!(given, json!({ "subscription": expected }));
    let refused = controller.reply(&controller.send("SUBSCRIBE", subscribe("none", "s2"))).unwrap();
    assert_eq!(
        (&refused["commandStatus"], &refused["errorDetails"]),
        (&json!("ERROR"), &json!("there is no such API"))
    );
    assert_eq!(refused.get("payload"), None);
    let subscription = json!({ "graviteeSubscriptionId": "s1", "metadata": { "aws-api-key-id": "k1" } });
    assert_eq!(controller.ask("UNSUBSCRIBE", json!({ "apiId": "api-0001", "subscription": subscription })), json!({}));
    assert_eq!(agent.handler.asked(), ["subscribe s1", "subscribe s2", "unsubscribe k1"]);
    controller.record().assert_proper();
}

#[test]
fn commands_are_worked_on_side_by_side() {
    let controller = Controller::start(Rules::default());
    let dummy = Dummy { subscribe_gate: Semaphore::new(0), ..Dummy::default() };
    let agent = Agent::start(settings(&[controller.endpoint()]), dummy);
    let waiting = controller.send("SUBSCRIBE", subscribe("api-0001", "s1"));
    controller.ask("DISCOVER", json!({}));
    agent.handler.subscribe_gate.add_permits(1);
    assert_eq!(controller.reply(&waiting).unwrap()["commandStatus"], "SUCCEEDED");
}

#[test]
fn what_is_too_much_at_once_waits_and_what_is_more_is_refused() {
    let controller = Controller::start(Rules::default());
    let dummy = Dummy { subscribe_gate: Semaphore::new(0), ..Dummy::default() };
    let mut settings = settings(&[controller.endpoint()]);
    (settings.limits.commands_in_flight, settings.limits.commands_waiting) = (2, 1);
    let agent = Agent::start(settings, dummy);
    let asked: Vec<String> =
        (1..=3).map(|number| controller.send("SUBSCRIBE", subscribe("a", &number.to_string()))).collect();
    let refused = controller.reply(&controller.send("SUBSCRIBE", subscribe("a", "4"))).unwrap();
    assert_eq!(refused["errorDetails"], "the agent has too many commands to deal with");
    // Health checks are none of them.
    controller.reply("health-0-2").unwrap();
    assert_eq!(agent.handler.asked().len(), 2);
    agent.handler.subscribe_gate.add_permits(3);
    assert!(asked.iter().all(|id| controller.reply(id).unwrap()["commandStatus"] == "SUCCEEDED"));
}

#[test]
fn what_was_given_over_a_connection_that_went_is_taken_back() {
    let controller = Controller::start(Rules::default());
    let dummy = Dummy { subscribe_gate: Semaphore::new(0), ..Dummy::default() };
    let agent = Agent::start(settings(&[controller.endpoint()]), dummy);
    controller.send("SUBSCRIBE", subscribe("api-0001", "s1"));
    controller.reply("health-0-1").unwrap();
    controller.order(Order::ResetInFrame);
    controller.wait_for_agent(2);
    agent.handler.subscribe_gate.add_permits(1);
    agent.handler.wait_for("take back s1");
}

#[test]
fn what_was_given_too_late_is_taken_back() {
    let rules = Rules { reply_within: std::time::Duration::from_millis(800), ..Rules::default() };
    let controller = Controller::start(rules);
    let dummy = Dummy { subscribe_gate: Semaphore::new(0), ..Dummy::default() };
    let mut settings = settings(&[controller.endpoint()]);
    settings.limits.reply = std::time::Duration::from_millis(300);
    let agent = Agent::start(settings, dummy);
    let asked = controller.send("SUBSCRIBE", subscribe("api-0001", "s1"));
    assert!(controller.reply(&asked).is_err());
    agent.handler.subscribe_gate.add_permits(1);
    agent.handler.wait_for("take back s1");
}
