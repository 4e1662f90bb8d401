//! HTTP and WebSocket APIs (v2) and their stages.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Deployment;
use super::derive::{self, Moment};

/// What an API of v2 speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `HTTP`
    Http,
    /// `WEBSOCKET`
    WebSocket,
}

impl Protocol {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::WebSocket => "WEBSOCKET",
        }
    }
}

/// An HTTP or WebSocket API. What is left out gets a default when the API enters a [`Region`](super::Region).
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct HttpApi {
    /// Empty until the API enters a region, unless it was given.
    pub id: String,
    pub name: String,
    pub protocol: Protocol,
    pub description: Option<String>,
    pub version: Option<String>,
    pub created: Option<DateTime<Utc>>,
    /// `apiEndpoint`; by default AWS's address, `https://` or `wss://`, without a stage.
    pub endpoint: Option<String>,
    pub disable_execute_api: bool,
    pub tags: BTreeMap<String, String>,
    pub stages: Vec<HttpStage>,
    pub deployments: Vec<Deployment>,
    /// Route keys such as `GET /orders`.
    pub routes: Vec<String>,
    /// What `ExportApi` answers; absent = a small `OpenAPI` 3.0 document, null = 400, not exportable.
    pub specification: Option<Value>,
}

impl HttpApi {
    /// An HTTP API without stages.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            name: name.into(),
            protocol: Protocol::Http,
            description: None,
            version: None,
            created: None,
            endpoint: None,
            disable_execute_api: false,
            tags: BTreeMap::new(),
            stages: Vec::new(),
            deployments: Vec::new(),
            routes: Vec::new(),
            specification: None,
        }
    }

    /// A WebSocket API without stages.
    pub fn websocket(name: impl Into<String>) -> Self {
        Self { protocol: Protocol::WebSocket, ..Self::new(name) }
    }

    /// The API's id; by default ten letters and digits derived from account, region and name.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// The API's description.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// The version identifier.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// When the API was made; by default 2024-01-15 09:00 UTC.
    #[must_use]
    pub fn created(mut self, at: impl Moment) -> Self {
        self.created = Some(at.moment());
        self
    }

    /// The `apiEndpoint` to answer instead of AWS's.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Switches the default `execute-api` address off.
    #[must_use]
    pub fn execute_api_disabled(mut self) -> Self {
        self.disable_execute_api = true;
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Adds a stage, by name or whole; by name it has a deployment, and `$default` deploys automatically.
    #[must_use]
    pub fn stage(mut self, stage: impl Into<HttpStage>) -> Self {
        self.stages.push(stage.into());
        self
    }

    /// Adds a deployment that no stage need point to.
    #[must_use]
    pub fn deployment(mut self, deployment: Deployment) -> Self {
        self.deployments.push(deployment);
        self
    }

    /// Adds a route.
    #[must_use]
    pub fn route(mut self, key: impl Into<String>) -> Self {
        self.routes.push(key.into());
        self
    }

    /// What `ExportApi` answers for every stage.
    #[must_use]
    pub fn specification(mut self, document: Value) -> Self {
        self.specification = Some(document);
        self
    }

    /// Deploys to `stage` at `at`, adding the stage if need be.
    pub fn deploy(&mut self, stage: &str, deployment_id: &str, at: impl Moment) {
        let at = at.moment();
        self.deployments.push(Deployment::new(deployment_id).created(at));
        if let Some(stage) = self.stages.iter_mut().find(|known| known.name == stage) {
            stage.deployment_id = Some(deployment_id.to_owned());
            stage.updated = Some(at);
        } else {
            self.stages.push(HttpStage::new(stage).deployment(deployment_id).created(at));
        }
    }

    /// Fills in what was left out.
    pub(crate) fn settle(&mut self) {
        let created = *self.created.get_or_insert_with(derive::default_created);
        for stage in &mut self.stages {
            let stage_created = *stage.created.get_or_insert(created + Duration::from_hours(1));
            stage.updated.get_or_insert(stage_created);
            if stage.deployment_id.as_deref() == Some("") {
                stage.deployment_id = Some(derive::id(6, &[&self.id, &stage.name]));
            }
            if let Some(id) = &stage.deployment_id
                && !self.deployments.iter().any(|known| known.id == *id)
            {
                let deployment = Deployment::new(id).created(stage_created);
                self.deployments.push(Deployment { auto_deployed: stage.auto_deploy, ..deployment });
            }
        }
        self.stages.sort_by(|a, b| a.name.cmp(&b.name));
        self.deployments.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

/// A stage of an HTTP or WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct HttpStage {
    pub name: String,
    /// Absent = never deployed; empty until the API enters a region = derived then.
    pub deployment_id: Option<String>,
    pub auto_deploy: bool,
    /// By default an hour after the API was made.
    pub created: Option<DateTime<Utc>>,
    /// By default when the stage was made.
    pub updated: Option<DateTime<Utc>>,
}

impl HttpStage {
    /// A stage with a deployment of its own; it deploys automatically if it is `$default`, as quick create makes it.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let auto_deploy = name == "$default";
        Self { name, deployment_id: Some(String::new()), auto_deploy, created: None, updated: None }
    }

    /// A stage that points to no deployment and does not deploy automatically.
    pub fn undeployed(name: impl Into<String>) -> Self {
        Self { name: name.into(), deployment_id: None, auto_deploy: false, created: None, updated: None }
    }

    /// The deployment that the stage points to; it is added to the API if it is not there.
    #[must_use]
    pub fn deployment(mut self, id: impl Into<String>) -> Self {
        self.deployment_id = Some(id.into());
        self
    }

    /// Whether changes deploy by themselves; an undeployed stage stays without a deployment id.
    #[must_use]
    pub fn auto_deploy(mut self, on: bool) -> Self {
        self.auto_deploy = on;
        self
    }

    /// When the stage was made.
    #[must_use]
    pub fn created(mut self, at: impl Moment) -> Self {
        self.created = Some(at.moment());
        self
    }

    /// When the stage was last changed, by a deployment or otherwise.
    #[must_use]
    pub fn updated(mut self, at: impl Moment) -> Self {
        self.updated = Some(at.moment());
        self
    }
}

impl From<&str> for HttpStage {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for HttpStage {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}
