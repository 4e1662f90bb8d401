//! `[targets.NAME.command]`.

use std::path::Path;
use std::time::Duration;

use super::in_flight;
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{CommandTarget, Place, TargetKind};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// One at a time, since most scripts were not written to run beside themselves.
const DEFAULT_IN_FLIGHT: usize = 1;

pub(super) fn command(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<TargetKind> {
    let words = node.texts("command");
    let ((program, at), arguments) = words.split_first()?;
    if program.trim().is_empty() || program.ends_with('/') {
        report.error(at, &node.path("command"), Complaint::new("names no program"));
        return None;
    }
    let environment = node.secret_map("environment", place).into_iter();
    Some(TargetKind::Command(CommandTarget {
        program: (*program).to_owned(),
        arguments: arguments.iter().map(|(text, _)| (*text).to_owned()).collect(),
        folder: place.file().parent().map(Path::to_owned).unwrap_or_default(),
        environment: environment.map(|(name, value)| (name.to_owned(), value)).collect(),
        timeout: node.duration("timeout").unwrap_or(DEFAULT_TIMEOUT),
        in_flight: in_flight(node, DEFAULT_IN_FLIGHT),
    }))
}
