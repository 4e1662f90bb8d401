//! Following the schedule file: puts the watch, SIGHUP and the reloader together with the dispatcher and the audit trail.

use std::future::Future;
use std::sync::Arc;

use serde_json::json;
use tokio::signal::unix::Signal;
use tokio::task::JoinSet;

use super::Service;
use super::reload::{Audit, Prepared, ReloadRecord, ReloadResult, ReloadTrigger, Swap};
use super::watch::{WatchTimes, watch};
use crate::config::{Config, Diff};
use crate::registry::{AuditAction, AuditEntry};
use crate::worker::book::lock;

impl Swap for Service {
    async fn swap(&self, new: Arc<Config>, _diff: &Diff) -> Result<(), String> {
        Self::swap(self, new).await
    }

    fn begins(&self) {
        self.0.manager.reloading();
    }

    fn is_over(&self) {
        self.0.manager.ready(&self.line());
    }
}

/// Follows the file until the worker is told to stop. Ends when no reload is under way any more.
pub(super) fn follow(
    service: &Service,
    reloader: Prepared,
    times: Option<WatchTimes>,
    mut hangup: Signal,
) -> impl Future<Output = ()> + use<> {
    let stop = service.stop().clone();
    let reloads = service.0.reloads.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(reloader.with(service.clone(), audit(service)).run(stop.clone()));
    if let Some(times) = times {
        let told = reloads.clone();
        tasks.spawn(watch(service.file().to_owned(), times, move |notice| told.notice(notice), stop.clone()));
    }
    tasks.spawn(async move {
        while stop.run_until_cancelled(hangup.recv()).await.flatten().is_some() {
            reloads.ask(ReloadTrigger::Signal, false, None);
        }
    });
    async move { while tasks.join_next().await.is_some() {} }
}

fn audit(service: &Service) -> Audit {
    let (registry, clock) = (Arc::clone(&service.0.registry), service.0.clock);
    Arc::new(move |record| {
        let ReloadRecord { at: _, trigger, by, result, diff, hash, errors } = record;
        let action = match result {
            ReloadResult::Applied | ReloadResult::Unchanged => AuditAction::Reloaded,
            ReloadResult::Rejected | ReloadResult::NeedsAccept => AuditAction::ReloadRejected,
        };
        let detail = json!({ "trigger": trigger, "result": result, "diff": diff, "hash": hash, "errors": errors });
        let entry = AuditEntry { actor: by.as_deref().unwrap_or("worker"), action, connection: None, detail };
        if let Err(error) = lock(&registry).audit(&entry, clock()) {
            tracing::error!("a reload could not be recorded: {error}");
        }
    })
}
