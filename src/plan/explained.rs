//! Whether a scope that was not read whole failed for a reason that AWS or the schedule file says is meant.

use chrono::NaiveDate;

use crate::config::{Connection, Expected, Regions};
use crate::inventory::ScopeState;

/// Whether a failure is explained: reported and held, never an alarm.
///
/// `region` is absent for an account that could not be entered at all.
#[must_use]
pub fn explained(
    connection: &Connection,
    account: Option<&str>,
    region: Option<&str>,
    state: ScopeState,
    today: NaiveDate,
) -> bool {
    let from_all = matches!(connection.regions, Regions::All { .. });
    let by_itself = match state {
        ScopeState::Unsupported | ScopeState::AccountSuspended => true,
        ScopeState::RegionDisabled | ScopeState::DeniedByScp => from_all,
        _ => false,
    };
    by_itself || expected(connection, account, region, state, today).is_some()
}

/// The first of the connection's known holes that names this failure and still counts.
#[must_use]
pub fn expected<'a>(
    connection: &'a Connection,
    account: Option<&str>,
    region: Option<&str>,
    state: ScopeState,
    today: NaiveDate,
) -> Option<&'a Expected> {
    let mut holes = connection.expected.iter();
    holes.find(|hole| !is_past(hole, today) && names_failure(hole, account, region, state))
}

/// Whether a known hole names this failure, whatever the day.
///
/// One that names regions is never about an account as such: it may be open elsewhere.
#[must_use]
pub fn names_failure(hole: &Expected, account: Option<&str>, region: Option<&str>, state: ScopeState) -> bool {
    let account = hole.accounts.is_empty() || account.is_some_and(|account| hole.accounts.any(account));
    let region = hole.regions.is_empty() || region.is_some_and(|region| hole.regions.any(region));
    account && region && hole.states.contains(&state)
}

/// Whether the last day on which a known hole counts is over.
#[must_use]
pub fn is_past(hole: &Expected, today: NaiveDate) -> bool {
    hole.until.is_some_and(|until| today > until)
}
