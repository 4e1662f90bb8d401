//! The outbox: what targets are to be told, written with the decision that causes it and sent after it is committed.
//!
//! Delivery is at least once; whoever receives one twice knows it by its key. This module writes and lists rows; it sends nothing.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::delivering::carries_specifications;
use super::runs::RunId;
use super::values::{self, At, word};
use super::{Reader, RegistryError};
use crate::config::Event;
use crate::hex::hex;
use crate::inventory::{ApiId, Instance};
use crate::notice::{DeliveryState, Notice};
use crate::plan::{Entry, Message};

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRow {
    /// Its number.
    pub delivery_id: i64,
    /// The idempotency key, 64 hexadecimal digits.
    pub key: String,
    /// Who is told.
    pub target: String,
    /// Of which API.
    pub api: Option<ApiId>,
    /// The event's name.
    pub event: String,
    /// Counts what this target was told of this API, from 1.
    pub revision: u64,
    /// How far it has come.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u64,
    /// When the next one is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What the last one failed of.
    pub last_error: Option<String>,
    /// What the target said of it.
    pub note: Option<String>,
    /// Until when it waits for the export of its specifications; absent where it does not.
    pub export_until: Option<DateTime<Utc>>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// By which connection.
    pub connection: String,
    /// In which run.
    pub run_id: Option<RunId>,
    /// What it says: a [`Notice`] as JSON text.
    pub payload: String,
}

/// Which deliveries are wanted; the default is all of them.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// In this state.
    pub state: Option<DeliveryState>,
    /// For this target.
    pub target: Option<String>,
    /// Of this API.
    pub api: Option<ApiId>,
    /// Only those before this number.
    pub before: Option<i64>,
    /// Only this one.
    pub delivery_id: Option<i64>,
    /// No more than this many, newest first.
    pub limit: Option<usize>,
}

/// The idempotency key of a delivery: it depends on what is said to whom, not on the file that remembers it, so a registry that was
/// lost and made anew repeats the keys of first registrations.
///
/// SHA-256 over target, partition, account, region, API id, action and revision, each preceded by its length in bytes as eight
/// big-endian bytes. The action is the event's name; for single addresses the event's name and the URLs in order, joined by spaces.
#[must_use]
pub fn delivery_key(target: &str, api: &ApiId, action: &str, revision: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    let revision = revision.to_string();
    for part in [target, &api.partition, &api.account_id, &api.region, &api.api_id, action, &revision] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// What a message does, for its key.
pub(super) fn action(message: &Message) -> String {
    let mut action = message.event.as_str().to_owned();
    if matches!(message.event, Event::InstanceAdded | Event::InstanceRemoved) {
        // No URL holds a space.
        for url in &message.urls {
            action.push(' ');
            action.push_str(url);
        }
    }
    action
}

/// The addresses that a message is about.
pub(super) fn concerned(entry: &Entry, message: &Message) -> Vec<Instance> {
    let registered = entry.instances.values().map(|known| &known.instance);
    let known = registered.chain(&entry.removed).chain(&entry.api.instances);
    let mut instances: Vec<Instance> = Vec::with_capacity(message.urls.len());
    for instance in known.filter(|instance| message.urls.contains(&instance.url)) {
        if !instances.iter().any(|other| other.url == instance.url) {
            instances.push(instance.clone());
        }
    }
    crate::inventory::in_order(&mut instances);
    instances
}

/// A row to be written.
pub(super) struct NewDelivery<'a> {
    pub(super) api: i64,
    pub(super) id: &'a ApiId,
    pub(super) action: &'a str,
    pub(super) payload: &'a Notice,
    /// Whether it waits to be put into its run's summary.
    pub(super) collected: bool,
}

/// An event never waits longer for the specifications that go with it, whatever keeps them from being exported.
pub(super) const EXPORT_WITHIN: TimeDelta = TimeDelta::hours(6);

/// The first revision from `revision` on whose key is free: a target may bear a name that another one had before it was renamed, and
/// what that was told keeps its keys.
pub(super) fn free_revision(
    sql: &Connection,
    target: &str,
    id: &ApiId,
    action: &str,
    revision: u64,
) -> rusqlite::Result<u64> {
    let mut statement = sql.prepare_cached("SELECT EXISTS (SELECT 1 FROM deliveries WHERE key = ?1)")?;
    let mut free = revision;
    while statement.query_row([delivery_key(target, id, action, free)], |row| row.get(0))? {
        free += 1;
    }
    Ok(free)
}

