//! The dispatcher: one task that gives every due instant its fate and starts the runs.
//!
//! It goes round when the alarm wakes it, at every beat of a monotonic heartbeat, when a run is over, and when it is told something.
//! Each round asks the wall clock what is due; nothing is counted down. An instant's fate is written before its run is queued, so a
//! crash between the two is mended by the next start, and an instant that has a fate starts nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};

use super::alarm::Alarm;
use super::clock_watch::{ClockWatch, EARLIEST};
use super::entries::{Entry, definitions, entries};
use super::jobs::{Job, Queue, failed_in_passing};
use super::status::{NextDue, Phase, RunInFlight, Status};
use super::{Mail, ServeError, Service};
use crate::config::Config;
use crate::registry::locks::{self, Locking};
use crate::registry::{AuditAction, AuditEntry, DueId, NewFate, Outcome, Registry, RegistryError, Retry, Trigger};
use crate::schedule::{self, Fate, Reason, Verdict};
use crate::worker::book::{away, lock};
use crate::worker::report::RunReport;
use crate::zones::ZoneData;

/// How often the clock is looked at, whatever the alarm does.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Heartbeats from one look at the system's zone data to the next.
const ZONES_EVERY: u32 = 30;

/// A run in flight.
#[derive(Debug)]
struct Flight {
    connection: String,
    job: Job,
    since: DateTime<Utc>,
}

pub(super) struct Dispatcher {
    service: Service,
    zones: ZoneData,
    entries: BTreeMap<String, Entry>,
    queue: Queue,
    runs: JoinSet<RunReport>,
    flights: BTreeMap<task::Id, Flight>,
    alarm: Alarm,
    heartbeat: Interval,
    beats: u32,
    mailbox: mpsc::Receiver<Mail>,
    clock: ClockWatch,
    clock_steps: u64,
    /// Whether the clock has been set, and the schedules are planned by it.
    planned: bool,
    /// Whether what the last worker left has been taken up.
    taken_up: bool,
    armed_after: Option<Duration>,
    trouble: Option<String>,
    /// What was said of the zone data.
    zone_warnings: BTreeSet<String>,
    /// Whether there is something new to tell.
    changed: bool,
}

impl Dispatcher {
    pub(super) async fn new(
        service: Service,
        zones: ZoneData,
        mailbox: mpsc::Receiver<Mail>,
    ) -> Result<Self, ServeError> {
        let alarm = Alarm::new(Arc::clone(&service.0.wake)).await?;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let clock = ClockWatch::new(Instant::now(), service.now());
        Ok(Self {
            service,
            zones,
            entries: BTreeMap::new(),
            queue: Queue::default(),
            runs: JoinSet::new(),
            flights: BTreeMap::new(),
            alarm,
            heartbeat,
            beats: 0,
            mailbox,
            clock,
            clock_steps: 0,
            planned: false,
            taken_up: false,
            armed_after: None,
            trouble: None,
            zone_warnings: BTreeSet::new(),
            changed: true,
        })
    }

    /// Takes up what the last worker left and arms the schedules.
    pub(super) async fn begin(&mut self) -> Result<(), ServeError> {
        self.with(end_dead_runs).await?;
        let now = self.service.now();
        if now >= EARLIEST {
            self.serve(now).await?;
        } else {
            tracing::warn!("the clock shows {now}, which cannot be; nothing is planned until it is set");
        }
        Ok(())
    }

    pub(super) fn armed(&mut self, after: Duration) {
        self.armed_after = Some(after);
        self.publish(Phase::Running);
    }

