//! What `run` starts from: the schedule file, or, where that is bad and a person allows it, the last one that was good.

use std::path::{Path, PathBuf};

use super::agent_settings;
use super::args::Global;
use super::exit::Failure;
use super::places;
use super::setup::{self, Loaded};
use crate::worker::service::source::{self, Fault};

/// What a worker starts from.
#[derive(Debug)]
pub(super) struct Start {
    /// What counts.
    pub(super) loaded: Loaded,
    /// Where the registry is.
    pub(super) registry: PathBuf,
    /// Why the schedule file itself does not count.
    pub(super) refused: Option<Fault>,
}

impl Start {
    /// Finds it, and says what is suspicious.
    ///
    /// # Errors
    /// The file is bad or missing, and nothing stands in for it.
    pub(super) fn find(global: &Global, allow_last_good: bool) -> Result<Self, Failure> {
        let file = setup::file(global);
        let fault = match source::load(&file) {
            Ok(loaded) => {
                let mut loaded = Loaded::new(file, loaded);
                loaded.warnings.extend(agent_settings::overruled());
                loaded.warn(global);
                let registry = setup::registry_path(global, &loaded);
                return Ok(Self { loaded, registry, refused: None });
            }
            Err(fault) => fault,
        };
        if let Fault::Missing { .. } = fault
            && let Some(loaded) = agent_settings::load()?
        {
            let registry = setup::registry_path(global, &loaded);
            if let Some(origin) = &loaded.agent {
                tracing::info!(
                    "there is no schedule file, so the settings of Gravitee's agent count ({origin}); {}",
                    agent_settings::cost(&registry)
                );
            }
            loaded.warn(global);
            return Ok(Self { loaded, registry, refused: None });
        }
        let places = places::registries(global);
        let kept = places.iter().find(|place| source::last_good(place).exists());
        let failure = setup::refused(&fault, global.config.is_none());
        match (kept, allow_last_good) {
            (Some(registry), true) => Self::from_last_good(global, &file, registry, fault),
            (Some(registry), false) => Err(and(failure, &hint(registry))),
            (None, true) => Err(and(failure, "no good file of an earlier start lies beside the registry")),
            (None, false) => Err(failure),
        }
    }

    fn from_last_good(global: &Global, file: &Path, registry: &Path, fault: Fault) -> Result<Self, Failure> {
        let copy = source::last_good(registry);
        let loaded = source::load_last_good(registry, file).map_err(|of_copy| {
            let why = of_copy.headlines().join("; ");
            and(
                setup::refused(&fault, false),
                &format!("the last good file {} is not good any more: {why}", copy.display()),
            )
        })?;
        for headline in fault.headlines() {
            tracing::warn!("{headline}");
        }
        tracing::warn!(
            "the schedule file {} does not count: starting from the last good one, {}, until it is cured",
            file.display(),
            copy.display()
        );
        let loaded = Loaded::new(file.to_owned(), loaded);
        loaded.warn(global);
        Ok(Self { loaded, registry: registry.to_owned(), refused: Some(fault) })
    }
}

fn hint(registry: &Path) -> String {
    let copy = source::last_good(registry);
    format!("`aboard run --allow-last-good` starts from the last file that was good, {}", copy.display())
}

/// A failure with one more thing to do.
fn and(failure: Failure, more: &str) -> Failure {
    let hint = match &failure.hint {
        Some(hint) => format!("{hint}\n  {more}"),
        None => more.to_owned(),
    };
    failure.hint(hint)
}
