//! What is due gets its fate, and the fate is written before anything is started for it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::super::jobs::Job;
use super::Dispatcher;
use crate::registry::{DueId, NewFate, RegistryError};
use crate::schedule;
use crate::schedule::{Fate, Reason, Verdict};

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
        let pauses = self.with(|registry, _| registry.pauses()).await?;
        let mut verdicts = Vec::new();
        for name in &due {
            let entry = &self.entries[name];
            let paused = pauses.iter().any(|pause| pause.covers(name) && pause.is_on(now));
            let standing = entry.standing(name, paused, self.serves_a_due_instant(name));
            verdicts.extend(schedule::settle(&standing, now).into_iter().map(|verdict| (name.clone(), verdict)));
        }
        let last: BTreeMap<String, DateTime<Utc>> =
            verdicts.iter().map(|(name, verdict)| (name.clone(), verdict.due.at)).collect();
        let zones: Vec<&'static str> = verdicts.iter().map(|(name, _)| self.entries[name].zone.name()).collect();
        let tzdb = self.zones.version().to_owned();
        let (verdicts, ids) = self
            .with(move |registry, _| {
                let fates: Vec<NewFate<'_>> = verdicts
                    .iter()
                    .zip(zones)
                    .map(|((connection, verdict), zone)| NewFate {
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
        for ((name, verdict), due_id) in verdicts.into_iter().zip(ids) {
            let Some(due_id) = due_id else { continue };
            let due_at = verdict.due.at;
            if matches!(verdict.fate, Fate::Run | Fate::CaughtUp) {
                let job = Job::Due { due_id, due_at, late: verdict.fate == Fate::CaughtUp };
                self.queue.push(&name, due_at, job);
            } else {
                tell_left_out(&name, &verdict);
            }
        }
        for name in due {
            if let Some(entry) = self.entries.get_mut(&name) {
                // Everything up to there has its fate, whether it was written now or before.
                entry.settled_until = entry.settled_until.max(last.get(&name).copied());
                entry.look_ahead(&name, now);
            }
        }
        Ok(())
    }

    pub(super) async fn skip(&mut self, dues: Vec<DueId>, reason: Reason) -> Result<(), RegistryError> {
        if dues.is_empty() {
            return Ok(());
        }
        self.with(move |registry, _| dues.iter().try_for_each(|due_id| registry.skip_due(*due_id, reason))).await
    }

    /// Whether an instant that comes due now finds another one's run under way or waiting. Other jobs that only wait give way to it.
    pub(super) fn serves_a_due_instant(&self, connection: &str) -> bool {
        self.is_in_flight(connection) || self.queue.holds_due(connection)
    }
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
