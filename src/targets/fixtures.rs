//! Events for the tests of targets that keep files, and a memory that forgets with the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Delivery, Document, Memory, Specification, SpecificationFormat, Verdict};
use crate::document::ApiDocument;
use crate::inventory::{ApiId, Instance, InstanceKind, Protocol};
use crate::notice::Notice;

/// A memory of one target.
#[derive(Debug, Default)]
pub(super) struct Kept(pub(super) Mutex<BTreeMap<Option<ApiId>, Value>>);

impl Memory for Kept {
    fn recall<'a>(&'a self, api: Option<&'a ApiId>) -> BoxFuture<'a, Result<Option<Value>, String>> {
        Box::pin(async move { Ok(self.0.lock().unwrap().get(&api.cloned()).cloned()) })
    }

    fn keep<'a>(&'a self, api: Option<&'a ApiId>, value: Value) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            self.0.lock().unwrap().insert(api.cloned(), value);
            Ok(())
        })
    }
}

/// An address of a stage.
pub(super) fn instance(id: &str, stage: &str) -> Instance {
    Instance {
        stage: stage.to_owned(),
        url: format!("https://{id}.execute-api.eu-west-1.amazonaws.com/{stage}"),
        kind: InstanceKind::ExecuteApi,
        callable: true,
        created_at: None,
        deployed_at: None,
    }
}

/// A REST API with an address for each stage.
pub(super) fn api(id: &str, name: &str, stages: &[&str]) -> ApiDocument {
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
        connection: Some("shop".to_owned()),
    }
}

/// A document of a stage.
pub(super) fn specification(stage: &str, text: &str) -> Specification {
    let digest = crate::hex::hex(&Sha256::digest(text.as_bytes()));
    let document = Document { digest, bytes: text.len() as u64, text: Some(Arc::from(text)) };
    Specification { stage: stage.to_owned(), format: SpecificationFormat::OpenApi, document: Ok(document) }
}

/// A stage without one.
pub(super) fn unspecified(stage: &str, cause: &str) -> Specification {
    Specification { stage: stage.to_owned(), format: SpecificationFormat::OpenApi, document: Err(cause.to_owned()) }
}

/// An event of run `revision`, an hour after the one before.
pub(super) fn event(event: &str, revision: u64, api: ApiDocument, specifications: Vec<Specification>) -> Delivery {
    let epoch = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
    let addresses = api.instances.clone();
    Delivery {
        delivery_id: i64::try_from(revision).unwrap(),
        key: "00".repeat(32),
        attempt: 1,
        notice: Notice {
            event: event.to_owned(),
            occurred_at: epoch + TimeDelta::hours(i64::try_from(revision).unwrap()),
            target: "specs".to_owned(),
            connection: "shop".to_owned(),
            run_id: Some(i64::try_from(revision).unwrap()),
            revision,
            api: Some(api),
            instances: Vec::new(),
            run: None,
        },
        specifications,
        undelivered_before: 0,
        addresses,
    }
}

/// That everything was taken.
pub(super) fn assert_delivered(verdicts: &[Verdict]) {
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Delivered(_))), "{verdicts:?}");
}

/// What one failed of.
pub(super) fn failure(verdict: &Verdict) -> &super::Failure {
    match verdict {
        Verdict::Failed(failure) => failure,
        verdict => panic!("{verdict:?}"),
    }
}
