//! An API as a listing gave it, before its stages and addresses are known; the same form for both families.

use std::collections::{BTreeMap, HashMap};

use aws_smithy_types::DateTime as AwsDateTime;
use chrono::{DateTime, SubsecRound, Utc};

use super::classify::Failure;
use crate::inventory::{Api, ApiId, Details, Instance, Protocol, Stage};

/// One listed API.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) api_id: String,
    pub(super) protocol: Protocol,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) version: Option<String>,
    pub(super) endpoint_type: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_at: Option<DateTime<Utc>>,
    pub(super) endpoint: Endpoint,
}

impl Listed {
    /// The API, with what was read of it besides.
    pub(super) fn api(self, id: ApiId, details: Details, instances: Vec<Instance>) -> Api {
        Api {
            id,
            protocol: self.protocol,
            name: self.name,
            description: self.description,
            version: self.version,
            endpoint_type: self.endpoint_type,
            tags: self.tags,
            created_at: self.created_at,
            details,
            instances,
        }
    }
}

/// What a listing says about an API's own address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `disableExecuteApiEndpoint`.
    pub(super) disabled: bool,
    /// Reached through VPC endpoints only.
    pub(super) private: bool,
    /// The VPC endpoints that were associated with it.
    pub(super) vpc_endpoint_ids: Vec<String>,
    /// v2's `ApiEndpoint`: scheme and host.
    pub(super) given: Option<String>,
}

/// A family's listing; what came before a failure is in it too.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    /// By id: an API that moved between two pages is in it once.
    pub(super) apis: BTreeMap<String, Listed>,
    pub(super) without_list: bool,
    pub(super) failure: Option<Failure>,
}

/// What reading an API's stages brought; `None` where the API was deleted meanwhile.
pub(super) type StagesRead = Option<Result<Vec<Stage>, Failure>>;

/// An instant as the registry keeps it; one that no calendar has is unknown.
pub(super) fn instant(at: Option<&AwsDateTime>) -> Option<DateTime<Utc>> {
    let at = at?;
    DateTime::from_timestamp(at.secs(), at.subsec_nanos()).map(|at| at.trunc_subsecs(3))
}

/// Empty is how some servers write absent.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

pub(super) fn sorted(tags: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default().into_iter().collect()
}

/// By name, each once.
pub(super) fn in_order(mut stages: Vec<Stage>) -> Vec<Stage> {
    stages.sort_by(|a, b| a.name.cmp(&b.name));
    stages.dedup_by(|a, b| a.name == b.name);
    stages
}
