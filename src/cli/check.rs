//! `check`: is the schedule file valid, what does it say, and when is each schedule due?

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::args::{Format, Global};
use super::due;
use super::exit::{Exit, Failure};
use super::output::{Output, count, when};
use super::setup::{self, Loaded};
use crate::clock;
use crate::config::{Config, Connection};
use crate::registry::{Pause, Registry, RunFilter, RunRow};
use crate::worker::documents::{self, Known, Outlook};
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
    let remembered = Remembered::of(global, &loaded);
    match global.output {
        Format::Json => {
            let with_outlook = connections.zip(&outlooks);
            let document = |(connection, outlook)| remembered.document(connection, outlook, &zones, now);
            output.json(&with_outlook.map(document).collect::<Vec<_>>())?;
        }
        Format::Text | Format::Csv => {
            let Config { connections: all, targets, .. } = &*loaded.config;
            let (all, targets) = (count(all.len(), "connection"), count(targets.len(), "target"));
            output.line(&format!("{} is valid: {all}, {targets}", loaded.file.display()))?;
            output.table(
                &["CONNECTION", "CREDENTIALS", "REGIONS", "TARGETS", "SCHEDULE", "LAST RUN"],
                connections.clone().map(|connection| row(connection, remembered.last.get(&connection.name))),
            )?;
            due::list(&outlooks, &zones, output)?;
        }
    }
    Ok(Exit::Done)
}

/// What the registry remembers of the file's connections. The file is what is asked about, so a registry that cannot be read is only
/// less to tell.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// The newest run of each.
    last: BTreeMap<String, RunRow>,
    pauses: Option<Vec<Pause>>,
}

impl Remembered {
    pub(super) fn of(global: &Global, loaded: &Loaded) -> Self {
        let Ok(registry) = Registry::open_read(&setup::registry_path(global, loaded)) else { return Self::default() };
        let last = |name: &String| {
            let filter = RunFilter { connection: Some(name.clone()), limit: Some(1), ..RunFilter::default() };
            Some((name.clone(), registry.runs(&filter).ok()?.pop()?))
        };
        let last = loaded.config.connections.keys().filter_map(last).collect();
        Self { last, pauses: registry.pauses().ok() }
    }

    pub(super) fn document(
        &self,
        connection: &Connection,
        outlook: &Outlook,
        zones: &ZoneData,
        now: DateTime<Utc>,
    ) -> Value {
        let known = Known { last: self.last.get(&connection.name), pauses: self.pauses.as_deref(), zones, now };
        documents::connection(connection, outlook, known)
    }
}

fn row(connection: &Connection, last: Option<&RunRow>) -> Vec<String> {
    let schedule =
        connection.auto_onboard.as_ref().map_or_else(|| "by hand only".to_owned(), documents::schedule_in_words);
    let targets = if connection.targets.is_empty() { "none".to_owned() } else { connection.targets.join(", ") };
    let last =
        last.map_or_else(|| "none".to_owned(), |run| format!("{}, {}", when(run.started_at), run.outcome.as_str()));
    let credentials = documents::credentials_kind(connection).to_owned();
    let regions = documents::region_list(connection).join(", ");
    vec![connection.name.clone(), credentials, regions, targets, schedule, last]
}
