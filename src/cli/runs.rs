//! `runs`: what ran, and one run with its scopes.

use std::io::Write;

use super::args::{Format, Global};
use super::exit::{Exit, Failure};
use super::fold;
use super::listing::time;
use super::output::{Output, one_line, when};
use super::{naming, setup};
use crate::inventory::ScopeState;
use crate::registry::{DueRow, Happening, RunId, RunRow, RunScope, TimelineFilter};
use crate::schedule::Reason;
use crate::worker::documents;

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
    let filter = TimelineFilter { connection: connection.map(str::to_owned), after: None, limit: Some(limit) };
    let runs = registry.timeline(&filter)?;
    if let (true, Some(name)) = (runs.is_empty(), connection) {
        naming::must_be_known(global, &registry, name)?;
    }
    match global.output {
        Format::Json => output.json_list(runs.iter().map(documents::happening))?,
        Format::Csv => output.csv(&CSV, runs.iter().map(csv_row))?,
        Format::Text => {
            output.table(
                &[
                    "RUN",
                    "CONNECTION",
                    "TRIGGER",
                    "STARTED OR DUE",
                    "OUTCOME",
                    "SEEN",
                    "ONBOARDED",
                    "HELD",
                    "GONE",
                    "SCOPES",
                ],
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
        Format::Json => output.json(&documents::run_with_scopes(run, scopes))?,
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
                folded(scopes),
            )?;
        }
    }
    Ok(Exit::Done)
}

fn row(happening: &Happening) -> Vec<String> {
    match happening {
        Happening::Run(run) => run_row(run),
        Happening::Due(due) => due_row(due),
    }
}

fn due_row(due: &DueRow) -> Vec<String> {
    let reason = due.reason.map(|reason| format!(" ({})", reason.as_str())).unwrap_or_default();
    let older = if due.older == 0 { String::new() } else { format!(" and {} before it", due.older) };
    let mut row = vec![
        "-".to_owned(),
        due.connection.clone(),
        "-".to_owned(),
        when(due.due_at),
        format!("{}{reason}{older}", due.fate.as_str()),
    ];
    row.resize(10, String::new());
    row
}

fn run_row(run: &RunRow) -> Vec<String> {
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

/// A row for each scope that was read whole, and one for all of an account that failed alike.
fn folded(scopes: &[RunScope]) -> Vec<Vec<String>> {
    let mut groups: Vec<(String, Vec<&RunScope>)> = Vec::new();
    for scope in scopes {
        let cause = scope.cause.as_deref().unwrap_or_default();
        let essence = fold::essence(cause, scope.account_id.as_deref(), scope.region.as_deref());
        let alike = |first: &RunScope| {
            scope.state != ScopeState::Complete
                && (scope.state, scope.explained, &scope.account_id)
                    == (first.state, first.explained, &first.account_id)
        };
        match groups.iter_mut().find(|(known, group)| *known == essence && alike(group[0])) {
            Some((_, group)) => group.push(scope),
            None => groups.push((essence, vec![scope])),
        }
    }
    groups.iter().map(|(_, group)| scope_row(group)).collect()
}

fn scope_row(scopes: &[&RunScope]) -> Vec<String> {
    let first = scopes[0];
    let mark = if first.explained { " (explained)" } else { "" };
    let names = |name: fn(&RunScope) -> &str| {
        let mut names: Vec<String> = scopes.iter().map(|scope| name(scope).to_owned()).collect();
        names.sort();
        names.dedup();
        fold::some(&names)
    };
    let sum = |count: fn(&RunScope) -> u64| scopes.iter().map(|scope| count(scope)).sum::<u64>().to_string();
    vec![
        first.account_id.clone().unwrap_or_else(|| "unknown".to_owned()),
        names(|scope| scope.region.as_deref().unwrap_or("-")),
        names(|scope| scope.family.map_or("-", |family| family.as_str())),
        format!("{}{mark}", first.state),
        sum(|scope| scope.counts.seen),
        sum(|scope| scope.counts.onboard),
        sum(|scope| scope.counts.calls),
        sum(|scope| scope.counts.throttled),
        first.cause.clone().unwrap_or_default(),
    ]
}

const CSV: [&str; 19] = [
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
    "fate",
    "reason",
];

fn csv_row(happening: &Happening) -> Vec<String> {
    match happening {
        Happening::Run(run) => {
            let mut row = csv_of_run(run);
            row.resize(CSV.len(), String::new());
            row
        }
        Happening::Due(due) => {
            let mut row = vec![String::new(), due.connection.clone(), String::new(), time(Some(due.due_at))];
            row.resize(CSV.len() - 2, String::new());
            row.extend([due.fate.as_str(), due.reason.map_or("", Reason::as_str)].map(str::to_owned));
            row
        }
    }
}

fn csv_of_run(run: &RunRow) -> Vec<String> {
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
