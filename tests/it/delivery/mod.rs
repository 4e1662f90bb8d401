//! Deliveries through the real binary: every event arrives, once by its key and in order, whatever dies meanwhile.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

mod endings;
mod killed;
mod side_by_side;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use aboard_simulator::{Simulator, World};
use serde_json::Value;

use crate::support::receiver::{Asked, Receiver};
use crate::support::shop::{self, connection, open_with};
use crate::support::{Home, Running};

/// What came in one request, as far as it is an event of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    key: String,
    kind: String,
    api: String,
    revision: u64,
}

impl Event {
    fn of(asked: &Asked) -> Self {
        let event: Value = serde_json::from_slice(&asked.body).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            key: text(&event["id"]),
            kind: text(&event["type"]),
            api: text(&event["data"]["api"]["api_id"]),
            revision: event["data"]["revision"].as_u64().unwrap(),
        }
    }
}

/// A schedule file with a connection `shop` and webhooks that are tried again after milliseconds.
fn schedules(targets: &[(&str, &Receiver)], more: &str) -> String {
    let mut text = "[limits]\nrequests_per_second = 0\n".to_owned();
    for (name, receiver) in targets {
        write!(
            text,
            "[targets.{name}.webhook]\nurl = \"{}\"\nretry = {{ first = \"1ms\", max = \"20ms\", give_up = \"1h\" }}\n{more}\n",
            receiver.url()
        )
        .unwrap();
    }
    text + &connection("shop", "regions = [\"eu-west-1\"]")
}

/// A shop with so many REST APIs, each with one stage, and so many of them with a second one.
fn shop_of(apis: usize, with_two: usize) -> World {
    (0..apis).fold(shop::world(), |world, number| {
        let api = shop::rest(&format!("api {number}"), &format!("shopapi{number:04}"));
        world.rest(shop::ACCOUNT, shop::REGION, if number < with_two { api.stage("live") } else { api })
    })
}

fn open(apis: usize, targets: &[(&str, &Receiver)], more: &str) -> (Simulator, Home) {
    open_with(shop_of(apis, 0), &schedules(targets, more))
}

fn worker(home: &Home) -> Running {
    let mut worker = home.start(&["-v", "run"]);
    worker.wait_until_said("following");
    worker
}

/// How many deliveries are in each state.
fn states(home: &Home) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for row in home.json(&["deliveries", "--limit", "100000"]).as_array().unwrap() {
        *states.entry(row["state"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    states
}

/// Asserts that no event has two keys and no key two events.
fn must_have_one_key_each(events: &[Event]) {
    let pairs: BTreeSet<(&str, &str, u64)> =
        events.iter().map(|event| (event.api.as_str(), event.key.as_str(), event.revision)).collect();
    let keys: BTreeSet<&str> = events.iter().map(|event| event.key.as_str()).collect();
    let places: BTreeSet<(&str, u64)> = events.iter().map(|event| (event.api.as_str(), event.revision)).collect();
    assert_eq!((pairs.len(), pairs.len()), (keys.len(), places.len()));
}
