//! Working everything out from the registry: at the start, and when the clock, the zone data or the file changed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::super::entries::{Entry, definitions, entries};
use super::super::jobs::Job;
use super::Dispatcher;
use crate::config::Config;
use crate::registry::locks::Locking;
use crate::registry::{AuditAction, AuditEntry, DueId, Registry, RegistryError, Trigger, locks};
use crate::schedule;
use crate::schedule::{Fate, Reason};

impl Dispatcher {
    /// Works everything out from the registry: at the start, and when the clock or the zone data changed.
    pub(super) async fn plan(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let config = self.service.config();
        let defined = definitions(&config);
        let (forgotten, states, mut retries) = self
            .with(move |registry, _| {
                let forgotten = registry.forget_fates_of_the_future(now)?;
                if forgotten > 0 {
                    let detail = serde_json::json!({ "due_instants": forgotten });
                    let action = AuditAction::ClockCorrected;
                    registry.audit(&AuditEntry { actor: "worker", action, connection: None, detail }, now)?;
                }
                Ok((forgotten, registry.define_schedules(&defined, now)?, registry.retries()?))
            })
            .await?;
        if forgotten > 0 {
            tracing::warn!(forgotten, "the clock had been ahead; due instants that it had served are still to come");
        }
        self.entries = entries(&config, &states, &mut retries, &self.zones);
        self.warn_of_zones(&config, now);
        for (name, entry) in &mut self.entries {
            // What is owed from before is settled by this round.
            entry.next = owed(name, entry, now).or_else(|| {
                entry.look_ahead(name, now);
                entry.next
            });
        }
        (self.planned, self.changed) = (true, true);
        Ok(())
    }

    /// Says, once each, which zone files cannot be used and where the two sources of zone data disagree.
    pub(super) fn warn_of_zones(&mut self, config: &Config, now: DateTime<Utc>) {
        let schedules = config.connections.values().filter_map(|connection| {
            let auto = connection.auto_onboard.as_ref()?;
            Some((connection.name.as_str(), &auto.recurrence, auto.timezone))
        });
        let differences = self.zones.differences(schedules, now).into_iter().map(|difference| difference.to_string());
        for warning in self.zones.warnings().into_iter().chain(differences) {
            if self.zone_warnings.insert(warning.clone()) {
                tracing::warn!("{warning}");
            }
        }
    }

    /// Runs that the last worker was to begin, or that broke off with it. What has come due since is queued already and goes before.
    pub(super) async fn take_up(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let (open, unfinished, pauses) =
            self.with(|registry, _| Ok((registry.open_dues()?, registry.unfinished()?, registry.pauses()?))).await?;
        let paused = |name: &str| pauses.iter().any(|pause| pause.covers(name) && pause.is_on(now));
        let mut dropped: BTreeMap<Reason, Vec<DueId>> = BTreeMap::new();
        for due in open.into_iter().rev() {
            let name = &due.connection;
            let reason = if !self.entries.get(name).is_some_and(|entry| entry.auto.enabled) {
                Reason::Disabled
            } else if paused(name) {
                Reason::Paused
            } else if self.queue.holds(name) {
                Reason::Superseded
            } else {
                let job = Job::Due { due_id: due.due_id, due_at: due.due_at, late: due.fate == Fate::CaughtUp };
                self.queue.push(name, due.due_at, job);
                continue;
            };
            if !self.queue.is_for(due.due_id) {
                dropped.entry(reason).or_default().push(due.due_id);
            }
        }
        for (reason, dues) in dropped {
            self.skip(dues, reason).await?;
        }
        for left in unfinished.into_iter().filter(|left| left.trigger != Trigger::Retry) {
            let name = &left.connection;
            let follows = self.entries.get(name).is_some_and(|entry| entry.auto.enabled);
            if follows && !paused(name) && !self.queue.holds(name) {
                self.queue.push(name, left.due_at.unwrap_or(now), Job::Resume { due_at: left.due_at });
            }
        }
        (self.taken_up, self.changed) = (true, true);
        Ok(())
    }
}

/// What is owed already, as a wake-up that has passed.
pub(super) fn owed(name: &str, entry: &Entry, now: DateTime<Utc>) -> Option<schedule::Wake> {
    let due = schedule::settle(&entry.standing(name, false, false), now).last()?.due;
    Some(schedule::Wake { due, at: due.at })
}

/// Runs that count as running although their process died.
pub(super) fn end_dead_runs(registry: &mut Registry, now: DateTime<Utc>) -> Result<(), RegistryError> {
    for connection in registry.running()? {
        // Where another process is at it, the run is not dead.
        if let Ok(Locking::Taken(_lock)) = locks::lock_connection(registry.path(), &connection, now) {
            registry.interrupt_dead_runs(&connection, now)?;
        }
    }
    Ok(())
}
