//! Which connections to servers are up: one for each integration of the file in force.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::brief::Common;
use super::handler::Agent;
use super::leftovers;
use super::settings::settings;
use super::status::IntegrationStatus;
use crate::config::{Config, IntegrationKind};
use crate::discovery::Aws;
use crate::gravitee::channel::{Channel, Settings};
use crate::worker::book::Shelf;

/// The agents of the worker.
pub struct Agents {
    common: Arc<Common>,
    open: Mutex<BTreeMap<String, Open>>,
    /// Those that end, for the end of the worker to wait for.
    ending: Mutex<Vec<JoinHandle<()>>>,
}

/// A connection that is kept up.
struct Open {
    settings: Settings,
    channel: Channel,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl fmt::Debug for Agents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agents").finish_non_exhaustive()
    }
}

impl Agents {
    /// None yet.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        aws: Arc<Aws>,
        registry: Shelf,
        clock: fn() -> DateTime<Utc>,
        stop: CancellationToken,
    ) -> Self {
        let common = Arc::new(Common { config: ArcSwap::new(config), aws, registry, clock, stop });
        Self { common, open: Mutex::default(), ending: Mutex::default() }
    }

    /// Deletes the keys that the worker before this one left behind, or says where they are, beside everything else. To be called before
    /// the first [`Agents::follow`], so that what was left is told from what is being made.
    pub async fn clear_leftovers(&self) {
        let left = leftovers::left(&self.common).await;
        if !left.is_empty() {
            tokio::spawn(leftovers::clear(Arc::clone(&self.common), left));
        }
    }

    /// Has one connection for each integration of this file. What concerns only the commands counts for the next one of them; a
    /// connection is made anew where what it is made with has changed.
    pub fn follow(&self, config: &Arc<Config>) {
        self.common.config.store(Arc::clone(config));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<String> = open.keys().filter(|name| !config.integrations.contains_key(*name)).cloned().collect();
        let closed = gone.into_iter().filter_map(|name| open.remove(&name)).map(|closed| {
            closed.cancel.cancel();
            closed.task
        });
        let mut ending: Vec<JoinHandle<()>> = closed.collect();
        for integration in config.integrations.values() {
            let name = &integration.name;
            let IntegrationKind::Gravitee(gravitee) = &integration.kind;
            let settings = match settings(name, gravitee, &config.network) {
                Ok(settings) => settings,
                Err(error) => {
                    tracing::error!(integration = name, "an endpoint {error}");
                    continue;
                }
            };
            if open.get(name).is_some_and(|open| open.settings == settings) {
                continue;
            }
            let before = open.remove(name);
            open.insert(name.clone(), self.begin(settings, before));
        }
        let mut all = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|task| !task.is_finished());
        all.append(&mut ending);
    }

    /// Begins once the one before has come to its end: the server takes the first connection of an integration for the one.
    fn begin(&self, settings: Settings, before: Option<Open>) -> Open {
        let channel = Channel::new(settings.clone());
        let agent = Arc::new(Agent::new(&settings.name, &self.common, channel.clone()));
        let cancel = self.common.stop.child_token();
        let (running, until) = (channel.clone(), cancel.clone());
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                before.cancel.cancel();
                let _ended = before.task.await;
            }
            running.run(agent, until).await;
        });
        Open { settings, channel, cancel, task }
    }

    /// How the connections are, by name.
    #[must_use]
    pub fn statuses(&self) -> Vec<IntegrationStatus> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|(name, open)| IntegrationStatus::of(name, &open.channel.status().borrow())).collect()
    }

    /// Waits until every connection has ended, which the end of the worker begins.
    pub async fn end(&self) {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        let ending = std::mem::take(&mut *self.ending.lock().unwrap_or_else(PoisonError::into_inner));
        for task in open.into_values().map(|open| open.task).chain(ending) {
            let _ended = task.await;
        }
    }
}
