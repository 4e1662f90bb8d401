//! What a target is told of an event, by its own choice of addresses, and whether there is anything to tell. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Event, InstanceChoice};
use crate::inventory::Instance;
use crate::notice::Notice;
use crate::registry::Pinned;

/// The notice as the target gets it; nothing where it would learn nothing from it.
pub(super) fn prepare(
    mut notice: Notice,
    choice: InstanceChoice,
    specifications: &BTreeMap<String, Pinned>,
    told: &BTreeMap<String, String>,
) -> Option<Notice> {
    let event = Event::parse(&notice.event);
    if event == Some(Event::Changed) && has_them_all(&notice, specifications, told) {
        return None;
    }
    if choice == InstanceChoice::All {
        return Some(notice);
    }
    let Some(api) = &mut notice.api else { return Some(notice) };
    let concerned: BTreeSet<String> = notice.instances.iter().map(|instance| instance.url.clone()).collect();
    let now = preferred(&api.instances);
    match event {
        Some(Event::InstanceAdded) => {
            let before: Vec<Instance> =
                api.instances.iter().filter(|instance| !concerned.contains(&instance.url)).cloned().collect();
            notice.instances = without(now.clone(), &preferred(&before));
            if notice.instances.is_empty() {
                return None;
            }
        }
        Some(Event::InstanceRemoved) => {
            let mut before = api.instances.clone();
            let there: BTreeSet<&String> = api.instances.iter().map(|instance| &instance.url).collect();
            before.extend(notice.instances.iter().filter(|removed| !there.contains(&removed.url)).cloned());
            notice.instances = without(preferred(&before), &now);
            if notice.instances.is_empty() {
                return None;
            }
        }
        _ => notice.instances = preferred(&notice.instances),
    }
    api.instances = now;
    Some(notice)
}

/// Whether every stage that an event is about has the specification that the target was delivered last. One that could not be exported
/// may be any.
fn has_them_all(notice: &Notice, specifications: &BTreeMap<String, Pinned>, told: &BTreeMap<String, String>) -> bool {
    let same = |instance: &Instance| match specifications.get(&instance.stage) {
        Some(Pinned::Digest(digest)) => told.get(&instance.stage) == Some(digest),
        Some(Pinned::Cause(_)) | None => false,
    };
    !notice.instances.is_empty() && notice.instances.iter().all(same)
}

/// One address a stage, of those that can be called: a custom domain, else the invoke URL, else a VPC endpoint.
fn preferred(instances: &[Instance]) -> Vec<Instance> {
    let mut best: BTreeMap<&str, &Instance> = BTreeMap::new();
    for instance in instances.iter().filter(|instance| instance.callable) {
        let held = best.entry(&instance.stage).or_insert(instance);
        if (instance.kind, &instance.url) < (held.kind, &held.url) {
            *held = instance;
        }
    }
    best.into_values().cloned().collect()
}

fn without(instances: Vec<Instance>, others: &[Instance]) -> Vec<Instance> {
    instances.into_iter().filter(|instance| others.iter().all(|other| other.url != instance.url)).collect()
}

#[cfg(test)]
mod tests;
