//! Delivery: what runs queued for targets leaves the registry.
//!
//! ```text
//! run ─commit─► outbox ─lease─► Lane (one a target) ─► targets::Target
//!                  ▲                 │
//!                  └──── record ─────┘   delivered, unchanged, again at …, dead; a 410 switches the target off
//! ```
//!
//! In the worker the lanes of all targets of the file go on by themselves ([`Lanes`]); a command makes the first attempts of what is due
//! ([`Courier`]) and leaves the rest queued. One lane never waits for another.

mod adopting;
mod backoff;
mod courier;
mod lane;
mod memory;
mod parcel;
mod prepare;
mod renaming;

pub use adopting::adopt;
pub use courier::{Courier, Lanes, mark, test};
pub use renaming::rename_targets;
