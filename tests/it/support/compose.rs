//! The compose file of Gravitee's documentation for its agent, as Compose reads it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use aboard::config::gravitee::yaml_properties;

/// `${NAME}` and `${NAME:-default}`, as Compose fills them in.
fn interpolated(text: &str, values: &BTreeMap<&str, &str>) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) = after.split_once('}').unwrap();
        let (name, usual) = inside.split_once(":-").unwrap_or((inside, ""));
        whole.push_str(before);
        whole.push_str(values.get(name).copied().unwrap_or(usual));
        rest = after;
    }
    whole + rest
}

/// The service's environment, with what a person wrote into `.env`.
pub(crate) fn environment(values: &BTreeMap<&str, &str>) -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gravitee/docker-compose.yaml");
    let properties = yaml_properties(&fs::read_to_string(file).unwrap()).unwrap();
    let service = "services.integration-agent";
    assert_eq!(properties[&format!("{service}.image")], "aboard:${AGENT_VERSION:-latest}");
    let lines = properties.iter().filter(|(key, _)| key.starts_with(&format!("{service}.environment[")));
    let pairs = lines.map(|(_, line)| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), interpolated(value, values))
    });
    pairs.collect()
}

/// The command with exactly these variables.
pub(crate) fn with(mut command: Command, variables: &[(String, String)]) -> Command {
    command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
    command
}
