//! A person's word that an API stays out.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

use super::audit::{self, AuditAction, AuditEntry};
use super::history::{self, HistoryEvent, Occasion};
use super::values::{self, At};
use super::{Reader, Registry, RegistryError, known};
use crate::inventory::ApiId;

/// An API that a person keeps out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredApi {
    /// Which.
    pub api: ApiId,
    /// Why.
    pub reason: String,
    /// Last day on which it counts, in UTC.
    pub until: Option<NaiveDate>,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Registry {
    /// Keeps an API out from its next look on; a second word replaces the first. One that is onboarded stays so.
    ///
    /// # Errors
    /// `UnknownApi`, and what SQLite and the disk may refuse.
    pub fn ignore(
        &mut self,
        id: &ApiId,
        reason: &str,
        until: Option<NaiveDate>,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.write(|sql| {
            let api = history::row_of(sql, id)?;
            let until = until.map(|until| until.to_string());
            sql.prepare_cached(
                "INSERT OR REPLACE INTO ignores (api, reason, until, by, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((api, reason, &until, by, At(now)))?;
            known::changed(sql, api)?;
            let occasion = Occasion { at: now, run_id: None, connection: None };
            let detail = json!({ "reason": reason, "until": until, "by": by });
            history::add(sql, api, occasion, HistoryEvent::Ignored, &detail)?;
            let detail = json!({ "api": id.to_string(), "reason": reason, "until": until });
            let entry = AuditEntry { actor: by, action: AuditAction::Ignored, connection: None, detail };
            Ok(audit::add(sql, &entry, now)?)
        })
    }

    /// Lets an API in again from its next look on. Answers false where nobody kept it out.
    ///
    /// # Errors
    /// `UnknownApi`, and what SQLite and the disk may refuse.
    pub fn unignore(&mut self, id: &ApiId, by: &str, now: DateTime<Utc>) -> Result<bool, RegistryError> {
        self.write(|sql| {
            let api = history::row_of(sql, id)?;
            let removed = sql.prepare_cached("DELETE FROM ignores WHERE api = ?1")?.execute([api])? > 0;
            if removed {
                known::changed(sql, api)?;
                let occasion = Occasion { at: now, run_id: None, connection: None };
                history::add(sql, api, occasion, HistoryEvent::Unignored, &json!({ "by": by }))?;
                let detail = json!({ "api": id.to_string() });
                let entry = AuditEntry { actor: by, action: AuditAction::Unignored, connection: None, detail };
                audit::add(sql, &entry, now)?;
            }
            Ok(removed)
        })
    }
}

impl Reader {
    /// Every API that a person keeps out, words that no longer count included.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn ignored(&self) -> Result<Vec<IgnoredApi>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT a.partition, a.account_id, a.region, a.api_id, i.reason, i.until, i.by, i.at
                 FROM ignores i JOIN apis a ON a.id = i.api ORDER BY a.partition, a.account_id, a.region, a.api_id",
            )?;
            let rows = statement.query_map([], |row| {
                let api =
                    ApiId { partition: row.get(0)?, account_id: row.get(1)?, region: row.get(2)?, api_id: row.get(3)? };
                let until = values::date(row, 5)?;
                Ok(IgnoredApi { api, reason: row.get(4)?, until, by: row.get(6)?, at: row.get::<_, At>(7)?.0 })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
