//! What waits for a person: APIs that `max_new` held back, and targets that are to be told again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use super::history::{self, HistoryEvent, Occasion};
use super::outbox::{self, NewDelivery};
use super::values::{self, At, whole_millis, word};
use super::{Reader, Registry, RegistryError, apis, commit, known};
use crate::config::Event;
use crate::inventory::Scope;
use crate::notice::{DeliveryState, Notice};
use crate::plan::{ApiState, Known, Told};

/// APIs per transaction when a target is told again, so that runs need not wait for all of it.
const BATCH: i64 = 500;

/// What telling a target again came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redelivered {
    /// APIs of which it had never been told.
    pub first: u64,
    /// APIs whose last registration is sent once more, under the same key.
    pub again: u64,
    /// APIs whose last registration is on its way as it is.
    pub underway: u64,
    /// APIs whose registration is an event that the target does not get.
    pub unwanted: u64,
}

impl Reader {
    /// What waits for approval on a connection: by scope, only those APIs, as the plan and the commit of an approval need them.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn awaiting(&self, connection: &str) -> Result<BTreeMap<Scope, Known>, RegistryError> {
        self.read(|sql| {
            let mut awaiting = BTreeMap::new();
            for (scope, _) in awaiting_by_scope(sql, connection)? {
                let apis = known::load(sql, connection, &scope)?.into_iter();
                let apis = apis.filter(|(_, known)| known.awaiting && known.state.is_some()).collect();
                let known = Known { apis, scope: known::load_scope(sql, connection, &scope)? };
                awaiting.insert(scope, known);
            }
            Ok(awaiting)
        })
    }

    /// How many APIs wait for approval on a connection, by scope.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn awaiting_scopes(&self, connection: &str) -> Result<BTreeMap<Scope, u64>, RegistryError> {
        self.read(|sql| Ok(awaiting_by_scope(sql, connection)?.into_iter().collect()))
    }
}

/// Which decisions, `d`, wait for approval of which APIs, `a`: an API that was dropped from the lists waits for nothing.
pub(super) const FROM_AWAITING: &str =
    "FROM decisions d JOIN apis a ON a.id = d.api WHERE d.awaiting = 1 AND a.state IS NOT NULL";

fn awaiting_by_scope(sql: &Connection, connection: &str) -> rusqlite::Result<Vec<(Scope, u64)>> {
    let mut statement = sql.prepare_cached(&format!(
        "SELECT a.partition, a.account_id, a.region, a.family, count(*) {FROM_AWAITING} AND d.connection = ?1
         GROUP BY 1, 2, 3, 4"
    ))?;
    let rows = statement.query_map([connection], |row| {
        let scope = Scope {
            partition: row.get(0)?,
            account_id: row.get(1)?,
            region: row.get(2)?,
            family: word(row, 3, values::family)?,
        };
        Ok((scope, values::counted(row, 4)?))
    })?;
    rows.collect()
}

impl Registry {
    /// Queues, for one target that gets these events (summed up with `digest`), every onboarded API that the connection's rules have chosen: a first message
    /// where the target was never sent its registration, else the last one of those under its own key, unless that is on its way
    /// already.
    ///
    /// It works in batches; broken off and repeated, it queues nothing twice.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn redeliver(
        &mut self,
        target: &str,
        events: &BTreeSet<Event>,
        connection: &str,
        digest: bool,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Redelivered, RegistryError> {
        let asked = Asked { target, events, connection, digest, by, now: whole_millis(now) };
        let mut done = Redelivered::default();
        let mut after = 0;
        loop {
            let batch = self.write(|sql| {
                let batch = chosen_after(sql, connection, after)?;
                for api in &batch {
                    match redeliver_one(sql, *api, &asked)? {
                        Redelivery::First => done.first += 1,
                        Redelivery::Again => done.again += 1,
                        Redelivery::Underway => done.underway += 1,
                        Redelivery::Unwanted => done.unwanted += 1,
                    }
                }
                Ok(batch)
            })?;
            match batch.last() {
                Some(last) => after = *last,
                None => return Ok(done),
            }
        }
    }
}

fn chosen_after(sql: &Connection, connection: &str, after: i64) -> rusqlite::Result<Vec<i64>> {
    let mut statement = sql.prepare_cached(
        "SELECT a.id FROM apis a JOIN decisions d ON d.api = a.id AND d.connection = ?1
         WHERE a.id > ?2 AND a.state = ?3 AND d.chosen = 1 ORDER BY a.id LIMIT ?4",
    )?;
    let rows = statement.query_map((connection, after, ApiState::Onboarded.as_str(), BATCH), |row| row.get(0))?;
    rows.collect()
}

