//! How deliveries end, and what a person sees of it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::json;

use super::{Event, open, schedules, states, worker};
use crate::support::receiver::{Does, Receiver};
use crate::support::shop::meddle;

/// A receiver whose answer can be changed.
fn answering(statuses: &'static [&'static str]) -> (Receiver, Arc<AtomicUsize>) {
    let which = Arc::new(AtomicUsize::new(0));
    let chosen = Arc::clone(&which);
    (Receiver::that(move |_, _| Does::answers(statuses[chosen.load(SeqCst)])), which)
}

#[test]
fn a_command_makes_the_first_attempts_and_leaves_what_fails_queued() {
    let (receiver, which) = answering(&["500 Internal Server Error", "204 No Content"]);
    let (_sim, home) = open(3, &[("catalog", &receiver)], "");
    let said = home.ok(&["onboard", "shop"]).stdout;
    assert!(said.contains("catalog: 3 failed, tried again from "), "{said}");
    assert!(said.contains("500"), "{said}");
    assert_eq!(states(&home)["queued"], 3);
    which.store(1, SeqCst);
    let printed = home.json(&["onboard", "shop"]);
    assert_eq!(printed["targets"]["catalog"]["delivered"], 3, "{printed}");
    assert_eq!(states(&home)["delivered"], 3);
}

