//! Custom domains, their mappings and routing rules.

use std::collections::BTreeMap;

use super::EndpointType;

/// A custom domain. v1 lists every one, v2 all but the private ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct Domain {
    pub name: String,
    /// `domainNameId`; private domains have one, and several may share a name.
    pub id: Option<String>,
    pub endpoint_type: EndpointType,
    /// `AVAILABLE`, `UPDATING`, `PENDING`, ….
    pub status: String,
    /// As v1 spells it: `BASE_PATH_MAPPING_ONLY`, `ROUTING_RULE_ONLY` or `ROUTING_RULE_THEN_BASE_PATH_MAPPING`.
    pub routing_mode: String,
    pub tags: BTreeMap<String, String>,
    pub mappings: Vec<Mapping>,
    pub rules: Vec<RoutingRule>,
}

impl Domain {
    /// A Regional domain without mappings.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            id: None,
            endpoint_type: EndpointType::Regional,
            status: "AVAILABLE".to_owned(),
            routing_mode: "BASE_PATH_MAPPING_ONLY".to_owned(),
            tags: BTreeMap::new(),
            mappings: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// An edge-optimised domain.
    pub fn edge(name: impl Into<String>) -> Self {
        Self { endpoint_type: EndpointType::Edge, ..Self::new(name) }
    }

    /// A private domain with its `domainNameId`.
    pub fn private(name: impl Into<String>, id: impl Into<String>) -> Self {
        Self { endpoint_type: EndpointType::Private, id: Some(id.into()), ..Self::new(name) }
    }

    /// `AVAILABLE` (the default), `UPDATING`, `PENDING_CERTIFICATE_REIMPORT`, ….
    #[must_use]
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.status = status.into();
        self
    }

    /// The routing mode as v1 spells it.
    #[must_use]
    pub fn routing_mode(mut self, mode: impl Into<String>) -> Self {
        self.routing_mode = mode.into();
        self
    }

    /// Maps a path (`""` is the root, slashes make it multi-level) to a stage of an API.
    #[must_use]
    pub fn mapping(mut self, path: impl Into<String>, api: impl Into<String>, stage: impl Into<String>) -> Self {
        self.mappings.push(Mapping { path: path.into(), api: api.into(), stage: Some(stage.into()) });
        self
    }

    /// Maps a path to an API and leaves the stage to the caller's path, as v1 allows.
    #[must_use]
    pub fn mapping_of_every_stage(mut self, path: impl Into<String>, api: impl Into<String>) -> Self {
        self.mappings.push(Mapping { path: path.into(), api: api.into(), stage: None });
        self
    }

    /// Adds a routing rule.
    #[must_use]
    pub fn rule(mut self, rule: RoutingRule) -> Self {
        self.rules.push(rule);
        self
    }
}

/// A base path mapping (v1) or API mapping (v2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct Mapping {
    /// Without slashes at its ends; empty is the root, which v1 answers as `(none)` and v2 as the empty text.
    pub path: String,
    pub api: String,
    pub stage: Option<String>,
}

/// A routing rule: at most one path condition and two header conditions, and the REST API stage it invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct RoutingRule {
    pub priority: u32,
    pub base_paths: Vec<String>,
    /// Header name and glob of its value.
    pub headers: Vec<(String, String)>,
    pub api: String,
    pub stage: String,
    pub strip_base_path: bool,
}

impl RoutingRule {
    /// A rule without conditions, which matches everything.
    pub fn new(priority: u32, api: impl Into<String>, stage: impl Into<String>) -> Self {
        Self {
            priority,
            base_paths: Vec::new(),
            headers: Vec::new(),
            api: api.into(),
            stage: stage.into(),
            strip_base_path: false,
        }
    }

    /// Adds a base path to the rule's path condition.
    #[must_use]
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.base_paths.push(path.into());
        self
    }

    /// Adds a header condition.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value_glob: impl Into<String>) -> Self {
        self.headers.push((name.into(), value_glob.into()));
        self
    }

    /// Strips the matched base path before the API sees the request.
    #[must_use]
    pub fn strip_base_path(mut self) -> Self {
        self.strip_base_path = true;
        self
    }
}
