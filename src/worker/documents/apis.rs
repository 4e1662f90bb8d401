//! The document of `apis`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::config::{Config, Connection, Credentials, Regions};
use crate::registry::{ApiDocument, Reader, RegistryError};

/// Where the file's connections look today.
#[derive(Debug)]
pub struct Watch<'a> {
    connections: Vec<&'a Connection>,
    /// Accounts that each connection has looked at; keys and the default chain do not say whose they are before they are used.
    looked: BTreeSet<(String, String)>,
}

impl<'a> Watch<'a> {
    /// Of this file, with what the registry knows of its connections.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub fn of(config: &'a Config, registry: &Reader) -> Result<Self, RegistryError> {
        let scopes = registry.coverage(None)?.into_iter();
        let looked = scopes.filter_map(|scope| Some((scope.connection, scope.account_id?))).collect();
        Ok(Self { connections: config.connections.values().collect(), looked })
    }

    /// Whether the API is in the scope of any connection.
    #[must_use]
    pub fn sees(&self, api: &ApiDocument) -> bool {
        self.connections
            .iter()
            .any(|connection| looks_at_region(connection, api) && self.looks_at_account(connection, api))
    }

    /// One entry of `apis`; without a valid file nobody can say which APIs are watched.
    #[must_use]
    pub fn document(watch: Option<&Self>, api: &ApiDocument) -> Value {
        let mut document = json!(api);
        document["unwatched"] = watch.map(|watch| !watch.sees(api)).map_or(Value::Null, Value::Bool);
        document
    }

    fn looks_at_account(&self, connection: &Connection, api: &ApiDocument) -> bool {
        if let Credentials::AssumeRole(role) = &connection.credentials {
            return role.role_arn.partition == api.partition && role.role_arn.account_id == api.account_id;
        }
        // Named APIs alone leave no trace among the scopes.
        api.connection.as_ref() == Some(&connection.name)
            || self.looked.contains(&(connection.name.clone(), api.account_id.clone()))
    }
}

fn looks_at_region(connection: &Connection, api: &ApiDocument) -> bool {
    match &connection.regions {
        Regions::All { except } => !except.any(&api.region),
        Regions::Named(regions) => regions.contains(&api.region),
    }
}
