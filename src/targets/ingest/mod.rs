//! An integration's `management`: Gravitee is asked to ingest the APIs that were found, which it then fetches through its agent.
//!
//! ```text
//! deliveries ─► ids under which the agent offers them ─► the integration: its agent is there, no ingest is under way ─► one request
//!                 │ none                                                │ no
//!                 ▼                                                     ▼
//!               a note                                       all of them again, together
//! ```
//!
//! Asking twice does no harm: an ingest overwrites what is there under the same id. It takes nothing away either, so of what is gone there
//! is nothing to ask. Whatever fails speaks of the service and not of one API, so everything waits and goes out together: a request each
//! would be an ingest job each.

mod wire;

use std::collections::BTreeSet;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::config::{Event, IngestConfig, NetworkConfig};
use crate::notice::Notice;
use crate::targets::{Delivery, Effect, Failure, Memory, Target, Verdict};
use wire::{Answered, Session};

/// APIs in one ingest. The agent reads the resources of each at two requests a second, and a job that hears nothing for five minutes is
/// given up by the server.
const MOST: usize = 500;

/// The target.
#[derive(Debug)]
pub(super) struct Ingest {
    config: IngestConfig,
    network: NetworkConfig,
}

/// What one delivery asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// That these ids are ingested.
    Ids(BTreeSet<String>),
    /// Nothing, for a reason to be found by whoever asks why the API is not there.
    Nothing(String),
    /// Nothing, because it is about no API.
    Unchanged,
}

impl Ingest {
    pub(super) fn new(config: &IngestConfig, network: &NetworkConfig) -> Self {
        Self { config: config.clone(), network: network.clone() }
    }

    fn wanted(&self, notice: &Notice) -> Wanted {
        let (Some(event), Some(api)) = (Event::parse(&notice.event), &notice.api) else { return Wanted::Unchanged };
        let instances = match event {
            Event::RunFinished | Event::RunSummary => return Wanted::Unchanged,
            Event::Gone | Event::InstanceRemoved => {
                let note = "Gravitee takes nothing away by an ingest; nothing was asked for";
                return Wanted::Nothing(note.to_owned());
            }
            Event::Onboarded | Event::Returned => &api.instances,
            Event::InstanceAdded | Event::Changed => &notice.instances,
        };
        if let Some(reason) = self.config.offering.never(api.protocol) {
            return Wanted::Nothing(format!("not asked for: {reason}"));
        }
        let ids = self.config.offering.ids(&api.id(), instances.iter().map(|instance| instance.stage.as_str()));
        if ids.is_empty() {
            return Wanted::Nothing("not asked for: none of its stages passes the integration's stages".to_owned());
        }
        Wanted::Ids(ids)
    }

    /// Asks for these ids; there is at least one, for none would mean everything.
    async fn ask(&self, ids: &BTreeSet<String>) -> Result<Answered, Failure> {
        let session = Session::open(&self.config, &self.network).await?;
        let integration = session.integration().await?;
        if integration.is_disconnected() {
            let place = session.place();
            return Err(Failure::passing(format!(
                "{place} says that no agent is connected for the integration, so nothing can be ingested"
            )));
        }
        if integration.is_busy() {
            return Err(Failure::passing(
                "another ingest of the integration is under way; this one is asked for after it",
            ));
        }
        session.ingest(ids).await
    }

    async fn deliver_all(&self, deliveries: &[Delivery]) -> Vec<Verdict> {
        let wanted: Vec<Wanted> = deliveries.iter().map(|delivery| self.wanted(&delivery.notice)).collect();
        let mut all = BTreeSet::new();
        for wanted in &wanted {
            if let Wanted::Ids(ids) = wanted {
                all.extend(ids.iter().cloned());
            }
        }
        let answered = if all.is_empty() { None } else { Some(self.ask(&all).await.map_err(together)) };
        let verdict = |wanted| match (wanted, &answered) {
            // There are no ids where nobody was asked.
            (Wanted::Unchanged, _) | (Wanted::Ids(_), None) => Verdict::Unchanged,
            (Wanted::Nothing(note), _) => Verdict::Delivered(Some(note)),
            (Wanted::Ids(ids), Some(Ok(answered))) => Verdict::Delivered(Some(note(&ids, *answered))),
            (Wanted::Ids(_), Some(Err(failure))) => Verdict::Failed(failure.clone()),
        };
        wanted.into_iter().map(verdict).collect()
    }
}

/// What failed waits as a whole.
fn together(failure: Failure) -> Failure {
    let effect = if failure.effect == Effect::Retry { Effect::Pause } else { failure.effect };
    Failure { effect, ..failure }
}

fn note(ids: &BTreeSet<String>, answered: Answered) -> String {
    let ids = ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match answered {
        Answered::UnderWay => format!("asked for {ids}; the ingest is under way"),
        Answered::Over => format!("asked for {ids}; Gravitee says that there is nothing more to be done"),
    }
}

impl Target for Ingest {
    fn batch(&self) -> usize {
        MOST
    }

    fn waits_for_runs(&self) -> bool {
        true
    }

    /// An ingest is a job there: as many as there are waits would be one after the other.
    fn asks_together(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, deliveries: &'a [Delivery], _memory: &'a dyn Memory) -> BoxFuture<'a, Vec<Verdict>> {
        self.deliver_all(deliveries).boxed()
    }

    fn test<'a>(&'a self, _notice: &'a Notice) -> BoxFuture<'a, Result<String, Failure>> {
        async move {
            let session = Session::open(&self.config, &self.network).await?;
            let integration = session.integration().await?;
            let name = integration.name();
            let agent = if integration.is_disconnected() { "no agent is connected now" } else { "its agent is connected" };
            Ok(format!(
                "{} knows the integration {name}, and {agent}; nothing was ingested, so it was not tried whether the token may create APIs",
                session.place()
            ))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
