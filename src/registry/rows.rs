//! Writing one API: its facts, addresses and decision. Only what changed is written.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params};

use super::known::{Address, Stored};
use super::runs::RunId;
use super::values::{At, at, to_json};
use crate::inventory::{Api, Details};
use crate::plan::{ApiState, Entry};

/// Writes an entry's API; answers its row and when it was onboarded.
pub(super) fn write_api(
    sql: &Connection,
    entry: &Entry,
    stored: Option<&Stored>,
    now: DateTime<Utc>,
) -> rusqlite::Result<(i64, Option<DateTime<Utc>>)> {
    let enters = entry.after == Some(ApiState::Onboarded) && entry.before != Some(ApiState::Onboarded);
    let onboarded_at = if enters { Some(now) } else { stored.and_then(|stored| stored.known.onboarded_at) };
    let details_error = match &entry.api.details {
        Details::Unreadable { cause } if entry.seen => Some(cause.clone()),
        _ if entry.seen => None,
        _ => stored.and_then(|stored| stored.details_error.clone()),
    };
    let Some(stored) = stored else {
        let row = insert(sql, entry, details_error.as_deref(), onboarded_at, now)?;
        return Ok((row, onboarded_at));
    };
    let known = &stored.known;
    let same = same_facts(&entry.api, &known.api)
        && entry.after == known.state
        && entry.absent_since == known.absent_since
        && onboarded_at == known.onboarded_at
        && details_error == stored.details_error;
    if !same {
        update(sql, stored, entry, details_error.as_deref(), onboarded_at)?;
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
    stored: &Stored,
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
fn addresses(entry: &Entry, stored: Option<&Stored>) -> BTreeMap<String, Address> {
    let mut addresses = BTreeMap::new();
    let registered = |url: &str| entry.instances.get(url);
    let mut add = |instance: &crate::inventory::Instance| {
        let known = registered(&instance.url);
        addresses.entry(instance.url.clone()).or_insert_with(|| Address {
            instance: instance.clone(),
            seen: true,
            registered: known.is_some(),
            absent_since: known.and_then(|known| known.absent_since),
        });
    };
    if entry.seen && matches!(entry.api.details, Details::Read(_)) {
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
    stored: Option<&Stored>,
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
    stored: Option<&Stored>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let same = stored.is_some_and(|stored| {
        let known = &stored.known;
        entry.decision == known.last
            && entry.chosen == known.chosen
            && entry.awaiting == known.awaiting
            && entry.left_out == known.left_out
            && entry.date_unknown == stored.date_unknown
    });
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
        decision.map(crate::plan::Decision::as_str),
        reason.map(crate::plan::Reason::as_str),
        entry.chosen,
        entry.awaiting,
        entry.date_unknown,
        to_json(&entry.left_out)?,
        run_id,
        At(now),
    ))?;
    Ok(())
}
