//! `health`: how the running worker is. It needs no schedule file that can be read.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use super::args::{self, Format, Global};
use super::client;
use super::exit::{Exit, Failure};
use super::fold;
use super::output::{Output, count, when};
use crate::worker::gravitee::IntegrationStatus;
use crate::worker::service::{Phase, ReloadState, Status, SwitchedOff};

/// A dispatcher that has not gone round for so long has stopped; it does every two seconds.
const STOPPED: Duration = Duration::from_secs(30);

/// Asks the worker how it is.
pub(super) async fn health<W: Write>(
    global: &Global,
    asked: &args::Health,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    let Some(worker) = client::find(global, Duration::ZERO).await? else { return Err(client::none(global)) };
    let status = worker.status(client::ANSWERS).await?;
    let (exit, reasons) = judge(&status);
    match global.output {
        Format::Json => output.json(&document(&status, exit, &reasons))?,
        Format::Text | Format::Csv => show(&status, exit, &reasons, output)?,
    }
    match asked.live {
        true if is_live(&status) => Ok(Exit::Done),
        true => Ok(Exit::Failed),
        false => Ok(exit),
    }
}

/// How the worker is, and what a person should see to.
fn judge(status: &Status) -> (Exit, Vec<String>) {
    let mut reasons = Vec::new();
    let age = Duration::from_millis(status.tick_age_ms);
    let stopped = match status.phase {
        Phase::Starting => Some("it has not armed its schedules yet".to_owned()),
        Phase::Stopping => Some("it was told to stop".to_owned()),
        Phase::Running | Phase::WaitingForClock if age > STOPPED => {
            Some(format!("its dispatcher has not gone round for {} s", age.as_secs()))
        }
        Phase::WaitingForClock => {
            reasons.push("the clock shows a time at which it cannot be; nothing is planned until it is set".to_owned());
            None
        }
        Phase::Running => None,
    };
    reasons.extend(status.trouble.clone());
    reasons.extend(status.reload.iter().flat_map(ReloadState::degraded));
    reasons.extend(status.switched_off.iter().map(|SwitchedOff { target, reason, since }| {
        let since = when(*since);
        format!(
            "target {target} is switched off since {since}: {reason} (`aboard targets enable {target}` brings it back)"
        )
    }));
    reasons.extend(status.integrations.iter().filter_map(IntegrationStatus::degraded));
    match stopped {
        Some(why) => {
            reasons.insert(0, why);
            (Exit::Failed, reasons)
        }
        None if reasons.is_empty() => (Exit::Done, reasons),
        None => (Exit::Partly, reasons),
    }
}

/// Whether the dispatcher goes round; one that stops waits for its runs, however long they take to their next commit.
fn is_live(status: &Status) -> bool {
    match status.phase {
        Phase::Starting => false,
        Phase::Stopping => true,
        Phase::Running | Phase::WaitingForClock => Duration::from_millis(status.tick_age_ms) <= STOPPED,
    }
}

fn word(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "healthy",
        Exit::Partly => "degraded",
        _ => "not working",
    }
}

fn document(status: &Status, exit: Exit, reasons: &[String]) -> Value {
    let mut document = serde_json::to_value(status).unwrap_or_default();
    document["health"] = word(exit).replace(' ', "_").into();
    document["reasons"] = reasons.into();
    document["live"] = is_live(status).into();
    document
}

fn show<W: Write>(status: &Status, exit: Exit, reasons: &[String], output: &mut Output<W>) -> Result<(), Failure> {
    let Status { version, pid, started_at, .. } = status;
    output.line(&format!("{}: aboard {version}, process {pid}, since {}", word(exit), when(*started_at)))?;
    reasons.iter().try_for_each(|reason| output.line(&format!("  {reason}")))?;
    let (connections, schedules) = (count(status.connections, "connection"), count(status.schedules, "schedule"));
    let read = status.reload.as_ref().map(|reload| format!(", read {}", when(reload.loaded_at))).unwrap_or_default();
    let followed =
        if status.fixed { "the settings of Gravitee's agent".to_owned() } else { status.file.display().to_string() };
    output.line(&format!("  follows {followed}{read}: {connections}, {schedules}"))?;
    match &status.next {
        Some(next) => {
            let (connection, due, local, zone) = (&next.connection, when(next.due_at), &next.local, &next.zone);
            output.line(&format!("  next due: {connection} at {due} ({local} {zone})"))?;
        }
        None => output.line("  next due: nothing")?,
    }
    if !status.paused.is_empty() {
        output.line(&format!("  paused: {}", fold::some(&status.paused)))?;
    }
    for run in &status.running {
        output.line(&format!("  running: {} ({}) since {}", run.connection, run.trigger.as_str(), when(run.since)))?;
    }
    if status.queued > 0 {
        output.line(&format!("  waiting for their turn: {}", count(status.queued, "run")))?;
    }
    for integration in &status.integrations {
        output.line(&format!("  {}", in_words(integration)))?;
    }
    let steps = count(status.clock_steps, "clock step");
    output.line(&format!("  {steps}; zone data {} ({})", status.tz_version, status.tz_source))
}

/// How the connection of an integration is.
fn in_words(integration: &IntegrationStatus) -> String {
    let IntegrationStatus { name, state, since, endpoint, last_error, attempts, primary, .. } = integration;
    let to = endpoint.as_ref().map(|endpoint| format!(" to {endpoint}")).unwrap_or_default();
    let first = if *primary == Some(true) { ", primary" } else { "" };
    let error = match (attempts, last_error) {
        (0, Some(error)) => format!("; before that: {error}"),
        (attempts, Some(error)) => format!("; {}: {error}", count(*attempts as usize, "failed attempt")),
        (_, None) => String::new(),
    };
    format!("integration {name}: {state}{to}{first} since {}{error}", when(*since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_does_not_go_round_is_not_working_and_one_in_trouble_is_degraded() {
        let well = Status { phase: Phase::Running, ..Status::default() };
        assert_eq!(judge(&well), (Exit::Done, vec![]));
        for (status, exit, live) in [
            (Status { tick_age_ms: 31_000, ..well.clone() }, Exit::Failed, false),
            (Status { phase: Phase::Starting, ..well.clone() }, Exit::Failed, false),
            (Status { phase: Phase::Stopping, ..well.clone() }, Exit::Failed, true),
            (Status { phase: Phase::WaitingForClock, ..well.clone() }, Exit::Partly, true),
            (Status { trouble: Some("the disk is full".to_owned()), ..well.clone() }, Exit::Partly, true),
        ] {
            let (judged, reasons) = judge(&status);
            assert_eq!((judged, reasons.len(), is_live(&status)), (exit, 1, live), "{status:?}");
        }
    }
}
