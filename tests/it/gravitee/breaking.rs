//! Links that break, and links that seem not to have.

use std::time::Duration;

use aboard::gravitee::channel::State;
use serde_json::json;

use super::agent::{Agent, Dummy, settings};
use super::controller::{Controller, Order, Rules};
use super::record::Seen;

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_frame_is_made_anew() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::on(&controller.endpoint());
    for count in 1..=3 {
        controller.wait_for_agent(count);
        controller.order(Order::ResetInFrame);
    }
    controller.wait_for_agent(4);
    controller.ask("DISCOVER", json!({}));
    assert!(agent.wait_connected().last_error.is_some());
    controller.record().assert_proper();
}

#[test]
fn a_link_on_which_nothing_is_heard_is_given_up() {
    let controller = Controller::start(Rules::default());
    let mut settings = settings(&[controller.endpoint()]);
    settings.limits.silence = Duration::from_millis(600);
    let agent = Agent::start(settings, Dummy::default());
    controller.wait_for_agent(1);
    let before = agent.wait_connected().since;
    controller.order(Order::Freeze);
    controller.wait_for_agent(2);
    let status = agent.wait("connected again", |status| status.state == State::Connected && status.since > before);
    assert_eq!(status.last_error.as_deref(), Some("nothing was heard from the server for 0.6 s"));
    assert!(status.since - before >= chrono::TimeDelta::milliseconds(500));
}

#[test]
fn a_link_that_takes_nothing_of_a_chunk_is_given_up_and_the_chunk_sent_over_the_next() {
    let controller = Controller::start(Rules::default());
    let mut settings = settings(&[controller.endpoint()]);
    settings.limits.silence = Duration::from_millis(600);
    settings.limits.ingest_delay = Duration::from_millis(1);
    // More than the buffers of a loopback connection hold.
    let agent = Agent::start(settings, Dummy { apis: 1, document: "x".repeat(12_000_000), ..Dummy::default() });
    controller.ask("START_INGEST", json!({ "ingestJobId": "job-1" }));
    controller.order(Order::Freeze);
    assert!(agent.handler.settled().is_ok());
    assert_eq!(controller.stored(), 1);
    controller.record().assert_proper();
}

#[test]
fn a_quiet_link_that_answers_pings_stays() {
    // Nothing but pongs comes from this server for a long time.
    let quiet = Duration::from_hours(1);
    let controller = Controller::start(Rules { health_every: quiet, ping_every: quiet, ..Rules::default() });
    let mut settings = settings(&[controller.endpoint()]);
    settings.limits.silence = Duration::from_millis(600);
    let _agent = Agent::start(settings, Dummy::default());
    controller.record().wait_for("pings", 20, |seen| matches!(seen, Seen::Ping));
    assert_eq!(controller.upgrades().len(), 1);
}
