//! `spec`: the stored specification of an API, as targets get it.
//!
//! The document goes to standard output as it is, whatever form is asked for: it is JSON. `--list` says what is stored of each stage.

use std::io::Write;

use serde_json::{Value, json};

use super::args::{Format, Global, Spec};
use super::exit::{Exit, Failure};
use super::output::{Output, one_line, when};
use super::{naming, setup};
use crate::plan::ApiState;
use crate::registry::{ApiDocument, Reader, SpecificationRow};

/// Prints the specification of one API.
pub(super) fn spec<W: Write>(global: &Global, asked: &Spec, output: &mut Output<W>) -> Result<Exit, Failure> {
    let registry = setup::open_to_read(global)?;
    let api = naming::one_api(&registry, &asked.api)?;
    let rows = registry.specifications(&api.id())?;
    if asked.list {
        return list(global, &api, &rows, output);
    }
    let row = chosen(&api, &rows, asked.stage.as_deref())?;
    let Some(text) = stored(&registry, row)? else {
        let why = row.cause.as_deref().map(one_line).unwrap_or_default();
        return Err(Failure::failed(format!("no specification of {} is stored: {why}", name(&api, row))));
    };
    if let Some(cause) = &row.cause {
        super::say(&format!("warning: it is of an earlier deployment, as the last export failed: {}", one_line(cause)));
    }
    output.text(&text)?;
    Ok(Exit::Done)
}

fn name(api: &ApiDocument, row: &SpecificationRow) -> String {
    format!("{} {}", api.id(), one_line(&row.stage))
}

fn stored(registry: &Reader, row: &SpecificationRow) -> Result<Option<String>, Failure> {
    let Some(digest) = &row.digest else { return Ok(None) };
    Ok(registry.stored_document(digest)?.map(|document| document.text))
}

/// The stage that is named, or the only one; of several those with a document go before.
fn chosen<'a>(
    api: &ApiDocument,
    rows: &'a [SpecificationRow],
    stage: Option<&str>,
) -> Result<&'a SpecificationRow, Failure> {
    if rows.is_empty() {
        return Err(never_exported(api));
    }
    if let Some(stage) = stage {
        let names: Vec<String> = rows.iter().map(|row| row.stage.clone()).collect();
        let found = rows.iter().find(|row| row.stage == stage);
        return found
            .ok_or_else(|| naming::missing("stage", stage, &format!("what is stored of {}", api.id()), names.iter()));
    }
    let documented: Vec<&SpecificationRow> = rows.iter().filter(|row| row.digest.is_some()).collect();
    match (&documented[..], rows) {
        ([only], _) => Ok(*only),
        ([], [only]) => Ok(only),
        ([], _) => {
            let why = |row: &SpecificationRow| {
                format!("  {}: {}", one_line(&row.stage), row.cause.as_deref().map(one_line).unwrap_or_default())
            };
            let list: Vec<String> = rows.iter().map(why).collect();
            Err(Failure::failed(format!("no specification of {} is stored:\n{}", api.id(), list.join("\n"))))
        }
        _ => {
            let list: Vec<String> = documented.iter().map(|row| format!("  {}", one_line(&row.stage))).collect();
            let count = documented.len();
            let message = format!("{} has specifications of {count} stages:\n{}", api.id(), list.join("\n"));
            Err(Failure::usage(message).hint("say which with --stage"))
        }
    }
}

/// Specifications are exported for targets, so there is none where no target is told of the API.
fn never_exported(api: &ApiDocument) -> Failure {
    let why = match api.state {
        Some(ApiState::Onboarded | ApiState::Gone) => {
            "it goes with the events of targets, and none has waited for it yet"
        }
        _ => "only APIs that were onboarded are exported",
    };
    Failure::failed(format!("no specification of {} is stored: {why}", api.id()))
}

fn list<W: Write>(
    global: &Global,
    api: &ApiDocument,
    rows: &[SpecificationRow],
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    match global.output {
        Format::Json => output.json_list(rows.iter().map(document))?,
        Format::Text | Format::Csv if rows.is_empty() => return Err(never_exported(api)),
        Format::Text | Format::Csv => {
            let line = |row: &SpecificationRow| {
                let bytes = row.bytes.map(|bytes| bytes.to_string());
                vec![
                    row.stage.clone(),
                    row.format.clone().unwrap_or_else(|| "-".to_owned()),
                    bytes.unwrap_or_else(|| "-".to_owned()),
                    when(row.exported_at),
                    row.cause.clone().unwrap_or_default(),
                ]
            };
            output.table(&["STAGE", "FORMAT", "BYTES", "EXPORTED", "FAILED"], rows.iter().map(line))?;
        }
    }
    Ok(Exit::Done)
}

fn document(row: &SpecificationRow) -> Value {
    let SpecificationRow { stage, deployment_id, format, digest, bytes, cause, passing: _, exported_at } = row;
    json!({
        "stage": stage,
        "deployment_id": deployment_id,
        "format": format,
        "digest": digest,
        "bytes": bytes,
        "cause": cause,
        "exported_at": exported_at,
    })
}
