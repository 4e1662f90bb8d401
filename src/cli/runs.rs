//! `runs`: what ran, and one run with its scopes.

use std::io::Write;

use serde_json::{Value, json};

use super::args::{Format, Global};
use super::exit::{Exit, Failure};
use super::listing::time;
use super::output::{Output, one_line, when};
use super::setup;
use crate::registry::{RunFilter, RunId, RunRow, RunScope};

/// Lists runs, or shows one.
pub(super) fn runs<W: Write>(
    global: &Global,
    id: Option<RunId>,
    connection: Option<&str>,
    limit: usize,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    let registry = setup::open_to_read(global)?;
    if let Some(id) = id {
        let (run, scopes) = registry.run(id)?;
        return one(global, &run, &scopes, output);
    }
    let filter = RunFilter { connection: connection.map(str::to_owned), outcome: None, limit: Some(limit) };
    let runs = registry.runs(&filter)?;
    match global.output {
        Format::Json => output.json(&runs.iter().map(document).collect::<Vec<_>>())?,
        Format::Csv => output.csv(&CSV, runs.iter().map(csv_row))?,
        Format::Text => {
            output.table(
                &["RUN", "CONNECTION", "TRIGGER", "STARTED", "OUTCOME", "SEEN", "ONBOARDED", "HELD", "GONE", "SCOPES"],
                runs.iter().map(row),
            )?;
            if runs.is_empty() {
                super::say("no run yet");
            }
        }
    }
    Ok(Exit::Done)
}

fn one<W: Write>(global: &Global, run: &RunRow, scopes: &[RunScope], output: &mut Output<W>) -> Result<Exit, Failure> {
    match global.output {
        Format::Json => {
            let mut value = document(run);
            value["scopes"] = scopes.iter().map(scope_document).collect();
            output.json(&value)?;
        }
        Format::Text | Format::Csv => {
            let ended = run.finished_at.map_or_else(|| "not ended".to_owned(), |at| format!("ended {}", when(at)));
            let resumes = run.resumes.map(|id| format!(", carried on run {id}")).unwrap_or_default();
            output.line(&format!(
                "run {} of {}: {} ({}), started {}, {ended}{resumes}",
                run.run_id,
                run.connection,
                run.outcome.as_str(),
                run.trigger.as_str(),
                when(run.started_at),
            ))?;
            if let Some(error) = &run.error {
                output.line(&format!("  {}", one_line(&error.message)))?;
                if let Some(hint) = &error.hint {
                    output.line(&format!("  {}", one_line(hint)))?;
                }
            }
            output.table(
                &["ACCOUNT", "REGION", "FAMILY", "STATE", "APIS", "ONBOARDED", "CALLS", "THROTTLED", "CAUSE"],
                scopes.iter().map(scope_row),
            )?;
        }
    }
    Ok(Exit::Done)
}

fn row(run: &RunRow) -> Vec<String> {
    let counts = &run.counts;
    vec![
        run.run_id.to_string(),
        run.connection.clone(),
        run.trigger.as_str().to_owned(),
        when(run.started_at),
        run.outcome.as_str().to_owned(),
        counts.seen.to_string(),
        counts.onboard.to_string(),
        counts.held.to_string(),
        counts.gone.to_string(),
        format!("{}/{}", counts.scopes_complete, counts.scopes_complete + counts.scopes_failed),
    ]
}

fn scope_row(scope: &RunScope) -> Vec<String> {
    let mark = if scope.explained { " (explained)" } else { "" };
    vec![
        scope.account_id.clone().unwrap_or_else(|| "unknown".to_owned()),
        scope.region.clone().unwrap_or_else(|| "-".to_owned()),
        scope.family.map_or("-", |family| family.as_str()).to_owned(),
        format!("{}{mark}", scope.state),
        scope.counts.seen.to_string(),
        scope.counts.onboard.to_string(),
        scope.counts.calls.to_string(),
        scope.counts.throttled.to_string(),
        scope.cause.clone().unwrap_or_default(),
    ]
}

fn document(run: &RunRow) -> Value {
    json!({
        "run_id": run.run_id,
        "connection": run.connection,
        "trigger": run.trigger,
        "due_at": run.due_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "outcome": run.outcome,
        "error": run.error,
        "counts": run.counts,
        "resumes": run.resumes,
    })
}

fn scope_document(scope: &RunScope) -> Value {
    json!({
        "account_id": scope.account_id,
        "account_name": scope.account_name,
        "region": scope.region,
        "family": scope.family,
        "state": scope.state,
        "explained": scope.explained,
        "cause": scope.cause,
        "hint": scope.hint,
        "apis": scope.counts.seen,
        "onboard": scope.counts.onboard,
        "calls": scope.counts.calls,
        "throttled": scope.counts.throttled,
        "notes": scope.notes,
    })
}

const CSV: [&str; 17] = [
    "run_id",
    "connection",
    "trigger",
    "due_at",
    "started_at",
    "finished_at",
    "outcome",
    "seen",
    "onboard",
    "already_onboarded",
    "excluded",
    "held",
    "gone",
    "scopes_complete",
    "scopes_failed",
    "calls",
    "throttled",
];

fn csv_row(run: &RunRow) -> Vec<String> {
    let counts = &run.counts;
    let mut row = vec![
        run.run_id.to_string(),
        run.connection.clone(),
        run.trigger.as_str().to_owned(),
        time(run.due_at),
        time(Some(run.started_at)),
        time(run.finished_at),
        run.outcome.as_str().to_owned(),
    ];
    let numbers = [
        counts.seen,
        counts.onboard,
        counts.already_onboarded,
        counts.excluded,
        counts.held,
        counts.gone,
        counts.scopes_complete,
        counts.scopes_failed,
        counts.calls,
        counts.throttled,
    ];
    row.extend(numbers.map(|number| number.to_string()));
    row
}
