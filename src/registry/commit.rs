//! Applying one scope's plan: everything that follows from it in one transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use serde_json::json;

use super::history::{self, HistoryEvent, Occasion};
use super::known;
use super::outbox::{self, NewDelivery};
use super::rows::{self, Stored};
use super::runs::{self, Counts, RunId, ScopeKey, ScopeResult};
use super::status::Suspicion;
use super::values::{count, to_json, whole_millis};
use super::{ApiDocument, Registry, RegistryError, RegistryErrorKind, status};
use crate::inventory::ScopeState;
use crate::notice::Notice;
use crate::plan::{ApiState, Decision, Entry, Known, Plan, Reason, Told};

/// One scope's plan with what the run knows about the look.
#[derive(Clone, Copy, Debug)]
pub struct CommitScope<'a> {
    /// The run.
    pub run_id: RunId,
    /// Whose run it is.
    pub connection: &'a str,
    /// What the plan was made from.
    pub known: &'a Known,
    /// What is to be done.
    pub plan: &'a Plan,
    /// The account's name, where Organizations told it.
    pub account_name: Option<&'a str>,
    /// Whether the scope's state is meant.
    pub explained: bool,
    /// Requests sent to API Gateway for it.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
    /// What could not be read but was not needed.
    pub notes: &'a [String],
    /// Targets that get a run's events in one message at its end.
    pub digests: &'a BTreeSet<String>,
    /// Who approved what the plan registers, where it was held back before.
    pub approved_by: Option<&'a str>,
}

/// What came of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It is done.
    Done(Committed),
    /// This run had committed the scope before; nothing was done.
    Repeated,
    /// Somebody else changed an API of this scope since the plan was made; nothing was done. Load [`Known`] again and plan anew.
    Stale,
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Its part of the run's counts.
    pub counts: Counts,
    /// Rows written to the outbox.
    pub deliveries: u64,
}

impl Registry {
    /// Commits one scope of a run: APIs, addresses, decisions, what targets were told, history, outbox and the run's row of the scope,
    /// all or nothing.
    ///
    /// # Errors
    /// `UnknownRun`, and what SQLite and the disk may refuse; nothing has changed then.
    pub fn commit_scope(&mut self, commit: &CommitScope<'_>, now: DateTime<Utc>) -> Result<Commit, RegistryError> {
        let now = whole_millis(now);
        self.write(|sql| apply(sql, commit, now))
    }
}

fn apply(sql: &Connection, commit: &CommitScope<'_>, now: DateTime<Utc>) -> Result<Commit, RegistryErrorKind> {
    let CommitScope { run_id, connection, known, plan, .. } = *commit;
    runs::must_exist(sql, run_id)?;
    if runs::is_planned(sql, run_id, &plan.scope)? {
        return Ok(Commit::Repeated);
    }
    // Another connection may look at the same scope side by side: what it registered meanwhile must not be registered again.
    if known::revision(sql, &plan.scope)? != known.scope.revision {
        return Ok(Commit::Stale);
    }
    let mut briefs = rows::briefs(sql, connection, &plan.scope)?;
    // Nothing is written before it is known that the plan speaks of the APIs that it was told of.
    if plan.entries.iter().any(|entry| {
        let id = &entry.api.id;
        known.apis.contains_key(id) != briefs.contains_key(&id.api_id)
    }) {
        return Ok(Commit::Stale);
    }
    let mut done = Committed::default();
    let mut changed = None;
    for entry in &plan.entries {
        done.counts.count(entry);
        let id = &entry.api.id;
        let stored = match known.apis.get(id).zip(briefs.remove(&id.api_id)) {
            Some((known, brief)) if rows::is_unchanged(entry, known, &brief) => continue,
            Some((known, brief)) => Some(Stored::load(sql, brief, known)?),
            None => None,
        };
        let (row, deliveries) = apply_entry(sql, commit, entry, stored.as_ref(), now)?;
        done.deliveries += deliveries;
        changed = Some(row);
    }
    if let Some(row) = changed {
        known::changed(sql, row)?;
    }
    done.counts.calls = commit.calls;
    done.counts.throttled = commit.throttled;
    let complete = plan.settled.state == ScopeState::Complete;
    done.counts.scopes_complete = u64::from(complete);
    done.counts.scopes_failed = u64::from(!complete);
    write_scope(sql, commit, &done.counts, now)?;
    Ok(Commit::Done(done))
}

