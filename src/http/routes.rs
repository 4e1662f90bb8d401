//! Which path leads where.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::Uri;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::sync::Semaphore;

use super::answer::Problem;
use super::backend::Backend;
use super::{access, answer, api, catalog, health, metrics, openapi};

/// What the backend is asked for. Each kind has places of its own, so that a burst of one leaves threads for the runs and does not
/// keep another waiting: a scrape comes by whoever asks for lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lists and what stands in them.
    List,
    /// The figures of a scrape, which are made one at a time anyway.
    Figures,
    /// A change.
    Change,
    /// The token of a request.
    Token,
}

impl Kind {
    const ALL: [Self; 4] = [Self::List, Self::Figures, Self::Change, Self::Token];

    /// How many are at work at one time, and how many more wait. Together they are fewer than there may be connections: whatever is
    /// asked for, another connection is answered, if only that it has to come again.
    const fn places(self) -> (usize, usize) {
        match self {
            Self::List => (4, 40),
            Self::Figures | Self::Change => (1, 7),
            Self::Token => (2, 30),
        }
    }
}

/// The places of one kind.
struct Places {
    /// At work or waiting.
    present: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
}

impl Places {
    fn of(kind: Kind) -> Self {
        let (at_work, waiting) = kind.places();
        Self { present: Arc::new(Semaphore::new(at_work + waiting)), at_work: Arc::new(Semaphore::new(at_work)) }
    }
}

/// What every request works with.
pub(super) struct Site {
    pub(super) backend: Arc<dyn Backend>,
    /// Where we listen.
    pub(super) listen: SocketAddr,
    places: [Places; 4],
}

impl Site {
    pub(super) fn new(backend: Arc<dyn Backend>, listen: SocketAddr) -> Arc<Self> {
        Arc::new(Self { backend, listen, places: Kind::ALL.map(Places::of) })
    }

    /// Asks the backend where blocking is allowed.
    ///
    /// # Errors
    /// `failed` where it did not come to an end, `unavailable` where too many ask for the same.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        body: impl FnOnce(&dyn Backend) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let backend = Arc::clone(&self.backend);
        self.block(kind, move || body(backend.as_ref())).await
    }

    /// Does something where blocking is allowed.
    ///
    /// # Errors
    /// As [`Site::ask`].
    pub(super) async fn block<T: Send + 'static>(
        &self,
        kind: Kind,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Places { present, at_work } = &self.places[kind as usize];
        let Ok(present) = Arc::clone(present).try_acquire_owned() else {
            return Err(Problem::new("unavailable", "too many ask for this at once").hint("ask again in a moment"));
        };
        // Whoever goes away here gives the place up at once. Nobody closes the semaphore.
        let place = Arc::clone(at_work).acquire_owned().await.ok();
        let asked = tokio::task::spawn_blocking(move || {
            // What has begun comes to its end, and keeps its place until then, also where nobody waits for it any more.
            let _places = (present, place);
            body()
        });
        asked.await.map_err(|_ended| {
            Problem::new("failed", "the look-up ended without an answer").hint("the worker's log says why")
        })
    }
}

/// Every route with its methods, for the document that describes the API.
pub(super) const ROUTES: [(&str, &str); 15] = [
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/api/v1/openapi.json"),
    ("get", "/api/v1/connections"),
    ("get", "/api/v1/integrations"),
    ("post", "/api/v1/connections/{name}/pause"),
    ("post", "/api/v1/connections/{name}/resume"),
    ("get", "/api/v1/apis"),
    ("get", "/api/v1/runs"),
    ("get", "/api/v1/runs/{id}"),
    ("get", "/api/v1/coverage"),
    ("get", "/api/v1/deliveries"),
    ("post", "/api/v1/reload"),
    ("get", "/catalog/{name}"),
];

/// The routes behind their guard.
pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .route("/api/v1/openapi.json", get(openapi::show))
        .route("/api/v1/connections", get(api::connections))
        .route("/api/v1/integrations", get(api::integrations))
        .route("/api/v1/connections/{name}/pause", post(api::pause))
        .route("/api/v1/connections/{name}/resume", post(api::resume))
        .route("/api/v1/apis", get(api::apis))
        .route("/api/v1/runs", get(api::runs))
        .route("/api/v1/runs/{id}", get(api::run))
        .route("/api/v1/coverage", get(api::coverage))
        .route("/api/v1/deliveries", get(api::deliveries))
        .route("/api/v1/reload", post(api::reload))
        .route("/catalog/{name}", get(catalog::show))
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
