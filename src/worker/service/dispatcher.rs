//! The dispatcher: one task that gives every due instant its fate and starts the runs.
//!
//! It goes round when the alarm wakes it, at every beat of a monotonic heartbeat, when a run is over, and when it is told something.
//! Each round asks the wall clock what is due; nothing is counted down. An instant's fate is written before its run is queued, so a
//! crash between the two is mended by the next start, and an instant that has a fate starts nothing.

mod planning;
mod running;
mod settling;
mod swapping;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio::task;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};

use self::planning::end_dead_runs;
use super::alarm::Alarm;
use super::clock_watch::{ClockWatch, EARLIEST};
use super::entries::Entry;
use super::jobs::{Job, Queue};
use super::status::{NextDue, Phase, RunInFlight, Status};
use super::{Mail, ServeError, Service};
use crate::registry::{Pause, Registry, RegistryError, Resting, is_paused};
use crate::worker::book::{away, lock};
use crate::worker::report::RunReport;
use crate::zones::ZoneData;

/// How often the clock is looked at, whatever the alarm does.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Heartbeats from one look at the system's zone data to the next.
const ZONES_EVERY: u32 = 30;

/// Heartbeats from one time that old runs and fates are forgotten to the next: a day. Runs do so at their end as well, but where every
/// schedule is off or paused there are none.
const FORGET_EVERY: u32 = 43_200;

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
    /// What runs in flight have at the end to come to their next commit.
    farewell: Duration,
    clock: ClockWatch,
    clock_steps: u64,
    /// Whether the clock has been set, and the schedules are planned by it.
    planned: bool,
    /// Whether what the last worker left has been taken up.
    taken_up: bool,
    /// When to look for runs that ended without their end being written down.
    mend_at: Option<Instant>,
    /// Connections whose run could not begin, and when it is tried again.
    not_before: BTreeMap<String, Instant>,
    armed_after: Option<Duration>,
    forgets: bool,
    trouble: Option<String>,
    /// What was said of the zone data.
    zone_warnings: BTreeSet<String>,
    /// As they were when there was last something to do.
    pauses: Vec<Pause>,
    /// The times of these pauses and of earlier ones, for what is judged only now.
    restings: Vec<Resting>,
    /// Whether there is something new to tell.
    changed: bool,
}

impl Dispatcher {
    pub(super) async fn new(
        service: Service,
        zones: ZoneData,
        mailbox: mpsc::Receiver<Mail>,
        farewell: Duration,
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
            farewell,
            clock,
            clock_steps: 0,
            planned: false,
            taken_up: false,
            mend_at: None,
            not_before: BTreeMap::new(),
            armed_after: None,
            forgets: false,
            trouble: None,
            zone_warnings: BTreeSet::new(),
            pauses: Vec::new(),
            restings: Vec::new(),
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
                // The alarm, or somebody who set a pause.
                () = wake.notified() => self.changed = true,
                _ = self.heartbeat.tick() => self.beat(),
            }
            self.go_round().await;
        }
        self.end().await;
    }

    /// No new runs; those in flight come to their next commit or, where that takes too long, end where they are. The next start carries
    /// them on.
    async fn end(&mut self) {
        self.publish(Phase::Stopping);
        self.service.0.manager.stopping(&self.service.line());
        self.mailbox.close();
        self.alarm.end().await;
        let mut farewell = std::pin::pin!(tokio::time::sleep(self.farewell));
        while !self.runs.is_empty() {
            tokio::select! {
                () = &mut farewell, if !self.service.0.halt.is_cancelled() => {
                    let runs = self.runs.len();
                    tracing::warn!(runs, "runs in flight took too long to their next commit and end where they are");
                    self.service.0.halt.cancel();
                }
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

    /// Looks after the zone data, and after what is old.
    fn beat(&mut self) {
        self.beats = self.beats.wrapping_add(1);
        self.forgets |= self.beats.is_multiple_of(FORGET_EVERY);
        if self.beats.is_multiple_of(ZONES_EVERY) && self.zones.has_changed() {
            self.zones = self.zones.anew();
            tracing::info!(source = self.zones.source().as_str(), version = self.zones.version(), "zone data changed");
            self.planned = false;
        }
    }

    /// Looks whether the clock jumped. Before anything is judged by it: what was worked out under another clock may be due by this one.
    fn look_at_the_clock(&mut self, now: DateTime<Utc>) {
        if let Some(step) = self.clock.look(Instant::now(), now) {
            self.clock_steps += 1;
            self.changed = true;
            let seconds = step.num_seconds();
            tracing::warn!(seconds, "the clock jumped by {seconds} s to {now}; what is due is worked out anew");
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
        self.look_at_the_clock(now);
        if self.has_something_to_do(now) {
            (self.pauses, self.restings) =
                self.with(|registry, _| Ok((registry.pauses()?, registry.restings()?))).await?;
        }
        if !self.planned {
            self.plan(now).await?;
        }
        self.settle(now).await?;
        self.mend().await?;
        if !self.taken_up {
            self.take_up(now).await?;
        }
        self.queue_retries(now).await?;
        if std::mem::take(&mut self.forgets) {
            let keep = TimeDelta::from_std(self.service.config().registry.keep_runs).unwrap_or(TimeDelta::MAX);
            self.with(move |registry, _| registry.prune(keep, now)).await?;
        }
        self.start_runs(now).await?;
        if let Some(at) = self.entries.values().filter_map(Entry::wake_at).filter(|at| *at > now).min()
            && let Err(error) = self.alarm.set(at, now).await
        {
            tracing::warn!("the alarm is not set ({error}); the heartbeat serves what is due");
        }
        Ok(())
    }

    /// Whether this round does, or tells, anything; nothing comes up in a round that has nothing to begin with.
    fn has_something_to_do(&self, now: DateTime<Utc>) -> bool {
        let is_due = |entry: &Entry| entry.is_due(now) || entry.retry_is_due(now);
        !self.planned
            || self.changed
            || self.queue.len() > 0
            || self.mend_at.is_some()
            || self.entries.values().any(is_due)
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
        let (now, pauses) = (self.service.now(), &self.pauses);
        let runs = |name: &str, at| !is_paused(pauses, name, at);
        let next = on()
            .filter_map(|(name, entry)| Some((entry.next?.due.at, name, &entry.zone)))
            .filter(|(due_at, name, _)| runs(name, *due_at))
            .min_by_key(|next| next.0);
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
            paused: on().map(|(name, _)| name).filter(|name| !runs(name, now)).cloned().collect(),
            running: self.flights.values().map(flight).collect(),
            queued: self.queue.len(),
            clock_steps: self.clock_steps,
            tz_source: self.zones.source().as_str().to_owned(),
            tz_version: self.zones.version().to_owned(),
            ticked_at: now,
            trouble: self.trouble.clone(),
            ..self.service.status()
        });
    }
}
