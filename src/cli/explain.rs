//! `explain`: why an API is, or is not, onboarded: its history in sentences.

use std::io::Write;

use serde_json::{Value, json};

use super::args::{Format, Global};
use super::exit::{Exit, Failure};
use super::output::{Output, one_line, when};
use super::{naming, setup, summary};
use crate::plan::{ApiState, Decision, Reason};
use crate::registry::{ApiDocument, ConnectionDecision, HistoryEvent, HistoryRow};

/// Explains one API.
pub(super) fn explain<W: Write>(global: &Global, api: &str, output: &mut Output<W>) -> Result<Exit, Failure> {
    let registry = setup::open_to_read(global)?;
    let api = naming::one_api(&registry, api)?;
    let id = api.id();
    let (decisions, history) = (registry.decisions(&id)?, registry.history(&id)?);
    match global.output {
        Format::Json => output.json(&json!({
            "api": api,
            "decisions": decisions.iter().map(decision_document).collect::<Vec<_>>(),
            "history": history.iter().map(history_document).collect::<Vec<_>>(),
        }))?,
        Format::Text | Format::Csv => {
            output.line(&format!(
                "{} ({id}), {} API at {}",
                one_line(&api.name),
                api.protocol.as_str(),
                summary::address(&api.instances)
            ))?;
            output.line(&format!("  {}", standing(&api)))?;
            for decision in &decisions {
                output.line(&format!("  {}", of_connection(decision)))?;
            }
            output.line("History:")?;
            for row in &history {
                output.line(&format!("  {}  {}", when(row.at), happened(row)))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn standing(api: &ApiDocument) -> String {
    match api.state {
        Some(ApiState::Onboarded) => {
            let since = api.onboarded_at.map(|at| format!(" since {}", when(at))).unwrap_or_default();
            format!("It is onboarded{since}.")
        }
        Some(ApiState::Excluded) => "It is not onboarded.".to_owned(),
        Some(ApiState::Gone) => "It was onboarded and is gone.".to_owned(),
        Some(ApiState::Seen) => "It was seen and is not onboarded yet.".to_owned(),
        None => "It was seen once, was never onboarded, and is not there any more.".to_owned(),
    }
}

fn of_connection(decision: &ConnectionDecision) -> String {
    let ConnectionDecision { connection, decision, awaiting, date_unknown, left_out, at, .. } = decision;
    let why = match decision {
        None => "does not list it any more".to_owned(),
        Some((Decision::Onboard, _)) => "onboarded it".to_owned(),
        Some((_, reason)) => sentence(*reason).to_owned(),
    };
    let waits = if *awaiting { format!(" (`aboard approve {connection}` registers it)") } else { String::new() };
    let unknown = if *date_unknown { "; AWS gave no date to compare with published_after, so it passed" } else { "" };
    let stages: Vec<&str> = left_out.iter().map(String::as_str).collect();
    let stages = if stages.is_empty() { String::new() } else { format!("; stages left out: {}", stages.join(", ")) };
    format!("{connection}: {why}{waits}{unknown}{stages} (since {}).", when(*at))
}

/// A reason as the end of a sentence that begins with the connection's name.
fn sentence(reason: Reason) -> &'static str {
    match reason {
        Reason::New | Reason::Selected | Reason::NewToTarget | Reason::Returned => "onboarded it",
        Reason::AlreadyOnboarded => "sees it onboarded",
        Reason::DetailsUnreadable => "lists it but cannot read its stages",
        Reason::NoLongerMatches => "would not choose it by today's rules; what is onboarded stays",
        Reason::Unpublished => "leaves it out because no stage has a deployment",
        Reason::PublishedBefore => "leaves it out because it was published before published_after",
        Reason::NoMatchingStage => "leaves it out because no deployed stage passes the stages filter",
        Reason::NotIncluded => "leaves it out because it does not match include",
        Reason::ExcludedByFilter => "leaves it out because it matches exclude",
        Reason::Ignored => "leaves it out because a person ignores it",
        Reason::RecordedAsExisting => "found it at its first look and recorded it without telling a target",
        Reason::AwaitingApproval => "holds it back until a person approves",
        Reason::NotSeen => "missed it in two complete looks, so it is gone",
        Reason::NotSeenOnce => "missed it in one complete look; a second one an hour or more later decides",
        Reason::ScopeFailed => "could not look at its scope whole, so nothing changes",
        Reason::AccountGone => "holds it gone because its account has been closed for 30 days",
    }
}

fn happened(row: &HistoryRow) -> String {
    let by_run = match (row.run_id, &row.connection) {
        (Some(run), Some(connection)) => format!(" (run {run} of {connection})"),
        (Some(run), None) => format!(" (run {run})"),
        (None, Some(connection)) => format!(" ({connection})"),
        (None, None) => String::new(),
    };
    let text = |key: &str| row.detail.get(key).and_then(Value::as_str).map(one_line).unwrap_or_default();
    let list = |key: &str| {
        let items = row.detail.get(key).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    let told = || {
        let targets = list("targets");
        if targets.is_empty() { "no target is told".to_owned() } else { format!("told to {targets}") }
    };
    let what = match row.event {
        HistoryEvent::Onboarded => format!("onboarded ({}), {}", text("reason"), told()),
        HistoryEvent::RecordedAsExisting => "recorded as existing at the first look; no target is told".to_owned(),
        HistoryEvent::Introduced => format!("introduced to further targets, {}", told()),
        HistoryEvent::Excluded => {
            let reason = text("reason");
            Reason::parse(&reason)
                .and_then(|reason| sentence(reason).strip_prefix("leaves it out "))
                .map_or_else(|| format!("left out ({reason})"), |because| format!("left out {because}"))
        }
        HistoryEvent::Unreadable => format!("its stages could not be read: {}", text("cause")),
        HistoryEvent::AwaitingApproval => "held back until a person approves".to_owned(),
        HistoryEvent::Approved => format!("approved by {}", text("by")),
        HistoryEvent::Returned => format!("back again, {}", told()),
        HistoryEvent::Gone => format!("gone ({}), {}", text("reason"), told()),
        HistoryEvent::InstanceAdded => format!("answers at {} too", list("urls")),
        HistoryEvent::InstanceRemoved => format!("no longer answers at {}", list("urls")),
        HistoryEvent::Redeployed => format!("deployed anew: {}", list("stages")),
        HistoryEvent::Dropped => "not there any more; it had not been onboarded".to_owned(),
        HistoryEvent::Ignored => {
            let until = text("until");
            let until = if until.is_empty() { String::new() } else { format!(" until {until}") };
            format!("ignored{until} by {}: {}", text("by"), text("reason"))
        }
        HistoryEvent::Unignored => format!("no longer ignored, by {}", text("by")),
        HistoryEvent::Redelivered => format!("sent to {} again", text("target")),
    };
    format!("{what}{by_run}")
}

fn decision_document(decision: &ConnectionDecision) -> Value {
    json!({
        "connection": decision.connection,
        "decision": decision.decision.map(|(decision, _)| decision),
        "reason": decision.decision.map(|(_, reason)| reason),
        "chosen": decision.chosen,
        "awaiting": decision.awaiting,
        "date_unknown": decision.date_unknown,
        "left_out": decision.left_out,
        "run_id": decision.run_id,
        "at": decision.at,
    })
}

fn history_document(row: &HistoryRow) -> Value {
    json!({
        "at": row.at,
        "run_id": row.run_id,
        "connection": row.connection,
        "event": row.event.as_str(),
        "sentence": happened(row),
        "detail": row.detail,
    })
}
