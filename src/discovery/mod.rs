//! Everything that talks to AWS: enters accounts, lists APIs, reads stages, custom domains and dates.
//!
//! ```text
//! Aws (process) ── enter(connection) ──► Account (run) ── look(region) ──► ScopeLook per family
//!   http, limiter      credentials          place            rest, http_family, domains, address
//! ```
//!
//! It reports what it saw and why it did not see the rest. It knows no registry, no plan and no schedule, and decides
//! nothing: a failed scope is a value here, not an error.

mod account;
mod address;
mod api_keys;
mod aws;
mod central;
mod classify;
mod credentials;
mod dates;
mod domains;
mod enabled;
mod entrance;
mod export;
mod gateway;
mod http;
mod http_family;
mod limiter;
mod listed;
mod look;
mod organization;
mod pacing;
mod page;
pub mod probe;
mod progress;
mod resources;
mod rest;
#[cfg(test)]
mod testing;
mod usage_plans;
#[cfg(test)]
mod wire_tests;

pub use account::Account;
pub use api_keys::{CreatedKey, NotCreated};
pub use aws::{Aws, AwsSetupError};
pub use dates::{DeploymentAsk, DeploymentDates, deployment_dates};
pub use entrance::{Door, Entrance, Organization, enter};
pub use export::{ExportFailure, Exporter};
pub use gateway::{Gateway, ListedApi};
pub use look::{Wanted, look};
pub use progress::{Progress, Reading};
pub use usage_plans::{Quota, Throttle, UsagePlan};
