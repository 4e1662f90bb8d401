//! Ingests: chunks of any size, lost and late replies, old servers.

use std::time::Duration;

use aboard::gravitee::channel::{ChannelError, Limits};
use aboard::gravitee::ingest::{Chunks, Sizes};
use aboard::gravitee::model::Api;
use serde_json::json;

use super::agent::{Agent, Dummy, settings};
use super::controller::{Controller, Ingesting, Rules};
use super::record::{Ingested, Seen};

/// Starts an ingest and waits for its last chunk.
fn ingest(controller: &Controller, job: &str) -> Vec<Ingested> {
    controller.ask("START_INGEST", json!({ "ingestJobId": job, "apiIds": [] }));
    controller.record().wait_for(
        "the last chunk",
        1,
        |seen| matches!(seen, Seen::Ingest(chunk) if chunk.job == job && chunk.done),
    );
    controller.record().ingested()
}

/// What became of the agent's ingest.
fn settled(agent: &Agent) -> Result<(), String> {
    agent.handler.settled().map_err(|error| error.to_string())
}

#[test]
fn what_was_discovered_is_ingested_in_chunks_of_which_only_the_last_is_done() {
    let controller = Controller::start(Rules { old: true, ..Rules::default() });
    let dummy = Dummy { apis: 7, sizes: Sizes { apis: 3, ..Sizes::default() }, ..Dummy::default() };
    let agent = Agent::start(settings(&[controller.endpoint()]), dummy);
    let discovered = controller.ask("DISCOVER", json!({}));
    assert_eq!(discovered["isPartialDiscovery"], false);
    assert_eq!(discovered["apis"][6]["id"], "api-0006");
    assert_eq!(discovered["apis"][6]["uniqueId"], "u;;api-0006");
    let chunks = ingest(&controller, "job;;1");
    assert_eq!(
        chunks.iter().map(|chunk| (chunk.ids.len(), chunk.done)).collect::<Vec<_>>(),
        [(3, false), (3, false), (1, true)]
    );
    assert!(settled(&agent).is_ok());
    assert_eq!(controller.stored(), 7);
    // Their documents hold `;;`, and this server splits at it.
    controller.record().assert_proper();
}

#[test]
fn fifteen_hundred_apis_with_a_megabyte_each_arrive() {
    let controller = Controller::start(Rules { reply_within: Duration::from_mins(1), ..Rules::default() });
    // Mostly plain words: what is measured is not how fast a build without optimisation escapes quotes.
    let line = format!("{}\"a\";;\n", "words that fill most of what a specification is ".repeat(40));
    let dummy = Dummy { apis: 1500, document: line.repeat(1_000_000 / line.len() + 1), ..Dummy::default() };
    assert!(dummy.document.len() >= 1_000_000);
    let agent = Agent::start(settings(&[controller.endpoint()]), dummy);
    let chunks = ingest(&controller, "job-1");
    assert!(settled(&agent).is_ok());
    assert_eq!(controller.stored(), 1500);
    let sizes = Sizes::default();
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.known && chunk.bytes <= sizes.bytes + Sizes::ENVELOPE && chunk.ids.len() <= sizes.apis)
    );
    assert_eq!(chunks.iter().map(|chunk| chunk.ids.len()).sum::<usize>(), 1500);
    assert_eq!(chunks.iter().filter(|chunk| chunk.done).count(), 1);
    // Health checks were answered all the while, in time.
    assert!(!controller.record().all().iter().any(|(_, _, seen)| matches!(seen, Seen::NoReply { .. })));
    assert_eq!(controller.upgrades().len(), 1);
    controller.record().assert_proper();
}

#[test]
fn the_first_chunk_waits_until_the_server_has_made_the_job() {
    let controller = Controller::start(Rules { job_after: Duration::from_millis(500), ..Rules::default() });
    let mut settings = settings(&[controller.endpoint()]);
    settings.limits.ingest_delay = Limits::default().ingest_delay;
    let _agent = Agent::start(settings, Dummy::default());
    let chunks = ingest(&controller, "job-1");
    assert!(chunks.iter().all(|chunk| chunk.known), "{chunks:?}");
    assert_eq!(controller.stored(), 3);
}

#[test]
fn an_ingest_of_nothing_sends_nothing() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::start(settings(&[controller.endpoint()]), Dummy { apis: 0, ..Dummy::default() });
    assert_eq!(controller.ask("START_INGEST", json!({ "ingestJobId": "job-1" }))["total"], 0);
    controller.reply("health-0-4").unwrap();
    assert_eq!(agent.handler.asked(), ["start_ingest job-1"]);
    assert!(controller.record().ingested().is_empty());
}

