//! `approve`: registers what `max_new`, or a person's choice, held back. Nothing is asked of AWS: the registry remembers it.

use chrono::{DateTime, Utc};

use super::book::{self, SharedRegistry};
use super::holding;
use crate::config::{Config, Connection};
use crate::inventory::{Listing, Scope, ScopeLook};
use crate::plan::{Known, Rules, plan};
use crate::registry::{ApiDocument, Commit, CommitScope, Counts, Outcome, Registry, RegistryError, RunError, RunId};

/// What an approval did.
#[derive(Debug)]
pub struct Approval {
    /// Its run; absent where nothing awaited approval.
    pub run_id: Option<RunId>,
    /// What it counted.
    pub counts: Counts,
    /// Rows that it wrote to the outbox.
    pub deliveries: u64,
    /// What was decided about each API.
    pub apis: Vec<ApiDocument>,
}

/// Registers everything that awaits approval on a connection and that its rules still choose.
///
/// # Errors
/// A run of the connection is under way, or what the registry refuses; scopes that were committed before stay so.
pub fn approve(
    registry: &SharedRegistry,
    config: &Config,
    connection: &Connection,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Approval, RunError> {
    let mut registry = book::lock(registry);
    let mut approval = Approval { run_id: None, counts: Counts::default(), deliveries: 0, apis: Vec::new() };
    let Some(claim) = book::claim_approval(&mut registry, connection, by, now)? else { return Ok(approval) };
    approval.run_id = claim.run_id;
    let done = commit_all(&mut registry, &mut approval, config, connection, by, now);
    let error = done.as_ref().err().map(super::run::registry_error);
    let outcome = if error.is_none() { Outcome::Succeeded } else { Outcome::Failed };
    if let Some(run_id) = claim.run_id {
        let finished = registry.finish_run(run_id, outcome, &approval.counts, error.as_ref(), now);
        finished.map_err(|error| super::run::registry_error(&error))?;
        let summed =
            super::announcing::sum_up(&mut registry, config, connection, run_id, &approval.counts, outcome, now);
        approval.deliveries += summed.map_err(|error| super::run::registry_error(&error))?;
    }
    error.map_or(Ok(approval), Err)
}

fn commit_all(
    registry: &mut Registry,
    approval: &mut Approval,
    config: &Config,
    connection: &Connection,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), RegistryError> {
    let (rules, digests) = (Rules::of(connection, &config.targets), super::book::digests(config));
    loop {
        // What another process changed since it was read is read again; what was committed awaits nothing any more.
        let awaiting = registry.awaiting(&connection.name)?;
        let mut stale = false;
        for (scope, known) in awaiting.into_iter().filter(|(scope, _)| holding::names(connection, scope)) {
            let look = remembered(&scope, &known);
            let plan = plan(&look, &known, &rules, now);
            let commit = CommitScope {
                run_id: approval.run_id.unwrap_or_default(),
                connection: &connection.name,
                known: &known,
                plan: &plan,
                account_name: None,
                explained: false,
                calls: 0,
                throttled: 0,
                notes: &[],
                digests: &digests,
                approved_by: Some(by),
            };
            match registry.commit_scope(&commit, now)? {
                Commit::Done(done) => {
                    approval.counts += done.counts;
                    approval.deliveries += done.deliveries;
                    let shown = |entry| super::ending::document(entry, None, &connection.name, Some(now));
                    approval.apis.extend(plan.entries.iter().filter(|entry| entry.decision.is_some()).map(shown));
                }
                Commit::Repeated => {}
                Commit::Stale => stale = true,
            }
        }
        if !stale {
            return Ok(());
        }
    }
}

/// What the registry remembers, as a look for exactly these APIs would show it.
fn remembered(scope: &Scope, known: &Known) -> ScopeLook {
    ScopeLook {
        scope: scope.clone(),
        account_name: None,
        listing: Listing::Remembered,
        apis: known.apis.values().map(|known| known.api.clone()).collect(),
        domains_read: true,
        notes: Vec::new(),
        calls: 0,
        throttled: 0,
    }
}
