//! What targets are told of runs: a summary instead of single events, and that the set of failures changed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use super::outbox::delivery_key;
use super::runs::RunId;
use super::values::{self, At, to_json, whole_millis};
use super::{Registry, RegistryError};
use crate::config::Event;
use crate::inventory::ApiId;
use crate::notice::{DeliveryState, Notice, RunNotice, SummaryLine};

/// A set of failures that stays the same is told of again after this long.
const TOLD_AGAIN_AFTER: TimeDelta = TimeDelta::days(30);

/// A run that is over, and who is to hear of it.
#[derive(Clone, Debug)]
pub struct Announcement<'a> {
    /// The run.
    pub run_id: RunId,
    /// The interrupted run that it carried on.
    pub resumes: Option<RunId>,
    /// Whose.
    pub connection: &'a str,
    /// How it went; its events are filled in here.
    pub run: &'a RunNotice,
    /// Targets that get a summary in place of single events.
    pub digests: &'a [String],
    /// Targets that get a summary besides.
    pub summaries: &'a [String],
    /// Targets that hear of a change in what fails; with what fails now, a line a failure. Absent where the run does not say what fails
    /// now.
    pub failures: Option<(&'a [String], &'a BTreeSet<String>)>,
}

impl Registry {
    /// Queues what targets are told of a run. A summary in which nothing would stand is not sent. Answers how many messages that are.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn announce_run(&mut self, announced: &Announcement<'_>, now: DateTime<Utc>) -> Result<u64, RegistryError> {
        let now = whole_millis(now);
        self.write(|sql| {
            let mut queued = 0;
            for target in announced.digests {
                let (lines, in_all) = collected(sql, announced.connection, target)?;
                queued += summary(sql, announced, target, lines, in_all, now)?;
                sql.prepare_cached(
                    "UPDATE deliveries SET state = 'summarised', next_attempt_at = NULL, export_until = NULL
                     WHERE connection = ?1 AND target = ?2 AND state = 'collected'",
                )?
                .execute((announced.connection, target))?;
            }
            for target in announced.summaries {
                let (lines, in_all) = happened(sql, announced)?;
                queued += summary(sql, announced, target, lines, in_all, now)?;
            }
            if let Some((targets, failures)) = announced.failures
                && are_news(sql, announced.connection, failures, now)?
            {
                for target in targets {
                    queue(sql, announced, target, Event::RunFinished, announced.run.clone(), now)?;
                    queued += 1;
                }
            }
            Ok(queued)
        })
    }
}

type Lines = (Vec<SummaryLine>, BTreeMap<String, u64>);

/// What one target would have been told one by one.
fn collected(sql: &Connection, connection: &str, target: &str) -> rusqlite::Result<Lines> {
    let mut statement = sql.prepare_cached(
        "SELECT payload FROM deliveries WHERE connection = ?1 AND target = ?2 AND state = 'collected' ORDER BY id",
    )?;
    let mut rows = statement.query((connection, target))?;
    let (mut lines, mut in_all) = (Vec::new(), BTreeMap::new());
    while let Some(row) = rows.next()? {
        let notice: Notice = values::json(row, 0)?;
        *in_all.entry(notice.event.clone()).or_default() += 1;
        if let (true, Some(api)) = (lines.len() < RunNotice::MOST, notice.api) {
            lines.push(SummaryLine {
                event: notice.event,
                api: api.id().to_string(),
                name: api.name,
                urls: notice.instances.into_iter().map(|instance| instance.url).collect(),
            });
        }
    }
    Ok((lines, in_all))
}

