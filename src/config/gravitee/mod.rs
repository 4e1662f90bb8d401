//! The settings of Gravitee's own federation agent, so that its compose file, manifest or `gravitee.yml` can be kept: variables and
//! text in, a configuration out.
//!
//! Secrets stay where they are: the configuration holds the name of the variable, or the key of the file, and never a value. Nothing is
//! read here; whoever reads the environment and the file hands them in.
//!
//! ```text
//! variables ──► Properties (relaxed names) ──► connector, providers, node ──► Config, and what was not read and why
//! gravitee.yml ──►│
//! ```

mod connector;
mod known;
mod node;
mod properties;
mod providers;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

pub use yaml::{YamlError, properties as yaml_properties};

use super::check::DEFAULT_KEEP_RUNS;
use super::{Config, Limits, NetworkConfig, RegistryConfig};
use properties::Properties;

/// Settings that were understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Understood {
    /// What they mean.
    pub config: Config,
    /// What was not read, and why; what is suspicious.
    pub notes: Vec<String>,
}

/// Settings that are no configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misunderstood {
    /// Every mistake, by the name of its variable or key.
    pub problems: Vec<String>,
    /// What was not read, and why.
    pub notes: Vec<String>,
}

/// Whether a variable of that name is meant for Gravitee's agent.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    properties::cut(name).is_some()
}

/// Whether these variables are settings of Gravitee's federation agent, and not only of something else of Gravitee's.
#[must_use]
pub fn is_meant(variables: &BTreeMap<String, String>) -> bool {
    variables.iter().any(|(name, value)| {
        let key = properties::cut(name).map(|(_, key)| key.to_ascii_lowercase());
        let meant = |key: String| key.starts_with("integration") || key == "cloud_token" || key == "cloud.token";
        !value.trim().is_empty() && key.is_some_and(meant)
    })
}

/// The configuration that the variables of Gravitee's agent and its `gravitee.yml` make together; variables count before the file.
///
/// # Errors
/// Every mistake at once.
pub fn read(variables: &BTreeMap<String, String>, file: Option<(&Path, &str)>) -> Result<Understood, Misunderstood> {
    let file = match file {
        None => None,
        Some((path, text)) => match yaml_properties(text) {
            Ok(values) => Some((path, values)),
            Err(error) => {
                let problems = vec![format!("{}: {error}", path.display())];
                return Err(Misunderstood { problems, notes: Vec::new() });
            }
        },
    };
    let mut from = Properties::new(variables, file);
    let connector = connector::connector(&mut from);
    let provided = providers::providers(&mut from, &connector);
    let node = node::node(&mut from);
    let (problems, notes) = from.end();
    if !problems.is_empty() {
        return Err(Misunderstood { problems, notes });
    }
    let config = Config {
        registry: RegistryConfig { path: None, keep_runs: DEFAULT_KEEP_RUNS },
        http: None,
        network: NetworkConfig::default(),
        limits: Limits::default(),
        targets: BTreeMap::new(),
        connections: provided.connections,
        integrations: provided.integrations,
        node,
    };
    Ok(Understood { config, notes })
}

#[cfg(test)]
mod tests;
