//! Who may call: accounts of an organization, users, roles.

use std::collections::BTreeMap;
use std::time::Duration;

use super::derive;

/// The state of an account in its organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own words")]
pub enum AccountState {
    PendingActivation,
    Active,
    Suspended,
    PendingClosure,
    Closed,
}

impl AccountState {
    /// AWS's word in `State`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
            Self::Closed => "CLOSED",
        }
    }

    /// AWS's word in the older `Status`, which does not know all of them.
    pub fn as_status(self) -> &'static str {
        match self {
            Self::PendingActivation | Self::Active => "ACTIVE",
            Self::Suspended | Self::Closed => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
        }
    }
}

/// Which of the two members that tell an account's state `ListAccounts` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountFields {
    /// `State` and `Status`, as AWS does while both are supported.
    #[default]
    StateAndStatus,
    /// `State` alone.
    State,
    /// `Status` alone, as older stand-ins do.
    Status,
    /// Neither.
    Neither,
}

/// An account of the organization.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct Account {
    pub id: String,
    pub name: String,
    pub email: String,
    pub state: AccountState,
    /// The organizational units above the account, outermost first; empty = directly under the root.
    pub organizational_units: Vec<String>,
}

impl Account {
    /// An active account directly under the root.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            name: format!("account-{id}"),
            email: format!("aws+{id}@example.com"),
            state: AccountState::Active,
            organizational_units: Vec::new(),
            id,
        }
    }

    /// The account's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The account's state.
    #[must_use]
    pub fn state(mut self, state: AccountState) -> Self {
        self.state = state;
        self
    }

    /// Puts the account into an organizational unit; called again, into a unit within that one.
    #[must_use]
    pub fn organizational_unit(mut self, id: impl Into<String>) -> Self {
        self.organizational_units.push(id.into());
        self
    }
}

/// An IAM user's access key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct User {
    pub access_key: String,
    pub account: String,
    pub name: String,
    /// Where present, requests must carry it.
    pub session_token: Option<String>,
}

impl User {
    /// A user called `aboard` with a long-lived key.
    pub fn new(access_key: impl Into<String>, account: impl Into<String>) -> Self {
        Self { access_key: access_key.into(), account: account.into(), name: "aboard".to_owned(), session_token: None }
    }

    /// The user's name, as its ARN has it.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The session token that requests must carry.
    #[must_use]
    pub fn session_token(mut self, token: impl Into<String>) -> Self {
        self.session_token = Some(token.into());
        self
    }
}

/// An IAM role and whom it trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct Role {
    pub arn: String,
    /// Where present, `AssumeRole` must carry the same one.
    pub external_id: Option<String>,
    /// The accounts whose principals may assume the role; absent = any.
    pub trusted_accounts: Option<Vec<String>>,
    /// The longest session that may be asked for.
    pub max_session: Duration,
}

impl Role {
    /// A role that trusts everybody, with sessions of at most one hour.
    pub fn new(arn: impl Into<String>) -> Self {
        Self { arn: arn.into(), external_id: None, trusted_accounts: None, max_session: Duration::from_hours(1) }
    }

    /// The external id that must be sent.
    #[must_use]
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// Trusts this account, and no others but those named the same way.
    #[must_use]
    pub fn trusts(mut self, account: impl Into<String>) -> Self {
        self.trusted_accounts.get_or_insert_default().push(account.into());
        self
    }

    /// The longest session that may be asked for.
    #[must_use]
    pub fn max_session(mut self, length: Duration) -> Self {
        self.max_session = length;
        self
    }
}

/// The organization that the accounts of a world belong to.
#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) management_account: String,
    pub(crate) delegated_administrators: Vec<String>,
}

impl Organization {
    pub(crate) fn id(&self) -> String {
        format!("o-{}", derive::id(10, &[&self.management_account]))
    }

    pub(crate) fn root_id(&self) -> String {
        format!("r-{}", derive::id(4, &[&self.management_account]))
    }
}

/// Users, roles and organization of a world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) organization: Option<Organization>,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) roles: BTreeMap<String, Role>,
    /// Roles that every account of the organization has, by name with path.
    pub(crate) common_roles: BTreeMap<String, Role>,
    pub(crate) removed_roles: Vec<String>,
}

impl Identities {
    /// The role behind an ARN, whether its own or one that every account has.
    pub(crate) fn role(&self, arn: &str) -> Option<&Role> {
        if self.removed_roles.iter().any(|removed| removed == arn) {
            return None;
        }
        self.roles.get(arn).or_else(|| {
            let (account, name) = split_role_arn(arn)?;
            self.accounts.get(account)?;
            self.common_roles.get(name)
        })
    }
}

/// Account and name with path of `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
pub(crate) fn split_role_arn(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(_), Some("iam"), Some("")) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    Some((parts.next()?, parts.next()?.strip_prefix("role/")?))
}
