//! Several connections that look at one scope: one entry.
//!
//! A complete look wins over any that is not, for the scope was seen; among equals the newest. A failure is explained only where every
//! connection that fails there explains it. What a connection no longer looks at yields to what another one does.

use std::collections::BTreeMap;

use super::Covered;
use crate::inventory::{Family, ScopeState};

/// Where an entry stands in the list: the order is by account, region and family, and never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Twelve digits.
    pub account_id: Option<String>,
    /// Region code; absent for an account as such.
    pub region: Option<String>,
    /// Which control plane.
    pub family: Option<Family>,
    /// Tells apart what credentials failed for that never said whose they are.
    pub connection: Option<String>,
}

impl Place {
    /// Where this entry stands.
    #[must_use]
    pub fn of(entry: &Covered) -> Self {
        let Covered { account_id, region, family, connections, .. } = entry;
        let connection = connections.first().filter(|_| account_id.is_none()).cloned();
        Self { account_id: account_id.clone(), region: region.clone(), family: *family, connection }
    }
}

/// Joins one connection's word with what others said of the same place.
pub(super) fn put(joined: &mut BTreeMap<Place, Covered>, view: Covered) {
    let place = Place::of(&view);
    let entry = match joined.remove(&place) {
        Some(before) => join(before, view),
        None => view,
    };
    joined.insert(place, entry);
}

fn join(one: Covered, other: Covered) -> Covered {
    match (one.is_unwatched(), other.is_unwatched()) {
        (true, false) => return other,
        (false, true) => return one,
        _ => {}
    }
    let rank = |entry: &Covered| (entry.state == ScopeState::Complete, entry.last_look_at);
    let (best, rest) = if rank(&one) >= rank(&other) { (one, other) } else { (other, one) };
    let is_complete = |entry: &Covered| entry.state == ScopeState::Complete;
    let explained = best.explained && (rest.explained || is_complete(&rest) || is_complete(&best));
    let seen_later = if best.last_complete_at >= rest.last_complete_at { &best } else { &rest };
    let (last_complete_at, apis) = (seen_later.last_complete_at, seen_later.apis);
    let mut connections = [best.connections, rest.connections].concat();
    connections.sort();
    connections.dedup();
    Covered {
        partition: best.partition.or(rest.partition),
        account_name: best.account_name.or(rest.account_name),
        explained,
        reason: best.reason.filter(|_| explained),
        since: if best.state == rest.state { best.since.min(rest.since) } else { best.since },
        last_complete_at,
        unseen_since: last_complete_at.unwrap_or_else(|| best.unseen_since.min(rest.unseen_since)),
        last_look_at: best.last_look_at.max(rest.last_look_at),
        apis,
        connections,
        unwatched: best.unwatched.and(rest.unwatched),
        ..best
    }
}
