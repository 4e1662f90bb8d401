//! Working everything out from the registry: at the start, and when the clock, the zone data or the file changed.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::entries::{before_the_change, definitions, entries};
use super::super::jobs::Job;
use super::Dispatcher;
use crate::config::Config;
use crate::registry::locks::Locking;
use crate::registry::{AuditAction, AuditEntry, Registry, RegistryError, Trigger, locks};
use crate::schedule;
use crate::schedule::{Fate, Reason};

impl Dispatcher {
    /// Works everything out from the registry: at the start, and when the clock or the zone data changed.
    pub(super) async fn plan(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let config = self.service.config();
        let defined = definitions(&config);
        let (aside, before) = self
            .with(move |registry, _| {
                let aside = registry.set_aside_fates_of_the_future(now)?;
                if aside > 0 {
                    let detail = serde_json::json!({ "due_instants": aside });
                    let action = AuditAction::ClockCorrected;
                    registry.audit(&AuditEntry { actor: "worker", action, connection: None, detail }, now)?;
                }
                Ok((aside, registry.schedules()?))
            })
            .await?;
        if aside > 0 {
            tracing::warn!(aside, "the clock had been ahead; due instants that it had served are still to come");
        }
        // What came due by a schedule that was changed while nothing ran is served before the new one counts.
        let old = before_the_change(&config, &before, &defined, &self.zones);
        let owed = old.iter().flat_map(|(name, entry)| self.judge(name, entry, now)).collect();
        self.record(owed, now).await?;
        let (states, mut retries) =
            self.with(move |registry, _| Ok((registry.define_schedules(&defined, now)?, registry.retries()?))).await?;
        self.entries = entries(&config, &states, &mut retries, &self.zones);
        self.warn_of_zones(&config, now);
        for (name, entry) in &mut self.entries {
            // What is owed from before is settled by this round.
            entry.look_at_what_is_owed(name, now);
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
        let (open, unfinished) = self.with(|registry, _| Ok((registry.open_dues()?, registry.unfinished()?))).await?;
        let mut fates = Vec::new();
        for due in open.into_iter().rev() {
            let name = &due.connection;
            // In flight, it has not come to its beginning yet.
            if self.queue.is_for(due.due_id) || self.is_in_flight(name) {
                continue;
            }
            let Some(entry) = self.entries.get(name).filter(|entry| entry.auto.enabled) else {
                fates.push((due.due_id, Fate::Skipped, Some(Reason::Disabled)));
                continue;
            };
            // How long it had to wait for its jitter is not known any more; it is not held against it.
            let start_at = due.due_at + TimeDelta::from_std(entry.auto.jitter).unwrap_or_default();
            match schedule::judge(&entry.auto, now - start_at) {
                _ if self.queue.holds(name) => fates.push((due.due_id, Fate::Missed, Some(Reason::Superseded))),
                (Fate::Missed, reason) => fates.push((due.due_id, Fate::Missed, reason)),
                (fate, _) => {
                    let late = fate == Fate::CaughtUp;
                    if fate != due.fate {
                        fates.push((due.due_id, fate, None));
                    }
                    let job = Job::Due { due_id: due.due_id, due_at: due.due_at, start_at, late };
                    self.queue.push(name, due.due_at, job);
                }
            }
        }
        self.change_fates(fates).await?;
        for left in unfinished.into_iter().filter(|left| left.trigger != Trigger::Retry) {
            let name = &left.connection;
            let follows = self.entries.get(name).is_some_and(|entry| entry.auto.enabled);
            if follows && !self.is_busy(name) {
                self.queue.push(name, left.due_at.unwrap_or(now), Job::Resume { due_at: left.due_at });
            }
        }
        (self.taken_up, self.changed) = (true, true);
        Ok(())
    }
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
