//! The way to one target: leases what is due, sends it, writes down what came of it.
//!
//! Whoever holds the lane's lock is the only one that delivers to the target, in whatever process. So what is leased when the lock is
//! taken was left by a process that died, and goes out again at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;

use super::backoff::next_attempt;
use super::memory::Kept;
use super::parcel::{Parcel, Sent};
use super::renaming::rename_target;
use crate::config::Target as Settings;
use crate::registry::locks::{self, Lock, LockedBy, Locking};
use crate::registry::{Attempted, Outgoing, RegistryError};
use crate::targets::{Delivery, Effect, Failure, Target, Verdict};
use crate::worker::book::{SharedRegistry, away, lock};

/// How long the lane sleeps at most: the wall clock, by which deliveries are due, may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How often a lane that another process holds is tried.
const TRY_LOCK: Duration = Duration::from_millis(200);
/// How long the lane leaves a registry alone that refused.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// How long a lane that ends after first attempts goes on after one that nothing answered, where nothing answers the others either.
const NO_ANSWER: Duration = Duration::from_mins(1);

/// How long a lane goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Until everything that was due then has had one attempt.
    Attempted(DateTime<Utc>),
    /// Until it is told to stop.
    Stopped,
}

/// How a lane ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending {
    /// No more is sent.
    pub(super) stop: CancellationToken,
    /// What attempts under way have after that, before they are broken off.
    pub(super) grace: Duration,
    /// How long it waits for another process that holds the lane; absent = for ever.
    pub(super) patience: Option<Duration>,
}

/// The way to one target.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) settings: Settings,
    /// The target, or why it cannot be set up: then every attempt fails of that.
    pub(super) target: Result<Arc<dyn Target>, Failure>,
    pub(super) registry: SharedRegistry,
    pub(super) path: PathBuf,
    pub(super) clock: fn() -> DateTime<Utc>,
    /// Whether it goes on as long as its process, and so gives up nothing.
    pub(super) lasts: bool,
    /// Until when the receiver wants to be left alone, in unix milliseconds.
    pub(super) paused: Arc<AtomicI64>,
    /// Told whenever something was written down.
    pub(super) progress: Arc<Notify>,
}

/// The attempts of one hand-over, by the number of the delivery.
type Flight = Vec<Sent>;

/// What became of each, and when it was over.
type Verdicts = Vec<(Verdict, DateTime<Utc>)>;

/// What a lane has under way.
#[derive(Debug, Default)]
struct Sending {
    tasks: JoinSet<Verdicts>,
    flights: BTreeMap<task::Id, Flight>,
}

/// Since when nothing has answered.
#[derive(Debug, Default)]
struct Silence(Option<tokio::time::Instant>);

impl Silence {
    fn hears(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Failed(Failure { status: None, effect: Effect::Retry, .. }) => {
                self.0.get_or_insert_with(tokio::time::Instant::now);
            }
            _ => self.0 = None,
        }
    }

    fn lasts(&self, long: Duration) -> bool {
        self.0.is_some_and(|since| since.elapsed() >= long)
    }
}

