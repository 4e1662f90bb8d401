//! Which regions an account has switched on: from Account Management where that may be asked, else region by region.

use std::collections::BTreeSet;

use aws_sdk_account::types::{Region, RegionOptStatus};
use futures_util::stream::{self, StreamExt};

use super::account::Account;
use super::aws::Aws;
use super::classify::{Ask, Failure, Kind};
use super::credentials::who;
use super::page::{self, Page};
use crate::config::{Patterns, regions};

/// Regions that are asked side by side.
const AT_ONCE: usize = 16;

/// What an account has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Enabled {
    /// Switched on, ordered.
    pub(super) on: Vec<String>,
    /// Switched off, ordered.
    pub(super) off: Vec<String>,
    /// Why the list could not be had and the regions were tried one by one.
    pub(super) probed: Option<Failure>,
}

/// Why regions cannot be listed at all, once one of a connection's accounts found out that the service does not answer: each of a
/// thousand would try for some seconds.
pub(super) type Unlistable = std::sync::OnceLock<Failure>;

/// The regions of an account but those that `except` names. Where they cannot be listed, those that are known by name are tried and those
/// where something was seen `before`.
///
/// # Errors
/// The account's credentials do not work.
pub(super) async fn of(
    aws: &Aws,
    account: &Account,
    except: &Patterns,
    before: BTreeSet<String>,
    unlistable: &Unlistable,
) -> Result<Enabled, Failure> {
    let wanted = |region: &String| !except.any(region);
    let probed = match regions::account_management(&account.partition).filter(|_| unlistable.get().is_none()) {
        Some(home) => match listed(aws, account, home).await {
            Ok(listed) => {
                let (on, off): (Vec<Region>, Vec<Region>) =
                    listed.into_iter().partition(|region| region.region_opt_status != Some(RegionOptStatus::Disabled));
                let names = |list: Vec<Region>| {
                    let names: BTreeSet<String> = list.into_iter().filter_map(|region| region.region_name).collect();
                    names.into_iter().filter(wanted).collect()
                };
                return Ok(Enabled { on: names(on), off: names(off), probed: None });
            }
            Err(failure) if matches!(failure.kind, Kind::NoSecret | Kind::Credentials | Kind::NoCredentials) => {
                return Err(failure);
            }
            Err(failure) => {
                if failure.kind != Kind::Denied && failure.kind != Kind::DeniedByScp {
                    unlistable.get_or_init(|| failure.clone());
                }
                Some(failure)
            }
        },
        None => unlistable.get().cloned(),
    };
    let known: BTreeSet<String> =
        regions::known(&account.partition).iter().cloned().chain(before).filter(wanted).collect();
    let tried: Vec<_> = known.into_iter().map(|region| is_on(aws, account, region)).collect();
    let mut tried: Vec<(String, bool)> = stream::iter(tried).buffer_unordered(AT_ONCE).collect().await;
    tried.sort();
    let (on, off): (Vec<_>, Vec<_>) = tried.into_iter().partition(|(_, is_on)| *is_on);
    let names = |list: Vec<(String, bool)>| list.into_iter().map(|(region, _)| region).collect();
    Ok(Enabled { on: names(on), off: names(off), probed })
}

async fn listed(aws: &Aws, account: &Account, home: &str) -> Result<Vec<Region>, Failure> {
    let ask = Ask::global("ListRegions", "account:ListRegions", "*");
    let client = aws_sdk_account::Client::new(&account.config(aws, home));
    let (client, asked) = (&client, &ask);
    let pages = page::all(&ask, |token| async move {
        let answer = client.list_regions().max_results(50).set_next_token(token).send().await;
        let answer = answer.map_err(|error| Failure::of(&error, asked, &account.partition, home))?;
        Ok(Page { items: answer.regions, next: answer.next_token })
    })
    .await;
    match pages.failure {
        Some(failure) => Err(failure),
        None if pages.items.is_empty() => Err(Failure::other(&ask, "the answer names no region")),
        None => Ok(pages.items),
    }
}

/// Whether a region knows the account's key: `GetCallerIdentity` needs no permission, and a region that is switched off for an account
/// knows none of its keys. Where it says anything else, the look itself will tell.
async fn is_on(aws: &Aws, account: &Account, region: String) -> (String, bool) {
    let client = aws_sdk_sts::Client::new(&account.config(aws, &region));
    let is_on = match client.get_caller_identity().send().await {
        Ok(_) => true,
        Err(error) => Failure::of(&error, &who(), &account.partition, &region).kind != Kind::UnknownKey,
    };
    (region, is_on)
}
