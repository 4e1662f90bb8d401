//! `index.json`: every API that was registered in a directory, with the files of its stages.
//!
//! It is the directory's own memory: what an event does to an API's entry is decided from the entry as it stands and from the event.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::Event;
use crate::document::ApiDocument;
use crate::inventory::ApiId;
use crate::plan::ApiState;
use crate::targets::{Delivery, Document, Specification, SpecificationFormat, names};

/// The version of the form, for readers; members may be added without a new one.
const VERSION: u32 = 1;

/// The whole index.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Index {
    pub(super) entries: BTreeMap<ApiId, Entry>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct Written<E> {
    version: u32,
    apis: Vec<E>,
}

/// One API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The API as it stood after the event. Its `state` is `onboarded` or `gone`.
    #[serde(flatten)]
    pub(super) api: ApiDocument,
    /// By stage, what is known of its specification.
    pub(super) stages: BTreeMap<String, StageEntry>,
    /// The last event.
    event: String,
    /// When that was decided.
    occurred_at: DateTime<Utc>,
    /// Which event of the API it was for this target.
    revision: u64,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StageEntry {
    /// `onboarded` or `gone`.
    state: ApiState,
    /// The file, relative to the index; absent where there never was a document.
    pub(super) file: Option<String>,
    /// SHA-256 of the file, 64 hexadecimal digits.
    digest: Option<String>,
    /// `openapi` or `asyncapi`.
    format: Option<String>,
    /// Length of the file.
    bytes: Option<u64>,
    /// Why there is no document, or none that is newer than the file.
    cause: Option<String>,
}

/// A file that an event brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NewFile<'a> {
    pub(super) name: String,
    pub(super) text: &'a str,
}

impl Index {
    /// Reads it.
    ///
    /// # Errors
    /// One sentence on what is wrong with the text.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let Written { version, apis } = serde_json::from_slice::<Written<Entry>>(bytes)
            .map_err(|error| format!("it is not as it was written: {error}"))?;
        if version != VERSION {
            return Err(format!("it is of version {version}, and this aboard knows version {VERSION}"));
        }
        Ok(Self { entries: apis.into_iter().map(|entry| (entry.api.id(), entry)).collect() })
    }

    /// Its text: the same for the same entries.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let written = Written { version: VERSION, apis: self.entries.values().collect() };
        // Nothing in it can fail to be written: keys are texts and numbers finite.
        let mut bytes = serde_json::to_vec_pretty(&written).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

impl Entry {
    /// Whether an event is older than what the entry says: it was given up, newer ones came, and a person had it sent again. Both
    /// must say so, for a registry that was lost counts revisions anew, and a clock may have been wrong.
    pub(super) fn is_ahead_of(&self, delivery: &Delivery) -> bool {
        delivery.notice.revision < self.revision && delivery.notice.occurred_at < self.occurred_at
    }

    /// What an event makes of an entry, and which files it brings. `None` for an event that speaks of no API.
    ///
    /// # Errors
    /// One sentence, where the API's identity or a document cannot become a file.
    pub(super) fn after<'d>(
        before: Option<&Self>,
        delivery: &'d Delivery,
        prune: bool,
    ) -> Result<Option<(Self, Vec<NewFile<'d>>)>, String> {
        let notice = &delivery.notice;
        let (Some(api), Some(event)) = (&notice.api, Event::parse(&notice.event)) else { return Ok(None) };
        let folder = names::folder_of(&api.id())?;
        let mut stages = before.map(|entry| entry.stages.clone()).unwrap_or_default();
        let mut files = Vec::new();
        let gone = event == Event::Gone;
        // What is gone stays as it was when it was told last.
        let specifications: &[Specification] = if gone { &[] } else { &delivery.specifications };
        for specification in specifications {
            let known = stages.remove(&specification.stage);
            let (entry, file) = stage(&folder, specification, known)?;
            stages.insert(specification.stage.clone(), entry);
            files.extend(file);
        }
        let answering: BTreeSet<&str> = delivery.addresses.iter().map(|instance| &*instance.stage).collect();
        for stage in &answering {
            stages.entry((*stage).to_owned()).or_insert_with(StageEntry::unknown).state = ApiState::Onboarded;
        }
        // A stage without any address is gone.
        stages.retain(|stage, _| !prune || answering.contains(stage.as_str()));
        for (stage, entry) in &mut stages {
            if gone || !answering.contains(stage.as_str()) {
                entry.state = ApiState::Gone;
            }
        }
        let state = if gone { ApiState::Gone } else { ApiState::Onboarded };
        let entry = Self {
            api: ApiDocument { state: Some(state), ..api.clone() },
            stages,
            event: notice.event.clone(),
            occurred_at: notice.occurred_at,
            revision: notice.revision,
        };
        Ok(Some((entry, files)))
    }

    /// The files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.stages.values().filter_map(|stage| stage.file.as_deref())
    }
}

/// What is known of a stage once its specification came along, and the file that it brings.
fn stage<'d>(
    folder: &str,
    specification: &'d Specification,
    known: Option<StageEntry>,
) -> Result<(StageEntry, Option<NewFile<'d>>), String> {
    let Specification { stage, format, document } = specification;
    let known = known.unwrap_or_else(StageEntry::unknown);
    match document {
        Ok(Document { digest, bytes, text: Some(text) }) => {
            let name = format!("{folder}/{}", names::file_of(stage, *format));
            let entry = StageEntry {
                state: ApiState::Onboarded,
                file: Some(name.clone()),
                digest: Some(digest.clone()),
                format: Some(format.as_str().to_owned()),
                bytes: Some(*bytes),
                cause: None,
            };
            Ok((entry, Some(NewFile { name, text })))
        }
        Ok(Document { digest, text: None, .. }) => {
            Err(format!("the text of the specification of stage {stage} (digest {digest}) did not come along"))
        }
        // What was exported before says more than that it cannot be exported now.
        Err(cause) => Ok((
            StageEntry {
                state: ApiState::Onboarded,
                cause: Some(cause.clone()),
                format: known.format.clone().or_else(|| Some(format.as_str().to_owned())),
                ..known
            },
            None,
        )),
    }
}

impl StageEntry {
    fn unknown() -> Self {
        Self {
            state: ApiState::Onboarded,
            file: None,
            digest: None,
            format: None,
            bytes: None,
            cause: Some("its specification was not exported".to_owned()),
        }
    }
}

/// Whether a name in the folder of an API is one of ours.
pub(super) fn is_document(name: &str) -> bool {
    [SpecificationFormat::OpenApi, SpecificationFormat::AsyncApi]
        .iter()
        .any(|format| name.ends_with(names::suffix(*format)))
}
