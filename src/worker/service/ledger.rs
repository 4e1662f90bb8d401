//! What `/metrics` shows, kept between scrapes.
//!
//! Runs and due instants are followed by their numbers, so each is counted once, whichever process it belonged to; a scrape while nothing
//! was committed asks the registry for nothing but that. Counting what stands in the registry takes longer the larger it is, so it is done
//! only after a commit, and never for more than a small part of the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};

use crate::config::{Config, Connection};
use crate::http::{ConnectionFigures, Durations, Figures, IntegrationFigures, ReloadFigures};
use crate::inventory::ScopeState;
use crate::plan::ApiState;
use crate::registry::{
    Backlog, Counts, DeliveryState, DueId, EndedRun, Outcome, Pause, Reader, RegistryError, RunId, Trigger, is_paused,
};
use crate::schedule::{self, Fate};
use crate::worker::coverage::{self, ScopeFigures};
use crate::worker::gravitee::IntegrationStatus;
use crate::worker::service::Status;
use crate::zones::ZoneData;

/// After a count of the whole registry, this many times what it took passes until the next.
const REST: u32 = 20;
/// Due instants over which the longest wait of a schedule is looked for: more than a week of days.
const INSTANTS: usize = 8;

/// The outcomes that an ended run can have.
const OUTCOMES: [Outcome; 4] = [Outcome::Succeeded, Outcome::Partial, Outcome::Failed, Outcome::Interrupted];

/// What has been counted so far.
#[derive(Debug)]
pub(super) struct Ledger {
    reader: Reader,
    /// Of the registry, when it was looked at last.
    version: Option<i64>,
    runs_until: RunId,
    open_runs: BTreeSet<RunId>,
    dues_until: DueId,
    open_dues: BTreeSet<DueId>,
    counted: BTreeMap<String, Counted>,
    durations: Durations,
    scopes: BTreeMap<String, ScopeFigures>,
    /// What the scopes were counted by: the file, and the day.
    scopes_by: Option<(Arc<Config>, NaiveDate)>,
    scopes_tallied: Option<(Instant, Duration)>,
    scopes_stale: bool,
    since: BTreeMap<String, DateTime<Utc>>,
    pauses: Vec<Pause>,
    backlog: Backlog,
    /// When the whole registry was counted last, and how long that took.
    tallied: Option<(Instant, Duration)>,
    /// Whether it has changed since.
    stale: bool,
    /// The longest waits, each with the instant from which it was worked out.
    waits: BTreeMap<String, (DateTime<Utc>, Option<f64>)>,
    waits_of: Option<Arc<Config>>,
}

/// What has been counted of one connection.
#[derive(Debug, Default)]
struct Counted {
    last_success: Option<DateTime<Utc>>,
    last_duration: Option<f64>,
    lateness: Option<f64>,
    runs: BTreeMap<Outcome, u64>,
    fates: BTreeMap<Fate, u64>,
    counts: Counts,
}

