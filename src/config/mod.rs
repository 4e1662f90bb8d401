//! The schedule file: raw TOML to checked values, every mistake reported at once.

pub mod model;
pub mod pattern;
pub mod regions;

pub use model::*;
pub use pattern::{Filter, Pattern, Patterns};
