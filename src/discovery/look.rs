//! One look at one account in one region: both families' listings, then stages and custom domains, then addresses.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use futures_util::join;
use futures_util::stream::{self, StreamExt};

use super::account::{Account, Place};
use super::address;
use super::aws::Aws;
use super::classify::Failure;
use super::domains::{self, Routes};
use super::listed::{Harvest, Listed, StagesRead};
use super::progress::Progress;
use super::{http_family, rest};
use crate::inventory::{Api, ApiId, Details, Family, Listing, ScopeLook};

/// What a look is after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every API of both families.
    Everything,
    /// Every API of one family.
    Family(Family),
    /// One API and nothing else, so its look proves nothing about others.
    Api {
        /// The id that API Gateway gave.
        api_id: String,
        /// The family, where it is known; otherwise REST is asked first.
        family: Option<Family>,
    },
}

/// Looks at one region of an account. Fails never as a whole: each scope says how it went.
///
/// Looking for everything gives one look per family, for one family that family's. Looking for one API gives the family that has it, or, if neither
/// has, each that was asked.
pub async fn look(aws: &Aws, account: &Account, region: &str, wanted: &Wanted, progress: &Progress) -> Vec<ScopeLook> {
    let place = account.place(aws, region, progress);
    let looks = match wanted {
        Wanted::Everything => look_at_whole(&place, &Family::ALL, progress).await,
        Wanted::Family(family) => look_at_whole(&place, &[*family], progress).await,
        Wanted::Api { api_id, family } => look_at_one(&place, api_id, *family, progress).await,
    };
    let named = |look| ScopeLook { account_name: account.account_name.clone(), ..look };
    looks.into_iter().map(named).collect()
}

async fn look_at_whole(place: &Place, wanted: &[Family], progress: &Progress) -> Vec<ScopeLook> {
    let before: Vec<_> = wanted.iter().map(|family| place.meter(*family).read()).collect();
    let harvests = join_all(wanted.iter().map(|family| list(place, *family))).await;
    progress.apis_found(harvests.iter().map(|harvest| harvest.apis.len()).sum());
    let found = || wanted.iter().copied().zip(&harvests);
    let families: BTreeSet<Family> =
        found().filter(|(_, harvest)| !harvest.apis.is_empty()).map(|(family, _)| family).collect();
    let stages = join_all(found().map(|(family, harvest)| stages_of(place, family, harvest)));
    let (stages, routes) = join!(stages, routes_to(place, &families));
    let mut looks = Vec::with_capacity(wanted.len());
    for ((harvest, stages), (family, before)) in harvests.into_iter().zip(stages).zip(wanted.iter().zip(before)) {
        let listing = match &harvest.failure {
            Some(failure) => Listing::Failed(place.trouble(failure).await),
            None => Listing::Whole { without_list: harvest.without_list },
        };
        let mut look = assemble(place, *family, listing, harvest.apis, stages, &routes);
        let count = place.meter(*family).read() - before;
        (look.calls, look.throttled) = (count.calls, count.throttled);
        looks.push(look);
    }
    progress.scopes_done(wanted.len() as u64);
    looks
}

async fn list(place: &Place, family: Family) -> Harvest {
    match family {
        Family::Rest => rest::list(place).await,
        Family::Http => http_family::list(place).await,
    }
}

async fn look_at_one(place: &Place, api_id: &str, family: Option<Family>, progress: &Progress) -> Vec<ScopeLook> {
    let asked = family.map_or(Family::ALL.to_vec(), |family| vec![family]);
    let mut looks = Vec::new();
    for family in asked {
        let before = Family::ALL.map(|family| place.meter(family).read());
        let found = match family {
            Family::Rest => rest::get(place, api_id).await,
            Family::Http => http_family::get(place, api_id).await,
        };
        let found = match found {
            Ok(Some(api)) => Ok(BTreeMap::from([(api.api_id.clone(), api)])),
            Ok(None) => Ok(BTreeMap::new()),
            Err(failure) => Err(failure),
        };
        let is_there = found.as_ref().is_ok_and(|apis| !apis.is_empty());
        let (listing, apis) = match found {
            Ok(apis) => (Listing::Selected, apis),
            Err(failure) => (Listing::Failed(place.trouble(&failure).await), BTreeMap::new()),
        };
        let harvest = Harvest { apis, ..Harvest::default() };
        let families = if is_there { BTreeSet::from([family]) } else { BTreeSet::new() };
        let (stages, routes) = join!(stages_of(place, family, &harvest), routes_to(place, &families));
        let mut look = assemble(place, family, listing, harvest.apis, stages, &routes);
        // The custom domains are read through both meters, for this one API.
        let after = Family::ALL.map(|family| place.meter(family).read());
        let count = (after[0] - before[0]) + (after[1] - before[1]);
        (look.calls, look.throttled) = (count.calls, count.throttled);
        progress.scopes_done(1);
        if is_there {
            progress.apis_found(1);
            return vec![look];
        }
        looks.push(look);
    }
    looks
}

