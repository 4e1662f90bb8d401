//! Who asks AWS: keys, roles and the default chain as credentials providers, and the accounts they lead to.
//!
//! One credentials provider per key or role, shared by all its regions and both families. Secrets are read by reference
//! whenever the SDK wants credentials, so a rotated file is picked up.

use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as CredentialsFuture;
use aws_credential_types::provider::{ProvideCredentials, Result as CredentialsResult, SharedCredentialsProvider};
use secrecy::ExposeSecret;

use super::account::{Account, Identity};
use super::aws::Aws;
use super::classify::{Ask, Failure, Kind, kind_and_text_without_answer};
use crate::config::regions::{partition_of, partitions};
use crate::config::{AssumeRole, AwsUser, DefaultChain, RoleArn, Source};
use crate::inventory::Trouble;
use crate::secret::{self, SecretError};

/// STS does not say why a role may not be assumed, so the hint names all that it can be.
pub(super) fn role_trouble(failure: &Failure, role_arn: &str) -> Trouble {
    let mut trouble = failure.trouble();
    if failure.kind == Kind::Credentials && failure.cause.contains("AccessDenied") {
        trouble.hint = Some(format!(
            "AWS does not say which it is: {role_arn} does not exist; its trust policy does not name this caller; the external id is missing or \
             wrong; or the caller's own policy or a service control policy forbids sts:AssumeRole"
        ));
    }
    trouble
}

/// The caller as STS knows it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) partition: String,
    pub(super) account_id: String,
    pub(super) arn: String,
    /// Where STS answered.
    pub(super) region: String,
}

/// The account that the credentials belong to.
pub(super) async fn as_itself(
    aws: &Aws,
    source: SharedCredentialsProvider,
    regions: &[String],
) -> Result<(Account, Caller), Failure> {
    let mut identity = Identity::new(source, String::new());
    let caller = caller(aws, &identity, regions).await?;
    identity.works_in(caller.region.clone());
    let account = Account::new(caller.partition.clone(), caller.account_id.clone(), regions.to_vec(), identity);
    Ok((account, caller))
}

/// Who the credentials belong to; it needs no permission. Where no region says in which partition that may be, each is asked.
async fn caller(aws: &Aws, identity: &Identity, regions: &[String]) -> Result<Caller, Failure> {
    if !regions.is_empty() {
        return caller_in(aws, identity, &sts_regions(regions, None)).await;
    }
    let mut first = None;
    for partition in partitions().iter().filter(|partition| is_public(&partition.id)) {
        match caller_in(aws, identity, &sts_regions(&[], Some(&partition.id))).await {
            // Keys of one partition are unknown in every other.
            Err(failure) if failure.kind == Kind::UnknownKey || first.is_some() => {
                first.get_or_insert(failure);
            }
            answer => return answer,
        }
    }
    Err(first.unwrap_or_else(|| Failure::other(&who(), "no region to ask in")))
}

/// Partitions that anybody can reach; the others have networks of their own.
fn is_public(partition_id: &str) -> bool {
    matches!(partition_id, "aws" | "aws-cn" | "aws-us-gov" | "aws-eusc")
}

async fn caller_in(aws: &Aws, identity: &Identity, regions: &[String]) -> Result<Caller, Failure> {
    let ask = who();
    let mut answer = Err(Failure::other(&ask, "no region to ask in"));
    for region in regions {
        let client = aws_sdk_sts::Client::new(&identity.config(aws, region));
        answer = match client.get_caller_identity().send().await {
            Ok(identity) => caller_of(identity.arn(), identity.account(), region)
                .ok_or_else(|| Failure::other(&ask, "the answer names no account, so perhaps it is not from AWS")),
            Err(error) => Err(Failure::of(&error, &ask, partition_of(region).unwrap_or("aws"), region)),
        };
        if !answer.as_ref().is_err_and(may_be_the_region) {
            break;
        }
    }
    answer
}

/// The call that says whose credentials these are, as it is named to people.
pub(super) fn who() -> Ask {
    Ask::global("GetCallerIdentity", "sts:GetCallerIdentity", "*")
}

