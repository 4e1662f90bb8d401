//! What each connection says of its scopes and accounts, account by account.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::Covered;
use super::watched::looks_at;
use crate::config::Config;
use crate::inventory::ScopeState;
use crate::plan::{expected, explained, is_past, names_failure};
use crate::registry::{Reader, RegistryError, ScopeStatus, WholeLook};

/// What rows are judged by.
#[derive(Debug)]
pub(super) struct Views<'a> {
    config: Option<&'a Config>,
    whole: BTreeMap<String, WholeLook>,
    today: NaiveDate,
}

/// A connection whose credentials failed before any account was known.
struct Unknown {
    row: ScopeStatus,
    /// Whether it stands for accounts that were known from before.
    stands: bool,
}

impl<'a> Views<'a> {
    /// By this file, where there is one, and by what the connections' runs came to.
    pub(super) fn of(registry: &Reader, config: Option<&'a Config>, now: DateTime<Utc>) -> Result<Self, RegistryError> {
        Ok(Self { config, whole: registry.whole_looks()?, today: now.date_naive() })
    }

    /// Every view, or those of one connection.
    pub(super) fn each(
        &self,
        registry: &Reader,
        connection: Option<&str>,
        mut each: impl FnMut(Covered),
    ) -> Result<(), RegistryError> {
        let mut unknown: Option<Unknown> = None;
        registry.for_each_account(connection, |rows| {
            let Some(first) = rows.first() else { return };
            if unknown.as_ref().is_some_and(|unknown| unknown.row.connection != first.connection)
                && let Some(Unknown { row, stands: false }) = unknown.take()
            {
                each(self.account(&row, &[], self.left_by_file(&row)));
            }
            if first.account_id.is_none() {
                let open = rows.into_iter().find(|row| !row.is_closed());
                unknown = open.map(|row| Unknown { row, stands: false });
            } else {
                self.of_account(rows, unknown.as_mut(), &mut each);
            }
        })?;
        if let Some(Unknown { row, stands: false }) = unknown {
            each(self.account(&row, &[], self.left_by_file(&row)));
        }
        Ok(())
    }