/// Writes what became of the scope itself.
fn write_scope(
    sql: &Connection,
    commit: &CommitScope<'_>,
    counts: &Counts,
    now: DateTime<Utc>,
) -> Result<(), RegistryErrorKind> {
    let settled = &commit.plan.settled;
    let result = ScopeResult {
        key: ScopeKey::of(&commit.plan.scope),
        account_name: commit.account_name,
        state: settled.state,
        explained: commit.explained,
        cause: settled.cause.as_deref(),
        hint: settled.hint.as_deref(),
        notes: commit.notes,
        counts,
        planned: true,
    };
    runs::write_scope(sql, commit.run_id, &result, now)?;
    // A look at named APIs alone says nothing about its scope.
    let selected = settled.state == ScopeState::Complete && !settled.proves_absence;
    if !selected {
        status::write(sql, commit.connection, commit.run_id, &result, Suspicion::Since(settled.suspicious_since), now)?;
        status::account_entered(sql, commit.connection, &commit.plan.scope, settled.state, now)?;
    }
    Ok(())
}

/// Writes one API; answers its row and how many deliveries follow.
fn apply_entry(
    sql: &Connection,
    commit: &CommitScope<'_>,
    entry: &Entry,
    stored: Option<&Stored<'_>>,
    now: DateTime<Utc>,
) -> rusqlite::Result<(i64, u64)> {
    let (row, onboarded_at) = rows::write_api(sql, entry, stored, now)?;
    rows::write_addresses(sql, row, entry, stored)?;
    rows::write_decision(sql, row, commit.connection, commit.run_id, entry, stored, now)?;
    write_history(sql, commit, row, entry, stored, now)?;
    let deliveries = write_messages(sql, commit, row, entry, stored, onboarded_at, now)?;
    Ok((row, deliveries))
}

