//! What a command works with: the schedule file and the registry, found and opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::Global;
use super::exit::{Exit, Failure};
use crate::config::{self, Checked, Config, Place};
use crate::environment;
use crate::registry::{Reader, Registry, RegistryError, RegistryErrorKind};
use crate::zones::ZoneData;

/// Where the schedule file is looked for when nobody names it.
const DEFAULT_FILES: [&str; 2] = ["schedules.toml", "/etc/aboard/schedules.toml"];
/// Where the state of a service that is configured under `/etc/aboard` belongs.
const SYSTEM_STATE: &str = "/var/lib/aboard";
const REGISTRY_FILE: &str = "aboard.db";

/// A valid schedule file.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// What it says.
    pub(super) config: Arc<Config>,
    /// Where it is.
    pub(super) file: PathBuf,
    /// Suspicious things in it, as they are shown.
    pub(super) warnings: Vec<String>,
}

/// Where the schedule file is.
#[must_use]
pub(super) fn file(global: &Global) -> PathBuf {
    let found = || DEFAULT_FILES.map(PathBuf::from).into_iter().find(|path| path.exists());
    global.config.clone().or_else(found).unwrap_or_else(|| PathBuf::from(DEFAULT_FILES[0]))
}

/// Reads and checks the schedule file.
///
/// # Errors
/// It cannot be read, or it is not valid: then every mistake is in the message.
pub(super) fn load(global: &Global) -> Result<Loaded, Failure> {
    let file = file(global);
    let text = fs::read(&file).map_err(|error| {
        let cannot = Failure::usage(format!("cannot read the schedule file {}: {error}", file.display()));
        match global.config {
            Some(_) => cannot,
            None => cannot
                .hint(format!("name it with --config or ABOARD_CONFIG; looked for {}", DEFAULT_FILES.join(" and "))),
        }
    })?;
    let text = String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("the schedule file {} is not UTF-8 (byte {at})", file.display()))
    })?;
    match config::parse(&text, &Place::new(&file)) {
        Ok(Checked { config, warnings }) => {
            let warnings = warnings.iter().map(ToString::to_string).collect();
            Ok(Loaded { config: Arc::new(config), file, warnings })
        }
        Err(problems) => {
            let count = problems.len();
            let mut message: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let mistakes = if count == 1 { "1 mistake".to_owned() } else { format!("{count} mistakes") };
            message.push(format!("{} has {mistakes}", file.display()));
            Err(Failure { exit: Exit::Usage, message: message.join("\n"), hint: None })
        }
    }
}

/// The same, with its warnings on standard error.
///
/// # Errors
/// As [`load`].
pub(super) fn load_and_warn(global: &Global) -> Result<Loaded, Failure> {
    let loaded = load(global)?;
    if !global.quiet {
        for warning in &loaded.warnings {
            super::say(&format!("warning: {warning}"));
        }
    }
    Ok(loaded)
}

/// The zone data to use; the system's is where `TZDIR` says.
#[must_use]
pub(super) fn zone_data() -> ZoneData {
    ZoneData::load(environment::path("TZDIR").map(PathBuf::from).as_deref())
}

/// Where the registry of this file is.
#[must_use]
pub(super) fn registry_path(global: &Global, loaded: &Loaded) -> PathBuf {
    let named = global.registry.clone().or_else(|| loaded.config.registry.path.clone());
    named.unwrap_or_else(|| default_registry(&loaded.file))
}

/// Where the registry of a file that names none is.
#[must_use]
pub(super) fn default_registry(file: &Path) -> PathBuf {
    // systemd gives several directories as a list with colons; the first is the unit's main one.
    let state = environment::path("STATE_DIRECTORY");
    let state = state.and_then(|list| list.to_string_lossy().split(':').next().map(PathBuf::from));
    let folder = state.unwrap_or_else(|| match file.parent() {
        Some(parent) if parent == Path::new("/etc/aboard") => PathBuf::from(SYSTEM_STATE),
        Some(parent) => parent.to_owned(),
        None => PathBuf::new(),
    });
    folder.join(REGISTRY_FILE)
}

/// Opens the registry of a command that only looks at it; the schedule file is not needed where the registry is named.
///
/// # Errors
/// There is none, or it cannot be opened.
pub(super) fn open_to_read(global: &Global) -> Result<Reader, Failure> {
    let path = match &global.registry {
        Some(path) => path.clone(),
        None => registry_path(global, &load(global)?),
    };
    Ok(read(&path)?)
}

/// Opens a registry to look at it. One of an older schema is brought to this binary's first, with a copy beside it.
///
/// # Errors
/// There is none, or it cannot be opened.
pub(super) fn read(path: &Path) -> Result<Reader, RegistryError> {
    match Registry::open_read(path) {
        Err(error) if matches!(error.kind, RegistryErrorKind::Older { .. }) => {
            Registry::open(path)?;
            Registry::open_read(path)
        }
        other => other,
    }
}
