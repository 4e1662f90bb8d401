//! Which addresses of an onboarded API are registered, which come and which go.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::settle::SECOND_LOOK_AFTER;
use super::{KnownApi, KnownInstance};
use crate::inventory::{Api, Instance, InstanceKind, Listing, ScopeLook};

/// The outcome for one API.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// Registered afterwards, by URL.
    pub(super) registered: BTreeMap<String, KnownInstance>,
    /// Newly registered.
    pub(super) added: Vec<Instance>,
    /// Registered no more.
    pub(super) removed: Vec<Instance>,
}

/// Compares an API's addresses with those that are registered.
///
/// `wants` says which stages may add addresses. An address goes by the same rule as an API: two looks an hour apart must miss it;
/// and while not every custom domain was readable, no custom address can be missed at all.
pub(super) fn compare(
    api: &Api,
    known: Option<&KnownApi>,
    wants: impl Fn(&str) -> bool,
    look: &ScopeLook,
    now: DateTime<Utc>,
) -> Addresses {
    let asked = look.listing != Listing::Remembered;
    let deployed: BTreeSet<&str> =
        api.stages().iter().filter(|stage| stage.is_deployed()).map(|stage| stage.name.as_str()).collect();
    let before = known.map(|known| &known.instances);
    let mut result = Addresses::default();

    for instance in &api.instances {
        let registered = before.is_some_and(|before| before.contains_key(&instance.url));
        if registered || (deployed.contains(instance.stage.as_str()) && wants(&instance.stage)) {
            if !registered {
                result.added.push(instance.clone());
            }
            let missed = before.and_then(|before| before.get(&instance.url)).and_then(|known| known.absent_since);
            let seen = KnownInstance { instance: instance.clone(), absent_since: missed.filter(|_| !asked) };
            result.registered.insert(instance.url.clone(), seen);
        }
    }
    for (url, old) in
        before.into_iter().flatten().filter(|(url, _)| !result.registered.contains_key(*url)).collect::<Vec<_>>()
    {
        let proven = asked && (look.domains_read || old.instance.kind != InstanceKind::CustomDomain);
        match old.absent_since {
            Some(since) if proven && now - since >= SECOND_LOOK_AFTER => result.removed.push(old.instance.clone()),
            since => {
                let absent_since = since.or(proven.then_some(now));
                result.registered.insert(url.clone(), KnownInstance { instance: old.instance.clone(), absent_since });
            }
        }
    }
    result
}
