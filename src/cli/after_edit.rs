//! What follows an edit of the schedule file: a row in the audit trail of the registry, where there is one.

use std::path::Path;

use serde_json::json;

use super::editing::Done;
use crate::clock;
use crate::registry::{AuditAction, AuditEntry, Registry, RegistryError, RegistryErrorKind};

/// Writes down in the registry, where there is one, who changed what. The file is changed by then, so a registry that cannot be written
/// is only told of.
pub(super) fn record_edit(registry: &Path, done: &Done<'_>, hash: &str) {
    if let Err(error) = record(registry, done, hash) {
        super::say(&format!("warning: the edit was made and is not in the audit trail: {error}"));
    }
}

fn record(registry: &Path, done: &Done<'_>, hash: &str) -> Result<(), RegistryError> {
    let mut registry = match Registry::open(registry) {
        Ok(registry) => registry,
        Err(error) if matches!(error.kind, RegistryErrorKind::Missing | RegistryErrorKind::DirectoryMissing(_)) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let Done { connection, command, file, changes } = done;
    let actor = super::actor();
    let entry = AuditEntry {
        actor: &actor,
        action: AuditAction::Edited,
        connection: Some(connection),
        detail: json!({ "command": command, "file": file, "hash": hash, "changes": changes }),
    };
    registry.audit(&entry, clock::now())
}
