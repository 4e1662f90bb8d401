//! Which accounts and regions were last seen whole, when, and what stands in the way.
//!
//! ```text
//! rows of each connection ─► views (one connection's word on a scope or an account) ─► joined over connections ─► filtered
//! ```
//!
//! An account that a connection cannot enter is one view, whatever scopes of it were seen before: the view sums them up. A scope that
//! its connection does not look at any more says so and is no alarm.

mod joined;
mod views;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

pub use joined::Place;
use views::Views;
pub use watched::Watched;

use crate::config::Config;
use crate::inventory::{Family, ScopeState};
use crate::registry::{Reader, RegistryError};

/// Where one scope stands, or an account that could not be entered (`region` and `family` absent).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// `aws`, …; absent where it is not known.
    pub partition: Option<String>,
    /// Twelve digits; absent where the credentials never said whose they are.
    pub account_id: Option<String>,
    /// The account's name.
    pub account_name: Option<String>,
    /// Region code.
    pub region: Option<String>,
    /// Which control plane.
    pub family: Option<Family>,
    /// How the last look ended.
    pub state: ScopeState,
    /// Whether a failure is meant, by today's file where there is one; also where nobody looks any more.
    pub explained: bool,
    /// What the schedule file says under `expected`, where that explains it.
    pub reason: Option<String>,
    /// What happened.
    pub cause: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Since when it has stood in this state.
    pub since: DateTime<Utc>,
    /// The last complete look; of an account that cannot be entered, that of the scope which has gone unseen longest.
    pub last_complete_at: Option<DateTime<Utc>>,
    /// The same; the first look where none was complete. `--stale` counts from here.
    pub unseen_since: DateTime<Utc>,
    /// The last look.
    pub last_look_at: DateTime<Utc>,
    /// How many APIs the last complete look listed; of an account that cannot be entered, all that are known there.
    pub apis: u64,
    /// The connections that look there, or did, by name.
    pub connections: Vec<String>,
    /// Whether no connection looks there any more; absent where that is not known without a schedule file.
    pub unwatched: Option<bool>,
}

impl Covered {
    /// Whether no connection looks there any more, as far as is known.
    #[must_use]
    pub fn is_unwatched(&self) -> bool {
        self.unwatched == Some(true)
    }

    /// Whether nothing explains that it has not been seen whole for so long.
    #[must_use]
    pub fn is_stale(&self, stale: TimeDelta, now: DateTime<Utc>) -> bool {
        !self.explained && !self.is_unwatched() && now - self.unseen_since >= stale
    }
}

/// Which entries are wanted; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoverageFilter {
    /// As this connection sees it.
    pub connection: Option<String>,
    /// In this account.
    pub account: Option<String>,
    /// In this region, or of an account that could not be entered: that is about each of its regions.
    pub region: Option<String>,
    /// In this state.
    pub state: Option<ScopeState>,
    /// Only what nothing explains and what has not been seen whole for so long.
    pub stale: Option<TimeDelta>,
}

/// The entries that are wanted, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Each scope, and each account that could not be entered.
    pub entries: Vec<Covered>,
    /// Of what passes the filter, whether it is stale or not.
    pub totals: Totals,
}

/// Sums. What nobody looks at any more counts in `unwatched` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts whose number is known.
    pub accounts: u64,
    /// Scopes seen whole.
    pub complete: u64,
    /// Scopes, and accounts that could not be entered, whose failure is meant.
    pub explained: u64,
    /// The same whose failure is not.
    pub unexplained: u64,
    /// What nobody looks at any more.
    pub unwatched: u64,
    /// APIs.
    pub apis: u64,
}

/// How a connection's scopes stand, as far as it is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeFigures {
    /// Scopes, and accounts that could not be entered, by state; without what nobody looks at any more.
    pub states: BTreeMap<&'static str, u64>,
    /// Those that are not complete and not explained.
    pub unexplained: u64,
    /// When the scope was last seen whole that has gone unseen longest, and that nothing explains.
    pub unseen_since: Option<DateTime<Utc>>,
}

