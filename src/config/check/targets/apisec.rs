//! `[targets.NAME.apisec]`.

use std::time::Duration;

use crate::config::format::network::{is_open, service_url};
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::template::NameTemplate;
use crate::config::{ApisecConfig, Place, TargetKind};

const DEFAULT_URL: &str = "https://api.apisecapps.com";
const DEFAULT_NAME: &str = "{name} ({account_id}/{region}/{api_id})";
const DEFAULT_ORIGIN: &str = "CLI";
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
const DEFAULT_IN_FLIGHT: usize = 4;

pub(super) fn apisec(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<TargetKind> {
    // Wrong ones read as absent, and have been reported.
    let url = service_url(node.text("url").unwrap_or(DEFAULT_URL)).ok()?;
    if is_open(&url) {
        let complaint = Complaint::new("the token goes over the network unencrypted").hint("use https");
        report.warning(&node.span("url"), &node.path("url"), complaint);
    }
    Some(TargetKind::Apisec(ApisecConfig {
        url,
        token: node.secret("token", place)?,
        name: NameTemplate::parse(node.text("name").unwrap_or(DEFAULT_NAME)).ok()?,
        origin: node.text("origin").unwrap_or(DEFAULT_ORIGIN).to_owned(),
        prune: node.boolean("prune").unwrap_or(false),
        timeout: node.duration("timeout").unwrap_or(DEFAULT_TIMEOUT),
        in_flight: node.integer("in_flight").and_then(|count| usize::try_from(count).ok()).unwrap_or(DEFAULT_IN_FLIGHT),
    }))
}
