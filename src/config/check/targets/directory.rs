//! `[targets.NAME.directory]`.

use super::places;
use crate::config::format::text::author;
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{Author, DirectoryTarget, Git, Place};

pub(super) fn directory(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<DirectoryTarget> {
    if node.boolean("digest") == Some(true) {
        let complaint = Complaint::new("a directory holds APIs, and one message a run is none");
        report.error(&node.span("digest"), &node.path("digest"), complaint.hint("leave digest out"));
    }
    places::of_apis_only(report, node);
    Some(DirectoryTarget {
        path: node.file("path", place)?,
        prune: node.boolean("prune").unwrap_or(false),
        git: git(report, node),
    })
}

/// How it is committed, if it is.
pub(super) fn git(report: &mut Report<'_>, node: &Node<'_>) -> Option<Git> {
    let git = node.boolean("git").unwrap_or(false);
    for key in ["git_author", "git_push"] {
        let without = node.lacks("git") || node.boolean("git") == Some(false);
        if node.has(key) && node.boolean(key) != Some(false) && without {
            let complaint = Complaint::new("means something only where it is committed");
            report.error(&node.span(key), &node.path(key), complaint.hint("write git = true beside it"));
        }
    }
    let author = node.text("git_author").and_then(|text| author(text).ok());
    let author = author.map(|(name, email)| Author { name: name.to_owned(), email: email.to_owned() });
    git.then(|| Git { author, push: node.boolean("git_push").unwrap_or(false) })
}
