//! Targets as other programs meet them.

mod command;
mod misbehaving;
mod network;
mod verified;

use std::path::Path;

use aboard::clock;
use aboard::config::{self, NetworkConfig, Place};
use aboard::inventory::ApiId;
use aboard::notice::Notice;
use aboard::targets::{self, Delivery, Failure, Memory, Setup, Target, Verdict};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// A target by the keys of its kind, `catalog` by name.
fn target(kind: &str, keys: &str) -> Box<dyn Target> {
    let text = format!("[targets.catalog.{kind}]\n{keys}\n");
    let config = config::parse(&text, &Place::new(Path::new("schedules.toml"))).unwrap().config;
    targets::open(&config.targets["catalog"], &Setup { network: NetworkConfig::default() }).unwrap()
}

/// The first registration of an API.
fn delivery(api_id: &str) -> Delivery {
    let api = json!({
        "partition": "aws", "account_id": "111122223333", "account_name": null, "region": "eu-west-1", "api_id": api_id,
        "protocol": "REST", "name": "orders", "description": null, "version": null, "endpoint_type": "REGIONAL",
        "tags": {"team": "Zoë"}, "created_at": null, "first_published_at": null, "last_published_at": null, "instances": [],
        "decision": "onboard", "reason": "new", "state": "onboarded", "onboarded_at": null, "connection": "payments",
    });
    let notice = Notice {
        event: "api.onboarded".to_owned(),
        occurred_at: clock::now(),
        target: "catalog".to_owned(),
        connection: "payments".to_owned(),
        run_id: Some(1),
        revision: 1,
        api: Some(serde_json::from_value(api).unwrap()),
        instances: Vec::new(),
        run: None,
    };
    let key = format!("{api_id:0>64}");
    Delivery {
        delivery_id: 1,
        key,
        attempt: 1,
        notice,
        specifications: Vec::new(),
        undelivered_before: 0,
        addresses: Vec::new(),
    }
}

/// What became of one delivery.
async fn deliver(target: &dyn Target) -> Verdict {
    target.deliver(&[delivery("ordersapi1")], &Forgetful).await.remove(0)
}

async fn failure(target: &dyn Target) -> Failure {
    match deliver(target).await {
        Verdict::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// Keeps nothing.
struct Forgetful;

impl Memory for Forgetful {
    fn recall<'a>(&'a self, _: Option<&'a ApiId>) -> BoxFuture<'a, Result<Option<Value>, String>> {
        Box::pin(async { Ok(None) })
    }

    fn keep<'a>(&'a self, _: Option<&'a ApiId>, _: Value) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}