/// Everything that a registry knows of coverage, judged by a schedule file where there is one.
///
/// # Errors
/// What SQLite and the disk may refuse.
pub fn coverage(
    registry: &Reader,
    config: Option<&Config>,
    filter: &CoverageFilter,
    now: DateTime<Utc>,
) -> Result<Coverage, RegistryError> {
    let views = Views::of(registry, config, now)?;
    let mut joined: BTreeMap<Place, Covered> = BTreeMap::new();
    views.each(registry, filter.connection.as_deref(), |view| {
        let wanted = |wanted: &Option<String>| wanted.is_none() || *wanted == view.account_id;
        let region = view.region.is_none() || filter.region.is_none() || filter.region == view.region;
        if wanted(&filter.account) && region {
            joined::put(&mut joined, view);
        }
    })?;
    let mut entries: Vec<Covered> = joined.into_values().collect();
    entries.retain(|entry| filter.state.is_none_or(|state| state == entry.state));
    let totals = totals(&entries);
    if let Some(stale) = filter.stale {
        entries.retain(|entry| entry.is_stale(stale, now));
    }
    Ok(Coverage { entries, totals })
}

/// An account or region that a filter names and where nobody ever looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// `account` or `region`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// Those where somebody looked; regions are those of the filter's account.
    pub seen: BTreeSet<String>,
}

/// Which account or region of a filter is one where nobody ever looked, or the connection that it names did not: a slip of the pen would be
/// well for ever.
///
/// # Errors
/// What SQLite and the disk may refuse.
pub fn missed(registry: &Reader, filter: &CoverageFilter) -> Result<Option<Missed>, RegistryError> {
    if filter.account.is_none() && filter.region.is_none() {
        return Ok(None);
    }
    let (mut accounts, mut regions) = (BTreeSet::new(), BTreeSet::new());
    // An account that could not be entered is about each of its regions, whichever they are.
    let mut everywhere = false;
    registry.for_each_account(filter.connection.as_deref(), |rows| {
        for row in rows {
            if filter.account.is_none() || filter.account == row.account_id {
                everywhere |= row.region.is_none() && !row.is_closed();
                regions.extend(row.region);
            }
            accounts.extend(row.account_id);
        }
    })?;
    if let Some(account) = filter.account.as_ref().filter(|account| !accounts.contains(*account)) {
        return Ok(Some(Missed { what: "account", name: account.clone(), seen: accounts }));
    }
    let region = filter.region.as_ref().filter(|region| !everywhere && !regions.contains(*region));
    Ok(region.map(|region| Missed { what: "region", name: region.clone(), seen: regions }))
}

/// What is measured of each connection; never more than one account of it is in memory.
///
/// # Errors
/// What SQLite and the disk may refuse.
pub fn figures(
    registry: &Reader,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, ScopeFigures>, RegistryError> {
    let mut figures: BTreeMap<String, ScopeFigures> = BTreeMap::new();
    Views::of(registry, Some(config), now)?.each(registry, None, |view| {
        if view.is_unwatched() {
            return;
        }
        let Covered { connections, state, explained, unseen_since, .. } = view;
        for connection in connections {
            let of = figures.entry(connection).or_default();
            *of.states.entry(state.as_str()).or_default() += 1;
            if !explained {
                of.unexplained += u64::from(state != ScopeState::Complete);
                of.unseen_since = Some(of.unseen_since.map_or(unseen_since, |before| before.min(unseen_since)));
            }
        }
    })?;
    Ok(figures)
}

fn totals(entries: &[Covered]) -> Totals {
    let mut totals = Totals::default();
    let mut accounts: BTreeSet<&str> = BTreeSet::new();
    for entry in entries {
        if entry.is_unwatched() {
            totals.unwatched += 1;
            continue;
        }
        accounts.extend(entry.account_id.as_deref());
        totals.apis += entry.apis;
        let count = match (entry.state, entry.explained) {
            (ScopeState::Complete, _) => &mut totals.complete,
            (_, true) => &mut totals.explained,
            (_, false) => &mut totals.unexplained,
        };
        *count += 1;
    }
    totals.accounts = accounts.len() as u64;
    totals
}

#[cfg(test)]
mod tests;