    /// Goes round until it is told to stop.
    pub(super) async fn run(mut self) {
        let (stop, wake) = (self.service.0.stop.clone(), Arc::clone(&self.service.0.wake));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(mail) = self.mailbox.recv() => self.take(mail).await,
                Some(ended) = self.runs.join_next_with_id(), if !self.runs.is_empty() => self.land(ended).await,
                () = wake.notified() => {}
                _ = self.heartbeat.tick() => self.beat(),
            }
            self.go_round().await;
        }
        self.end().await;
    }

    /// No new runs; those in flight come to their next commit, and the next start carries them on.
    async fn end(&mut self) {
        self.publish(Phase::Stopping);
        self.service.0.manager.stopping(&self.service.line());
        self.mailbox.close();
        self.alarm.end().await;
        while !self.runs.is_empty() {
            tokio::select! {
                Some(ended) = self.runs.join_next_with_id() => {
                    self.land(ended).await;
                    self.publish(Phase::Stopping);
                }
                _ = self.heartbeat.tick() => self.give_a_sign().await,
            }
        }
    }

    /// Tells the service manager that the worker is alive: it came round, and the registry answers. An error is an answer too; what
    /// it is about is told elsewhere, and no restart would mend it.
    async fn give_a_sign(&mut self) {
        if self.service.0.manager.wants_a_sign() {
            let _ = self.with(|registry, _| registry.pauses()).await;
            self.service.0.manager.watchdog();
        }
    }

    /// Looks after the clock and the zone data.
    fn beat(&mut self) {
        let now = self.service.now();
        if let Some(step) = self.clock.look(Instant::now(), now) {
            self.clock_steps += 1;
            self.changed = true;
            let seconds = step.num_seconds();
            tracing::warn!(seconds, "the clock jumped by {seconds} s to {now}; what is due is worked out anew");
            self.planned = false;
        }
        self.beats = self.beats.wrapping_add(1);
        if self.beats.is_multiple_of(ZONES_EVERY) && self.zones.has_changed() {
            self.zones = self.zones.anew();
            tracing::info!(source = self.zones.source().as_str(), version = self.zones.version(), "zone data changed");
            self.planned = false;
        }
    }

    /// One round: what is due gets its fate, what waits gets its turn, and the alarm is set for what comes next.
    async fn go_round(&mut self) {
        let now = self.service.now();
        let phase = if now < EARLIEST { Phase::WaitingForClock } else { Phase::Running };
        let done = if phase == Phase::Running { self.serve(now).await } else { Ok(()) };
        match done {
            Ok(()) if self.trouble.take().is_some() => {
                self.changed = true;
                tracing::info!("the registry can be written again");
            }
            Ok(()) => {}
            // Said once, and tried again at the next beat.
            Err(error) => {
                let text = error.to_string();
                if self.trouble.as_ref() != Some(&text) {
                    self.changed = true;
                    tracing::error!("what is due cannot be written down, and waits: {text}");
                }
                self.trouble = Some(text);
            }
        }
        if std::mem::take(&mut self.changed) || self.service.phase() != phase {
            self.publish(phase);
        } else {
            self.service.tick();
        }
        self.give_a_sign().await;
    }

    async fn serve(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        if !self.planned {
            self.plan(now).await?;
        }
        self.settle(now).await?;
        if !self.taken_up {
            self.take_up(now).await?;
        }
        self.queue_retries(now).await?;
        self.start_runs(now);
        if let Some(at) = self.entries.values().filter_map(Entry::wake_at).filter(|at| *at > now).min()
            && let Err(error) = self.alarm.set(at, now).await
        {
            tracing::warn!("the alarm is not set ({error}); the heartbeat serves what is due");
        }
        Ok(())
    }

    /// Works everything out from the registry: at the start, and when the clock or the zone data changed.
    async fn plan(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let config = self.service.config();
        let defined = definitions(&config);
        let (forgotten, states, mut retries) = self
            .with(move |registry, _| {
                let forgotten = registry.forget_fates_of_the_future(now)?;
                if forgotten > 0 {
                    let detail = serde_json::json!({ "due_instants": forgotten });
                    let action = AuditAction::ClockCorrected;
                    registry.audit(&AuditEntry { actor: "worker", action, connection: None, detail }, now)?;
                }
                Ok((forgotten, registry.define_schedules(&defined, now)?, registry.retries()?))
            })
            .await?;
        if forgotten > 0 {
            tracing::warn!(forgotten, "the clock had been ahead; due instants that it had served are still to come");
        }
        self.entries = entries(&config, &states, &mut retries, &self.zones);
        self.warn_of_zones(&config, now);
        for (name, entry) in &mut self.entries {
            // What is owed from before is settled by this round.
            entry.next = owed(name, entry, now).or_else(|| {
                entry.look_ahead(name, now);
                entry.next
            });
        }
        (self.planned, self.changed) = (true, true);
        Ok(())
    }

    /// Says, once each, which zone files cannot be used and where the two sources of zone data disagree.
    fn warn_of_zones(&mut self, config: &Config, now: DateTime<Utc>) {
        let schedules = config.connections.values().filter_map(|connection| {
            let auto = connection.auto_onboard.as_ref()?;
            Some((connection.name.as_str(), &auto.recurrence, auto.timezone))
        });
        let differences = self.zones.differences(schedules, now).into_iter().map(|difference| difference.to_string());
        for warning in self.zones.warnings().into_iter().chain(differences) {
            if self.zone_warnings.insert(warning.clone()) {
                tracing::warn!("{warning}");
            }
        }
    }

    /// Runs that the last worker was to begin, or that broke off with it. What has come due since is queued already and goes before.
    async fn take_up(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let (open, unfinished, pauses) =
            self.with(|registry, _| Ok((registry.open_dues()?, registry.unfinished()?, registry.pauses()?))).await?;
        let paused = |name: &str| pauses.iter().any(|pause| pause.covers(name) && pause.is_on(now));
        let mut dropped: BTreeMap<Reason, Vec<DueId>> = BTreeMap::new();
        for due in open.into_iter().rev() {
            let name = &due.connection;
            let reason = if !self.entries.get(name).is_some_and(|entry| entry.auto.enabled) {
                Reason::Disabled
            } else if paused(name) {
                Reason::Paused
            } else if self.queue.holds(name) {
                Reason::Superseded
            } else {
                let job = Job::Due { due_id: due.due_id, due_at: due.due_at, late: due.fate == Fate::CaughtUp };
                self.queue.push(name, due.due_at, job);
                continue;
            };
            if !self.queue.is_for(due.due_id) {
                dropped.entry(reason).or_default().push(due.due_id);
            }
        }
        for (reason, dues) in dropped {
            self.skip(dues, reason).await?;
        }
        for left in unfinished.into_iter().filter(|left| left.trigger != Trigger::Retry) {
            let name = &left.connection;
            let follows = self.entries.get(name).is_some_and(|entry| entry.auto.enabled);
            if follows && !paused(name) && !self.queue.holds(name) {
                self.queue.push(name, left.due_at.unwrap_or(now), Job::Resume { due_at: left.due_at });
            }
        }
        (self.taken_up, self.changed) = (true, true);
        Ok(())
    }

    /// Gives every due instant its fate.
    async fn settle(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let due: Vec<&String> =
            self.entries.iter().filter(|(_, entry)| entry.is_due(now)).map(|(name, _)| name).collect();
        if due.is_empty() {
            return Ok(());
        }
        let due: Vec<String> = due.into_iter().cloned().collect();
        self.changed = true;
        let pauses = self.with(|registry, _| registry.pauses()).await?;
        let mut verdicts = Vec::new();
        for name in &due {
            let entry = &self.entries[name];
            let paused = pauses.iter().any(|pause| pause.covers(name) && pause.is_on(now));
            let standing = entry.standing(name, paused, self.serves_a_due_instant(name));
            verdicts.extend(schedule::settle(&standing, now).into_iter().map(|verdict| (name.clone(), verdict)));
        }
        let last: BTreeMap<String, DateTime<Utc>> =
            verdicts.iter().map(|(name, verdict)| (name.clone(), verdict.due.at)).collect();
        let zones: Vec<&'static str> = verdicts.iter().map(|(name, _)| self.entries[name].zone.name()).collect();
        let tzdb = self.zones.version().to_owned();
        let (verdicts, ids) = self
            .with(move |registry, _| {
                let fates: Vec<NewFate<'_>> = verdicts
                    .iter()
                    .zip(zones)
                    .map(|((connection, verdict), zone)| NewFate {
                        connection,
                        zone,
                        due: verdict.due,
                        fate: verdict.fate,
                        reason: verdict.reason,
                        older: verdict.older,
                        tzdb: &tzdb,
                    })
                    .collect();
                let ids = registry.record_fates(&fates, now)?;
                Ok((verdicts, ids))
            })
            .await?;
        for ((name, verdict), due_id) in verdicts.into_iter().zip(ids) {
            let Some(due_id) = due_id else { continue };
            let due_at = verdict.due.at;
            if matches!(verdict.fate, Fate::Run | Fate::CaughtUp) {
                let job = Job::Due { due_id, due_at, late: verdict.fate == Fate::CaughtUp };
                self.queue.push(&name, due_at, job);
            } else {
                tell_left_out(&name, &verdict);
            }
        }
        for name in due {
            if let Some(entry) = self.entries.get_mut(&name) {
                // Everything up to there has its fate, whether it was written now or before.
                entry.settled_until = entry.settled_until.max(last.get(&name).copied());
                entry.look_ahead(&name, now);
            }
        }
        Ok(())
    }

    /// Queues the second looks that are due; where nothing is left to be looked at again, the debt is dropped.
    async fn queue_retries(&mut self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let due = |(name, entry): (&String, &Entry)| {
            let retry = entry.retry.clone().filter(|_| entry.retry_is_due(now) && !self.is_busy(name))?;
            Some((name.clone(), retry))
        };
        let due: Vec<(String, Retry)> = self.entries.iter().filter_map(due).collect();
        if due.is_empty() {
            return Ok(());
        }
        let pauses = self.with(|registry, _| registry.pauses()).await?;
        for (name, retry) in due {
            if pauses.iter().any(|pause| pause.covers(&name) && pause.is_on(now)) {
                continue;
            }
            let connection = name.clone();
            let coverage = self.with(move |registry, _| registry.coverage(Some(&connection))).await?;
            let places = failed_in_passing(&coverage, retry.run_id);
            if places.is_empty() {
                self.owe(&name, None).await?;
            } else {
                let due_at = retry.due_at;
                self.queue.push(&name, due_at, Job::Retry { retry, places: Arc::new(places) });
            }
        }
        Ok(())
    }

    /// Sets, or takes back, the second look that a connection is owed.
    async fn owe(&mut self, connection: &str, retry: Option<Retry>) -> Result<(), RegistryError> {
        let (name, owed) = (connection.to_owned(), retry.clone());
        self.with(move |registry, _| registry.set_retry(&name, owed.as_ref())).await?;
        if let Some(entry) = self.entries.get_mut(connection) {
            entry.retry = retry;
        }
        Ok(())
    }

    fn is_in_flight(&self, connection: &str) -> bool {
        self.flights.values().any(|flight| flight.connection == connection)
    }

    fn is_busy(&self, connection: &str) -> bool {
        self.queue.holds(connection) || self.is_in_flight(connection)
    }

    /// Whether an instant that comes due now finds another one's run under way or waiting. Other jobs that only wait give way to it.
    fn serves_a_due_instant(&self, connection: &str) -> bool {
        self.is_in_flight(connection) || self.queue.holds_due(connection)
    }

    fn start_runs(&mut self, now: DateTime<Utc>) {
        let config = self.service.config();
        while self.flights.len() < config.limits.parallel_runs {
            let Some((name, job)) = self.queue.pop() else { return };
            let Some(connection) = config.connections.get(&name).cloned() else { continue };
            let Some(auto) = &connection.auto_onboard else { continue };
            let request = job.request(auto);
            let context = self.service.context(self.service.0.stop.child_token());
            // On the heap: a run is big, and the set moves it.
            let run = async move { Box::pin(crate::worker::run(&context, &connection, &request)).await };
            let id = self.runs.spawn(run).id();
            self.changed = true;
            self.flights.insert(id, Flight { connection: name, job, since: now });
        }
    }

    /// A run is over: what it could not read in passing is looked at again later.
    async fn land(&mut self, ended: Result<(task::Id, RunReport), JoinError>) {
        let (id, report) = match ended {
            Ok((id, report)) => (id, Some(report)),
            Err(error) => {
                tracing::error!("a run ended by a fault of aboard itself: {error}");
                (error.id(), None)
            }
        };
        self.changed = true;
        let Some(Flight { connection, job, .. }) = self.flights.remove(&id) else { return };
        let Some(report) = report else { return };
        let done = if is_refused(&report) {
            self.skip(job.due_id().into_iter().collect(), Reason::StillRunning).await
        } else if report.outcome == Outcome::Interrupted {
            Ok(())
        } else {
            self.look_again_later(&connection, &job, &report).await
        };
        if let Err(error) = done {
            tracing::error!(connection, "what follows from the run cannot be written down: {error}");
        }
    }

    async fn look_again_later(&mut self, connection: &str, job: &Job, report: &RunReport) -> Result<(), RegistryError> {
        let waits = self.entries.get(connection).map(|entry| entry.auto.retry_failed.clone()).unwrap_or_default();
        let wait = usize::try_from(job.attempt()).ok().and_then(|attempt| waits.get(attempt).copied());
        let retry = match (report.run_id, wait) {
            (Some(run_id), Some(wait)) => {
                let name = connection.to_owned();
                let coverage = self.with(move |registry, _| registry.coverage(Some(&name))).await?;
                let due_at = report.finished_at + wait;
                (!failed_in_passing(&coverage, run_id).is_empty()).then(|| Retry {
                    run_id,
                    attempt: job.attempt() + 1,
                    due_at,
                })
            }
            _ => None,
        };
        match (&retry, self.entries.get(connection).and_then(|entry| entry.retry.as_ref())) {
            (None, None) => Ok(()),
            _ => self.owe(connection, retry).await,
        }
    }

    async fn skip(&mut self, dues: Vec<DueId>, reason: Reason) -> Result<(), RegistryError> {
        if dues.is_empty() {
            return Ok(());
        }
        self.with(move |registry, _| dues.iter().try_for_each(|due_id| registry.skip_due(*due_id, reason))).await
    }

    async fn take(&mut self, mail: Mail) {
        match mail {
            Mail::Swap(config, reply) => {
                let done = self.swap(config).await.map_err(|error| error.to_string());
                if done.is_err() {
                    self.planned = false;
                }
                // Whoever asked may have gone.
                let _ = reply.send(done);
            }
        }
    }

    /// What was due by the old file is served by the old file; then the new one counts.
    async fn swap(&mut self, config: Arc<Config>) -> Result<(), RegistryError> {
        let now = self.service.now();
        if now < EARLIEST {
            self.service.0.config.store(config);
            return Ok(());
        }
        self.serve(now).await?;
        let (defined, old) = (definitions(&config), self.service.config());
        let before = definitions(&old);
        self.serve_before_change(&before, &defined, now).await?;
        let states = self.with(move |registry, _| registry.define_schedules(&defined, now)).await?;
        let mut retries: BTreeMap<String, Retry> = std::mem::take(&mut self.entries)
            .into_iter()
            .filter_map(|(name, entry)| Some((name, entry.retry?)))
            .collect();
        self.entries = entries(&config, &states, &mut retries, &self.zones);
        for (name, entry) in &mut self.entries {
            entry.look_ahead(name, now);
        }
        self.drop_what_is_gone(&config).await?;
        self.warn_of_zones(&config, now);
        self.service.0.config.store(config);
        self.changed = true;
        Ok(())
    }

    /// An instant that has come and only waits for its jitter belongs to the schedule that named it: it is served before that changes.
    async fn serve_before_change(
        &mut self,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        for (name, entry) in &mut self.entries {
            if before.get(name) != after.get(name) && entry.next.is_some_and(|next| next.due.at <= now) {
                entry.auto.jitter = Duration::ZERO;
                entry.look_ahead(name, now);
                entry.next = owed(name, entry, now);
            }
        }
        self.settle(now).await
    }

    /// Jobs that wait for a connection that has no schedule any more.
    async fn drop_what_is_gone(&mut self, config: &Config) -> Result<(), RegistryError> {
        let stays =
            |name: &str| config.connections.get(name).is_some_and(|connection| connection.auto_onboard.is_some());
        let gone: Vec<String> = self.queue.connections().filter(|name| !stays(name)).cloned().collect();
        let jobs: Vec<Job> = gone.iter().filter_map(|name| self.queue.remove(name)).collect();
        self.skip(jobs.iter().filter_map(Job::due_id).collect(), Reason::Disabled).await
    }

    /// Works with the registry, away from the asynchronous threads.
    async fn with<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Registry, DateTime<Utc>) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (registry, now) = (Arc::clone(&self.service.0.registry), self.service.now());
        away(move || body(&mut lock(&registry), now)).await
    }

    fn publish(&self, phase: Phase) {
        let config = self.service.config();
        let on = || self.entries.iter().filter(|(_, entry)| entry.auto.enabled);
        let next =
            on().filter_map(|(name, entry)| Some((entry.next?.due.at, name, &entry.zone))).min_by_key(|next| next.0);
        let flight = |flight: &Flight| RunInFlight {
            connection: flight.connection.clone(),
            trigger: flight.job.trigger(),
            since: flight.since,
        };
        self.service.publish(Status {
            armed_after_ms: self.armed_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            phase,
            connections: config.connections.len(),
            schedules: on().count(),
            next: next.map(|(due_at, connection, zone)| NextDue {
                connection: connection.clone(),
                due_at,
                local: zone.local(due_at).to_rfc3339(),
                zone: zone.name().to_owned(),
            }),
            next_due: on().filter_map(|(name, entry)| Some((name.clone(), entry.next?.due.at))).collect(),
            running: self.flights.values().map(flight).collect(),
            queued: self.queue.len(),
            clock_steps: self.clock_steps,
            tz_source: self.zones.source().as_str().to_owned(),
            tz_version: self.zones.version().to_owned(),
            ticked_at: self.service.now(),
            trouble: self.trouble.clone(),
            ..self.service.status()
        });
    }
}

