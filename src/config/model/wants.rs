//! What integrations need in AWS of the connections whose APIs they offer, beside what a run reads.

use std::collections::BTreeMap;

use super::{Config, IntegrationKind};

/// What integrations need in AWS of one connection. Of several that offer its APIs, everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Usage plans and the methods of REST APIs are read: an integration offers the connection's APIs.
    pub plans: bool,
    /// API keys are made, put into usage plans and deleted: subscriptions are switched on.
    pub subscriptions: bool,
    /// API keys are listed, to find those that a crash left behind.
    pub key_list: bool,
    /// Nothing but REST APIs is needed: no schedule and no target is there to see anything else, and every API that is offered must be in
    /// a usage plan, which HTTP APIs cannot be.
    pub rest_only: bool,
}

/// What integrations need of each connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllWants(BTreeMap<String, Wants>);

impl AllWants {
    /// Of the connection with this name; nothing where no integration offers its APIs.
    #[must_use]
    pub fn of(&self, connection: &str) -> Wants {
        self.0.get(connection).copied().unwrap_or_default()
    }
}

impl Config {
    /// What the integrations need of each connection.
    #[must_use]
    pub fn wants(&self) -> AllWants {
        let mut all: BTreeMap<String, Wants> = BTreeMap::new();
        for integration in self.integrations.values() {
            let IntegrationKind::Gravitee(gravitee) = &integration.kind;
            for connection in gravitee.connections.iter().filter_map(|name| self.connections.get(name)) {
                let only_offered = connection.auto_onboard.is_none() && connection.targets.is_empty();
                let wants =
                    all.entry(connection.name.clone()).or_insert(Wants { rest_only: only_offered, ..Wants::default() });
                wants.plans = true;
                wants.subscriptions |= gravitee.subscriptions;
                wants.key_list |= gravitee.read_api_keys;
                wants.rest_only &= !gravitee.accept_api_without_usage_plan;
            }
        }
        AllWants(all)
    }
}
