//! What a command works with: the schedule file and the registry, found and opened.
//!
//! Where the registry may be while the file is bad, `places` knows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::agent_settings;
use super::args::Global;
use super::exit::{Exit, Failure};
use super::output::count;
use super::places;
use crate::config::{Config, Problem};
use crate::environment;
use crate::registry::{Reader, Registry, RegistryError, RegistryErrorKind};
use crate::worker::service::source::{self, Fault};
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
    /// The text that it was made from.
    pub(super) text: source::Text,
    /// Where it came from, if not from a schedule file but from the settings of Gravitee's agent.
    pub(super) agent: Option<agent_settings::Origin>,
}

impl Loaded {
    /// What was read from `file`, or stands in for it.
    pub(super) fn new(file: PathBuf, loaded: source::Loaded) -> Self {
        let source::Loaded { config, warnings, text } = loaded;
        let warnings = warnings.iter().map(ToString::to_string).collect();
        Self { config: Arc::new(config), file, warnings, text, agent: None }
    }

    /// Says what is suspicious in it.
    pub(super) fn warn(&self, global: &Global) {
        if !global.quiet {
            for warning in &self.warnings {
                super::say(&format!("warning: {warning}"));
            }
        }
    }
}

/// Where the schedule file is.
#[must_use]
pub(super) fn file(global: &Global) -> PathBuf {
    let found = || DEFAULT_FILES.map(PathBuf::from).into_iter().find(|path| path.exists());
    global.config.clone().or_else(found).unwrap_or_else(|| PathBuf::from(DEFAULT_FILES[0]))
}

/// Reads and checks the schedule file. Where there is none, the settings of Gravitee's agent count if there are any.
///
/// # Errors
/// It cannot be read, or it is not valid: then every mistake is in the message.
pub(super) fn load(global: &Global) -> Result<Loaded, Failure> {
    let file = file(global);
    match source::load(&file) {
        Ok(loaded) => Ok(Loaded::new(file, loaded)),
        Err(fault @ Fault::Missing { .. }) => {
            agent_settings::load()?.ok_or_else(|| refused(&fault, global.config.is_none()))
        }
        Err(fault) => Err(refused(&fault, global.config.is_none())),
    }
}

/// Every mistake with its place, and their number last, where a person looks first.
pub(super) fn refused(fault: &Fault, looked_for: bool) -> Failure {
    match fault {
        Fault::Invalid { .. } => {
            let mut message = fault.errors();
            message.push(fault.to_string());
            Failure::usage(message.join("\n"))
        }
        Fault::Missing { .. } | Fault::Unreadable { .. } if looked_for => Failure::usage(fault.to_string())
            .hint(format!("name it with --config or ABOARD_CONFIG; looked for {}", DEFAULT_FILES.join(" and "))),
        other => Failure::usage(other.to_string()),
    }
}

/// How a file with mistakes is refused: each of them, and what has them.
pub(super) fn rejected(problems: &[Problem], what: &str) -> Failure {
    let mut message: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let mistakes = count(problems.len(), "mistake");
    message.push(format!("{what} has {mistakes}"));
    Failure { exit: Exit::Usage, message: message.join("\n"), hint: None }
}

/// The same, with its warnings on standard error.
///
/// # Errors
/// As [`load`].
pub(super) fn load_and_warn(global: &Global) -> Result<Loaded, Failure> {
    let loaded = load(global)?;
    loaded.warn(global);
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
    registry_of(global, &loaded.config, &loaded.file)
}

/// The same of a file that says this.
#[must_use]
pub(super) fn registry_of(global: &Global, config: &Config, file: &Path) -> PathBuf {
    let named = global.registry.clone().or_else(|| config.registry.path.clone());
    named.unwrap_or_else(|| default_registry(file))
}

/// Where the registry of a file that names none is.
#[must_use]
pub(super) fn default_registry(file: &Path) -> PathBuf {
    // systemd gives several directories as a list with colons; the first is the unit's main one.
    let state = environment::path("STATE_DIRECTORY");
    let state = state.and_then(|list| list.to_string_lossy().split(':').next().map(PathBuf::from));
    let folder = state.unwrap_or_else(|| match file.parent() {
        Some(_) if is_of_system(file) => PathBuf::from(SYSTEM_STATE),
        Some(parent) => parent.to_owned(),
        None => PathBuf::new(),
    });
    folder.join(REGISTRY_FILE)
}

/// Whether a schedule file is that of the machine's service.
#[must_use]
pub(super) fn is_of_system(file: &Path) -> bool {
    is_in(file, Path::new("/etc/aboard"))
}

/// However the way to it is written, and from wherever it is looked for.
fn is_in(file: &Path, folder: &Path) -> bool {
    let parent = match file.parent() {
        Some(parent) if parent == Path::new("") => Path::new("."),
        Some(parent) => parent,
        None => return false,
    };
    match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent == folder,
        // What is not there can only be compared as it is written.
        _ => parent == folder,
    }
}

/// Opens the registry of a command that only looks at it; the schedule file is not needed where the registry is named.
///
/// # Errors
/// There is none, or it cannot be opened.
pub(super) fn open_to_read(global: &Global) -> Result<Reader, Failure> {
    let path = match (&global.registry, load(global)) {
        (Some(path), _) => path.clone(),
        (None, Ok(loaded)) => registry_path(global, &loaded),
        // What was done is to be seen while the file is being mended.
        (None, Err(bad)) => places::of_bad_file(global).into_iter().find(|place| place.exists()).ok_or(bad)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_a_folder_however_the_way_to_it_is_written() {
        let here = std::path::absolute(".").unwrap();
        let name = here.file_name().unwrap();
        for way in [
            Path::new("schedules.toml").to_owned(),
            Path::new("./schedules.toml").to_owned(),
            Path::new("..").join(name).join("schedules.toml"),
            here.join("src/../schedules.toml"),
            here.join("schedules.toml"),
        ] {
            assert!(is_in(&way, &here), "{}", way.display());
        }
        assert!(!is_in(Path::new("src/schedules.toml"), &here));
        assert!(is_in(Path::new("/nowhere/at/all/schedules.toml"), Path::new("/nowhere/at/all")));
    }
}
