//! Killed by SIGKILL wherever it may be, and started again: nothing is lost, and nothing is registered twice.

mod changed;
mod everywhere;
mod held;
mod random;
mod recorded;

use aboard_simulator::{HttpApi, RestApi, World};

use crate::support::Ended;

const ACCOUNT: &str = "111122223333";
const REGIONS: [&str; 2] = ["eu-west-1", "eu-west-2"];
const TARGETS: [&str; 2] = ["catalog", "specs"];
/// What [`small`] holds.
const APIS: usize = 12;
/// What a run over it commits at least: the end of runs that died, its beginning, four scopes, its end.
const COMMITS: u64 = 7;
const ONBOARD: [&str; 2] = ["onboard", "shop"];

/// Two scopes ask for dates at a time, so that answers and commits alternate.
const SCHEDULES: &str = r#"
[limits]
requests_per_second = 0
accounts_in_flight = 1

[targets.catalog.webhook]
url = "http://127.0.0.1:9/hooks/apis"

[targets.specs.directory]
path = "specs"

[connections.shop]
regions = ["eu-west-1", "eu-west-2"]

[connections.shop.credentials.aws_user]
access_key_id = "AKIASHOP"
secret_access_key = "env:SECRET"
"#;

/// One account, two regions, all three protocols.
fn small() -> World {
    REGIONS.into_iter().fold(World::new().user("AKIASHOP", ACCOUNT), |world, region| {
        world
            .rest(ACCOUNT, region, RestApi::new("orders").stage("prod").stage("test"))
            .rest(ACCOUNT, region, RestApi::new("returns").stage("prod"))
            .rest(ACCOUNT, region, RestApi::new("payments").stage("prod"))
            .http(ACCOUNT, region, HttpApi::new("basket").stage("$default"))
            .http(ACCOUNT, region, HttpApi::new("search").stage("$default"))
            .http(ACCOUNT, region, HttpApi::websocket("prices").stage("prod"))
    })
}

/// The same file with more said of `auto_onboard`.
fn scheduled(more: &str) -> String {
    let auto = "[connections.shop.auto_onboard]\nday = \"monday\"\ntime = \"02:30\"\ntimezone = \"Europe/London\"";
    format!("{SCHEDULES}\n{auto}\n{more}\n")
}

/// Calls `attempt` with 1, 2, 3, … until what it started survives, which must then end with `code`, and answers how many were
/// killed.
fn walk(code: i32, mut attempt: impl FnMut(u64) -> Ended) -> u64 {
    for n in 1.. {
        let ended = attempt(n);
        if !ended.was_killed() {
            assert_eq!(ended.said.code, Some(code), "at {n}: {ended:?}");
            return n - 1;
        }
    }
    unreachable!("one of them survives")
}

/// The two sides of a commit at which a process can be killed, as the first part of `ABOARD_CRASH_AT`.
const SIDES: [&str; 2] = ["before-commit", "after-commit"];
