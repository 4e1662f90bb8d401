//! The target `apisec`, against a stand-in that fails where it is told to.

mod adopting;
mod answers;
mod changing;
mod registering;
mod resuming;
mod whole;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use aboard::config::{NetworkConfig, Place};
use aboard::document::ApiDocument;
use aboard::inventory::{ApiId, Instance, InstanceKind, Protocol};
use aboard::notice::Notice;
use aboard::targets::{
    Delivery, Document, Effect, Failure, Memory, Setup, Specification, SpecificationFormat, Target, Verdict,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::CANARY;
use crate::support::apisec::Stub;

/// What the registry would keep, and what the tests see of it.
#[derive(Debug, Default)]
struct Book(Mutex<HashMap<Option<ApiId>, Value>>);

impl Book {
    fn of(&self, api: &ApiDocument) -> Value {
        self.0.lock().unwrap().get(&Some(api.id())).cloned().unwrap_or_default()
    }

    /// Lets an hour pass for everything that was begun.
    fn age(&self) {
        fn older(value: &mut Value) {
            if let Some(at) = value.as_str().and_then(|text| text.parse::<chrono::DateTime<chrono::Utc>>().ok()) {
                *value = json!(at - chrono::TimeDelta::hours(1));
            }
            match value {
                Value::Object(members) => members.values_mut().for_each(older),
                Value::Array(items) => items.iter_mut().for_each(older),
                _ => {}
            }
        }
        self.0.lock().unwrap().values_mut().for_each(older);
    }
}

impl Memory for Book {
    fn recall<'a>(&'a self, api: Option<&'a ApiId>) -> BoxFuture<'a, Result<Option<Value>, String>> {
        async move { Ok(self.0.lock().unwrap().get(&api.cloned()).cloned()) }.boxed()
    }

    fn keep<'a>(&'a self, api: Option<&'a ApiId>, value: Value) -> BoxFuture<'a, Result<(), String>> {
        async move {
            self.0.lock().unwrap().insert(api.cloned(), value);
            Ok(())
        }
        .boxed()
    }
}

/// A stand-in, a target that is set up for it, and a memory.
struct Desk {
    stub: Stub,
    folder: TempDir,
    book: Book,
    target: Box<dyn Target>,
    keys: String,
}

impl Desk {
    fn new() -> Self {
        Self::with("")
    }

    /// With more keys in the target's table.
    fn with(keys: &str) -> Self {
        let stub = Stub::start(CANARY);
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("token"), CANARY).unwrap();
        let target = open(&stub, folder.path(), keys);
        Self { stub, folder, book: Book::default(), target, keys: keys.to_owned() }
    }

    /// As after a crash: what was in memory is lost, what was kept is not.
    fn restart(&mut self) {
        self.target = open(&self.stub, self.folder.path(), &self.keys);
    }

    async fn deliver(&self, delivery: &Delivery) -> Verdict {
        let mut verdicts = self.target.deliver(std::slice::from_ref(delivery), &self.book).await;
        assert_eq!(verdicts.len(), 1);
        let verdict = verdicts.pop().unwrap();
        assert!(!format!("{verdict:?}").contains(CANARY), "{verdict:?}");
        verdict
    }

    /// Delivers at the first attempt; answers what was said.
    async fn delivered(&self, delivery: &Delivery) -> String {
        match self.deliver(delivery).await {
            Verdict::Delivered(note) => note.unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    async fn failed(&self, delivery: &Delivery) -> Failure {
        match self.deliver(delivery).await {
            Verdict::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// Delivers as often as it takes, an hour apart.
    async fn delivered_in_the_end(&self, delivery: &Delivery) -> String {
        let mut failures = Vec::new();
        for _ in 0..10 {
            match self.deliver(delivery).await {
                Verdict::Delivered(note) => return note.unwrap_or_default(),
                Verdict::Failed(failure) if matches!(failure.effect, Effect::Retry | Effect::Pause) => {
                    failures.push(failure);
                }
                other => panic!("{other:?} after {failures:#?}"),
            }
            self.book.age();
        }
        panic!("{failures:#?}");
    }
}

fn open(stub: &Stub, folder: &Path, keys: &str) -> Box<dyn Target> {
    let text = format!(
        "[targets.scanner.apisec]\nurl = \"{}\"\ntoken = \"file:token\"\n{keys}\n[connections.a]\nregions = [\"eu-west-1\"]\n\
         credentials.default_chain = {{}}\n",
        stub.url()
    );
    let file = aboard::config::parse(&text, &Place::new(&folder.join("schedules.toml"))).unwrap();
    let setup = Setup { network: NetworkConfig { ca_file: None } };
    aboard::targets::open(&file.config.targets["scanner"], &setup).unwrap()
}

/// An API of that name and id with one address a stage.
fn api(name: &str, id: &str, stages: &[&str]) -> ApiDocument {
    ApiDocument {
        partition: "aws".to_owned(),
        account_id: "111122223333".to_owned(),
        account_name: Some("shop".to_owned()),
        region: "eu-west-1".to_owned(),
        api_id: id.to_owned(),
        protocol: Protocol::Rest,
        name: name.to_owned(),
        description: None,
        version: None,
        endpoint_type: Some("REGIONAL".to_owned()),
        tags: BTreeMap::new(),
        created_at: None,
        first_published_at: None,
        last_published_at: None,
        instances: stages.iter().map(|stage| instance(id, stage)).collect(),
        decision: None,
        reason: None,
        state: None,
        onboarded_at: None,
        connection: Some("a".to_owned()),
    }
}

fn url(id: &str, stage: &str) -> String {
    format!("https://{id}.execute-api.eu-west-1.amazonaws.com/{stage}")
}

fn instance(id: &str, stage: &str) -> Instance {
    Instance {
        stage: stage.to_owned(),
        url: url(id, stage),
        kind: InstanceKind::ExecuteApi,
        callable: true,
        created_at: None,
        deployed_at: None,
    }
}

fn orders() -> ApiDocument {
    api("orders", "a1b2c3d4e5", &["prod"])
}

const ORDERS_NAME: &str = "orders (111122223333/eu-west-1/a1b2c3d4e5)";

/// An event about all addresses of an API, with a specification for each stage.
fn event(name: &str, api: &ApiDocument) -> Delivery {
    let stages: Vec<&str> = api.instances.iter().map(|instance| instance.stage.as_str()).collect();
    Delivery {
        delivery_id: 1,
        key: "0".repeat(64),
        attempt: 1,
        notice: Notice {
            event: name.to_owned(),
            occurred_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            target: "scanner".to_owned(),
            connection: "a".to_owned(),
            run_id: Some(1),
            revision: 1,
            api: Some(api.clone()),
            instances: api.instances.clone(),
            run: None,
        },
        specifications: stages.iter().map(|stage| specification(&api.api_id, stage, "1")).collect(),
        undelivered_before: 0,
        addresses: api.instances.clone(),
    }
}

fn onboarded(api: &ApiDocument) -> Delivery {
    event("api.onboarded", api)
}

/// The specification of a stage in that version.
fn specification(id: &str, stage: &str, version: &str) -> Specification {
    let text = json!({
        "openapi": "3.0.1", "info": { "title": format!("{id} {stage}"), "version": version },
        "servers": [{ "url": url(id, stage) }], "paths": { "/": { "get": {} } },
    });
    let text = text.to_string();
    let document =
        Document { digest: format!("{id} {stage} {version}"), bytes: text.len() as u64, text: Some(text.into()) };
    Specification { stage: stage.to_owned(), format: SpecificationFormat::OpenApi, document: Ok(document) }
}

/// A specification that could not be exported.
fn unexported(stage: &str) -> Specification {
    let document = Err("AWS would not export it".to_owned());
    Specification { stage: stage.to_owned(), format: SpecificationFormat::OpenApi, document }
}

/// Longer than anything here takes.
const LONG: Duration = Duration::from_mins(1);
