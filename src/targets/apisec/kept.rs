//! What is remembered of an API, in the registry: what it became in `APIsec`, and what was begun there.
//!
//! Each write of `APIsec` is announced here before it is sent and confirmed here once its result was seen, so that whoever goes on
//! after a crash, a lost answer or a time limit knows what may be there already.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::wire::Application;
use crate::inventory::ApiId;
use crate::targets::{Failure, Memory};

/// Members may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// The application that the API is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) application_id: Option<String>,
    /// What it was called when it was created or adopted.
    pub(super) name: String,
    /// Whether we created it.
    pub(super) created_by_us: bool,
    /// When we had created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<DateTime<Utc>>,
    /// What it was created from: a digest, or [`STAND_IN`]; absent for an adopted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) loaded: Option<String>,
    /// A creation that was sent and whose result has not been seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) creating: Option<Creating>,
    /// When instances were asked for that have not been seen, by URL.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) asked: BTreeMap<String, DateTime<Utc>>,
    /// The instances, by URL.
    pub(super) instances: BTreeMap<String, KeptInstance>,
    /// Whether the API is gone. The application stays.
    pub(super) gone: bool,
}

/// In the place of a digest: the document that says that there is no specification.
pub(super) const STAND_IN: &str = "stand-in";

/// A creation under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Creating {
    /// What the application is to be called.
    pub(super) name: String,
    /// When it was sent.
    pub(super) at: DateTime<Utc>,
    /// What it is created from, as in [`Kept::loaded`].
    pub(super) loaded: String,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptInstance {
    pub(super) id: String,
    /// The stage that the address serves.
    pub(super) stage: String,
    /// What was loaded there last, as in [`Kept::loaded`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) loaded: Option<String>,
    /// Whether its stage's own specification is still to be loaded.
    #[serde(default)]
    pub(super) due: bool,
    /// Whether the address is gone. The instance stays.
    #[serde(default)]
    pub(super) removed: bool,
}

impl Kept {
    /// What was kept; nothing, where nothing was.
    pub(super) async fn recall(memory: &dyn Memory, api: &ApiId) -> Result<Self, Failure> {
        let value = memory.recall(Some(api)).await.map_err(Failure::passing)?;
        let Some(value) = value else { return Ok(Self::default()) };
        serde_json::from_value(value)
            .map_err(|error| Failure::passing(format!("what was kept of the API cannot be read: {error}")))
    }

    /// Takes an application that is there for the API's. It is our own if a creation without an answer gave it its name.
    pub(super) fn take_over(&mut self, application: &Application) {
        let ours = self.creating.take().filter(|creating| creating.name == application.name);
        *self = Self {
            application_id: Some(application.id.clone()),
            name: application.name.clone(),
            created_by_us: ours.is_some(),
            loaded: ours.map(|creating| creating.loaded),
            ..Self::default()
        };
    }

    pub(super) async fn save(&self, memory: &dyn Memory, api: &ApiId) -> Result<(), Failure> {
        let value = serde_json::to_value(self)
            .map_err(|error| Failure::passing(format!("what the API became cannot be kept: {error}")))?;
        memory.keep(Some(api), value).await.map_err(Failure::passing)
    }
}
