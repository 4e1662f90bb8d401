//! A run as a person reads it.

use std::collections::BTreeMap;
use std::io::Write;

use super::exit::Failure;
use super::fold;
use super::output::{Output, count, one_line};
use crate::inventory::{Instance, InstanceKind, ScopeState};
use crate::plan::{Decision, Reason};
use crate::registry::{ApiDocument, Outcome, Tally, Trigger};
use crate::worker::report::{RunReport, ScopeReport};

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Every API.
    Everything,
    /// The APIs that a person named, and why one of them stays out.
    Named,
    /// What changed, and sums of the rest.
    News,
}

/// More news than this are summed up.
const MOST_NEWS: usize = 50;

/// Shows one run.
pub(super) fn run<W: Write>(report: &RunReport, detail: Detail, output: &mut Output<W>) -> Result<(), Failure> {
    output.line(&headline(report))?;
    if let Some(error) = &report.error {
        output.line(&format!("  {}", error.message))?;
        if let Some(hint) = &error.hint {
            output.line(&format!("  {hint}"))?;
        }
    }
    if let Some(resumed) = report.resumes {
        output.line(&format!(
            "  carried on run {resumed}, which had been interrupted; what that one committed was not looked at again"
        ))?;
    }
    troubles(report, output)?;
    apis(report, detail, output)?;
    if detail == Detail::Named {
        stay_out(report, output)?;
    }
    if report.targets.is_empty() && report.deliveries > 0 {
        output.line(&format!("  {}", queued(report.deliveries)))?;
    }
    targets(&report.targets, output)?;
    if let Some(notice) = &report.notice {
        output.line(&format!("  {notice}"))?;
    }
    report.warnings.iter().try_for_each(|warning| output.line(&format!("  warning: {}", one_line(warning))))
}

/// How many events are on their way to targets.
pub(super) fn queued(deliveries: u64) -> String {
    if deliveries == 1 { "1 delivery queued".to_owned() } else { format!("{deliveries} deliveries queued") }
}

/// How deliveries stand, a line a target.
pub(super) fn targets<W: Write>(targets: &BTreeMap<String, Tally>, output: &mut Output<W>) -> Result<(), Failure> {
    targets.iter().try_for_each(|(target, tally)| {
        let Tally { delivered, failed, waiting, dead, next_attempt_at, last_error } = tally;
        let again = next_attempt_at.map(|at| format!(", tried again from {}", at.format("%Y-%m-%d %H:%M:%S UTC")));
        let parts = [
            (*delivered, "delivered", String::new()),
            (*failed, "failed", again.unwrap_or_default()),
            (*waiting, "still queued", String::new()),
            (*dead, "given up (`aboard deliveries retry --dead` sends them again)", String::new()),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, what, more)| format!("{count} {what}{more}"))
            .collect();
        output.line(&format!("  {target}: {}", parts.join("; ")))?;
        match last_error {
            Some(error) if failed + waiting + dead > 0 => output.line(&format!("    {}", one_line(error))),
            _ => Ok(()),
        }
    })
}

