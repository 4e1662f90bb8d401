//! Where there is no schedule file: the settings of Gravitee's own federation agent, from the environment and its `gravitee.yml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::exit::Failure;
use super::output::count;
use super::setup::Loaded;
use crate::config::gravitee::{self, Misunderstood, Understood};
use crate::environment;
use crate::worker::service::source::Text;

/// Where Gravitee's images have it, the present one first.
const DEFAULT_FILES: [&str; 2] =
    ["/opt/graviteeio-federation-agent/config/gravitee.yml", "/opt/graviteeio-integration-agent/config/gravitee.yml"];

/// Below what `home` names.
const BELOW_HOME: &str = "config/gravitee.yml";

/// The largest file that is read, bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Where the registry is, and nothing else, as if a schedule file of this name stood in the working directory.
const STANDS_FOR: &str = "schedules.toml";

/// Where settings came from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// How many variables are meant for Gravitee's agent.
    pub(super) variables: usize,
    /// The `gravitee.yml`, if there is one.
    pub(super) file: Option<PathBuf>,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let variables = count(self.variables, "variable");
        match &self.file {
            Some(file) if self.variables == 0 => write!(f, "{}", file.display()),
            Some(file) => write!(f, "{} and {variables}", file.display()),
            None => write!(f, "{variables}"),
        }
    }
}

/// The configuration that they make; none where there are none.
///
/// # Errors
/// They are wrong, or the `gravitee.yml` cannot be read.
pub(super) fn load() -> Result<Option<Loaded>, Failure> {
    let variables = environment::named(gravitee::is_ours).map_err(|error| Failure::usage(error.to_string()))?;
    let file = file(&variables);
    if file.is_none() && !gravitee::is_meant(&variables) {
        return Ok(None);
    }
    let text = file.as_deref().map(read).transpose()?;
    let origin = Origin { variables: variables.len(), file };
    let given = origin.file.as_deref().zip(text.as_deref());
    match gravitee::read(&variables, given) {
        Ok(Understood { config, notes }) => {
            // Two processes with the same settings say the same by it; no secret is in a configuration.
            let hash = crate::hex::hex(&Sha256::digest(format!("{config:?}")));
            Ok(Some(Loaded {
                config: Arc::new(config),
                file: PathBuf::from(STANDS_FOR),
                warnings: notes,
                text: Text { text: String::new(), hash },
                agent: Some(origin),
            }))
        }
        Err(Misunderstood { problems, notes }) => {
            let mistakes =
                if problems.len() == 1 { "1 mistake".to_owned() } else { format!("{} mistakes", problems.len()) };
            let mut lines = problems;
            lines.extend(notes.into_iter().map(|note| format!("warning: {note}")));
            lines.push(format!(
                "there is no schedule file, and the settings of Gravitee's agent ({origin}) have {mistakes}"
            ));
            Err(Failure::usage(lines.join("\n")))
        }
    }
}

/// Where `gravitee.yml` is: what `gravitee_conf` names, else below `gravitee_home`, else where the images have it.
fn file(variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    let named = |key: &str| {
        let of = |name: &&String| {
            let rest = ["gravitee_", "gravitee.", "GRAVITEE_", "GRAVITEE."].iter().find_map(|at| name.strip_prefix(at));
            rest.is_some_and(|rest| rest == key || rest == key.to_uppercase())
        };
        let value = variables.keys().find(of).and_then(|name| variables.get(name))?.trim();
        (!value.is_empty()).then(|| PathBuf::from(value.strip_prefix("file:").unwrap_or(value)))
    };
    if let Some(file) = named("conf") {
        return Some(file);
    }
    let below_home = named("home").map(|home| home.join(BELOW_HOME));
    below_home.into_iter().chain(DEFAULT_FILES.map(PathBuf::from)).find(|file| file.exists())
}

fn read(file: &Path) -> Result<String, Failure> {
    let cannot = |why: String| Failure::usage(format!("cannot read {}: {why}", file.display()));
    let about = fs::metadata(file).map_err(|error| cannot(error.to_string()))?;
    if !about.is_file() || about.len() > MAX_BYTES {
        return Err(cannot("it is no file of at most 1 MiB".to_owned()));
    }
    fs::read_to_string(file).map_err(|error| cannot(error.to_string()))
}

/// What it costs to run with a registry that is on no volume, in a clause.
pub(super) fn cost(registry: &Path) -> String {
    format!(
        "the registry is {}: where it is on no volume, a new container begins without it, has its first discovery read AWS \
         anew, and cannot name an API key that was being made when the one before it ended",
        registry.display()
    )
}

/// That there are settings which do not count, since there is a schedule file.
pub(super) fn overruled() -> Option<String> {
    let variables = environment::named(gravitee::is_ours).ok()?;
    gravitee::is_meant(&variables).then(|| {
        "variables of Gravitee's agent are set and not read, since there is a schedule file; its [integrations] say the same"
            .to_owned()
    })
}
