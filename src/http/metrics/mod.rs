//! `/metrics`: OpenMetrics, or the older text format for whoever asks for that.
//!
//! Everything is made from one snapshot of figures, so that a scrape neither waits for the registry nor shows half of a change, and the
//! series of a connection that left the file are gone with it.

mod exposition;
mod negotiate;
mod process;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::answer::Problem;
use super::routes::{Kind, Site};

/// Answers a scrape.
pub(super) async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Problem> {
    let (figures, degraded, process) =
        site.ask(Kind::Figures, |backend| (backend.figures(), backend.health().degraded, process::look())).await?;
    let text = exposition::encode(figures, degraded, process);
    let text = text.map_err(|_fmt| Problem::new("failed", "the figures cannot be written down"))?;
    let accept: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let form = negotiate::choose(&accept.join(","));
    Ok(([(header::CONTENT_TYPE, form.content_type())], form.write(text)).into_response())
}
