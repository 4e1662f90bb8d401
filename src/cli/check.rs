//! `check`: is the schedule file valid, and what does it say?

use std::io::Write;

use serde_json::{Value, json};

use super::args::{Format, Global};
use super::exit::{Exit, Failure};
use super::output::{Output, count};
use super::setup;
use crate::config::{AutoOnboard, Config, Connection, Credentials, MonthDay, Recurrence, Regions};

/// Validates the schedule file and lists its connections.
pub(super) fn check<W: Write>(global: &Global, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = setup::load(global)?;
    for warning in &loaded.warnings {
        super::say(&format!("warning: {warning}"));
    }
    let connections = loaded.config.connections.values();
    match global.output {
        Format::Json => output.json(&connections.map(document).collect::<Vec<_>>())?,
        Format::Text | Format::Csv => {
            let Config { connections: all, targets, .. } = &*loaded.config;
            let (all, targets) = (count(all.len(), "connection"), count(targets.len(), "target"));
            output.line(&format!("{} is valid: {all}, {targets}", loaded.file.display()))?;
            output.table(&["CONNECTION", "CREDENTIALS", "REGIONS", "TARGETS", "SCHEDULE"], connections.map(row))?;
        }
    }
    Ok(Exit::Done)
}

fn row(connection: &Connection) -> Vec<String> {
    let schedule = connection.auto_onboard.as_ref().map_or_else(|| "by hand only".to_owned(), schedule);
    let targets = if connection.targets.is_empty() { "none".to_owned() } else { connection.targets.join(", ") };
    vec![connection.name.clone(), credentials(connection).to_owned(), regions(connection), targets, schedule]
}

/// Members that instants belong to are null until a worker follows the schedules.
fn document(connection: &Connection) -> Value {
    let auto = connection.auto_onboard.as_ref();
    json!({
        "name": connection.name,
        "enabled": auto.is_some_and(|auto| auto.enabled),
        "paused": Value::Null,
        "next_due": Value::Null,
        "timezone": auto.map(|auto| auto.timezone.name()),
        "last_run": Value::Null,
        "last_outcome": Value::Null,
        "credentials": credentials(connection),
        "regions": region_list(connection),
        "targets": connection.targets,
        "schedule": auto.map(schedule),
    })
}

fn credentials(connection: &Connection) -> &'static str {
    match connection.credentials {
        Credentials::AwsUser(_) => "aws_user",
        Credentials::AssumeRole(_) => "assume_role",
        Credentials::CentralRole(_) => "central_role",
        Credentials::DefaultChain(_) => "default_chain",
    }
}

fn regions(connection: &Connection) -> String {
    region_list(connection).join(", ")
}

fn region_list(connection: &Connection) -> Vec<String> {
    match &connection.regions {
        Regions::Named(regions) => regions.clone(),
        Regions::All { except } => {
            std::iter::once("all".to_owned()).chain(except.texts().map(|glob| format!("!{glob}"))).collect()
        }
    }
}

/// A schedule in words, such as `weekly on Monday at 02:30 Europe/London`.
fn schedule(auto: &AutoOnboard) -> String {
    let zone = auto.timezone.name();
    let when = match &auto.recurrence {
        Recurrence::Daily { time } => format!("daily at {} {zone}", time.format("%H:%M")),
        Recurrence::Weekly { day, time } => format!("weekly on {} at {} {zone}", weekday(*day), time.format("%H:%M")),
        Recurrence::Monthly { day: MonthDay::Day(day), time } => {
            format!("monthly on day {day} at {} {zone}", time.format("%H:%M"))
        }
        Recurrence::Monthly { day: MonthDay::Last, time } => {
            format!("monthly on the last day at {} {zone}", time.format("%H:%M"))
        }
        Recurrence::Cron { expression } => format!("cron {expression} {zone}"),
    };
    if auto.enabled { when } else { format!("{when} (disabled)") }
}

fn weekday(day: chrono::Weekday) -> &'static str {
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"][day.num_days_from_monday() as usize]
}
