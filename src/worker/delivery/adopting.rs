//! Takes over what a target has already of onboarded APIs.

use std::sync::Arc;

use super::courier::setup;
use super::memory::Kept;
use crate::config::{Config, Target as Settings};
use crate::document::ApiDocument;
use crate::plan::ApiState;
use crate::registry::{ApiFilter, RegistryError};
use crate::targets::{self, Adoption, Failure};
use crate::worker::book::{SharedRegistry, away, lock};

/// Looks for entries of all onboarded APIs whose connections tell the target; a dry run keeps nothing. Answers each API with what was
/// found of it.
///
/// # Errors
/// What SQLite and the disk may refuse; inside, what stands in the way at the target.
pub async fn adopt(
    config: &Config,
    registry: &SharedRegistry,
    target: &Settings,
    dry_run: bool,
) -> Result<Result<Vec<(ApiDocument, Adoption)>, Failure>, RegistryError> {
    let held = Arc::clone(registry);
    let filter = ApiFilter { state: Some(ApiState::Onboarded), ..ApiFilter::default() };
    let mut apis = away(move || lock(&held).apis(&filter)).await?;
    apis.retain(|api| {
        let connection = api.connection.as_ref().and_then(|name| config.connections.get(name));
        connection.is_some_and(|connection| connection.targets.contains(&target.name))
    });
    let memory = Kept { registry: Arc::clone(registry), target: target.name.clone() };
    let adopted = match targets::open(target, &setup(config)) {
        Ok(opened) => opened.adopt(&apis, dry_run, &memory).await,
        Err(failure) => Err(failure),
    };
    Ok(adopted.map(|adoptions| apis.into_iter().zip(adoptions).collect()))
}
