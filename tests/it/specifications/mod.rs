//! Specifications: exported when an API is onboarded, kept, printed, and never in the way.

mod cut_off;
mod failing;
mod kept;
mod printed;
mod valid;

use aboard_simulator::{Domain, HttpApi, RestApi, World};
use serde_json::{Value, json};

use crate::support::Home;
use crate::support::shop::{self, ACCOUNT, REGION, count};

const ONBOARD: [&str; 2] = ["onboard", "shop"];

/// What AWS exports of a REST API with models, authorizers of each kind, a greedy path and every extension.
fn rest_export() -> Value {
    serde_json::from_str(include_str!("../exports/rest.json")).unwrap()
}

/// The same of an HTTP API with a JWT authorizer and a default route.
fn http_export() -> Value {
    serde_json::from_str(include_str!("../exports/http.json")).unwrap()
}

/// A REST API at a custom domain, an HTTP and a WebSocket API.
fn world() -> World {
    let chat = HttpApi::websocket("chat").id("wschat0001").stage("live").route("$connect").route("$default");
    shop::world()
        .rest(ACCOUNT, REGION, RestApi::new("orders").id("restorders").stage("prod").specification(rest_export()))
        .http(ACCOUNT, REGION, HttpApi::new("basket").id("httpbasket").stage("$default").specification(http_export()))
        .http(ACCOUNT, REGION, chat.route("send").route("leave room"))
        .domain(ACCOUNT, REGION, Domain::new("api.shop.example").mapping("orders", "restorders", "prod"))
}

/// The printed document of an API.
fn document(home: &Home, words: &[&str]) -> Value {
    home.ok(&[&["spec"], words].concat()).json()
}

/// What is stored of an API's stages.
fn listed(home: &Home, api: &str) -> Value {
    home.json(&["spec", api, "--list"])
}

/// Events that still wait for an export.
fn waiting(home: &Home) -> i64 {
    count(&home.registry(), "SELECT count(*) FROM deliveries WHERE export_until IS NOT NULL")
}

/// What goes with the events of an API, each event as `event target {stage: digest or cause}`, oldest first.
fn pinned(home: &Home, api: &str) -> Vec<(String, Value)> {
    let registry = rusqlite::Connection::open(home.registry()).unwrap();
    let mut statement = registry
        .prepare(
            "SELECT d.event, d.specifications FROM deliveries d JOIN apis a ON a.id = d.api
             WHERE a.api_id = ?1 AND d.target = 'catalog' ORDER BY d.id",
        )
        .unwrap();
    let rows = statement.query_map([api], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?))).unwrap();
    let json = |text: Option<String>| text.map_or(json!(null), |text| serde_json::from_str(&text).unwrap());
    rows.map(Result::unwrap).map(|(event, text)| (event, json(text))).collect()
}
