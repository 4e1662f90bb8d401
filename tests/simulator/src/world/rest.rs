//! REST APIs (v1) and their stages.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::derive::{self, Moment};
use super::{Deployment, EndpointType};

/// A REST API. What is left out gets a default when the API enters a [`Region`](super::Region).
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct RestApi {
    /// Empty until the API enters a region, unless it was given.
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub version: Option<String>,
    pub created: Option<DateTime<Utc>>,
    pub endpoint_type: EndpointType,
    pub vpc_endpoint_ids: Vec<String>,
    pub disable_execute_api: bool,
    pub tags: BTreeMap<String, String>,
    pub stages: Vec<RestStage>,
    pub deployments: Vec<Deployment>,
    /// What `GetExport` answers; absent = a small `OpenAPI` 3.0 document, null = 400, not exportable.
    pub specification: Option<Value>,
    /// Path, HTTP method and whether it needs an API key. None = one `GET` of a path made of the name.
    pub methods: Vec<(String, String, bool)>,
    /// Whether every method needs an API key, whatever it says itself.
    pub every_method_needs_key: bool,
}

impl RestApi {
    /// A Regional API without stages.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            name: name.into(),
            description: None,
            version: None,
            created: None,
            endpoint_type: EndpointType::Regional,
            vpc_endpoint_ids: Vec::new(),
            disable_execute_api: false,
            tags: BTreeMap::new(),
            stages: Vec::new(),
            deployments: Vec::new(),
            specification: None,
            methods: Vec::new(),
            every_method_needs_key: false,
        }
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

    /// Edge, Regional (the default) or private.
    #[must_use]
    pub fn endpoint(mut self, endpoint: EndpointType) -> Self {
        self.endpoint_type = endpoint;
        self
    }

    /// Makes the API private, reached through this VPC endpoint.
    #[must_use]
    pub fn vpc_endpoint(mut self, id: impl Into<String>) -> Self {
        self.endpoint_type = EndpointType::Private;
        self.vpc_endpoint_ids.push(id.into());
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

    /// Adds a stage, by name or whole, together with the deployment that it points to.
    #[must_use]
    pub fn stage(mut self, stage: impl Into<RestStage>) -> Self {
        self.stages.push(stage.into());
        self
    }

    /// Adds a deployment that no stage need point to.
    #[must_use]
    pub fn deployment(mut self, deployment: Deployment) -> Self {
        self.deployments.push(deployment);
        self
    }

    /// What `GetExport` answers for every stage.
    #[must_use]
    pub fn specification(mut self, document: Value) -> Self {
        self.specification = Some(document);
        self
    }

    /// Adds a method, by path and HTTP method, that needs an API key or does not.
    #[must_use]
    pub fn method(mut self, path: impl Into<String>, method: impl Into<String>, needs_key: bool) -> Self {
        self.methods.push((path.into(), method.into(), needs_key));
        self
    }

    /// Has every method need an API key.
    #[must_use]
    pub fn needs_key(mut self) -> Self {
        self.every_method_needs_key = true;
        self
    }

    /// Deploys to `stage` at `at`, adding the stage if need be.
    pub fn deploy(&mut self, stage: &str, deployment_id: &str, at: impl Moment) {
        let at = at.moment();
        self.deployments.push(Deployment::new(deployment_id).created(at));
        if let Some(stage) = self.stages.iter_mut().find(|known| known.name == stage) {
            deployment_id.clone_into(&mut stage.deployment_id);
            stage.updated = Some(at);
        } else {
            self.stages.push(RestStage::new(stage).deployment(deployment_id).created(at));
        }
    }

    /// Fills in what was left out.
    pub(crate) fn settle(&mut self) {
        let created = *self.created.get_or_insert_with(derive::default_created);
        for stage in &mut self.stages {
            let stage_created = *stage.created.get_or_insert(created + Duration::from_hours(1));
            stage.updated.get_or_insert(stage_created);
            if stage.deployment_id.is_empty() {
                stage.deployment_id = derive::id(6, &[&self.id, &stage.name]);
            }
            for id in [Some(&stage.deployment_id), stage.canary.as_ref()].into_iter().flatten() {
                if !self.deployments.iter().any(|known| known.id == *id) {
                    self.deployments.push(Deployment::new(id).created(stage_created));
                }
            }
        }
        self.deployments.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

/// A stage of a REST API. It always points to a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct RestStage {
    pub name: String,
    /// Empty until the API enters a region, unless it was given.
    pub deployment_id: String,
    /// By default an hour after the API was made.
    pub created: Option<DateTime<Utc>>,
    /// By default when the stage was made.
    pub updated: Option<DateTime<Utc>>,
    /// The deployment of the canary, if the stage has one.
    pub canary: Option<String>,
}

impl RestStage {
    /// A stage with a deployment of its own, an hour after the API was made.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), deployment_id: String::new(), created: None, updated: None, canary: None }
    }

    /// The deployment that the stage points to; it is added to the API if it is not there.
    #[must_use]
    pub fn deployment(mut self, id: impl Into<String>) -> Self {
        self.deployment_id = id.into();
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

    /// Adds a canary that points to this deployment.
    #[must_use]
    pub fn canary(mut self, deployment_id: impl Into<String>) -> Self {
        self.canary = Some(deployment_id.into());
        self
    }
}

impl From<&str> for RestStage {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for RestStage {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}
