//! Step two: an instance for each address, those that are there already included.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Job;
use super::application::remaining;
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
        let asked = self.ask_for(&application, &missing).await?;
        for wait in READ_AGAIN {
            tokio::time::sleep(wait).await;
            let Some(application) = self.session.application(&application.application_id).await? else {
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
        let urls: Vec<&str> = missing.iter().map(|instance| instance.url.as_str()).collect();
        let message =
            format!("application {} was given {} and does not show it yet", shown(&application), urls.join(", "));
        Err(Failure::passing(message))
    }

    /// Asks for the instances that are missing and were not asked for a moment ago: those may be on their way.
    async fn ask_for(&mut self, application: &Application, missing: &[Instance]) -> Result<usize, Failure> {
        let (now, settle) = (clock::now(), self.apisec.settle());
        let on_its_way =
            |url: &String| self.kept.asked.get(url).is_some_and(|at| remaining(*at, settle, now).is_some());
        let open: BTreeMap<String, &Instance> = missing
            .iter()
            .filter(|instance| !on_its_way(&instance.url))
            // Two spellings of one address are one.
            .map(|instance| (normalised(&instance.url), instance))
            .collect();
        if open.is_empty() {
            return Ok(missing.len());
        }
        self.kept.asked.extend(open.values().map(|instance| (instance.url.clone(), now)));
        self.save().await?;
        let items: Vec<(String, String)> =
            open.values().map(|instance| (instance.url.clone(), instance_name(instance))).collect();
        if let Err(failure) = self.session.create_instances(&application.application_id, &items).await {
            if was_refused(&failure) {
                self.kept.asked.retain(|url, _| items.iter().all(|(asked, _)| asked != url));
                self.save().await?;
            }
            return Err(failure);
        }
        Ok(missing.len())
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

/// What an instance is called: its stage, and its address, because a stage may have several.
fn instance_name(instance: &Instance) -> String {
    let address = instance.url.split_once("://").map_or(instance.url.as_str(), |(_, rest)| rest);
    format!("{} ({address})", instance.stage)
}
