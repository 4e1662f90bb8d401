//! What exists in the simulated AWS, as plain data: who may call, what is there, how slow it is, what goes wrong.
//!
//! Builder methods take and return the world; `add_…`, `set_…` and `remove_…` do the same to a world that is being served.

mod derive;
mod domain;
mod fleet;
mod http;
mod identity;
mod policy;
mod region;
mod rest;
mod usage_plan;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use derive::Moment;
pub(crate) use derive::id as derived_id;
pub use domain::{Domain, Mapping, RoutingRule};
pub use fleet::Fleet;
pub use http::{HttpApi, HttpStage, Protocol};
pub use identity::{Account, AccountFields, AccountState, Role, User};
pub(crate) use identity::{Identities, Organization, split_role_arn};
pub use policy::Policy;
pub use region::Region;
pub use rest::{RestApi, RestStage};
pub use usage_plan::{ApiKey, UsagePlan};

use crate::fault::Fault;
use crate::throttle::Throttle;

/// Where an API or a domain answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own words")]
pub enum EndpointType {
    Edge,
    Regional,
    Private,
}

impl EndpointType {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "EDGE",
            Self::Regional => "REGIONAL",
            Self::Private => "PRIVATE",
        }
    }
}

/// How a v2 deployment ended; v1 has no such member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own words")]
pub enum DeploymentStatus {
    Pending,
    Failed,
    Deployed,
}

impl DeploymentStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Failed => "FAILED",
            Self::Deployed => "DEPLOYED",
        }
    }
}

/// A deployment of either family.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct Deployment {
    pub id: String,
    pub created: DateTime<Utc>,
    pub status: DeploymentStatus,
    pub auto_deployed: bool,
}

impl Deployment {
    /// A successful deployment, made when APIs are made by default.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            created: derive::default_created(),
            status: DeploymentStatus::Deployed,
            auto_deployed: false,
        }
    }

    /// When it was made.
    #[must_use]
    pub fn created(mut self, at: impl Moment) -> Self {
        self.created = at.moment();
        self
    }

    /// How it ended.
    #[must_use]
    pub fn status(mut self, status: DeploymentStatus) -> Self {
        self.status = status;
        self
    }
}

