//! The steps of Test Connection up to accounts whose regions can be tried.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::super::account::Account;
use super::super::aws::Aws;
use super::super::central::{Central, as_assume_role};
use super::super::classify::PUT_THE_SECRET;
use super::super::credentials::{self, Caller};
use super::super::entrance::{Door, Entrance, named, organization};
use super::{ENTER_ACCOUNT, LIST_REGIONS, Outcome, Step};
use crate::config::{AssumeRole, AwsUser, CentralRole, Connection, Credentials, Regions, SecretRef, Source, Value};
use crate::inventory::{ScopeState, Trouble};
use crate::plan::explained;
use crate::secret;

const CALLER: &str = "identify the caller";
const ROLE: &str = "assume the role";
const CENTRAL: &str = "assume the central role";
const ACCOUNTS: &str = "list the organization's accounts";

fn step(name: &'static str, account_id: Option<&str>, outcome: Outcome) -> Step {
    Step { name, account_id: account_id.map(str::to_owned), region: None, needed: true, explained: false, outcome }
}

/// The steps up to the accounts of a connection; `None` where one of them failed.
pub(super) async fn enter(aws: &Aws, connection: &Connection, tell: &mut impl FnMut(Step)) -> Option<Entrance> {
    let references = references(&connection.credentials);
    if !references.is_empty() {
        let outcome = resolve(references).await;
        let failed = matches!(outcome, Outcome::Failed(_));
        tell(step("read the secrets", None, outcome));
        if failed {
            tell(step(CALLER, None, Outcome::NotTried("the secrets cannot be read".to_owned())));
            return None;
        }
    }
    let regions = named(&connection.regions);
    match &connection.credentials {
        Credentials::AwsUser(user) => {
            let source = credentials::key(user);
            let (account, _) = identify(credentials::as_itself(aws, source, regions).await, None, tell)?;
            Some(Entrance::of(account, &connection.regions))
        }
        Credentials::DefaultChain(chain) => {
            let source = credentials::default_chain(aws, chain, regions).await;
            let (account, _) = identify(credentials::as_itself(aws, source, regions).await, None, tell)?;
            Some(Entrance::of(account, &connection.regions))
        }
        Credentials::AssumeRole(role) => {
            identify_source(aws, role, regions, ROLE, tell).await?;
            let of_role = Some(role.role_arn.account_id.as_str());
            match credentials::assume(aws, role, regions).await {
                Ok(account) => {
                    tell(step(ROLE, of_role, Outcome::Passed(role.role_arn.arn.clone())));
                    Some(Entrance::of(account, &connection.regions))
                }
                Err(failure) => {
                    let trouble = credentials::role_trouble(&failure, &role.role_arn.arn);
                    tell(step(ROLE, of_role, Outcome::Failed(trouble)));
                    None
                }
            }
        }
        Credentials::CentralRole(role) => enter_organization(aws, role, &connection.regions, tell).await,
    }
}

/// Who assumes a role, by the identity of its source.
async fn identify_source(
    aws: &Aws,
    role: &AssumeRole,
    regions: &[String],
    next: &'static str,
    tell: &mut impl FnMut(Step),
) -> Option<()> {
    let place = credentials::sts_regions(regions, Some(&role.role_arn.partition));
    let source = credentials::source(aws, &role.source, regions).await;
    identify(credentials::as_itself(aws, source, &place).await, Some((next, &role.role_arn.account_id)), tell)?;
    Some(())
}

