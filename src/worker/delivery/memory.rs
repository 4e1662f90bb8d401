//! What targets remember, in the registry.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::inventory::ApiId;
use crate::targets::Memory;
use crate::worker::book::{SharedRegistry, away, lock};

/// One target's memory.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) registry: SharedRegistry,
    pub(super) target: String,
}

impl Memory for Kept {
    fn recall<'a>(&'a self, api: Option<&'a ApiId>) -> BoxFuture<'a, Result<Option<Value>, String>> {
        let (registry, target, api) = (self.registry.clone(), self.target.clone(), api.cloned());
        async move {
            let kept = away(move || lock(&registry).kept(&target, api.as_ref())).await;
            kept.map_err(|error| error.to_string())
        }
        .boxed()
    }

    fn keep<'a>(&'a self, api: Option<&'a ApiId>, value: Value) -> BoxFuture<'a, Result<(), String>> {
        let (registry, target, api) = (self.registry.clone(), self.target.clone(), api.cloned());
        async move {
            let value = (!value.is_null()).then_some(value);
            let done = away(move || lock(&registry).keep(&target, api.as_ref(), value.as_ref())).await;
            done.map_err(|error| error.to_string())
        }
        .boxed()
    }
}
