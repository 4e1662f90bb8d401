//! Writing one API: its facts, addresses and decision. Only what changed is written.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params};

use super::known::{Address, address};
use super::runs::RunId;
use super::values::{At, at, counted, to_json};
use crate::inventory::{Api, Details, Instance, Scope};
use crate::plan::{ApiState, Decision, Entry, KnownApi, Reason};

/// What a commit must know of a row to tell whether an entry changes it, besides what the plan was made from.
#[derive(Debug)]
pub(super) struct Brief {
    row: i64,
    details_error: Option<String>,
    /// Absent where the connection never decided.
    date_unknown: Option<bool>,
}

/// The rows of a scope by API id.
pub(super) fn briefs(sql: &Connection, connection: &str, scope: &Scope) -> rusqlite::Result<HashMap<String, Brief>> {
    let mut statement = sql.prepare_cached(
        "SELECT a.api_id, a.id, a.details_error, d.date_unknown
         FROM apis a LEFT JOIN decisions d ON d.api = a.id AND d.connection = ?5
         WHERE a.partition = ?1 AND a.account_id = ?2 AND a.region = ?3 AND a.family = ?4",
    )?;
    let family = scope.family.as_str();
    let parameters = (&scope.partition, &scope.account_id, &scope.region, family, connection);
    let rows = statement.query_map(parameters, |row| {
        Ok((row.get(0)?, Brief { row: row.get(1)?, details_error: row.get(2)?, date_unknown: row.get(3)? }))
    })?;
    rows.collect()
}

/// An API as the tables hold it, for one that changes.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    pub(super) known: &'a KnownApi,
    row: i64,
    details_error: Option<String>,
    date_unknown: Option<bool>,
    /// How many deliveries each target's picture of it took.
    pub(super) revisions: BTreeMap<String, u64>,
    addresses: BTreeMap<String, Address>,
}

impl<'a> Stored<'a> {
    /// Reads what a [`Brief`] leaves out.
    pub(super) fn load(sql: &Connection, brief: Brief, known: &'a KnownApi) -> rusqlite::Result<Self> {
        let Brief { row, details_error, date_unknown } = brief;
        let mut statement = sql.prepare_cached("SELECT target, revision FROM told WHERE api = ?1")?;
        let revisions = statement.query_map([row], |row| Ok((row.get(0)?, counted(row, 1)?)))?;
        let revisions = revisions.collect::<Result<_, _>>()?;
        let mut statement = sql.prepare_cached(
            "SELECT url, stage, kind, callable, created_at, deployed_at, seen, registered, absent_since
             FROM instances WHERE api = ?1",
        )?;
        let addresses = statement.query_map([row], |row| Ok((row.get(0)?, address(row)?)))?;
        let addresses = addresses.collect::<Result<_, _>>()?;
        Ok(Self { known, row, details_error, date_unknown, revisions, addresses })
    }
}

/// Whether an entry would leave every row of its API as it is.
pub(super) fn is_unchanged(entry: &Entry, known: &KnownApi, brief: &Brief) -> bool {
    !enters(entry)
        && same_row(entry, known, known.onboarded_at, brief.details_error.as_ref())
        && (entry.api.instances == known.api.instances || !reads_addresses(entry))
        && entry.instances == known.instances
        && same_decision(entry, known, brief.date_unknown)
        && entry.told.is_empty()
        && entry.messages.is_empty()
}

/// Whether an API becomes onboarded.
fn enters(entry: &Entry) -> bool {
    entry.after == Some(ApiState::Onboarded) && entry.before != Some(ApiState::Onboarded)
}

/// Whether this look says which addresses there are.
fn reads_addresses(entry: &Entry) -> bool {
    entry.seen && matches!(entry.api.details, Details::Read(_))
}

/// Why the stages cannot be read, after this look.
fn details_error<'a>(entry: &'a Entry, before: Option<&'a String>) -> Option<&'a String> {
    match &entry.api.details {
        _ if !entry.seen => before,
        Details::Unreadable { cause } => Some(cause),
        Details::Read(_) => None,
    }
}

fn same_row(
    entry: &Entry,
    known: &KnownApi,
    onboarded_at: Option<DateTime<Utc>>,
    error_before: Option<&String>,
) -> bool {
    same_facts(&entry.api, &known.api)
        && entry.after == known.state
        && entry.absent_since == known.absent_since
        && onboarded_at == known.onboarded_at
        && details_error(entry, error_before) == error_before
}

