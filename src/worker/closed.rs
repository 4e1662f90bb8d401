//! Accounts that were closed or left the organization: what was known there is held, and gone after a while.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::config::{CentralRole, Connection, Credentials};
use crate::discovery::{Entrance, Organization};
use crate::inventory::{AccountTrouble, Scope, ScopeState, Trouble};
use crate::registry::{Member, ScopeStatus};

/// What was known of a connection's accounts before a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The scopes that were looked at, by account.
    pub(super) scopes: BTreeMap<String, BTreeSet<Scope>>,
    members: BTreeMap<String, Member>,
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
    /// Of how the last looks ended, and of who was a member when the organization was listed last.
    pub(super) fn of(rows: Vec<ScopeStatus>, members: Vec<Member>) -> Self {
        let mut standing = Self::default();
        for row in rows {
            if let (Some(account_id), Some(region), Some(family)) = (row.account_id, row.region, row.family) {
                let scope = Scope { partition: row.partition, account_id: account_id.clone(), region, family };
                standing.scopes.entry(account_id).or_default().insert(scope);
            }
        }
        standing.members = members.into_iter().map(|member| (member.account_id.clone(), member)).collect();
        standing
    }

    /// The regions of an account that were looked at.
    pub(super) fn regions(&self, account_id: &str) -> BTreeSet<String> {
        self.scopes.get(account_id).into_iter().flatten().map(|scope| scope.region.clone()).collect()
    }

    /// The accounts that were in this organization and are not any more. Only a whole list of its accounts says so, and nothing of those
    /// that the file leaves out meanwhile.
    pub(super) fn departed(&self, connection: &Connection, entrance: &Entrance) -> Vec<AccountTrouble> {
        let (Some(Organization { id, accounts }), Some(role)) = (&entrance.organization, central_role(connection))
        else {
            return Vec::new();
        };
        let left = |member: &&Member| {
            member.organization == *id && !accounts.contains(&member.account_id) && role.takes(&member.account_id)
        };
        let trouble = |member: &Member| AccountTrouble {
            account_id: Some(member.account_id.clone()),
            account_name: member.name.clone(),
            trouble: Trouble {
                state: ScopeState::AccountSuspended,
                cause: "the account is not in the organization any more".to_owned(),
                hint: None,
            },
            meant: false,
        };
        self.members.values().filter(left).map(trouble).collect()
    }

    /// Who is a member now, and since when some are closed: `shut` are those, and those that left.
    pub(super) fn members(&self, entrance: &Entrance, shut: &[AccountTrouble], now: DateTime<Utc>) -> Vec<Member> {
        let Some(Organization { id, .. }) = &entrance.organization else { return Vec::new() };
        let member = |account_id: &str, name: &Option<String>, closed_since| Member {
            account_id: account_id.to_owned(),
            organization: id.clone(),
            name: name.clone(),
            closed_since,
        };
        let open = entrance.doors.iter().map(|door| member(&door.account_id, &door.account_name, None));
        let closed = shut.iter().filter_map(|account| {
            let account_id = account.account_id.as_deref()?;
            Some(member(account_id, &account.account_name, Some(self.closed_since(account_id, now))))
        });
        open.chain(closed).collect()
    }

    fn closed_since(&self, account_id: &str, now: DateTime<Utc>) -> DateTime<Utc> {
        self.members.get(account_id).and_then(|member| member.closed_since).unwrap_or(now)
    }

    /// What is known in an account that is closed now.
    pub(super) fn closed(&self, account: &AccountTrouble, now: DateTime<Utc>) -> Vec<Closed> {
        let Some(account_id) = account.account_id.as_ref() else { return Vec::new() };
        if account.trouble.state != ScopeState::AccountSuspended {
            return Vec::new();
        }
        let closed = |scope: &Scope| Closed {
            scope: scope.clone(),
            account_name: account.account_name.clone(),
            since: self.closed_since(account_id, now),
            trouble: account.trouble.clone(),
        };
        self.scopes.get(account_id).into_iter().flatten().map(closed).collect()
    }
}

fn central_role(connection: &Connection) -> Option<&CentralRole> {
    match &connection.credentials {
        Credentials::CentralRole(role) => Some(role),
        _ => None,
    }
}
