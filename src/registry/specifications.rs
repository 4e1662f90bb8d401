//! Specifications: which exports are wanted, what came of them, and their texts, each stored once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::delivering::Pinned;
use super::history::row_of;
use super::values::{self, At, counted, to_json, whole_millis, word};
use super::{Reader, Registry, RegistryError};
use crate::config::Event;
use crate::hex::hex;
use crate::inventory::{ApiId, Protocol};
use crate::notice::Notice;
use crate::specification::Subject;

/// An API whose stages are to be exported before targets are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedExport {
    /// Which API.
    pub api: ApiId,
    /// What it speaks.
    pub protocol: Protocol,
    /// What its documents say of it, as its newest waiting event has it.
    pub subject: Subject,
    /// The stages that have not been exported as they are now, each with the deployment that it serves; none where all have been, or
    /// cannot be.
    pub stages: BTreeMap<String, Option<String>>,
    /// The stages whose document is of the deployment that they serve now, which may have other addresses since.
    pub exported: BTreeMap<String, ExportedBefore>,
}

/// A document that need not be exported again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedBefore {
    /// The deployment that it is of.
    pub deployment_id: Option<String>,
    /// SHA-256 of the text, 64 hexadecimal digits.
    pub digest: String,
}

/// What came of the export of one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The stage.
    pub stage: String,
    /// The deployment that it is of.
    pub deployment_id: Option<String>,
    /// The document, or why there is none.
    pub document: Result<ExportedDocument, FailedExport>,
}

/// A document that was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedDocument {
    /// `openapi` or `asyncapi`.
    pub format: &'static str,
    /// The text, JSON.
    pub text: String,
}

/// Why a stage could not be exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedExport {
    /// One sentence.
    pub cause: String,
    /// Whether trying again may help.
    pub passing: bool,
}

/// What is known of the specification of one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecificationRow {
    /// The stage.
    pub stage: String,
    /// The deployment that was exported last, or that could not be.
    pub deployment_id: Option<String>,
    /// `openapi` or `asyncapi`; absent where there is no document.
    pub format: Option<String>,
    /// SHA-256 of the text, 64 hexadecimal digits; of the last export that succeeded.
    pub digest: Option<String>,
    /// Length of the text, in bytes.
    pub bytes: Option<u64>,
    /// Why the last export failed; absent where it did not.
    pub cause: Option<String>,
    /// Whether trying it again may help.
    pub passing: bool,
    /// When the last export was tried.
    pub exported_at: DateTime<Utc>,
}

/// A stored text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// `openapi` or `asyncapi`.
    pub format: String,
    /// The text, JSON.
    pub text: String,
}

impl Reader {
    /// The APIs of a connection's queued events that wait for their export.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn wanted_exports(&self, connection: &str) -> Result<Vec<WantedExport>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT d.api, d.payload, a.partition, a.account_id, a.region, a.api_id, a.protocol, a.stages
                 FROM deliveries d JOIN apis a ON a.id = d.api
                 WHERE d.connection = ?1 AND d.export_until IS NOT NULL ORDER BY d.api, d.id",
            )?;
            let mut rows = statement.query([connection])?;
            let mut wanted: BTreeMap<i64, WantedExport> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let api = row.get(0)?;
                let notice: Notice = values::json(row, 1)?;
                let stages: Option<Vec<Value>> = values::json_or_none(row, 7)?;
                let deployment = |stage: &str| {
                    let found = stages.iter().flatten().find(|other| other["name"] == stage)?;
                    found["deployment_id"].as_str().map(str::to_owned)
                };
                let Some(document) = notice.api else { continue };
                let subject = Subject {
                    name: document.name,
                    description: document.description,
                    version: document.version,
                    instances: document.instances,
                };
                let entry = wanted.entry(api).or_insert(WantedExport {
                    api: ApiId {
                        partition: row.get(2)?,
                        account_id: row.get(3)?,
                        region: row.get(4)?,
                        api_id: row.get(5)?,
                    },
                    protocol: word(row, 6, Protocol::parse)?,
                    subject: subject.clone(),
                    stages: BTreeMap::new(),
                    exported: BTreeMap::new(),
                });
                for instance in &subject.instances {
                    entry.stages.insert(instance.stage.clone(), deployment(&instance.stage));
                }
                entry.subject = subject;
            }
            for (api, wanted) in &mut wanted {
                for known in specifications(sql, *api)? {
                    let serves = wanted.stages.get(&known.stage);
                    if known.deployment_id.is_none() || serves != Some(&known.deployment_id) {
                        continue;
                    }
                    match (known.cause, known.digest) {
                        (None, Some(digest)) => {
                            wanted.stages.remove(&known.stage);
                            let before = ExportedBefore { deployment_id: known.deployment_id, digest };
                            wanted.exported.insert(known.stage, before);
                        }
                        // AWS would say the same of the same deployment.
                        (Some(_), _) if !known.passing => {
                            wanted.stages.remove(&known.stage);
                        }
                        _ => {}
                    }
                }
            }
            Ok(wanted.into_values().collect())
        })
    }

    /// The accounts of the APIs of [`Reader::wanted_exports`].
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn exporting_accounts(&self, connection: &str) -> Result<BTreeSet<String>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT DISTINCT a.account_id FROM deliveries d JOIN apis a ON a.id = d.api
                 WHERE d.connection = ?1 AND d.export_until IS NOT NULL",
            )?;
            let rows = statement.query_map([connection], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What is known of the specifications of an API's stages, by stage.
    ///
    /// # Errors
    /// `UnknownApi`, and what SQLite and the disk may refuse.
    pub fn specifications(&self, api: &ApiId) -> Result<Vec<SpecificationRow>, RegistryError> {
        self.read(|sql| Ok(specifications(sql, row_of(sql, api)?)?))
    }

    /// The text with that digest, 64 hexadecimal digits.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn stored_document(&self, digest: &str) -> Result<Option<StoredDocument>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT format, text FROM documents WHERE digest = unhex(?1)")?;
            let found = statement
                .query_row([digest], |row| Ok(StoredDocument { format: row.get(0)?, text: row.get(1)? }))
                .optional()?;
            Ok(found)
        })
    }

    /// Format and length of the text with that digest.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn stored_size(&self, digest: &str) -> Result<Option<(String, u64)>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT format, bytes FROM documents WHERE digest = unhex(?1)")?;
            Ok(statement.query_row([digest], |row| Ok((row.get(0)?, counted(row, 1)?))).optional()?)
        })
    }
}

