//! The JSON documents that commands print and the API serves: made here for both, so that they cannot differ.

mod apis;
mod connections;
mod coverage;
mod deliveries;
mod outlook;
mod runs;

pub use apis::{api, is_unwatched};
pub use connections::{Known, connection, credentials_kind, region_list, resumed, schedule_in_words};
pub use coverage::coverage;
pub use deliveries::{delivery, delivery_with_attempts, kind as target_kind, name as api_name, target};
pub use outlook::{Outlook, Shown};
pub use runs::{happening, run, run_with_scopes};
