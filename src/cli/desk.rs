//! What a command works with, be it in a process of its own or in the running worker, for a client of its control socket.
//!
//! A command asks its desk for the schedule file, the registry and the way to AWS, and says through it what is no result. So one code
//! serves both, and what it prints and how it ends is the same.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::exit::Failure;
use super::pick::{self, Terminal};
use super::progress::Follower;
use super::setup;
use super::signals::{self, Watch};
use crate::clock;
use crate::config::Config;
use crate::discovery::{Aws, Progress};
use crate::registry::{Registry, RegistryErrorKind};
use crate::worker::control::{Call, Client};
use crate::worker::service::Service;
use crate::worker::{Context, Pick, SharedRegistry, Shelf};

/// What a command works with.
#[derive(Debug)]
pub(super) struct Desk {
    /// What all commands share.
    pub(super) global: Global,
    /// Who gave the command, for the history.
    pub(super) actor: String,
    /// Ends runs: what was committed stays.
    pub(super) cancel: CancellationToken,
    /// The worker in whose process it stands, if not in one of its own.
    worker: Option<AtWorker>,
}

/// The schedule file that a command goes by.
#[derive(Clone, Debug)]
pub(super) struct Schedules {
    /// What it says.
    pub(super) config: Arc<Config>,
    /// Where it is.
    pub(super) file: PathBuf,
}

#[derive(Debug)]
struct AtWorker {
    service: Service,
    client: Client,
    /// Whether a person can be asked.
    terminal: bool,
    /// Whether progress is shown there.
    bar: bool,
}

impl Desk {
    /// The desk of a command in a process of its own.
    pub(super) fn own(global: &Global) -> Self {
        Self { global: global.clone(), actor: super::actor(), cancel: CancellationToken::new(), worker: None }
    }

    /// The desk of a command in the worker's process.
    pub(super) fn of_client(global: Global, service: &Service, call: &Call, client: &Client) -> Self {
        let worker =
            AtWorker { service: service.clone(), client: client.clone(), terminal: call.terminal, bar: call.bar };
        Self { global, actor: client.by().to_owned(), cancel: client.cancel().clone(), worker: Some(worker) }
    }

    /// Says something beside the result.
    pub(super) fn say(&self, text: &str) {
        match &self.worker {
            Some(worker) => worker.client.err(&format!("aboard: {text}\n")),
            None => super::say(text),
        }
    }

    /// The schedule file, with its warnings said; in the worker the one that counts there.
    pub(super) fn load(&self) -> Result<Schedules, Failure> {
        let Some(AtWorker { service, .. }) = &self.worker else {
            let setup::Loaded { config, file, .. } = setup::load_and_warn(&self.global)?;
            return Ok(Schedules { config, file });
        };
        if !self.global.quiet {
            for warning in service.reload_state().warnings {
                self.say(&format!("warning: {warning}"));
            }
        }
        Ok(Schedules { config: service.config(), file: service.file().to_owned() })
    }

    /// Where the registry is. The schedule file is not needed where the registry is named.
    pub(super) fn registry_path(&self, loaded: Option<&Schedules>) -> Result<PathBuf, Failure> {
        match (&self.worker, &self.global.registry, loaded) {
            (Some(worker), ..) => Ok(worker.service.registry_path().to_owned()),
            (None, Some(path), _) => Ok(path.clone()),
            (None, None, Some(loaded)) => Ok(setup::registry_of(&self.global, &loaded.config, &loaded.file)),
            (None, None, None) => Ok(setup::registry_path(&self.global, &setup::load(&self.global)?)),
        }
    }

    /// The registry of a run that writes nothing: none where there is none.
    pub(super) fn registry_to_look_at(&self, loaded: &Schedules) -> Result<Shelf, Failure> {
        if let Some(worker) = &self.worker {
            return Ok(worker.service.registry());
        }
        match setup::read(&self.registry_path(Some(loaded))?) {
            Ok(reader) => Ok(Shelf::read(reader)),
            Err(error) if matches!(error.kind, RegistryErrorKind::Missing | RegistryErrorKind::DirectoryMissing(_)) => {
                Ok(Shelf::Empty)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The registry of a run that commits: made where there is none.
    pub(super) fn registry_of_run(&self, loaded: &Schedules) -> Result<Shelf, Failure> {
        match &self.worker {
            Some(worker) => Ok(worker.service.registry()),
            None => Ok(Shelf::write(Registry::create_or_open(&self.registry_path(Some(loaded))?)?)),
        }
    }

    /// The registry of a command that writes to it: one of its own, so that the worker's does not wait for it.
    pub(super) fn registry(&self, loaded: Option<&Schedules>) -> Result<SharedRegistry, Failure> {
        Ok(Arc::new(Mutex::new(Registry::open(&self.registry_path(loaded)?)?)))
    }

    /// The way to AWS.
    pub(super) async fn aws(&self, config: &Config) -> Result<Arc<Aws>, Failure> {
        match &self.worker {
            Some(worker) => Ok(worker.service.aws()),
            None => Ok(Arc::new(Aws::new(&config.network, &config.limits).await?)),
        }
    }

    /// What runs share.
    pub(super) async fn context(&self, config: &Arc<Config>, registry: Shelf) -> Result<Context, Failure> {
        Ok(Context {
            aws: self.aws(config).await?,
            config: Arc::clone(config),
            registry,
            progress: Progress::default(),
            cancel: self.cancel.clone(),
            // Whoever interrupts a command wants it to end now.
            wind_down: CancellationToken::new(),
            clock: clock::now,
            courier: self.worker.as_ref().map(|worker| worker.service.courier()).unwrap_or_default(),
            by_hand: self.worker.as_ref().map(|worker| worker.service.by_hand()).unwrap_or_default(),
        })
    }

    /// Lets a person end runs while the command works. A client tells its worker by itself.
    pub(super) fn watch(&self) -> Option<Watch> {
        self.worker.is_none().then(|| signals::cancel_on_interrupt(self.cancel.clone(), || super::say(signals::ENDING)))
    }

    /// Whoever can be asked which APIs to register.
    pub(super) fn asks(&self) -> Result<Arc<dyn Pick>, Failure> {
        match &self.worker {
            None => Ok(Arc::new(Terminal::new()?)),
            Some(AtWorker { client, terminal: true, .. }) => Ok(Arc::new(client.clone())),
            Some(_) => Err(pick::nobody()),
        }
    }

    /// Shows how far runs have come.
    pub(super) fn follow(&self, progress: Progress, quiet: bool) -> Follower {
        match &self.worker {
            None => Follower::bar(progress, quiet),
            Some(AtWorker { client, bar: true, .. }) if !quiet => {
                let client = client.clone();
                Follower::tell(progress, move |now| client.progress(now))
            }
            Some(_) => Follower::nobody(),
        }
    }

    /// Has the worker plan anew, where this is its process: what the registry says of schedules has changed.
    pub(super) fn poke(&self) {
        if let Some(worker) = &self.worker {
            worker.service.poke();
        }
    }
}
