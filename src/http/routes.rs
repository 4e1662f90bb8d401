//! Which path leads where.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::Uri;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::sync::Semaphore;

use super::answer::Problem;
use super::backend::Backend;
use super::{access, answer, api, health, metrics, openapi};
use crate::config::SecretRef;

/// Look-ups at one time; further ones wait, so that a burst of requests leaves threads for the runs.
const LOOK_UPS: usize = 4;

/// What every request works with.
pub(super) struct Site {
    pub(super) backend: Arc<dyn Backend>,
    /// Where we listen.
    pub(super) listen: SocketAddr,
    look_ups: Arc<Semaphore>,
}

impl Site {
    pub(super) fn new(backend: Arc<dyn Backend>, listen: SocketAddr) -> Arc<Self> {
        Arc::new(Self { backend, listen, look_ups: Arc::new(Semaphore::new(LOOK_UPS)) })
    }

    /// Asks the backend where blocking is allowed.
    ///
    /// # Errors
    /// `failed` where it did not come to an end.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        body: impl FnOnce(&dyn Backend) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        // Nobody closes the semaphore.
        let _place = Arc::clone(&self.look_ups).acquire_owned().await.ok();
        let backend = Arc::clone(&self.backend);
        let asked = tokio::task::spawn_blocking(move || body(backend.as_ref())).await;
        asked.map_err(|_ended| {
            Problem::new("failed", "the look-up ended without an answer").hint("the worker's log says why")
        })
    }

    /// Where the token is today.
    pub(super) async fn token(&self) -> Option<SecretRef> {
        self.ask(Backend::token).await.ok().flatten()
    }
}

/// Every route with its methods, for the document that describes the API.
pub(super) const ROUTES: [(&str, &str); 12] = [
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/api/v1/openapi.json"),
    ("get", "/api/v1/connections"),
    ("post", "/api/v1/connections/{name}/pause"),
    ("post", "/api/v1/connections/{name}/resume"),
    ("get", "/api/v1/apis"),
    ("get", "/api/v1/runs"),
    ("get", "/api/v1/runs/{id}"),
    ("get", "/api/v1/coverage"),
    ("post", "/api/v1/reload"),
];

/// The routes behind their guard.
pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .route("/api/v1/openapi.json", get(openapi::show))
        .route("/api/v1/connections", get(api::connections))
        .route("/api/v1/connections/{name}/pause", post(api::pause))
        .route("/api/v1/connections/{name}/resume", post(api::resume))
        .route("/api/v1/apis", get(api::apis))
        .route("/api/v1/runs", get(api::runs))
        .route("/api/v1/runs/{id}", get(api::run))
        .route("/api/v1/coverage", get(api::coverage))
        .route("/api/v1/reload", post(api::reload))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(Arc::clone(&site), access::guard))
        .layer(middleware::from_fn(answer::finish))
        .with_state(site)
}

/// The methods that do something at a path.
pub(super) fn methods(path: &str) -> Vec<&'static str> {
    let leads_here = |route: &str| {
        let mut parts = path.split('/');
        route.split('/').all(|part| parts.next().is_some_and(|given| part.starts_with('{') || part == given))
            && parts.next().is_none()
    };
    let here = ROUTES.iter().filter(|(_, route)| leads_here(route));
    here.flat_map(|(method, _)| if *method == "get" { &["GET", "HEAD"][..] } else { &["POST"] }).copied().collect()
}

async fn nothing(uri: Uri) -> Problem {
    let paths = ROUTES.map(|(_, path)| path);
    let problem = Problem::new("not_found", format!("there is nothing at {}", uri.path()));
    problem.hint(match crate::config::nearest(uri.path(), paths) {
        Some(path) => format!("did you mean {path}?"),
        None => "/api/v1/openapi.json lists what there is".to_owned(),
    })
}
