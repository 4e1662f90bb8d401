//! Durations of one table that must not exceed one another.

use std::time::Duration;

use crate::config::format::time::duration_text;
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};

/// Two keys and what is in force for each: the first must not be longer than the second.
pub(super) type Step = (&'static str, Duration, &'static str, Duration);

/// Complains of each step that goes down.
pub(super) fn must_grow(report: &mut Report<'_>, node: &Node<'_>, steps: &[Step]) {
    // Nothing to compare with where one of the two is wrong by itself.
    let comparable = |key: &str| node.duration(key).is_some() || node.lacks(key);
    for &(shorter, wait, longer, limit) in steps {
        if wait > limit && comparable(shorter) && comparable(longer) {
            let key = if node.has(shorter) { shorter } else { longer };
            let (wait, limit) = (duration_text(wait), duration_text(limit));
            let complaint = Complaint::new(format!("{shorter} ({wait}) is longer than {longer} ({limit})"));
            report.error(&node.span(key), &node.path(key), complaint);
        }
    }
}
