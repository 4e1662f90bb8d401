//! A small shop: one account, one key, and the schedule files that look at it.

use std::path::Path;

use aboard_simulator::{HttpApi, RestApi, Simulator, World};

use super::Home;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const KEY: &str = "AKIASHOPSHOPSHOPSHOP";

/// A world with the shop's key and nothing else.
pub(crate) fn world() -> World {
    World::new().user(KEY, ACCOUNT)
}

/// A REST API with one deployed stage, `prod`.
pub(crate) fn rest(name: &str, id: &str) -> RestApi {
    RestApi::new(name).id(id).stage("prod")
}

/// A world that takes more words than a pipe and a socket hold.
pub(crate) fn wordy() -> World {
    (0..150).fold(world(), |world, number| {
        let api = HttpApi::new("x".repeat(4_000)).id(format!("bigapi{number:04}")).stage("$default");
        world.http(ACCOUNT, REGION, api)
    })
}

/// The shop: a REST, an HTTP and a WebSocket API.
pub(crate) fn stocked() -> World {
    world()
        .rest(ACCOUNT, REGION, rest("orders", "ordersapi1"))
        .http(ACCOUNT, REGION, HttpApi::new("basket").id("basketapi1").stage("$default"))
        .http(ACCOUNT, REGION, HttpApi::websocket("prices").id("pricesapi1").stage("live"))
}

/// One account with the key `AKIASHOP`, and in each of two regions two REST APIs, an HTTP and a WebSocket API.
pub(crate) fn in_two_regions() -> World {
    ["eu-west-1", "eu-west-2"].into_iter().fold(World::new().user("AKIASHOP", ACCOUNT), |world, region| {
        world
            .rest(ACCOUNT, region, RestApi::new("orders").stage("prod"))
            .rest(ACCOUNT, region, RestApi::new("returns").stage("prod"))
            .http(ACCOUNT, region, HttpApi::new("basket").stage("$default"))
            .http(ACCOUNT, region, HttpApi::websocket("prices").stage("prod"))
    })
}

/// A schedule file without limits on AWS, with two targets and one connection `shop`; `keys` go into the connection's table.
pub(crate) fn schedules(keys: &str) -> String {
    format!("{}{}", targets(), connection("shop", keys))
}

/// What every schedule file of these tests begins with.
pub(crate) fn targets() -> &'static str {
    r#"
[limits]
requests_per_second = 0
[targets.catalog.directory]
path = "catalog"
[targets.specs.directory]
path = "specs"
"#
}

/// A connection with the shop's key; `keys` must name its regions.
pub(crate) fn connection(name: &str, keys: &str) -> String {
    format!(
        r#"
[connections.{name}]
{keys}
[connections.{name}.credentials.aws_user]
access_key_id = "{KEY}"
secret_access_key = "env:SECRET"
"#
    )
}

/// A schedule for the connection `shop`, with more keys.
pub(crate) fn auto_onboard(keys: &str) -> String {
    format!(
        r#"
[connections.shop.auto_onboard]
frequency = "daily"
time = "02:30"
timezone = "Europe/London"
{keys}
"#
    )
}

/// A simulator that serves `world`, and a home whose schedule file has one connection `shop` in one region.
pub(crate) fn open(world: World) -> (Simulator, Home) {
    open_with(world, &schedules(r#"regions = ["eu-west-1"]"#))
}

/// The same with another schedule file.
pub(crate) fn open_with(world: World, schedules: &str) -> (Simulator, Home) {
    let simulator = Simulator::start(world);
    let home = Home::new(&simulator.url(), schedules);
    (simulator, home)
}

/// One number from the registry.
pub(crate) fn count(registry: &Path, sql: &str) -> i64 {
    rusqlite::Connection::open(registry).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Changes the registry behind aboard's back.
pub(crate) fn meddle(registry: &Path, sql: &str) {
    rusqlite::Connection::open(registry).unwrap().execute_batch(sql).unwrap();
}