enum Redelivery {
    First,
    Again,
    Underway,
    Unwanted,
}

/// What is to be told again, and to whom.
struct Asked<'a> {
    target: &'a str,
    events: &'a BTreeSet<Event>,
    connection: &'a str,
    digest: bool,
    by: &'a str,
    now: DateTime<Utc>,
}

fn redeliver_one(sql: &Connection, api: i64, asked: &Asked<'_>) -> rusqlite::Result<Redelivery> {
    let Asked { target, events, connection, digest, by, now } = *asked;
    let mut statement = sql.prepare_cached(
        "SELECT id, state, event FROM deliveries WHERE api = ?1 AND target = ?2 AND event IN (?3, ?4)
         ORDER BY revision DESC LIMIT 1",
    )?;
    let parameters = (api, target, Event::Onboarded.as_str(), Event::Returned.as_str());
    let last = statement
        .query_row(parameters, |row| {
            Ok((row.get::<_, i64>(0)?, word(row, 1, DeliveryState::parse)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let event = last.as_ref().map_or(Event::Onboarded.as_str(), |(.., event)| event.as_str());
    if !events.iter().any(|wanted| wanted.as_str() == event) {
        return Ok(Redelivery::Unwanted);
    }
    let redelivery = match last {
        Some((id, DeliveryState::Queued | DeliveryState::Leased | DeliveryState::Collected, _)) => {
            // Whoever asks for it does not mean to wait for its next attempt.
            sql.prepare_cached(
                "UPDATE deliveries SET next_attempt_at = min(next_attempt_at, ?2) WHERE id = ?1 AND state = 'queued'",
            )?
            .execute((id, At(now)))?;
            return Ok(Redelivery::Underway);
        }
        Some((id, ..)) => {
            sql.prepare_cached(
                "UPDATE deliveries SET state = ?4, attempts = 0, first_attempt_at = NULL, next_attempt_at = ?2,
                        last_error = NULL, export_until = ?3, connection = ?5
                 WHERE id = ?1",
            )?
            .execute((
                id,
                At(now),
                At(now + outbox::EXPORT_WITHIN),
                outbox::waiting(digest).as_str(),
                connection,
            ))?;
            Redelivery::Again
        }
        None => {
            first_message(sql, api, asked)?;
            Redelivery::First
        }
    };
    let occasion = Occasion { at: now, run_id: None, connection: Some(connection) };
    history::add(sql, api, occasion, HistoryEvent::Redelivered, &json!({ "target": target, "by": by }))?;
    Ok(redelivery)
}

/// Sends a target an API's registration for the first time: of its registered addresses, but for stages that a person left out.
fn first_message(sql: &Connection, api: i64, asked: &Asked<'_>) -> rusqlite::Result<()> {
    let Asked { target, connection, digest, now, .. } = *asked;
    let mut statement = sql.prepare_cached("SELECT revision FROM told WHERE api = ?1 AND target = ?2")?;
    let told = statement.query_row((api, target), |row| values::counted(row, 0)).optional()?.unwrap_or(0);
    let mut statement = sql.prepare_cached("SELECT left_out FROM decisions WHERE api = ?1 AND connection = ?2")?;
    let left_out = statement.query_row((api, connection), |row| values::names(row, 0))?;
    let document = apis::document(sql, api)?;
    let id = document.id();
    let instances: Vec<_> =
        document.instances.iter().filter(|instance| !left_out.contains(&instance.stage)).cloned().collect();
    let urls = instances.iter().map(|instance| instance.url.clone()).collect();
    let payload = Notice {
        event: Event::Onboarded.as_str().to_owned(),
        occurred_at: now,
        target: target.to_owned(),
        connection: connection.to_owned(),
        run_id: None,
        revision: outbox::free_revision(sql, target, &id, Event::Onboarded.as_str(), told + 1)?,
        api: Some(document),
        instances,
        run: None,
    };
    outbox::queue(sql, &NewDelivery { api, id: &id, action: &payload.event, payload: &payload, collected: digest })?;
    commit::write_told(sql, api, target, &Told { urls, gone: false }, payload.revision)?;
    known::changed(sql, api)
}
