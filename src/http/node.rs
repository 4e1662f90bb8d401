//! `/_node/health`: what probes ask that were made for Gravitee's own agent. Nothing else is answered there.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::routes::Site;

/// The one route.
pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new().route("/_node/health", get(health)).with_state(site)
}

/// 200 while the worker works, else 500, with one entry a check as Gravitee's nodes have it.
async fn health(State(site): State<Arc<Site>>) -> Response {
    let health = site.backend.health();
    let healthy = health.ticking && health.ready;
    let status = if healthy { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (status, Json(json!({ "worker": { "healthy": healthy } }))).into_response()
}
