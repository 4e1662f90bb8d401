//! `/healthz`: is the worker alive; `/readyz`: may it be relied upon.
//!
//! A schedule file that was rejected makes the worker degraded, neither dead nor unready: the last good file is in use, and a restart
//! would make it worse.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::routes::Site;

/// 200 while the dispatcher's heart beats, else 503.
pub(super) async fn alive(State(site): State<Arc<Site>>) -> Response {
    let health = site.backend.health();
    let status = if health.ticking { "ok" } else { "not_ticking" };
    answer(health.ticking, json!({ "status": status, "tick_age_seconds": health.tick_age }))
}

/// 200 once the registry is open and a schedule file was loaded, else 503.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Response {
    let health = site.backend.health();
    let status = match (health.ready, health.degraded.is_empty()) {
        (false, _) => "not_ready",
        (true, true) => "ready",
        (true, false) => "degraded",
    };
    answer(health.ready, json!({ "status": status, "degraded": health.degraded }))
}

fn answer(good: bool, body: serde_json::Value) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}
