//! Who delivers: the lanes of the worker, or a command on its own account.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::lane::{Ending, Lane, Until};
use crate::config::{Config, Target as Settings};
use crate::notice::Notice;
use crate::registry::{RegistryError, Tally};
use crate::targets::{self, Setup};
use crate::worker::book::{SharedRegistry, Shelf, away, lock};
use crate::worker::context::Context;

/// How long a command waits for another process that delivers to the same target.
const PATIENCE: Duration = Duration::from_secs(30);
/// What attempts under way have when a command is interrupted.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a command waits for the worker's first attempts.
const WORKERS_TURN: Duration = Duration::from_mins(2);

/// Who delivers what a run queued. Clones are the same.
#[derive(Clone, Debug)]
pub struct Courier(Who);

#[derive(Clone, Debug)]
enum Who {
    Worker(Arc<Lanes>),
    /// A command itself. Its runs deliver one after the other: each lane is held by one at a time, and waiting for it as for
    /// another process would take [`PATIENCE`].
    Command(Arc<tokio::sync::Mutex<()>>),
}

impl Default for Courier {
    /// A command on its own account.
    fn default() -> Self {
        Self(Who::Command(Arc::default()))
    }
}

impl Courier {
    /// The worker's.
    #[must_use]
    pub fn of_worker(lanes: &Arc<Lanes>) -> Self {
        Self(Who::Worker(Arc::clone(lanes)))
    }

    /// There is something new in the outbox. Only the worker's lanes care; a command delivers at its end.
    pub fn kick(&self) {
        if let Who::Worker(lanes) = &self.0 {
            lanes.kick();
        }
    }

    /// Has everything that is due attempted once, and answers what came of what these connections had in the outbox, by target. `since`
    /// is what [`mark`] said before.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub async fn first_attempts(
        &self,
        context: &Context,
        connections: &[String],
        since: i64,
    ) -> Result<BTreeMap<String, Tally>, RegistryError> {
        let Shelf::Write(registry) = &context.registry else { return Ok(BTreeMap::new()) };
        match &self.0 {
            Who::Worker(lanes) => {
                for connection in connections {
                    lanes.let_them_go(registry, connection, &context.cancel, context.clock).await?;
                }
            }
            Who::Command(turn) => {
                let _turn = turn.lock().await;
                attempt_once(context, registry).await?;
            }
        }
        let (registry, connections) = (Arc::clone(registry), connections.to_owned());
        away(move || {
            let mut targets: BTreeMap<String, Tally> = BTreeMap::new();
            for connection in &connections {
                for (target, tally) in lock(&registry).tally(connection, since)? {
                    targets.entry(target).or_default().add(tally);
                }
            }
            Ok(targets)
        })
        .await
    }
}

/// Where the outbox stands, for [`Courier::first_attempts`].
///
/// # Errors
/// What SQLite and the disk may refuse.
pub async fn mark(context: &Context) -> Result<i64, RegistryError> {
    let Shelf::Write(registry) = &context.registry else { return Ok(0) };
    let registry = Arc::clone(registry);
    away(move || lock(&registry).newest_attempt()).await
}

/// One attempt for everything that is due, for each target of the file side by side.
async fn attempt_once(context: &Context, registry: &SharedRegistry) -> Result<(), RegistryError> {
    let begun = (context.clock)();
    let held = Arc::clone(registry);
    let (waiting, path) = away(move || {
        let registry = lock(&held);
        Ok::<_, RegistryError>((registry.waiting_targets()?, registry.path().to_owned()))
    })
    .await?;
    let ending = Ending { stop: context.cancel.clone(), grace: LAST_WORDS, patience: Some(PATIENCE) };
    let (mut lanes, setup) = (JoinSet::new(), setup(&context.config));
    for settings in context.config.targets.values().filter(|settings| waiting.contains(&settings.name)) {
        let lane = Lane {
            settings: settings.clone(),
            target: targets::open(settings, &setup).map(Arc::from),
            registry: Arc::clone(registry),
            path: path.clone(),
            clock: context.clock,
            lasts: false,
            paused: Arc::default(),
            progress: Arc::default(),
        };
        let ending = ending.clone();
        lanes.spawn(async move { lane.work(Until::Attempted(begun), &Notify::new(), &ending).await });
    }
    lanes.join_all().await;
    Ok(())
}

pub(super) fn setup(config: &Config) -> Setup {
    Setup { network: config.network.clone() }
}

