//! What keys mean to each other, and the checked result: one file a table.
//!
//! Every function returns its part as far as it is right; what is wrong has been, or is here, reported once.

mod connection;
mod credentials;
mod durations;
mod ingest;
mod integrations;
mod regions;
mod schedule;
mod service;
mod targets;

use std::collections::BTreeMap;

pub(super) use integrations::own_header;
pub(super) use service::DEFAULT_KEEP_RUNS;

use super::read::Node;
use super::report::{Complaint, Report};
use super::{Config, Place};

/// Checks a walked file and builds what it says; `None` only where something was reported.
pub(super) fn file(report: &mut Report<'_>, file: &Node<'_>, place: &Place) -> Option<Config> {
    let registry = service::registry(file, place);
    let http = service::http(report, file, place);
    let network = service::network(file, place);
    let limits = service::limits(report, file);

    let mut targets = BTreeMap::new();
    let mut target_names = Vec::new();
    for (name, node) in file.named("targets") {
        target_names.push(name);
        if let Some(target) = targets::target(report, name, &node, place) {
            targets.insert(name.to_owned(), target);
        }
    }
    targets::apart(report, file, place);
    targets::renames(report, file);
    ingest::named_apart(report, file);

    let mut connections = BTreeMap::new();
    let nodes = file.named("connections");
    if nodes.is_empty() && !report.has_errors() {
        let complaint = Complaint::new("the file names no connection, so there is nothing to look at");
        report.warning(&(0..0), "", complaint.hint("add a table [connections.NAME]"));
    }
    let integration_names: Vec<&str> = file.named("integrations").into_iter().map(|(name, _)| name).collect();
    let known = connection::Known { targets: &target_names, integrations: &integration_names };
    for (name, node) in nodes {
        if let Some(connection) = connection::connection(report, name, &node, &known, place) {
            connections.insert(name.to_owned(), connection);
        }
    }

    let integrations = integrations::integrations(report, file, place);
    ingest::add(&integrations, &mut targets, &mut connections);
    Some(Config { registry, http: http?, network, limits, targets, connections, integrations, node: None })
}
