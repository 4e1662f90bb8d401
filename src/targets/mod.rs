//! Places where APIs get registered: one file a kind, behind one trait.
//!
//! A target is given deliveries and says what became of each. It knows nothing of the outbox: order, retries, leases and what was
//! delivered before are [`crate::worker`]'s business. It may be asked for the same delivery any number of times, also after it took
//! it, for the process may have died before that was written down; [`Delivery::key`] tells such repetitions apart.

mod answer;
mod apisec;
mod backstage;
mod client;
mod command;
mod directory;
mod event;
#[cfg(test)]
mod fixtures;
mod folder;
mod git;
mod ingest;
mod names;
mod remembered;
mod summary;
mod webhook;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::config::{NetworkConfig, Target as Settings, TargetKind};
use crate::document::ApiDocument;
use crate::inventory::{ApiId, Instance};
use crate::notice::Notice;
pub use crate::specification::SpecificationFormat;

/// One event on its way to one target.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its number in the outbox.
    pub delivery_id: i64,
    /// The idempotency key, 64 lower-case hexadecimal digits: the same at each attempt, and after a registry was lost and made anew.
    pub key: String,
    /// Which attempt this is, from 1.
    pub attempt: u64,
    /// What is said. Its addresses, and the API's, are those that the target asked for with `instances`.
    pub notice: Notice,
    /// The specifications of the API's stages, as they were after the run that caused the event; ordered by stage.
    pub specifications: Vec<Specification>,
    /// Earlier events of the API that were given up since the last one that arrived.
    pub undelivered_before: u64,
    /// Every address of the API after the decision, also those that the target did not ask for: what an entry may be known by that is
    /// there already.
    pub addresses: Vec<Instance>,
}

/// What is known of the specification of one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specification {
    /// The stage.
    pub stage: String,
    /// `openapi` or `asyncapi`.
    pub format: SpecificationFormat,
    /// The document or why there is none.
    pub document: Result<Document, String>,
}

/// A specification that was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// SHA-256 of the text, 64 lower-case hexadecimal digits.
    pub digest: String,
    /// Length of the text, in bytes.
    pub bytes: u64,
    /// The text, JSON; absent for a target that does not want it ([`Target::wants_documents`]).
    pub text: Option<Arc<str>>,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target took it; maybe with a sentence on what it did.
    Delivered(Option<String>),
    /// It has no meaning for the target, and nothing was sent.
    Unchanged,
    /// It did not arrive, as far as is known.
    Failed(Failure),
}

/// Why a delivery, or a test, failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One sentence, without secrets and without what a stranger's answer said beyond a short excerpt.
    pub message: String,
    /// The HTTP status or the program's exit code, where there is one.
    pub status: Option<u16>,
    /// How long the receiver asks to be left alone, before any limit of ours.
    pub retry_after: Option<Duration>,
    /// What follows.
    pub effect: Effect,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is tried again by the target's `retry`.
    Retry,
    /// The receiver is too busy: no other delivery is tried there before this one's next attempt either.
    Pause,
    /// The receiver wants no more of them (HTTP 410): the target is switched off until a person switches it on; the delivery waits.
    Disable,
    /// Trying again cannot help: it needs a person, who then retries it by hand.
    GiveUp,
    /// There are several entries in the target that this may be about; nothing was done, and a person must choose.
    Ambiguous,
}

impl Failure {
    /// A failure that may pass.
    #[must_use]
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: None, retry_after: None, effect: Effect::Retry }
    }
}

/// What a target remembers of each API, such as the id that it has there. Written at once, so that what was begun can be gone on with.
pub trait Memory: Send + Sync {
    /// What was kept of an API, or (for `None`) of the target as a whole.
    ///
    /// # Errors
    /// One sentence, where the registry could not be read.
    fn recall<'a>(&'a self, api: Option<&'a ApiId>) -> BoxFuture<'a, Result<Option<Value>, String>>;

