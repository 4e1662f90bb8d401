//! The document of `check`: connections with their schedules.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::outlook::Outlook;
use crate::config::{AutoOnboard, Connection, Credentials, MonthDay, Recurrence, Regions};
use crate::registry::{Pause, RunRow, is_paused};
use crate::zones::ZoneData;

/// What is known of a connection beside what the file says.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its last run.
    pub last: Option<&'a RunRow>,
    /// Every pause; absent where there is no registry to tell.
    pub pauses: Option<&'a [Pause]>,
    /// Zone data.
    pub zones: &'a ZoneData,
    /// The present.
    pub now: DateTime<Utc>,
}

/// One entry of `check`.
#[must_use]
pub fn connection(connection: &Connection, outlook: &Outlook, known: Known<'_>) -> Value {
    let auto = connection.auto_onboard.as_ref();
    let Known { last, pauses, zones, now } = known;
    let paused = pauses.map(|pauses| is_paused(pauses, &connection.name, now));
    json!({
        "name": connection.name,
        "enabled": auto.is_some_and(|auto| auto.enabled),
        "paused": paused,
        "next_due": outlook.next_due,
        "timezone": auto.map(|auto| auto.timezone.name()),
        "last_run": last.map(|run| run.started_at),
        "last_outcome": last.map(|run| run.outcome.as_str()),
        "credentials": credentials_kind(connection),
        "regions": region_list(connection),
        "targets": connection.targets,
        "schedule": auto.map(schedule_in_words),
        "next": outlook.next,
        "clock_changes": outlook.clock_changes,
        "zone_data": zones,
    })
}

/// What a person who resumed a connection is told: `ended` = it had a pause of its own, `all_rest` = every connection is paused.
#[must_use]
pub const fn resumed(ended: bool, all_rest: bool) -> &'static str {
    match (ended, all_rest) {
        (true, true) => {
            "its own pause is over, but it is still paused with every other; `aboard resume --all` ends that"
        }
        (false, true) => "is still paused with every other; `aboard resume --all` ends that",
        (false, false) => "was not paused",
        (true, false) => "goes on with its next due instant",
    }
}

/// The kind of its credentials, as the file names it.
#[must_use]
pub fn credentials_kind(connection: &Connection) -> &'static str {
    match connection.credentials {
        Credentials::AwsUser(_) => "aws_user",
        Credentials::AssumeRole(_) => "assume_role",
        Credentials::CentralRole(_) => "central_role",
        Credentials::DefaultChain(_) => "default_chain",
    }
}

/// Its regions, as the file names them.
#[must_use]
pub fn region_list(connection: &Connection) -> Vec<String> {
    match &connection.regions {
        Regions::Named(regions) => regions.clone(),
        Regions::All { except } => {
            std::iter::once("all".to_owned()).chain(except.texts().map(|glob| format!("!{glob}"))).collect()
        }
    }
}

/// A schedule in words, such as `weekly on Monday at 02:30 Europe/London`.
#[must_use]
pub fn schedule_in_words(auto: &AutoOnboard) -> String {
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
