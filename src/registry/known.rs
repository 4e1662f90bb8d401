//! What a plan needs to know of a scope, in a handful of queries however large the registry is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::values::{self, word, word_or_none};
use super::{Reader, RegistryError, baseline};
use crate::inventory::{Api, ApiId, Details, Instance, Protocol, Scope};
use crate::plan::{ApiState, Decision, Ignored, Known, KnownApi, KnownInstance, KnownScope, Reason, Told};

impl Reader {
    /// What the registry remembers of a scope, as this connection's plan needs it.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn known(&self, connection: &str, scope: &Scope) -> Result<Known, RegistryError> {
        self.read(|sql| {
            let apis = load(sql, connection, scope)?;
            Ok(Known { apis, scope: load_scope(sql, connection, scope)? })
        })
    }
}

/// A row of `instances`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) instance: Instance,
    pub(super) seen: bool,
    pub(super) registered: bool,
    pub(super) absent_since: Option<DateTime<Utc>>,
}

/// The row of one scope of one connection.
pub(super) fn load_scope(sql: &Connection, connection: &str, scope: &Scope) -> rusqlite::Result<KnownScope> {
    let mut statement = sql.prepare_cached(
        "SELECT suspicious_since FROM scope_status
         WHERE connection = ?1 AND partition = ?2 AND account_id = ?3 AND region = ?4 AND family = ?5",
    )?;
    let parameters = (connection, &scope.partition, &scope.account_id, &scope.region, scope.family.as_str());
    let mut rows = statement.query(parameters)?;
    let suspicious_since = match rows.next()? {
        Some(row) => values::time(row, 0)?,
        None => None,
    };
    let first_look = baseline::first_look(sql, connection, scope)?;
    Ok(KnownScope { suspicious_since, first_look, revision: revision(sql, scope)? })
}

/// How often the scope's APIs were changed.
pub(super) fn revision(sql: &Connection, scope: &Scope) -> rusqlite::Result<u64> {
    let mut statement = sql.prepare_cached(
        "SELECT revision FROM scope_revisions WHERE partition = ?1 AND account_id = ?2 AND region = ?3 AND family = ?4",
    )?;
    let parameters = (&scope.partition, &scope.account_id, &scope.region, scope.family.as_str());
    Ok(statement.query_row(parameters, |row| values::counted(row, 0)).optional()?.unwrap_or(0))
}

/// Counts a change of an API, so that plans made before it are refused.
pub(super) fn changed(sql: &Connection, api: i64) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(
        "INSERT INTO scope_revisions (partition, account_id, region, family, revision)
         SELECT partition, account_id, region, family, 1 FROM apis WHERE id = ?1
         ON CONFLICT DO UPDATE SET revision = revision + 1",
    )?;
    statement.execute([api])?;
    Ok(())
}

/// Every API of a scope.
pub(super) fn load(sql: &Connection, connection: &str, scope: &Scope) -> rusqlite::Result<BTreeMap<ApiId, KnownApi>> {
    let mut statement = sql.prepare_cached(
        "SELECT a.id, a.api_id, a.protocol, a.name, a.description, a.version, a.endpoint_type, a.tags, a.stages,
                a.details_error, a.created_at, a.state, a.onboarded_at, a.absent_since,
                d.decision, d.reason, d.chosen, d.awaiting, d.left_out, i.reason, i.until
         FROM apis a
         LEFT JOIN decisions d ON d.api = a.id AND d.connection = :connection
         LEFT JOIN ignores i ON i.api = a.id
         WHERE a.partition = :partition AND a.account_id = :account AND a.region = :region AND a.family = :family",
    )?;
    let family = scope.family.as_str();
    let mut rows = statement.query(named_params! {
        ":connection": connection, ":partition": scope.partition, ":account": scope.account_id,
        ":region": scope.region, ":family": family,
    })?;
    let mut by_row: HashMap<i64, KnownApi> = HashMap::new();
    while let Some(row) = rows.next()? {
        by_row.insert(row.get(0)?, api(row, scope)?);
    }
    load_addresses(sql, scope, &mut by_row)?;
    load_told(sql, scope, &mut by_row)?;
    Ok(by_row.into_values().map(|known| (known.api.id.clone(), known)).collect())
}

