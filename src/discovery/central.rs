//! The central role: it lists an organization's accounts and enters each by the child role that they have in common.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::future::ProvideCredentials as CredentialsFuture;
use aws_credential_types::provider::{ProvideCredentials, Result as CredentialsResult, SharedCredentialsProvider};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::account::{Account, Identity};
use super::aws::Aws;
use super::classify::{Failure, Kind};
use super::credentials::{self, bad_reference, role_trouble};
use super::organization::{self, Member};
use crate::clock;
use crate::config::{AssumeRole, CentralRole, ManagementAccount};
use crate::inventory::{AccountTrouble, ScopeState, Trouble};
use crate::secret;

/// A session is renewed when this much of it is left.
const RENEW_BEFORE: TimeDelta = TimeDelta::minutes(2);

/// A central role that was assumed.
#[derive(Debug)]
pub(super) struct Central {
    role: CentralRole,
    identity: Identity,
    session: Arc<Kept>,
    /// Asks STS as the central role.
    config: SdkConfig,
    child_external_id: Option<SecretString>,
}

impl Central {
    /// Assumes the central role.
    pub(super) async fn assume(aws: &Aws, role: &CentralRole, regions: &[String]) -> Result<Self, Trouble> {
        let own = as_assume_role(role);
        let child_external_id = role.child_external_id.as_ref();
        let child_external_id = child_external_id.map(|id| secret::resolve_value(id, "child_external_id")).transpose();
        let child_external_id = child_external_id
            .map_err(|error| bad_reference(&credentials::assuming(&own.role_arn.arn), &error).trouble())?;
        let entered = credentials::assume_in(aws, &own, regions).await;
        let (provider, region) = entered.map_err(|failure| role_trouble(&failure, &own.role_arn.arn))?;
        let session = Arc::new(Kept { provider, held: Mutex::default() });
        let shared = SharedCredentialsProvider::new(Shared(Arc::clone(&session)));
        let config = aws.config(shared.clone(), &region);
        let anew = SharedCredentialsProvider::new(Anew(Arc::clone(&session)));
        let identity = Identity::sharing(shared, anew, region);
        Ok(Self { role: role.clone(), identity, session, config, child_external_id })
    }

    /// Its own ARN.
    pub(super) fn arn(&self) -> &str {
        &self.role.role_arn.arn
    }

    fn partition(&self) -> &str {
        &self.role.role_arn.partition
    }

    /// Every account of the organization. Asked once a run.
    pub(super) async fn members(&self, aws: &Aws) -> Result<Vec<Member>, Trouble> {
        organization::members(aws, &self.identity, self.partition()).await
    }

    /// The members that the connection is after; `Err` where that cannot be said.
    pub(super) fn chosen(&self, members: Vec<Member>) -> Result<Vec<Member>, Trouble> {
        let skip = self.role.management_account == ManagementAccount::Skip;
        let members = members.into_iter().filter(|member| !(skip && member.is_management())).collect();
        organization::chosen(&self.role, members)
    }

    /// Enters one account, by the child role or, for the management account, as the file says.
    pub(super) async fn enter(&self, member: &Member) -> Result<Account, AccountTrouble> {
        if member.is_management() && self.role.management_account == ManagementAccount::CentralRole {
            return if self.lives_in(member) { Ok(self.itself(member)) } else { Err(self.lives_elsewhere(member)) };
        }
        let failure = match self.child(member).await {
            Ok(account) => return Ok(account),
            Err(failure) => failure,
        };
        let refused = failure.kind == Kind::Credentials && failure.cause.contains("AccessDenied");
        let auto = member.is_management() && self.role.management_account == ManagementAccount::Auto && refused;
        if auto && self.lives_in(member) {
            let mut account = self.itself(member);
            account.stands_in = true;
            return Ok(account);
        }
        let mut trouble = role_trouble(&failure, &self.child_arn(&member.account_id));
        if auto {
            trouble.hint = Some(format!(
                "service-managed StackSets never deploy into the management account: create {} there by hand, or leave it out with \
                 management_account = \"skip\"",
                self.role.child_role_name
            ));
        }
        Err(AccountTrouble { meant: auto, ..trouble_of(member, trouble) })
    }

    /// The central role in its own account.
    fn itself(&self, member: &Member) -> Account {
        self.account(member, self.identity.again())
    }