/// Says that a due instant does not run: as news where nobody asked for that.
fn tell_left_out(connection: &str, verdict: &Verdict) {
    const LEFT_OUT: &str = "a due instant does not run";
    let (due_at, fate, reason) = (verdict.due.at, verdict.fate.as_str(), verdict.reason.map(Reason::as_str));
    let older = verdict.older;
    match verdict.reason {
        Some(Reason::Disabled | Reason::Paused) => {
            tracing::info!(connection, %due_at, fate, reason, older, "{LEFT_OUT}");
        }
        _ => tracing::warn!(connection, %due_at, fate, reason, older, "{LEFT_OUT}"),
    }
}

/// What is owed already, as a wake-up that has passed.
fn owed(name: &str, entry: &Entry, now: DateTime<Utc>) -> Option<schedule::Wake> {
    let due = schedule::settle(&entry.standing(name, false, false), now).last()?.due;
    Some(schedule::Wake { due, at: due.at })
}

/// Whether the run never began because another one of its connection is under way.
fn is_refused(report: &RunReport) -> bool {
    report.run_id.is_none() && report.error.as_ref().is_some_and(|error| error.kind == "already_running")
}

/// Runs that count as running although their process died.
fn end_dead_runs(registry: &mut Registry, now: DateTime<Utc>) -> Result<(), RegistryError> {
    for connection in registry.running()? {
        // Where another process is at it, the run is not dead.
        if let Ok(Locking::Taken(_lock)) = locks::lock_connection(registry.path(), &connection, now) {
            registry.interrupt_dead_runs(&connection, now)?;
        }
    }
    Ok(())
}
