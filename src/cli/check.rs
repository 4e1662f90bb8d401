//! `check`: is the schedule file valid, what does it say, and when is each schedule due?

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::args::{Format, Global};
use super::due::{self, Outlook};
use super::exit::{Exit, Failure};
use super::output::{Output, count, when};
use super::setup::{self, Loaded};
use crate::clock;
use crate::config::{AutoOnboard, Config, Connection, Credentials, MonthDay, Recurrence, Regions};
use crate::registry::{Registry, RunFilter, RunRow};
use crate::zones::ZoneData;

/// Validates the schedule file and lists its connections: when each is due next, and its last run where there is a registry.
pub(super) fn check<W: Write>(global: &Global, next: u16, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = setup::load(global)?;
    let (zones, now) = (setup::zone_data(), clock::now());
    let connections = loaded.config.connections.values();
    let outlooks: Vec<Outlook> =
        connections.clone().map(|connection| Outlook::of(connection, &zones, now, next.into())).collect();
    let scheduled = connections.clone().filter_map(|connection| {
        let auto = connection.auto_onboard.as_ref().filter(|auto| auto.enabled)?;
        Some((connection.name.as_str(), &auto.recurrence, auto.timezone))
    });
    let differences = zones.differences(scheduled, now);
    let warnings = loaded.warnings.iter().cloned().chain(zones.warnings());
    for warning in warnings.chain(differences.iter().map(ToString::to_string)) {
        super::say(&format!("warning: {warning}"));
    }
    let last = last_runs(global, &loaded);
    let last = |connection: &Connection| last.get(&connection.name);
    match global.output {
        Format::Json => {
            let with_outlook = connections.zip(&outlooks);
            let document = |(connection, outlook)| document(connection, outlook, last(connection), &zones);
            output.json(&with_outlook.map(document).collect::<Vec<_>>())?;
        }
        Format::Text | Format::Csv => {
            let Config { connections: all, targets, .. } = &*loaded.config;
            let (all, targets) = (count(all.len(), "connection"), count(targets.len(), "target"));
            output.line(&format!("{} is valid: {all}, {targets}", loaded.file.display()))?;
            output.table(
                &["CONNECTION", "CREDENTIALS", "REGIONS", "TARGETS", "SCHEDULE", "LAST RUN"],
                connections.clone().map(|connection| row(connection, last(connection))),
            )?;
            due::list(&outlooks, &zones, output)?;
        }
    }
    Ok(Exit::Done)
}

/// The newest run of each connection. The file is what is checked, so a registry that cannot be read is only less to tell.
pub(super) fn last_runs(global: &Global, loaded: &Loaded) -> BTreeMap<String, RunRow> {
    let Ok(registry) = Registry::open_read(&setup::registry_path(global, loaded)) else { return BTreeMap::new() };
    let last = |name: &String| {
        let filter = RunFilter { connection: Some(name.clone()), limit: Some(1), ..RunFilter::default() };
        Some((name.clone(), registry.runs(&filter).ok()?.pop()?))
    };
    loaded.config.connections.keys().filter_map(last).collect()
}

fn row(connection: &Connection, last: Option<&RunRow>) -> Vec<String> {
    let schedule = connection.auto_onboard.as_ref().map_or_else(|| "by hand only".to_owned(), schedule);
    let targets = if connection.targets.is_empty() { "none".to_owned() } else { connection.targets.join(", ") };
    let last =
        last.map_or_else(|| "none".to_owned(), |run| format!("{}, {}", when(run.started_at), run.outcome.as_str()));
    vec![connection.name.clone(), credentials(connection).to_owned(), regions(connection), targets, schedule, last]
}

/// Whether it is paused only a registry with pauses can tell; until there is one it is null.
pub(super) fn document(connection: &Connection, outlook: &Outlook, last: Option<&RunRow>, zones: &ZoneData) -> Value {
    let auto = connection.auto_onboard.as_ref();
    json!({
        "name": connection.name,
        "enabled": auto.is_some_and(|auto| auto.enabled),
        "paused": Value::Null,
        "next_due": outlook.next_due,
        "timezone": auto.map(|auto| auto.timezone.name()),
        "last_run": last.map(|run| run.started_at),
        "last_outcome": last.map(|run| run.outcome.as_str()),
        "credentials": credentials(connection),
        "regions": region_list(connection),
        "targets": connection.targets,
        "schedule": auto.map(schedule),
        "next": outlook.next,
        "clock_changes": outlook.clock_changes,
        "zone_data": zones,
    })
}

pub(super) fn credentials(connection: &Connection) -> &'static str {
    match connection.credentials {
        Credentials::AwsUser(_) => "aws_user",
        Credentials::AssumeRole(_) => "assume_role",
        Credentials::CentralRole(_) => "central_role",
        Credentials::DefaultChain(_) => "default_chain",
    }
}

pub(super) fn regions(connection: &Connection) -> String {
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
pub(super) fn schedule(auto: &AutoOnboard) -> String {
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
