//! Where connections look today: by the file, and by what their runs came to. `coverage` and `apis` say `unwatched` by the same words.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::views::Views;
use crate::config::{Config, Connection, Credentials, Regions};
use crate::inventory::Family;
use crate::registry::{Reader, RegistryError};

/// Whether a connection looks at an account and region, as far as the file says; what is not known is not left out.
pub(super) fn looks_at(connection: &Connection, account: Option<&str>, region: Option<&str>) -> bool {
    let region = region.is_none_or(|region| match &connection.regions {
        Regions::Named(regions) => regions.iter().any(|named| named == region),
        Regions::All { except } => !except.any(region),
    });
    let account = account.is_none_or(|account| match &connection.credentials {
        Credentials::AssumeRole(role) => role.role_arn.account_id == account,
        Credentials::CentralRole(role) => role.takes(account),
        // Whose keys these are is not in the file.
        Credentials::AwsUser(_) | Credentials::DefaultChain(_) => true,
    });
    region && account
}

/// What is known of one connection in one account beside the file.
#[derive(Debug, Default)]
struct Traces {
    /// Whether the last run over everything came to any of it.
    here: bool,
    /// The scopes that it did not come to.
    left: BTreeSet<(String, Family)>,
}

/// Where the file's connections look today.
#[derive(Debug)]
pub struct Watched<'a> {
    connections: Vec<&'a Connection>,
    traces: BTreeMap<String, BTreeMap<String, Traces>>,
}

impl<'a> Watched<'a> {
    /// Of this file, with what the registry knows of its connections.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn of(config: &'a Config, registry: &Reader, now: DateTime<Utc>) -> Result<Self, RegistryError> {
        let views = Views::of(registry, Some(config), now)?;
        let mut traces: BTreeMap<String, BTreeMap<String, Traces>> = BTreeMap::new();
        registry.for_each_account(None, |rows| {
            let listed = views.is_listed(rows.first().filter(|row| row.region.is_none()));
            for row in rows {
                let left = views.left_by_run(&row, listed);
                let Some(account) = row.account_id else { continue };
                let traces = traces.entry(row.connection).or_default().entry(account).or_default();
                traces.here |= !left;
                if left && let (Some(region), Some(family)) = (row.region, row.family) {
                    traces.left.insert((region, family));
                }
            }
        })?;
        Ok(Self { connections: config.connections.values().collect(), traces })
    }

    /// Whether any connection looks there. `decided_by` decided upon something there: APIs that were named leave no trace among the
    /// scopes.
    #[must_use]
    pub fn is(&self, account: &str, region: &str, family: Family, decided_by: Option<&str>) -> bool {
        self.connections.iter().any(|connection| {
            let traces = self.traces.get(&connection.name).and_then(|accounts| accounts.get(account));
            let by_runs = match traces {
                // Another region may be named since.
                Some(traces) => traces.here && !traces.left.contains(&(region.to_owned(), family)),
                None => decided_by == Some(&connection.name),
            };
            // Whose role it is stands in the file, whatever was looked at so far.
            let by_role = traces.is_none() && matches!(connection.credentials, Credentials::AssumeRole(_));
            looks_at(connection, Some(account), Some(region)) && (by_runs || by_role)
        })
    }
}