/// What happened to APIs in the run and in the one that it carried on, for targets that were told nothing of it.
fn happened(sql: &Connection, announced: &Announcement<'_>) -> rusqlite::Result<Lines> {
    let mut statement = sql.prepare_cached(
        "SELECT h.event, h.detail, a.partition, a.account_id, a.region, a.api_id, a.name
         FROM history h JOIN apis a ON a.id = h.api WHERE h.connection = ?1 AND h.run_id IN (?2, ?3) ORDER BY h.id",
    )?;
    let mut rows = statement.query((announced.connection, announced.run_id, announced.resumes))?;
    let (mut lines, mut in_all) = (Vec::new(), BTreeMap::new());
    while let Some(row) = rows.next()? {
        let event = match row.get_ref(0)?.as_str()? {
            "onboarded" => Event::Onboarded,
            "returned" => Event::Returned,
            "gone" => Event::Gone,
            "instance_added" => Event::InstanceAdded,
            "instance_removed" => Event::InstanceRemoved,
            _ => continue,
        };
        *in_all.entry(event.as_str().to_owned()).or_default() += 1;
        if lines.len() < RunNotice::MOST {
            let detail: Value = values::json(row, 1)?;
            let urls = detail["urls"].as_array().into_iter().flatten();
            let id =
                ApiId { partition: row.get(2)?, account_id: row.get(3)?, region: row.get(4)?, api_id: row.get(5)? };
            lines.push(SummaryLine {
                event: event.as_str().to_owned(),
                api: id.to_string(),
                name: row.get(6)?,
                urls: urls.filter_map(|url| url.as_str().map(str::to_owned)).collect(),
            });
        }
    }
    Ok((lines, in_all))
}

fn summary(
    sql: &Connection,
    announced: &Announcement<'_>,
    target: &str,
    events: Vec<SummaryLine>,
    events_in_all: BTreeMap<String, u64>,
    now: DateTime<Utc>,
) -> rusqlite::Result<u64> {
    if events_in_all.is_empty() && announced.run.failures_in_all == 0 && announced.run.error.is_none() {
        return Ok(0);
    }
    let run = RunNotice { events, events_in_all, ..announced.run.clone() };
    queue(sql, announced, target, Event::RunSummary, run, now)?;
    Ok(1)
}

/// Whether the set of failures is another than the one that was told last, or was told so long ago; if so it counts as told.
fn are_news(
    sql: &Connection,
    connection: &str,
    failures: &BTreeSet<String>,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    let mut statement = sql.prepare_cached("SELECT failures, at FROM told_failures WHERE connection = ?1")?;
    let told =
        statement.query_row([connection], |row| Ok((values::names(row, 0)?, row.get::<_, At>(1)?.0))).optional()?;
    let news = match &told {
        None => !failures.is_empty(),
        Some((told, at)) => told != failures || (!failures.is_empty() && now - *at >= TOLD_AGAIN_AFTER),
    };
    if news {
        sql.prepare_cached("INSERT OR REPLACE INTO told_failures (connection, failures, at) VALUES (?1, ?2, ?3)")?
            .execute((connection, to_json(failures)?, At(now)))?;
    }
    Ok(news)
}

/// A message about a run has no API; what its key is made of stands in the places of one: the connection and when the run began.
fn queue(
    sql: &Connection,
    announced: &Announcement<'_>,
    target: &str,
    event: Event,
    run: RunNotice,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let place = ApiId {
        partition: String::new(),
        account_id: String::new(),
        region: announced.connection.to_owned(),
        api_id: run.started_at.timestamp_millis().to_string(),
    };
    let key = delivery_key(target, &place, event.as_str(), 1);
    let notice = Notice {
        event: event.as_str().to_owned(),
        occurred_at: now,
        target: target.to_owned(),
        connection: announced.connection.to_owned(),
        run_id: Some(announced.run_id),
        revision: 1,
        api: None,
        instances: Vec::new(),
        run: Some(run),
    };
    // A run that ends a second time, because its end was not written down, has said so already.
    sql.prepare_cached(
        "INSERT INTO deliveries (key, target, event, action, revision, payload, state, next_attempt_at, created_at, connection, run_id)
         VALUES (?1, ?2, ?3, ?3, 1, ?4, ?5, ?6, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    )?
    .execute((
        key,
        target,
        event.as_str(),
        to_json(&notice)?,
        DeliveryState::Queued.as_str(),
        At(now),
        announced.connection,
        announced.run_id,
    ))?;
    Ok(())
}
