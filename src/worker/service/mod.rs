//! The running worker: follows the schedules until it is told to stop.
//!
//! ```text
//! schedule file ── reload ──► Dispatcher ──► Queue ──► worker::run (at most `parallel_runs`, one a connection)
//!        alarm, heartbeat ──────►   │                        │
//!                                   ▼                        ▼
//!                  fates, retries, states (registry: one transaction each) ──► Status
//! ```
//!
//! [`serve`] is the whole of it; [`Service`] is the handle that the control socket, HTTP and the reloader share. The dispatcher is the
//! only one that starts scheduled runs, and every due instant passes through it once.

mod alarm;
mod backend;
mod clock_watch;
mod control;
mod cursors;
mod dispatcher;
mod entries;
mod follow;
mod jobs;
mod ledger;
mod notify;
pub mod reload;
pub mod source;
mod status;
pub mod watch;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::signal::unix::Signal;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use control::Commands;
pub use reload::{ReloadReport, ReloadResult, ReloadState, ReloadTrigger};
pub use status::{NextDue, Phase, RunInFlight, Status, SwitchedOff};

use super::book::{self, SharedRegistry, Shelf};
use super::context::Context;
use super::delivery::{Courier, Lanes};
use super::exporting;
use super::gravitee::Agents;
use crate::config::Config;
use crate::discovery::{Aws, Progress};
use crate::http::Server;
use crate::registry::locks::Lock;
use crate::registry::{Registry, RegistryError};
use crate::zones::ZoneData;
use backend::Desk;
use dispatcher::Dispatcher;
use notify::{ServiceManager, status_line};
use reload::{Followed, Reloads};
use source::{Fault, Text};
use watch::WatchTimes;

/// What the worker is given.
#[derive(Debug)]
pub struct Settings {
    /// The checked schedule file.
    pub config: Arc<Config>,
    /// Where it is, from the root: clients stand elsewhere.
    pub file: PathBuf,
    /// Whether there is no such file, and all that it would say was settled at the start.
    pub fixed: bool,
    /// The text that it was made from.
    pub text: Text,
    /// What is suspicious in it, as it is shown.
    pub warnings: Vec<String>,
    /// Why the file itself does not count, where the last good one stands in for it.
    pub refused: Option<Fault>,
    /// How often and how patiently it is looked at for changes; none: only where somebody asks for that.
    pub watch: Option<WatchTimes>,
    /// The registry.
    pub registry: Registry,
    /// That makes this the registry's one worker.
    pub lock: Lock,
    /// The way to AWS.
    pub aws: Arc<Aws>,
    /// Zone data.
    pub zones: ZoneData,
    /// The wall clock.
    pub clock: fn() -> DateTime<Utc>,
    /// Where its control socket belongs.
    pub socket: PathBuf,
    /// Carries out what clients of that socket want.
    pub commands: Arc<dyn Commands>,
    /// SIGHUP, listened to since the process began; one that came during the start is a reload after it.
    pub hangup: Signal,
    /// When the process began its work.
    pub begun: Instant,
    /// What runs in flight have at the end to come to their next commit.
    pub farewell: Duration,
}

