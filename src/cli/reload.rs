//! `reload`: has the running worker read the schedule file anew.

use std::io::Write;

use serde_json::json;

use super::args::{self, Format, Global};
use super::client;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::worker::service::{ReloadReport, ReloadResult};

/// Tells the worker, and with `--wait` what came of it.
pub(super) async fn reload<W: Write>(
    global: &Global,
    asked: &args::Reload,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    if asked.timeout.is_zero() {
        return Err(Failure::usage("--timeout 0s leaves the worker no time").hint("say how long to wait, such as 30s"));
    }
    let Some(worker) = client::find(global, client::STARTS).await? else {
        return Err(client::none(global).hint("the file counts when one starts"));
    };
    let name = worker.name();
    if let Some(report) = worker.reload(asked.wait, asked.accept, false, asked.timeout).await? {
        return show(global, &report, output);
    }
    match global.output {
        // The members of a report, of which nothing is known yet.
        Format::Json => output.json(&json!({
            "result": "told", "diff": null, "errors": [], "warnings": [], "needs_restart": [],
        }))?,
        Format::Text | Format::Csv if global.quiet => {}
        Format::Text | Format::Csv => output.line(&format!("{name} was told"))?,
    }
    Ok(Exit::Done)
}

fn show<W: Write>(global: &Global, report: &ReloadReport, output: &mut Output<W>) -> Result<Exit, Failure> {
    let exit = match report.result {
        ReloadResult::Applied | ReloadResult::Unchanged => Exit::Done,
        ReloadResult::Rejected | ReloadResult::NeedsAccept => Exit::Usage,
    };
    if global.output == Format::Json {
        output.json(report)?;
        return Ok(exit);
    }
    if !global.quiet {
        report.warnings.iter().for_each(|warning| super::say(&format!("warning: {warning}")));
    }
    let differs = report.diff.as_ref().filter(|diff| !diff.is_empty());
    match (report.result, differs) {
        (ReloadResult::Unchanged, _) => output.line("the file is in force already; nothing changed")?,
        (ReloadResult::Applied, None) => output.line("the file is in force; it says the same as before")?,
        (ReloadResult::Applied, Some(diff)) => {
            output.line(&format!("the file is in force: {}", diff.details()))?;
        }
        (ReloadResult::Rejected | ReloadResult::NeedsAccept, differs) => {
            if let Some(diff) = differs {
                output.line(&format!("the file would change: {}", diff.details()))?;
            }
            let mut message = report.errors.join("\n");
            message.push_str("\nthe file is not taken over; the worker goes on by what it had");
            let failure = Failure::usage(message);
            return Err(match report.result {
                ReloadResult::NeedsAccept => failure.hint("where that is meant: aboard reload --wait --accept"),
                _ => failure,
            });
        }
    }
    if !report.needs_restart.is_empty() {
        output.line(&format!("these wait for a restart of the worker: {}", report.needs_restart.join(", ")))?;
    }
    Ok(exit)
}