fn same_decision(entry: &Entry, known: &KnownApi, date_unknown: Option<bool>) -> bool {
    entry.decision == known.last
        && entry.chosen == known.chosen
        && entry.awaiting == known.awaiting
        && entry.left_out == known.left_out
        && Some(entry.date_unknown) == date_unknown
}

/// Writes an entry's API; answers its row and when it was onboarded.
pub(super) fn write_api(
    sql: &Connection,
    entry: &Entry,
    stored: Option<&Stored<'_>>,
    now: DateTime<Utc>,
) -> rusqlite::Result<(i64, Option<DateTime<Utc>>)> {
    let before = stored.and_then(|stored| stored.known.onboarded_at);
    let onboarded_at = if enters(entry) { Some(now) } else { before };
    let error_before = stored.and_then(|stored| stored.details_error.as_ref());
    let error = details_error(entry, error_before).map(String::as_str);
    let Some(stored) = stored else {
        let row = insert(sql, entry, error, onboarded_at, now)?;
        return Ok((row, onboarded_at));
    };
    if !same_row(entry, stored.known, onboarded_at, error_before) {
        update(sql, stored, entry, error, onboarded_at)?;
    }
    Ok((stored.row, onboarded_at))
}

/// Whether two pictures of an API differ in nothing that stands in its row; stages that could not be read differ from none.
fn same_facts(seen: &Api, known: &Api) -> bool {
    let Api { id: _, protocol, name, description, version, endpoint_type, tags, created_at, details, instances: _ } =
        seen;
    *protocol == known.protocol
        && *name == known.name
        && *description == known.description
        && *version == known.version
        && *endpoint_type == known.endpoint_type
        && *tags == known.tags
        && *created_at == known.created_at
        && (matches!(details, Details::Unreadable { .. }) || *details == known.details)
}

fn stages(api: &Api) -> rusqlite::Result<Option<String>> {
    match &api.details {
        Details::Read(stages) => to_json(stages).map(Some),
        Details::Unreadable { .. } => Ok(None),
    }
}

fn insert(
    sql: &Connection,
    entry: &Entry,
    details_error: Option<&str>,
    onboarded_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> rusqlite::Result<i64> {
    let api = &entry.api;
    let mut statement = sql.prepare_cached(
        "INSERT INTO apis (partition, account_id, region, api_id, family, protocol, name, description, version,
                           endpoint_type, tags, stages, details_error, created_at, first_published_at,
                           last_published_at, state, first_seen_at, onboarded_at, absent_since)
         VALUES (:partition, :account_id, :region, :api_id, :family, :protocol, :name, :description, :version,
                 :endpoint_type, :tags, :stages, :details_error, :created_at, :first_published_at,
                 :last_published_at, :state, :first_seen_at, :onboarded_at, :absent_since)",
    )?;
    statement.insert(named_params! {
        ":partition": api.id.partition,
        ":account_id": api.id.account_id,
        ":region": api.id.region,
        ":api_id": api.id.api_id,
        ":family": api.protocol.family().as_str(),
        ":protocol": api.protocol.as_str(),
        ":name": api.name,
        ":description": api.description,
        ":version": api.version,
        ":endpoint_type": api.endpoint_type,
        ":tags": to_json(&api.tags)?,
        ":stages": stages(api)?,
        ":details_error": details_error,
        ":created_at": at(api.created_at),
        ":first_published_at": at(api.first_published_at(|_| true)),
        ":last_published_at": at(api.last_published_at(|_| true)),
        ":state": entry.after.map(ApiState::as_str),
        ":first_seen_at": At(now),
        ":onboarded_at": at(onboarded_at),
        ":absent_since": at(entry.absent_since),
    })
}

fn update(
    sql: &Connection,
    stored: &Stored<'_>,
    entry: &Entry,
    details_error: Option<&str>,
    onboarded_at: Option<DateTime<Utc>>,
) -> rusqlite::Result<()> {
    let api = &entry.api;
    // Stages that could not be read this time keep what was read before, and so do the dates that follow from them.
    let dated = if matches!(api.details, Details::Read(_)) { api } else { &stored.known.api };
    let mut statement = sql.prepare_cached(
        "UPDATE apis SET protocol = :protocol, name = :name, description = :description, version = :version,
                endpoint_type = :endpoint_type, tags = :tags, stages = :stages, details_error = :details_error,
                created_at = :created_at, first_published_at = :first_published_at,
                last_published_at = :last_published_at, state = :state, onboarded_at = :onboarded_at,
                absent_since = :absent_since
         WHERE id = :id",
    )?;
    statement.execute(named_params! {
        ":protocol": api.protocol.as_str(),
        ":name": api.name,
        ":description": api.description,
        ":version": api.version,
        ":endpoint_type": api.endpoint_type,
        ":tags": to_json(&api.tags)?,
        ":stages": stages(dated)?,
        ":details_error": details_error,
        ":created_at": at(api.created_at),
        ":first_published_at": at(dated.first_published_at(|_| true)),
        ":last_published_at": at(dated.last_published_at(|_| true)),
        ":state": entry.after.map(ApiState::as_str),
        ":onboarded_at": at(onboarded_at),
        ":absent_since": at(entry.absent_since),
        ":id": stored.row,
    })?;
    Ok(())
}

