//! Targets that have another name in the file than before.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::registry::RegistryError;
use crate::registry::locks::{self, Locking};
use crate::worker::book::{SharedRegistry, away, lock};

/// Hands what targets know over to the names that they have in the file now.
///
/// # Errors
/// What SQLite and the disk may refuse.
pub async fn rename_targets(registry: &SharedRegistry, config: &Config) -> Result<(), RegistryError> {
    for target in config.targets.values() {
        if let Some(from) = &target.renamed_from {
            rename_target(registry, from, &target.name).await?;
        }
    }
    Ok(())
}

/// Hands what a target knows over to its new name, once nobody delivers to it under the old one any more. Who still does after half a
/// minute keeps it, until somebody asks again.
pub(super) async fn rename_target(registry: &SharedRegistry, from: &str, to: &str) -> Result<(), RegistryError> {
    for _ in 0..150 {
        let (held, old, new) = (Arc::clone(registry), from.to_owned(), to.to_owned());
        let done = away(move || {
            let mut registry = lock(&held);
            if !registry.knows_target(&old)? {
                return Ok(true);
            }
            let Ok(Locking::Taken(_lane)) = locks::lock_lane(registry.path(), &old, crate::clock::now()) else {
                return Ok(false);
            };
            if registry.rename_target(&old, &new)? {
                tracing::info!("target {old} is called {new} now, and what it was told goes on under that name");
            }
            Ok(true)
        });
        if done.await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
