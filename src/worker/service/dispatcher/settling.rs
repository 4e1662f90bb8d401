//! What is due gets its fate, and the fate is written before anything is started for it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::super::entries::Entry;
use super::super::jobs::Job;
use super::Dispatcher;
use crate::registry::{DueId, NewFate, RegistryError};
use crate::schedule;
use crate::schedule::{Fate, Reason, Rest, Verdict};

impl Dispatcher {
    /// Gives every due instant its fate.
    pub(super) async fn settle(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let due: Vec<&String> =
            self.entries.iter().filter(|(_, entry)| entry.is_due(now)).map(|(name, _)| name).collect();
        if due.is_empty() {
            return Ok(());
        }
        let due: Vec<String> = due.into_iter().cloned().collect();
        self.changed = true;
        let mut verdicts = Vec::new();
        for name in &due {
            let entry = &self.entries[name];
            verdicts.extend(self.judge(name, entry, now));
        }
        let last: BTreeMap<String, DateTime<Utc>> =
            verdicts.iter().map(|judged| (judged.connection.clone(), judged.verdict.due.at)).collect();
        self.record(verdicts, now).await?;
        for name in due {
            if let Some(entry) = self.entries.get_mut(&name) {
                // Everything up to there has its fate, whether it was written now or before.
                entry.settled_until = entry.settled_until.max(last.get(&name).copied());
                entry.look_ahead(&name, now);
            }
        }
        Ok(())
    }

    /// What becomes of the instants of a schedule that have come.
    pub(super) fn judge(&self, name: &str, entry: &Entry, now: DateTime<Utc>) -> Vec<Judged> {
        let covering = self.restings.iter().filter(|resting| resting.covers(name));
        let rests: Vec<Rest> = covering.map(|resting| resting.rest).collect();
        let standing = entry.standing(name, &rests, self.serves_a_due_instant(name));
        let judged = |verdict: Verdict| Judged {
            connection: name.to_owned(),
            zone: entry.zone.name(),
            start_at: verdict.due.at + schedule::jitter(name, &entry.auto, &entry.zone, &verdict.due),
            verdict,
        };
        schedule::settle(&standing, now).into_iter().map(judged).collect()
    }

    /// Writes fates down, all in one transaction, and queues the runs.
    pub(super) async fn record(&mut self, verdicts: Vec<Judged>, now: DateTime<Utc>) -> Result<(), RegistryError> {
        if verdicts.is_empty() {
            return Ok(());
        }
        let tzdb = self.zones.version().to_owned();
        let (verdicts, ids) = self
            .with(move |registry, _| {
                let fates: Vec<NewFate<'_>> = verdicts
                    .iter()
                    .map(|Judged { connection, zone, verdict, .. }| NewFate {
                        connection,
                        zone,
                        due: verdict.due,
                        fate: verdict.fate,
                        reason: verdict.reason,
                        older: verdict.older,
                        tzdb: &tzdb,
                    })
                    .collect();
                let ids = registry.record_fates(&fates, now)?;
                Ok((verdicts, ids))
            })
            .await?;
        for (Judged { connection, start_at, verdict, .. }, due_id) in verdicts.into_iter().zip(ids) {
            let Some(due_id) = due_id else { continue };
            let due_at = verdict.due.at;
            if matches!(verdict.fate, Fate::Run | Fate::CaughtUp) {
                let job = Job::Due { due_id, due_at, start_at, late: verdict.fate == Fate::CaughtUp };
                self.queue.push(&connection, due_at, job);
            } else {
                tell_left_out(&connection, &verdict);
            }
        }
        Ok(())
    }

    /// Gives due instants whose runs have not begun another fate.
    pub(super) async fn change_fates(
        &mut self,
        fates: Vec<(DueId, Fate, Option<Reason>)>,
    ) -> Result<(), RegistryError> {
        if fates.is_empty() {
            return Ok(());
        }
        self.with(move |registry, _| registry.change_fates(&fates)).await
    }

    /// Whether an instant that comes due now finds another one's run under way or waiting. Other jobs that only wait give way to it.
    pub(super) fn serves_a_due_instant(&self, connection: &str) -> bool {
        self.is_in_flight(connection) || self.queue.holds_due(connection)
    }
}

/// A due instant with what becomes of it.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) connection: String,
    zone: &'static str,
    /// The instant with its jitter.
    start_at: DateTime<Utc>,
    verdict: Verdict,
}

/// Says that a due instant does not run: as news where nobody asked for that.
fn tell_left_out(connection: &str, verdict: &Verdict) {
    const LEFT_OUT: &str = "a due instant does not run";
    let (due_at, fate, reason) = (verdict.due.at, verdict.fate.as_str(), verdict.reason.map(Reason::as_str));
    let older = verdict.older;
    if let Some(Reason::Disabled | Reason::Paused) = verdict.reason {
        tracing::info!(connection, %due_at, fate, reason, older, "{LEFT_OUT}");
    } else {
        tracing::warn!(connection, %due_at, fate, reason, older, "{LEFT_OUT}");
    }
}
