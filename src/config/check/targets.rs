//! `[targets.NAME.KIND]`.

mod apisec;
mod backstage;
mod command;
mod directory;
mod places;

use std::time::Duration;

use super::durations::must_grow;
use crate::config::format::network::webhook_url;
use crate::config::read::Node;
use crate::config::report::Report;
use crate::config::{Event, InstanceChoice, Place, Retry, Target, TargetKind, WebhookTarget};

pub(super) use places::{apart, of_apis_only, renames};

const DEFAULT_WEBHOOK_TIMEOUT: Duration = Duration::from_secs(30);

const DEFAULT_WEBHOOK_IN_FLIGHT: usize = 8;

pub(super) fn target(report: &mut Report<'_>, name: &str, node: &Node<'_>, place: &Place) -> Option<Target> {
    let (kind, node) = node.kind()?;
    let retry = retry(report, &node);
    // A scanner gains nothing from a second address of a stage.
    let usual = if kind == "apisec" { InstanceChoice::Preferred } else { InstanceChoice::All };
    let kind = match kind {
        "webhook" => webhook(&node, place),
        "apisec" => apisec::apisec(report, &node, place),
        "command" => command::command(report, &node, place),
        "directory" => directory::directory(report, &node, place).map(TargetKind::Directory),
        "backstage" => backstage::backstage(report, &node, place).map(TargetKind::Backstage),
        _ => None,
    };
    let events = events(&node);
    let instances = match node.text("instances") {
        Some("preferred") => InstanceChoice::Preferred,
        Some(_) => InstanceChoice::All,
        None => usual,
    };
    let digest = node.boolean("digest").unwrap_or(false);
    let renamed_from = node.text("renamed_from").filter(|from| *from != name).map(str::to_owned);
    Some(Target { name: name.to_owned(), events, retry, instances, digest, renamed_from, kind: kind? })
}

fn webhook(node: &Node<'_>, place: &Place) -> Option<TargetKind> {
    let headers = node.secret_map("headers", place).into_iter();
    Some(TargetKind::Webhook(WebhookTarget {
        url: webhook_url(node.text("url")?).ok()?,
        secrets: node.secrets("secret", place),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).collect(),
        timeout: node.duration("timeout").unwrap_or(DEFAULT_WEBHOOK_TIMEOUT),
        in_flight: in_flight(node, DEFAULT_WEBHOOK_IN_FLIGHT),
    }))
}

fn in_flight(node: &Node<'_>, usual: usize) -> usize {
    node.integer("in_flight").and_then(|number| usize::try_from(number).ok()).unwrap_or(usual)
}

pub(super) fn events(target: &Node<'_>) -> Vec<Event> {
    if target.has("events") {
        target.texts("events").iter().filter_map(|(text, _)| Event::parse(text)).collect()
    } else {
        Event::DEFAULT.to_vec()
    }
}

pub(super) fn retry(report: &mut Report<'_>, target: &Node<'_>) -> Retry {
    let usual = Retry::default();
    let Some(node) = target.table("retry") else { return usual };
    // What is not given is no longer than what is.
    let give_up = node.duration("give_up").unwrap_or(usual.give_up);
    let max = node.duration("max").unwrap_or(usual.max.min(give_up));
    let first = node.duration("first").unwrap_or(usual.first.min(max));
    let retry = Retry { first, max, give_up };
    let steps = [("first", retry.first, "max", retry.max), ("max", retry.max, "give_up", retry.give_up)];
    must_grow(report, &node, &steps);
    retry
}
