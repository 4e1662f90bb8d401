//! What follows an edit of the schedule file: a row in the audit trail of the registry, where there is one, and the running worker,
//! where there is one, that takes it over at once.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::args::{Format, Global};
use super::client;
use super::edit_file::EditFile;
use super::editing::Done;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::clock;
use crate::registry::{AuditAction, AuditEntry, Registry, RegistryError, RegistryErrorKind};
use crate::worker::service::{ReloadReport, ReloadResult};

/// A reload that takes longer goes on without the command.
const TAKES_OVER: Duration = Duration::from_secs(30);

/// What the running worker made of an edit.
#[derive(Debug)]
pub(super) enum Followed {
    /// There is none.
    Nobody,
    /// It follows another file, and was not told.
    Other(PathBuf),
    /// It did not say; it looks at its file by itself, too.
    Silent(Failure),
    /// It was told.
    Told(Box<ReloadReport>),
}

/// Has the worker of this registry, where there is one, take over a file that was just edited; `edited` is the file as it was before.
///
/// What a person removed by name needs no `--accept`, but only where the worker had the file that the edit began with: what else is
/// missing from the file nobody has named.
pub(super) async fn tell_worker(registry: &Path, edited: &EditFile) -> Followed {
    told(registry, edited).await.unwrap_or_else(Followed::Silent)
}

async fn told(registry: &Path, edited: &EditFile) -> Result<Followed, Failure> {
    let Some(worker) = client::worker_of(registry, client::STARTS).await? else { return Ok(Followed::Nobody) };
    let status = worker.status(client::ANSWERS).await?;
    if !edited.is(&status.file) {
        return Ok(Followed::Other(status.file));
    }
    let accept = status.reload.is_some_and(|reload| reload.hash == edited.hash());
    let Some(worker) = client::worker_of(registry, client::STARTS).await? else { return Ok(Followed::Nobody) };
    let report = worker.reload(true, accept, true, TAKES_OVER).await?;
    Ok(report.map_or(Followed::Nobody, |report| Followed::Told(Box::new(report))))
}

impl Followed {
    /// The member `worker` of a command's document; null where there is none.
    pub(super) fn document(&self) -> Value {
        match self {
            Self::Nobody => Value::Null,
            Self::Other(file) => json!({ "told": false, "result": null, "diff": null, "errors": [], "follows": file }),
            Self::Silent(failure) => {
                json!({ "told": false, "result": null, "diff": null, "errors": [failure.message], "follows": null })
            }
            Self::Told(report) => {
                let ReloadReport { result, diff, errors, .. } = &**report;
                json!({ "told": true, "result": result, "diff": diff, "errors": errors, "follows": null })
            }
        }
    }

    /// Says it, and how the command ends. The file is written by then.
    pub(super) fn end<W: Write>(
        &self,
        global: &Global,
        edited: &EditFile,
        output: &mut Output<W>,
    ) -> Result<Exit, Failure> {
        let file = edited.name().display();
        match self {
            Self::Other(other) if !global.quiet => {
                let other = other.display();
                super::say(&format!("warning: the running worker follows {other}, not {file}, and was not told"));
            }
            Self::Nobody | Self::Other(_) => {}
            Self::Silent(failure) => super::say(&format!(
                "warning: {file} is written, and whether the running worker follows it is not known: {failure}"
            )),
            Self::Told(report) if taken(report.result) => {
                if global.output != Format::Json {
                    let diff = report.diff.as_ref().map(|diff| format!(": {diff}")).unwrap_or_default();
                    output.line(&format!("the running worker follows it{diff}"))?;
                }
            }
            Self::Told(report) => {
                let errors = report.errors.join("\n");
                let message = format!(
                    "{errors}\n{file} is written, and the running worker does not take it over; it goes on by what it had"
                );
                return Err(Failure::usage(message));
            }
        }
        Ok(Exit::Done)
    }
}

fn taken(result: ReloadResult) -> bool {
    match result {
        ReloadResult::Applied | ReloadResult::Unchanged => true,
        ReloadResult::Rejected | ReloadResult::NeedsAccept => false,
    }
}

/// Writes down in the registry, where there is one, who changed what. The file is changed by then, so a registry that cannot be written
/// is only told of.
pub(super) fn record_edit(registry: &Path, file: &Path, done: &Done<'_>, hash: &str) {
    if let Err(error) = record(registry, file, done, hash) {
        super::say(&format!("warning: the edit was made and is not in the audit trail: {error}"));
    }
}

fn record(registry: &Path, file: &Path, done: &Done<'_>, hash: &str) -> Result<(), RegistryError> {
    let mut registry = match Registry::open(registry) {
        Ok(registry) => registry,
        Err(error) if matches!(error.kind, RegistryErrorKind::Missing | RegistryErrorKind::DirectoryMissing(_)) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let Done { connection, command, changes } = done;
    let actor = super::actor();
    let entry = AuditEntry {
        actor: &actor,
        action: AuditAction::Edited,
        connection: Some(connection),
        detail: json!({ "command": command, "file": file, "hash": hash, "changes": changes }),
    };
    registry.audit(&entry, clock::now())
}
