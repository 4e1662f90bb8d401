//! Accounts that were closed or left the organization: what was known there is held, and gone after a while.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::discovery::Entrance;
use crate::inventory::{AccountTrouble, Scope, ScopeState, Trouble};
use crate::registry::ScopeStatus;

/// What was known of a connection's accounts before a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The scopes that were looked at, by account.
    pub(super) scopes: BTreeMap<String, BTreeSet<Scope>>,
    names: BTreeMap<String, String>,
    closed_since: BTreeMap<String, DateTime<Utc>>,
}

/// A scope of a closed account.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) scope: Scope,
    pub(super) account_name: Option<String>,
    pub(super) since: DateTime<Utc>,
    pub(super) trouble: Trouble,
}

impl Standing {
    /// Of how the last looks ended.
    pub(super) fn of(rows: Vec<ScopeStatus>) -> Self {
        let mut standing = Self::default();
        for row in rows {
            let Some(account_id) = row.account_id else { continue };
            if let Some(name) = row.account_name {
                standing.names.insert(account_id.clone(), name);
            }
            if row.state == ScopeState::AccountSuspended {
                let since = standing.closed_since.entry(account_id.clone()).or_insert(row.since);
                *since = row.since.min(*since);
            }
            if let (Some(region), Some(family)) = (row.region, row.family) {
                let scope = Scope { partition: row.partition, account_id: account_id.clone(), region, family };
                standing.scopes.entry(account_id).or_default().insert(scope);
            }
        }
        standing
    }

    /// The accounts that were looked at and are in the organization no more. Only a whole list of its accounts says so.
    pub(super) fn departed(&self, entrance: &Entrance) -> Vec<AccountTrouble> {
        let Some(members) = &entrance.members else { return Vec::new() };
        // Where none is left it is another organization, of which these accounts never were.
        if !self.scopes.keys().any(|account_id| members.contains(account_id)) {
            return Vec::new();
        }
        let gone = self.scopes.keys().filter(|account_id| !members.contains(*account_id));
        let trouble = |account_id: &String| AccountTrouble {
            account_id: Some(account_id.clone()),
            account_name: self.names.get(account_id).cloned(),
            trouble: Trouble {
                state: ScopeState::AccountSuspended,
                cause: "the account is not in the organization any more".to_owned(),
                hint: None,
            },
            meant: false,
        };
        gone.map(trouble).collect()
    }

    /// What is known in an account that is closed now.
    pub(super) fn closed(&self, account: &AccountTrouble, now: DateTime<Utc>) -> Vec<Closed> {
        let Some(account_id) = account.account_id.as_ref() else { return Vec::new() };
        if account.trouble.state != ScopeState::AccountSuspended {
            return Vec::new();
        }
        let since = self.closed_since.get(account_id).copied().unwrap_or(now);
        let closed = |scope: &Scope| Closed {
            scope: scope.clone(),
            account_name: account.account_name.clone(),
            since,
            trouble: account.trouble.clone(),
        };
        self.scopes.get(account_id).into_iter().flatten().map(closed).collect()
    }
}