impl Ledger {
    /// Begins to count with what comes next. Quick: schedules wait for it to be armed.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub(super) fn open(reader: Reader) -> Result<Self, RegistryError> {
        let (runs_until, dues_until) = reader.newest()?;
        // What is under way now ends under our eyes.
        let open_runs = reader.under_way()?;
        let open_dues = reader.open_dues()?.into_iter().map(|due| due.due_id).collect();
        Ok(Self {
            reader,
            version: None,
            runs_until,
            open_runs,
            dues_until,
            open_dues,
            counted: BTreeMap::new(),
            durations: Durations::default(),
            scopes: BTreeMap::new(),
            scopes_by: None,
            scopes_tallied: None,
            scopes_stale: true,
            since: BTreeMap::new(),
            pauses: Vec::new(),
            backlog: Backlog::default(),
            tallied: None,
            stale: true,
            waits: BTreeMap::new(),
            waits_of: None,
        })
    }

    /// Looks at what was committed since the last time.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse; what was counted before stands.
    pub(super) fn catch_up(&mut self, config: &Arc<Config>, now: DateTime<Utc>) -> Result<(), RegistryError> {
        // A connection that left takes what was counted with it.
        self.counted.retain(|name, _| config.connections.contains_key(name));
        for name in
            config.connections.keys().filter(|name| !self.counted.contains_key(*name)).cloned().collect::<Vec<_>>()
        {
            let last_success = self.reader.last_success(&name)?;
            self.counted.insert(name, Counted { last_success, ..Counted::default() });
        }
        let version = self.reader.data_version()?;
        if self.version != Some(version) {
            self.follow_runs()?;
            self.follow_dues()?;
            self.scopes_stale = true;
            self.since = self.reader.schedules_since()?;
            self.pauses = self.reader.pauses()?;
            self.stale = true;
            self.version = Some(version);
        }
        let rested = |(at, took): &(Instant, Duration)| at.elapsed() >= *took * REST;
        // The file and the day say which failures are meant.
        let today = now.date_naive();
        let same = |(of, on): &(Arc<Config>, NaiveDate)| Arc::ptr_eq(of, config) && *on == today;
        self.scopes_stale |= !self.scopes_by.as_ref().is_some_and(same);
        if self.scopes_stale && self.scopes_tallied.as_ref().is_none_or(rested) {
            let begun = Instant::now();
            self.scopes = coverage::figures(&self.reader, config, now)?;
            self.scopes_tallied = Some((Instant::now(), begun.elapsed()));
            self.scopes_by = Some((Arc::clone(config), today));
            self.scopes_stale = false;
        }
        if self.stale && self.tallied.as_ref().is_none_or(rested) {
            let begun = Instant::now();
            self.backlog = self.reader.backlog()?;
            self.tallied = Some((Instant::now(), begun.elapsed()));
            self.stale = false;
        }
        Ok(())
    }

    fn follow_runs(&mut self) -> Result<(), RegistryError> {
        for run in self.reader.runs_since(self.runs_until, &self.open_runs)? {
            self.runs_until = self.runs_until.max(run.run_id);
            if run.outcome == Outcome::Running {
                self.open_runs.insert(run.run_id);
            } else {
                self.open_runs.remove(&run.run_id);
                self.count(&run);
            }
        }
        Ok(())
    }

    fn count(&mut self, run: &EndedRun) {
        let Some(counted) = self.counted.get_mut(&run.connection) else { return };
        *counted.runs.entry(run.outcome).or_default() += 1;
        counted.counts += run.counts;
        if let Some(finished_at) = run.finished_at {
            let took = seconds_between(run.started_at, finished_at);
            self.durations.observe(took);
            counted.last_duration = Some(took);
            if run.outcome == Outcome::Succeeded && !run.narrowed {
                counted.last_success = counted.last_success.max(Some(finished_at));
            }
        }
        if let (Trigger::Schedule, Some(due_at)) = (run.trigger, run.due_at) {
            counted.lateness = Some(seconds_between(due_at, run.started_at));
        }
    }

    fn follow_dues(&mut self) -> Result<(), RegistryError> {
        for due in self.reader.dues_since(self.dues_until, &self.open_dues)? {
            self.dues_until = self.dues_until.max(due.due_id);
            // Until its run has begun a fate may still turn into another, and a counter never goes back.
            if due.open {
                self.open_dues.insert(due.due_id);
                continue;
            }
            self.open_dues.remove(&due.due_id);
            if let Some(counted) = self.counted.get_mut(&due.connection) {
                *counted.fates.entry(due.fate).or_default() += due.instants;
            }
        }
        Ok(())
    }

    /// Everything that is shown, as of now.
    pub(super) fn figures(
        &mut self,
        config: &Arc<Config>,
        status: &Status,
        reload: ReloadFigures,
        zones: &ZoneData,
        now: DateTime<Utc>,
    ) -> Figures {
        if !self.waits_of.as_ref().is_some_and(|of| Arc::ptr_eq(of, config)) {
            self.waits.clear();
            self.waits_of = Some(Arc::clone(config));
        }
        let connections = config.connections.values();
        let connections = connections.map(|of| (of.name.clone(), self.connection(of, status, zones, now))).collect();
        let Backlog { apis, deliveries, disabled, .. } = &self.backlog;
        let states = ApiState::ALL.map(|state| (state.as_str().to_owned(), 0)).into_iter();
        let none = |target: &String| DeliveryState::ALL.map(|state| ((target.clone(), state.as_str().to_owned()), 0));
        let targets = config.targets.keys().flat_map(none);
        Figures {
            version: env!("CARGO_PKG_VERSION"),
            tick_age: Duration::from_millis(status.tick_age_ms).as_secs_f64(),
            clock_steps: status.clock_steps,
            runs_in_flight: status.running.len() as u64,
            tasks: status.tasks as u64,
            zone_data: (status.tz_source.clone(), status.tz_version.clone()),
            reload,
            connections,
            durations: self.durations.clone(),
            apis: states.chain(apis.clone()).collect(),
            deliveries: targets.chain(deliveries.clone()).collect(),
            targets: config.targets.keys().map(|target| (target.clone(), !disabled.contains(target))).collect(),
            integrations: status.integrations.iter().map(integration).collect(),
        }
    }

    fn connection(
        &mut self,
        connection: &Connection,
        status: &Status,
        zones: &ZoneData,
        now: DateTime<Utc>,
    ) -> ConnectionFigures {
        let name = &connection.name;
        let next_due = status.next_due.get(name).copied();
        let interval = next_due.and_then(|next_due| self.wait(connection, next_due, zones));
        let nothing = Counted::default();
        let counted = self.counted.get(name).unwrap_or(&nothing);
        let number = |of: Option<&u64>| of.copied().unwrap_or_default();
        let mut scopes: BTreeMap<String, u64> = [(ScopeState::Complete.as_str().to_owned(), 0)].into();
        let seen = self.scopes.get(name);
        // A pause that ended by itself stays written down; the end of one that a person ended is in `since` already.
        let ended = |pause: &Pause| pause.until.filter(|_| pause.covers(name) && !pause.is_on(now));
        let awake = self.pauses.iter().filter_map(ended).max();
        let states = seen.into_iter().flat_map(|seen| &seen.states);
        scopes.extend(states.map(|(state, count)| ((*state).to_owned(), *count)));
        let unseen_since = seen.and_then(|seen| seen.unseen_since);
        ConnectionFigures {
            enabled: connection.auto_onboard.as_ref().is_some_and(|auto| auto.enabled),
            paused: is_paused(&self.pauses, name, now),
            next_due,
            since: self.since.get(name).map(|since| awake.map_or(*since, |awake| awake.max(*since))),
            interval,
            last_success: counted.last_success,
            last_duration: counted.last_duration,
            lateness: counted.lateness,
            runs: OUTCOMES.map(|outcome| (outcome.as_str().to_owned(), number(counted.runs.get(&outcome)))).into(),
            fates: Fate::ALL.map(|fate| (fate.as_str().to_owned(), number(counted.fates.get(&fate)))).into(),
            scopes,
            unexplained: seen.map_or(0, |seen| seen.unexplained),
            unseen: unseen_since.map_or(0.0, |since| seconds_between(since, now).max(0.0)),
            calls: counted.counts.calls,
            throttled: counted.counts.throttled,
            awaiting: number(self.backlog.awaiting.get(name)),
        }
    }

    /// The longest time between two due instants from the next one on, in seconds.
    fn wait(&mut self, connection: &Connection, next_due: DateTime<Utc>, zones: &ZoneData) -> Option<f64> {
        if let Some((from, wait)) = self.waits.get(&connection.name)
            && *from == next_due
        {
            return *wait;
        }
        let auto = connection.auto_onboard.as_ref()?;
        let zone = zones.zone(auto.timezone);
        let after = |at: &DateTime<Utc>| schedule::next(&auto.recurrence, &zone, *at).map(|due| due.at);
        let instants: Vec<DateTime<Utc>> = std::iter::successors(Some(next_due), after).take(INSTANTS).collect();
        let wait = instants.windows(2).map(|pair| seconds_between(pair[0], pair[1])).reduce(f64::max);
        self.waits.insert(connection.name.clone(), (next_due, wait));
        wait
    }
}

fn integration(of: &IntegrationStatus) -> (String, IntegrationFigures) {
    (of.name.clone(), IntegrationFigures { connected: of.connected, failed_attempts: of.attempts })
}

/// Negative where a clock was set back in between.
fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).as_seconds_f64()
}
