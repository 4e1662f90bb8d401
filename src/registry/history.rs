//! What happened to each API, in words; never dropped.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use super::runs::RunId;
use super::values::{self, At, word};
use super::{Reader, RegistryError, RegistryErrorKind};
use crate::inventory::ApiId;

/// What happened to an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HistoryEvent {
    /// It was registered; `detail`: reason, targets, URLs.
    Onboarded,
    /// It counts as onboarded because it was there before; `detail`: URLs.
    RecordedAsExisting,
    /// Another connection's targets were told of an onboarded API; `detail`: targets.
    Introduced,
    /// It was left out, for the first time or for another reason than before; `detail`: reason.
    Excluded,
    /// It was listed, but its stages could not be read; `detail`: cause.
    Unreadable,
    /// It waits for approval.
    AwaitingApproval,
    /// A person approved it; `detail`: by.
    Approved,
    /// It had been gone and is registered again; `detail`: targets, URLs.
    Returned,
    /// It is gone; `detail`: reason, targets.
    Gone,
    /// Addresses were registered; `detail`: URLs.
    InstanceAdded,
    /// Addresses are registered no more; `detail`: URLs.
    InstanceRemoved,
    /// A stage serves another deployment; `detail`: stages.
    Redeployed,
    /// It was not onboarded, and is not there any more.
    Dropped,
    /// A person keeps it out; `detail`: reason, until, by.
    Ignored,
    /// A person lets it in again; `detail`: by.
    Unignored,
    /// A person had a target told again; `detail`: target.
    Redelivered,
}

impl HistoryEvent {
    /// Every event.
    pub const ALL: [Self; 16] = [
        Self::Onboarded,
        Self::RecordedAsExisting,
        Self::Introduced,
        Self::Excluded,
        Self::Unreadable,
        Self::AwaitingApproval,
        Self::Approved,
        Self::Returned,
        Self::Gone,
        Self::InstanceAdded,
        Self::InstanceRemoved,
        Self::Redeployed,
        Self::Dropped,
        Self::Ignored,
        Self::Unignored,
        Self::Redelivered,
    ];

    /// The word used in JSON and in the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Onboarded => "onboarded",
            Self::RecordedAsExisting => "recorded_as_existing",
            Self::Introduced => "introduced",
            Self::Excluded => "excluded",
            Self::Unreadable => "unreadable",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Approved => "approved",
            Self::Returned => "returned",
            Self::Gone => "gone",
            Self::InstanceAdded => "instance_added",
            Self::InstanceRemoved => "instance_removed",
            Self::Redeployed => "redeployed",
            Self::Dropped => "dropped",
            Self::Ignored => "ignored",
            Self::Unignored => "unignored",
            Self::Redelivered => "redelivered",
        }
    }

    /// The event of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// One thing that happened to an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// When.
    pub at: DateTime<Utc>,
    /// In which run; absent where a person did it outside one.
    pub run_id: Option<RunId>,
    /// By which connection.
    pub connection: Option<String>,
    /// What.
    pub event: HistoryEvent,
    /// More, by event.
    pub detail: Value,
}

impl Reader {
    /// All that happened to an API, oldest first.
    ///
    /// # Errors
    /// `UnknownApi`, and what SQLite and the disk may refuse.
    pub fn history(&self, id: &ApiId) -> Result<Vec<HistoryRow>, RegistryError> {
        self.read(|sql| {
            let api = row_of(sql, id)?;
            let mut statement = sql.prepare_cached(
                "SELECT at, run_id, connection, event, detail FROM history WHERE api = ?1 ORDER BY id",
            )?;
            let rows = statement.query_map([api], |row| {
                Ok(HistoryRow {
                    at: row.get::<_, At>(0)?.0,
                    run_id: row.get(1)?,
                    connection: row.get(2)?,
                    event: word(row, 3, HistoryEvent::parse)?,
                    detail: values::json(row, 4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// When, in which run and by whom something happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion<'a> {
    pub(super) at: DateTime<Utc>,
    pub(super) run_id: Option<RunId>,
    pub(super) connection: Option<&'a str>,
}

/// Writes down what happened to an API.
pub(super) fn add(
    sql: &Connection,
    api: i64,
    occasion: Occasion<'_>,
    event: HistoryEvent,
    detail: &Value,
) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(
        "INSERT INTO history (api, at, run_id, connection, event, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let Occasion { at, run_id, connection } = occasion;
    statement.execute((api, At(at), run_id, connection, event.as_str(), detail.to_string()))?;
    Ok(())
}

/// The row of an API.
pub(super) fn row_of(sql: &Connection, id: &ApiId) -> Result<i64, RegistryErrorKind> {
    let mut statement = sql.prepare_cached(
        "SELECT id FROM apis WHERE api_id = ?4 AND partition = ?1 AND account_id = ?2 AND region = ?3",
    )?;
    let parameters = (&id.partition, &id.account_id, &id.region, &id.api_id);
    let row = statement.query_row(parameters, |row| row.get(0)).optional()?;
    row.ok_or_else(|| RegistryErrorKind::UnknownApi(id.clone()))
}
