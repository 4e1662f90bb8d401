//! `[http]`: health, metrics and the API of the running worker.
//!
//! An edge: it knows HTTP and what to ask a [`Backend`]; which registry, worker or cloud answers it does not know. Documents pass through
//! as the backend made them, so that they are those of the commands.
//!
//! ```text
//! connection ─ guard (token, host) ─ route ─ query ─> Backend ─> answer
//! ```

mod access;
mod answer;
mod api;
mod backend;
mod catalog;
mod health;
mod metrics;
mod node;
mod openapi;
mod query;
mod routes;
mod server;

pub use backend::{
    ApisQuery, Backend, ConnectionFigures, CoverageQuery, DeliveriesQuery, Durations, Figures, Health,
    IntegrationFigures, Listing, Paging, PauseRequest, Refusal, RefusalKind, ReloadFigures, RunsQuery,
};
pub use openapi::document as openapi;
pub use server::{BindError, Server};

#[cfg(test)]
mod tests;
