//! The way to one region of one account, among an integration's connections.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use super::brief::{Brief, Common};
use super::names;
use super::offer::Offer;
use super::reading::sentence;
use crate::config::{Connection, Credentials, Regions};
use crate::discovery::{self, Gateway};

/// Connections entered side by side.
const CONNECTIONS_IN_FLIGHT: usize = 8;

/// One region of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Where {
    pub(super) partition: String,
    pub(super) account_id: String,
    pub(super) region: String,
}

impl Where {
    /// As what the server gave back says; `None` where it is not all there.
    pub(super) fn named(metadata: &BTreeMap<String, String>) -> Option<Self> {
        let of = |name: &str| metadata.get(name).filter(|value| !value.is_empty()).cloned();
        Some(Self { partition: of(names::PARTITION)?, account_id: of(names::ACCOUNT)?, region: of(names::REGION)? })
    }

    /// Where an API is.
    pub(super) fn of(offer: &Offer) -> Self {
        let id = &offer.api.id;
        Self { partition: id.partition.clone(), account_id: id.account_id.clone(), region: id.region.clone() }
    }

    /// Whether a connection may lead there, as far as the file says.
    fn may_be_of(&self, connection: &Connection) -> bool {
        let region = match &connection.regions {
            Regions::Named(regions) => regions.contains(&self.region),
            Regions::All { except } => !except.any(&self.region),
        };
        let account = match &connection.credentials {
            Credentials::AssumeRole(role) => role.role_arn.account_id == self.account_id,
            Credentials::CentralRole(role) => role.takes(&self.account_id),
            Credentials::AwsUser(_) | Credentials::DefaultChain(_) => true,
        };
        region && account
    }
}

/// Enters one region of one account, by whichever of the connections leads there. What the server names is no way in by itself.
///
/// # Errors
/// One sentence: none leads there, or none of those that should could be entered.
pub(super) async fn enter(common: &Common, brief: &Brief, at: &Where) -> Result<Gateway, String> {
    let ways: Vec<_> = brief
        .connections()
        .filter(|connection| at.may_be_of(connection))
        .map(|way| enter_by(common, way, at))
        .collect();
    let mut ways = stream::iter(ways).buffer_unordered(CONNECTIONS_IN_FLIGHT);
    let mut why = None;
    while let Some(entered) = ways.next().await {
        match entered {
            Ok(Some(gateway)) => return Ok(gateway),
            Ok(None) => {}
            Err(error) => why = Some(error),
        }
    }
    let Where { account_id, region, .. } = at;
    Err(why.unwrap_or_else(|| {
        format!("no connection of the integration {} leads to region {region} of account {account_id}", brief.name)
    }))
}

async fn enter_by(common: &Common, connection: &Connection, at: &Where) -> Result<Option<Gateway>, String> {
    let cannot = |trouble| format!("{}: {}", connection.name, sentence(&trouble));
    let entrance = discovery::enter(&common.aws, connection).await.map_err(|shut| cannot(shut.trouble))?;
    let Some(door) = entrance.doors.into_iter().find(|door| door.account_id == at.account_id) else { return Ok(None) };
    let opened = door.open(&common.aws, Some(&at.region), BTreeSet::new()).await;
    let account = opened.map_err(|shut| cannot(shut.trouble))?;
    let leads_there = account.partition == at.partition && account.regions.contains(&at.region);
    Ok(leads_there.then(|| Gateway::new(&common.aws, &account, &at.region)))
}

/// What came of the search for something everywhere.
pub(super) enum Searched {
    /// It was there.
    Found,
    /// It is nowhere.
    Nowhere,
    /// It was in no place that could be looked at; others could not be, for this reason.
    Unknown(String),
}

/// Deletes a key wherever it is: all that is known of it is its id, which AWS gives to one key.
pub(super) async fn delete_everywhere(common: &Common, brief: &Brief, key_id: &str) -> Searched {
    let mut why: Option<String> = None;
    for connection in brief.connections() {
        let cannot = |trouble| format!("{}: {}", connection.name, sentence(&trouble));
        let entrance = match discovery::enter(&common.aws, connection).await {
            Ok(entrance) => entrance,
            Err(shut) => {
                why.get_or_insert(cannot(shut.trouble));
                continue;
            }
        };
        for door in entrance.doors {
            let account = match door.open(&common.aws, None, BTreeSet::new()).await {
                Ok(account) => account,
                Err(shut) => {
                    why.get_or_insert(cannot(shut.trouble));
                    continue;
                }
            };
            for region in &account.regions {
                match Gateway::new(&common.aws, &account, region).delete_api_key(key_id).await {
                    Ok(true) => return Searched::Found,
                    Ok(false) => {}
                    Err(trouble) => {
                        why.get_or_insert(format!("{}/{region}: {}", account.account_id, sentence(&trouble)));
                    }
                }
            }
        }
    }
    why.map_or(Searched::Nowhere, Searched::Unknown)
}
