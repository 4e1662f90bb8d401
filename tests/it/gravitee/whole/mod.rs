//! The agent from end to end: the real binary between a controller and a simulated AWS.

mod connected;
mod discovering;
mod ingesting;
mod large;
mod reloading;
mod subscribing;
mod troubled;

use std::collections::BTreeSet;
use std::time::Duration;

use aboard_simulator::{RestApi, Simulator, UsagePlan, World};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::controller::{Controller, Rules};
use super::record::Seen;
use crate::reload::NEVER;
use crate::support::shop::{ACCOUNT, KEY, REGION, world};
use crate::support::{Home, Running, Said};

/// The controller's token.
const TOKEN: &str = "test-token";

/// A worker whose schedule file has one connection `shop` and one integration `apim`.
pub(super) struct Site {
    pub(super) sim: Simulator,
    pub(super) controller: Controller,
    pub(super) home: Home,
    pub(super) worker: Running,
}

/// The integration's table, and behind `---` that of its limits, which are made short.
pub(super) fn integration(name: &str, controller: &Controller, keys: &str) -> String {
    let endpoint = controller.endpoint();
    let target = Rules::default().target_id;
    let (keys, limits) = keys.split_once("---").unwrap_or((keys, ""));
    format!(
        r#"
[integrations.{name}.gravitee]
endpoints = ["{endpoint}"]
token = "env:GRAVITEE_TOKEN"
integration_id = "{target}"
{keys}
[integrations.{name}.gravitee.limits]
ping = "100ms"
first_retry = "80ms"
refused_retry = "300ms"
longest_retry = "800ms"
ingest_delay = "50ms"
{limits}
"#
    )
}

/// A connection that may ask as fast as it likes.
pub(super) fn connection(keys: &str) -> String {
    format!(
        r#"
[limits]
requests_per_second = 0
[connections.shop]
regions = ["{REGION}"]
{keys}
[connections.shop.credentials.aws_user]
access_key_id = "{KEY}"
secret_access_key = "env:SECRET"
"#
    )
}

impl Site {
    /// `keys` go into the integration's table.
    pub(super) fn open(world: World, keys: &str) -> Self {
        Self::with(world, Rules::default(), &connection(""), keys)
    }

    pub(super) fn with(world: World, rules: Rules, connection: &str, keys: &str) -> Self {
        let (sim, controller) = (Simulator::start(world), Controller::start(rules));
        let home = Home::new(&sim.url(), &format!("{connection}{}", integration("apim", &controller, keys)));
        let worker = start(&home);
        controller.wait_for_agent(1);
        Self { sim, controller, home, worker }
    }

    /// A discovery's answer.
    pub(super) fn discover(&self) -> Value {
        self.controller.ask("DISCOVER", json!({}))
    }

    /// The names of the APIs that a discovery shows.
    pub(super) fn discovered(&self) -> BTreeSet<String> {
        let answer = self.discover();
        assert_eq!(answer["isPartialDiscovery"], json!(false), "{answer}");
        answer["apis"].as_array().unwrap().iter().map(|api| api["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Begins an ingest; answers how many APIs were promised.
    pub(super) fn start_ingest(&self, job: &str, ids: &[&str]) -> u64 {
        let started = self.controller.ask("START_INGEST", json!({ "ingestJobId": job, "apiIds": ids }));
        started["total"].as_u64().unwrap()
    }

    /// Waits until a job's last chunk has come.
    pub(super) fn wait_ingested(&self, job: &str) {
        let is_last = |seen: &Seen| matches!(seen, Seen::Ingest(chunk) if chunk.job == job && chunk.done);
        self.controller.record().wait_for("the last chunk", 1, is_last);
    }

    /// Ends the worker, which closes its connection properly.
    pub(super) fn stop(self) -> Said {
        self.controller.record().assert_proper();
        self.worker.stop()
    }
}

/// Starts a worker that looks at its file only when it is asked to.
pub(super) fn start(home: &Home) -> Running {
    let mut command = home.command(&["-v", "run"]);
    command.env("ABOARD_WATCH", NEVER).env("GRAVITEE_TOKEN", TOKEN);
    let mut worker = Running::start(command);
    worker.wait_until_said("following");
    worker
}

/// Has a worker read its file anew.
pub(super) fn reload(home: &Home, text: &str) {
    home.write("schedules.toml", text);
    let mut command = home.command(&["reload", "--wait", "--accept"]);
    let said = Said::of(command.env("GRAVITEE_TOKEN", TOKEN).output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// What the server calls the stage `prod` of an API of the shop.
pub(super) fn identity(api: &str) -> String {
    format!("{ACCOUNT}:{REGION}:{api}:prod")
}

/// An API with a stage `prod` whose methods need a key.
pub(super) fn keyed(name: &str, id: &str) -> RestApi {
    RestApi::new(name).id(id).description("All about it").version("2.1").stage("prod").needs_key()
}

/// Two REST APIs in a plan, one in none, and an HTTP API.
pub(super) fn planned() -> World {
    let gold = UsagePlan::new("up1", "Gold").description("for many");
    let gold = gold.stage("ordersapi1", "prod").stage("returnsap1", "prod").throttle(10.0, 20).quota(1000, "DAY");
    world()
        .rest(ACCOUNT, REGION, keyed("orders", "ordersapi1"))
        .rest(ACCOUNT, REGION, RestApi::new("returns").id("returnsap1").stage("prod"))
        .rest(ACCOUNT, REGION, RestApi::new("internal").id("internalp1").stage("prod"))
        .http(ACCOUNT, REGION, aboard_simulator::HttpApi::new("basket").id("basketapi1").stage("$default"))
        .usage_plan(ACCOUNT, REGION, gold)
}

/// Kills a worker.
pub(super) fn kill(worker: Running) {
    worker.signal(Signal::SIGKILL);
    assert!(worker.end().was_killed());
}

/// A little longer than the controller's times.
pub(super) const MOMENT: Duration = Duration::from_millis(400);
