//! Whether a scope that was not read whole failed for a reason that AWS or the schedule file says is meant.

use chrono::NaiveDate;

use crate::config::{Connection, Regions};
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
    let expected = connection.expected.iter().any(|hole| {
        let account = hole.accounts.is_empty() || account.is_some_and(|account| hole.accounts.any(account));
        let region = hole.regions.is_empty() || region.is_some_and(|region| hole.regions.any(region));
        account && region && hole.states.contains(&state) && hole.until.is_none_or(|until| today <= until)
    });
    by_itself || expected
}