#[test]
fn what_is_given_up_is_loud_and_can_be_retried() {
    let (receiver, which) = answering(&["500 Internal Server Error", "204 No Content"]);
    let (_sim, home) = open(2, &[("catalog", &receiver)], "");
    let patient = "retry = { first = \"1ms\", max = \"20ms\", give_up = \"1h\" }";
    let hopeless = schedules(&[("catalog", &receiver)], "").replace(patient, "retry = { give_up = \"0s\" }");
    home.write("schedules.toml", &hopeless);
    let said = home.run(&["onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(
        said.stdout.contains("catalog: 2 given up (`aboard deliveries retry --dead` sends them again)"),
        "{said:?}"
    );
    assert!(said.stderr.contains("a delivery is given up"), "{said:?}");
    let dead = home.json(&["deliveries", "--state", "dead"]);
    assert_eq!(dead.as_array().unwrap().len(), 2);
    assert!(dead[0]["last_error"].as_str().unwrap().contains("500"), "{dead}");
    let number = dead[0]["delivery_id"].to_string();
    let one = home.ok(&["deliveries", &number]).stdout;
    assert!(one.contains("api.onboarded of 111122223333/eu-west-1/shopapi"), "{one}");
    assert!(one.contains("failed"), "{one}");

    which.store(1, SeqCst);
    let said = home.ok(&["deliveries", "retry", "--dead"]).stdout;
    assert!(said.contains("2 deliveries sent again") && said.contains("catalog: 2 delivered"), "{said}");
    assert_eq!(home.ok(&["deliveries", "retry", "--dead"]).stdout, "no delivery was given up\n");
    meddle(&home.registry(), "UPDATE deliveries SET target = 'elsewhere' WHERE id = 1");
    let orphan = home.run(&["deliveries", "retry", "1"]);
    assert!(orphan.code == Some(1) && orphan.stderr.contains("is for elsewhere, which the file lacks"), "{orphan:?}");
    meddle(&home.registry(), "UPDATE deliveries SET target = 'catalog', state = 'summarised' WHERE id = 1");
    let summed = home.run(&["deliveries", "retry", "1"]);
    assert!(summed.code == Some(1) && summed.stderr.contains("is summarised, and is not sent again"), "{summed:?}");
    let unknown = home.run(&["deliveries", "retry", "99"]);
    assert_eq!(
        (unknown.code, unknown.stderr.contains("no delivery has the number 99")),
        (Some(1), true),
        "{unknown:?}"
    );
    let mut keys: Vec<String> = receiver.asked().iter().map(|asked| Event::of(asked).key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((receiver.asked().len(), keys.len()), (4, 2));
    let trail = home.json(&["audit"]);
    let retried = trail.as_array().unwrap().iter().find(|row| row["action"] == "delivery_retried").unwrap();
    assert_eq!(retried["detail"]["dead"], 2, "{trail}");
}

#[test]
fn a_receiver_that_wants_no_more_is_switched_off_until_a_person_enables_it() {
    let (receiver, which) = answering(&["410 Gone", "204 No Content"]);
    let (_sim, home) = open(2, &[("catalog", &receiver)], "in_flight = 1");
    home.ok(&["onboard", "shop"]);
    let listed = home.ok(&["targets", "list"]).stdout;
    assert!(listed.contains("switched off") && listed.contains("410"), "{listed}");
    home.ok(&["onboard", "shop"]);
    assert_eq!(receiver.asked().len(), 1, "it is left alone");
    let again = home.run(&["targets", "enable", "catalog"]);
    assert_eq!(again.code, Some(1), "its receiver wants nothing still: {again:?}");
    assert!(again.stdout.contains("catalog: switched on and off again: ") && again.stdout.contains("410"), "{again:?}");

    let running = worker(&home);
    let health = home.run(&["health"]);
    assert_eq!(health.code, Some(3), "{health:?}");
    assert!(health.stdout.contains("target catalog is switched off since "), "{health:?}");
    assert!(health.stdout.contains("`aboard targets enable catalog` brings it back"), "{health:?}");
    running.stop();
    which.store(1, SeqCst);
    let said = home.ok(&["targets", "enable", "catalog"]).stdout;
    assert!(said.contains("catalog: switched on again") && said.contains("2 delivered"), "{said}");
    assert_eq!(home.ok(&["targets", "enable", "catalog"]).stdout, "catalog: was on\n");
    assert_eq!(states(&home)["delivered"], 2);
}

#[test]
fn gone_returned_and_gone_again_are_three_events_with_three_keys() {
    let (receiver, _) = answering(&["204 No Content"]);
    let (sim, home) = open(1, &[("catalog", &receiver)], "");
    home.ok(&["onboard", "shop"]);
    let vanish = |there: bool| {
        sim.change(|world| *world = super::shop_of(usize::from(there), 0));
        for _ in 0..2 {
            home.ok(&["onboard", "shop"]);
            // As if more than an hour lay between two looks.
            meddle(&home.registry(), "UPDATE apis SET absent_since = absent_since - 4000000");
        }
    };
    vanish(false);
    vanish(true);
    vanish(false);
    let events: Vec<Event> = receiver.asked().iter().map(Event::of).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.trim_start_matches("aboard.")).collect();
    assert_eq!(kinds, ["api.onboarded", "api.gone", "api.returned", "api.gone"]);
    super::must_have_one_key_each(&events);
    assert_eq!(events.iter().map(|event| event.revision).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn one_message_a_run_takes_the_place_of_single_events() {
    let (receiver, _) = answering(&["204 No Content"]);
    let (_sim, home) = open(60, &[("catalog", &receiver)], "digest = true");
    home.ok(&["onboard", "shop"]);
    home.ok(&["onboard", "shop"]);
    let asked = receiver.asked();
    assert_eq!(asked.len(), 1, "nothing happened in the second run");
    let event: serde_json::Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(event["type"], "aboard.run.summary");
    let run = &event["data"]["run"];
    assert_eq!(run["events_in_all"], json!({ "api.onboarded": 60 }), "{run}");
    assert_eq!(run["events"].as_array().unwrap().len(), 50);
    assert_eq!(states(&home)["summarised"], 60);

    // What is told again comes in one message too.
    home.ok(&["onboard", "shop", "--redeliver", "catalog"]);
    let asked = receiver.asked();
    assert_eq!(asked.len(), 2);
    let event: serde_json::Value = serde_json::from_slice(&asked[1].body).unwrap();
    assert_eq!(event["data"]["run"]["events_in_all"], json!({ "api.onboarded": 60 }), "{event}");
    assert_eq!(states(&home)["summarised"], 60);
}

#[test]
fn a_target_that_was_switched_off_under_another_name_is_brought_back_by_its_new_one() {
    let (receiver, which) = answering(&["410 Gone", "204 No Content"]);
    let (_sim, home) = open(3, &[("catalog", &receiver)], "");
    home.ok(&["onboard", "shop"]);
    which.store(1, SeqCst);
    home.write("schedules.toml", &schedules(&[("inventory", &receiver)], "renamed_from = \"catalog\""));
    let said = home.ok(&["targets", "enable", "inventory"]).stdout;
    assert!(said.contains("inventory: switched on again") && said.contains("3 delivered"), "{said}");
}

#[test]
fn a_run_that_dies_at_any_commit_is_told_of_in_its_summary() {
    for commit in 1.. {
        let (receiver, _) = answering(&["204 No Content"]);
        let (_sim, home) = open(2, &[("catalog", &receiver)], "events = [\"run.summary\"]");
        let killed = home.killed_at_commit(&format!("after-commit:{commit}"), &["onboard", "shop"]).was_killed();
        home.ok(&["onboard", "shop"]);
        let summaries = receiver.asked();
        let told = |asked: &crate::support::receiver::Asked| {
            let event: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
            event["data"]["run"]["events_in_all"]["api.onboarded"].as_u64()
        };
        assert!(summaries.iter().any(|asked| told(asked) == Some(2)), "killed at commit {commit}: {summaries:?}");
        if !killed {
            assert!(commit > 5, "it was killed at {commit} commits");
            break;
        }
    }
}

#[test]
fn a_target_under_a_new_name_is_told_nothing_twice() {
    let (receiver, _) = answering(&["204 No Content"]);
    let (_sim, home) = open(3, &[("catalog", &receiver)], "");
    home.ok(&["onboard", "shop"]);
    let renamed = schedules(&[("inventory", &receiver)], "renamed_from = \"catalog\"");
    home.write("schedules.toml", &renamed);
    home.ok(&["onboard", "shop"]);
    assert_eq!(receiver.asked().len(), 3);
    let listed = home.json(&["targets", "list"]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["deliveries"]["delivered"]),
        (&json!("inventory"), &json!(3)),
        "{listed}"
    );
}

#[test]
fn the_worker_carries_retries_and_tests_out_for_whoever_asks() {
    let (receiver, which) = answering(&["500 Internal Server Error", "204 No Content"]);
    let (_sim, home) = open(2, &[("catalog", &receiver)], "");
    let running = worker(&home);
    home.ok(&["onboard", "shop"]);
    which.store(1, SeqCst);
    // It tries again by itself; whoever asks for a state waits for it.
    while states(&home).get("delivered") != Some(&2) {
        std::thread::yield_now();
    }
    let said = home.ok(&["deliveries", "retry", "1"]).stdout;
    assert!(said.contains("1 delivery sent again") && said.contains("catalog: 1 delivered"), "{said}");
    let said = home.ok(&["targets", "test", "catalog"]).stdout;
    assert!(said.starts_with("catalog: works"), "{said}");
    running.stop();
    let last = receiver.asked().pop().unwrap();
    let event: serde_json::Value = serde_json::from_slice(&last.body).unwrap();
    assert_eq!(event["type"], "aboard.test");
}

#[test]
fn specifications_a_b_a_and_b_arrive_four_times_and_one_that_stays_the_same_does_not() {
    let (receiver, _) = answering(&["204 No Content"]);
    let events = "events = [\"api.onboarded\", \"api.changed\"]";
    let (sim, home) = open(1, &[("catalog", &receiver)], events);
    let serves = |summary: &str, deployment: &str| {
        let document = json!({ "openapi": "3.0.1", "info": { "title": "api", "version": "1" },
                               "paths": { "/": { "get": { "summary": summary, "responses": {} } } } });
        sim.change(|world| {
            *world = crate::support::shop::world();
            let mut api = crate::support::shop::rest("api 0", "shopapi0000").specification(document);
            api.deploy("prod", deployment, "2026-11-01T00:00:00Z");
            world.apply(|world| world.rest(crate::support::shop::ACCOUNT, crate::support::shop::REGION, api));
        });
        home.ok(&["onboard", "shop"]);
    };
    for (deployment, summary) in [("aaaaaa", "a"), ("bbbbbb", "b"), ("cccccc", "a"), ("dddddd", "b"), ("eeeeee", "b")] {
        serves(summary, deployment);
    }
    let digests: Vec<String> = receiver
        .asked()
        .iter()
        .map(|asked| {
            let event: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
            event["data"]["specifications"][0]["digest"].as_str().unwrap().to_owned()
        })
        .collect();
    let [a, b, again, last] = &digests[..] else { panic!("{digests:#?}") };
    assert!(a == again && b == last && a != b, "{digests:?}");
    let kinds: Vec<String> = receiver.asked().iter().map(|asked| Event::of(asked).kind).collect();
    assert_eq!(kinds[1..], ["aboard.api.changed", "aboard.api.changed", "aboard.api.changed"], "{kinds:?}");
    assert_eq!(states(&home)["unchanged"], 1, "the last deployment served the same");
}

#[test]
fn what_is_asked_for_again_does_not_wait_for_its_next_attempt() {
    let (receiver, which) = answering(&["500 Internal Server Error", "204 No Content"]);
    let (_sim, home) = open(2, &[("catalog", &receiver)], "");
    let patient = schedules(&[("catalog", &receiver)], "")
        .replace("first = \"1ms\", max = \"20ms\"", "first = \"1h\", max = \"1h\"");
    home.write("schedules.toml", &patient);
    home.ok(&["onboard", "shop"]);
    which.store(1, SeqCst);
    home.ok(&["onboard", "shop"]);
    assert_eq!(states(&home)["queued"], 2, "an hour is not over");
    home.ok(&["onboard", "shop", "--redeliver", "catalog"]);
    assert_eq!(states(&home)["delivered"], 2);
}
