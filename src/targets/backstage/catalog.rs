//! The catalog file: a stream of entities, and what events make of it.
//!
//! It is written as JSON, one document an entity: JSON is YAML, and needs none of YAML's rules of quoting. What JSON leaves as it is and
//! YAML does not (line ends and controls beyond ASCII) is escaped.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::entity::{self, API, OCCURRED_AT, REVISION};
use crate::config::{BackstageTarget, Event};
use crate::targets::{Delivery, Effect, Failure, Verdict};

const HEAD: &str = "# Written by aboard, which overwrites what is changed here.\n";

/// The entities by what their APIs are: `account/region/id`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Catalog {
    entities: BTreeMap<String, Value>,
}

/// What Backstage should show in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// `api:namespace/name`, in small letters.
    pub(super) reference: String,
    /// The API's ARN.
    pub(super) arn: String,
    /// The revision and time that the entity says; `None` where it should be gone.
    pub(super) version: Option<(String, String)>,
}

impl Catalog {
    /// Reads it.
    ///
    /// # Errors
    /// One sentence on what is wrong with the text.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_error| "it is no text".to_owned())?;
        let mut entities = BTreeMap::new();
        let mut document = String::new();
        for line in text.lines().chain(["---"]) {
            if line != "---" {
                document.push_str(if line.starts_with('#') { "" } else { line });
                document.push('\n');
                continue;
            }
            let text = std::mem::take(&mut document);
            if text.trim().is_empty() {
                continue;
            }
            let entity: Value =
                serde_json::from_str(&text).map_err(|error| format!("it is not as it was written: {error}"))?;
            let api = entity["metadata"]["annotations"][API].as_str().map(str::to_owned);
            entities.insert(api.ok_or("an entity in it is not one that aboard wrote")?, entity);
        }
        Ok(Self { entities })
    }

    /// Its text: the same for the same entities.
    pub(super) fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        for entity in self.entities.values() {
            text.push_str("---\n");
            // Writing to a string cannot fail.
            let _infallible = writeln!(text, "{entity:#}");
        }
        escaped(&text)
    }

    /// How many entities there are.
    pub(super) fn len(&self) -> u64 {
        self.entities.len() as u64
    }

    /// Takes an event in; answers its verdict, and what Backstage should show for it.
    pub(super) fn take(&mut self, settings: &BackstageTarget, delivery: &Delivery) -> (Verdict, Option<Expected>) {
        let notice = &delivery.notice;
        let (Some(api), Some(event)) = (&notice.api, Event::parse(&notice.event)) else {
            return (Verdict::Unchanged, None);
        };
        let key = api.id().to_string();
        let before = self.entities.get(&key);
        if before.is_some_and(|before| is_ahead(before, delivery)) {
            let note = "a newer event of this API was written already".to_owned();
            return (Verdict::Delivered(Some(note)), None);
        }
        if event == Event::Gone {
            let name = super::words::name(&api.name, &api.id());
            let named = before.and_then(|before| before["metadata"]["name"].as_str());
            let expected = Expected {
                reference: reference(&settings.namespace, named.unwrap_or(&name)),
                arn: entity::arn(&api.id(), api.protocol),
                version: None,
            };
            self.entities.remove(&key);
            return (Verdict::Delivered(Some("taken out".to_owned())), Some(expected));
        }
        match entity::entity(settings, before, api, delivery) {
            Ok(entity) => {
                let annotation =
                    |key: &str| entity["metadata"]["annotations"][key].as_str().unwrap_or_default().to_owned();
                let name = entity["metadata"]["name"].as_str().unwrap_or_default();
                let expected = Expected {
                    reference: reference(&settings.namespace, name),
                    arn: annotation(entity::ARN),
                    version: Some((annotation(REVISION), annotation(OCCURRED_AT))),
                };
                self.entities.insert(key, entity);
                (Verdict::Delivered(Some("written".to_owned())), Some(expected))
            }
            Err(message) => (Verdict::Failed(Failure { effect: Effect::GiveUp, ..Failure::passing(message) }), None),
        }
    }
}

fn reference(namespace: &str, name: &str) -> String {
    format!("api:{namespace}/{name}").to_lowercase()
}

/// Whether an entity tells of a later event: see [`super::super::directory`], where both must say so, too.
fn is_ahead(entity: &Value, delivery: &Delivery) -> bool {
    let annotation = |key: &str| entity["metadata"]["annotations"][key].as_str();
    let revision: Option<u64> = annotation(REVISION).and_then(|text| text.parse().ok());
    let occurred_at: Option<DateTime<Utc>> = annotation(OCCURRED_AT).and_then(|text| text.parse().ok());
    revision.is_some_and(|revision| revision > delivery.notice.revision)
        && occurred_at.is_some_and(|at| at > delivery.notice.occurred_at)
}

/// Escapes what YAML takes for a line end or does not take at all (YAML 1.1 §4.1, 1.2 §5.1). Such characters stand only inside of
/// JSON's strings.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                // Writing to a string cannot fail.
                let _infallible = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
