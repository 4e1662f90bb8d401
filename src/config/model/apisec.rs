//! The target `apisec`.

use std::time::Duration;

use super::SecretRef;
use crate::config::template::NameTemplate;

/// Applications of `APIsec`.
#[derive(Clone, Debug, PartialEq)]
pub struct ApisecConfig {
    /// Where its API is; `http` or `https`, without a query.
    pub url: url::Url,
    /// What it is shown.
    pub token: SecretRef,
    /// What a created application is called.
    pub name: NameTemplate,
    /// What is given as the origin of an application.
    pub origin: String,
    /// Whether loading a changed specification deletes the endpoints that it lacks.
    pub prune: bool,
    /// Limit for one request.
    pub timeout: Duration,
    /// How many APIs are registered side by side, at least one.
    pub in_flight: usize,
}
