//! A delivery made ready to be sent, and what has to be known of it when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::prepare::prepare;
use crate::config::InstanceChoice;
use crate::document::ApiDocument;
use crate::notice::Notice;
use crate::registry::{Attempted, Leased, Outgoing, Pinned, Reader, RegistryError};
use crate::targets::{Delivery, Document, Specification, SpecificationFormat};

/// A leased delivery; without anything to send where the target would learn nothing from it.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) sent: Sent,
    pub(super) delivery: Option<Box<Delivery>>,
}

/// What is kept of a delivery while it is under way.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) delivery_id: i64,
    pub(super) attempt_id: i64,
    pub(super) attempt: u64,
    pub(super) first_attempt_at: DateTime<Utc>,
    pub(super) key: String,
    pub(super) event: String,
    pub(super) api: Option<String>,
}

impl Sent {
    /// The attempt, over.
    pub(super) fn over(&self, outcome: Outgoing, status: Option<u16>, finished_at: DateTime<Utc>) -> Attempted {
        Attempted { delivery_id: self.delivery_id, attempt_id: self.attempt_id, finished_at, status, outcome }
    }
}

impl Parcel {
    /// Makes a leased delivery ready. `documents` says whether the texts of specifications go with it.
    pub(super) fn of(
        registry: &Reader,
        leased: Leased,
        choice: InstanceChoice,
        documents: bool,
    ) -> Result<Self, RegistryError> {
        let Leased { delivery_id, attempt_id, key, attempt, first_attempt_at, notice, told_specifications, .. } =
            leased;
        let api = notice.api.as_ref().map(ApiDocument::id);
        let sent = Sent {
            delivery_id,
            attempt_id,
            attempt,
            first_attempt_at,
            key: key.clone(),
            event: notice.event.clone(),
            api: api.as_ref().map(ToString::to_string),
        };
        let mut pinned = leased.specifications;
        let addresses = notice.api.as_ref().map(|api| api.instances.clone()).unwrap_or_default();
        let Some(notice) = prepare(notice, choice, &pinned, &told_specifications) else {
            return Ok(Self { sent, delivery: None });
        };
        // After it was decided whether there is news: what was not exported for this event says nothing about it.
        if pinned.is_empty() {
            pinned = newest(registry, &notice)?;
        }
        let mut specifications = Vec::with_capacity(pinned.len());
        for (stage, pinned) in pinned {
            let found = match specification(registry, &stage, pinned, documents)? {
                Some(found) => Some(found),
                // What arrived long ago and is sent again: its text may be forgotten by now.
                None => match newest(registry, &notice)?.remove(&stage) {
                    Some(pinned) => specification(registry, &stage, pinned, documents)?,
                    None => None,
                },
            };
            specifications.push(found.unwrap_or_else(|| Specification {
                stage,
                format: SpecificationFormat::OpenApi,
                document: Err("its text is not in the registry any more".to_owned()),
            }));
        }
        let undelivered_before = leased.undelivered_before;
        let delivery = Delivery { delivery_id, key, attempt, notice, specifications, undelivered_before, addresses };
        Ok(Self { sent, delivery: Some(Box::new(delivery)) })
    }
}

/// What is known of the API's stages now, for what was queued before specifications went with it or whose export was given up.
fn newest(registry: &Reader, notice: &Notice) -> Result<BTreeMap<String, Pinned>, RegistryError> {
    let Some(api) = &notice.api else { return Ok(BTreeMap::new()) };
    let known = registry.specifications(&api.id())?.into_iter();
    let of_api = known.filter(|known| api.instances.iter().any(|instance| instance.stage == known.stage));
    let pinned = of_api.filter_map(|known| {
        let pinned = known.digest.map(Pinned::Digest).or_else(|| known.cause.map(Pinned::Cause))?;
        Some((known.stage, pinned))
    });
    Ok(pinned.collect())
}

/// The specification of a stage; nothing where its text is forgotten.
fn specification(
    registry: &Reader,
    stage: &str,
    pinned: Pinned,
    documents: bool,
) -> Result<Option<Specification>, RegistryError> {
    let stage = stage.to_owned();
    let digest = match pinned {
        Pinned::Cause(cause) => {
            return Ok(Some(Specification { stage, format: SpecificationFormat::OpenApi, document: Err(cause) }));
        }
        Pinned::Digest(digest) => digest,
    };
    let format = |word: &str| SpecificationFormat::parse(word).unwrap_or(SpecificationFormat::OpenApi);
    let found = if documents {
        registry.stored_document(&digest)?.map(|stored| {
            let text: Arc<str> = stored.text.into();
            (format(&stored.format), text.len() as u64, Some(text))
        })
    } else {
        registry.stored_size(&digest)?.map(|(word, bytes)| (format(&word), bytes, None))
    };
    Ok(found.map(|(format, bytes, text)| Specification {
        stage,
        format,
        document: Ok(Document { digest, bytes, text }),
    }))
}
