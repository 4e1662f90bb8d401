//! Forgetting old run details, old attempts and texts that nothing needs any more. History, outbox and the state of scopes are never
//! forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;

use super::values::At;
use super::{Registry, RegistryError, pauses};

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs.
    pub runs: usize,
    /// Their rows of scopes.
    pub scopes: usize,
    /// Due instants.
    pub dues: usize,
    /// Attempts of deliveries that are over.
    pub attempts: usize,
    /// Texts of specifications.
    pub documents: usize,
}

/// Attempts and texts are gone through so often by one process: they have no index for that.
const SWEEP_EVERY: TimeDelta = TimeDelta::days(1);

impl Registry {
    /// Forgets runs that began more than `keep` before `now`, but for each scope's and each connection's last run, and for runs
    /// that history, the outbox or a younger run refers to; of those only what they saw scope by scope is forgotten. Due instants go
    /// with them, but for the last of each connection and of its schedule as it stands. Pauses that have ended go with the last instant in them that waited for its fate.
    ///
    /// Once a day attempts go that began so long ago, of deliveries that arrived, and specifications' texts that are neither the newest
    /// of a stage nor go with a delivery that may still be sent.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn prune(&mut self, keep: TimeDelta, now: DateTime<Utc>) -> Result<Pruned, RegistryError> {
        let sweeps = self.swept_at.is_none_or(|swept| (now - swept).abs() >= SWEEP_EVERY);
        let pruned = self.write(|sql| {
            pauses::forget(sql)?;
            let documents = if sweeps { forget_documents(sql)? } else { 0 };
            // Longer than time reaches back is for ever.
            let Some(before) = now.checked_sub_signed(keep) else {
                return Ok(Pruned { documents, ..Pruned::default() });
            };
            let attempts = if sweeps { forget_attempts(sql, before)? } else { 0 };
            let scopes = sql.execute(
                "DELETE FROM run_scopes
                 WHERE run_id IN (SELECT id FROM runs WHERE started_at < ?1 AND outcome <> 'running'
                                  EXCEPT SELECT max(id) FROM runs GROUP BY connection)
                   AND NOT EXISTS (SELECT 1 FROM scope_status s JOIN runs r ON r.id = run_scopes.run_id
                                   WHERE s.connection = r.connection AND s.partition = run_scopes.partition
                                     AND s.account_id = run_scopes.account_id AND s.region = run_scopes.region
                                     AND s.family = run_scopes.family AND s.last_run_id = run_scopes.run_id)",
                [At(before)],
            )?;
            let dues = sql.execute(
                "DELETE FROM due_instants
                 WHERE recorded_at < ?1 AND (run_id IS NOT NULL OR fate NOT IN ('run', 'caught_up'))
                   AND due_at < (SELECT max(due_at) FROM due_instants d WHERE d.connection = due_instants.connection)
                   AND due_at < ifnull((SELECT max(due_at) FROM due_instants d JOIN schedules s USING (connection)
                                        WHERE d.connection = due_instants.connection AND d.due_at > s.since
                                          AND d.id > s.begun_after), due_at + 1)",
                [At(before)],
            )?;
            let mut runs = 0;
            // A run can only go after those that carried it on.
            loop {
                let gone = sql.execute(
                    "DELETE FROM runs WHERE id IN (
                         SELECT id FROM runs WHERE started_at < ?1 AND outcome <> 'running'
                         EXCEPT SELECT max(id) FROM runs GROUP BY connection
                         EXCEPT SELECT run_id FROM run_scopes
                         EXCEPT SELECT run_id FROM history
                         EXCEPT SELECT run_id FROM deliveries
                         EXCEPT SELECT resumes FROM runs)",
                    [At(before)],
                )?;
                if gone == 0 {
                    return Ok(Pruned { runs, scopes, dues, attempts, documents });
                }
                runs += gone;
            }
        })?;
        if sweeps {
            self.swept_at = Some(now);
        }
        Ok(pruned)
    }
}

fn forget_attempts(sql: &Connection, before: DateTime<Utc>) -> rusqlite::Result<usize> {
    sql.execute(
        "DELETE FROM attempts WHERE started_at < ?1
           AND delivery IN (SELECT id FROM deliveries WHERE state IN ('delivered', 'unchanged'))",
        [At(before)],
    )
}

/// A delivery that arrived and is sent again by hand goes with the newest texts.
fn forget_documents(sql: &Connection) -> rusqlite::Result<usize> {
    sql.execute(
        "DELETE FROM documents
         WHERE digest NOT IN (SELECT digest FROM specifications WHERE digest IS NOT NULL)
           AND hex(digest) NOT IN (
               SELECT upper(json_extract(pinned.value, '$.digest')) FROM deliveries d, json_each(d.specifications) pinned
               WHERE d.specifications IS NOT NULL AND d.state NOT IN ('delivered', 'unchanged', 'summarised')
                 AND json_extract(pinned.value, '$.digest') IS NOT NULL)",
        [],
    )
}
