//! Looking up APIs for people: listed by filters, or found by what somebody calls them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, ToSql};

use super::ApiDocument;
use super::reference::{bare_url, id_in_host};
use super::runs::RunId;
use super::values::{self, At, word, word_or_none};
use super::{ApiRef, Reader, RegistryError, RegistryErrorKind, history, known};
use crate::config::Pattern;
use crate::inventory::{ApiId, Family, Instance, Protocol};
use crate::plan::{ApiState, Decision, Reason};

/// Which APIs are wanted; all that is given must hold. The default is everything that is in the lists.
#[derive(Clone, Debug, Default)]
pub struct ApiFilter {
    /// Decided upon by this connection, whose decision is shown.
    pub connection: Option<String>,
    /// In this state.
    pub state: Option<ApiState>,
    /// With this decision.
    pub decision: Option<Decision>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// In this account.
    pub account_id: Option<String>,
    /// In this region.
    pub region: Option<String>,
    /// Of this protocol.
    pub protocol: Option<Protocol>,
    /// With a name that matches.
    pub name: Option<Pattern>,
    /// With this tag, and a value that matches.
    pub tag: Option<(String, Pattern)>,
    /// Also those that were dropped from the lists.
    pub dropped: bool,
    /// Only those that come after this one in the order of the list, whether it is still there or not.
    pub after: Option<ApiPlace>,
    /// No more than this many.
    pub limit: Option<usize>,
}

/// Where an API stands in the lists: they are ordered by these parts, which never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPlace {
    /// `aws`, `aws-cn`, ….
    pub partition: String,
    /// Twelve digits.
    pub account_id: String,
    /// Region code.
    pub region: String,
    /// Which control plane.
    pub family: Family,
    /// The id that API Gateway gave.
    pub api_id: String,
}

impl ApiPlace {
    /// Where this API stands.
    #[must_use]
    pub fn of(api: &ApiDocument) -> Self {
        Self {
            partition: api.partition.clone(),
            account_id: api.account_id.clone(),
            region: api.region.clone(),
            family: api.protocol.family(),
            api_id: api.api_id.clone(),
        }
    }
}

/// What one connection last decided about an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionDecision {
    /// Whose.
    pub connection: String,
    /// What, and why; absent where it was only dropped from the lists.
    pub decision: Option<(Decision, Reason)>,
    /// Whether its rules have ever chosen the API.
    pub chosen: bool,
    /// Whether the API waits for approval on it.
    pub awaiting: bool,
    /// Whether `published_after` had no date to compare with.
    pub date_unknown: bool,
    /// Stages that a person left out.
    pub left_out: BTreeSet<String>,
    /// The first run that decided so.
    pub run_id: Option<RunId>,
    /// When it did.
    pub at: DateTime<Utc>,
}