    /// Keeps something in the place of what was kept before; `Null` forgets.
    ///
    /// # Errors
    /// One sentence, where the registry could not be written.
    fn keep<'a>(&'a self, api: Option<&'a ApiId>, value: Value) -> BoxFuture<'a, Result<(), String>>;
}

/// A place where APIs get registered.
pub trait Target: fmt::Debug + Send + Sync {
    /// How many deliveries it wants handed over at once, at most. Those of one hand-over are of different APIs.
    fn batch(&self) -> usize {
        1
    }

    /// How many hand-overs may be under way side by side.
    fn in_flight(&self) -> usize {
        1
    }

    /// Whether it would rather wait for the end of the run, and take what came of it together.
    fn waits_for_runs(&self) -> bool {
        false
    }

    /// Whether what failed is asked for together again: as soon as one delivery is due, all that wait go with it.
    fn asks_together(&self) -> bool {
        false
    }

    /// Whether it reads the text of specifications.
    fn wants_documents(&self) -> bool {
        false
    }

    /// Delivers; answers one verdict for each, in order. Secrets are read anew. It must be safe to be dropped at any point.
    fn deliver<'a>(&'a self, deliveries: &'a [Delivery], memory: &'a dyn Memory) -> BoxFuture<'a, Vec<Verdict>>;

    /// Tries the target without an API, with a notice of the event `aboard.test` where it can take one; answers a sentence on what was tried.
    ///
    /// # Errors
    /// What stands in the way.
    fn test<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<String, Failure>>;

    /// Looks which of the onboarded APIs have an entry in the target that we do not know of, and takes those over; a dry run only looks.
    /// Creates nothing. The APIs come with all their addresses; the answers come in their order.
    ///
    /// # Errors
    /// What stands in the way; for a kind without entries of its own, that it adopts nothing.
    fn adopt<'a>(
        &'a self,
        apis: &'a [ApiDocument],
        dry_run: bool,
        memory: &'a dyn Memory,
    ) -> BoxFuture<'a, Result<Vec<Adoption>, Failure>> {
        let _ = (apis, dry_run, memory);
        let failure = Failure { effect: Effect::GiveUp, ..Failure::passing("targets of this kind adopt nothing") };
        Box::pin(std::future::ready(Err(failure)))
    }
}

/// What a look for entries that a target has already found of one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// The API.
    pub api: ApiId,
    /// What was found.
    pub outcome: Adopted,
}

/// What was found of an API in a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// One entry: it is the API's from now on, or would be without the dry run.
    Now(Entry),
    /// The entry that was kept before.
    Already(Entry),
    /// A person must choose; nothing was kept.
    Ambiguous {
        /// The entries that may be meant.
        entries: Vec<Entry>,
        /// Why, one sentence.
        reason: String,
    },
    /// None.
    NotThere,
}

/// An entry of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id that the target gave.
    pub id: String,
    /// What it is called there.
    pub name: String,
}

/// What targets are given besides their own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// What every outgoing connection uses.
    pub network: NetworkConfig,
}

/// A target by its settings.
///
/// # Errors
/// One sentence, where it cannot even be set up (a CA file that cannot be read).
pub fn open(settings: &Settings, setup: &Setup) -> Result<Box<dyn Target>, Failure> {
    let name = &settings.name;
    match &settings.kind {
        TargetKind::Apisec(config) => Ok(Box::new(apisec::Apisec::open(config, &setup.network)?)),
        TargetKind::Webhook(webhook) => Ok(Box::new(webhook::Webhook::new(webhook, setup)?)),
        TargetKind::Command(command) => Ok(Box::new(command::Command::new(command)?)),
        TargetKind::Directory(directory) => Ok(Box::new(directory::Directory::new(name, directory))),
        TargetKind::Ingest(config) => Ok(Box::new(ingest::Ingest::new(config, &setup.network))),
        TargetKind::Backstage(backstage) => Ok(Box::new(backstage::BackstageCatalog::new(name, backstage, setup)?)),
    }
}