fn headline(report: &RunReport) -> String {
    let counts = &report.counts;
    let run = match (report.run_id, report.trigger) {
        (Some(run), Trigger::Resume) => format!(" (run {run}, resumed)"),
        (Some(run), _) => format!(" (run {run})"),
        (None, _) => " (nothing written)".to_owned(),
    };
    // Where not even an account was entered, there is nothing to count.
    if report.outcome == Outcome::Failed && report.scopes.iter().all(|scope| scope.region.is_none()) {
        return format!("{}: failed{run}", report.connection);
    }
    let onboard = if report.run_id.is_some() { "onboarded" } else { "to onboard" };
    let mut parts = vec![format!("{} seen", counts.seen), format!("{} {onboard}", counts.onboard)];
    let rest = [
        (counts.already_onboarded, "already onboarded"),
        (counts.excluded, "excluded"),
        (counts.held, "held"),
        (counts.gone, "gone"),
    ];
    parts.extend(rest.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let scopes = count(counts.scopes_complete + counts.scopes_failed, "scope");
    let calls = count(counts.calls, "call");
    let throttled = if counts.throttled > 0 { format!(", {} throttled", counts.throttled) } else { String::new() };
    let took = (report.finished_at - report.started_at).num_milliseconds().max(0);
    format!(
        "{}: {}{run}: {}; {} of {scopes} complete, {calls}{throttled}, {}.{} s",
        report.connection,
        report.outcome.as_str(),
        parts.join(", "),
        counts.scopes_complete,
        took / 1000,
        took % 1000 / 100,
    )
}

/// Scopes that were not read whole, those of one state and cause folded into one line.
fn troubles<W: Write>(report: &RunReport, output: &mut Output<W>) -> Result<(), Failure> {
    let mut folded: BTreeMap<(ScopeState, bool, String), Vec<&ScopeReport>> = BTreeMap::new();
    for scope in report.scopes.iter().filter(|scope| scope.state != ScopeState::Complete) {
        let cause = scope.cause.as_deref().unwrap_or_default();
        let essence = fold::essence(cause, scope.account_id.as_deref(), scope.region.as_deref());
        folded.entry((scope.state, scope.explained, essence)).or_default().push(scope);
    }
    for ((state, explained, _), scopes) in folded {
        let first = scopes[0];
        let cause = first.cause.as_deref().unwrap_or_default();
        // The run's own error says it already.
        let said = report.error.as_ref().is_some_and(|error| error.message == cause);
        if said && report.scopes.len() == 1 && first.region.is_none() {
            continue;
        }
        let meant = if explained { " (explained)" } else { "" };
        let places: Vec<String> = scopes.iter().map(|scope| place(scope)).collect();
        let differ = scopes.iter().any(|scope| scope.cause != first.cause || scope.hint != first.hint);
        let of = if differ { "of the first: " } else { "" };
        let cause = if said || cause.is_empty() { String::new() } else { format!(": {of}{}", one_line(cause)) };
        output.line(&format!("  {state}{meant}: {}{cause}", fold::some(&places)))?;
        if let (false, Some(hint)) = (said, &first.hint) {
            output.line(&format!("    {}", one_line(hint)))?;
        }
    }
    let mut notes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for scope in &report.scopes {
        for note in &scope.notes {
            notes.entry(note).or_default().push(place(scope));
        }
    }
    for (note, places) in notes {
        output.line(&format!("  note: {}: {}", fold::some(&places), one_line(note)))?;
    }
    Ok(())
}

fn place(scope: &ScopeReport) -> String {
    let account = scope.account_id.as_deref().unwrap_or("unknown account");
    match (&scope.region, scope.family) {
        (Some(region), Some(family)) => format!("{account}/{region}/{family}"),
        _ => account.to_owned(),
    }
}

fn apis<W: Write>(report: &RunReport, detail: Detail, output: &mut Output<W>) -> Result<(), Failure> {
    let is_news = |api: &&ApiDocument| match (api.decision, api.reason) {
        (Some(Decision::Onboard | Decision::Gone), _) => true,
        (Some(Decision::Held), Some(reason)) => matches!(reason, Reason::NotSeenOnce | Reason::DetailsUnreadable),
        _ => false,
    };
    let shown: Vec<&ApiDocument> = match detail {
        Detail::Everything | Detail::Named => report.apis.iter().collect(),
        Detail::News => report.apis.iter().filter(is_news).take(MOST_NEWS).collect(),
    };
    table(shown, output)?;
    let news = report.apis.iter().filter(is_news).count();
    if detail == Detail::News && news > MOST_NEWS {
        output.line(&format!("  and {} more; -v lists every API", news - MOST_NEWS))?;
    }
    Ok(())
}

/// What a person named passes every filter but these.
fn stay_out<W: Write>(report: &RunReport, output: &mut Output<W>) -> Result<(), Failure> {
    for api in &report.apis {
        let id = format!("{}/{}/{}", api.account_id, api.region, api.api_id);
        let why = match api.reason {
            Some(Reason::Ignored) => format!("it is ignored; `aboard unignore {id}` lets it in again"),
            Some(Reason::Unpublished) => "no stage of it has a deployment".to_owned(),
            Some(Reason::NoMatchingStage) => "none of the stages that were named has a deployment".to_owned(),
            Some(Reason::DetailsUnreadable) => "its stages could not be read".to_owned(),
            _ => continue,
        };
        output.line(&format!("  {id} stays out because {why}"))?;
    }
    Ok(())
}

/// APIs with what was decided about each.
pub(super) fn table<'a, W: Write>(
    apis: impl IntoIterator<Item = &'a ApiDocument>,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    output.table(&["DECISION", "REASON", "API", "PROTOCOL", "NAME", "ADDRESS"], apis.into_iter().map(row))
}

fn row(api: &ApiDocument) -> Vec<String> {
    vec![
        api.decision.map_or("", Decision::as_str).to_owned(),
        api.reason.map_or("", Reason::as_str).to_owned(),
        format!("{}/{}/{}", api.account_id, api.region, api.api_id),
        api.protocol.as_str().to_owned(),
        api.name.clone(),
        address(&api.instances),
    ]
}

/// The best address, and how many more there are.
pub(super) fn address(instances: &[Instance]) -> String {
    let rank = |instance: &&Instance| {
        let kind = match instance.kind {
            InstanceKind::CustomDomain => 0,
            InstanceKind::ExecuteApi => 1,
            InstanceKind::VpcEndpoint => 2,
        };
        (!instance.callable, kind)
    };
    let Some(best) = instances.iter().min_by_key(rank) else { return "-".to_owned() };
    let silent = if best.callable { "" } else { " (not callable)" };
    let more = if instances.len() > 1 { format!(" +{}", instances.len() - 1) } else { String::new() };
    format!("{}{silent}{more}", best.url)
}