/// Why the worker could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The registry refused what a start needs.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// `[http]`, or what stands in for Gravitee's own agent, cannot listen.
    #[error(transparent)]
    Http(#[from] crate::http::BindError),
    /// The alarm could not be set up.
    #[error("the alarm of the worker cannot be set up: {0}")]
    Alarm(#[from] tokio_cron_scheduler::JobSchedulerError),
}

/// The running worker, to be asked and told. Clones are the same.
#[derive(Clone, Debug)]
pub struct Service(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: ArcSwap<Config>,
    file: PathBuf,
    registry: SharedRegistry,
    registry_path: PathBuf,
    aws: Arc<Aws>,
    clock: fn() -> DateTime<Utc>,
    status: Mutex<(Status, Instant)>,
    wake: Arc<Notify>,
    mail: mpsc::Sender<Mail>,
    reloads: Reloads,
    stop: CancellationToken,
    /// Cancelled when runs in flight have had their time after that.
    halt: CancellationToken,
    by_hand: Arc<AtomicUsize>,
    lanes: Arc<Lanes>,
    agents: Agents,
    manager: ServiceManager,
    runtime: Handle,
}

/// What the dispatcher is told.
#[derive(Debug)]
enum Mail {
    /// Another schedule file counts from now on.
    Swap(Arc<Config>, oneshot::Sender<Result<(), String>>),
}

impl Service {
    /// The schedule file that counts now.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.0.config.load_full()
    }

    /// Where the schedule file is, from the root.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// The registry, shared with every run.
    #[must_use]
    pub fn registry(&self) -> Shelf {
        Shelf::Write(Arc::clone(&self.0.registry))
    }

    /// The registry's file.
    #[must_use]
    pub fn registry_path(&self) -> &Path {
        &self.0.registry_path
    }

    /// The way to AWS, with the one limiter of the process.
    #[must_use]
    pub fn aws(&self) -> Arc<Aws> {
        Arc::clone(&self.0.aws)
    }

    /// Who delivers what runs queue.
    #[must_use]
    pub fn courier(&self) -> Courier {
        Courier::of_worker(&self.0.lanes)
    }

    /// How many runs by hand are under way in this process.
    #[must_use]
    pub fn by_hand(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0.by_hand)
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0.clock)()
    }

    /// Cancelled when the worker is told to stop.
    #[must_use]
    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// What a run in this process works with.
    #[must_use]
    pub fn context(&self, cancel: CancellationToken) -> Context {
        Context {
            config: self.config(),
            aws: self.aws(),
            registry: self.registry(),
            progress: Progress::default(),
            cancel,
            wind_down: self.0.stop.clone(),
            clock: self.0.clock,
            courier: self.courier(),
            by_hand: self.by_hand(),
        }
    }

    /// How the worker stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let held = self.0.status.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, ticked) = &*held;
        let age = u64::try_from(ticked.elapsed().as_millis()).unwrap_or(u64::MAX);
        let tasks = self.0.runtime.metrics().num_alive_tasks();
        let (reload, integrations) = (Some(self.reload_state()), self.0.agents.statuses());
        Status { tick_age_ms: age, tasks, reload, integrations, ..status.clone() }
    }

    /// How the schedule file stands: what is in force, and why something else is not.
    #[must_use]
    pub fn reload_state(&self) -> ReloadState {
        self.0.reloads.state()
    }

    /// Reads the schedule file anew and says what became of it. `accept` says that an empty file or the removal of most connections is
    /// meant; `by` is who asks, for the audit trail.
    pub async fn reload(&self, trigger: ReloadTrigger, accept: bool, by: Option<String>) -> ReloadReport {
        self.0.reloads.reload(trigger, accept, by).await
    }

    /// Has the dispatcher look again: a pause was set or lifted.
    pub fn poke(&self) {
        self.0.wake.notify_one();
    }

    /// Puts another schedule file into force: the dispatcher serves what was due by the old one, writes down which schedules begin
    /// anew, and swaps. Runs in flight go on with what they began with.
    ///
    /// # Errors
    /// One sentence; then nothing has changed.
    async fn swap(&self, config: Arc<Config>) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        let stopping = || "the worker is stopping".to_owned();
        self.0.mail.send(Mail::Swap(config, reply)).await.map_err(|_| stopping())?;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    fn phase(&self) -> Phase {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner).0.phase
    }

    /// The dispatcher went round, and there is nothing new.
    fn tick(&self) {
        let mut held = self.0.status.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.ticked_at = self.now();
        held.1 = Instant::now();
        drop(held);
        self.tell_status();
    }

    /// What `systemctl status` shows.
    fn line(&self) -> String {
        let held = self.0.status.lock().unwrap_or_else(PoisonError::into_inner);
        let rejected = self.reload_state().trouble.map(|trouble| trouble.since);
        status_line(&held.0, rejected, self.now())
    }

    /// Says how the worker stands, where that is another line than before: the time that is left shrinks while nothing happens.
    fn tell_status(&self) {
        match self.phase() {
            // The first line goes with the word that it is ready, the last with the word that it ends.
            Phase::Starting | Phase::Stopping => {}
            Phase::Running | Phase::WaitingForClock => self.0.manager.status(&self.line()),
        }
    }

    fn publish(&self, status: Status) {
        *self.0.status.lock().unwrap_or_else(PoisonError::into_inner) = (status, Instant::now());
        self.tell_status();
    }
}