/// The addresses that an entry leaves behind, by URL: seen ones and registered ones.
fn addresses(entry: &Entry, stored: Option<&Stored<'_>>) -> BTreeMap<String, Address> {
    let mut addresses = BTreeMap::new();
    let registered = |url: &str| entry.instances.get(url);
    let mut add = |instance: &Instance| {
        let known = registered(&instance.url);
        addresses.entry(instance.url.clone()).or_insert_with(|| Address {
            instance: instance.clone(),
            seen: true,
            registered: known.is_some(),
            absent_since: known.and_then(|known| known.absent_since),
        });
    };
    if reads_addresses(entry) {
        entry.api.instances.iter().for_each(&mut add);
    } else {
        let before = stored.into_iter().flat_map(|stored| stored.addresses.values());
        before.filter(|address| address.seen).for_each(|address| add(&address.instance));
    }
    for (url, known) in &entry.instances {
        addresses.entry(url.clone()).or_insert_with(|| Address {
            instance: known.instance.clone(),
            seen: false,
            registered: true,
            absent_since: known.absent_since,
        });
    }
    addresses
}

/// Writes the addresses of an API.
pub(super) fn write_addresses(
    sql: &Connection,
    row: i64,
    entry: &Entry,
    stored: Option<&Stored<'_>>,
) -> rusqlite::Result<()> {
    let nothing = BTreeMap::new();
    let before = stored.map_or(&nothing, |stored| &stored.addresses);
    let after = addresses(entry, stored);
    let changed = after.iter().filter(|(url, address)| before.get(*url) != Some(*address));
    for (url, address) in changed {
        let mut statement = sql.prepare_cached(
            "INSERT OR REPLACE INTO instances
                 (api, url, stage, kind, callable, created_at, deployed_at, seen, registered, absent_since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        let Address { instance, seen, registered, absent_since } = address;
        statement.execute((
            row,
            url,
            &instance.stage,
            instance.kind.as_str(),
            instance.callable,
            at(instance.created_at),
            at(instance.deployed_at),
            seen,
            registered,
            at(*absent_since),
        ))?;
    }
    for url in before.keys().filter(|url| !after.contains_key(*url)) {
        sql.prepare_cached("DELETE FROM instances WHERE api = ?1 AND url = ?2")?.execute((row, url))?;
    }
    Ok(())
}

/// Writes what a connection decided; its date stays that of the first look that decided so.
pub(super) fn write_decision(
    sql: &Connection,
    row: i64,
    connection: &str,
    run_id: RunId,
    entry: &Entry,
    stored: Option<&Stored<'_>>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let same = stored.is_some_and(|stored| same_decision(entry, stored.known, stored.date_unknown));
    if same {
        return Ok(());
    }
    let (decision, reason) = entry.decision.unzip();
    let mut statement = sql.prepare_cached(
        "INSERT INTO decisions (api, connection, decision, reason, chosen, awaiting, date_unknown, left_out, run_id, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (api, connection) DO UPDATE SET
             run_id = iif(decision IS excluded.decision AND reason IS excluded.reason, run_id, excluded.run_id),
             at = iif(decision IS excluded.decision AND reason IS excluded.reason, at, excluded.at),
             decision = excluded.decision, reason = excluded.reason, chosen = excluded.chosen,
             awaiting = excluded.awaiting, date_unknown = excluded.date_unknown, left_out = excluded.left_out",
    )?;
    statement.execute((
        row,
        connection,
        decision.map(Decision::as_str),
        reason.map(Reason::as_str),
        entry.chosen,
        entry.awaiting,
        entry.date_unknown,
        to_json(&entry.left_out)?,
        run_id,
        At(now),
    ))?;
    Ok(())
}