impl Lane {
    /// Delivers, in order for each API. `kick` says that there is something new.
    pub(super) async fn work(&self, until: Until, kick: &Notify, ending: &Ending) {
        let Some(_lock) = self.take(ending).await else { return };
        let name = &self.settings.name;
        if let Err(error) = self.take_over(until).await {
            tracing::error!(target = name, "the lane cannot be taken over: {error}");
        }
        let target = &self.target;
        let limits = target.as_ref().map_or((1, 50), |target| (target.in_flight().max(1), target.batch().max(1)));
        let settled = target.as_ref().is_ok_and(|target| target.waits_for_runs());
        let documents = target.as_ref().is_ok_and(|target| target.wants_documents());
        let (in_flight, batch) = limits;
        let mut sending = Sending::default();
        let mut trouble: Option<String> = None;
        let mut silence = Silence::default();
        let mut not_before: Option<DateTime<Utc>> = None;
        loop {
            let now = (self.clock)();
            not_before = not_before.filter(|at| *at > now);
            let room = in_flight.saturating_sub(sending.flights.len());
            let (mut wait, mut went, mut refused) = (LOOK_AGAIN, false, false);
            let given_up = until != Until::Stopped && silence.lasts(NO_ANSWER);
            if room > 0 && not_before.is_none() && !ending.stop.is_cancelled() && !given_up {
                let due_by = if let Until::Attempted(begun) = until { begun.min(now) } else { now };
                match self.lease(room * batch, settled, documents, due_by, now).await {
                    Ok(parcels) => {
                        went = !parcels.is_empty();
                        let unchanged = parcels.iter().filter(|parcel| parcel.delivery.is_none());
                        let unchanged = unchanged.map(|parcel| parcel.sent.over(Outgoing::Unchanged, None, now));
                        self.record(unchanged.collect()).await;
                        let parcels: Vec<Parcel> =
                            parcels.into_iter().filter(|parcel| parcel.delivery.is_some()).collect();
                        self.send(parcels, batch, &mut sending);
                    }
                    Err(error) => {
                        tracing::error!(target = name, "what is due cannot be read: {error}");
                        (wait, refused) = (AFTER_TROUBLE, true);
                    }
                }
            }
            if sending.flights.is_empty() {
                if ending.stop.is_cancelled() || (until != Until::Stopped && !went) {
                    if given_up {
                        tracing::warn!(target = name, "nothing answers there; what is left stays queued");
                    }
                    return;
                }
                if went {
                    // Nothing of it had to be sent; more may be due.
                    continue;
                }
                if !refused {
                    wait = wait.min(self.until_next(settled, not_before, now).await);
                }
            } else if ending.stop.is_cancelled() {
                self.break_off_after(ending.grace, &mut sending, &mut trouble, &mut silence).await;
                return;
            }
            tokio::select! {
                biased;
                Some(done) = sending.tasks.join_next_with_id(), if !sending.tasks.is_empty() => {
                    let paused = self.land(done, &mut sending, &mut trouble, &mut silence).await;
                    not_before = not_before.max(paused);
                    self.paused.store(not_before.map_or(0, |at| at.timestamp_millis()), Relaxed);
                }
                () = ending.stop.cancelled() => {}
                () = kick.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Takes the lane's lock, however long its holder needs.
    async fn take(&self, ending: &Ending) -> Option<Lock> {
        let (name, began) = (&self.settings.name, tokio::time::Instant::now());
        let mut said = false;
        loop {
            match locks::lock_lane(&self.path, name, (self.clock)()) {
                Ok(Locking::Taken(lock)) => return Some(lock),
                Ok(Locking::Held(LockedBy { pid, .. })) if !said => {
                    said = true;
                    tracing::debug!(target = name, holder = pid, "another process delivers to the target");
                }
                Ok(Locking::Held(_)) => {}
                Err(error) => {
                    tracing::error!(target = name, "the lock of the lane cannot be taken: {error}");
                    tokio::select! {
                        () = ending.stop.cancelled() => return None,
                        () = tokio::time::sleep(AFTER_TROUBLE) => {}
                    }
                }
            }
            if ending.patience.is_some_and(|patience| began.elapsed() >= patience) {
                tracing::warn!(target = name, "another process delivers to the target; what is due is left to it");
                return None;
            }
            tokio::select! {
                () = ending.stop.cancelled() => return None,
                () = tokio::time::sleep(TRY_LOCK) => {}
            }
        }
    }

    async fn take_over(&self, until: Until) -> Result<(), RegistryError> {
        let (registry, name) = (Arc::clone(&self.registry), self.settings.name.clone());
        // It is due when this lane begins, or else a lane that ends after first attempts would leave it to the next one.
        let now = if let Until::Attempted(begun) = until { begun } else { (self.clock)() };
        if let Some(from) = &self.settings.renamed_from {
            rename_target(&registry, from, &name).await?;
        }
        let digest = self.settings.digest;
        let longest = self.longest_wait();
        let left = away(move || {
            let mut registry = lock(&registry);
            registry.bring_back(&name, longest, now)?;
            registry.take_over_lane(&name, digest, now)
        })
        .await?;
        if left > 0 {
            let name = &self.settings.name;
            tracing::warn!(
                target = name,
                deliveries = left,
                "a process ended while it delivered these; they are sent again"
            );
        }
        Ok(())
    }

    async fn lease(
        &self,
        most: usize,
        settled: bool,
        documents: bool,
        due_by: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Parcel>, RegistryError> {
        let (registry, name, choice) =
            (Arc::clone(&self.registry), self.settings.name.clone(), self.settings.instances);
        let together = self.target.as_ref().is_ok_and(|target| target.asks_together());
        away(move || {
            let mut registry = lock(&registry);
            let is_due = together && registry.next_delivery(&name, settled, now)?.is_some_and(|next| next <= due_by);
            let due_by = if is_due { DateTime::<Utc>::MAX_UTC } else { due_by };
            let leased = registry.lease(&name, most, settled, due_by, now)?;
            leased.into_iter().map(|leased| Parcel::of(&registry, leased, choice, documents)).collect()
        })
        .await
    }

    /// No failure postpones a delivery by more.
    fn longest_wait(&self) -> TimeDelta {
        TimeDelta::from_std(self.settings.retry.max).unwrap_or(TimeDelta::MAX)
    }

    /// Hands over, in as many batches as there are.
    fn send(&self, parcels: Vec<Parcel>, batch: usize, sending: &mut Sending) {
        let mut parcels = parcels.into_iter().peekable();
        while parcels.peek().is_some() {
            let (flight, deliveries): (Flight, Vec<Delivery>) =
                parcels.by_ref().take(batch).filter_map(|Parcel { sent, delivery }| Some((sent, *delivery?))).unzip();
            let (target, clock) = (self.target.clone(), self.clock);
            let memory = Kept { registry: Arc::clone(&self.registry), target: self.settings.name.clone() };
            let handle = sending.tasks.spawn(async move {
                let verdicts = match target {
                    Ok(target) => target.deliver(&deliveries, &memory).await,
                    Err(failure) => deliveries.iter().map(|_| Verdict::Failed(failure.clone())).collect(),
                };
                let over = clock();
                verdicts.into_iter().map(|verdict| (verdict, over)).collect()
            });
            sending.flights.insert(handle.id(), flight);
        }
    }

    /// Writes down what came of a hand-over, and of all others that are over by now. Answers until when the receiver wants to be left alone.
    async fn land(
        &self,
        first: Result<(task::Id, Verdicts), task::JoinError>,
        sending: &mut Sending,
        trouble: &mut Option<String>,
        silence: &mut Silence,
    ) -> Option<DateTime<Utc>> {
        let (mut attempted, mut paused) = (Vec::new(), None);
        let mut next = Some(first);
        while let Some(done) = next {
            let (id, verdicts) = match done {
                Ok((id, verdicts)) => (id, verdicts),
                Err(error) => (error.id(), Vec::new()),
            };
            let flight = sending.flights.remove(&id).unwrap_or_default();
            let mut verdicts = verdicts.into_iter();
            for sent in flight {
                let (verdict, over) = verdicts.next().unwrap_or_else(|| (lost(), (self.clock)()));
                silence.hears(&verdict);
                let (outcome, status) = self.judge(&sent, verdict, over, &mut paused, trouble).await;
                attempted.push(sent.over(outcome, status, over));
            }
            next = sending.tasks.try_join_next_with_id();
        }
        self.record(attempted).await;
        paused
    }

    /// What follows from a verdict.
    async fn judge(
        &self,
        sent: &Sent,
        verdict: Verdict,
        now: DateTime<Utc>,
        paused: &mut Option<DateTime<Utc>>,
        trouble: &mut Option<String>,
    ) -> (Outgoing, Option<u16>) {
        let name = &self.settings.name;
        let Failure { message, status, retry_after, effect } = match verdict {
            Verdict::Delivered(note) => {
                if trouble.take().is_some() {
                    tracing::info!(target = name, "deliveries arrive again");
                }
                return (Outgoing::Delivered { note }, None);
            }
            Verdict::Unchanged => return (Outgoing::Unchanged, None),
            Verdict::Failed(failure) => failure,
        };
        let at = || {
            let Sent { attempt, first_attempt_at, key, .. } = sent;
            next_attempt(&self.settings.retry, *attempt, *first_attempt_at, now, retry_after, key)
        };
        let outcome = match effect {
            Effect::Disable => {
                self.disable(&message, now).await;
                Outgoing::Back { error: Some(message) }
            }
            Effect::GiveUp => Outgoing::Dead { error: message, ambiguous: false },
            Effect::Ambiguous => Outgoing::Dead { error: message, ambiguous: true },
            Effect::Retry | Effect::Pause => match at() {
                Some(at) => {
                    if effect == Effect::Pause {
                        *paused = (*paused).max(Some(at));
                    }
                    self.say_once(trouble, &message);
                    Outgoing::Again { at, error: message }
                }
                None => Outgoing::Dead { error: message, ambiguous: false },
            },
        };
        if let Outgoing::Dead { error, .. } = &outcome {
            let (delivery, event, api) = (sent.delivery_id, &sent.event, sent.api.as_deref());
            tracing::error!(
                target = name,
                delivery,
                event,
                api,
                error,
                "a delivery is given up; `aboard deliveries retry` sends it again"
            );
        }
        (outcome, status)
    }

    async fn disable(&self, reason: &str, now: DateTime<Utc>) {
        let (registry, name, why) = (Arc::clone(&self.registry), self.settings.name.clone(), reason.to_owned());
        let switched = away(move || lock(&registry).disable_target(&name, &why, now)).await;
        // What was under way at that moment says the same once more.
        if matches!(switched, Ok(false)) {
            return;
        }
        let name = &self.settings.name;
        tracing::error!(target = name, reason, "the target is switched off; `aboard targets enable` brings it back");
        if let Err(error) = switched {
            tracing::error!("that cannot be written down: {error}");
        }
    }

    /// Says a new trouble once.
    fn say_once(&self, trouble: &mut Option<String>, message: &str) {
        if trouble.as_deref() != Some(message) {
            tracing::warn!(target = self.settings.name, "deliveries fail and are tried again: {message}");
            *trouble = Some(message.to_owned());
        }
    }

    /// Writes down attempts, until the registry takes it: what was delivered must not be delivered again for want of a note.
    async fn record(&self, attempted: Vec<Attempted>) {
        if attempted.is_empty() {
            return;
        }
        let attempted = Arc::new(attempted);
        for tried in 0_u32.. {
            let (registry, name, attempted) =
                (Arc::clone(&self.registry), self.settings.name.clone(), Arc::clone(&attempted));
            match away(move || lock(&registry).record_attempts(&name, &attempted)).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(
                        target = self.settings.name,
                        "what became of deliveries cannot be written down: {error}"
                    );
                    if tried >= 12 && !self.lasts {
                        break;
                    }
                    tokio::time::sleep(AFTER_TROUBLE).await;
                }
            }
        }
        self.progress.notify_waiters();
    }

    /// How long until something is due.
    async fn until_next(&self, settled: bool, not_before: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Duration {
        let (registry, name) = (Arc::clone(&self.registry), self.settings.name.clone());
        let longest = self.longest_wait();
        let next = away(move || {
            let mut registry = lock(&registry);
            match registry.next_delivery(&name, settled, now)? {
                Some(next) if next - now > longest && registry.bring_back(&name, longest, now)? > 0 => Ok(Some(now)),
                next => Ok::<_, RegistryError>(next),
            }
        })
        .await;
        let at = match next {
            Ok(next) => next.map(|next| not_before.map_or(next, |paused| next.max(paused))),
            Err(_) => Some(now + TimeDelta::seconds(5)),
        };
        at.map_or(LOOK_AGAIN, |at| (at - now).to_std().unwrap_or(Duration::ZERO))
    }

    /// Lets attempts under way come to their end; what takes longer than `grace` is broken off, and goes out again at the next start.
    async fn break_off_after(
        &self,
        grace: Duration,
        sending: &mut Sending,
        trouble: &mut Option<String>,
        silence: &mut Silence,
    ) {
        let mut time_is_up = std::pin::pin!(tokio::time::sleep(grace));
        while !sending.tasks.is_empty() {
            tokio::select! {
                biased;
                Some(done) = sending.tasks.join_next_with_id() => {
                    self.land(done, sending, trouble, silence).await;
                }
                () = &mut time_is_up => break,
            }
        }
        sending.tasks.abort_all();
        let now = (self.clock)();
        let error = "aboard was stopped before an answer came";
        let cut = std::mem::take(&mut sending.flights).into_values().flatten();
        let cut = cut.map(|sent| sent.over(Outgoing::Again { at: now, error: error.to_owned() }, None, now));
        self.record(cut.collect()).await;
    }
}

/// What a target that says nothing of a delivery is taken to have said.
fn lost() -> Verdict {
    Verdict::Failed(Failure::passing("a fault of aboard itself ended the attempt; please report it"))
}

#[cfg(test)]
mod tests;