fn specifications(sql: &Connection, api: i64) -> rusqlite::Result<Vec<SpecificationRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT s.stage, s.deployment_id, d.format, s.digest, d.bytes, s.cause, s.exported_at, s.passing
         FROM specifications s LEFT JOIN documents d ON d.digest = s.digest WHERE s.api = ?1 ORDER BY s.stage",
    )?;
    let rows = statement.query_map([api], |row| {
        Ok(SpecificationRow {
            stage: row.get(0)?,
            deployment_id: row.get(1)?,
            format: row.get(2)?,
            digest: row.get::<_, Option<[u8; 32]>>(3)?.map(|digest| hex(&digest)),
            bytes: row.get::<_, Option<i64>>(4)?.and_then(|bytes| u64::try_from(bytes).ok()),
            cause: row.get(5)?,
            exported_at: row.get::<_, At>(6)?.0,
            passing: row.get(7)?,
        })
    })?;
    rows.collect()
}

impl Registry {
    /// Stores what came of an API's export, and lets the events go that waited for it: each with the specifications as they are now.
    ///
    /// # Errors
    /// `UnknownApi`, and what SQLite and the disk may refuse.
    pub fn store_export(
        &mut self,
        api: &ApiId,
        exported: &[Exported],
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let now = whole_millis(now);
        self.write(|sql| {
            let row = row_of(sql, api)?;
            for stage in exported {
                store(sql, row, stage, now)?;
            }
            let known = specifications(sql, row)?;
            let mut waiting =
                sql.prepare_cached("SELECT id, payload FROM deliveries WHERE api = ?1 AND export_until IS NOT NULL")?;
            let waiting: Vec<(i64, Notice)> =
                waiting.query_map([row], |row| Ok((row.get(0)?, values::json(row, 1)?)))?.collect::<Result<_, _>>()?;
            let mut release =
                sql.prepare_cached("UPDATE deliveries SET specifications = ?2, export_until = NULL WHERE id = ?1")?;
            for (id, notice) in waiting {
                let is_stage_of = |known: &&SpecificationRow| {
                    notice.api.iter().flat_map(|api| &api.instances).any(|instance| instance.stage == known.stage)
                };
                let pinned: BTreeMap<&str, Pinned> = known
                    .iter()
                    .filter(is_stage_of)
                    .filter_map(|known| Some((&*known.stage, pinned(known, &notice)?)))
                    .collect();
                release.execute((id, to_json(&pinned)?))?;
            }
            Ok(())
        })
    }
}

/// What goes with a delivery. What was exported before says more than that it could not be exported again; but for an event that is
/// closed where nothing has changed it must not stand for what nobody has seen.
fn pinned(known: &SpecificationRow, notice: &Notice) -> Option<Pinned> {
    let (digest, cause) = (known.digest.clone().map(Pinned::Digest), known.cause.clone().map(Pinned::Cause));
    if notice.event == Event::Changed.as_str() { cause.or(digest) } else { digest.or(cause) }
}

fn store(sql: &Connection, api: i64, exported: &Exported, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let Exported { stage, deployment_id, document } = exported;
    match document {
        Ok(ExportedDocument { format, text }) => {
            let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
            sql.prepare_cached(
                "INSERT INTO documents (digest, format, bytes, text) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?
            .execute((digest, format, values::count(text.len() as u64), text))?;
            sql.prepare_cached(
                "INSERT OR REPLACE INTO specifications (api, stage, deployment_id, digest, cause, passing, exported_at)
                 VALUES (?1, ?2, ?3, ?4, NULL, 0, ?5)",
            )?
            .execute((api, stage, deployment_id, digest, At(now)))?;
        }
        Err(FailedExport { cause, passing }) => {
            sql.prepare_cached(
                "INSERT INTO specifications (api, stage, deployment_id, digest, cause, passing, exported_at)
                 VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET deployment_id = ?3, cause = ?4, passing = ?5, exported_at = ?6",
            )?
            .execute((api, stage, deployment_id, cause, passing, At(now)))?;
        }
    }
    Ok(())
}
