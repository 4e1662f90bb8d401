//! What the agents of a process share, and what one command works by.

use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Connection, GraviteeConfig, IntegrationKind};
use crate::discovery::Aws;
use crate::worker::book::Shelf;

/// What the agents of a process share.
pub(super) struct Common {
    /// The schedule file in force.
    pub(super) config: ArcSwap<Config>,
    /// The way to AWS, with the one limiter of the process.
    pub(super) aws: Arc<Aws>,
    /// The registry.
    pub(super) registry: Shelf,
    /// The wall clock.
    pub(super) clock: fn() -> DateTime<Utc>,
    /// The end of the worker.
    pub(super) stop: CancellationToken,
}

impl Common {
    /// What a command for an integration works by, as the file in force says.
    ///
    /// # Errors
    /// The integration has left the file.
    pub(super) fn brief(&self, name: &str) -> Result<Brief, String> {
        let config = self.config.load_full();
        let found = config.integrations.get(name).map(|integration| {
            let IntegrationKind::Gravitee(gravitee) = &integration.kind;
            gravitee.as_ref().clone()
        });
        let gravitee = found.ok_or_else(|| format!("the integration {name} is not in the schedule file any more"))?;
        Ok(Brief { name: name.to_owned(), gravitee, config })
    }
}

/// What a command works by: a reload in the meantime changes nothing of it.
#[derive(Clone)]
pub(super) struct Brief {
    /// The integration's name.
    pub(super) name: String,
    /// What the file says of it.
    pub(super) gravitee: GraviteeConfig,
    /// The whole file.
    pub(super) config: Arc<Config>,
}

impl Brief {
    /// The connections whose APIs are offered, in the file's order.
    pub(super) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.gravitee.connections.iter().filter_map(|name| self.config.connections.get(name))
    }
}
