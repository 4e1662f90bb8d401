//! What one identity or role must be allowed, and the statements that say so.
//!
//! Actions and resources: AWS Service Authorization Reference, "Amazon API Gateway Management" and "Management V2", "AWS STS", "AWS
//! Organizations", "AWS Account Management". `sts:GetCallerIdentity` needs no permission.

use std::collections::BTreeSet;

use super::node::Node;
use crate::config::regions::account_management;
use crate::config::{Regions, Wants};

/// In which regions something is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// By name.
    pub(super) named: BTreeSet<String>,
    /// Every region, by whatever `all` leaves of them: a resource cannot say "all but".
    pub(super) all: bool,
}

/// What one identity or role must be allowed, in one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    /// Where it reads API Gateway.
    pub(super) reading: Reading,
    /// Where it reads usage plans, for an integration.
    pub(super) plans: Reading,
    /// Where it lists API keys, to find those that were left behind.
    pub(super) key_list: Reading,
    /// Where it makes API keys, puts them into usage plans and deletes them.
    pub(super) subscriptions: Reading,
    /// Roles that it assumes; ARNs, maybe with `*` for the account.
    pub(super) assumes: BTreeSet<String>,
    /// Whether it lists the accounts of its organization.
    pub(super) lists_accounts: bool,
}

impl Reading {
    fn add(&mut self, regions: &Regions) {
        match regions {
            Regions::Named(names) => self.named.extend(names.iter().cloned()),
            Regions::All { .. } => self.all = true,
        }
    }

    /// The regions as resources name them.
    fn regions(&self) -> Vec<&str> {
        if self.all { vec!["*"] } else { self.named.iter().map(String::as_str).collect() }
    }
}

impl Rights {
    /// Adds reading API Gateway in these regions, and what integrations need there besides.
    pub(super) fn read(&mut self, regions: &Regions, wants: Wants) {
        self.reading.add(regions);
        for (wanted, where_to) in [
            (wants.plans, &mut self.plans),
            (wants.key_list, &mut self.key_list),
            (wants.subscriptions, &mut self.subscriptions),
        ] {
            if wanted {
                where_to.add(regions);
            }
        }
    }

    /// Whether it changes anything.
    pub(super) fn writes(&self) -> bool {
        self.subscriptions != Reading::default()
    }

    /// The statements, each with a name of its own.
    ///
    /// Only reads and `sts:AssumeRole`, but for subscriptions: `tests::only_subscriptions_write` holds it to that.
    pub(super) fn statements(&self, partition: &str) -> Vec<Node> {
        let mut statements = Vec::new();
        let regions = self.reading.regions();
        if !regions.is_empty() {
            statements.push(allow("ReadApis", "apigateway:GET", resources(partition, &regions, &READ)));
            // Optional: without it a run sees less, and says so.
            let rules = resources(partition, &regions, &[ROUTING_RULES]);
            statements.push(allow("ReadRoutingRules", "apigateway:ListRoutingRules", rules));
        }
        for (sid, action, on, paths) in [
            // Methods and exports are below `/restapis/*`, which every connection reads.
            ("ReadUsagePlans", "apigateway:GET", &self.plans, &[("", "/usageplans")][..]),
            ("ListApiKeys", "apigateway:GET", &self.key_list, &[("", "/apikeys")]),
            ("MakeApiKeys", "apigateway:POST", &self.subscriptions, &[("", "/apikeys"), ("", "/usageplans/*/keys")]),
            ("DeleteApiKeys", "apigateway:DELETE", &self.subscriptions, &[("", "/apikeys/*")]),
        ] {
            let regions = on.regions();
            if !regions.is_empty() {
                statements.push(allow(sid, action, resources(partition, &regions, paths)));
            }
        }
        if self.reading.all && account_management(partition).is_some() {
            // Optional: without it each region is tried, as where there is nobody to ask. The action's resource is the caller's own account.
            statements.push(allow("ListRegions", "account:ListRegions", ["*".to_owned()]));
        }
        if !self.assumes.is_empty() {
            statements.push(allow("AssumeRoles", "sts:AssumeRole", self.assumes.iter().cloned()));
        }
        if self.lists_accounts {
            statements.push(allow("ListAccounts", "organizations:ListAccounts", ["*".to_owned()]));
        }
        statements
    }
}

/// Account field and path of everything that is read. The bare collections are what listing asks for; `/*` does not cover them. Private
/// domains have an account and an id after a `+`, which no public name can hold.
const READ: [(&str, &str); 7] = [
    ("", "/restapis"),
    ("", "/restapis/*"),
    ("", "/apis"),
    ("", "/apis/*"),
    ("", "/domainnames"),
    ("", "/domainnames/*"),
    ("*", "/domainnames/*+*"),
];

/// Routing rules have an action and a resource of their own, with an account.
const ROUTING_RULES: (&str, &str) = ("*", "/domainnames/*/routingrules/*");

fn resources(partition: &str, regions: &[&str], of: &[(&str, &str)]) -> Vec<String> {
    let in_region = |region: &str| {
        let region = region.to_owned();
        of.iter().map(move |(account, path)| format!("arn:{partition}:apigateway:{region}:{account}:{path}"))
    };
    regions.iter().flat_map(|region| in_region(region)).collect()
}

fn allow(sid: &str, action: &str, resources: impl IntoIterator<Item = String>) -> Node {
    Node::map([
        ("Sid", sid.into()),
        ("Effect", "Allow".into()),
        ("Action", action.into()),
        ("Resource", Node::one_or_more(resources)),
    ])
}
