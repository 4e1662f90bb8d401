//! Another schedule file: what was due by the old one is served by the old one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::Mail;
use super::super::clock_watch::EARLIEST;
use super::super::entries::{definitions, entries};
use super::super::jobs::Job;
use super::Dispatcher;
use crate::config::Config;
use crate::registry::{RegistryError, Retry};
use crate::schedule::{Fate, Reason};

impl Dispatcher {
    pub(super) async fn take(&mut self, mail: Mail) {
        match mail {
            Mail::Swap(config, reply) => {
                let done = self.swap(config).await.map_err(|error| error.to_string());
                match &done {
                    Ok(()) => {
                        self.service.0.lanes.follow(&self.service.config());
                        self.service.0.agents.follow(&self.service.config());
                    }
                    Err(_) => self.planned = false,
                }
                // Whoever asked may have gone.
                let _ = reply.send(done);
            }
        }
    }

    /// What was due by the old file is served by the old file; then the new one counts.
    pub(super) async fn swap(&mut self, config: Arc<Config>) -> Result<(), RegistryError> {
        let now = self.service.now();
        if now < EARLIEST {
            self.service.0.config.store(config);
            return Ok(());
        }
        self.changed = true;
        self.serve(now).await?;
        let (defined, old) = (definitions(&config), self.service.config());
        let before = definitions(&old);
        self.serve_before_change(&before, &defined, now).await?;
        let states = self.with(move |registry, _| registry.define_schedules(&defined, now)).await?;
        let mut retries: BTreeMap<String, Retry> = std::mem::take(&mut self.entries)
            .into_iter()
            .filter_map(|(name, entry)| Some((name, entry.retry?)))
            .collect();
        self.entries = entries(&config, &states, &mut retries, &self.zones);
        for (name, entry) in &mut self.entries {
            // With less jitter than before, what was waited for has come.
            entry.look_at_what_is_owed(name, now);
        }
        self.drop_what_is_gone(&config).await?;
        self.warn_of_zones(&config, now);
        self.service.0.config.store(config);
        Ok(())
    }

    /// An instant that has come and only waits for its jitter belongs to the schedule that named it: it is served before that changes.
    pub(super) async fn serve_before_change(
        &mut self,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        for (name, entry) in &mut self.entries {
            if before.get(name) != after.get(name) && entry.next.is_some_and(|next| next.due.at <= now) {
                entry.auto.jitter = Duration::ZERO;
                entry.look_at_what_is_owed(name, now);
            }
        }
        self.settle(now).await
    }

    /// Jobs that wait for a connection that has no schedule any more, or one that is off.
    pub(super) async fn drop_what_is_gone(&mut self, config: &Config) -> Result<(), RegistryError> {
        let auto = |name: &str| config.connections.get(name).and_then(|connection| connection.auto_onboard.as_ref());
        let stays = |name: &str| auto(name).is_some_and(|auto| auto.enabled);
        let gone: Vec<String> = self.queue.connections().filter(|name| !stays(name)).cloned().collect();
        let jobs: Vec<Job> = gone.iter().filter_map(|name| self.queue.remove(name)).collect();
        let skipped = |due_id| (due_id, Fate::Skipped, Some(Reason::Disabled));
        self.change_fates(jobs.iter().filter_map(Job::due_id).map(skipped).collect()).await
    }
}
