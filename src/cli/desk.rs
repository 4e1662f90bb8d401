//! What a command works with, be it in a process of its own or in the running worker, for a client of its control socket.
//!
//! A command asks its desk for the schedule file, the registry and the way to AWS, and says through it what is no result. So one code
//! serves both, and what it prints and how it ends is the same.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::exit::Failure;
use super::pick::Terminal;
use super::progress::Follower;
use super::setup::{self, Loaded};
use super::signals::{self, Watch};
use crate::clock;
use crate::config::Config;
use crate::discovery::{Aws, Progress};
use crate::registry::{Registry, RegistryErrorKind};
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
}

impl Desk {
    /// The desk of a command in a process of its own.
    pub(super) fn own(global: &Global) -> Self {
        Self { global: global.clone(), actor: super::actor(), cancel: CancellationToken::new() }
    }

    /// Says something beside the result.
    pub(super) fn say(&self, text: &str) {
        super::say(text);
    }

    /// The schedule file, with its warnings said.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        setup::load_and_warn(&self.global)
    }

    /// The registry of a run that writes nothing: none where there is none.
    pub(super) fn registry_to_look_at(&self, loaded: &Loaded) -> Result<Shelf, Failure> {
        match setup::read(&setup::registry_path(&self.global, loaded)) {
            Ok(reader) => Ok(Shelf::read(reader)),
            Err(error) if matches!(error.kind, RegistryErrorKind::Missing | RegistryErrorKind::DirectoryMissing(_)) => {
                Ok(Shelf::Empty)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The registry of a run that commits: made where there is none.
    pub(super) fn registry_of_run(&self, loaded: &Loaded) -> Result<Shelf, Failure> {
        Ok(Shelf::write(Registry::create_or_open(&setup::registry_path(&self.global, loaded))?))
    }

    /// The registry of a command that writes to it. The schedule file is not needed where the registry is named.
    pub(super) fn registry(&self) -> Result<SharedRegistry, Failure> {
        let path = match &self.global.registry {
            Some(path) => path.clone(),
            None => setup::registry_path(&self.global, &setup::load(&self.global)?),
        };
        Ok(Arc::new(Mutex::new(Registry::open(&path)?)))
    }

    /// The way to AWS, for as many connections.
    pub(super) async fn aws(&self, config: &Config, connections: usize) -> Result<Arc<Aws>, Failure> {
        Ok(Arc::new(Aws::new(&config.network, &config.limits, connections).await?))
    }

    /// What runs over as many connections share.
    pub(super) async fn context(
        &self,
        config: &Arc<Config>,
        registry: Shelf,
        connections: usize,
    ) -> Result<Context, Failure> {
        Ok(Context {
            aws: self.aws(config, connections).await?,
            config: Arc::clone(config),
            registry,
            progress: Progress::default(),
            cancel: self.cancel.clone(),
            clock: clock::now,
        })
    }

    /// Lets a person end runs while the command works.
    pub(super) fn watch(&self) -> Option<Watch> {
        Some(signals::cancel_on_interrupt(self.cancel.clone(), signals::ENDING))
    }

    /// Whoever can be asked which APIs to register.
    pub(super) fn asks(&self) -> Result<Arc<dyn Pick>, Failure> {
        Ok(Arc::new(Terminal::new()?))
    }

    /// Shows how far runs have come.
    pub(super) fn follow(&self, progress: Progress, quiet: bool) -> Follower {
        Follower::bar(progress, quiet)
    }
}