impl Reader {
    /// Hands over the wanted APIs one by one, by partition, account, region, family and id, until `body` breaks off.
    ///
    /// Of several connections' decisions the one is shown that matches the filter, else that of a connection whose rules chose the
    /// API, else the latest.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn for_each_api(
        &self,
        filter: &ApiFilter,
        mut body: impl FnMut(ApiDocument) -> ControlFlow<()>,
    ) -> Result<(), RegistryError> {
        self.read(|sql| {
            let after = filter.after.as_ref();
            // Written as one comparison it is found by the index, however long the list; it is not, where NULL may stand for it.
            let place = "AND (a.partition, a.account_id, a.region, a.family, a.api_id)
                             > (:after_partition, :after_account, :after_region, :after_family, :after_id)";
            let place = if after.is_some() { place } else { "" };
            let mut statement = sql.prepare_cached(&format!(
                "{SELECT_API}
                 WHERE (:dropped OR a.state IS NOT NULL) AND (:state IS NULL OR a.state = :state)
                   AND (:account IS NULL OR a.account_id = :account) AND (:region IS NULL OR a.region = :region)
                   AND (:protocol IS NULL OR a.protocol = :protocol) {place}
                 ORDER BY a.partition, a.account_id, a.region, a.family, a.api_id"
            ))?;
            let (state, protocol) = (filter.state.map(ApiState::as_str), filter.protocol.map(Protocol::as_str));
            let wanted: [(&str, &dyn ToSql); 5] = [
                (":dropped", &filter.dropped),
                (":state", &state),
                (":account", &filter.account_id),
                (":region", &filter.region),
                (":protocol", &protocol),
            ];
            let family = after.map(|after| after.family.as_str());
            let place = after.into_iter().flat_map(|after| -> [(&str, &dyn ToSql); 5] {
                [
                    (":after_partition", &after.partition),
                    (":after_account", &after.account_id),
                    (":after_region", &after.region),
                    (":after_family", &family),
                    (":after_id", &after.api_id),
                ]
            });
            let wanted: Vec<(&str, &dyn ToSql)> = wanted.into_iter().chain(place).collect();
            let mut rows = statement.query(wanted.as_slice())?;
            let mut left = filter.limit.unwrap_or(usize::MAX);
            while let (true, Some(row)) = (left > 0, rows.next()?) {
                if filter.name.as_ref().is_some_and(|wanted| !row_matches(row, wanted)) {
                    continue;
                }
                let Some(document) = read_document(sql, row, filter)? else { continue };
                left -= 1;
                if body(document).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The wanted APIs, by partition, account, region, family and id.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn apis(&self, filter: &ApiFilter) -> Result<Vec<ApiDocument>, RegistryError> {
        let mut apis = Vec::new();
        self.for_each_api(filter, |api| {
            apis.push(api);
            ControlFlow::Continue(())
        })?;
        Ok(apis)
    }

    /// Every API that answers to a name, dropped ones included.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn find(&self, name: &ApiRef) -> Result<Vec<ApiDocument>, RegistryError> {
        self.read(|sql| {
            let rows = match name {
                ApiRef::Parts { partition, account_id, region, api_id } => {
                    let mut statement = sql.prepare_cached(
                        "SELECT id FROM apis
                         WHERE api_id = ?1 AND (?2 IS NULL OR region = ?2) AND (?3 IS NULL OR account_id = ?3)
                           AND (?4 IS NULL OR partition = ?4)
                         ORDER BY partition, account_id, region",
                    )?;
                    let rows = statement.query_map((api_id, region, account_id, partition), |row| row.get(0))?;
                    rows.collect::<Result<Vec<i64>, _>>()?
                }
                ApiRef::Url(url) => at_address(sql, &bare_url(url))?,
            };
            Ok(rows.into_iter().map(|row| document(sql, row)).collect::<Result<_, _>>()?)
        })
    }

    /// What each connection last decided about an API.
    ///
    /// # Errors
    /// `UnknownApi`, and what SQLite and the disk may refuse.
    pub fn decisions(&self, id: &ApiId) -> Result<Vec<ConnectionDecision>, RegistryError> {
        self.read(|sql| Ok(decisions(sql, history::row_of(sql, id)?)?))
    }
}

/// The rows with this address, which has no scheme.
fn at_address(sql: &Connection, bare: &str) -> Result<Vec<i64>, RegistryErrorKind> {
    let rows = if let Some(api_id) = id_in_host(bare) {
        let mut statement = sql.prepare_cached(
            "SELECT a.id, i.url FROM apis a JOIN instances i ON i.api = a.id WHERE a.api_id = ?1 ORDER BY a.id",
        )?;
        let rows = statement.query_map([api_id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        rows.collect::<Result<Vec<_>, _>>()?
    } else {
        let mut statement = sql.prepare_cached(
            "SELECT api, url FROM instances WHERE kind = 'custom-domain' AND url IN (?1, ?2) ORDER BY api",
        )?;
        let urls = (format!("https://{bare}"), format!("wss://{bare}"));
        let rows = statement.query_map(urls, |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    let mut apis: Vec<i64> = rows.into_iter().filter(|(_, url)| bare_url(url) == bare).map(|(api, _)| api).collect();
    apis.dedup();
    Ok(apis)
}

const SELECT_API: &str = "SELECT a.id, a.partition, a.account_id, n.name, a.region, a.api_id, a.protocol, a.name,
    a.description, a.version, a.endpoint_type, a.tags, a.created_at, a.first_published_at, a.last_published_at, a.state,
    a.onboarded_at
    FROM apis a LEFT JOIN accounts n ON n.account_id = a.account_id";

fn row_matches(row: &Row<'_>, wanted: &Pattern) -> bool {
    row.get_ref(7).is_ok_and(|name| name.as_str().is_ok_and(|name| wanted.matches(name)))
}

/// One API with the decision that is shown without a filter.
pub(super) fn document(sql: &Connection, row: i64) -> rusqlite::Result<ApiDocument> {
    let mut statement = sql.prepare_cached(&format!("{SELECT_API} WHERE a.id = ?1"))?;
    let any = ApiFilter::default();
    let found = statement.query_row([row], |row| read_document(sql, row, &any))?;
    found.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// A row of [`SELECT_API`]; absent where what is not in the row does not match the filter.
fn read_document(sql: &Connection, row: &Row<'_>, filter: &ApiFilter) -> rusqlite::Result<Option<ApiDocument>> {
    let id: i64 = row.get(0)?;
    let tags = known::tags(row, 11)?;
    let tagged = |(key, value): &(String, Pattern)| tags.get(key).is_some_and(|tag| value.matches(tag));
    if !filter.tag.as_ref().is_none_or(tagged) {
        return Ok(None);
    }
    let matches = |decided: &ConnectionDecision| {
        let (decision, reason) = decided.decision.unzip();
        filter.connection.as_ref().is_none_or(|wanted| *wanted == decided.connection)
            && filter.decision.is_none_or(|wanted| Some(wanted) == decision)
            && filter.reason.is_none_or(|wanted| Some(wanted) == reason)
    };
    let asked = filter.connection.is_some() || filter.decision.is_some() || filter.reason.is_some();
    let decided = decisions(sql, id)?.into_iter().find(matches);
    if asked && decided.is_none() {
        return Ok(None);
    }
    let state = word_or_none(row, 15, ApiState::parse)?;
    let (decision, reason) = decided.as_ref().and_then(|decided| decided.decision).unzip();
    Ok(Some(ApiDocument {
        partition: row.get(1)?,
        account_id: row.get(2)?,
        account_name: row.get(3)?,
        region: row.get(4)?,
        api_id: row.get(5)?,
        protocol: word(row, 6, Protocol::parse)?,
        name: row.get(7)?,
        description: row.get(8)?,
        version: row.get(9)?,
        endpoint_type: row.get(10)?,
        tags,
        created_at: values::time(row, 12)?,
        first_published_at: values::time(row, 13)?,
        last_published_at: values::time(row, 14)?,
        instances: instances(sql, id, state)?,
        decision,
        reason,
        state,
        onboarded_at: values::time(row, 16)?,
        connection: decided.map(|decided| decided.connection),
    }))
}

/// The registered addresses of an API that was onboarded, else those that were seen.
fn instances(sql: &Connection, row: i64, state: Option<ApiState>) -> rusqlite::Result<Vec<Instance>> {
    let registered = matches!(state, Some(ApiState::Onboarded | ApiState::Gone));
    let mut statement = sql.prepare_cached(
        "SELECT url, stage, kind, callable, created_at, deployed_at, seen, registered, absent_since
         FROM instances WHERE api = ?1 AND iif(?2, registered, seen)",
    )?;
    let rows = statement.query_map((row, registered), |row| Ok(known::address(row)?.instance))?;
    let mut instances = rows.collect::<Result<Vec<_>, _>>()?;
    crate::inventory::in_order(&mut instances);
    Ok(instances)
}

/// What each connection decided about an API: those whose rules chose it first, the latest first.
fn decisions(sql: &Connection, row: i64) -> rusqlite::Result<Vec<ConnectionDecision>> {
    let mut statement = sql.prepare_cached(
        "SELECT connection, decision, reason, chosen, awaiting, date_unknown, left_out, run_id, at
         FROM decisions WHERE api = ?1 ORDER BY chosen DESC, at DESC, connection",
    )?;
    let rows = statement.query_map([row], |row| {
        Ok(ConnectionDecision {
            connection: row.get(0)?,
            decision: word_or_none(row, 1, Decision::parse)?.zip(word_or_none(row, 2, Reason::parse)?),
            chosen: row.get(3)?,
            awaiting: row.get(4)?,
            date_unknown: row.get(5)?,
            left_out: values::names(row, 6)?,
            run_id: row.get(7)?,
            at: row.get::<_, At>(8)?.0,
        })
    })?;
    rows.collect()
}
