//! Step two: an instance for each address, those that are there already included.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Job;
use super::application::{remaining, wait};
use super::finding::{normalised, shown};
use super::kept::KeptInstance;
use super::wire::{Application, was_refused};
use crate::clock;
use crate::config::Event;
use crate::inventory::Instance;
use crate::targets::Failure;

/// After how long an application is read again to see its new instances; `APIsec`'s own clients do so for some seconds.
const READ_AGAIN: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(750),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

impl Job<'_> {
    /// Sees to it that each address has its instance, and keeps their ids.
    pub(super) async fn instances(&mut self, application: Application) -> Result<(), Failure> {
        let before = self.kept.clone();
        let mut missing = self.match_up(&application);
        if missing.is_empty() {
            return if self.kept == before { Ok(()) } else { self.save().await };
        }
        let asked = missing.len();
        self.ask_for(&application, &missing).await?;
        for wait in READ_AGAIN {
            tokio::time::sleep(wait).await;
            let Some(application) = self.session.application(&application.id).await? else {
                return Err(Failure::passing(format!("application {} was deleted meanwhile", shown(&application))));
            };
            missing = self.match_up(&application);
            if missing.is_empty() {
                break;
            }
        }
        self.save().await?;
        if missing.is_empty() {
            let s = if asked == 1 { "" } else { "s" };
            self.said.push(format!("created {asked} instance{s}"));
            return Ok(());
        }
        let message =
            format!("application {} was given {} and does not show it yet", shown(&application), urls(&missing));
        Err(Failure::passing(message))
    }

    /// Asks for the instances that are missing. Those that were asked for a moment ago may be on their way, and are waited for.
    async fn ask_for(&mut self, application: &Application, missing: &[Instance]) -> Result<(), Failure> {
        let (now, settle) = (clock::now(), self.apisec.settle());
        let left = |instance: &&Instance| {
            self.kept.asked.get(&instance.url).and_then(|asked_at| remaining(*asked_at, settle, now))
        };
        // Two spellings of one address are one.
        let open: BTreeMap<String, &Instance> = missing
            .iter()
            .filter(|instance| left(instance).is_none())
            .map(|instance| (normalised(&instance.url), instance))
            .collect();
        if open.is_empty() {
            let message = format!("no answer came when {} was asked for", urls(missing));
            return Err(wait(
                &message,
                missing.iter().filter_map(|instance| left(&instance)).max().unwrap_or_default(),
            ));
        }
        self.kept.asked.extend(open.values().map(|instance| (instance.url.clone(), now)));
        self.save().await?;
        let items: Vec<(String, String)> =
            open.values().map(|instance| (instance.url.clone(), instance_name(instance))).collect();
        let asked = self.session.create_instances(&application.id, &items).await;
        if asked.as_ref().is_err_and(was_refused) {
            self.kept.asked.retain(|url, _| items.iter().all(|(refused, _)| refused != url));
            self.save().await?;
        }
        asked
    }

    /// Keeps the instances that an application has for the API's addresses; answers the addresses that it lacks.
    fn match_up(&mut self, application: &Application) -> Vec<Instance> {
        let wanted: Vec<Instance> = self.wanted().into_iter().cloned().collect();
        let mut missing = Vec::new();
        for instance in wanted {
            let address = normalised(&instance.url);
            let there = application.instances.iter().find(|there| normalised(&there.host_url) == address);
            // What a person deleted comes back only with news of this very address.
            let stays_away = self.event == Event::Changed || !self.concerns(&instance.url);
            let known = self.kept.instances.get_mut(&instance.url);
            match (there, known) {
                (Some(there), Some(known)) if known.id == there.instance_id => {
                    known.removed = false;
                    // An address may come to serve another stage.
                    known.due |= known.stage != instance.stage;
                    known.stage = instance.stage;
                    self.kept.asked.remove(&instance.url);
                }
                (Some(there), _) => {
                    // A person's own instance has the specification that the person gave it.
                    let ours = self.kept.asked.remove(&instance.url).is_some() || self.kept.created_by_us;
                    let loaded = if ours { self.kept.loaded.clone() } else { None };
                    let (id, stage) = (there.instance_id.clone(), instance.stage);
                    let kept = KeptInstance { id, stage, loaded, due: ours, removed: false };
                    self.kept.instances.insert(instance.url, kept);
                }
                (None, Some(_)) if stays_away => {}
                (None, _) => missing.push(instance),
            }
        }
        missing
    }
}

fn urls(instances: &[Instance]) -> String {
    instances.iter().map(|instance| instance.url.as_str()).collect::<Vec<_>>().join(", ")
}

/// What an instance is called: its stage, and its address, because a stage may have several.
fn instance_name(instance: &Instance) -> String {
    let address = instance.url.split_once("://").map_or(instance.url.as_str(), |(_, rest)| rest);
    format!("{} ({address})", instance.stage)
}
