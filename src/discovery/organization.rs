//! The accounts of an organization, as AWS Organizations lists them, and which of them a connection is after.

use std::collections::BTreeSet;

use aws_config::retry::RetryConfig;
use aws_sdk_organizations::types;

use super::account::Identity;
use super::aws::Aws;
use super::classify::{Ask, Failure, Kind};
use super::page::{self, Page};
use crate::config::CentralRole;
use crate::inventory::{ScopeState, Trouble};

/// Attempts of one call. Organizations also refuses while another request is in progress, its quotas are small, and without the list
/// nothing can be done.
const MOST_ATTEMPTS: u32 = 10;

/// One account of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Twelve digits.
    pub(super) account_id: String,
    /// The name that its owner gave it.
    pub(super) name: Option<String>,
    /// The management account's id, which stands in every account's ARN.
    management: Option<String>,
    /// What AWS calls its state; absent where it says nothing.
    state: Option<String>,
    /// The organization's id, `o-…`, which stands there too.
    pub(super) organization: Option<String>,
    /// Where it hangs in the organization: `o-…/r-…/ou-…/…/`, one for each way that leads there.
    paths: Vec<String>,
}

impl Member {
    /// Whether it is the organization's management account.
    pub(super) fn is_management(&self) -> bool {
        self.management.as_ref() == Some(&self.account_id)
    }

    /// Why it is not tried; an account whose state AWS does not tell, or that has a state of tomorrow, is.
    pub(super) fn closed(&self) -> Option<Trouble> {
        let state = self.state.as_deref()?;
        matches!(state, "SUSPENDED" | "PENDING_CLOSURE" | "CLOSED" | "PENDING_ACTIVATION").then(|| Trouble {
            state: ScopeState::AccountSuspended,
            cause: format!("the account's state in the organization is {state}"),
            hint: None,
        })
    }

    fn is_below(&self, unit: &str) -> bool {
        self.paths.iter().any(|path| path.split('/').any(|part| part == unit))
    }
}

/// Every account of the organization, in AWS's order.
///
/// `Status` is retired since September 2026 in favour of `State` (AWS Organizations API Reference, Account), so the newer is read first.
///
/// # Errors
/// The list could not be read to its end; what came before that is of no use.
pub(super) async fn members(aws: &Aws, identity: &Identity, partition: &str) -> Result<Vec<Member>, Trouble> {
    let ask = Ask::global("ListAccounts", "organizations:ListAccounts", "*");
    let region = home(partition);
    let client = |config: &aws_config::SdkConfig| {
        let retry = RetryConfig::standard().with_max_attempts(MOST_ATTEMPTS);
        let builder = aws_sdk_organizations::config::Builder::from(config).retry_config(retry);
        aws_sdk_organizations::Client::from_conf(builder.build())
    };
    let asked = std::sync::Mutex::new(client(&identity.config(aws, region)));
    let (asked, ask_of_page) = (&asked, &ask);
    let pages = page::all(&ask, |token| async move {
        let now = asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let first = list(&now, token.clone(), ask_of_page, partition, region).await;
        match first {
            Err(failure) if failure.kind == Kind::Expired => {
                let anew = client(&identity.renewed_config(aws, region));
                *asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = anew.clone();
                list(&anew, token, ask_of_page, partition, region).await
            }
            answer => answer,
        }
    })
    .await;
    if let Some(failure) = pages.failure {
        return Err(trouble(&failure));
    }
    if pages.without_list {
        return Err(trouble(&Failure::other(&ask, "an answer had no list of accounts, so perhaps it is not from AWS")));
    }
    Ok(each_once(pages.items.into_iter().filter_map(member)))
}

/// An account that joined while the list was read may be on two pages.
fn each_once(members: impl Iterator<Item = Member>) -> Vec<Member> {
    let mut seen = BTreeSet::new();
    members.filter(|member| seen.insert(member.account_id.clone())).collect()
}

async fn list(
    client: &aws_sdk_organizations::Client,
    token: Option<String>,
    ask: &Ask,
    partition: &str,
    region: &str,
) -> Result<Page<types::Account>, Failure> {
    let answer = client.list_accounts().max_results(20).set_next_token(token).send().await;
    let answer = answer.map_err(|error| Failure::of(&error, ask, partition, region))?;
    Ok(Page { items: answer.accounts, next: answer.next_token })
}

fn member(account: types::Account) -> Option<Member> {
    let state = account.state.as_ref().map(types::AccountState::as_str);
    let state = state.or_else(|| account.status.as_ref().map(types::AccountStatus::as_str)).map(str::to_owned);
    Some(Member {
        account_id: account.id?,
        name: account.name.filter(|name| !name.is_empty()),
        // arn:aws:organizations::111122223333:account/o-abcd/444455556666
        management: account.arn.as_deref().and_then(|arn| arn.split(':').nth(4)).map(str::to_owned),
        organization: account.arn.as_deref().and_then(|arn| arn.split('/').nth(1)).map(str::to_owned),
        state,
        paths: account.paths.unwrap_or_default(),
    })
}

/// Where Organizations answers (AWS General Reference, endpoints of AWS Organizations).
fn home(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-eusc" => "eusc-de-east-1",
        _ => "us-east-1",
    }
}

fn trouble(failure: &Failure) -> Trouble {
    let mut trouble = failure.trouble();
    if failure.kind == Kind::Denied {
        let where_it_may = "only the management account and delegated administrators may list accounts";
        trouble.hint = Some(format!("allow {} to the central role; {where_it_may}", failure.permission));
    } else if failure.cause.contains("AWSOrganizationsNotInUse") {
        trouble.hint =
            Some("the central role's account is in no organization; use assume_role for a single account".to_owned());
    }
    trouble
}

/// The members that a connection is after.
///
/// # Errors
/// Units are named, and AWS does not say where an account hangs; leaving it out in silence would miss its APIs.
pub(super) fn chosen(role: &CentralRole, members: Vec<Member>) -> Result<Vec<Member>, Trouble> {
    let (all, units) = (members.len(), &role.organizational_units);
    let members: Vec<Member> = members.into_iter().filter(|member| role.takes(&member.account_id)).collect();
    if units.is_empty() {
        return some(members, all);
    }
    let lost: Vec<&str> = members
        .iter()
        .filter(|member| member.paths.is_empty() && member.closed().is_none())
        .map(|member| member.account_id.as_str())
        .collect();
    if let Some(first) = lost.first() {
        return Err(Trouble {
            state: ScopeState::Failed,
            cause: format!(
                "organizational_units cannot be applied: AWS gave no Paths for {} of {} accounts, {first} among them",
                lost.len(),
                members.len()
            ),
            hint: Some("name accounts by id in accounts.include or accounts.exclude instead".to_owned()),
        });
    }
    some(members.into_iter().filter(|member| units.iter().any(|unit| member.is_below(unit))).collect(), all)
}

/// Nothing at all is a slip in the file.
fn some(members: Vec<Member>, all: usize) -> Result<Vec<Member>, Trouble> {
    if !members.is_empty() {
        return Ok(members);
    }
    let plural = if all == 1 { "" } else { "s" };
    Err(Trouble {
        state: ScopeState::Failed,
        cause: format!("no account is in scope: of the organization's {all} account{plural} the file chooses none"),
        hint: Some("see accounts.include, accounts.exclude and organizational_units of the central role".to_owned()),
    })
}

#[cfg(test)]
mod tests;