fn identify(
    entered: Result<(Account, Caller), super::Failure>,
    next: Option<(&'static str, &str)>,
    tell: &mut impl FnMut(Step),
) -> Option<(Account, Caller)> {
    match entered {
        Ok((account, caller)) => {
            tell(step(CALLER, Some(&caller.account_id), Outcome::Passed(caller.arn.clone())));
            Some((account, caller))
        }
        Err(failure) => {
            tell(step(CALLER, None, Outcome::Failed(failure.trouble())));
            if let Some((name, account_id)) = next {
                tell(step(name, Some(account_id), Outcome::NotTried("the caller is not known".to_owned())));
            }
            None
        }
    }
}

async fn enter_organization(
    aws: &Aws,
    role: &CentralRole,
    regions: &Regions,
    tell: &mut impl FnMut(Step),
) -> Option<Entrance> {
    let names = named(regions);
    let of_role = Some(role.role_arn.account_id.as_str());
    identify_source(aws, &as_assume_role(role), names, CENTRAL, tell).await?;
    let central = match Central::assume(aws, role, names).await {
        Ok(central) => {
            tell(step(CENTRAL, of_role, Outcome::Passed(central.arn().to_owned())));
            central
        }
        Err(trouble) => {
            tell(step(CENTRAL, of_role, Outcome::Failed(trouble)));
            return None;
        }
    };
    let listed = match central.members(aws).await {
        Ok(members) => {
            let all = members.len();
            organization(central, members, regions).map(|entrance| (all, entrance))
        }
        Err(trouble) => Err(trouble),
    };
    match listed {
        Ok((all, entrance)) => {
            let (tried, shut) = (entrance.doors.len(), entrance.shut.len());
            let not_active = if shut == 0 { String::new() } else { format!(", {shut} more are not active") };
            let said = format!("{all} accounts, {tried} to be looked at{not_active}");
            tell(step(ACCOUNTS, of_role, Outcome::Passed(said)));
            Some(entrance)
        }
        Err(trouble) => {
            tell(step(ACCOUNTS, of_role, Outcome::Failed(trouble)));
            None
        }
    }
}

/// Enters one account and finds out its regions; a failure that is meant is nothing that must be mended.
pub(super) async fn open(
    aws: &Aws,
    connection: &Connection,
    door: Door,
    today: NaiveDate,
    tell: &mut impl FnMut(Step),
) -> Option<Account> {
    let (account_id, is_child) = (door.account_id.clone(), door.is_child());
    let account = match door.open(aws, None, BTreeSet::new()).await {
        Ok(account) => account,
        Err(shut) => {
            let state = shut.trouble.state;
            let meant = shut.meant || explained(connection, Some(&account_id), None, state, today);
            let step = Step::of_account(ENTER_ACCOUNT, shut.account_id, true, Outcome::Failed(shut.trouble));
            tell(if meant { step.meant() } else { step });
            return None;
        }
    };
    if is_child {
        let how =
            if account.stands_in { "by the central role, as the child role cannot be assumed" } else { "entered" };
        tell(step(ENTER_ACCOUNT, Some(&account_id), Outcome::Passed(how.to_owned())));
    }
    if let Some(trouble) = &account.regions_probed {
        let step = step(LIST_REGIONS, Some(&account_id), Outcome::Failed(trouble.clone()));
        tell(Step { needed: false, ..step });
    } else if matches!(connection.regions, Regions::All { .. }) {
        tell(Step { needed: false, ..step(LIST_REGIONS, Some(&account_id), Outcome::Passed(switched_on(&account))) });
    }
    Some(account)
}

fn switched_on(account: &Account) -> String {
    format!("{} switched on, {} off", account.regions.len(), account.disabled.len())
}

/// Every reference that entering resolves.
fn references(credentials: &Credentials) -> Vec<SecretRef> {
    let of_user = |user: &AwsUser| {
        let id = match &user.access_key_id {
            Value::Ref(reference) => Some(reference.clone()),
            Value::Literal(_) => None,
        };
        id.into_iter().chain([user.secret_access_key.clone()]).chain(user.session_token.clone()).collect::<Vec<_>>()
    };
    let of_value = |value: &Option<Value>| match value {
        Some(Value::Ref(reference)) => vec![reference.clone()],
        _ => Vec::new(),
    };
    let of_source = |source: &Source| match source {
        Source::AwsUser(user) => of_user(user),
        Source::DefaultChain(_) => Vec::new(),
    };
    match credentials {
        Credentials::AwsUser(user) => of_user(user),
        Credentials::DefaultChain(_) => Vec::new(),
        Credentials::AssumeRole(role) => [of_source(&role.source), of_value(&role.external_id)].concat(),
        Credentials::CentralRole(role) => {
            [of_source(&role.source), of_value(&role.external_id), of_value(&role.child_external_id)].concat()
        }
    }
}

/// All of them, so that every missing one is named at once.
async fn resolve(references: Vec<SecretRef>) -> Outcome {
    let count = references.len();
    let read = tokio::task::spawn_blocking(move || {
        let errors = references.iter().filter_map(|reference| secret::resolve(reference).err());
        errors.map(|error| error.to_string()).collect::<Vec<_>>()
    });
    let errors = match read.await {
        Ok(errors) => errors,
        Err(error) => vec![error.to_string()],
    };
    if errors.is_empty() {
        return Outcome::Passed(format!("{count} found"));
    }
    Outcome::Failed(Trouble {
        state: ScopeState::CredentialsFailed,
        cause: errors.join("; "),
        hint: Some(PUT_THE_SECRET.to_owned()),
    })
}