/// The worker's lanes, one for each target of the file.
#[derive(Debug)]
pub struct Lanes {
    registry: SharedRegistry,
    path: std::path::PathBuf,
    clock: fn() -> DateTime<Utc>,
    stop: CancellationToken,
    grace: Duration,
    progress: Arc<Notify>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    lanes: BTreeMap<String, OpenLane>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct OpenLane {
    settings: Settings,
    setup: Setup,
    kick: Arc<Notify>,
    stop: CancellationToken,
    /// Until when its receiver wants to be left alone, in unix milliseconds.
    paused: Arc<AtomicI64>,
}

impl Lanes {
    /// No lanes yet. They end when `stop` is cancelled; attempts under way then have `grace` to come to their end.
    #[must_use]
    pub fn new(
        registry: SharedRegistry,
        clock: fn() -> DateTime<Utc>,
        stop: CancellationToken,
        grace: Duration,
    ) -> Arc<Self> {
        let path = lock(&registry).path().to_owned();
        Arc::new(Self { registry, path, clock, stop, grace, progress: Arc::default(), open: Mutex::default() })
    }

    /// Goes by this file from now on. A lane whose target says something else ends when its attempts under way are over, and begins anew.
    pub fn follow(&self, config: &Config) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Open { lanes, tasks } = &mut *open;
        // Those that have ended.
        while tasks.try_join_next().is_some() {}
        let setup = setup(config);
        let stays =
            |lane: &OpenLane| lane.setup == setup && config.targets.get(&lane.settings.name) == Some(&lane.settings);
        lanes.retain(|_, lane| {
            let stays = stays(lane);
            if !stays {
                lane.stop.cancel();
            }
            stays
        });
        for (name, settings) in &config.targets {
            if lanes.contains_key(name) {
                continue;
            }
            let (kick, stop) = (Arc::new(Notify::new()), self.stop.child_token());
            let paused = Arc::<AtomicI64>::default();
            let lane = Lane {
                settings: settings.clone(),
                target: targets::open(settings, &setup).map(Arc::from),
                registry: Arc::clone(&self.registry),
                path: self.path.clone(),
                clock: self.clock,
                lasts: true,
                paused: Arc::clone(&paused),
                progress: Arc::clone(&self.progress),
            };
            let ending = Ending { stop: stop.clone(), grace: self.grace, patience: None };
            let kicked = Arc::clone(&kick);
            tasks.spawn(async move { lane.work(Until::Stopped, &kicked, &ending).await });
            lanes.insert(
                name.clone(),
                OpenLane { settings: settings.clone(), setup: setup.clone(), kick, stop, paused },
            );
        }
    }

    /// There is something new.
    pub fn kick(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for lane in open.lanes.values() {
            lane.kick.notify_one();
        }
    }

    /// Waits until all lanes have ended.
    pub async fn end(&self) {
        let mut tasks = std::mem::take(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner).tasks);
        while tasks.join_next().await.is_some() {}
    }

    /// Targets that get something now: not those whose receiver wants to be left alone.
    fn busy(&self, now: DateTime<Utc>) -> Vec<String> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = |lane: &OpenLane| lane.paused.load(Relaxed) > now.timestamp_millis();
        open.lanes.iter().filter(|(_, lane)| !rests(lane)).map(|(name, _)| name.clone()).collect()
    }

    /// Waits until nothing that is due of a connection lacks its first attempt, or the wait gets too long.
    async fn let_them_go(
        &self,
        registry: &SharedRegistry,
        connection: &str,
        cancel: &CancellationToken,
        clock: fn() -> DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.kick();
        let mut too_long = std::pin::pin!(tokio::time::sleep(WORKERS_TURN));
        loop {
            let progress = self.progress.notified();
            let (held, name, now) = (Arc::clone(registry), connection.to_owned(), clock());
            let targets = self.busy(now);
            if !away(move || lock(&held).first_attempts_pending(&name, &targets, now)).await? {
                return Ok(());
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = &mut too_long => return Ok(()),
                () = progress => {}
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
    }
}

/// Tries a target with a marked test event; nothing is written down.
///
/// # Errors
/// What stands in the way.
pub async fn test(config: &Config, target: &Settings, now: DateTime<Utc>) -> Result<String, targets::Failure> {
    let notice = Notice {
        event: "aboard.test".to_owned(),
        occurred_at: now,
        target: target.name.clone(),
        connection: "test".to_owned(),
        run_id: None,
        revision: 1,
        api: None,
        instances: Vec::new(),
        run: None,
    };
    targets::open(target, &setup(config))?.test(&notice).await
}
