//! Runs: what joins discovery, the plan and the registry. Nothing else wires the edges together.

mod announcing;
mod approve;
mod book;
mod closed;
mod context;
pub mod control;
pub mod coverage;
pub mod delivery;
pub mod documents;
mod ending;
pub mod expected;
mod exporting;
pub mod gravitee;
mod holding;
mod looking;
pub mod report;
mod run;
pub mod service;

pub use approve::{Approval, approve};
pub use book::{SharedRegistry, Shelf};
pub use context::{Candidate, Context, DueRun, FailedPlace, Mode, NamedApi, Pick, Request};
pub use exporting::{Exports, leftovers};
pub use run::run;