/// Follows the schedules until `stop` is cancelled and the runs in flight have come to their next commit of a scope, for which they have
/// [`Settings::farewell`].
///
/// # Errors
/// It could not begin.
pub async fn serve(settings: Settings, stop: CancellationToken) -> Result<(), ServeError> {
    let Settings {
        config,
        file,
        fixed,
        text,
        warnings,
        refused,
        watch,
        registry,
        mut lock,
        aws,
        zones,
        clock,
        socket,
        commands,
        hangup,
        begun,
        farewell,
    } = settings;
    // Before anything is begun: a port that is taken is a start that failed.
    let http = match &config.http {
        Some(http) => Some((Server::bind(http.listen).await?, zones.anew())),
        None => None,
    };
    let node = match &config.node {
        Some(node) => Some((Server::bind_node(node.listen).await?, zones.anew())),
        None => None,
    };
    let (mail, mailbox) = mpsc::channel(16);
    let status = Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_at: clock(),
        file: file.clone(),
        fixed,
        registry: registry.path().to_owned(),
        ..Status::default()
    };
    let followed = Followed {
        file: file.clone(),
        registry: registry.path().to_owned(),
        config: Arc::clone(&config),
        text,
        warnings,
        fixed,
    };
    let (mut reloader, reloads) = reload::prepare(followed, clock, watch.unwrap_or_default().settle);
    if let Some(fault) = &refused {
        reloader.begins_without_its_file(fault);
    }
    let registry_path = registry.path().to_owned();
    let registry = Arc::new(Mutex::new(registry));
    let lanes = Lanes::new(Arc::clone(&registry), clock, stop.clone(), farewell);
    let shelf = Shelf::Write(Arc::clone(&registry));
    let agents = Agents::new(Arc::clone(&config), Arc::clone(&aws), shelf, clock, stop.clone());
    let service = Service(Arc::new(Shared {
        config: ArcSwap::new(config),
        file,
        registry_path,
        registry,
        aws,
        clock,
        status: Mutex::new((status, Instant::now())),
        wake: Arc::new(Notify::new()),
        mail,
        reloads,
        stop: stop.clone(),
        halt: CancellationToken::new(),
        by_hand: Arc::default(),
        lanes,
        agents,
        manager: ServiceManager::from_environment(),
        runtime: Handle::current(),
    }));
    let http = match http {
        Some((server, zones)) => {
            let opened = service.clone();
            let desk = book::away(move || Desk::open(opened, zones)).await?;
            // It answers until the last run has ended.
            let end = CancellationToken::new();
            Some((tokio::spawn(server.serve(Arc::new(desk), end.clone())), end))
        }
        None => None,
    };
    let node = match node {
        Some((server, zones)) => {
            let opened = service.clone();
            let desk = book::away(move || Desk::open(opened, zones)).await?;
            let end = CancellationToken::new();
            Some((tokio::spawn(server.serve_node(Arc::new(desk), end.clone())), end))
        }
        None => None,
    };
    if let Err(error) = lock.set_file(service.file()) {
        tracing::warn!("the lock cannot tell which file the worker follows: {error}");
    }
    let clients = control::open(&service, socket, &mut lock)
        .map(|server| tokio::spawn(control::serve(service.clone(), server, commands)));
    let mut dispatcher = Dispatcher::new(service.clone(), zones, mailbox, farewell).await?;
    dispatcher.begin().await?;
    let armed_after = begun.elapsed();
    dispatcher.armed(armed_after);
    let told = service.status();
    tracing::info!(
        connections = told.connections,
        schedules = told.schedules,
        next = told.next.as_ref().map(|next| format!("{} {} {}", next.connection, next.local, next.zone)),
        tz_source = told.tz_source,
        tz_version = told.tz_version,
        armed_after_ms = u64::try_from(armed_after.as_millis()).unwrap_or(u64::MAX),
        "following {}",
        if fixed { "what was set at the start".to_owned() } else { told.file.display().to_string() },
    );
    service.0.lanes.follow(&service.config());
    service.0.agents.clear_leftovers().await;
    service.0.agents.follow(&service.config());
    tokio::spawn(export_leftovers(service.clone()));
    service.0.manager.ready(&service.line());
    let following = follow::follow(&service, reloader, watch, hangup);
    dispatcher.run().await;
    service.0.lanes.end().await;
    service.0.agents.end().await;
    if let Some(clients) = clients {
        // It ends when the worker is told to stop; a fault of its own is no reason not to.
        let _ = clients.await;
    }
    following.await;
    for (serving, end) in http.into_iter().chain(node) {
        end.cancel();
        let _ended = serving.await;
    }
    tracing::info!("stopped");
    // Until now no other worker may begin.
    drop(lock);
    Ok(())
}

/// What the last worker queued and did not come to export: its events wait for that.
async fn export_leftovers(service: Service) {
    let context = service.context(service.0.halt.clone());
    for connection in service.config().connections.values() {
        if let Err(error) = exporting::leftovers(&context, connection).await {
            tracing::error!(connection = connection.name, "specifications cannot be exported: {error}");
        }
    }
}