    fn of_account(&self, mut rows: Vec<ScopeStatus>, unknown: Option<&mut Unknown>, each: &mut impl FnMut(Covered)) {
        let own = if rows[0].region.is_none() { Some(rows.remove(0)) } else { None };
        let listed = self.is_listed(own.as_ref());
        if let Some(own) = own.filter(|own| !own.is_closed()) {
            let left = self.left(&own, listed);
            let here = |row: &ScopeStatus| left.is_some() || self.left(row, listed).is_none();
            let (here, gone): (Vec<_>, Vec<_>) = rows.into_iter().partition(here);
            each(self.account(&own, &here, left));
            for row in &gone {
                each(self.scope(row, self.left(row, listed)));
            }
            return;
        }
        let (here, gone): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| self.left(row, listed).is_none());
        for row in &gone {
            each(self.scope(row, self.left(row, listed)));
        }
        match (unknown, here.first()) {
            (Some(unknown), Some(first)) => {
                unknown.stands = true;
                let account_id = first.account_id.clone();
                let trouble = ScopeStatus { account_id, ..unknown.row.clone() };
                each(self.account(&trouble, &here, None));
            }
            _ => {
                for row in &here {
                    each(self.scope(row, None));
                }
            }
        }
    }

    /// Why a connection looks there no more, where it does not; the file counts before what runs came to.
    fn left(&self, row: &ScopeStatus, listed: bool) -> Option<String> {
        self.left_by_file(row).or_else(|| {
            let whole = self.whole.get(&row.connection).filter(|_| self.left_by_run(row, listed))?;
            let ScopeStatus { connection, .. } = row;
            let WholeLook { run_id, started_at, .. } = whole;
            let on = started_at.format("%Y-%m-%d");
            Some(format!(
                "{connection} looks there no more: its run {run_id} of {on} over everything in its scope did not come to it, so the \
                 account was closed or is not the connection's any more, or the region was left out or switched off"
            ))
        })
    }

    fn left_by_file(&self, row: &ScopeStatus) -> Option<String> {
        let name = &row.connection;
        match self.config?.connections.get(name) {
            None => Some(format!("{name} looks there no more: it is not in the schedule file")),
            Some(connection) if !looks_at(connection, row.account_id.as_deref(), row.region.as_deref()) => {
                Some(format!("{name} looks there no more: the schedule file leaves this account or region out"))
            }
            Some(_) => None,
        }
    }

    /// Whether an account that could not be entered was listed all the same in the last run over everything, so that its scopes are
    /// there too.
    pub(super) fn is_listed(&self, own: Option<&ScopeStatus>) -> bool {
        own.is_some_and(|own| !self.is_passed_by(own))
    }

    /// Whether a run shows that the connection looks there no more.
    pub(super) fn left_by_run(&self, row: &ScopeStatus, listed: bool) -> bool {
        !listed && self.is_passed_by(row)
    }

    /// Whether the connection's last run over everything came and went without it.
    fn is_passed_by(&self, row: &ScopeStatus) -> bool {
        self.whole.get(&row.connection).is_some_and(|whole| row.last_run_id < whole.first)
    }

    /// Whether a failure is meant, and in whose words.
    fn meant(&self, row: &ScopeStatus) -> (bool, Option<String>) {
        if row.state == ScopeState::Complete {
            return (false, None);
        }
        let connection = self.config.and_then(|config| config.connections.get(&row.connection));
        let Some(connection) = connection else { return (row.explained, None) };
        let (account, region) = (row.account_id.as_deref(), row.region.as_deref());
        if let Some(hole) = expected(connection, account, region, row.state, self.today) {
            return (true, Some(hole.reason.clone()));
        }
        // The run may have known more than the file says; but what it took from an entry that is past counts no more.
        let past = |hole| is_past(hole, self.today) && names_failure(hole, account, region, row.state);
        let as_before = row.explained && !connection.expected.iter().any(past);
        (as_before || explained(connection, account, region, row.state, self.today), None)
    }

    fn scope(&self, row: &ScopeStatus, left: Option<String>) -> Covered {
        let (meant, reason) = self.meant(row);
        let view = Covered {
            partition: Some(row.partition.clone()).filter(|partition| !partition.is_empty()),
            account_id: row.account_id.clone(),
            account_name: row.account_name.clone(),
            region: row.region.clone(),
            family: row.family,
            state: row.state,
            explained: meant,
            reason,
            cause: row.cause.clone(),
            hint: row.hint.clone(),
            since: row.since,
            last_complete_at: row.last_complete_at,
            unseen_since: row.last_complete_at.unwrap_or(row.first_look_at),
            last_look_at: row.last_look_at,
            apis: row.apis,
            connections: vec![row.connection.clone()],
            unwatched: self.config.map(|_| false),
        };
        match left {
            None => view,
            Some(why) => {
                Covered { explained: true, reason: None, cause: Some(why), hint: None, unwatched: Some(true), ..view }
            }
        }
    }

    /// An account that cannot be entered, with what was known of its scopes.
    fn account(&self, row: &ScopeStatus, scopes: &[ScopeStatus], left: Option<String>) -> Covered {
        // What was meant not to be seen whole before is no measure of when the account was.
        let measure = || scopes.iter().filter(|scope| !self.meant(scope).0);
        // Where one was never complete, the account as a whole was not either.
        let oldest = measure().map(|scope| scope.last_complete_at).min().flatten();
        let unseen = measure().map(|scope| scope.last_complete_at.unwrap_or(scope.first_look_at)).min();
        let first_look = if scopes.is_empty() { row.first_look_at } else { row.since };
        let of_scopes = |text: fn(&ScopeStatus) -> Option<String>| scopes.iter().find_map(text);
        let view = self.scope(row, left);
        Covered {
            partition: view.partition.or_else(|| of_scopes(|scope| Some(scope.partition.clone()))),
            account_name: view.account_name.or_else(|| of_scopes(|scope| scope.account_name.clone())),
            last_complete_at: oldest,
            unseen_since: unseen.unwrap_or(first_look),
            apis: scopes.iter().map(|scope| scope.apis).sum(),
            ..view
        }
    }
}