/// Raises what each target was told, and queues the telling.
fn write_messages(
    sql: &Connection,
    commit: &CommitScope<'_>,
    row: i64,
    entry: &Entry,
    stored: Option<&Stored<'_>>,
    onboarded_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> rusqlite::Result<u64> {
    let targets: BTreeSet<&String> =
        entry.told.keys().chain(entry.messages.iter().map(|message| &message.target)).collect();
    if targets.is_empty() {
        return Ok(0);
    }
    let document = ApiDocument::of_entry(entry, commit.account_name, onboarded_at, commit.connection);
    let mut queued = 0;
    for target in targets {
        let mut revision = stored.and_then(|stored| stored.revisions.get(target)).copied().unwrap_or(0);
        for message in entry.messages.iter().filter(|message| message.target == *target) {
            let action = outbox::action(message);
            revision = outbox::free_revision(sql, target, &entry.api.id, &action, revision + 1)?;
            let payload = Notice {
                event: message.event.as_str().to_owned(),
                occurred_at: now,
                target: target.clone(),
                connection: commit.connection.to_owned(),
                run_id: Some(commit.run_id),
                revision,
                api: Some(document.clone()),
                instances: outbox::concerned(entry, message),
                run: None,
            };
            outbox::queue(
                sql,
                &NewDelivery {
                    api: row,
                    id: &entry.api.id,
                    action: &action,
                    payload: &payload,
                    collected: commit.digests.contains(target),
                },
            )?;
            queued += 1;
        }
        let before = stored.and_then(|stored| stored.known.told.get(target));
        let nothing = Told::default();
        let after = entry.told.get(target).or(before).unwrap_or(&nothing);
        write_told(sql, row, target, after, revision)?;
    }
    Ok(queued)
}

/// Writes what a target was told of an API.
pub(super) fn write_told(sql: &Connection, row: i64, target: &str, told: &Told, revision: u64) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(
        "INSERT OR REPLACE INTO told (api, target, urls, gone, revision) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute((row, target, to_json(&told.urls)?, told.gone, count(revision)))?;
    Ok(())
}

/// Writes down what happened; a decision that only repeats the last one is no event.
fn write_history(
    sql: &Connection,
    commit: &CommitScope<'_>,
    row: i64,
    entry: &Entry,
    stored: Option<&Stored<'_>>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let occasion = Occasion { at: now, run_id: Some(commit.run_id), connection: Some(commit.connection) };
    let add = |event, detail| history::add(sql, row, occasion, event, &detail);
    let reason = entry.decision.map(|(_, reason)| reason);
    let word = reason.map(Reason::as_str);
    let targets: BTreeSet<&str> = entry.messages.iter().map(|message| message.target.as_str()).collect();
    let urls = || entry.instances.keys().collect::<Vec<_>>();
    let awaited = stored.is_some_and(|stored| stored.known.awaiting);

    if let (true, true, Some(by)) = (awaited, entry.onboards(), commit.approved_by) {
        add(HistoryEvent::Approved, json!({ "by": by }))?;
    }
    match (entry.before, entry.after) {
        (Some(ApiState::Onboarded), Some(ApiState::Onboarded)) => {
            if reason == Some(Reason::NewToTarget) && entry.onboards() {
                add(HistoryEvent::Introduced, json!({ "targets": targets }))?;
            }
            let added: Vec<_> = entry.added.iter().map(|instance| &instance.url).collect();
            if !added.is_empty() {
                add(HistoryEvent::InstanceAdded, json!({ "urls": added }))?;
            }
            let removed: Vec<_> = entry.removed.iter().map(|instance| &instance.url).collect();
            if !removed.is_empty() {
                add(HistoryEvent::InstanceRemoved, json!({ "urls": removed }))?;
            }
            if !entry.redeployed.is_empty() {
                add(HistoryEvent::Redeployed, json!({ "stages": entry.redeployed }))?;
            }
        }
        (Some(ApiState::Onboarded), Some(ApiState::Gone)) => {
            add(HistoryEvent::Gone, json!({ "reason": word, "targets": targets }))?;
        }
        (Some(ApiState::Gone), Some(ApiState::Onboarded)) => {
            add(HistoryEvent::Returned, json!({ "reason": word, "targets": targets, "urls": urls() }))?;
        }
        (_, Some(ApiState::Onboarded)) if reason == Some(Reason::RecordedAsExisting) => {
            add(HistoryEvent::RecordedAsExisting, json!({ "urls": urls() }))?;
        }
        (_, Some(ApiState::Onboarded)) => {
            let detail =
                json!({ "reason": word, "targets": targets, "urls": urls(), "date_unknown": entry.date_unknown });
            add(HistoryEvent::Onboarded, detail)?;
        }
        (Some(_), None) => add(HistoryEvent::Dropped, json!({}))?,
        (None, Some(ApiState::Seen)) if reason == Some(Reason::DetailsUnreadable) => {
            let cause = match &entry.api.details {
                crate::inventory::Details::Unreadable { cause } => cause.as_str(),
                crate::inventory::Details::Read(_) => "",
            };
            add(HistoryEvent::Unreadable, json!({ "cause": cause }))?;
        }
        _ => {}
    }
    if entry.awaiting && !awaited {
        add(HistoryEvent::AwaitingApproval, json!({}))?;
    }
    if let (Some((Decision::Excluded, _)), Some(word)) = (entry.decision, word)
        && !is_excluded_for(sql, commit, row, word, stored, entry.decision)?
    {
        add(HistoryEvent::Excluded, json!({ "reason": word }))?;
    }
    Ok(())
}

/// Whether the last thing that this connection wrote about an API is that it is left out for this reason; a look that failed in
/// between wrote nothing.
fn is_excluded_for(
    sql: &Connection,
    commit: &CommitScope<'_>,
    row: i64,
    reason: &str,
    stored: Option<&Stored<'_>>,
    decision: Option<(Decision, Reason)>,
) -> rusqlite::Result<bool> {
    match stored {
        None => Ok(false),
        Some(stored) if stored.known.last == decision => Ok(true),
        Some(_) => {
            let mut statement = sql.prepare_cached(
                "SELECT event = ?3 AND detail ->> 'reason' = ?4 FROM history
                 WHERE api = ?1 AND (connection = ?2 OR event IN ('onboarded', 'returned', 'gone', 'dropped', 'unignored'))
                 ORDER BY id DESC LIMIT 1",
            )?;
            let parameters = (row, commit.connection, HistoryEvent::Excluded.as_str(), reason);
            let mut rows = statement.query(parameters)?;
            match rows.next()? {
                Some(row) => Ok(row.get::<_, Option<bool>>(0)?.unwrap_or(false)),
                None => Ok(false),
            }
        }
    }
}
