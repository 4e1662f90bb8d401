//! Figures written down as OpenMetrics.
//!
//! Labels are connection, state, target, outcome and trigger: never an account or an API, whose number nobody bounds. Only the three
//! `info` series carry others. A series that an alert compares with is there from the start, as 0.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as write_text;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::process::Process;
use crate::http::backend::{ConnectionFigures, Figures, Health};

/// The text of a scrape.
///
/// # Errors
/// None but that of the writer, and a string takes everything.
pub(super) fn encode(figures: Figures, degraded: Vec<&'static str>, process: Process) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot { figures, degraded, process }));
    let mut text = String::new();
    write_text(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Snapshot {
    figures: Figures,
    degraded: Vec<&'static str>,
    process: Process,
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        worker(&mut page, &self.figures)?;
        health(&mut page, &self.degraded)?;
        file(&mut page, &self.figures)?;
        registry(&mut page, &self.figures)?;
        schedules(&mut page, &self.figures.connections)?;
        runs(&mut page, &self.figures)?;
        process(&mut page, self.process)
    }
}

/// Writes families one after the other.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn family<'s>(&'s mut self, name: &'s str, kind: MetricType, help: &str) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }

    fn info(&mut self, name: &str, help: &str, labels: &impl EncodeLabelSet) -> fmt::Result {
        self.family(name, MetricType::Info, help)?.encode_info(labels)
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.family(name, MetricType::Gauge, help)?.encode_gauge(&value)
    }

    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, MetricType::Gauge, help)?;
        values.into_iter().try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, MetricType::Counter, help)?;
        values.into_iter().try_for_each(|(labels, value)| {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and no count here comes near 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

/// Unix time in seconds; 0 = never.
#[expect(clippy::cast_precision_loss, reason = "milliseconds are exact for the next 285,000 years")]
fn seconds(at: Option<DateTime<Utc>>) -> f64 {
    at.map_or(0.0, |at| at.timestamp_millis() as f64 / 1000.0)
}

fn worker(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let (source, version) = &figures.zone_data;
    page.info("aboard_build", "The version of this binary.", &[("version", figures.version)])?;
    page.info(
        "aboard_tzdb",
        "Where the zone data comes from, and its version.",
        &[("source", source.as_str()), ("version", version.as_str())],
    )?;
    page.gauge(
        "aboard_worker_tick_age_seconds",
        "Time since the dispatcher last looked at its schedules.",
        figures.tick_age,
    )?;
    page.family("aboard_clock_steps", MetricType::Counter, "Steps of the wall clock that were noticed.")?
        .encode_counter::<NoLabelSet, _, f64>(&figures.clock_steps, None)?;
    page.gauge("aboard_runs_in_flight", "Runs of this process that have not ended.", float(figures.runs_in_flight))?;
    page.gauge("aboard_tasks", "Tasks of the worker's runtime that have not ended.", float(figures.tasks))
}

fn health(page: &mut Page<'_>, degraded: &[&str]) -> fmt::Result {
    let states = Health::DEGRADED.map(|state| ([("state", state)], float(u64::from(degraded.contains(&state)))));
    page.gauges(
        "aboard_worker_degraded",
        "What a person should look at, as /readyz names it: 1 where it is so.",
        states,
    )
}

fn file(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let reload = &figures.reload;
    page.info("aboard_config", "SHA-256 of the schedule file in use.", &[("hash", reload.hash.as_str())])?;
    page.gauge(
        "aboard_config_last_reload_successful",
        "Whether the schedule file as it stands is in use.",
        f64::from(u8::from(reload.successful)),
    )?;
    page.gauge(
        "aboard_config_last_reload_success_timestamp_seconds",
        "When a schedule file was taken last.",
        seconds(reload.last_success),
    )?;
    let total = &reload.total;
    let total = total.iter().map(|((trigger, outcome), count)| ([("trigger", trigger), ("outcome", outcome)], *count));
    page.counters("aboard_reloads", "Reloads of the schedule file, by what set them off and how they ended.", total)
}

fn registry(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let apis = figures.apis.iter().map(|(state, count)| ([("state", state)], float(*count)));
    page.gauges("aboard_apis", "APIs in the registry, by state.", apis)?;
    let deliveries = &figures.deliveries;
    let deliveries =
        deliveries.iter().map(|((target, state), count)| ([("target", target), ("state", state)], float(*count)));
    page.gauges("aboard_deliveries", "Deliveries in the outbox, by target and state.", deliveries)?;
    let targets = figures.targets.iter().map(|(target, on)| ([("target", target)], float(u64::from(*on))));
    page.gauges(
        "aboard_target_enabled",
        "0 where the target's receiver has switched it off (HTTP 410), else 1.",
        targets,
    )?;
    let integrations = || figures.integrations.iter().map(|(name, of)| ([("integration", name)], of));
    page.gauges(
        "aboard_integration_connected",
        "1 while the server of the integration is connected, else 0.",
        integrations().map(|(label, of)| (label, float(u64::from(of.connected)))),
    )?;
    page.gauges(
        "aboard_integration_failed_attempts",
        "Attempts to connect that failed since the last connection that lasted.",
        integrations().map(|(label, of)| (label, f64::from(of.failed_attempts))),
    )
}

type Connections = BTreeMap<String, ConnectionFigures>;
type Label<'a> = [(&'static str, &'a str); 1];

/// One value of each connection.
fn each(
    connections: &Connections,
    value: impl Fn(&ConnectionFigures) -> f64,
) -> impl Iterator<Item = (Label<'_>, f64)> {
    connections.iter().map(move |(name, figures)| ([("connection", name.as_str())], value(figures)))
}

/// One value of each connection that has one.
fn some(
    connections: &Connections,
    value: impl Fn(&ConnectionFigures) -> Option<f64>,
) -> impl Iterator<Item = (Label<'_>, f64)> {
    connections.iter().filter_map(move |(name, figures)| Some(([("connection", name.as_str())], value(figures)?)))
}

/// Several counts of each connection, by the word that tells them apart.
fn several<'a>(
    connections: &'a Connections,
    label: &'static str,
    counts: impl Fn(&'a ConnectionFigures) -> &'a BTreeMap<String, u64>,
) -> impl Iterator<Item = ([(&'static str, &'a str); 2], u64)> {
    connections.iter().flat_map(move |(name, figures)| {
        let counts = counts(figures).iter();
        counts.map(move |(word, count)| ([("connection", name.as_str()), (label, word.as_str())], *count))
    })
}

fn schedules(page: &mut Page<'_>, connections: &Connections) -> fmt::Result {
    let switch = |on: bool| f64::from(u8::from(on));
    page.gauges(
        "aboard_schedule_enabled",
        "Whether the connection has a schedule that is enabled.",
        each(connections, |of| switch(of.enabled)),
    )?;
    page.gauges(
        "aboard_schedule_paused",
        "Whether a person paused the connection.",
        each(connections, |of| switch(of.paused)),
    )?;
    page.gauges(
        "aboard_schedule_next_due_timestamp_seconds",
        "When the schedule is due next.",
        some(connections, |of| of.next_due.map(|at| seconds(Some(at)))),
    )?;
    page.gauges(
        "aboard_schedule_since_timestamp_seconds",
        "Since when the schedule in use is followed, or since its last pause ended.",
        some(connections, |of| of.since.map(|at| seconds(Some(at)))),
    )?;
    page.gauges(
        "aboard_schedule_interval_seconds",
        "The longest time between two of the next due instants.",
        some(connections, |of| of.interval),
    )?;
    page.gauges(
        "aboard_schedule_lateness_seconds",
        "How long after its due instant the last scheduled run began.",
        some(connections, |of| of.lateness),
    )?;
    let fates = several(connections, "outcome", |of| &of.fates);
    page.counters("aboard_due_instants", "Due instants, by what became of them.", fates)
}

fn runs(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let connections = &figures.connections;
    page.counters("aboard_runs", "Runs that ended, by outcome.", several(connections, "outcome", |of| &of.runs))?;
    page.gauges(
        "aboard_last_success_timestamp_seconds",
        "When the last run over everything that succeeded ended; 0 = there was none.",
        each(connections, |of| seconds(of.last_success)),
    )?;
    page.gauges(
        "aboard_last_run_duration_seconds",
        "How long the last run took.",
        some(connections, |of| of.last_duration),
    )?;
    let durations = &figures.durations;
    page.family("aboard_run_duration_seconds", MetricType::Histogram, "How long runs took.")?
        .encode_histogram::<NoLabelSet>(durations.sum(), durations.count(), &durations.buckets(), None)?;
    let scopes = several(connections, "state", |of| &of.scopes).map(|(labels, count)| (labels, float(count)));
    page.gauges("aboard_scopes", "Scopes, by how the last look at them ended.", scopes)?;
    page.gauges(
        "aboard_scopes_unexplained",
        "Scopes that could not be read whole, and nothing explains why.",
        each(connections, |of| float(of.unexplained)),
    )?;
    page.gauges(
        "aboard_scopes_unseen_seconds",
        "How long ago the scope was last seen whole that has gone unseen longest without an explanation; 0 = there is none.",
        each(connections, |of| of.unseen),
    )?;
    let count = |value: fn(&ConnectionFigures) -> u64| {
        connections.iter().map(move |(name, of)| ([("connection", name.as_str())], value(of)))
    };
    page.counters("aboard_calls", "Requests to API Gateway, of runs that ended.", count(|of| of.calls))?;
    page.counters(
        "aboard_throttled",
        "Requests that AWS answered with 429, of runs that ended.",
        count(|of| of.throttled),
    )?;
    page.gauges("aboard_awaiting_approval", "APIs that wait for approval.", each(connections, |of| float(of.awaiting)))
}

fn process(page: &mut Page<'_>, process: Process) -> fmt::Result {
    let Process { resident, open_fds, started, cpu } = process;
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Memory in use.", resident),
        ("process_open_fds", "Open files, sockets and the like.", open_fds),
        ("process_start_time_seconds", "When the process began.", started),
    ] {
        if let Some(value) = value {
            page.gauge(name, help, value)?;
        }
    }
    let Some(cpu) = cpu else { return Ok(()) };
    let mut family = page.family("process_cpu_seconds", MetricType::Counter, "Time on a processor.")?;
    family.encode_counter::<NoLabelSet, _, f64>(&cpu, None)
}
