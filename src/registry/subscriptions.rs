//! API keys that are being made for subscriptions.
//!
//! A row is there from before its key is made until the subscription is answered or the key is deleted. What a start finds was left by a
//! process that died in between.

use chrono::{DateTime, Utc};
use rusqlite::Row;

use super::values::{At, whole_millis};
use super::{Reader, Registry, RegistryError};

/// A subscription's number in the registry.
pub type IntentId = i64;

/// A key that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The integration's name in the file.
    pub integration: String,
    /// The server's id of the subscription.
    pub subscription: String,
    /// What the key is called in AWS.
    pub key_name: String,
    /// `aws`, `aws-cn`, ….
    pub partition: String,
    /// Twelve digits.
    pub account_id: String,
    /// Region code.
    pub region: String,
    /// The usage plan that it is for.
    pub usage_plan: String,
}

/// One that has not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// Its number.
    pub id: IntentId,
    /// What was meant.
    pub intent: Intent,
    /// The key's id; absent where AWS had not said it.
    pub key_id: Option<String>,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
}

impl Registry {
    /// Writes down that a key is about to be made, or where `key_id` is known, that it has to be deleted.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn begin_subscription(
        &mut self,
        intent: &Intent,
        key_id: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<IntentId, RegistryError> {
        self.write(|sql| {
            let Intent { integration, subscription, key_name, partition, account_id, region, usage_plan } = intent;
            sql.prepare_cached(
                "INSERT INTO subscriptions
                     (integration, subscription, key_name, partition, account_id, region, usage_plan, key_id, begun_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute((
                integration,
                subscription,
                key_name,
                partition,
                account_id,
                region,
                usage_plan,
                key_id,
                At(whole_millis(now)),
            ))?;
            Ok(sql.last_insert_rowid())
        })
    }

    /// Writes down which key was made.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn note_key(&mut self, id: IntentId, key_id: &str) -> Result<(), RegistryError> {
        self.write(|sql| {
            sql.prepare_cached("UPDATE subscriptions SET key_id = ?2 WHERE id = ?1")?.execute((id, key_id))?;
            Ok(())
        })
    }

    /// Forgets it: the consumer has the key, or it is deleted, or a person was told of it.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn close_subscription(&mut self, id: IntentId) -> Result<(), RegistryError> {
        self.write(|sql| {
            sql.prepare_cached("DELETE FROM subscriptions WHERE id = ?1")?.execute([id])?;
            Ok(())
        })
    }
}

impl Reader {
    /// Those that have not come to their end, the oldest first.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn open_subscriptions(&self) -> Result<Vec<OpenIntent>, RegistryError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT id, integration, subscription, key_name, partition, account_id, region, usage_plan, key_id, begun_at
                 FROM subscriptions ORDER BY id",
            )?;
            let rows = statement.query_map([], open)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn open(row: &Row<'_>) -> rusqlite::Result<OpenIntent> {
    Ok(OpenIntent {
        id: row.get(0)?,
        intent: Intent {
            integration: row.get(1)?,
            subscription: row.get(2)?,
            key_name: row.get(3)?,
            partition: row.get(4)?,
            account_id: row.get(5)?,
            region: row.get(6)?,
            usage_plan: row.get(7)?,
        },
        key_id: row.get(8)?,
        begun_at: row.get::<_, At>(9)?.0,
    })
}
