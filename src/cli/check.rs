//! `check`: is the schedule file valid, what does it say, and when is each schedule due?

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::Value;

use super::args::{Format, Global};
use super::exit::{Exit, Failure};
use super::output::{Output, count, when};
use super::setup::{self, Loaded};
use super::{agent_settings, due, integrations};
use crate::clock;
use crate::config::{Config, Connection};
use crate::registry::{Pause, Reader, Registry, RunFilter, RunRow};
use crate::worker::documents::{self, Known, Outlook};
use crate::worker::expected;
use crate::zones::ZoneData;

/// Validates the schedule file and lists its connections: when each is due next, and its last run where there is a registry.
pub(super) fn check<W: Write>(global: &Global, next: u16, output: &mut Output<W>) -> Result<Exit, Failure> {
    let mut loaded = setup::load(global)?;
    if loaded.agent.is_none() {
        loaded.warnings.extend(agent_settings::overruled());
    }
    let (zones, now) = (setup::zone_data(), clock::now());
    let connections = loaded.config.connections.values();
    let outlooks: Vec<Outlook> =
        connections.clone().map(|connection| Outlook::of(connection, &zones, now, next.into())).collect();
    let scheduled = connections.clone().filter_map(|connection| {
        let auto = connection.auto_onboard.as_ref().filter(|auto| auto.enabled)?;
        Some((connection.name.as_str(), &auto.recurrence, auto.timezone))
    });
    let differences = zones.differences(scheduled, now);
    let past = connections.clone().flat_map(|connection| expected::past(connection, now.date_naive()));
    let warnings = loaded.warnings.iter().cloned().chain(past).chain(zones.warnings());
    for warning in warnings.chain(differences.iter().map(ToString::to_string)) {
        super::say(&format!("warning: {warning}"));
    }
    let said = registry_says(global, &loaded);
    let pauses = || said.pauses.iter().flatten();
    let paused = |connection: &Connection| pauses().find(|pause| pause.covers(&connection.name) && pause.is_on(now));
    let last = |connection: &Connection| said.last.get(&connection.name);
    match global.output {
        Format::Json => {
            output.json(&documents(&loaded, &outlooks, &zones, &said))?;
        }
        Format::Text | Format::Csv => {
            output.line(&headline(&loaded))?;
            if loaded.agent.is_some() {
                let registry = setup::registry_path(global, &loaded);
                output.line(&format!("  {}", agent_settings::cost(&registry)))?;
            }
            integrations::list(&loaded.config, output)?;
            output.table(
                &["CONNECTION", "CREDENTIALS", "REGIONS", "TARGETS", "SCHEDULE", "LAST RUN"],
                connections.clone().map(|connection| row(connection, paused(connection), last(connection))),
            )?;
            due::list(&outlooks, &zones, output)?;
        }
    }
    Ok(Exit::Done)
}

fn headline(loaded: &Loaded) -> String {
    let Config { connections, targets, integrations, .. } = &*loaded.config;
    let mut counts = vec![count(connections.len(), "connection")];
    if loaded.agent.is_none() {
        counts.push(count(targets.len(), "target"));
    }
    if !integrations.is_empty() {
        counts.push(count(integrations.len(), "integration"));
    }
    let counts = counts.join(", ");
    match &loaded.agent {
        Some(origin) => {
            format!("there is no schedule file; the settings of Gravitee's agent ({origin}) are valid: {counts}")
        }
        None => format!("{} is valid: {counts}", loaded.file.display()),
    }
}

/// What is told of each connection, in the order of the file's connections, which is that of `outlooks`.
pub(super) fn documents(loaded: &Loaded, outlooks: &[Outlook], zones: &ZoneData, said: &Said) -> Vec<Value> {
    let Said { last, pauses } = said;
    let document = |(connection, outlook): (&Connection, &Outlook)| {
        let known = Known { last: last.get(&connection.name), pauses: pauses.as_deref(), zones, now: clock::now() };
        documents::connection(connection, outlook, known)
    };
    loaded.config.connections.values().zip(outlooks).map(document).collect()
}

/// What the registry says of the file's connections: their newest runs, and the pauses.
#[derive(Debug)]
pub(super) struct Said {
    last: BTreeMap<String, RunRow>,
    pauses: Option<Vec<Pause>>,
}

/// Asks the registry. The file is what is checked, so one that cannot be read is only less to tell.
pub(super) fn registry_says(global: &Global, loaded: &Loaded) -> Said {
    let registry = Registry::open_read(&setup::registry_path(global, loaded)).ok();
    let pauses = registry.as_ref().and_then(|registry| registry.pauses().ok());
    let last = registry.map(|registry| last_runs(&registry, &loaded.config)).unwrap_or_default();
    Said { last, pauses }
}

/// The newest run of each connection.
fn last_runs(registry: &Reader, config: &Config) -> BTreeMap<String, RunRow> {
    let last = |name: &String| {
        let filter = RunFilter { connection: Some(name.clone()), limit: Some(1), ..RunFilter::default() };
        Some((name.clone(), registry.runs(&filter).ok()?.pop()?))
    };
    config.connections.keys().filter_map(last).collect()
}

fn row(connection: &Connection, paused: Option<&Pause>, last: Option<&RunRow>) -> Vec<String> {
    let rests = match paused {
        None => String::new(),
        Some(Pause { until: None, .. }) => " (paused)".to_owned(),
        Some(Pause { until: Some(until), .. }) => format!(" (paused until {})", when(*until)),
    };
    let schedule = connection
        .auto_onboard
        .as_ref()
        .map_or_else(|| "by hand only".to_owned(), |auto| format!("{}{rests}", documents::schedule_in_words(auto)));
    let targets = if connection.targets.is_empty() { "none".to_owned() } else { connection.targets.join(", ") };
    let last =
        last.map_or_else(|| "none".to_owned(), |run| format!("{}, {}", when(run.started_at), run.outcome.as_str()));
    let credentials = documents::credentials_kind(connection).to_owned();
    let regions = documents::region_list(connection).join(", ");
    vec![connection.name.clone(), credentials, regions, targets, schedule, last]
}