#[test]
fn a_chunk_whose_reply_was_lost_is_sent_again_over_the_next_connection() {
    let controller = Controller::start(Rules {
        ingests: [Ingesting::TakeAndReset, Ingesting::TakeAndReset].into(),
        ..Rules::default()
    });
    let dummy = Dummy { apis: 4, sizes: Sizes { apis: 2, ..Sizes::default() }, ..Dummy::default() };
    let agent = Agent::start(settings(&[controller.endpoint()]), dummy);
    controller.ask("START_INGEST", json!({ "ingestJobId": "job-1" }));
    assert!(settled(&agent).is_ok());
    let chunks = controller.record().ingested();
    assert_eq!(chunks.len(), 4);
    assert!(chunks[0] == chunks[1] && chunks[1] == chunks[2] && chunks[3].done);
    assert_eq!((controller.stored(), controller.upgrades().len()), (4, 3));
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_chunk_is_made_anew_and_the_chunk_sent_whole() {
    let controller = Controller::start(Rules::default());
    let agent =
        Agent::start(settings(&[controller.endpoint()]), Dummy { document: "x;;".repeat(400_000), ..Dummy::default() });
    controller.wait_for_agent(1);
    controller.rules(|rules| rules.cut_after = Some(700_000));
    controller.ask("START_INGEST", json!({ "ingestJobId": "job-1" }));
    controller.record().wait_for("the break", 1, |seen| matches!(seen, Seen::Gone));
    controller.rules(|rules| rules.cut_after = None);
    assert!(settled(&agent).is_ok());
    assert_eq!(controller.stored(), 3);
    controller.record().assert_proper();
}

#[test]
fn a_reply_that_comes_too_late_is_not_waited_for_and_not_mistaken_for_the_next() {
    let rules = Rules { ingests: [Ingesting::Late(Duration::from_millis(400))].into(), ..Rules::default() };
    let controller = Controller::start(rules);
    let mut settings = settings(&[controller.endpoint()]);
    settings.limits.reply = Duration::from_millis(200);
    let agent = Agent::start(settings, Dummy::default());
    controller.ask("START_INGEST", json!({ "ingestJobId": "job-1" }));
    assert!(settled(&agent).is_ok());
    assert_eq!(controller.record().ingested().len(), 2);
    assert_eq!(controller.upgrades().len(), 1);
}

#[test]
fn a_chunk_that_the_server_refuses_is_not_sent_again() {
    let controller =
        Controller::start(Rules { ingests: [Ingesting::Refuse("no such integration")].into(), ..Rules::default() });
    let agent = Agent::on(&controller.endpoint());
    controller.ask("START_INGEST", json!({ "ingestJobId": "job-1" }));
    assert_eq!(settled(&agent), Err("Gravitee refuses: no such integration".to_owned()));
    assert_eq!(controller.record().ingested().len(), 1);
}

#[test]
fn a_chunk_that_is_too_large_for_a_message_is_an_error_before_anything_is_sent() {
    let controller = Controller::start(Rules::default());
    let agent = Agent::on(&controller.endpoint());
    agent.wait_connected();
    let mut chunks = Chunks::new("job-1", Sizes { api: usize::MAX, ..Sizes::default() });
    let large = Api { description: Some("x".repeat(13_107_200)), ..Api::default() };
    chunks.push(&large).unwrap();
    let error = agent.block_on(agent.channel.ingest(&chunks.finish())).unwrap_err();
    assert!(matches!(error, ChannelError::NotSent(_)), "{error}");
    assert!(error.to_string().ends_with("and 13107200 is the most that the server accepts"), "{error}");
    controller.ask("DISCOVER", json!({}));
    assert_eq!(controller.upgrades().len(), 1);
    controller.record().assert_proper();
}

#[test]
fn an_unsubscribe_is_answered_while_an_ingest_waits_for_its_reply() {
    let subscription = json!({ "graviteeSubscriptionId": "s1", "metadata": { "aws-api-key-id": "k1" } });
    let payload = json!({ "apiId": "api-0000", "subscription": subscription });
    let rules = Rules { ingests: [Ingesting::UnsubscribeFirst(payload)].into(), ..Rules::default() };
    let controller = Controller::start(rules);
    let agent = Agent::on(&controller.endpoint());
    controller.ask("START_INGEST", json!({ "ingestJobId": "job-1" }));
    assert_eq!(controller.reply("server-unsubscribe").unwrap()["payload"], json!({}));
    assert!(settled(&agent).is_ok());
    assert_eq!(agent.handler.asked(), ["start_ingest job-1", "ingest job-1", "unsubscribe k1"]);
    assert_eq!(controller.record().ingested().len(), 1);
    controller.record().assert_proper();
}

#[test]
fn without_a_connection_a_chunk_is_not_sent_and_one_that_waits_hears_of_the_end() {
    let controller = Controller::start(Rules { answers: vec![410; 1000].into(), ..Rules::default() });
    let mut agent = Agent::on(&controller.endpoint());
    let chunk = Chunks::new("job-1", Sizes::default()).finish();
    assert!(matches!(agent.block_on(agent.channel.ingest(&chunk)), Err(ChannelError::NotConnected)));
    let resend = aboard::gravitee::channel::Resend { attempts: 3, within: Duration::from_millis(50) };
    assert!(matches!(agent.block_on(agent.channel.ingest_surely(&chunk, resend)), Err(ChannelError::NotConnected)));
    let channel = agent.channel.clone();
    let waiting = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(channel.ingest_surely(&chunk, aboard::gravitee::channel::Resend::default()))
    });
    agent.end();
    assert!(matches!(waiting.join().unwrap(), Err(ChannelError::Stopped)));
}
