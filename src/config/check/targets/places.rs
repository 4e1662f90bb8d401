//! What holds for every target that keeps files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{Event, Place};

/// Complains where two targets would write to one place. The file system is not asked, so links are not seen through.
pub(in crate::config::check) fn apart(report: &mut Report<'_>, file: &Node<'_>, place: &Place) {
    let mut taken: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for (name, node) in file.named("targets") {
        let Some((_, node)) = node.kind().filter(|(kind, _)| matches!(*kind, "directory" | "backstage")) else {
            continue;
        };
        let Some(path) = node.file("path", place) else { continue };
        if let Some(other) = taken.insert(plain(&path), name) {
            let complaint = Complaint::new(format!("the target {other} writes there too"));
            report.error(&node.span("path"), &node.path("path"), complaint.hint("give each a path of its own"));
        }
    }
}

/// Complains where a target says that it had a name which another one has, or says that it had: nobody could tell what belongs to whom.
pub(in crate::config::check) fn renames(report: &mut Report<'_>, file: &Node<'_>) {
    let names: Vec<&str> = file.named("targets").into_iter().map(|(name, _)| name).collect();
    let integrations: Vec<&str> = file.named("integrations").into_iter().map(|(name, _)| name).collect();
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (name, node) in file.named("targets") {
        let Some((_, node)) = node.kind() else { continue };
        let Some(from) = node.text("renamed_from").filter(|from| *from != name) else { continue };
        let complaint = if names.contains(&from) {
            Complaint::new(format!("there still is a target named {from}"))
        } else if integrations.contains(&from) {
            Complaint::new(format!("there is an integration named {from}"))
        } else if let Some(other) = taken.insert(from.to_owned(), name) {
            Complaint::new(format!("the target {other} had that name too"))
        } else {
            continue;
        };
        report.error(&node.span("renamed_from"), &node.path("renamed_from"), complaint);
    }
}

/// Without steps that lead nowhere: `a/./b/../c` is `a/c`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// Complains of events that are about runs, for a target that holds APIs.
pub(in crate::config::check) fn of_apis_only(report: &mut Report<'_>, node: &Node<'_>) {
    for (text, span) in node.texts("events") {
        if matches!(Event::parse(text), Some(Event::RunFinished | Event::RunSummary)) {
            let complaint = Complaint::new(format!("{text} is about a run, and this target holds APIs"));
            report.error(&span, &node.path("events"), complaint.hint("leave it out"));
        }
    }
}