fn api(row: &Row<'_>, scope: &Scope) -> rusqlite::Result<KnownApi> {
    let id = ApiId {
        partition: scope.partition.clone(),
        account_id: scope.account_id.clone(),
        region: scope.region.clone(),
        api_id: row.get(1)?,
    };
    let details = match values::json_or_none(row, 8)? {
        Some(stages) => Details::Read(stages),
        None => Details::Unreadable { cause: row.get::<_, Option<String>>(9)?.unwrap_or_default() },
    };
    let api = Api {
        id,
        protocol: word(row, 2, Protocol::parse)?,
        name: row.get(3)?,
        description: row.get(4)?,
        version: row.get(5)?,
        endpoint_type: row.get(6)?,
        tags: tags(row, 7)?,
        created_at: values::time(row, 10)?,
        details,
        instances: Vec::new(),
    };
    let decided = row.get::<_, Option<bool>>(16)?.is_some();
    let last = word_or_none(row, 14, Decision::parse)?.zip(word_or_none(row, 15, Reason::parse)?);
    let ignored = match row.get::<_, Option<String>>(19)? {
        Some(reason) => Some(Ignored { reason, until: values::date(row, 20)? }),
        None => None,
    };
    Ok(KnownApi {
        api,
        state: word_or_none(row, 11, ApiState::parse)?,
        chosen: decided && row.get(16)?,
        awaiting: decided && row.get(17)?,
        last,
        left_out: if decided { values::names(row, 18)? } else { BTreeSet::new() },
        instances: BTreeMap::new(),
        told: BTreeMap::new(),
        absent_since: values::time(row, 13)?,
        ignored,
        onboarded_at: values::time(row, 12)?,
    })
}

/// Tags of a row; most APIs have none.
pub(super) fn tags(row: &Row<'_>, column: usize) -> rusqlite::Result<BTreeMap<String, String>> {
    match row.get_ref(column)?.as_bytes()? {
        b"{}" => Ok(BTreeMap::new()),
        _ => values::json(row, column),
    }
}

fn load_addresses(sql: &Connection, scope: &Scope, apis: &mut HashMap<i64, KnownApi>) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(
        "SELECT i.url, i.stage, i.kind, i.callable, i.created_at, i.deployed_at, i.seen, i.registered, i.absent_since, i.api
         FROM apis a JOIN instances i ON i.api = a.id
         WHERE a.partition = ?1 AND a.account_id = ?2 AND a.region = ?3 AND a.family = ?4",
    )?;
    let mut rows = statement.query((&scope.partition, &scope.account_id, &scope.region, scope.family.as_str()))?;
    while let Some(row) = rows.next()? {
        let Some(known) = apis.get_mut(&row.get(9)?) else { continue };
        let Address { instance, seen, registered, absent_since } = address(row)?;
        match (seen, registered) {
            (true, true) => {
                known
                    .instances
                    .insert(instance.url.clone(), KnownInstance { instance: instance.clone(), absent_since });
                known.api.instances.push(instance);
            }
            (true, false) => known.api.instances.push(instance),
            (false, _) => {
                known.instances.insert(instance.url.clone(), KnownInstance { instance, absent_since });
            }
        }
    }
    for known in apis.values_mut() {
        crate::inventory::in_order(&mut known.api.instances);
    }
    Ok(())
}

/// A row of `instances` that begins with `url, stage, kind, callable, created_at, deployed_at, seen, registered, absent_since`.
pub(super) fn address(row: &Row<'_>) -> rusqlite::Result<Address> {
    let instance = Instance {
        url: row.get(0)?,
        stage: row.get(1)?,
        kind: word(row, 2, values::instance_kind)?,
        callable: row.get(3)?,
        created_at: values::time(row, 4)?,
        deployed_at: values::time(row, 5)?,
    };
    Ok(Address { instance, seen: row.get(6)?, registered: row.get(7)?, absent_since: values::time(row, 8)? })
}

fn load_told(sql: &Connection, scope: &Scope, apis: &mut HashMap<i64, KnownApi>) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(
        "SELECT t.api, t.target, t.urls, t.gone FROM apis a JOIN told t ON t.api = a.id
         WHERE a.partition = ?1 AND a.account_id = ?2 AND a.region = ?3 AND a.family = ?4",
    )?;
    let mut rows = statement.query((&scope.partition, &scope.account_id, &scope.region, scope.family.as_str()))?;
    while let Some(row) = rows.next()? {
        let Some(known) = apis.get_mut(&row.get(0)?) else { continue };
        known.told.insert(row.get(1)?, Told { urls: values::names(row, 2)?, gone: row.get(3)? });
    }
    Ok(())
}