    fn lives_in(&self, member: &Member) -> bool {
        self.role.role_arn.account_id == member.account_id
    }

    fn lives_elsewhere(&self, member: &Member) -> AccountTrouble {
        let cause = format!("the central role {} is not in the management account", self.arn());
        let hint = "set management_account to \"auto\", \"child_role\" or \"skip\"".to_owned();
        trouble_of(member, Trouble { state: ScopeState::CredentialsFailed, cause, hint: Some(hint) })
    }

    async fn child(&self, member: &Member) -> Result<Account, Failure> {
        let arn = self.child_arn(&member.account_id);
        let external_id = self.child_external_id.as_ref().map(ExposeSecret::expose_secret);
        let assume = || credentials::session(&self.config, &arn, &self.role.session_name, external_id);
        let used = self.session.sessions().await;
        let provider = match assume().await {
            // The central role's own session ended early.
            Err(failure) if failure.kind == Kind::Expired => {
                self.session.forget(used).await;
                assume().await?
            }
            answer => answer?,
        };
        let region = self.config.region().map(ToString::to_string).unwrap_or_default();
        Ok(self.account(member, Identity::new(provider, region)))
    }

    /// Its regions are not known yet.
    fn account(&self, member: &Member, identity: Identity) -> Account {
        let partition = self.partition().to_owned();
        let mut account = Account::new(partition, member.account_id.clone(), Vec::new(), identity);
        account.account_name.clone_from(&member.name);
        account
    }

    /// The child role of an account; its name may carry a path.
    pub(super) fn child_arn(&self, account_id: &str) -> String {
        let name = self.role.child_role_name.trim_start_matches('/');
        format!("arn:{}:iam::{account_id}:role/{name}", self.partition())
    }
}

/// The central role as any role is assumed.
pub(super) fn as_assume_role(role: &CentralRole) -> AssumeRole {
    AssumeRole {
        role_arn: role.role_arn.clone(),
        session_name: role.session_name.clone(),
        external_id: role.external_id.clone(),
        source: role.source.clone(),
    }
}

pub(super) fn trouble_of(member: &Member, trouble: Trouble) -> AccountTrouble {
    AccountTrouble {
        account_id: Some(member.account_id.clone()),
        account_name: member.name.clone(),
        trouble,
        meant: false,
    }
}

/// Keeps a session until shortly before its end. Those who assume a role by it would each begin a session of their own otherwise: the
/// SDK's provider for roles has no cache, and takes none for whoever it asks as.
#[derive(Debug)]
struct Kept {
    provider: SharedCredentialsProvider,
    /// The session, and how many there were.
    held: Mutex<(u64, Option<Credentials>)>,
}

impl Kept {
    /// How many sessions there were.
    async fn sessions(&self) -> u64 {
        self.held.lock().await.0
    }

    /// Forgets the session, unless somebody has begun a newer one than the `used` meanwhile.
    async fn forget(&self, used: u64) {
        let mut held = self.held.lock().await;
        if held.0 == used {
            held.1 = None;
        }
    }

    async fn give(&self) -> CredentialsResult {
        let mut held = self.held.lock().await;
        if let Some(credentials) = held.1.as_ref().filter(|credentials| lasts(credentials, clock::now())) {
            return Ok(credentials.clone());
        }
        let fresh = self.provider.provide_credentials().await?;
        *held = (held.0 + 1, Some(fresh.clone()));
        Ok(fresh)
    }
}

/// The session as the SDK takes it.
#[derive(Debug)]
struct Shared(Arc<Kept>);

impl ProvideCredentials for Shared {
    fn provide_credentials<'a>(&'a self) -> CredentialsFuture<'a>
    where
        Self: 'a,
    {
        CredentialsFuture::new(self.0.give())
    }
}

/// The same, begun anew for everybody.
#[derive(Debug)]
struct Anew(Arc<Kept>);

impl ProvideCredentials for Anew {
    fn provide_credentials<'a>(&'a self) -> CredentialsFuture<'a>
    where
        Self: 'a,
    {
        CredentialsFuture::new(async {
            let used = self.0.sessions().await;
            self.0.forget(used).await;
            self.0.give().await
        })
    }
}

fn lasts(credentials: &Credentials, now: DateTime<Utc>) -> bool {
    credentials.expiry().is_none_or(|until| DateTime::<Utc>::from(until) - now > RENEW_BEFORE)
}

#[cfg(test)]
mod tests;