fn caller_of(arn: Option<&str>, account_id: Option<&str>, region: &str) -> Option<Caller> {
    let arn = arn?;
    let partition = arn.strip_prefix("arn:")?.split(':').next().filter(|partition| !partition.is_empty())?;
    let account_id = account_id.filter(|id| !id.is_empty())?;
    Some(Caller {
        partition: partition.to_owned(),
        account_id: account_id.to_owned(),
        arn: arn.to_owned(),
        region: region.to_owned(),
    })
}

/// Assumes the role at once, so that a refusal is known before any region is looked at; the session is the first that is used.
pub(super) async fn assume(aws: &Aws, role: &AssumeRole, regions: &[String]) -> Result<Account, Failure> {
    let (provider, region) = assume_in(aws, role, regions).await?;
    let RoleArn { partition, account_id, .. } = role.role_arn.clone();
    Ok(Account::new(partition, account_id, regions.to_vec(), Identity::new(provider, region)))
}

/// The session, and where STS gave it.
pub(super) async fn assume_in(
    aws: &Aws,
    role: &AssumeRole,
    regions: &[String],
) -> Result<(SharedCredentialsProvider, String), Failure> {
    let source = source(aws, &role.source, regions).await;
    let AssumeRole { role_arn, session_name, external_id, source: _ } = role;
    let external_id = external_id.as_ref().map(|id| secret::resolve_value(id, "external_id")).transpose();
    let external_id = external_id.map_err(|error| bad_reference(&assuming(&role_arn.arn), &error))?;
    let external_id = external_id.as_ref().map(ExposeSecret::expose_secret);
    let mut answer = Err(Failure::other(&assuming(&role_arn.arn), "no region to ask in"));
    for region in sts_regions(regions, Some(&role_arn.partition)) {
        let config = aws.config(source.clone(), &region);
        let provider = session(&config, &role_arn.arn, session_name, external_id).await;
        answer = provider.map(|provider| (provider, region));
        if !answer.as_ref().is_err_and(may_be_the_region) {
            break;
        }
    }
    answer
}

/// The call that assumes a role, as it is named to people.
pub(super) fn assuming(role_arn: &str) -> Ask {
    Ask::global("AssumeRole", "sts:AssumeRole", role_arn)
}

/// Assumes a role by who `config` says, and answers what renews the session. It lasts an hour: more is refused where the caller is a
/// role itself, and renewing costs one call.
pub(super) async fn session(
    config: &SdkConfig,
    role_arn: &str,
    session_name: &str,
    external_id: Option<&str>,
) -> Result<SharedCredentialsProvider, Failure> {
    let builder = AssumeRoleProvider::builder(role_arn).session_name(session_name).configure(config);
    let builder = match external_id {
        Some(id) => builder.external_id(id),
        None => builder,
    };
    let provider = builder.build().await;
    match provider.provide_credentials().await {
        Ok(first) => Ok(SharedCredentialsProvider::new(Primed { first: Mutex::new(Some(first)), provider })),
        Err(error) => Err(of_credentials(&assuming(role_arn), &error)),
    }
}

/// Who assumes a role.
pub(super) async fn source(aws: &Aws, source: &Source, regions: &[String]) -> SharedCredentialsProvider {
    match source {
        Source::AwsUser(user) => key(user),
        Source::DefaultChain(chain) => default_chain(aws, chain, regions).await,
    }
}

pub(super) fn key(user: &AwsUser) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(KeyByReference(user.clone()))
}

/// Environment, profile, SSO, web identity, container or instance; a named profile alone where one is given.
pub(super) async fn default_chain(aws: &Aws, chain: &DefaultChain, regions: &[String]) -> SharedCredentialsProvider {
    let region = sts_regions(regions, None).into_iter().next().map(aws_config::Region::new);
    if let Some(profile) = &chain.profile {
        // The default chain would let keys in the environment win over the profile that the file names.
        let config = ProviderConfig::without_region().with_http_client(aws.http.clone()).with_region(region);
        let provider = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
        return SharedCredentialsProvider::new(NamedProfile { name: profile.clone(), provider });
    }
    let loaded = aws.loader().region(region).load().await;
    loaded.credentials_provider().unwrap_or_else(|| SharedCredentialsProvider::new(Nobody))
}

pub(super) fn bad_reference(ask: &Ask, error: &SecretError) -> Failure {
    Failure { kind: Kind::NoSecret, ..Failure::other(ask, &error.to_string()) }
}

