//! Scheduled ingest: Gravitee's management API is asked to ingest what runs find, through the outbox.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

mod asking;
mod refused;
mod scheduled;
mod way;

use std::time::Instant;

use aboard_simulator::{Simulator, World};
use serde_json::Value;

use crate::support::management::{INTEGRATION, Management};
use crate::support::shop::{self, connection, open_with};
use crate::support::{Home, LONG};

/// What an API of the shop is called by Gravitee.
fn id(api: &str, stage: &str) -> String {
    format!("{}:{}:{api}:{stage}", shop::ACCOUNT, shop::REGION)
}

/// An integration `apim`; `keys` go into its table, `more` into that of its management API.
fn integration(management: &Management, keys: &str, more: &str) -> String {
    format!(
        r#"
[integrations.apim.gravitee]
endpoints = ["http://127.0.0.1:9"]
token = "env:SECRET"
integration_id = "{INTEGRATION}"
{keys}
[integrations.apim.gravitee.management]
url = "{}"
organization = "acme"
environment = "test"
token = "env:SECRET"
retry = {{ first = "1ms", max = "20ms", give_up = "1h" }}
{more}
"#,
        management.url()
    )
}

const SHOP: &str = "regions = [\"eu-west-1\"]";

fn schedules(management: &Management, keys: &str) -> String {
    format!("[limits]\nrequests_per_second = 0\n{}{}", integration(management, keys, ""), connection("shop", SHOP))
}

/// A shop with one connection, whose APIs the integration offers.
fn open(world: World, management: &Management, keys: &str) -> (Simulator, Home) {
    open_with(world, &schedules(management, keys))
}

/// A shop with so many REST APIs `shopapi0000` ….
fn shop_of(apis: usize) -> World {
    (0..apis).fold(shop::world(), |world, number| {
        world.rest(shop::ACCOUNT, shop::REGION, shop::rest(&format!("api {number}"), &format!("shopapi{number:04}")))
    })
}

/// The deliveries, oldest first: state, and what was said of each.
fn deliveries(home: &Home) -> Vec<(String, String)> {
    let printed = home.json(&["deliveries", "--limit", "1000"]);
    let mut rows: Vec<&Value> = printed.as_array().unwrap().iter().collect();
    rows.sort_by_key(|row| row["delivery_id"].as_i64());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| (text(&row["state"]), text(&row["note"]) + &text(&row["last_error"]))).collect()
}

/// Whoever asks for a state waits for it.
fn wait_until_all_are(home: &Home, state: &str, count: usize) {
    let begun = Instant::now();
    while deliveries(home).iter().filter(|(is, _)| is == state).count() < count {
        assert!(begun.elapsed() < LONG, "{:?}", deliveries(home));
        std::thread::yield_now();
    }
}
