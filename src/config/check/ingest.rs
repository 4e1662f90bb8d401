//! `[integrations.NAME.gravitee.management]`, and the target that it makes: named after the integration, and told of the APIs of every
//! connection that the integration offers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::targets;
use crate::config::format::network::{is_open, service_url};
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{
    Connection, GraviteeConfig, IngestConfig, InstanceChoice, Integration, IntegrationKind, ManagementConfig, Place,
    Target, TargetKind,
};

/// Of organization and environment, as the server makes them where nobody names others.
const DEFAULT_ID: &str = "DEFAULT";

/// The server answers once the agent has, for which it waits 60 s.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(75);

pub(super) fn management(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<ManagementConfig> {
    let retry = targets::retry(report, node);
    targets::of_apis_only(report, node);
    let url = service_url(node.text("url")?).ok()?;
    if is_open(&url) {
        let complaint = Complaint::new("the token goes over the network unencrypted").hint("use https");
        report.warning(&node.span("url"), &node.path("url"), complaint);
    }
    let id = |key: &str| node.text(key).unwrap_or(DEFAULT_ID).trim().to_owned();
    Some(ManagementConfig {
        url,
        organization: id("organization"),
        environment: id("environment"),
        token: node.secret("token", place)?,
        timeout: node.duration("timeout").unwrap_or(DEFAULT_TIMEOUT),
        events: targets::events(node),
        retry,
    })
}

/// Complains where an integration has the name of a target: what is said of either is said by its name.
pub(super) fn named_apart(report: &mut Report<'_>, file: &Node<'_>) {
    let targets: Vec<&str> = file.named("targets").into_iter().map(|(name, _)| name).collect();
    for (name, node) in file.named("integrations").iter().filter(|(name, _)| targets.contains(name)) {
        let complaint = Complaint::new(format!("there is a target named {name} too"));
        let hint = "an integration with management is a target by its own name; rename one of the two";
        report.error(node.at(), &format!("integrations.{name}"), complaint.hint(hint));
    }
}

/// Makes targets of the integrations that have a management API, and has their connections tell them.
pub(super) fn add(
    integrations: &BTreeMap<String, Integration>,
    targets: &mut BTreeMap<String, Target>,
    connections: &mut BTreeMap<String, Connection>,
) {
    for Integration { name, kind } in integrations.values() {
        let IntegrationKind::Gravitee(gravitee) = kind;
        let Some(target) = target(name, gravitee) else { continue };
        targets.insert(name.clone(), target);
        for connection in connections.values_mut().filter(|it| gravitee.connections.contains(&it.name)) {
            connection.targets.push(name.clone());
        }
    }
}

fn target(name: &str, gravitee: &GraviteeConfig) -> Option<Target> {
    let management = gravitee.management.clone()?;
    Some(Target {
        name: name.to_owned(),
        events: management.events.clone(),
        retry: management.retry.clone(),
        instances: InstanceChoice::All,
        digest: false,
        renamed_from: None,
        kind: TargetKind::Ingest(Box::new(IngestConfig {
            management,
            integration_id: gravitee.integration_id.clone(),
            offering: gravitee.offering(),
            authorities: gravitee.authorities.clone(),
            proxy: gravitee.proxy.clone(),
        })),
    })
}