fn of_credentials(ask: &Ask, error: &CredentialsError) -> Failure {
    let (kind, cause) = kind_and_text_without_answer(error);
    // The call's name is in it where STS answered.
    let cause = if cause.starts_with(ask.call) { cause } else { format!("{}: {cause}", ask.call) };
    Failure { kind, cause, permission: format!("{} on {}", ask.action, ask.resource), status: None }
}

/// Where STS is asked: in the first named region, so that the partition is right, then where the partition keeps it on for everybody.
pub(super) fn sts_regions(regions: &[String], partition: Option<&str>) -> Vec<String> {
    let first =
        regions.first().filter(|region| partition.is_none_or(|partition| partition_of(region) == Some(partition)));
    let partition = partition.or_else(|| first.and_then(|region| partition_of(region))).unwrap_or("aws");
    let mut asked: Vec<String> = first.cloned().into_iter().collect();
    if let Some(default) = default_sts_region(partition)
        && !asked.iter().any(|region| region == default)
    {
        asked.push(default.to_owned());
    }
    asked
}

/// A region of each partition in which STS cannot be switched off (AWS IAM User Guide, "Manage AWS STS in an AWS Region").
fn default_sts_region(partition: &str) -> Option<&'static str> {
    match partition {
        "aws" => Some("us-east-1"),
        "aws-cn" => Some("cn-north-1"),
        "aws-us-gov" => Some("us-gov-west-1"),
        "aws-eusc" => Some("eusc-de-east-1"),
        "aws-iso" => Some("us-iso-east-1"),
        "aws-iso-b" => Some("us-isob-east-1"),
        "aws-iso-e" => Some("eu-isoe-west-1"),
        "aws-iso-f" => Some("us-isof-south-1"),
        _ => None,
    }
}

/// Whether another region may do better: STS off, the region off, or no such name.
fn may_be_the_region(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::StsOff | Kind::UnknownKey | Kind::Unreachable)
}

/// An access key whose parts stay references until the SDK asks.
#[derive(Debug)]
struct KeyByReference(AwsUser);

impl ProvideCredentials for KeyByReference {
    fn provide_credentials<'a>(&'a self) -> CredentialsFuture<'a>
    where
        Self: 'a,
    {
        let user = self.0.clone();
        CredentialsFuture::new(async move {
            let read = tokio::task::spawn_blocking(move || read_key(&user)).await;
            read.map_err(CredentialsError::unhandled)?.map_err(CredentialsError::invalid_configuration)
        })
    }
}

fn read_key(user: &AwsUser) -> Result<Credentials, SecretError> {
    let id = secret::resolve_value(&user.access_key_id, "access_key_id")?;
    let key = secret::resolve(&user.secret_access_key)?;
    let token = user.session_token.as_ref().map(secret::resolve).transpose()?;
    let token = token.map(|token| token.expose_secret().to_owned());
    Ok(Credentials::new(id.expose_secret(), key.expose_secret(), token, None, "aws_user"))
}

/// Gives the session that was made on entering first, then what the role gives.
#[derive(Debug)]
struct Primed {
    first: Mutex<Option<Credentials>>,
    provider: AssumeRoleProvider,
}

impl ProvideCredentials for Primed {
    fn provide_credentials<'a>(&'a self) -> CredentialsFuture<'a>
    where
        Self: 'a,
    {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(first) => CredentialsFuture::ready(Ok(first)),
            None => self.provider.provide_credentials(),
        }
    }
}

/// Says which profile it is that is not there; the SDK does not.
#[derive(Debug)]
struct NamedProfile {
    name: String,
    provider: ProfileFileCredentialsProvider,
}

impl ProvideCredentials for NamedProfile {
    fn provide_credentials<'a>(&'a self) -> CredentialsFuture<'a>
    where
        Self: 'a,
    {
        CredentialsFuture::new(async {
            self.provider.provide_credentials().await.map_err(|error| match error {
                CredentialsError::CredentialsNotLoaded(_) => {
                    let name = &self.name;
                    CredentialsError::not_loaded(format!("profile {name} is missing in ~/.aws, or has no credentials"))
                }
                other => other,
            })
        })
    }
}

/// Stands where the SDK was built without a default chain.
#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> CredentialsFuture<'a>
    where
        Self: 'a,
    {
        let nothing: CredentialsResult = Err(CredentialsError::not_loaded_no_source());
        CredentialsFuture::ready(nothing)
    }
}

#[cfg(test)]
mod tests;