/// The custom domains, where there is something that they could lead to.
async fn routes_to(place: &Place, families: &BTreeSet<Family>) -> Routes {
    if families.is_empty() { Routes::default() } else { domains::routes(place, families).await }
}

async fn stages_of(place: &Place, family: Family, harvest: &Harvest) -> BTreeMap<String, StagesRead> {
    let ids: Vec<String> = harvest.apis.keys().cloned().collect();
    stream::iter(ids.into_iter().map(|api_id| async move {
        let read = match family {
            Family::Rest => rest::stages(place, &api_id).await,
            Family::Http => http_family::stages(place, &api_id).await,
        };
        (api_id, read)
    }))
    .buffer_unordered(place.width())
    .collect()
    .await
}

/// Puts together what was read of one family; calls are counted by the caller.
fn assemble(
    place: &Place,
    family: Family,
    listing: Listing,
    listed: BTreeMap<String, Listed>,
    mut stages: BTreeMap<String, StagesRead>,
    routes: &Routes,
) -> ScopeLook {
    let mut notes: Vec<String> =
        routes.notes.iter().filter(|(families, _)| families.contains(&family)).map(|(_, note)| note.clone()).collect();
    let domains_read = notes.is_empty();
    let mut without_address = 0_u64;
    let mut apis = Vec::with_capacity(listed.len());
    for (api_id, listed) in listed {
        // Deleted between the listing and the stages.
        let Some(read) = stages.remove(&api_id).flatten() else { continue };
        let id = ApiId {
            partition: place.partition.clone(),
            account_id: place.account_id.clone(),
            region: place.region.clone(),
            api_id,
        };
        if address::own_address_is_unknown(&id, &listed.endpoint) {
            without_address += 1;
        }
        let routes = routes.by_api.get(&id.api_id).map_or(&[][..], Vec::as_slice);
        apis.push(api(id, listed, read, routes));
    }
    notes.extend(unreadable(&apis));
    if without_address > 0 {
        let partition = &place.partition;
        notes.push(format!(
            "the DNS suffix of partition {partition} is not known, so invoke URLs of {without_address} APIs are missing"
        ));
    }
    ScopeLook {
        scope: place.scope(family),
        account_name: None,
        listing,
        apis,
        domains_read,
        notes,
        calls: 0,
        throttled: 0,
    }
}

/// What is said of APIs whose stages could not be read: how many, and why, of the first.
fn unreadable(apis: &[Api]) -> Option<String> {
    let cause = |api: &Api| match &api.details {
        Details::Unreadable { cause } => Some((api.id.api_id.clone(), cause.clone())),
        Details::Read(_) => None,
    };
    let mut causes = apis.iter().filter_map(cause);
    let (first, cause) = causes.next()?;
    Some(match causes.count() {
        0 => format!("{first} is held, because its stages could not be read: {cause}"),
        more => format!("{} APIs are held, because their stages could not be read; {first}: {cause}", more + 1),
    })
}

fn api(
    id: ApiId,
    listed: Listed,
    read: Result<Vec<crate::inventory::Stage>, Failure>,
    routes: &[address::Route],
) -> Api {
    let (details, instances) = match read {
        Ok(stages) => {
            let instances = address::instances(&id, listed.protocol, &listed.endpoint, &stages, routes);
            (Details::Read(stages), instances)
        }
        Err(failure) => {
            let trouble = failure.trouble();
            let hint = trouble.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            (Details::Unreadable { cause: format!("{}{hint}", trouble.cause) }, Vec::new())
        }
    };
    listed.api(id, details, instances)
}

#[cfg(test)]
mod tests;
