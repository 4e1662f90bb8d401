//! What `check` says of integrations: everything but secrets.

use std::io::Write;

use super::exit::Failure;
use super::output::Output;
use crate::config::{Config, Connection, Credentials, GraviteeConfig, IntegrationKind, Patterns};
use crate::worker::documents;

/// Each with what it is, in a few lines.
pub(super) fn list<W: Write>(config: &Config, output: &mut Output<W>) -> Result<(), Failure> {
    for integration in config.integrations.values() {
        let IntegrationKind::Gravitee(gravitee) = &integration.kind;
        output.line(&format!(
            "integration {} (Gravitee API Management, {})",
            integration.name, gravitee.integration_id
        ))?;
        for (what, said) in lines(config, gravitee) {
            output.line(&format!("  {what:<20} {said}"))?;
        }
    }
    Ok(())
}

fn lines(config: &Config, gravitee: &GraviteeConfig) -> Vec<(&'static str, String)> {
    let endpoints: Vec<&str> = gravitee.endpoints.iter().map(url::Url::as_str).collect();
    let mut lines = vec![("endpoints", endpoints.join(", "))];
    if let Some(proxy) = &gravitee.proxy {
        lines.push(("proxy", proxy.url.to_string()));
    }
    let connections = gravitee.connections.iter().filter_map(|name| config.connections.get(name));
    lines.extend(connections.map(|connection| ("connection", connection_in_words(connection))));
    lines.push(("stages", all_or(&gravitee.stages)));
    let accepted = if gravitee.accept_api_without_usage_plan { "offered too" } else { "left out" };
    lines.push(("without usage plan", accepted.to_owned()));
    let keys = if gravitee.subscriptions { "API keys are made and deleted in AWS" } else { "off" };
    lines.push(("subscriptions", keys.to_owned()));
    lines.push(("identity", gravitee.identity.to_string()));
    let ingest =
        gravitee.management.as_ref().map(|management| format!("after runs that find something, by {}", management.url));
    lines.push(("ingest", ingest.unwrap_or_else(|| "when somebody asks for it in the console".to_owned())));
    lines
}

fn connection_in_words(connection: &Connection) -> String {
    let regions = documents::region_list(connection).join(", ");
    let role = match &connection.credentials {
        Credentials::AssumeRole(role) => format!(", {}", role.role_arn.arn),
        Credentials::CentralRole(role) => format!(", {}", role.role_arn.arn),
        Credentials::AwsUser(_) | Credentials::DefaultChain(_) => String::new(),
    };
    format!("{}: {regions}, {}{role}", connection.name, documents::credentials_kind(connection))
}

fn all_or(patterns: &Patterns) -> String {
    let texts: Vec<&str> = patterns.texts().collect();
    if texts.is_empty() { "every one".to_owned() } else { texts.join(", ") }
}