/// Everything that a simulator serves.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) partition: String,
    pub(crate) identities: Identities,
    pub(crate) account_fields: AccountFields,
    pub(crate) paths_told: bool,
    pub(crate) fleet: Option<Fleet>,
    pub(crate) enabled_regions: BTreeSet<String>,
    pub(crate) disabled_regions: BTreeSet<(String, String)>,
    pub(crate) list_regions_denied: bool,
    pub(crate) latency: Duration,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) session_length: Option<Duration>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) faults: Vec<Fault>,
    /// By account, then region.
    regions: HashMap<String, BTreeMap<String, Region>>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// An empty world: no keys, no accounts, no delay, no quota.
    pub fn new() -> Self {
        Self {
            partition: "aws".to_owned(),
            identities: Identities::default(),
            account_fields: AccountFields::default(),
            paths_told: true,
            fleet: None,
            enabled_regions: BTreeSet::new(),
            disabled_regions: BTreeSet::new(),
            list_regions_denied: false,
            latency: Duration::ZERO,
            throttle: None,
            session_length: None,
            policies: Vec::new(),
            faults: Vec::new(),
            regions: HashMap::new(),
        }
    }

    /// The partition in ARNs; `aws` by default.
    #[must_use]
    pub fn partition(mut self, partition: impl Into<String>) -> Self {
        self.partition = partition.into();
        self
    }

    /// Makes the accounts an organization with this management account, which is added if it is not there.
    #[must_use]
    pub fn organization(mut self, management_account: impl Into<String>) -> Self {
        let management_account = management_account.into();
        self.identities
            .accounts
            .entry(management_account.clone())
            .or_insert_with(|| Account::new(&management_account).name("management"));
        self.identities.organization = Some(Organization { management_account, delegated_administrators: Vec::new() });
        self
    }

    /// Lets a member account call Organizations too. Does nothing without an organization.
    #[must_use]
    pub fn delegated_administrator(mut self, account: impl Into<String>) -> Self {
        if let Some(organization) = &mut self.identities.organization {
            organization.delegated_administrators.push(account.into());
        }
        self
    }

    /// Adds an account to the organization, in place of one with the same id.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.add_account(account);
        self
    }

    /// Which members tell an account's state.
    #[must_use]
    pub fn account_fields(mut self, fields: AccountFields) -> Self {
        self.account_fields = fields;
        self
    }

    /// Leaves an account's `Paths` out, as AWS did before it had them.
    #[must_use]
    pub fn without_paths(mut self) -> Self {
        self.paths_told = false;
        self
    }

    /// Adds a user's long-lived access key.
    #[must_use]
    pub fn user(self, access_key: impl Into<String>, account: impl Into<String>) -> Self {
        self.user_with(User::new(access_key, account))
    }

    /// Adds a user.
    #[must_use]
    pub fn user_with(mut self, user: User) -> Self {
        self.add_user(user);
        self
    }

    /// Adds a role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.add_role(role);
        self
    }

    /// Adds a role to every account of the organization, present and future; its `arn` is the name with path.
    #[must_use]
    pub fn role_everywhere(mut self, role: Role) -> Self {
        self.identities.common_roles.insert(role.arn.clone(), role);
        self
    }

    /// Takes a role away, also from one account that has it like every other.
    #[must_use]
    pub fn without_role(mut self, arn: &str) -> Self {
        self.remove_role(arn);
        self
    }

    /// Adds a REST API.
    #[must_use]
    pub fn rest(mut self, account: &str, region: &str, api: RestApi) -> Self {
        self.region(account, region).add_rest(api);
        self
    }

    /// Adds an HTTP or WebSocket API.
    #[must_use]
    pub fn http(mut self, account: &str, region: &str, api: HttpApi) -> Self {
        self.region(account, region).add_http(api);
        self
    }

    /// Adds a custom domain.
    #[must_use]
    pub fn domain(mut self, account: &str, region: &str, domain: Domain) -> Self {
        self.region(account, region).add_domain(domain);
        self
    }

    /// Adds a usage plan.
    #[must_use]
    pub fn usage_plan(mut self, account: &str, region: &str, plan: UsagePlan) -> Self {
        self.region(account, region).add_usage_plan(plan);
        self
    }

    /// The regions that `ListRegions` answers as enabled; by default those in which the account has something.
    #[must_use]
    pub fn enabled_regions<'a>(mut self, regions: impl IntoIterator<Item = &'a str>) -> Self {
        self.enabled_regions = regions.into_iter().map(str::to_owned).collect();
        self
    }

    /// Switches a region off for an account: its keys are unknown there, also to the region's STS.
    #[must_use]
    pub fn disabled_region(mut self, account: &str, region: &str) -> Self {
        self.disabled_regions.insert((account.to_owned(), region.to_owned()));
        self
    }

    /// Denies `account:ListRegions` to everybody.
    #[must_use]
    pub fn list_regions_denied(mut self) -> Self {
        self.list_regions_denied = true;
        self
    }

    /// How long every answer takes.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// The quota on API Gateway calls.
    #[must_use]
    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.throttle = Some(throttle);
        self
    }

    /// How long sessions of `AssumeRole` really last, whatever was asked for.
    #[must_use]
    pub fn session_length(mut self, length: Duration) -> Self {
        self.session_length = Some(length);
        self
    }

    /// Says what principals may do at API Gateway; several that concern one add up.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }

    /// Adds something that goes wrong.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Applies builder methods to a world that is being served.
    pub fn apply(&mut self, change: impl FnOnce(Self) -> Self) {
        *self = change(std::mem::take(self));
    }

    /// What an account has in a region, to be changed.
    pub fn region(&mut self, account: &str, region: &str) -> &mut Region {
        let fleet = self.fleet;
        self.regions
            .entry(account.to_owned())
            .or_default()
            .entry(region.to_owned())
            .or_insert_with(|| fleet.map_or_else(|| Region::new(account, region), |fleet| fleet.make(account, region)))
    }

    /// Adds an account to the organization, in place of one with the same id.
    pub fn add_account(&mut self, account: Account) {
        self.identities.accounts.insert(account.id.clone(), account);
    }

    /// Adds a user.
    pub fn add_user(&mut self, user: User) {
        self.identities.users.insert(user.access_key.clone(), user);
    }

    /// Takes an account out of the organization.
    pub fn remove_account(&mut self, id: &str) {
        self.identities.accounts.remove(id);
    }

    /// Changes an account's state; its roles can be assumed only while it is active.
    pub fn set_account_state(&mut self, id: &str, state: AccountState) {
        if let Some(account) = self.identities.accounts.get_mut(id) {
            account.state = state;
        }
    }

    /// Takes an access key away.
    pub fn remove_user(&mut self, access_key: &str) {
        self.identities.users.remove(access_key);
    }

    /// Takes a role away, also from one account that has it like every other.
    pub fn remove_role(&mut self, arn: &str) {
        self.identities.roles.remove(arn);
        self.identities.removed_roles.push(arn.to_owned());
    }

    /// Adds a role, or brings one back.
    pub fn add_role(&mut self, role: Role) {
        self.identities.removed_roles.retain(|removed| *removed != role.arn);
        self.identities.roles.insert(role.arn.clone(), role);
    }

    /// Switches a region off or on for an account.
    pub fn set_region_disabled(&mut self, account: &str, region: &str, disabled: bool) {
        let key = (account.to_owned(), region.to_owned());
        if disabled {
            self.disabled_regions.insert(key);
        } else {
            self.disabled_regions.remove(&key);
        }
    }

    /// How long every answer takes from now on.
    pub fn set_latency(&mut self, latency: Duration) {
        self.latency = latency;
    }

    /// The quota from now on; none = no limit.
    pub fn set_throttle(&mut self, throttle: Option<Throttle>) {
        self.throttle = throttle;
    }

    /// Adds something that goes wrong from now on.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// From now on nothing goes wrong.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Whether a principal may do this at API Gateway.
    pub(crate) fn permits(&self, arn: &str, action: &str, path: &str) -> bool {
        let mut policies = self.policies.iter().filter(|policy| policy.concerns(arn)).peekable();
        policies.peek().is_none() || policies.any(|policy| policy.allows(action, path))
    }

    /// Whether a region is switched off for an account.
    pub(crate) fn is_disabled(&self, account: &str, region: &str) -> bool {
        !self.disabled_regions.is_empty() && self.disabled_regions.contains(&(account.to_owned(), region.to_owned()))
    }

    /// The regions in which an account has something.
    pub(crate) fn used_regions(&self, account: &str) -> impl Iterator<Item = &str> {
        let regions = self.regions.get(account).into_iter().flatten();
        regions.filter(|(_, region)| !region.is_empty()).map(|(name, _)| name.as_str())
    }
}