/// How a row begins: with `collected` it waits for the summary of its run.
pub(super) fn waiting(collected: bool) -> DeliveryState {
    if collected { DeliveryState::Collected } else { DeliveryState::Queued }
}

/// Writes a row that is due at once, or as soon as its specifications have been exported.
pub(super) fn queue(sql: &Connection, new: &NewDelivery<'_>) -> rusqlite::Result<i64> {
    let payload = new.payload;
    let key = delivery_key(&payload.target, new.id, new.action, payload.revision);
    let carries = Event::parse(&payload.event).is_some_and(carries_specifications);
    let exporting = carries.then(|| At(payload.occurred_at + EXPORT_WITHIN));
    let mut statement = sql.prepare_cached(
        "INSERT INTO deliveries (key, target, api, event, action, revision, payload, state, next_attempt_at, created_at,
                                 connection, run_id, export_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12)",
    )?;
    statement.insert((
        key,
        &payload.target,
        new.api,
        &payload.event,
        new.action,
        values::count(payload.revision),
        values::to_json(payload)?,
        waiting(new.collected).as_str(),
        At(payload.occurred_at),
        &payload.connection,
        payload.run_id,
        exporting,
    ))
}

impl Reader {
    /// The outbox, newest first.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT d.id, d.key, d.target, d.event, d.revision, d.state, d.attempts, d.next_attempt_at, d.last_error,
                        d.created_at, d.connection, d.run_id, d.payload, a.partition, a.account_id, a.region, a.api_id,
                        d.note, d.export_until
                 FROM deliveries d LEFT JOIN apis a ON a.id = d.api
                 WHERE (?1 IS NULL OR d.state = ?1) AND (?2 IS NULL OR d.target = ?2)
                   AND (?3 IS NULL OR (a.partition = ?3 AND a.account_id = ?4 AND a.region = ?5 AND a.api_id = ?6))
                   AND (?8 IS NULL OR d.id < ?8) AND (?9 IS NULL OR d.id = ?9)
                 ORDER BY d.id DESC LIMIT ?7",
            )?;
            let api = filter.api.as_ref();
            let parameters = (
                filter.state.map(DeliveryState::as_str),
                &filter.target,
                api.map(|api| &api.partition),
                api.map(|api| &api.account_id),
                api.map(|api| &api.region),
                api.map(|api| &api.api_id),
                filter.limit.map_or(-1, |limit| values::count(limit as u64)),
                filter.before,
                filter.delivery_id,
            );
            let rows = statement.query_map(parameters, delivery)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn delivery(row: &rusqlite::Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let api = match row.get::<_, Option<String>>(13)? {
        Some(partition) => {
            Some(ApiId { partition, account_id: row.get(14)?, region: row.get(15)?, api_id: row.get(16)? })
        }
        None => None,
    };
    let key: [u8; 32] = row.get(1)?;
    Ok(DeliveryRow {
        delivery_id: row.get(0)?,
        key: hex(&key),
        target: row.get(2)?,
        api,
        event: row.get(3)?,
        revision: values::counted(row, 4)?,
        state: word(row, 5, DeliveryState::parse)?,
        attempts: values::counted(row, 6)?,
        next_attempt_at: values::time(row, 7)?,
        last_error: row.get(8)?,
        note: row.get(17)?,
        export_until: values::time(row, 18)?,
        created_at: row.get::<_, At>(9)?.0,
        connection: row.get(10)?,
        run_id: row.get(11)?,
        payload: row.get(12)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(account_id: &str, region: &str) -> ApiId {
        ApiId {
            partition: "aws".to_owned(),
            account_id: account_id.to_owned(),
            region: region.to_owned(),
            api_id: "a1b2c3d4e5".to_owned(),
        }
    }

    #[test]
    fn the_key_of_a_delivery_never_changes_between_versions() {
        let key = delivery_key("catalog", &api("111122223333", "eu-west-1"), "api.onboarded", 1);
        assert_eq!(hex(&key), "fda6c83fb4d747cde855011639e17b62dc2179df864c38e97e6a9ef07b4aa791");
    }

    #[test]
    fn parts_of_a_key_do_not_run_into_each_other() {
        let one = delivery_key("a", &api("bc", "d"), "api.gone", 1);
        let two = delivery_key("a", &api("b", "cd"), "api.gone", 1);
        assert_ne!(one, two);
    }

    #[test]
    fn each_revision_has_its_own_key() {
        let api = api("111122223333", "eu-west-1");
        assert_ne!(delivery_key("t", &api, "api.gone", 1), delivery_key("t", &api, "api.gone", 3));
    }
}
