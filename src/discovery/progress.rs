//! Counters of a run that a progress bar polls while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A handle to one run's counters; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    scopes_total: AtomicU64,
    scopes_done: AtomicU64,
    apis: AtomicU64,
    calls: AtomicU64,
    throttled: AtomicU64,
}

/// What the counters said at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Scopes that are to be looked at, as far as they are known yet.
    pub scopes_total: u64,
    /// Scopes that were looked at, well or not.
    pub scopes_done: u64,
    /// APIs listed.
    pub apis: u64,
    /// Requests sent to API Gateway, retries included.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
}

impl Progress {
    /// Announces scopes that will be looked at.
    pub fn expect_scopes(&self, count: u64) {
        self.0.scopes_total.fetch_add(count, Relaxed);
    }

    /// Counts scopes that are over, which is also for the caller to say of those that were never begun.
    pub fn scopes_done(&self, count: u64) {
        self.0.scopes_done.fetch_add(count, Relaxed);
    }

    /// The counters now; each is exact, together they may be a moment apart.
    #[must_use]
    pub fn read(&self) -> Reading {
        Reading {
            scopes_total: self.0.scopes_total.load(Relaxed),
            scopes_done: self.0.scopes_done.load(Relaxed),
            apis: self.0.apis.load(Relaxed),
            calls: self.0.calls.load(Relaxed),
            throttled: self.0.throttled.load(Relaxed),
        }
    }

    pub(super) fn apis_found(&self, count: usize) {
        self.0.apis.fetch_add(count as u64, Relaxed);
    }

    pub(super) fn call(&self) {
        self.0.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn throttled(&self) {
        self.0.throttled.fetch_add(1, Relaxed);
    }
}
